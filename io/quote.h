#pragma once

#include <string>
#include <string_view>

/// Untrusted text for error messages. For any input bytes, the result is valid UTF-8 on one line, without control
/// characters.
namespace flockstep {

/// Length in bytes of the UTF-8 character at the start of `text`; 0 for an empty text, an invalid byte, an overlong
/// form or a surrogate.
size_t character_length(std::string_view text);
/// Whether the whole text is valid UTF-8.
bool is_utf8(std::string_view text);

/// Escapes line ends and tabs as \n, \r and \t, other control characters and invalid bytes as \xNN, and truncates after
/// `most` bytes with "...". Idempotent.
std::string escaped(std::string_view text, size_t most = 200);
/// The same in double quotes: "a value\n".
std::string in_quotes(const std::string& text);
std::string in_quotes(std::string_view text);
/// The character at byte `at`, in double quotes.
std::string character_at(std::string_view text, size_t at);
/// A path, or another source of text, as a message prefix: escaped, without quotes, truncated after 1,000 bytes.
std::string path_text(std::string_view path);

}  // namespace flockstep
