#include "io/toml.h"

// toml++ 3.3 asserts that the name of a table begins like a key before it checks it: `[$]` is refused by that check.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "io/quote.h"
#include "io/read_file.h"

namespace flockstep {

namespace {
constexpr size_t max_sentence = 400;  // bytes of toml++'s message
constexpr int max_key_dots = 50;
constexpr int most_levels = 2;  // of tables: [trainer], [groups.left]

std::string place(const std::string& source, const toml::node& node) {
    return source + ":" + std::to_string(node.source().begin.line) + ": ";
}

std::string name_of(const toml::node& node) {
    std::ostringstream text;
    text << node.type();
    return text.str();
}

/// The key whose value line `number` of the text, counted from 1, belongs to; empty where there is none.
std::string key_at(const std::string& text, size_t number) {
    std::istringstream lines(text);
    std::string line, key;
    for (size_t i = 0; i < number && std::getline(lines, line); ++i) {
        const size_t first = line.find_first_not_of(" \t"), equals = line.find('=');
        if (first == std::string::npos || line[first] == '#') continue;
        if (line[first] == '[' && equals == std::string::npos) key.clear();
        if (equals != std::string::npos) key = line.substr(first, line.find_last_not_of(" \t=", equals) + 1 - first);
    }
    return key;
}

/// toml++ says "Error while parsing string: expected this, saw that".
std::string sentence_of(const toml::parse_error& error) {
    std::string text(error.description());
    const size_t colon = text.find(": ");
    if (text.rfind("Error while parsing ", 0) == 0 && colon != std::string::npos) text.erase(0, colon + 2);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return escaped(text, max_sentence);
}

/// What toml++ 3.3 must not see, found by a look at what is outside of strings and comments: keys of very many parts,
/// each of which is a table in the one before, made and destroyed by recursion (arrays and inline tables have a limit);
/// and characters beyond ASCII, some of which lead it to a point that it takes for unreachable. TOML 1.0 has none
/// there.
class Outline {
  public:
    /// Throws std::invalid_argument that begins with `source` and the line.
    static void check(std::string_view text, const std::string& source) {
        constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
        Outline outline(text.substr(text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0));
        while (!outline.rest_.empty()) outline.step(source);
    }

  private:
    explicit Outline(std::string_view text) : rest_(text) {}

    [[noreturn]] void refuse(const std::string& source, const std::string& sentence) const {
        throw std::invalid_argument(source + ":" + std::to_string(line_) + ": " + sentence);
    }
    /// Passes over one character, string or comment.
    void step(const std::string& source) {
        const char c = rest_[0];
        if (c == '#') return skip(rest_.find('\n'));
        const bool is_between = std::string_view(" \t\r\n=,[{.").find(before_) != std::string_view::npos;
        if (is_between && (c == '"' || c == '\'')) return skip_string(c);  // elsewhere a quote begins nothing
        if (static_cast<unsigned char>(c) >= 128)
            refuse(source, "got " + character_at(rest_, 0) + " outside of quotes, want ASCII");
        if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{') dots_ = 0;
        if (c == '.' && ++dots_ > max_key_dots)
            refuse(source, "got a key of more than " + std::to_string(max_key_dots) + " dots, want a key of a table");
        skip(1);
    }
    void skip_string(char quote) {
        const std::string triple(3, quote);
        const bool is_long = rest_.substr(0, 3) == triple;
        const std::string end = is_long ? triple : std::string(1, quote);
        size_t at = end.size();
        while (at < rest_.size() && rest_.substr(at, end.size()) != end && (is_long || rest_[at] != '\n'))
            at += quote == '"' && rest_[at] == '\\' ? 2 : 1;
        skip(at >= rest_.size() || rest_[at] == '\n' ? at : at + end.size());
    }
    void skip(size_t count) {
        count = std::min(count, rest_.size());
        line_ += int(std::count(rest_.begin(), rest_.begin() + std::ptrdiff_t(count), '\n'));
        before_ = rest_[count - 1];
        rest_.remove_prefix(count);
    }

    std::string_view rest_;
    char before_ = '\n';  // the character in front of the rest
    int line_ = 1, dots_ = 0;
};

toml::table parse(const std::string& text, const std::string& source) {
    Outline::check(text, source);
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        const size_t line = error.source().begin.line;
        const std::string key = key_at(text, line);
        throw std::invalid_argument(source + ":" + std::to_string(line) + ": " +
                                    (key.empty() ? "" : escaped(key) + ": ") + sentence_of(error));
    }
}

/// False for what is no boolean, number or text.
template <class To>
bool take_scalar(const toml::node& node, To& to) {
    return node.visit([&](const auto& value) {
        if constexpr (toml::is_boolean<decltype(value)> || toml::is_number<decltype(value)> ||
                      toml::is_string<decltype(value)>)
            return to = value.get(), true;
        else
            return false;
    });
}

TomlValue to_value(const toml::node& node, const std::string& where) {
    TomlValue value;
    if (take_scalar(node, value)) return value;
    const toml::array* array = node.as_array();
    if (!array)
        throw std::invalid_argument(where + "got a " + name_of(node) +
                                    ", want true, false, a number, a \"text\" or an array of these");
    std::vector<TomlScalar> list(array->size());
    for (size_t i = 0; i < list.size(); ++i)
        if (!take_scalar((*array)[i], list[i]))
            throw std::invalid_argument(where + "got an array of " + name_of((*array)[i]) +
                                        "s, want one of booleans, numbers or texts");
    return list;
}

/// Adds the entries of a table and of the tables in it, down to `levels` below it.
void add_entries(const toml::table& table, const std::string& name, int levels, const std::string& source,
                 std::vector<TomlEntry>& entries) {
    for (const auto& [key, node] : table) {
        const std::string own(key.str());
        const toml::table* const inner = node.as_table();
        if (inner && levels > 0)
            add_entries(*inner, name.empty() ? own : name + "." + own, levels - 1, source, entries);
        else
            entries.push_back(
                {name, own, to_value(node, place(source, node) + escaped(own) + ": "), int(node.source().begin.line)});
    }
}

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(int64_t value) { return std::to_string(value); }
std::string text_of(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[40];
    std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}
std::string text_of(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        char escape[8];
        if (c == '"' || c == '\\')
            result += {'\\', c};
        else if (c == '\n')
            result += "\\n";
        else if (static_cast<unsigned char>(c) < 32 || c == 127)
            result += (std::snprintf(escape, sizeof escape, "\\u%04X", c), escape);
        else
            result += c;
    }
    return result + "\"";
}
std::string text_of(const std::vector<TomlScalar>& list) {
    std::string text;
    for (const TomlScalar& item : list)
        text += (text.empty() ? "" : ", ") + std::visit([](const auto& value) { return text_of(value); }, item);
    return "[" + text + "]";
}
}  // namespace

std::vector<TomlEntry> read_toml(const std::filesystem::path& path) {
    return parse_toml(read_file(path.string()), path_text(path.string()));
}

std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& source) {
    std::vector<TomlEntry> entries;
    add_entries(parse(text, source), "", most_levels, source, entries);
    std::stable_sort(entries.begin(), entries.end(),
                     [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
    return entries;
}

std::string toml_key(const std::string& name) {
    const bool is_bare = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return c < 128 && (std::isalnum(c) || c == '_' || c == '-');
    });
    return is_bare ? name : text_of(name);
}

std::string to_toml(const std::map<std::string, TomlValue>& values) {
    std::string text;
    for (const auto& [key, value] : values)
        text += key + " = " + std::visit([](const auto& v) { return text_of(v); }, value) + "\n";
    return text;
}

}  // namespace flockstep
