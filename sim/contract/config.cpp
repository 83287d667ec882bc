#include "sim/contract/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>
#include <set>
#include <stdexcept>
#include <unordered_set>

#include "io/quote.h"

namespace flockstep {

namespace {
const char* intern(const std::string& text) {
    static std::mutex mutex;
    static std::unordered_set<std::string> pool;  // never freed: a Config may outlive it otherwise
    const std::lock_guard lock(mutex);
    return pool.insert(text).first->c_str();
}

std::string number(double value) {
    if (value == std::floor(value) && std::abs(value) < 1e15) return std::to_string(int64_t(value));
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

/// A bound of an integer, with all digits.
std::string integer_text(double bound) {
    constexpr double beyond = 9223372036854775808.0;  // 2^63
    return std::to_string(bound >= beyond ? std::numeric_limits<int64_t>::max() : int64_t(bound));
}

[[noreturn]] void refuse(const char* name, const Value& value, const std::string& expected) {
    std::string got = to_text(value);
    if (std::holds_alternative<std::string>(value)) got = in_quotes(got);
    if (std::holds_alternative<std::vector<Scalar>>(value)) got = "[" + escaped(got) + "]";
    throw std::invalid_argument(std::string(name) + ": got " + got + ", want " + expected);
}

constexpr size_t max_typo_bytes = 100;  // longer keys get no suggestion

int edit_distance(const std::string& a, const std::string& b) {
    std::vector<int> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = int(j);
    for (size_t i = 1; i <= a.size(); ++i) {
        int diagonal = row[0];
        row[0] = int(i);
        for (size_t j = 1; j <= b.size(); ++j) {
            const int previous = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
            diagonal = previous;
        }
    }
    return row.back();
}
}  // namespace

template <class T>
List<T>::List(std::vector<T> given) {
    static std::mutex mutex;
    static std::set<std::vector<T>> pool;  // never freed, like strings
    const std::lock_guard lock(mutex);
    items = &*pool.insert(std::move(given)).first;
}
template struct List<std::string>;
template struct List<int64_t>;

InternedString::InternedString(const char* text) : c_str(intern(text)) {}
InternedString::InternedString(const std::string& text) : c_str(intern(text)) {}

FieldRule any_value() { return {}; }
FieldRule between(double low, double high) { return {low, high, false, {}}; }
FieldRule at_least(double low) {
    FieldRule rule;
    rule.low = low;
    return rule;
}
FieldRule one_of(std::vector<const char*> names) {
    FieldRule rule;
    rule.names = std::move(names);
    return rule;
}

std::string FieldRule::expected(const char* type) const {
    if (!names.empty()) {
        std::string list;
        for (size_t i = 0; i < names.size(); ++i)
            list += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + std::string(names[i]);
        return list;
    }
    const auto text = std::string(type) == "number" ? number : integer_text;
    const auto range = [&] {
        const bool is_bounded = std::isfinite(low) && std::isfinite(high);
        return is_bounded ? " from " + text(low) + " to " + text(high) : "";
    };
    if (std::string(type) == "list")
        return range().empty() ? "a list or a comma-separated string" : "integers" + range() + ", such as 64,64";
    const std::string kind = std::string(is_even ? "even " : "") + type;
    const std::string article = kind[0] == 'i' || kind[0] == 'e' ? "an " : "a ";
    if (!range().empty()) return article + kind + range();
    if (std::isfinite(low)) return article + kind + " >= " + text(low);
    return article + kind;
}

const Value* Settings::read(const std::string& key) {
    const auto found = values_.find(key);
    if (found == values_.end()) return nullptr;
    read_.insert(key);
    return &found->second;
}

Settings Settings::unread() const {
    Settings rest;
    for (const auto& [key, value] : values_)
        if (!read_.count(key)) rest.set(key, value);
    return rest;
}

std::string unknown_key(const std::string& where, const std::string& key, const std::vector<std::string>& known) {
    const std::string message = where + ": unknown key " + in_quotes(key);
    if (key.size() > max_typo_bytes) return message;
    const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
        return edit_distance(key, a) < edit_distance(key, b);
    });
    if (nearest == known.end() || edit_distance(key, *nearest) > 3) return message;
    return message + ", did you mean \"" + *nearest + "\"?";
}

void Settings::reject_unknown_keys(const std::string& where, const std::vector<std::string>& known) const {
    for (const auto& [key, value] : values_)
        if (!read_.count(key)) throw UnknownKey(unknown_key(where, key, known), key);
}

std::string to_text(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
    if (const auto* real = std::get_if<double>(&value)) {
        if (double(float(*real)) != *real) return number(*real);
        char buffer[32];  // the shortest decimal that parses back to the same float
        const auto end = std::to_chars(buffer, buffer + sizeof buffer, float(*real)).ptr;
        return {buffer, end};
    }
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    std::string joined;
    for (const Scalar& item : std::get<std::vector<Scalar>>(value))
        joined += (joined.empty() ? "" : ",") + std::visit([](const auto& v) { return to_text(Value(v)); }, item);
    return joined;
}

