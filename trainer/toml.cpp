#include "trainer/toml.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace flockstep {

namespace {
bool is_bare(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }

void append_utf8(std::string& text, uint32_t code) {
    if (code < 0x80) {
        text += char(code);
    } else if (code < 0x800) {
        text += {char(0xC0 | code >> 6), char(0x80 | (code & 63))};
    } else if (code < 0x10000) {
        text += {char(0xE0 | code >> 12), char(0x80 | (code >> 6 & 63)), char(0x80 | (code & 63))};
    } else {
        text += {char(0xF0 | code >> 18), char(0x80 | (code >> 12 & 63)), char(0x80 | (code >> 6 & 63)),
                 char(0x80 | (code & 63))};
    }
}

/// Reads one text from front to back.
class TomlReader {
  public:
    TomlReader(const std::string& text, const std::string& name) : text_(text), name_(name) {}

    std::vector<TomlEntry> read() {
        if (text_.rfind("\xEF\xBB\xBF", 0) == 0) at_ = 3;  // byte order mark
        for (skip_lines(); !is_end(); skip_lines()) {
            if (peek() == '[')
                read_table();
            else
                read_entry();
            end_line();
        }
        return std::move(entries_);
    }

  private:
    bool is_end() const { return at_ >= text_.size(); }
    char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
    bool starts_with(const char* token) const {
        return text_.compare(at_, std::char_traits<char>::length(token), token) == 0;
    }

    [[noreturn]] void refuse(const std::string& sentence) const {
        throw std::invalid_argument(name_ + ":" + std::to_string(line_) + ": " + sentence);
    }
    [[noreturn]] void refuse_here(const std::string& where, const std::string& wish) const {
        const size_t end = std::min(text_.find_first_of("\r\n", at_), at_ + 40);
        const std::string rest = text_.substr(at_, end == std::string::npos ? end : end - at_);
        refuse((where.empty() ? "" : where + ": ") + "got " +
               (rest.empty() ? "the end of the line" : "`" + rest + "`") + ", want " + wish);
    }

    void skip_blanks() {
        while (peek() == ' ' || peek() == '\t') ++at_;
    }
    void skip_comment() {
        skip_blanks();
        if (peek() != '#') return;
        while (!is_end() && peek() != '\n') ++at_;
    }
    /// Blanks, comments and line ends.
    void skip_lines() {
        for (skip_comment(); peek() == '\n' || (peek() == '\r' && peek(1) == '\n'); skip_comment()) {
            if (peek() == '\n') ++line_;
            ++at_;
        }
    }
    void end_line() {
        skip_comment();
        if (!is_end() && peek() != '\n' && !(peek() == '\r' && peek(1) == '\n')) refuse_here("", "the end of the line");
    }

    std::string read_key() {
        if (peek() == '"' || peek() == '\'') return read_string("key");
        const size_t begin = at_;
        while (is_bare(peek())) ++at_;
        if (at_ == begin) refuse_here("", "a key");
        return text_.substr(begin, at_ - begin);
    }
    void read_table() {
        ++at_;
        skip_blanks();
        table_ = read_key();
        skip_blanks();
        if (peek() != ']') refuse_here("[" + table_, "]");
        ++at_;
        if (!tables_.insert(table_).second) refuse("table [" + table_ + "] comes twice");
    }
    void read_entry() {
        TomlEntry entry{table_, read_key(), false, line_};
        skip_blanks();
        if (peek() != '=') refuse_here(entry.key, "=");
        ++at_;
        skip_blanks();
        for (const TomlEntry& other : entries_)
            if (other.table == table_ && other.key == entry.key)
                refuse("key \"" + entry.key + "\" comes twice, first in line " + std::to_string(other.line));
        entry.value = peek() == '[' ? Value(read_array(entry.key)) : read_value(entry.key);
        entries_.push_back(std::move(entry));
    }

    std::string read_array(const std::string& key) {
        ++at_;
        std::string joined;
        for (skip_lines(); peek() != ']'; skip_lines()) {
            if (is_end()) refuse(key + ": got the end of the file, want ]");
            if (!joined.empty()) joined += ',';
            joined += to_text(read_value(key));
            skip_lines();
            if (peek() == ',')
                ++at_;
            else if (peek() != ']')
                refuse_here(key, ", or ]");
        }
        ++at_;
        return joined;
    }
    Value read_value(const std::string& key) {
        if (peek() == '"' || peek() == '\'') return read_string(key);
        const size_t begin = at_;
        while (is_bare(peek()) || peek() == '+' || peek() == '.' || peek() == ':') ++at_;
        const std::string word = text_.substr(begin, at_ - begin);
        if (word == "true") return true;
        if (word == "false") return false;
        if (Value value; read_integer(word, value) || read_float(word, value)) return value;
        at_ = begin;
        refuse_here(key, "true, false, a number, a \"text\" or an array of these");
    }

