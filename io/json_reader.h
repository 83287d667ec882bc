#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// JSON read in one pass, straight into a program's own structures: no tree, no allocation but for what the caller
/// keeps. About ten times as fast as parsing to a tree where most of a file is numbers.
///
///   JsonReader json(text, "scene.json");
///   json.object([&](std::string_view key) {
///       if (key == "width") width = json.number();
///       else if (key == "valid") json.list([&](size_t) { valid.push_back(json.boolean()); });
///       else json.skip();
///   });
///   json.finish();
namespace flockstep {

/// Reads untrusted JSON (RFC 8259). Everything below throws std::invalid_argument for text that is not JSON and for a
/// value of another kind than the one asked for: `scene.json: objects[3].width: got "wide", want a number`. NaN and
/// Infinity, which Python writes, are refused like other words.
class JsonReader {
  public:
    /// `text` must outlive the reader. source: where it comes from, the start of messages; escaped there.
    JsonReader(std::string_view text, std::string_view source);

    enum class Kind { null, boolean, number, text, list, object };
    /// The kind of the value that comes next, judged by its first character.
    Kind kind();

    /// Reads a number, correctly rounded. Throws for one beyond the range of a double.
    double number();
    /// Reads true or false.
    bool boolean();
    /// Reads a text, unescaped. Valid UTF-8. The view is good until the reader is used again.
    std::string_view text();
    /// Reads over any value, nested at most max_depth deep in all.
    void skip();
    /// Reads an object: f(key) for each member, in the text's order, and must read its value. Keys may repeat. The key is
    /// good until the reader is used again.
    template <class F>
    void object(F f) {
        enter('{', "an object");
        for (bool more = !leaves('}'); more; more = goes_on('}')) {
            const std::string_view name = read_key();
            f(name);
        }
        --depth_;
    }
    /// Reads a list: f(index) for each item, which must read it.
    template <class F>
    void list(F f) {
        enter('[', "a list");
        size_t index = 0;
        for (bool more = !leaves(']'); more; more = goes_on(']')) {
            path_[depth_].index = index;
            f(index++);
        }
        --depth_;
    }
    /// Throws unless nothing but whitespace follows.
    void finish();

    /// Where the reader is: `objects[3].width`; "" outside of all objects and lists.
    std::string path() const;
    /// The next value in words, for messages: `12`, `"a text"`, `a list`. Does not read it.
    std::string next_in_words() const;
    /// Throws std::invalid_argument: `source: path: got ..., want ...`.
    [[noreturn]] void refuse(const std::string& got, const std::string& want) const;

    static constexpr int max_depth = 64;

  private:
    struct Step {
        std::string_view key;  // as in the text; null data: a list
        size_t index;
    };
    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    void enter(char bracket, const char* wanted);
    bool leaves(char bracket);
    bool goes_on(char bracket);
    std::string_view read_key();
    std::string_view read_string();
    std::string_view unescape(std::string_view raw);
    bool takes_word(std::string_view word);
    double slow_number(const char* begin, const char* end) const;
    [[noreturn]] void refuse_next(const char* wanted) const;

    std::string source_, unescaped_;
    const char *at_, *end_;
    int depth_ = 0;
    std::array<Step, max_depth + 1> path_{};
};

}  // namespace flockstep
