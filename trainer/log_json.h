#pragma once

#include <string>

#include "sim/contract/config.h"

namespace flockstep {

/// One JSON object, built field by field in the order of the calls; numbers are written so that they read back exactly.
class JsonObject {
  public:
    JsonObject& add(const std::string& name, const Value& value);
    JsonObject& add(const std::string& name, double value) { return add(name, Value(value)); }
    JsonObject& add(const std::string& name, int64_t value) { return add(name, Value(value)); }
    JsonObject& add(const std::string& name, int value) { return add(name, Value(int64_t(value))); }
    JsonObject& add(const std::string& name, const char* value) { return add(name, Value(std::string(value))); }
    /// `json` is JSON already: an object or an array.
    JsonObject& add_json(const std::string& name, const std::string& json);
    JsonObject& add_all(const Settings& settings);
    /// `{"a": 1, "b": "x"}`, on one line.
    std::string text() const { return "{" + body_ + "}"; }

  private:
    std::string body_;
};

/// A JSON string with its quotes.
std::string json_string(const std::string& text);
/// A JSON number; null where it is not finite.
std::string json_number(double value);

}  // namespace flockstep
