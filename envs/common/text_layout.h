#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Maps drawn with characters, one per cell, as settings and files hold them; host only.
///
///   // legend: floor, wall, pot
///   const TextLayout layout = load_layout(config.layout.str(), " WP", {.max_rows = 32, .max_columns = 32});
///   for (int cell : layout.cells_of(2)) add_pot(cell / layout.columns, cell % layout.columns);
namespace flockstep {

/// A map that was read, row by row.
struct TextLayout {
    int rows = 0, columns = 0;
    std::vector<uint8_t> kind;  // [rows, columns], row 0 on top: place of the cell's character in the legend

    /// The cells of one kind, row by row; cell = row * columns + column. Looks at every cell.
    std::vector<int> cells_of(int wanted) const;
};

/// Sizes that are accepted, in cells; both ends are.
struct LayoutLimits {
    int min_rows = 1, max_rows = 4096, min_columns = 1, max_columns = 4096;
};

/// Reads a layout. Legend: the characters that may occur, printable ASCII, each once. Rows are lines (CRLF too), all
/// equally long; empty ones before the first and after the last do not count. Where the legend has no blank, any
/// whitespace separates rows, so that a layout fits on a command line: "##### #..@# #####".
/// Throws std::invalid_argument with one sentence that begins with `name`, as
/// `layout: got "x" in row 2, column 3, want one of ".#@"`: for a character that is not in the legend, rows of
/// different lengths, and sizes beyond the limits.
TextLayout parse_layout(std::string_view text, std::string_view legend, LayoutLimits limits = {},
                        const std::string& name = "layout");

/// Reads the file if `path_or_text` is one line that ends in .txt, else takes it for the layout itself. Throws as
/// parse_layout does, and std::invalid_argument for a file that cannot be read; sentences on a file's contents begin
/// with its path. A `load` names the file to Loader::depends_on() before.
TextLayout load_layout(const std::string& path_or_text, std::string_view legend, LayoutLimits limits = {},
                       const std::string& name = "layout");

}  // namespace flockstep
