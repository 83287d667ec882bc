#include "io/quote.h"

#include <algorithm>
#include <cstdint>

namespace flockstep {

namespace {
/// A UTF-8 sequence of `length` bytes at the front of `text`, decoded; 0 where a byte is wrong.
uint32_t decode(std::string_view text, size_t length) {
    uint32_t code = uint8_t(text[0]) & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((uint8_t(text[i]) & 0xC0) != 0x80) return 0;
        code = code << 6 | (uint8_t(text[i]) & 0x3F);
    }
    return code;
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and marks that reorder the text around them.
bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

uint32_t code_at(std::string_view text, size_t length) { return length == 1 ? uint8_t(text[0]) : decode(text, length); }

void append_escaped(std::string& result, std::string_view bytes) {
    constexpr const char* digits = "0123456789abcdef";
    for (const char c : bytes) {
        if (c == '\n')
            result += "\\n";
        else if (c == '\r')
            result += "\\r";
        else if (c == '\t')
            result += "\\t";
        else
            result += {'\\', 'x', digits[uint8_t(c) >> 4], digits[uint8_t(c) & 15]};
    }
}
}  // namespace

size_t character_length(std::string_view text) {
    if (text.empty()) return 0;
    const uint8_t first = uint8_t(text[0]);
    if (first < 0x80) return 1;
    const size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint32_t code = decode(text, length);
    const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < least[length] || code > 0x10FFFF || is_surrogate ? 0 : length;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const size_t length = character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string escaped(std::string_view text, size_t most) {
    std::string result;
    for (size_t at = 0; at < text.size();) {
        const std::string_view rest = text.substr(at);
        const size_t length = character_length(rest), step = std::max<size_t>(length, 1);
        if (at + step > most) return result + "...";
        if (length == 0 || is_control(code_at(rest, length)))
            append_escaped(result, rest.substr(0, step));
        else
            result += rest.substr(0, step);
        at += step;
    }
    return result;
}

std::string in_quotes(const std::string& text) { return in_quotes(std::string_view(text)); }
std::string in_quotes(std::string_view text) { return '"' + escaped(text) + '"'; }

std::string character_at(std::string_view text, size_t at) {
    const std::string_view rest = text.substr(at);
    return in_quotes(rest.substr(0, std::max<size_t>(character_length(rest), 1)));
}

std::string path_text(std::string_view path) { return escaped(path, 1000); }

}  // namespace flockstep
