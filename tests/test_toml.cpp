#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

#include "io/quote.h"
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

TEST_CASE("TOML: a table within a table has both names") {
    const std::vector<TomlEntry> list = entries("[a.b]\nx = 1\n[a]\ny = 2\nc.z = 3\n[a.\"d e\"]\nw = 4\n");
    REQUIRE(list.size() == 4);
    CHECK((list[0].table == "a.b" && list[0].key == "x" && list[0].line == 2));
    CHECK((list[1].table == "a" && list[1].key == "y" && list[1].line == 4));
    CHECK((list[2].table == "a.c" && list[2].key == "z" && list[2].line == 5));
    CHECK((list[3].table == "a.d e" && list[3].key == "w" && list[3].line == 7));
    for (const std::string name : {"agent_1", "a b", "1-2", "", "\"quoted\"", "\xce\x9e", "a.b"}) {
        const std::vector<TomlEntry> read = entries("[a." + toml_key(name) + "]\nx = 1\n");
        REQUIRE(read.size() == 1);
        CHECK(read[0].table == "a." + name);
    }
    CHECK(toml_key("agent_1") == "agent_1");
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
    CHECK(refusal("[t]\na.b.c = 1\n") ==
          "2: b: got a table, want true, false, a number, a \"text\" or an array of these");
    CHECK(refusal("a = tru\n").find('\n') == std::string::npos);
    CHECK_THROWS_WITH(read_toml("/no/such.toml"),
                      "/no/such.toml: got no such file or directory, want a regular file that can be read");
}

TEST_CASE("TOML: keys of very many parts are refused before any table is made") {
    const std::string sentence = ": got a key of more than 50 dots, want a key of a table";
    const auto dotted = [](size_t dots) {
        std::string key = "a";
        for (size_t i = 0; i < dots; ++i) key += ".a";
        return key;
    };
    CHECK(refusal(dotted(51) + " = 1\n") == "1" + sentence);
    CHECK(refusal("\n[" + dotted(100'000) + "]\n") == "2" + sentence);
    CHECK(refusal("x = {b = 1, " + dotted(100'000) + " = 1}\n") == "1" + sentence);
    CHECK(refusal("x = 1\n" + dotted(25) + " . \"b.c\" . 'd'" + dotted(25).substr(1) + " = 1\n") == "2" + sentence);
    CHECK(refusal(dotted(50) + " = 1\n").find("got a table") != std::string::npos);
    // Dots in strings, comments and numbers are none of a key.
    const std::string dots(200, '.'), triple = "\"\"\"";
    const std::string text = "a = \"" + dots + "\\\"" + dots + "\" # " + dots + "\nb = '" + dots + "'\nc = " + triple +
                             dots + "\n\"" + dots + triple + "\nd = '''" + dots + "\n" + dots + "'''\n";
    CHECK(entries(text).size() == 4);
    std::string numbers = "e = [";
    for (int i = 0; i < 100; ++i) numbers += "1.5,\n";
    CHECK(entries(numbers + "1.5]\n").size() == 1);
}

TEST_CASE("TOML: a table whose name begins like no key is refused") {
    for (const char* text : {"[$]\n", "[\x04]\n", "[[=]]\n", "[ ,a]\n"}) CHECK(refusal(text).rfind("1: ", 0) == 0);
}

TEST_CASE("TOML: characters beyond ASCII belong into quotes and comments") {
    const std::string sentence = "got \"\xce\x9e\" outside of quotes, want ASCII";
    CHECK(refusal("a = '\xce\x9e'\nb = \xce\x9e\n") == "2: " + sentence);
    CHECK(refusal("\xce\x9e = 1\n") == "1: " + sentence);
    CHECK(refusal("[\xce\x9e]\n") == "1: " + sentence);
    CHECK(refusal("a = \xff\n") == "1: got \"\\xff\" outside of quotes, want ASCII");
    CHECK(refusal("a = 1'\xce\x9e'\n") == "1: " + sentence);  // this quote begins no string
    CHECK(entries("a = '''\xce\x9e''''\nb = \"\"\"\xce\x9e\"\"\"\"\"\nc = ['\xce\x9e',\"\xce\x9e\"]\n").size() == 3);
    const auto list = entries("\xef\xbb\xbf\"\xce\x9e\" = '\xce\x9e' # \xce\x9e\n");
    CHECK((list.size() == 1 && list[0].key == "\xce\x9e" && list[0].value == TomlValue(std::string("\xce\x9e"))));
}

TEST_CASE("TOML: deep arrays and inline tables are refused") {
    for (const char* opening : {"[", "{a=", "[{a="}) {
        std::string text = "a = ";
        for (int i = 0; i < 50'000; ++i) text += opening;
        const std::string sentence = refusal(text + "\n");
        CHECK(sentence.rfind("1: a: ", 0) == 0);
        CHECK(sentence.size() < 700);
    }
}

TEST_CASE("TOML: control codes and bytes that are not UTF-8 are escaped in sentences") {
    CHECK(refusal("\"\\u001b[2J\" = 1979-05-27\n") ==
          "1: \\x1b[2J: got a date, want true, false, a number, a \"text\" or an array of these");
    for (const char* text : {"\x1b[2J = 1\n", "a = '\xff'\n", "a\xff = 1\n", "a = \x1b\n", "a = 1 \x07\n"}) {
        const std::string sentence = refusal(text);
        INFO(sentence);
        CHECK(escaped(sentence, 2000) == sentence);
        CHECK(sentence.rfind("1: ", 0) == 0);
    }
}
