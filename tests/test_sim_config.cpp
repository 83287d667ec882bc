#include "sim/contract/config.h"
#include "sim/engine/memory.h"
#include "sim/engine/registry.h"
#include "tests/test_engine.h"

/// Errors in settings, devices and memory are one sentence: name, what was given, what was expected.
namespace flockstep {
namespace {

enum class Weather : int { dry, wet };
struct Sample {
    int agents = 4;
    float share = 0.1f;
    bool loud = false;
    Weather weather = Weather::wet;
    InternedString file = "none";
    uint64_t seed = 5;
    IntegerList widths{64, 64};
    StringList names;
    template <class F>
    void fields(F f) {
        f("agents", agents, between(2, 10).even(), "how many");
        f("share", share, between(0, 1), "a share");
        f("loud", loud, any_value(), "a flag");
        f("weather", weather, one_of({"dry", "wet"}), "a name");
        f("file", file, any_value(), "a string");
        f("seed", seed, at_least(0), "a seed");
        f("widths", widths, between(1, 100), "integers");
        f("names", names, any_value(), "texts");
    }
};

Sample read(const std::string& key, Value value) {
    Settings settings;
    settings.set(key, std::move(value));
    Sample sample;
    read_config(sample, settings);
    return sample;
}
std::string refusal(const std::string& key, Value value) {
    return error_of([&] { read(key, value); });
}
std::string make_error(const std::string& environment, const std::map<std::string, std::string>& settings) {
    return error_of([&] { make({"", environment, settings_of(settings)}, some_envs(2)); });
}
}  // namespace

TEST_CASE("settings: values of every type are read, also from strings") {
    CHECK(read("agents", int64_t{8}).agents == 8);
    CHECK(read("agents", 8.0).agents == 8);
    CHECK(read("agents", std::string("8")).agents == 8);
    CHECK(read("share", std::string("0.25")).share == 0.25f);
    CHECK(read("share", int64_t{1}).share == 1.0f);
    CHECK(read("loud", true).loud);
    CHECK(read("loud", std::string("true")).loud);
    CHECK(read("weather", std::string("dry")).weather == Weather::dry);
    CHECK(read("file", std::string("map.txt")).file.str() == "map.txt");
    CHECK(read("file", std::vector<Scalar>{int64_t{1}, 0.5}).file.str() == "1,0.5");
    for (const Value& value : {Value(std::string("16, 8")), Value(std::vector<Scalar>{int64_t{16}, std::string("8")})})
        CHECK(*read("widths", value).widths.items == std::vector<int64_t>{16, 8});
    for (const Value& value :
         {Value(std::string(" a,b c ,")), Value(std::vector<Scalar>{std::string("a"), std::string("b c")})})
        CHECK(*read("names", value).names.items == std::vector<std::string>{"a", "b c"});
    CHECK(read("names", std::string()).names.size() == 0);
    CHECK(IntegerList{3, 4}.items == IntegerList{3, 4}.items);  // interned: equal lists are one
}

TEST_CASE("settings: what does not fit gets one sentence") {
    CHECK(refusal("agents", int64_t{7}) == "agents: got 7, want an even integer from 2 to 10");
    CHECK(refusal("agents", int64_t{12}) == "agents: got 12, want an even integer from 2 to 10");
    CHECK(refusal("agents", 2.5) == "agents: got 2.5, want an even integer from 2 to 10");
    CHECK(refusal("agents", true) == "agents: got true, want an even integer from 2 to 10");
    CHECK(refusal("agents", std::string("8x")) == "agents: got \"8x\", want an even integer from 2 to 10");
    CHECK(refusal("agents", std::string("")) == "agents: got \"\", want an even integer from 2 to 10");
    CHECK(refusal("share", 1.5) == "share: got 1.5, want a number from 0 to 1");
    CHECK(refusal("share", std::string("nan")) == "share: got \"nan\", want a number from 0 to 1");
    CHECK(refusal("loud", std::string("maybe")) == "loud: got \"maybe\", want true or false");
    CHECK(refusal("weather", std::string("hail")) == "weather: got \"hail\", want dry or wet");
    CHECK(refusal("file", int64_t{3}) == "file: got 3, want a string");
    for (const char* text : {"64,x", "64,,64", "0,1", ""})
        CHECK(refusal("widths", std::string(text)) ==
              "widths: got \"" + std::string(text) + "\", want integers from 1 to 100, such as 64,64");
    CHECK(refusal("widths", std::vector<Scalar>{int64_t{64}, int64_t{200}}) ==
          "widths: got [64,200], want integers from 1 to 100, such as 64,64");
    CHECK(refusal("names", int64_t{3}) == "names: got 3, want a list or a comma-separated string");
    CHECK(refusal("agents", std::vector<Scalar>{int64_t{8}}) == "agents: got [8], want an even integer from 2 to 10");
    CHECK(refusal("seed", int64_t{-1}) == "seed: got -1, want an integer >= 0");
    CHECK(refusal("weather", std::string("hail\r\n\tsnow")) == "weather: got \"hail\\r\\n\\tsnow\", want dry or wet");
    const std::string beyond = "got \"9223372036854775808\", want an integer from ";
    CHECK(refusal("seed", std::string("9223372036854775808")) == "seed: " + beyond + "0 to 9223372036854775807");
    CHECK(refusal("agents", std::string("9223372036854775808")) ==
          "agents: got \"9223372036854775808\", want an even integer from 2 to 10");
    CHECK(refusal("weather", std::string("\xff\x1b")) == "weather: got \"\\xff\\x1b\", want dry or wet");
    CHECK(refusal("file", std::string("a\0b", 3)) == "file: got \"a\\x00b\", want a string without zero bytes");
    CHECK(in_quotes(std::string(200, 'x')) == "\"" + std::string(200, 'x') + "\"");
    CHECK(in_quotes(std::string(199, 'x') + "\xC3\xA4") == "\"" + std::string(199, 'x') + "...\"");
}

TEST_CASE("settings: written and read again they are the same, and listed with their defaults") {
    Settings settings = write_config(Sample{});
    Sample again;
    again.agents = 10, again.share = 0, again.seed = 0;
    read_config(again, settings);
    CHECK(again.agents == 4);
    CHECK(again.share == 0.1f);
    CHECK(again.seed == 5);
    CHECK(std::get<std::string>(settings.values().at("widths")) == "64,64");
    const auto fields = describe_config<Sample>();
    REQUIRE(fields.size() == 8);
    CHECK(fields[0].default_value == "4");
    CHECK(fields[1].default_value == "0.1");
    CHECK(fields[3].default_value == "wet");
    CHECK(fields[3].expected == "dry or wet");
    CHECK(fields[6].default_value == "64,64");
    CHECK(fields[6].type == std::string("list"));
    CHECK(fields[7].expected == "a list or a comma-separated string");
}

TEST_CASE("environments: settings that do not exist or do not fit get one sentence") {
    CHECK(make_error("cartpole", {{"max_steps", "3"}}).rfind("cartpole: unknown key \"max_steps\"", 0) == 0);
    CHECK(make_error("pathfinding", {{"num_agent", "3"}}) ==
          "pathfinding: unknown key \"num_agent\", did you mean \"num_agents\"?");
    CHECK(make_error("cartpole", {{"max_episode_steps", "0"}}) ==
          "max_episode_steps: got \"0\", want an integer from 1 to 8388608");
    const std::string unknown = make_error("chess", {});
    CHECK(unknown.rfind("environment: got \"chess\", want one of: ", 0) == 0);
    CHECK(unknown.find("cartpole") != std::string::npos);
    CHECK(unknown.find("test_") == std::string::npos);
}

TEST_CASE("devices: an unknown name gets one sentence") {
    CHECK(error_of([] { find_device("gpu"); }).rfind("device: got \"gpu\", want auto, cpu, cuda or cuda:N", 0) == 0);
    CHECK(error_of([] { find_device("cuda:x"); }).rfind("device: got \"cuda:x\", want auto", 0) == 0);
    CHECK(find_device("cpu") == Device{-1});
    CHECK(error_of([] { find_device("cuda:99"); }).rfind("device: got \"cuda:99\", which cannot be used: ", 0) == 0);
    if (cuda_unavailable_reason(0).empty()) return;
    CHECK(find_device("auto") == Device{-1});
    CHECK(error_of([] { make(engine_case("cartpole"), on_gpu(some_envs(2))); }) ==
          "device: got \"cuda:0\", which cannot be used: " + cuda_unavailable_reason(0));
}

TEST_CASE("memory: a batch that is far too large gets one sentence with what it needs and what is free") {
    const EngineCase large = {"", "pathfinding", settings_of({{"num_agents", "1024"}, {"size", "128"}})};
    for (Device device : devices()) {
        BatchOptions options;
        options.device = device, options.num_envs = 1 << 30;
        const std::string sentence = error_of([&] { make(large, options); });
        INFO(sentence);
        CHECK(sentence.rfind("memory: ", 0) == 0);
        CHECK(sentence.find(" needs ") != std::string::npos);
        CHECK(sentence.find("free") != std::string::npos);
        CHECK(sentence.find('\n') == std::string::npos);
        CHECK(error_of([&] {
                  make(engine_case("cartpole"), options.device.is_cuda() ? on_gpu(some_envs(4)) : some_envs(4));
              }) == "no error");
    }
}

}  // namespace flockstep
