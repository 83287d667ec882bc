#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

/// Settings of environments and trainers: one `fields` visitor per Config struct is the only list behind TOML keys,
/// command-line flags, Python keywords, validation messages and the documentation's tables. Host only.
///
///   struct Config {
///       int num_agents = 3;
///       float catch_reward = 1.0f;
///       template <class F>
///       void fields(F f) {
///           f("num_agents", num_agents, between(1, 32), "chasers");
///           f("catch_reward", catch_reward, any_value(), "paid to each agent, once");
///       }
///   };
///   Settings settings;
///   settings.set("num_agents", int64_t{5});
///   Config config;
///   read_config(config, settings);                                      // config.num_agents == 5
///   settings.reject_unknown_keys("pursuit", {"num_agents", "catch_reward"});  // nothing is left
namespace flockstep {

/// An item of a list.
using Scalar = std::variant<bool, int64_t, double, std::string>;
/// One value from a TOML file, a command line or Python. A string is parsed as the field's type; an InternedString also
/// accepts a list, whose items are joined by commas.
using Value = std::variant<bool, int64_t, double, std::string, std::vector<Scalar>>;

/// A string setting inside a Config: a pointer to an interned string that is never freed, so that a Config stays plain
/// data that kernels take by value. Only the host reads it. Construction takes a process-wide lock and a hash lookup.
struct InternedString {
    const char* c_str = "";
    InternedString() = default;
    InternedString(const char* text);
    InternedString(const std::string& text);
    /// A copy.
    std::string str() const { return c_str; }
    /// Whether it is "", the default.
    bool empty() const { return *c_str == 0; }
};

/// A list inside a Config, interned like an InternedString and for the same reason. Settings give it as a list or as a
/// comma-separated string.
template <class T>
struct List {
    const std::vector<T>* items = &none;
    List() = default;
    List(std::vector<T> items);
    List(std::initializer_list<T> items) : List(std::vector<T>(items)) {}
    /// The items, in order; they are never freed.
    auto begin() const { return items->begin(); }
    auto end() const { return items->end(); }
    const T& operator[](size_t i) const { return (*items)[i]; }
    /// Number of items.
    size_t size() const { return items->size(); }

  private:
    static inline const std::vector<T> none{};
};
/// The supported lists: of strings, and of integers that each satisfy the field's rule.
using StringList = List<std::string>;
using IntegerList = List<int64_t>;

/// What a field accepts: numbers from low to high, inclusive, never NaN; any bool or string. A field of 32 bits or
/// fewer needs bounds within its type: the value is converted after the check, and would wrap.
struct FieldRule {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    bool is_even = false;
    std::vector<const char*> names;  // for enums: name of value 0, 1, ...

    /// The same rule for even integers only.
    FieldRule even() const {
        FieldRule rule = *this;
        rule.is_even = true;
        return rule;
    }
    /// The end of the message "got 15, want ...": "an even integer from 2 to 64", "a number >= 0", "red or blue".
    /// type: see FieldDescription. An upper bound without a lower one is not shown.
    std::string expected(const char* type) const;
};
/// Rules for `fields`: any value of the field's type; low <= value <= high; value >= low; for an enum, the names of its
/// values 0, 1, ...
FieldRule any_value();
FieldRule between(double low, double high);
FieldRule at_least(double low);
FieldRule one_of(std::vector<const char*> names);

/// One field, for help texts and tables. type: bool, integer, number, name, string or list; expected: what it accepts.
struct FieldDescription {
    std::string name, type, default_value, expected, help;
};

/// An unknown key. The Python module translates it to an exception that is also a TypeError.
class UnknownKey : public std::invalid_argument {
  public:
    UnknownKey(const std::string& message, std::string key) : std::invalid_argument(message), key(std::move(key)) {}
    std::string key;
};

/// Keys and values, sorted by key; tracks which keys have been read, so that the others can be rejected.
class Settings {
  public:
    /// Adds or replaces a value; a key that was read stays marked as read.
    void set(const std::string& key, Value value) { values_[key] = std::move(value); }
    /// Whether the key exists; does not mark it as read.
    bool has(const std::string& key) const { return values_.count(key) > 0; }
    /// The value of a key, which is marked as read, or null. The pointer is valid until the value is replaced.
    const Value* read(const std::string& key);
    /// All settings, read or not.
    const std::map<std::string, Value>& values() const { return values_; }
    /// The settings that have not been read.
    Settings unread() const;
    /// Throws an UnknownKey whose message starts with `where` and names the first unread key, and the closest known one
    /// within an edit distance of three.
    void reject_unknown_keys(const std::string& where, const std::vector<std::string>& known) const;

