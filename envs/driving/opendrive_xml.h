#pragma once

#include <charconv>
#include <cmath>
#include <pugixml.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "io/quote.h"

/// Internal: elements of an OpenDRIVE file, with errors that say where. Needs pugixml.
namespace flockstep::opendrive {

/// What an error says of the file.
struct Source {
    std::string name;
    std::string_view text;
};

struct Bounds {
    double low, high;
    const char* words;  // "a length of 0 to 100 km"
};
constexpr Bounds any_number{-1e9, 1e9, "a number of at most 1e9"};

/// An XML element, which may be missing: then it has no attributes and no children.
class Element {
  public:
    Element(pugi::xml_node node, const Source& source) : node_(node), source_(&source) {}

    explicit operator bool() const { return bool(node_); }
    const char* name() const { return node_.name(); }

    Element child(const char* name) const { return {node_.child(name), *source_}; }
    template <class Visit>
    void each(const char* name, Visit visit) const {
        for (pugi::xml_node node = node_.child(name); node; node = node.next_sibling(name))
            visit(Element(node, *source_));
    }

    bool has(const char* attribute) const { return bool(node_.attribute(attribute)); }
    std::string text_or(const char* attribute, const char* fallback) const {
        return node_.attribute(attribute).as_string(fallback);
    }
    std::string text(const char* attribute) const {
        if (!has(attribute)) fail(attribute, "none", "this attribute");
        return text_or(attribute, "");
    }
    double number(const char* attribute, Bounds bounds = any_number) const {
        const std::string word = text(attribute);
        double value = 0;
        if (!parse(word, value) || !(value >= bounds.low && value <= bounds.high))
            fail(attribute, in_quotes(word), bounds.words);
        return value;
    }
    double number_or(const char* attribute, double fallback, Bounds bounds = any_number) const {
        return has(attribute) ? number(attribute, bounds) : fallback;
    }
    int integer(const char* attribute, int low, int high) const {
        const std::string word = text(attribute);
        int value = 0;
        if (!parse(word, value) || value < low || value > high)
            fail(attribute, in_quotes(word), "an integer in " + std::to_string(low) + ".." + std::to_string(high));
        return value;
    }

    /// Throws std::invalid_argument: `town.xodr line 12: <geometry> length: got "-3", want ...`.
    [[noreturn]] void fail(const std::string& what, const std::string& got, const std::string& want) const {
        const auto offset = static_cast<size_t>(node_.offset_debug() < 0 ? 0 : node_.offset_debug());
        const std::string_view before = source_->text.substr(0, offset);
        size_t line = 1;
        for (const char c : before) line += c == '\n';
        throw std::invalid_argument(path_text(source_->name) + " line " + std::to_string(line) + ": <" +
                                    escaped(node_.name(), 40) + "> " + what + ": got " + got + ", want " + want);
    }

  private:
    template <class Number>
    static bool parse(std::string_view word, Number& value) {
        constexpr std::string_view blank = " \t\r\n";
        while (!word.empty() && blank.find(word.front()) != word.npos) word.remove_prefix(1);
        while (!word.empty() && blank.find(word.back()) != word.npos) word.remove_suffix(1);
        if (word.size() > 1 && word.front() == '+' && word[1] != '-') word.remove_prefix(1);
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        return error == std::errc() && end == word.data() + word.size();
    }

    pugi::xml_node node_;
    const Source* source_;
};

}  // namespace flockstep::opendrive