namespace detail {

bool convert_bool(const char* name, const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag;
    const std::string text = to_text(value);
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
    refuse(name, value, "true or false");
}

namespace {
/// The rule with its bounds limited to those of int64, so that messages show them.
FieldRule within_64_bits(FieldRule rule) {
    rule.low = std::max(rule.low, double(std::numeric_limits<int64_t>::min()));
    rule.high = std::min(rule.high, double(std::numeric_limits<int64_t>::max()));
    return rule;
}
}  // namespace

int64_t convert_int(const char* name, const Value& value, const FieldRule& rule) {
    int64_t result = 0;
    bool understood = true, is_beyond = false;  // is_beyond: an integer of more than 64 bits
    if (const auto* integer = std::get_if<int64_t>(&value)) {
        result = *integer;
    } else if (const auto* real = std::get_if<double>(&value)) {
        understood = *real == std::floor(*real) && std::abs(*real) < 9e15;
        if (understood) result = int64_t(*real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), result);
        const bool is_whole = end == text->data() + text->size() && !text->empty();
        understood = error == std::errc() && is_whole;
        is_beyond = error == std::errc::result_out_of_range && is_whole;
    } else {
        understood = false;
    }
    if (is_beyond) refuse(name, value, within_64_bits(rule).expected("integer"));
    if (!understood || double(result) < rule.low || double(result) > rule.high || (rule.is_even && result % 2 != 0))
        refuse(name, value, rule.expected("integer"));
    return result;
}

double convert_float(const char* name, const Value& value, const FieldRule& rule) {
    double result = 0;
    bool understood = true;
    if (const auto* integer = std::get_if<int64_t>(&value)) {
        result = double(*integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
        result = *real;
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), result);
        understood = error == std::errc() && end == text->data() + text->size() && !text->empty();
    } else {
        understood = false;
    }
    if (!understood || !(result >= rule.low && result <= rule.high)) refuse(name, value, rule.expected("number"));
    if (!std::isfinite(float(result)))
        refuse(name, value, "a finite" + rule.expected("number").substr(1) + ", at most 3.4e38");
    return result;
}

int convert_enum(const char* name, const Value& value, const FieldRule& rule) {
    const std::string text = to_text(value);
    for (size_t i = 0; i < rule.names.size(); ++i)
        if (text == rule.names[i]) return int(i);
    refuse(name, value, rule.expected("name"));
}

std::string convert_string(const char* name, const Value& value) {
    const bool is_text = std::holds_alternative<std::string>(value);
    if (!is_text && !std::holds_alternative<std::vector<Scalar>>(value)) refuse(name, value, "a string");
    std::string text = to_text(value);
    if (text.find('\0') != std::string::npos) refuse(name, value, "a string without zero bytes");
    return text;
}

namespace {
/// The items of a list or of a comma-separated string, with surrounding whitespace removed.
std::vector<Value> items_of(const Value& value) {
    std::vector<Value> items;
    if (const auto* list = std::get_if<std::vector<Scalar>>(&value)) {
        for (const Scalar& item : *list) items.push_back(std::visit([](const auto& v) { return Value(v); }, item));
        return items;
    }
    const std::string text = to_text(value);
    for (size_t begin = 0; begin < text.size();) {
        const size_t comma = std::min(text.find(',', begin), text.size());
        const size_t first = std::min(text.find_first_not_of(" \t", begin), comma);
        const size_t last = text.find_last_not_of(" \t", comma - 1);
        items.push_back(first < comma ? text.substr(first, last + 1 - first) : std::string());
        begin = comma + 1;
    }
    return items;
}
}  // namespace

StringList convert_strings(const char* name, const Value& value) {
    const bool is_text = std::holds_alternative<std::string>(value);
    if (!is_text && !std::holds_alternative<std::vector<Scalar>>(value))
        refuse(name, value, FieldRule{}.expected("list"));
    std::vector<std::string> words;
    for (const Value& item : items_of(value))
        if (std::string word = to_text(item); !word.empty()) words.push_back(std::move(word));
    return words;
}

IntegerList convert_integers(const char* name, const Value& value, const FieldRule& rule) {
    std::vector<int64_t> integers;
    for (const Value& item : items_of(value)) {
        try {
            integers.push_back(convert_int(name, item, rule));
        } catch (const std::invalid_argument&) {
            refuse(name, value, rule.expected("list"));
        }
    }
    if (integers.empty()) refuse(name, value, rule.expected("list"));
    return integers;
}

}  // namespace detail
}  // namespace flockstep