  private:
    std::map<std::string, Value> values_;
    std::set<std::string> read_;
};

/// The message for a key that is not in `known`, with the closest known key within an edit distance of three. It starts
/// with `where`.
std::string unknown_key(const std::string& where, const std::string& key, const std::vector<std::string>& known);
/// "true", "17", "0.5" or the string itself; a list as comma-separated items. A double that is exactly a float gives
/// the shortest decimal that parses back to that float.
std::string to_text(const Value& value);
/// For messages: in double quotes, printable, on one line, truncated to 200 bytes; declared in io/quote.h.
std::string in_quotes(const std::string& text);

namespace detail {
bool convert_bool(const char* name, const Value& value);
int64_t convert_int(const char* name, const Value& value, const FieldRule& rule);
double convert_float(const char* name, const Value& value, const FieldRule& rule);
int convert_enum(const char* name, const Value& value, const FieldRule& rule);
std::string convert_string(const char* name, const Value& value);
StringList convert_strings(const char* name, const Value& value);
IntegerList convert_integers(const char* name, const Value& value, const FieldRule& rule);
template <class T>
inline constexpr bool is_list = std::is_same_v<T, StringList> || std::is_same_v<T, IntegerList>;

template <class T>
constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, bool>)
        return "bool";
    else if constexpr (std::is_enum_v<T>)
        return "name";
    else if constexpr (std::is_same_v<T, InternedString>)
        return "string";
    else if constexpr (is_list<T>)
        return "list";
    else if constexpr (std::is_floating_point_v<T>)
        return "number";
    else
        return "integer";
}
template <class T>
Value to_value(const T& field, const FieldRule& rule) {
    if constexpr (std::is_same_v<T, bool>)
        return field;
    else if constexpr (std::is_enum_v<T>)
        return std::string(rule.names.at(size_t(field)));
    else if constexpr (std::is_same_v<T, InternedString>)
        return field.str();
    else if constexpr (is_list<T>)
        return to_text(Value(std::vector<Scalar>(field.begin(), field.end())));
    else if constexpr (std::is_same_v<T, float>)
        return std::stod(to_text(double(field)).c_str());
    else if constexpr (std::is_floating_point_v<T>)
        return double(field);
    else
        return int64_t(field);
}

/// Visitor that reads fields from Settings and checks them against their rules.
struct FieldReader {
    Settings& settings;
    template <class T>
    void operator()(const char* name, T& field, const FieldRule& rule, const char*) {
        const Value* value = settings.read(name);
        if (!value) return;
        if constexpr (std::is_same_v<T, bool>)
            field = convert_bool(name, *value);
        else if constexpr (std::is_enum_v<T>)
            field = T(convert_enum(name, *value, rule));
        else if constexpr (std::is_same_v<T, InternedString>)
            field = InternedString(convert_string(name, *value));
        else if constexpr (std::is_same_v<T, StringList>)
            field = convert_strings(name, *value);
        else if constexpr (std::is_same_v<T, IntegerList>)
            field = convert_integers(name, *value, rule);
        else if constexpr (std::is_floating_point_v<T>)
            field = T(convert_float(name, *value, rule));
        else
            field = T(convert_int(name, *value, rule));
    }
};
struct FieldLister {
    std::vector<FieldDescription>& list;
    template <class T>
    void operator()(const char* name, T& field, const FieldRule& rule, const char* help) {
        list.push_back({name, type_name<T>(), to_text(to_value(field, rule)), rule.expected(type_name<T>()), help});
    }
};
struct FieldWriter {
    Settings& settings;
    template <class T>
    void operator()(const char* name, T& field, const FieldRule& rule, const char*) {
        settings.set(name, to_value(field, rule));
    }
};
}  // namespace detail

/// Fills a Config from the keys it knows; other keys stay unread, fields without a key keep their values. Throws
/// std::invalid_argument, "num_agents: got 40, want an integer from 1 to 32", at the first invalid value; preceding
/// fields are already set then.
template <class Config>
void read_config(Config& config, Settings& settings) {
    config.fields(detail::FieldReader{settings});
}
/// All fields with their current values. Floats become doubles through their shortest decimal: 0.1f becomes 0.1.
template <class Config>
Settings write_config(Config config) {
    Settings settings;
    config.fields(detail::FieldWriter{settings});
    return settings;
}
/// All fields in the order of `fields`, with the values of a default-constructed Config.
template <class Config>
std::vector<FieldDescription> describe_config() {
    std::vector<FieldDescription> list;
    Config config;
    config.fields(detail::FieldLister{list});
    return list;
}

/// Fills a Config and rejects unknown keys with a message that starts with `where`.
template <class Config>
void read_whole_config(Config& config, Settings& settings, const std::string& where) {
    read_config(config, settings);
    std::vector<std::string> known;
    for (const FieldDescription& field : describe_config<Config>()) known.push_back(field.name);
    settings.reject_unknown_keys(where, known);
}

}  // namespace flockstep
