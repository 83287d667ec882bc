#include "envs/common/text_layout.h"

#include <algorithm>
#include <stdexcept>

#include "io/quote.h"
#include "io/read_file.h"

namespace flockstep {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}

/// Splits a text at any of the separators, keeping empty pieces.
std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> pieces;
    for (;;) {
        const size_t end = text.find_first_of(separators);
        pieces.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return pieces;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string_view> rows_of(std::string_view text, bool has_blanks) {
    std::vector<std::string_view> rows = split(text, has_blanks ? "\n" : " \t\r\n");
    for (std::string_view& row : rows)
        if (row.ends_with('\r')) row.remove_suffix(1);
    const auto is_empty = [](std::string_view row) { return row.empty(); };
    if (!has_blanks) {
        std::erase_if(rows, is_empty);
        return rows;
    }
    rows.erase(std::find_if_not(rows.rbegin(), rows.rend(), is_empty).base(), rows.end());
    rows.erase(rows.begin(), std::find_if_not(rows.begin(), rows.end(), is_empty));
    return rows;
}

void check_size(size_t size, int low, int high, const char* what, const std::string& name) {
    if (size < size_t(low) || size > size_t(high))
        fail(name, std::to_string(size) + what, std::to_string(low) + " to " + std::to_string(high));
}

}  // namespace

std::vector<int> TextLayout::cells_of(int wanted) const {
    std::vector<int> cells;
    for (size_t cell = 0; cell < kind.size(); ++cell)
        if (kind[cell] == wanted) cells.push_back(int(cell));
    return cells;
}

TextLayout parse_layout(std::string_view text, std::string_view legend, LayoutLimits limits, const std::string& name) {
    const std::vector<std::string_view> rows = rows_of(text, legend.find(' ') != std::string_view::npos);
    check_size(rows.size(), limits.min_rows, limits.max_rows, " rows", name);
    const size_t columns = rows.empty() ? 0 : rows.front().size();
    check_size(columns, limits.min_columns, limits.max_columns, " columns", name);
    TextLayout layout{int(rows.size()), int(columns), {}};
    layout.kind.reserve(rows.size() * columns);
    for (size_t row = 0; row < rows.size(); ++row) {
        const std::string place = "in row " + std::to_string(row + 1);
        if (rows[row].size() != columns)
            fail(name, std::to_string(rows[row].size()) + " characters " + place,
                 std::to_string(columns) + " as in row 1");
        for (size_t column = 0; column < columns; ++column) {
            const size_t kind = legend.find(rows[row][column]);
            if (kind == std::string_view::npos)
                fail(name, character_at(rows[row], column) + " " + place + ", column " + std::to_string(column + 1),
                     "one of " + in_quotes(legend));
            layout.kind.push_back(uint8_t(kind));
        }
    }
    return layout;
}

TextLayout load_layout(const std::string& path_or_text, std::string_view legend, LayoutLimits limits,
                       const std::string& name) {
    const bool is_path = path_or_text.ends_with(".txt") && path_or_text.find('\n') == std::string::npos;
    if (!is_path) return parse_layout(path_or_text, legend, limits, name);
    return parse_layout(read_file(path_or_text), legend, limits, path_text(path_or_text));
}

}  // namespace flockstep
