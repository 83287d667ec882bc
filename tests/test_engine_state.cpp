#include <algorithm>
#include <cmath>

#include "tests/test_engine.h"

/// Saving, restoring, reading and setting states.
namespace flockstep {
namespace {

/// Final observations are not state: a restored batch does not have the earlier ones.
BatchOptions plain(Device device, uint64_t seed = 7) {
    BatchOptions options = some_envs(5, seed);
    options.device = device, options.final_observation = FinalObservation::none;
    return options;
}

FieldValue with_value(const FieldInfo& info, int64_t num_envs) {
    return {info.name, info.dtype, info.shape(num_envs),
            std::vector<char>(size_t(num_envs * info.elements() * info.element_bytes))};
}

/// A batch on `to` that was restored from one on `from` continues identically.
void check_restore(const EngineCase& c, Device from, Device to) {
    const auto a = make(c, plain(from)), b = make(c, plain(to, 99));
    play(*a, 17), play(*b, 3);
    b->restore(a->save());
    CHECK(state_difference(*a, *b) == "");
    play(*a, 1), play(*b, 1);  // rewards and ends of the last step are not state
    CHECK(played_difference(*a, *b, 20) == "");
}
}  // namespace

TEST_CASE("every environment: a restored batch continues identically") {
    for (Device device : devices())
        for (const EngineCase& c : engine_cases()) DYNAMIC_SECTION(c.name << " on " << device.name()) {
                check_restore(c, device, device);
            }
}

TEST_CASE("every environment: a state saved on the CPU continues identically on the GPU, and back") {
    if (!gpu_is_there()) return;
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            check_restore(c, {-1}, {0});
            check_restore(c, {0}, {-1});
        }
    }
}

TEST_CASE("every environment: setting the fields that were read changes nothing") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto a = make(c, plain(device)), b = make(c, plain(device));
                play(*a, 9), play(*b, 9);
                std::vector<FieldValue> values;
                for (const FieldInfo& info : a->fields())
                    if (!info.derived) values.push_back(a->get_field(info.name));
                a->set_fields(values);
                for (size_t i = 0; i < a->observations().size(); ++i)
                    CHECK(host_bytes(*a, a->observations()[i]) == host_bytes(*b, b->observations()[i]));
                for (const char* name : {"active", "acts"})
                    CHECK(host_bytes(*a, a->output(name)) == host_bytes(*b, b->output(name)));
                play(*a, 1), play(*b, 1);
                CHECK(played_difference(*a, *b, 15) == "");
            }
        }
    }
}

TEST_CASE("fields: derived fields follow the fields that were set") {
    for (Device device : devices()) {
        const auto batch = make(engine_case("test_scenes"), plain(device));
        FieldValue scene = batch->get_field("scene");
        const auto goals = values_of<uint16_t>(batch->get_field("goal"));
        const uint16_t first = values_of<uint16_t>(scene)[0];
        for (int env = 0; env < 5; ++env) memcpy(scene.bytes.data() + 2 * env, &first, 2);
        batch->set_fields({scene});
        const auto same = values_of<uint16_t>(batch->get_field("goal"));
        const auto active = host_values<uint8_t>(*batch, batch->output("active"));
        for (size_t i = 0; i < same.size(); ++i) {
            CHECK(same[i] == goals[i % 64]);
            CHECK(active[i] == (goals[i % 64] > 0));
        }
    }
}

TEST_CASE("fields: a name, shape or type that does not fit gets one sentence, and nothing is set") {
    const auto batch = make(engine_case("cartpole"), plain({-1})), other = make(engine_case("cartpole"), plain({-1}));
    FieldValue body = batch->get_field("body");
    CHECK(body.shape == std::vector<int64_t>{5, 4});
    CHECK(body.dtype == DType::float32);
    FieldValue zeros = body, narrow = body, integers = body;
    std::fill(zeros.bytes.begin(), zeros.bytes.end(), char(0));
    narrow.shape = {5, 3}, narrow.bytes.resize(60), integers.dtype = DType::int32;
    const std::string unknown = error_of([&] { batch->get_field("bodies"); });
    CHECK(unknown.find("got \"bodies\", want one of: ") != std::string::npos);
    CHECK(unknown.find("body") != std::string::npos);
    CHECK(error_of([&] {
              batch->set_fields({zeros, narrow});
          }) == "field body: got float32 [5, 3], want float32 [5, 4]");
    CHECK(error_of([&] {
              batch->set_fields({zeros, integers});
          }) == "field body: got int32 [5, 4], want float32 [5, 4]");
    CHECK(state_difference(*batch, *other) == "");
}

