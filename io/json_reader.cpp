#include "io/json_reader.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "io/quote.h"

namespace flockstep {

namespace {
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Powers of ten that a double holds exactly.
constexpr double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int max_power = 22;
constexpr uint64_t max_exact = uint64_t{1} << 53;

void append_utf8(std::string& text, uint32_t code) {
    if (code < 0x80) {
        text += char(code);
    } else if (code < 0x800) {
        text += char(0xC0 | code >> 6), text += char(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        text += char(0xE0 | code >> 12), text += char(0x80 | (code >> 6 & 0x3F)), text += char(0x80 | (code & 0x3F));
    } else {
        text += char(0xF0 | code >> 18), text += char(0x80 | (code >> 12 & 0x3F));
        text += char(0x80 | (code >> 6 & 0x3F)), text += char(0x80 | (code & 0x3F));
    }
}
}  // namespace

JsonReader::JsonReader(std::string_view text, std::string_view source)
    : source_(path_text(source)), at_(text.data()), end_(text.data() + text.size()) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.starts_with(byte_order_mark)) at_ += byte_order_mark.size();
}

void JsonReader::refuse(const std::string& got, const std::string& want) const {
    const std::string where = path();
    throw std::invalid_argument(source_ + ": " + (where.empty() ? "" : where + ": ") + "got " + got + ", want " + want);
}

void JsonReader::refuse_next(const char* wanted) const { refuse(next_in_words(), wanted); }

std::string JsonReader::path() const {
    std::string path;
    for (int level = 1; level <= depth_; ++level) {
        const Step& step = path_[size_t(level)];
        if (step.key.data())
            path += (path.empty() ? "" : ".") + escaped(step.key, 60);
        else if (step.index != SIZE_MAX)
            path += "[" + std::to_string(step.index) + "]";
    }
    return escaped(path, 300);
}

std::string JsonReader::next_in_words() const {
    const char* at = at_;
    while (at != end_ && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) ++at;
    if (at == end_) return "the end of the text";
    if (*at == '{') return "an object";
    if (*at == '[') return "a list";
    const std::string_view rest(at, size_t(end_ - at));
    if (*at == '"') {
        size_t close = 1;
        while (close < rest.size() && close < 60 && rest[close] != '"') close += rest[close] == '\\' ? 2 : 1;
        return in_quotes(rest.substr(1, std::min(close, rest.size()) - 1));
    }
    const size_t length = rest.find_first_of(",:]} \n\t\r");
    return length == 0 ? in_quotes(rest.substr(0, 1)) : escaped(rest.substr(0, length), 40);
}

JsonReader::Kind JsonReader::kind() {
    skip_space();
    switch (at_ == end_ ? '\0' : *at_) {
        case '{':
            return Kind::object;
        case '[':
            return Kind::list;
        case '"':
            return Kind::text;
        case 't':
        case 'f':
            return Kind::boolean;
        case 'n':
            return Kind::null;
        default:
            return Kind::number;
    }
}

void JsonReader::enter(char bracket, const char* wanted) {
    skip_space();
    if (at_ == end_ || *at_ != bracket) refuse_next(wanted);
    if (depth_ == max_depth) refuse("a value nested deeper", "at most " + std::to_string(max_depth) + " levels");
    ++at_;
    path_[size_t(++depth_)] = {{}, SIZE_MAX};
}

bool JsonReader::leaves(char bracket) {
    skip_space();
    if (at_ == end_ || *at_ != bracket) return false;
    ++at_;
    return true;
}

bool JsonReader::goes_on(char bracket) {
    if (at_ != end_ && *at_ == ',') return ++at_, true;  // as json.dump(separators=(",", ":")) writes it
    if (leaves(bracket)) return false;
    if (leaves(',')) return true;
    refuse_next(bracket == '}' ? "a comma or }" : "a comma or ]");
}

std::string_view JsonReader::read_key() {
    skip_space();
    if (at_ == end_ || *at_ != '"') refuse_next("a key in double quotes");
    const char* begin = at_ + 1;
    const std::string_view name = read_string();
    path_[size_t(depth_)].key = {begin, size_t(at_ - 1 - begin)};
    skip_space();
    if (at_ == end_ || *at_ != ':') refuse_next("a colon after the key");
    ++at_;
    return name;
}

std::string_view JsonReader::read_string() {
    const char* begin = ++at_;
    bool is_plain = true, is_escaped = false;
    for (; at_ != end_ && *at_ != '"'; ++at_) {
        const unsigned char c = static_cast<unsigned char>(*at_);
        if (c >= 0x20 && c < 0x80 && c != '\\') continue;
        is_plain = false;
        if (c < 0x20) refuse("a control character in a text", "an escape like \\n");
        if (c != '\\') continue;
        is_escaped = true;
        if (++at_ == end_) break;
    }
    if (at_ == end_) refuse("a text without an end", "a closing double quote");
    std::string_view text(begin, size_t(at_++ - begin));
    if (is_escaped) text = unescape(text);
    if (!is_plain && !is_utf8(text)) refuse("a text " + in_quotes(text) + " that is not UTF-8", "UTF-8");
    return text;
}

