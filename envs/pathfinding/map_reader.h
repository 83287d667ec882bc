#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envs/pathfinding/map.h"
#include "io/quote.h"

/// Internal: shared by the readers of map files.
namespace flockstep::map_reader {

/// A line or row of a file and its line number, 1-based.
struct Line {
    int number;
    std::string_view text;
};

/// Throws std::invalid_argument: `where: got ..., want ...`.
[[noreturn]] void fail(const std::string& where, const std::string& got, const std::string& want);

/// `source line 7`, or `source line 7 column 3`; the source is formatted by path_text.
std::string at_line(const std::string& source, int line);
std::string at_line(const std::string& source, int line, size_t column);

/// The whole file, without a UTF-8 byte order mark; throws if it cannot be read.
std::string read_map_file(const std::string& path);

/// Lines without line ends (also CRLF) and without trailing whitespace. Views into `text`.
std::vector<Line> split_lines(std::string_view text);

/// Words separated by whitespace.
std::vector<std::string_view> split_words(std::string_view text);

/// Parses an integer in low..high from a file; otherwise throws with `where` and `what`.
int parse_integer(std::string_view text, int low, int high, const std::string& where, const std::string& what);

/// Rows of 0 and 1 as JSON: POGEMA's list form.
GridMap parse_list(std::string_view text);

/// Rows of POGEMA's string form.
GridMap parse_rows(const std::vector<Line>& rows, const std::string& source, const std::string& name);

/// A MovingAI map file; its name is `name`.
GridMap parse_movingai(std::string_view text, const std::string& source, const std::string& name);

/// All maps of a POGEMA YAML file.
std::vector<GridMap> parse_yaml(std::string_view text, const std::string& source);

}  // namespace flockstep::map_reader