    /// Without underscores, which may stand between digits only; empty if they stand elsewhere.
    static std::string digits_of(const std::string& word) {
        std::string digits;
        for (size_t i = 0; i < word.size(); ++i) {
            const bool between =
                i > 0 && i + 1 < word.size() && std::isxdigit(word[i - 1]) && std::isxdigit(word[i + 1]);
            if (word[i] == '_' && !between) return "";
            if (word[i] != '_') digits += word[i];
        }
        return digits;
    }
    bool read_integer(const std::string& word, Value& value) const {
        std::string digits = digits_of(word);
        int base = 10;
        if (digits.size() > 2 && digits[0] == '0')
            base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : digits[1] == 'b' ? 2 : 10;
        const bool is_signed = !digits.empty() && (digits[0] == '+' || digits[0] == '-');
        if (base == 10 && digits.size() > size_t(1 + is_signed) && digits[is_signed] == '0')
            return false;  // leading zero
        digits = digits.substr(base != 10 ? 2 : !digits.empty() && digits[0] == '+' ? 1 : 0);
        if (base != 10 && digits[0] == '-') return false;
        int64_t number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
        if (digits.empty() || end != digits.data() + digits.size()) return false;
        if (error == std::errc::result_out_of_range) refuse("got " + word + ", want an integer that fits 64 bits");
        value = number;
        return error == std::errc();
    }
    bool read_float(const std::string& word, Value& value) const {
        std::string digits = digits_of(word);
        if (digits.empty()) return false;
        const bool is_signed = digits[0] == '+' || digits[0] == '-';
        const std::string magnitude = digits.substr(is_signed);
        if (magnitude == "inf" || magnitude == "nan") {
            const double number = magnitude == "inf" ? INFINITY : NAN;
            value = digits[0] == '-' ? -number : number;
            return true;
        }
        const size_t dot = magnitude.find('.');
        const bool is_dotted =
            dot == std::string::npos || (dot > 0 && dot + 1 < magnitude.size() && std::isdigit(magnitude[dot + 1]));
        const bool is_padded = magnitude.size() > 1 && magnitude[0] == '0' && std::isdigit(magnitude[1]);
        if (!is_dotted || is_padded || magnitude.empty() || !std::isdigit(magnitude[0])) return false;
        double number = 0;
        const auto [end, error] = std::from_chars(magnitude.data(), magnitude.data() + magnitude.size(), number);
        if (error != std::errc() || end != magnitude.data() + magnitude.size()) return false;
        value = digits[0] == '-' ? -number : number;
        return true;
    }

    std::string read_string(const std::string& key) {
        const bool is_basic = peek() == '"';
        const char* fence = is_basic ? "\"\"\"" : "'''";
        const bool is_long = starts_with(fence);
        const std::string quote = is_long ? fence : std::string(1, peek());
        const int first_line = line_;
        at_ += quote.size();
        if (is_long && peek() == '\r') ++at_;
        if (is_long && peek() == '\n') ++at_, ++line_;
        std::string text;
        while (!starts_with(quote.c_str())) {
            if (is_end() || (!is_long && peek() == '\n')) {
                line_ = first_line;
                refuse(key + ": the text that begins here has no closing " + quote);
            }
            if (peek() == '\n') ++line_;
            if (is_basic && peek() == '\\')
                read_escape(key, text, is_long);
            else
                text += text_[at_++];
        }
        at_ += quote.size();
        for (int extra = 0; is_long && extra < 2 && peek() == quote[0]; ++extra)
            text += text_[at_++];  // up to two quotes may end the text
        return text;
    }
    void read_escape(const std::string& key, std::string& text, bool is_long) {
        static const std::string names = "btnfre\"\\", meanings = "\b\t\n\f\r\x1B\"\\";
        const char c = peek(1);
        if (const size_t i = names.find(c); c && i != std::string::npos) {
            text += meanings[i];
            at_ += 2;
        } else if (c == 'u' || c == 'U') {
            read_code_point(key, text, c == 'u' ? 4 : 8);
        } else if (is_long && (c == '\n' || c == '\r' || c == ' ' || c == '\t')) {  // the line goes on
            for (++at_; peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n'; ++at_)
                line_ += peek() == '\n';
        } else {
            refuse_here(key, "an escape that TOML knows, or a 'literal text' in single quotes");
        }
    }
    void read_code_point(const std::string& key, std::string& text, int digits) {
        uint32_t code = 0;
        const char* begin = text_.data() + std::min(at_ + 2, text_.size());
        const char* end = text_.data() + std::min(at_ + 2 + size_t(digits), text_.size());
        const auto [stop, error] = std::from_chars(begin, end, code, 16);
        const bool is_valid =
            error == std::errc() && stop == begin + digits && code < 0x110000 && (code < 0xD800 || code > 0xDFFF);
        if (!is_valid) refuse_here(key, "\\u and 4, or \\U and 8, hexadecimal digits");
        append_utf8(text, code);
        at_ += 2 + size_t(digits);
    }

    const std::string& text_;
    const std::string& name_;
    size_t at_ = 0;
    int line_ = 1;
    std::string table_;
    std::set<std::string> tables_;
    std::vector<TomlEntry> entries_;
};

std::string quoted(const std::string& text) {
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

std::string float_text(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[40];
    std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}
}  // namespace

std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& name) {
    return TomlReader(text, name).read();
}

std::vector<TomlEntry> read_toml(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (std::filesystem::is_directory(path) || !file || !(text << file.rdbuf() || file.peek() == EOF))
        throw std::invalid_argument("config: got \"" + path.string() + "\", want a TOML file that can be read");
    return parse_toml(text.str(), path.string());
}

std::string to_toml(const Settings& settings) {
    std::string text;
    for (const auto& [key, value] : settings.values()) {
        text += key + " = ";
        if (const auto* string = std::get_if<std::string>(&value))
            text += quoted(*string);
        else if (const auto* number = std::get_if<double>(&value))
            text += float_text(*number);
        else
            text += to_text(value);
        text += "\n";
    }
    return text;
}

}  // namespace flockstep