namespace {
/// The error of set_fields and restore for a state in which number `at` of a field is `number`; both must give the same
/// error and change nothing.
template <class T>
std::string refusal(const EngineCase& c, const std::string& name, size_t at, T number, Device device = {-1}) {
    const auto batch = make(c, plain(device)), other = make(c, plain(device));
    FieldValue value = batch->get_field(name);
    memcpy(value.bytes.data() + at * sizeof(T), &number, sizeof(T));
    std::vector<FieldValue> saved = batch->save();
    bool is_saved = false;
    for (FieldValue& field : saved)
        if (field.name == name) field = value, is_saved = true;
    if (!is_saved) saved.push_back(value);
    const std::string error = error_of([&] { batch->set_fields({value}); });
    CHECK(error_of([&] { batch->restore(saved); }) == error);
    CHECK(state_difference(*batch, *other) == "");
    return error;
}
}  // namespace

TEST_CASE("state: numbers outside a field's limits are rejected with field, world, entry, value and expected range") {
    for (Device device : devices()) {
        const EngineCase &chain = engine_case("test_chain"), &cartpole = engine_case("cartpole");
        CHECK(refusal(chain, "at", 7, int32_t{12}, device) ==
              "field at of world 1, entry [2]: got 12, want an integer from -1 to 11");
        CHECK(refusal(chain, "next", 3, int32_t{-1}, device) ==
              "field next of world 0, entry [3]: got -1, want an integer from 0 to 11");
        CHECK(refusal(chain, "elapsed", 2, int32_t{13}, device) ==
              "field elapsed of world 2: got 13, want an integer from 0 to 12");
        CHECK(refusal(chain, "elapsed", 2, int32_t{-1000000000}, device) ==
              "field elapsed of world 2: got -1000000000, want an integer from 0 to 12");
        CHECK(refusal(chain, "energy", 0, std::nanf(""), device) ==
              "field energy of world 0, entry [0]: got nan, want a finite number");
        CHECK(refusal(cartpole, "body", 5, infinity, device) ==
              "field body of world 1, entry [1]: got inf, want a finite number");
    }
}

TEST_CASE("state: an impossible one is rejected with the rules' message") {
    for (Device device : devices())
        CHECK(refusal(engine_case("test_chain"), "next", 12, int32_t{0}, device) ==
              "state of world 1: next: got a ring of 1 places, want one of all 12");
}

TEST_CASE("state: derived fields cannot be set") {
    CHECK(refusal(engine_case("test_scenes"), "goal", 0, uint16_t{3}) ==
          "field goal: got values, want none: it is derived from the other fields");
}

