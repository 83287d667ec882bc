#include "envs/pathfinding/map_reader.h"

#include <charconv>
#include <stdexcept>
#include <unordered_set>

#include "io/read_file.h"

namespace flockstep::map_reader {

void fail(const std::string& where, const std::string& got, const std::string& want) {
    throw std::invalid_argument(where + ": got " + got + ", want " + want);
}

std::string at_line(const std::string& source, int line) { return path_text(source) + " line " + std::to_string(line); }

std::string at_line(const std::string& source, int line, size_t column) {
    return at_line(source, line) + " column " + std::to_string(column);
}

std::string read_map_file(const std::string& path) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    std::string result = read_file(path);
    if (result.starts_with(byte_order_mark)) result.erase(0, byte_order_mark.size());
    return result;
}

std::vector<Line> split_lines(std::string_view text) {
    std::vector<Line> lines;
    for (int number = 1; !text.empty(); ++number) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        lines.push_back({number, line.substr(0, line.find_last_not_of(" \t\r") + 1)});
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<std::string_view> split_words(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    std::vector<std::string_view> words;
    for (size_t begin = text.find_first_not_of(blanks); begin != std::string_view::npos;) {
        const size_t end = std::min(text.find_first_of(blanks, begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = text.find_first_not_of(blanks, end);
    }
    return words;
}

int parse_integer(std::string_view text, int low, int high, const std::string& where, const std::string& what) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) {
        fail(where, what + " " + in_quotes(text),
             "an integer from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return value;
}

namespace {

/// The name in `name: |-`, without quotes.
std::string parse_yaml_key(const Line& line, const std::string& source) {
    std::string_view text = line.text;
    const auto wrong = [&] {
        fail(at_line(source, line.number), in_quotes(line.text), "`name: |-` before indented rows");
    };
    if (!text.ends_with("|-") && !text.ends_with("|")) wrong();
    text.remove_suffix(text.ends_with("|-") ? 2 : 1);
    text = text.substr(0, text.find_last_not_of(" \t") + 1);
    if (!text.ends_with(":")) wrong();
    text.remove_suffix(1);
    const bool quoted = text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0];
    if (quoted) text = text.substr(1, text.size() - 2);
    if (text.empty() || text.find_first_of(quoted ? "\"'\\" : "\"'\\:#{}[]&*!|>%@`") != std::string_view::npos) wrong();
    return std::string(text);
}

/// The row without its indentation, which must equal that of the block's first row.
Line parse_yaml_row(const Line& line, size_t indentation, const std::string& source) {
    const size_t begin = line.text.find_first_not_of(" \t");
    if (line.text.substr(0, begin).find('\t') != std::string_view::npos) {
        fail(at_line(source, line.number), "a tab before the row", "spaces");
    }
    if (begin != indentation) {
        fail(at_line(source, line.number), std::to_string(begin) + " spaces before the row",
             std::to_string(indentation) + " (as before the block's first row)");
    }
    return {line.number, line.text.substr(begin)};
}

/// Reads the rows starting at `next`, and advances `next` past them.
std::vector<Line> take_yaml_block(const std::vector<Line>& lines, size_t& next, const std::string& source) {
    std::vector<Line> rows;
    size_t indentation = 0;
    for (; next < lines.size(); ++next) {
        const std::string_view text = lines[next].text;
        if (text.empty()) continue;
        if (text[0] != ' ' && text[0] != '\t') break;
        if (rows.empty()) indentation = text.find_first_not_of(' ');
        rows.push_back(parse_yaml_row(lines[next], indentation, source));
    }
    return rows;
}

}  // namespace

std::vector<GridMap> parse_yaml(std::string_view text, const std::string& source) {
    const std::vector<Line> lines = split_lines(text);
    std::vector<GridMap> maps;
    std::unordered_set<std::string> names;
    for (size_t next = 0; next < lines.size();) {
        const Line line = lines[next++];
        if (line.text.empty() || line.text[0] == '#') continue;
        const std::string name = parse_yaml_key(line, source);
        if (!names.insert(name).second)
            fail(at_line(source, line.number), "a second map " + in_quotes(name), "each name once");
        const std::vector<Line> rows = take_yaml_block(lines, next, source);
        if (rows.empty()) fail(at_line(source, line.number), "no rows of " + in_quotes(name), "indented rows below it");
        maps.push_back(parse_rows(rows, source, name));
    }
    if (maps.empty()) fail(path_text(source), "no maps", "at least one `name: |-` with indented rows");
    return maps;
}

}  // namespace flockstep::map_reader
