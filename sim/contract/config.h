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
/// command-line flags, Python keywords, validation messages and the README's tables. All functions here are the host's.
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
///   settings.refuse_unread("pursuit", {"num_agents", "catch_reward"});  // nothing is left
namespace flockstep {

/// An item of a list.
using Scalar = std::variant<bool, int64_t, double, std::string>;
/// One value as a TOML file, a command line or Python gives it. A string is read as the type that the field wants; a
/// Text takes a list too, with commas between its items.
using Value = std::variant<bool, int64_t, double, std::string, std::vector<Scalar>>;

/// A text setting inside a Config: a pointer to an interned string that is never freed, so that a Config stays plain
/// data that kernels take by value. Only the host reads it. Making one takes a lock of the process and a hash lookup.
struct Text {
    const char* c_str = "";
    Text() = default;
    Text(const char* text);
    Text(const std::string& text);
    /// A copy.
    std::string str() const { return c_str; }
    /// Whether it is "", as by default.
    bool empty() const { return *c_str == 0; }
};

/// A list inside a Config, interned like a Text and for the same reason. Given as a list, or as a text with commas
/// between its items.
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
/// Lists that there are: of texts, and of integers that keep the field's rule one by one.
using TextList = List<std::string>;
using IntegerList = List<int64_t>;

/// What a field accepts: numbers from low to high, both included, and never NaN; a bool or a Text whatever it is. A
/// field of 32 bits or fewer needs bounds within its own type: the value is converted after the check, and wraps.
struct FieldRule {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    bool is_even = false;
    std::vector<const char*> names;  // for enums: name of value 0, 1, ...

    /// The same rule for even integers alone.
    FieldRule even() const {
        FieldRule rule = *this;
        rule.is_even = true;
        return rule;
    }
    /// The end of the sentence "got 15, want ...": "an even integer from 2 to 64", "a number >= 0", "red or blue".
    /// type: as in FieldDescription. An upper bound without a lower one is not shown.
    std::string wish(const char* type) const;
};
/// The rules that `fields` passes: any value of the field's type; low <= value <= high; value >= low; for an enum, the
/// names of its values 0, 1, ...
FieldRule any_value();
FieldRule between(double low, double high);
FieldRule at_least(double low);
FieldRule one_of(std::vector<const char*> names);

/// One field as help texts and tables show it. type: bool, integer, number, name, text or list; wish: what it accepts.
struct FieldDescription {
    std::string name, type, default_value, wish, help;
};

/// A key that nothing knows. The Python module makes an exception of it that is a TypeError as well.
class UnknownKey : public std::invalid_argument {
  public:
    UnknownKey(const std::string& sentence, std::string given)
        : std::invalid_argument(sentence), key(std::move(given)) {}
    std::string key;
};

/// Keys and values, sorted by key; knows which keys somebody has read, so that the rest can be refused.
class Settings {
  public:
    /// Adds or replaces a value; a key that was read stays read.
    void set(const std::string& key, Value value) { values_[key] = std::move(value); }
    /// Whether the key is there; does not count as reading it.
    bool has(const std::string& key) const { return values_.count(key) > 0; }
    /// The value of a key, which counts as read from now on, or null. The pointer lasts until the value is replaced.
    const Value* read(const std::string& key);
    /// All of them, read or not.
    const std::map<std::string, Value>& values() const { return values_; }
    /// Those that nobody has read.
    Settings unread() const;
    /// Throws an UnknownKey whose sentence begins with `where` and names the first key that was not read, and the
    /// nearest known one, if at most three letters differ.
    void refuse_unread(const std::string& where, const std::vector<std::string>& known) const;

  private:
    std::map<std::string, Value> values_;
    std::set<std::string> read_;
};

/// The sentence for a key that is none of `known`, with the nearest of them, if at most three letters differ. It begins
/// with `where`.
std::string unknown_key(const std::string& where, const std::string& key, const std::vector<std::string>& known);
/// "true", "17", "0.5" or the text itself; a list's items with commas between. A double that is a float gives the
/// shortest text that reads back as that float.
std::string to_text(const Value& value);
/// For a sentence: in double quotes, printable, on one line, cut after 200 bytes; as io/quote.h declares it.
std::string in_quotes(const std::string& text);

namespace detail {
bool convert_bool(const char* name, const Value& value);
int64_t convert_int(const char* name, const Value& value, const FieldRule& rule);
double convert_float(const char* name, const Value& value, const FieldRule& rule);
int convert_name(const char* name, const Value& value, const FieldRule& rule);
std::string convert_text(const char* name, const Value& value);
TextList convert_words(const char* name, const Value& value);
IntegerList convert_integers(const char* name, const Value& value, const FieldRule& rule);
template <class T>
inline constexpr bool is_list = std::is_same_v<T, TextList> || std::is_same_v<T, IntegerList>;

template <class T>
constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, bool>)
        return "bool";
    else if constexpr (std::is_enum_v<T>)
        return "name";
    else if constexpr (std::is_same_v<T, Text>)
        return "text";
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
    else if constexpr (std::is_same_v<T, Text>)
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

/// Visitor that takes the fields it is given from Settings and checks them against their rules.
struct FieldReader {
    Settings& settings;
    template <class T>
    void operator()(const char* name, T& field, const FieldRule& rule, const char*) {
        const Value* value = settings.read(name);
        if (!value) return;
        if constexpr (std::is_same_v<T, bool>)
            field = convert_bool(name, *value);
        else if constexpr (std::is_enum_v<T>)
            field = T(convert_name(name, *value, rule));
        else if constexpr (std::is_same_v<T, Text>)
            field = Text(convert_text(name, *value));
        else if constexpr (std::is_same_v<T, TextList>)
            field = convert_words(name, *value);
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
        list.push_back({name, type_name<T>(), to_text(to_value(field, rule)), rule.wish(type_name<T>()), help});
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

/// Fills a Config from the keys it knows; other keys stay unread, fields without a key stay as they are. Throws
/// std::invalid_argument, "num_agents: got 40, want an integer from 1 to 32", at the first value that its rule refuses;
/// fields before it are set by then.
template <class Config>
void read_config(Config& config, Settings& settings) {
    config.fields(detail::FieldReader{settings});
}
/// All fields with their present values. Floats become doubles by their shortest text: 0.1f is 0.1.
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

/// Fills a Config, and refuses keys that it does not have in a sentence that begins with `where`.
template <class Config>
void read_whole_config(Config& config, Settings& settings, const std::string& where) {
    read_config(config, settings);
    std::vector<std::string> known;
    for (const FieldDescription& field : describe_config<Config>()) known.push_back(field.name);
    settings.refuse_unread(where, known);
}

}  // namespace flockstep
