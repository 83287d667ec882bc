#include <algorithm>

#include "tests/test_engine.h"

/// States that are saved, restored, read and set from outside.
namespace flockstep {
namespace {

/// Final observations are not state: a batch that goes on elsewhere does not know those of before.
BatchOptions plain(Device device, uint64_t seed = 7) {
    BatchOptions options = some_envs(5, seed);
    options.device = device, options.final_observation = FinalObservation::none;
    return options;
}

FieldValue with_value(const FieldInfo& info, int64_t num_envs) {
    FieldValue value{info.name, info.dtype, {num_envs}, {}};
    value.shape.insert(value.shape.end(), info.counts.begin(), info.counts.end());
    if (info.components > 1) value.shape.push_back(info.components);
    value.bytes.resize(size_t(num_envs * info.elements() * info.element_bytes));
    return value;
}

/// A batch on `to` that was restored from one on `from` goes on as that one does.
void check_restore(const EngineCase& c, Device from, Device to) {
    const auto a = make(c, plain(from)), b = make(c, plain(to, 99));
    play(*a, 17), play(*b, 3);
    b->restore(a->save());
    CHECK(state_difference(*a, *b) == "");
    play(*a, 1), play(*b, 1);  // rewards and ends of the last step are not state
    CHECK(played_difference(*a, *b, 20) == "");
}
}  // namespace

TEST_CASE("every environment: what was restored goes on identically") {
    for (Device device : devices())
        for (const EngineCase& c : engine_cases()) DYNAMIC_SECTION(c.name << " on " << device.name()) {
                check_restore(c, device, device);
            }
}

TEST_CASE("every environment: a state saved on the CPU goes on identically on the GPU, and back") {
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

TEST_CASE("fields: what is derived follows from what was set") {
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
