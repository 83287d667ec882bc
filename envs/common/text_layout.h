#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Maps written as text, one character per cell, in settings or files; host only.
///
///   // legend: floor, wall, pot
///   const TextLayout layout = load_layout(config.layout.str(), " WP", {.max_rows = 32, .max_columns = 32});
///   for (int cell : layout.cells_of(2)) add_pot(cell / layout.columns, cell % layout.columns);
namespace flockstep {

/// A parsed map, row by row.
struct TextLayout {
    int rows = 0, columns = 0;
    std::vector<uint8_t> kind;  // [rows, columns], row 0 at the top: index of the cell's character in the legend

    /// The cells of one kind, row by row; cell = row * columns + column. O(cells).
    std::vector<int> cells_of(int wanted) const;
};

/// Accepted sizes in cells, inclusive.
struct LayoutLimits {
    int min_rows = 1, max_rows = 4096, min_columns = 1, max_columns = 4096;
};

/// Parses a layout. Legend: the allowed characters, printable ASCII, each once. Rows are lines (also CRLF) of equal
/// length; leading and trailing empty lines are ignored. If the legend has no space, any whitespace separates rows, so
/// that a layout fits on a command line: "##### #..@# #####".
/// Throws std::invalid_argument with a one-sentence message that starts with `name`, such as
/// `layout: got "x" in row 2, column 3, want one of ".#@"`: for a character that is not in the legend, rows of
/// different lengths, and sizes beyond the limits.
TextLayout parse_layout(std::string_view text, std::string_view legend, LayoutLimits limits = {},
                        const std::string& name = "layout");

/// Reads the file if `path_or_text` is a single line that ends in .txt; otherwise parses it as the layout itself.
/// Throws like parse_layout, and std::invalid_argument for a file that cannot be read; messages about a file's contents
/// start with its path. Call Loader::depends_on() with the file first.
TextLayout load_layout(const std::string& path_or_text, std::string_view legend, LayoutLimits limits = {},
                       const std::string& name = "layout");

}  // namespace flockstep
