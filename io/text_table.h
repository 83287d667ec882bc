#pragma once

#include <string>
#include <vector>

/// Tables and numbers for the terminal.
///
///   TextTable table({"key", "default"});
///   table.add({"seed", "0"});
///   std::printf("%s%s agent-steps/s\n", table.text().c_str(), short_number(2.65e7).c_str());  // 26.5 M
namespace flockstep {

/// Columns separated by two spaces; the last column is wrapped at `width`.
class TextTable {
  public:
    explicit TextTable(std::vector<std::string> heading) : rows_{std::move(heading)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    std::string text(const std::string& indent = "", size_t width = 110) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

/// A number with an SI prefix: 6.43 G, 26.5 M, 312.
std::string short_number(double value);
/// "1 h 02 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);
/// A number with about four significant digits: 2.4917, 0.01432, 500.
std::string plain_number(double value);

}  // namespace flockstep
