#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "io/atomic_file.h"
#include "tests/catch.h"

using namespace flockstep;
namespace fs = std::filesystem;

namespace {
/// An empty folder that goes away.
struct Folder {
    fs::path path = fs::temp_directory_path() / ("flockstep-atomic-file-" + std::to_string(getpid()));
    Folder() {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    ~Folder() { fs::remove_all(path); }
    size_t num_files() const { return size_t(std::distance(fs::directory_iterator(path), {})); }
};

std::string read(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}
std::string refusal(const fs::path& path, std::string_view text) {
    try {
        write_file(path, text);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "written";
}

/// While one lives, no file of this process can grow beyond `bytes`: a full disk, for a test.
struct SmallDisk {
    explicit SmallDisk(rlim_t bytes) {
        handler = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before);
        const rlimit small{bytes, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
    }
    ~SmallDisk() {
        setrlimit(RLIMIT_FSIZE, &before);
        std::signal(SIGXFSZ, handler);
    }
    rlimit before{};
    void (*handler)(int) = nullptr;
};
}  // namespace

TEST_CASE("files: one is replaced whole by a new one, with the old one's permissions, and nothing else is left") {
    const Folder folder;
    const fs::path path = folder.path / "it";
    write_file(path, "a first text that is long");
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    std::ifstream reader(path, std::ios::binary);  // of the old file, to its end
    const std::string pieces[] = {"two ", std::string("\0", 1), "pieces"};
    write_file(path, {pieces[0], pieces[1], "", pieces[2]});
    CHECK(read(path) == std::string("two \0pieces", 11));
    CHECK(std::string{std::istreambuf_iterator<char>(reader), {}} == "a first text that is long");
    CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(folder.num_files() == 1);
}

TEST_CASE("files: where there is no room the old one stays, and the partial one is removed") {
    const Folder folder;
    const fs::path path = folder.path / "it";
    write_file(path, "old");
    {
        const SmallDisk disk(1000);
        CHECK(refusal(path, std::string(5000, 'x')) == path.string() + ": cannot be written: File too large");
    }
    CHECK(read(path) == "old");
    CHECK(folder.num_files() == 1);
}

TEST_CASE("files: a folder, and a file in a folder that is not there, are refused in a sentence") {
    const Folder folder;
    CHECK(refusal(folder.path, "text") == folder.path.string() + ": cannot be written: Is a directory");
    const fs::path absent = folder.path / "absent" / "it";
    CHECK(refusal(absent, "text") == absent.string() + ": cannot be written: No such file or directory");
    CHECK(folder.num_files() == 0);
    CHECK_FALSE(fs::exists(folder.path.string() + ".partial" + std::to_string(getpid())));
}

TEST_CASE("files: a symbolic link stays, and what it points to is written") {
    const Folder folder;
    fs::create_directory(folder.path / "there");
    fs::create_symlink("there/it", folder.path / "link");
    fs::create_symlink("link", folder.path / "link of a link");
    for (const char* text : {"made", "replaced"}) {
        write_file(folder.path / "link of a link", text);
        CHECK(fs::is_symlink(folder.path / "link of a link"));
        CHECK(fs::is_symlink(folder.path / "link"));
        CHECK_FALSE(fs::is_symlink(folder.path / "there/it"));
        CHECK(read(folder.path / "there/it") == text);
    }
    CHECK(folder.num_files() == 3);
    fs::create_symlink("round", folder.path / "round");
    CHECK(refusal(folder.path / "round", "text") ==
          (folder.path / "round").string() + ": cannot be written: Too many levels of symbolic links");
}

TEST_CASE("files: pipes and devices are written into, never replaced") {
    const Folder folder;
    const fs::path pipe = folder.path / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    write_file(pipe, "through");
    char text[16] = {};
    CHECK(::read(reader, text, sizeof text) == 7);
    CHECK(std::string(text) == "through");
    close(reader);
    CHECK(fs::is_fifo(pipe));
    CHECK(folder.num_files() == 1);

    write_file("/dev/null", "away");
    CHECK(fs::is_character_file("/dev/null"));
    CHECK(refusal("/dev/full", "text") == "/dev/full: cannot be written: No space left on device");
}

TEST_CASE("files: one that has lost its name is written by the link that leads to it") {
    const Folder folder;
    const int file = open((folder.path / "it").c_str(), O_RDWR | O_CREAT, 0600);
    fs::remove(folder.path / "it");
    write_file("/proc/self/fd/" + std::to_string(file), "kept");
    char text[8] = {};
    CHECK(pread(file, text, sizeof text, 0) == 4);
    CHECK(std::string(text) == "kept");
    close(file);
    CHECK(folder.num_files() == 0);
}

TEST_CASE("files: the replaced file is kept if requested, and only once the new file is written") {
    const Folder folder;
    const fs::path path = folder.path / "it", previous = folder.path / "before";
    const std::string first(60'000, 'x'), second(100'000, 'y');
    write_file(path, {"zero"}, previous);
    CHECK_FALSE(fs::exists(previous));
    write_file(path, {first}, previous);
    CHECK(read(previous) == "zero");
    {
        const SmallDisk disk(80'000);
        CHECK_THROWS_AS(write_file(path, {second}, previous), std::runtime_error);
    }
    CHECK(read(path) == first);
    CHECK(read(previous) == "zero");
    write_file(path, {second}, previous);
    CHECK(read(path) == second);
    CHECK(read(previous) == first);
    CHECK(folder.num_files() == 2);
}

TEST_CASE("files: what killed processes left behind is removed, and nothing else") {
    const Folder folder;
    for (const char* name : {"a.partial123", "b.toml.partial9", "c.partial", "d.partial12x", "e"})
        write_file(folder.path / name, "text");
    fs::create_directories(folder.path / "f.partial7");
    remove_partial_files(folder.path);
    for (const char* name : {"a.partial123", "b.toml.partial9"}) CHECK_FALSE(fs::exists(folder.path / name));
    for (const char* name : {"c.partial", "d.partial12x", "e", "f.partial7"}) CHECK(fs::exists(folder.path / name));
    remove_partial_files(folder.path / "absent");
}
