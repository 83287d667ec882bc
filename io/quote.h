#pragma once

#include <string>
#include <string_view>

/// Text from outside, made fit for a sentence: whatever bytes a file or a command line holds, the result is
/// valid UTF-8 on one line, and sends nothing to a terminal but characters.
namespace flockstep {

/// Number of bytes of the UTF-8 character at the front of `text`; 0 where there is none: an empty text, a byte that is
/// not UTF-8, an overlong form or a surrogate.
size_t character_length(std::string_view text);
/// Whether all of it is valid UTF-8.
bool is_utf8(std::string_view text);

/// Line ends and tabs become \n, \r and \t, other control characters and bytes that are not UTF-8 \xNN, and after
/// `most` bytes the rest becomes "...". What is escaped once stays as it is the second time.
std::string escaped(std::string_view text, size_t most = 200);
/// The same in double quotes: "a value\n".
std::string in_quotes(const std::string& text);
std::string in_quotes(std::string_view text);
/// The character that begins at byte `at`, in double quotes: what to show of a map's row.
std::string character_at(std::string_view text, size_t at);
/// A path or a source of text in front of a sentence: escaped, without quotes, cut after 1,000 bytes.
std::string path_text(std::string_view path);

}  // namespace flockstep
