#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "io/json.h"
#include "io/quote.h"
#include "io/read_file.h"
#include "tests/catch.h"

using namespace flockstep;

TEST_CASE("quotes: text stays as it is, and what is not text is escaped") {
    CHECK(in_quotes(std::string("a \"b\" \\ c")) == "\"a \"b\" \\ c\"");
    CHECK(in_quotes(std::string("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa6")) ==
          "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa6\"");
    CHECK(escaped("a\nb\r\tc") == "a\\nb\\r\\tc");
    CHECK(escaped("\x1b[2J\x07") == "\\x1b[2J\\x07");
    CHECK(escaped(std::string_view("\0\x7f", 2)) == "\\x00\\x7f");
    CHECK(escaped("\xc2\x9b"
                  "2J") == "\\xc2\\x9b2J");  // C1: CSI in one character
    CHECK(escaped("a\xe2\x80\xae"
                  "b\xe2\x80\xa8") == "a\\xe2\\x80\\xaeb\\xe2\\x80\\xa8");  // right to left; line separator
    CHECK(escaped(escaped("\xff\n\x1b")) == escaped("\xff\n\x1b"));
}

TEST_CASE("quotes: bytes that are not UTF-8 are escaped one by one") {
    CHECK(escaped("\xff\xfe") == "\\xff\\xfe");
    CHECK(escaped("\x80") == "\\x80");                             // a continuation alone
    CHECK(escaped("\xc3") == "\\xc3");                             // cut short
    CHECK(escaped("\xc3(") == "\\xc3(");                           // no continuation
    CHECK(escaped("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
    CHECK(escaped("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");           // overlong
    CHECK(escaped("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
    CHECK(escaped("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
    CHECK(is_utf8("\xed\x9f\xbf\xf4\x8f\xbf\xbf"));                // the last ones that are
    CHECK_FALSE(is_utf8("a\xff"));
    CHECK(is_utf8(""));
}

TEST_CASE("quotes: a long text is cut at the end of a character") {
    CHECK(in_quotes(std::string(5000, 'x')) == "\"" + std::string(200, 'x') + "...\"");
    CHECK(escaped("ab\xc3\xa9"
                  "c",
                  3) == "ab...");
    CHECK(escaped("ab\xc3\xa9"
                  "c",
                  4) == "ab\xc3\xa9...");
    CHECK(path_text(std::string(1001, '/')) == std::string(1000, '/') + "...");
    CHECK(character_at("a\xc3\xa9", 1) == "\"\xc3\xa9\"");
    CHECK(character_at("a\xff", 1) == "\"\\xff\"");
}

namespace {
struct TemporaryFolder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("flockstep-read-file-" + std::to_string(getpid()));
    TemporaryFolder() { std::filesystem::create_directories(path); }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
};
std::string refusal(const std::string& path) {
    try {
        read_file(path);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "read";
}
}  // namespace

TEST_CASE("files: all bytes of a regular file are read, of links too, and nothing else is") {
    const TemporaryFolder folder;
    const std::string path = folder.path / "a.bin", want = ", want a regular file that can be read";
    std::string bytes(200'000, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = char(i * 7 + i / 256);
    std::ofstream(path, std::ios::binary) << bytes;
    CHECK(read_file(path) == bytes);
    std::filesystem::create_symlink(path, folder.path / "link");
    CHECK(read_file(folder.path / "link") == bytes);
    std::ofstream(path, std::ios::binary | std::ios::trunc);
    CHECK(read_file(path).empty());

    const std::string pipe = folder.path / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(refusal(pipe) == pipe + ": got a pipe" + want);
    CHECK(refusal(folder.path) == folder.path.string() + ": got a folder" + want);
    CHECK(refusal("/dev/null") == "/dev/null: got a device" + want);
    CHECK(refusal("no\nsuch") == "no\\nsuch: got no such file or directory" + want);
    CHECK(refusal(path + std::string(1, '\0')) == path + "\\x00: got a path with a zero byte" + want);
}

TEST_CASE("files: one of more than 1 GiB is refused") {
    const TemporaryFolder folder;
    const std::string path = folder.path / "large";
    std::ofstream(path, std::ios::binary) << "x";
    std::filesystem::resize_file(path, max_file_bytes);  // a hole: no space on disk
    std::filesystem::resize_file(path, max_file_bytes + 1);
    struct stat status {};
    REQUIRE((stat(path.c_str(), &status) == 0 && size_t(status.st_size) == max_file_bytes + 1));
    CHECK(refusal(path) == path + ": got 1073741825 bytes, want at most 1073741824");
}

TEST_CASE("JSON: nesting is judged by the brackets outside of strings, before anything is built") {
    CHECK_FALSE(is_deeper("[[1], {\"a\": 2}]", 2));
    CHECK(is_deeper("[[[1]]]", 2));
    CHECK(is_deeper("{\"a\": {\"b\": {}}}", 2));
    CHECK_FALSE(is_deeper(R"(["[[[[", "\"[[[[", "\\"])", 1));
    CHECK(parse_json("[[1]]", 2).is_array());
    CHECK(parse_json("[[1]]", 1).is_discarded());
    CHECK(parse_json("[1", 2).is_discarded());
    CHECK(parse_json("[\"\xff\"]", 2).is_discarded());
    CHECK(parse_json(std::string(1'000'000, '['), 3).is_discarded());
}
