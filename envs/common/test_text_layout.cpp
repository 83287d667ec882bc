#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "envs/common/text_layout.h"
#include "tests/catch.h"

namespace flockstep {
namespace {

/// A temporary text file.
struct TextFile {
    std::string path;
    TextFile(const std::string& name, const std::string& text)
        : path((std::filesystem::temp_directory_path() / (name + std::to_string(getpid()) + ".txt")).string()) {
        std::ofstream(path, std::ios::binary) << text;
    }
    ~TextFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("layout: cells are the indices of their characters in the legend, row by row") {
    const TextLayout layout = parse_layout("\nWWPWW\nOA AO\nW   W\n\n", " WPOA");
    CHECK(layout.rows == 3);
    CHECK(layout.columns == 5);
    CHECK(layout.kind == std::vector<uint8_t>{1, 1, 2, 1, 1, 3, 4, 0, 4, 3, 1, 0, 0, 0, 1});
    CHECK(layout.cells_of(4) == std::vector<int>{6, 8});
    CHECK(layout.cells_of(7).empty());
}

TEST_CASE("layout: without a space in the legend any whitespace separates rows") {
    const TextLayout lines = parse_layout("###\r\n#.#\r\n###\r\n", ".#");
    for (const char* text : {"### #.# ###", "  ###\n  #.#\n  ###  ", "###\t#.#\n\n###"}) {
        INFO(text);
        const TextLayout layout = parse_layout(text, ".#");
        CHECK(layout.rows == 3);
        CHECK(layout.kind == lines.kind);
    }
    CHECK(parse_layout(" a\r\na \r\n", " a").kind == std::vector<uint8_t>{0, 1, 1, 0});
}

TEST_CASE("layout: bad input gets one sentence that says what and where") {
    CHECK_THROWS_WITH(parse_layout("###\n#x#", ".#@"), "layout: got \"x\" in row 2, column 2, want one of \".#@\"");
    CHECK_THROWS_WITH(parse_layout("\xc3\xa9", ".#"),
                      "layout: got \"\xc3\xa9\" in row 1, column 1, want one of \".#\"");
    CHECK_THROWS_WITH(parse_layout("a\tb", " ab"), "layout: got \"\\t\" in row 1, column 2, want one of \" ab\"");
    CHECK_THROWS_WITH(parse_layout("###\n##", ".#"), "layout: got 2 characters in row 2, want 3 as in row 1");
    CHECK_THROWS_WITH(parse_layout("a\n\na", " a"), "layout: got 0 characters in row 2, want 1 as in row 1");
    CHECK_THROWS_WITH(parse_layout(" \n", ".#"), "layout: got 0 rows, want 1 to 4096");
    CHECK_THROWS_WITH(parse_layout("", " #"), "layout: got 0 rows, want 1 to 4096");
    CHECK_THROWS_WITH(parse_layout("# # #", "#", {.max_rows = 2}, "kitchen"), "kitchen: got 3 rows, want 1 to 2");
    CHECK_THROWS_WITH(parse_layout("##", "#", {.min_columns = 3, .max_columns = 9}),
                      "layout: got 2 columns, want 3 to 9");
}

TEST_CASE("layout: a name that ends in .txt is a file, and error messages contain it") {
    const TextFile file("layout", "#.#\n...\n");
    CHECK(load_layout(file.path, ".#").kind == parse_layout("#.# ...", ".#").kind);
    CHECK(load_layout("#.# ...", ".#").kind == parse_layout("#.# ...", ".#").kind);
    CHECK_THROWS_WITH(load_layout(file.path, "#"), file.path + ": got \".\" in row 1, column 2, want one of \"#\"");
    CHECK_THROWS_WITH(load_layout("nowhere/kitchen.txt", "#", {}, "kitchen"),
                      "nowhere/kitchen.txt: got no such file or directory, want a regular file that can be read");
    const TextFile empty("empty", "");
    CHECK_THROWS_WITH(load_layout(empty.path, "#"), empty.path + ": got 0 rows, want 1 to 4096");
}

}  // namespace flockstep
