#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

#include "io/toml.h"
#include "tests/catch.h"

using namespace flockstep;

namespace {
/// A file that goes away.
struct File {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("flockstep-toml-" + std::to_string(getpid()) + ".toml");
    explicit File(const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
    ~File() { std::filesystem::remove(path); }
};
std::vector<TomlEntry> entries(const std::string& text) { return read_toml(File(text).path); }

/// What is said of a text, without the name of its file.
std::string refusal(const std::string& text) {
    const File file(text);
    try {
        read_toml(file.path);
    } catch (const std::invalid_argument& error) {
        const std::string sentence = error.what();
        REQUIRE(sentence.rfind(file.path.string() + ":", 0) == 0);
        return sentence.substr(file.path.string().size() + 1);
    }
    return "read";
}
}  // namespace

TEST_CASE("TOML: values that are written are read back, type for type and bit for bit") {
    const std::map<std::string, TomlValue> values{
        {"flag", true},
        {"whole", int64_t{-3}},
        {"wide", std::numeric_limits<int64_t>::max()},
        {"tiny", 1e-5},
        {"round", 60.0},
        {"far", 1e300},
        {"least", std::numeric_limits<double>::denorm_min()},
        {"third", 1.0 / 3},
        {"infinite", -INFINITY},
        {"text", std::string("a \"quoted\" \\ line\nwith \x01, \x7f and \xc3\xa9")},
        {"empty", std::string()},
        {"list", std::vector<TomlScalar>{int64_t{64}, 0.5, std::string("x,y"), false}},
        {"none", std::vector<TomlScalar>{}},
    };
    std::map<std::string, TomlValue> back;
    for (const TomlEntry& entry : entries(to_toml(values))) back[entry.key] = entry.value;
    CHECK(back == values);
    CHECK(to_toml({{"a", 1e-5}, {"b", 60.0}, {"c", std::vector<TomlScalar>{int64_t{1}, int64_t{2}}}}) ==
          "a = 1e-05\nb = 60.0\nc = [1, 2]\n");
}

TEST_CASE("TOML: entries come in the order of the file, with their tables and lines") {
    const std::vector<TomlEntry> list = entries("z = 1\n# b = 2\n[t]\n\na = [\n 1,\n 2]\n[b]\n c = 0x10 # sixteen\n");
    REQUIRE(list.size() == 3);
    CHECK((list[0].table == "" && list[0].key == "z" && list[0].line == 1));
    CHECK((list[1].table == "t" && list[1].key == "a" && list[1].line == 5));
    CHECK((list[2].table == "b" && list[2].key == "c" && list[2].line == 9));
    CHECK(list[1].value == TomlValue(std::vector<TomlScalar>{int64_t{1}, int64_t{2}}));
    CHECK(list[2].value == TomlValue(int64_t{16}));
}

TEST_CASE("TOML: what is wrong is told in one sentence with its line and its key") {
    CHECK(refusal("a = \n") == "1: a: expected value, saw '\\n'");
    CHECK(refusal("# b = 1\n\na = 012\n") == "3: a: leading zeroes are prohibited");
    CHECK(refusal("a = 1\nb = 2\na = 3\n") == "3: a: cannot redefine existing integer 'a'");
    CHECK(refusal("b = 2\n[t]\n[t]\n") == "3: cannot redefine existing table 't'");
    CHECK(refusal("a = 1 b = 2\n") == "1: a: expected a comment or whitespace, saw 'b'");
    CHECK(refusal("a = [1,\n\n") == "2: a: encountered end-of-file");
    CHECK(refusal("a = 99999999999999999999\n") == "1: a: '99999999999999999999' is not representable in 64 bits");
    CHECK(refusal("a = 1979-05-27\n") ==
          "1: a: got a date, want true, false, a number, a \"text\" or an array of these");
    CHECK(refusal("\na = [[1]]\n") == "2: a: got an array of arrays, want one of booleans, numbers or texts");
    CHECK(refusal("[t]\na.b = 1\n") ==
          "2: a: got a table, want true, false, a number, a \"text\" or an array of these");
    CHECK(refusal("a = tru\n").find('\n') == std::string::npos);
    CHECK_THROWS_WITH(read_toml("/no/such.toml"), "config: got \"/no/such.toml\", want a TOML file that can be read");
}