TEST_CASE("pathfinding: a state in which an agent could leave the map, or meet another, is refused") {
    const EngineCase given = {"", "pathfinding",
                              settings_of({{"map", "..#.\n....\n.#.."},
                                           {"agents_xy", "[[0, 0], [2, 3]]"},
                                           {"targets_xy", "[[[0, 1], [1, 0]], [[2, 2], [1, 1], [0, 3]]]"},
                                           {"num_agents", "2"},
                                           {"on_target", "restart"}})};
    const auto cell = [](int row, int column) { return uint32_t(uint16_t(row)) | uint32_t(uint16_t(column)) << 16; };
    CHECK(refusal(given, "position", 0, cell(30000, 0)) ==
          "field position of world 0, entry [0, 0]: got 30000, want an integer from 0 to 3");
    CHECK(refusal(given, "position", 3, cell(0, 2)) ==
          "state of world 1: position of agent 1: got [0, 2], want a free cell of the map");
    CHECK(refusal(given, "position", 3, cell(3, 2)) ==
          "state of world 1: position of agent 1: got [3, 2], want a free cell of the map");
    CHECK(refusal(given, "position", 3, cell(0, 0)) ==
          "state of world 1: position of agent 1: got [0, 0], want a cell where no other agent stands");
    CHECK(refusal(given, "goal", 4, cell(2, 1)) ==
          "state of world 2: goal of agent 0: got [2, 1], want a free cell of the map");
    CHECK(refusal(given, "goal_number", 1, int32_t{3}) ==
          "state of world 0: goal_number of agent 1: got 3, want an integer from 0 to 2");
    CHECK(refusal(given, "num_present", 0, int32_t{1000000000}) ==
          "field num_present of world 0: got 1000000000, want an integer from 0 to 2");
    CHECK(refusal(given, "map_index", 0, int32_t{1}) ==
          "field map_index of world 0: got 1, want an integer from 0 to 0");
    CHECK(refusal(given, "map_size", 0, cell(2, 4)) ==
          "state of world 0: map_size: got [2, 4], want [3, 4] of map_index 0");
    CHECK(refusal(given, "walls", 0, uint32_t{0}) == "no error");  // beyond the wall: only seen
    CHECK(refusal(given, "walls", 4, uint32_t{0}).find("walls: got no obstacle at [-1, -1], want one there") !=
          std::string::npos);
    CHECK(refusal(given, "walls", 5, ~0u).find("walls: got an obstacle at [0, 0], want none there") !=
          std::string::npos);
    const EngineCase& oblong = engine_case("pathfinding oblong");  // 5 rows of 40 cells
    CHECK(refusal(oblong, "map_size", 1, cell(40, 40)) ==
          "state of world 1: map_size: got [40, 40], want at most [5, 40]");
    CHECK(refusal(engine_case("pathfinding restart, soft"), "walls", 4, uint32_t{0})
              .find("walls: got no obstacle at [-1, -1], want one there") != std::string::npos);
}

TEST_CASE("pathfinding: padding stays within the map's frame, because windows are read around every agent") {
    const EngineCase ragged = {
        "", "pathfinding", settings_of({{"height", "5"}, {"width", "40"}, {"num_agents", "8"}, {"min_agents", "1"}})};
    const auto present = values_of<int32_t>(make(ragged, plain({-1}))->get_field("num_present"));
    const size_t world =
        size_t(std::find_if(present.begin(), present.end(), [](int n) { return n < 8; }) - present.begin());
    REQUIRE(world < present.size());
    CHECK(refusal(ragged, "position", world * 8 + 7, uint32_t{39}) ==
          "state of world " + std::to_string(world) +
              ": position of agent 7: got [39, 0], want a cell of the map's frame");
}

TEST_CASE("restore: a state of other settings or without its seed is refused, and nothing changes") {
    const auto batch = make(engine_case("cartpole"), plain({-1})), other = make(engine_case("cartpole"), plain({-1}));
    std::vector<FieldValue> saved = other->save(), seedless = saved, bodiless = saved;
    const auto named = [](const char* name) { return [name](const FieldValue& v) { return v.name == name; }; };
    seedless.erase(std::find_if(seedless.begin(), seedless.end(), named("seed")));
    bodiless.erase(std::find_if(bodiless.begin(), bodiless.end(), named("body")));
    CHECK(error_of([&] { batch->restore(seedless); }) == "state: the seed is missing");
    CHECK(error_of([&] { batch->restore(bodiless); }).find("field body is missing") != std::string::npos);
    BatchOptions more = plain({-1});
    more.num_envs = 6;
    CHECK(error_of([&] { make(engine_case("cartpole"), more)->restore(saved); }).find("want") != std::string::npos);
    CHECK(played_difference(*batch, *other, 10) == "");
}

TEST_CASE("every environment: fields have the sizes that they are listed with") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            const auto batch = make(c, plain({-1}));
            for (const FieldInfo& info : batch->fields()) {
                const FieldValue value = batch->get_field(info.name), want = with_value(info, 5);
                CHECK(value.shape == want.shape);
                CHECK(value.bytes.size() == want.bytes.size());
                CHECK(info.element_bytes == info.components * size_of(info.dtype));
            }
        }
    }
}

}  // namespace flockstep
