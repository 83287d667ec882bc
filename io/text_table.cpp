#include "io/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace flockstep {

namespace {
std::string formatted(const char* format, double value) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, format, value);
    return buffer;
}

/// Words of `text` in lines of at most `width`, the later ones set in by `indent`.
std::string wrapped(const std::string& text, size_t width, size_t indent) {
    std::istringstream words(text);
    std::string result, word;
    size_t column = 0;
    while (words >> word) {
        if (column > 0 && column + 1 + word.size() > width) {
            result += '\n';
            result.append(indent, ' ');
            column = 0;
        }
        if (column > 0) result += ' ';
        result += word;
        column += (column > 0) + word.size();
    }
    return result;
}
}  // namespace

std::string TextTable::text(const std::string& indent, size_t width) const {
    const size_t columns = rows_[0].size();
    std::vector<size_t> widths(columns, 0);
    for (const auto& row : rows_)
        for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
    size_t before_last = indent.size();
    for (size_t i = 0; i + 1 < columns; ++i) before_last += widths[i] + 2;
    std::string result;
    for (const auto& row : rows_) {
        std::string line = indent;
        for (size_t i = 0; i + 1 < columns; ++i) line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
        line += wrapped(row.back(), std::max<size_t>(width > before_last ? width - before_last : 0, 30), before_last);
        line.erase(line.find_last_not_of(' ') + 1);
        result += line + "\n";
    }
    return result;
}

std::string short_number(double value) {
    const char* const units[] = {"", " k", " M", " G", " T"};
    int unit = 0;
    for (; std::abs(value) >= 999.5 && unit < 4; ++unit) value /= 1000;
    const double size = std::abs(value);
    return formatted(unit == 0 && size == std::floor(size) ? "%.0f"
                     : size >= 99.95                       ? "%.0f"
                     : size >= 9.995                       ? "%.1f"
                                                           : "%.2f",
                     value) +
           units[unit];
}

std::string duration_text(double seconds) {
    if (!std::isfinite(seconds)) return "?";
    const long total = std::lround(std::max(seconds, 0.0));
    char buffer[64];
    if (total >= 3600)
        std::snprintf(buffer, sizeof buffer, "%ld h %02ld min", total / 3600, total / 60 % 60);
    else if (total >= 60)
        std::snprintf(buffer, sizeof buffer, "%ld min %02ld s", total / 60, total % 60);
    else
        std::snprintf(buffer, sizeof buffer, "%ld s", total);
    return buffer;
}

std::string plain_number(double value) {
    if (!std::isfinite(value)) return std::isnan(value) ? "-" : value < 0 ? "-inf" : "inf";
    return formatted(std::abs(value) >= 1e7 || (value != 0 && std::abs(value) < 1e-4) ? "%.3e"
                     : std::abs(value) >= 1000                                        ? "%.1f"
                                                                                      : "%.4g",
                     value);
}

}  // namespace flockstep