std::string_view JsonReader::unescape(std::string_view raw) {
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const auto code_at = [&](size_t i) {
        uint32_t code = 0;
        const bool is_whole = i + 4 <= raw.size();
        const char* end = raw.data() + i + 4;
        if (!is_whole || std::from_chars(raw.data() + i, end, code, 16).ptr != end)
            refuse("a text with " + in_quotes(raw.substr(i - 2, 6)), "four hexadecimal digits after \\u");
        return code;
    };
    unescaped_.clear();
    for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\') {
            unescaped_ += raw[i];
            continue;
        }
        const char letter = raw[++i];
        if (letter == 'u') {
            uint32_t code = code_at(i + 1);
            i += 4;
            if (code >= 0xD800 && code < 0xDC00 && raw.substr(i + 1, 2) == "\\u") {
                const uint32_t low = code_at(i + 3);
                if (low >= 0xDC00 && low < 0xE000) code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00)), i += 6;
            }
            append_utf8(unescaped_, code);  // half of a pair is no UTF-8, and refused as such
        } else if (const size_t k = letters.find(letter); k != std::string_view::npos) {
            unescaped_ += meanings[k];
        } else {
            refuse("a text with the escape " + in_quotes(raw.substr(i - 1, 2)), "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
        }
    }
    return unescaped_;
}

std::string_view JsonReader::text() {
    skip_space();
    if (at_ == end_ || *at_ != '"') refuse_next("a text");
    return read_string();
}

double JsonReader::number() {
    skip_space();
    const char *begin = at_, *p = begin;
    const bool is_negative = p != end_ && *p == '-';
    p += is_negative;
    // The digits as one integer; more than 19 do not fit, and are left to slow_number().
    uint64_t digits = 0;
    const char* first = p;
    for (; p != end_ && is_digit(*p); ++p) digits = digits * 10 + uint64_t(*p - '0');
    ptrdiff_t count = p - first, power = 0;
    if (count == 0 || (*first == '0' && count > 1)) refuse_next("a number");
    if (p != end_ && *p == '.') {
        const char* fraction = ++p;
        for (; p != end_ && is_digit(*p); ++p) digits = digits * 10 + uint64_t(*p - '0');
        if (p == fraction) refuse_next("a number");
        power = fraction - p, count -= power;
    }
    if (p != end_ && (*p == 'e' || *p == 'E')) {
        ++p;
        p += p != end_ && (*p == '-' || *p == '+');
        const char* exponent = p;
        while (p != end_ && is_digit(*p)) ++p;
        if (p == exponent) refuse_next("a number");
        power = -max_power - 1;
    }
    if (p != end_ && (*p >= 'A' || *p == '-' || *p == '+' || *p == '.') && *p != ']' && *p != '}') refuse_next("a number");
    double value;
    // Both are exact, so their quotient is rounded once: Clinger 1990.
    if (count <= 19 && digits <= max_exact && power >= -max_power)
        value = (is_negative ? -1.0 : 1.0) * double(digits) / power_of_ten[-power];
    else
        value = slow_number(begin, p);
    at_ = p;
    return value;
}

double JsonReader::slow_number(const char* begin, const char* end) const {
    double value = 0.0;
    const std::errc error = std::from_chars(begin, end, value).ec;
    if (error == std::errc{}) return value;
    // Out of range is either too large or too close to zero.
    const std::string_view text(begin, size_t(end - begin));
    const size_t e = text.find_first_of("eE");
    const bool has_small_exponent = e != std::string_view::npos && text[e + 1] == '-';
    const bool is_small = has_small_exponent || text.find_first_of("123456789") > text.find('.');
    if (is_small) return text[0] == '-' ? -0.0 : 0.0;
    refuse(escaped(text, 40), "a number that a double can hold");
}

bool JsonReader::takes_word(std::string_view word) {
    if (size_t(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) return false;
    at_ += word.size();
    return true;
}

bool JsonReader::boolean() {
    skip_space();
    if (takes_word("true")) return true;
    if (takes_word("false")) return false;
    refuse_next("true or false");
}

void JsonReader::skip() {
    switch (kind()) {
        case Kind::object:
            return object([&](std::string_view) { skip(); });
        case Kind::list:
            return list([&](size_t) { skip(); });
        case Kind::text:
            read_string();
            return;
        case Kind::boolean:
            boolean();
            return;
        case Kind::null:
            if (!takes_word("null")) refuse_next("null");
            return;
        case Kind::number:
            number();
    }
}

void JsonReader::finish() {
    skip_space();
    if (at_ != end_) refuse(next_in_words() + " after the value", "the end of the text");
}

}  // namespace flockstep
