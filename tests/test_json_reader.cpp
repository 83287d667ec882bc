#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "io/json.h"
#include "io/json_reader.h"
#include "tests/catch.h"

using namespace flockstep;

namespace {

/// The message of the std::invalid_argument that `read(reader)` throws, or "no error".
template <class F>
std::string error_of(std::string_view text, F read) {
    try {
        JsonReader json(text, "a.json");
        read(json);
        json.finish();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}
std::string skip_error(std::string_view text) {
    return error_of(text, [](JsonReader& json) { json.skip(); });
}

double number_of(const std::string& text) {
    JsonReader json(text, "a.json");
    const double value = json.number();
    json.finish();
    return value;
}

std::string text_of(const std::string& text) {
    JsonReader json(text, "a.json");
    return std::string(json.text());
}

}  // namespace

TEST_CASE("JSON reader: numbers are rounded as strtod rounds them") {
    std::mt19937_64 random(1);
    char text[64];
    for (int k = 0; k < 100000; ++k) {
        const char* const forms[] = {"%.4f", "%.15g", "%.17g", "%.9e", "%.12f", "%.0f"};
        const double value = std::ldexp(double(int64_t(random())) / 1e3, int(random() % 80) - 60);
        std::snprintf(text, sizeof text, forms[k % 6], value);
        REQUIRE(number_of(text) == std::strtod(text, nullptr));
    }
    for (const char* each : {"0", "-0", "1e22", "1e23", "123456789012345678901234567890", "9007199254740993",
                             "4.9e-324", "1.7976931348623157e308", "0.1e1", "1E+2", "-2.5e-3", "9007199254740993.0e0"})
        CHECK(number_of(each) == std::strtod(each, nullptr));
    CHECK(std::signbit(number_of("-0.0")));
    CHECK(number_of("1e-400") == 0.0);
    CHECK(number_of("-0." + std::string(400, '0') + "1") == 0.0);
}

TEST_CASE("JSON reader: what is no number is refused in one sentence") {
    const auto error = [](std::string_view text) { return error_of(text, [](JsonReader& json) { json.number(); }); };
    CHECK(error("NaN") == "a.json: got NaN, want a number");
    CHECK(error("-Infinity") == "a.json: got -Infinity, want a number");
    CHECK(error("\"12\"") == "a.json: got \"12\", want a number");
    CHECK(error("null") == "a.json: got null, want a number");
    CHECK(error("") == "a.json: got the end of the text, want a number");
    CHECK(error("1e999") == "a.json: got 1e999, want a number that a double can hold");
    for (const char* each : {"01", "1.", ".5", "+1", "1e", "1e+", "--1", "1.2.3", "0x10", "1a", "1-2"})
        CHECK(error(each) == "a.json: got " + std::string(each) + ", want a number");
}

TEST_CASE("JSON reader: texts are unescaped, and must be UTF-8") {
    CHECK(text_of(R"("a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")") == "a\"\\/\b\f\n\r\t\xC3\xA9\xF0\x9F\x98\x80");
    CHECK(text_of("\"\xC3\xA9\"") == "\xC3\xA9");
    CHECK(skip_error("\"\xFF\"") == "a.json: got a text \"\\xff\" that is not UTF-8, want UTF-8");
    CHECK(skip_error(R"("\ud83d")").find("that is not UTF-8, want UTF-8") != std::string::npos);
    CHECK(skip_error(R"("\u12g4")") == R"(a.json: got a text with "\u12g4", want four hexadecimal digits after \u)");
    CHECK(skip_error(R"("\x")") ==
          R"(a.json: got a text with the escape "\x", want one of \" \\ \/ \b \f \n \r \t \u)");
    CHECK(skip_error("\"a\nb\"") == "a.json: got a control character in a text, want an escape like \\n");
    CHECK(skip_error("\"abc") == "a.json: got a text without an end, want a closing double quote");
    CHECK(skip_error("\"abc\\") == "a.json: got a text without an end, want a closing double quote");
}

TEST_CASE("JSON reader: messages say where") {
    const auto error = [](std::string_view text) {
        return error_of(text, [](JsonReader& json) {
            json.object([&](std::string_view key) {
                if (key != "rows") return json.skip();
                json.list([&](size_t) { json.object([&](std::string_view) { json.number(); }); });
            });
        });
    };
    CHECK(error(R"({"other": [1, {"a": null}], "rows": [{"x": 1}, {"x": 2, "y": 3}]})") == "no error");
    CHECK(error(R"({"rows": [{"x": 1}, {"x": 2, "y": true}]})") == "a.json: rows[1].y: got true, want a number");
    CHECK(error(R"({"rows": [{"x": 1}, 7]})") == "a.json: rows[1]: got 7, want an object");
    CHECK(error(R"({"rows": {}})") == "a.json: rows: got an object, want a list");
    CHECK(error(R"({"rows": [{"x": 1} {"x": 2}]})") == "a.json: rows[0]: got an object, want a comma or ]");
    CHECK(error(R"({"rows": [{"x" 1}]})") == "a.json: rows[0].x: got 1, want a colon after the key");
    CHECK(error(R"({"rows": [{x: 1}]})") == "a.json: rows[0]: got x, want a key in double quotes");
    CHECK(error(R"({"rows": [{"x": 1},]})") == "a.json: rows[1]: got \"]\", want an object");
    CHECK(error(R"({"a\"b": nul})") == R"(a.json: a\"b: got nul, want null)");
    CHECK(error("{} x") == "a.json: got x after the value, want the end of the text");
    CHECK(error("[]") == "a.json: got a list, want an object");
}

TEST_CASE("JSON reader: nesting is limited, and a byte order mark is passed over") {
    CHECK(skip_error(std::string(64, '[') + std::string(64, ']')) == "no error");
    CHECK(skip_error(std::string(100000, '[')).ends_with("got a value nested deeper, want at most 64 levels"));
    CHECK(skip_error("\xEF\xBB\xBF{}") == "no error");
    CHECK(skip_error("\xEF\xBB{}") != "no error");
}

TEST_CASE("JSON reader: takes exactly the texts that nlohmann-json takes") {
    std::mt19937 random(3);
    const std::string letters = "[]{},:\"\\ 01.-e+truefalsn/u\n";
    const std::string start = R"({"a": [1, -2.5e3, "t\u00e9\n"], "b": {"c": null, "d": true}, "e": [], "f": {}})";
    int taken = 0;
    for (int k = 0; k < 200000; ++k) {
        std::string text = start;
        for (uint32_t edits = 1 + random() % 3; edits > 0; --edits) {
            const size_t at = random() % text.size();
            const uint32_t kind = random() % 3;
            if (kind == 0) text[at] = letters[random() % letters.size()];
            if (kind == 1) text.erase(at, 1 + random() % 3);
            if (kind == 2) text.insert(at, 1, letters[random() % letters.size()]);
            if (text.empty()) text = " ";
        }
        const bool is_json = nlohmann::json::accept(text);
        INFO(text);
        REQUIRE((skip_error(text) == "no error") == is_json);
        taken += is_json;
    }
    CHECK(taken > 1000);
}
