#include <algorithm>
#include <cmath>

#include "envs/test_driving.h"
#include "sim/host/host_batch.h"
#include "tests/test_engine.h"

/// Streamed observations: which rows are written when and where, and their contents.
namespace flockstep {
namespace {

using Bytes = std::vector<char>;
using Flags = std::vector<uint8_t>;

std::vector<EngineCase> streamed_cases() {
    std::vector<EngineCase> cases;
    for (const EngineCase& c : engine_cases())
        if (make(c, some_envs(1))->streams_observations()) cases.push_back(c);
    return cases;
}
/// All implementations of streaming: on the CPU, and on the GPU in the step kernel or in a separate one.
std::vector<BatchOptions> streaming_options(int num_envs = 5) {
    std::vector<BatchOptions> all;
    for (Device device : devices()) {
        BatchOptions options = some_envs(num_envs);
        options.device = device;
        all.push_back(options);
        if (device.is_cuda()) all.push_back(with_plan(options, "block:128/queue"));
    }
    return all;
}
std::string text_of(const BatchOptions& options) { return options.device.name() + " " + options.plan; }
Flags active_agents(Batch& batch) { return host_values<uint8_t>(batch, batch.output("active")); }

bool is_all(const char* bytes, size_t count, int value) {
    return std::all_of(bytes, bytes + count, [&](char byte) { return byte == char(value); });
}
/// Number of rows of inactive agents that contain bytes other than `value`.
int other_rows(Batch& batch, const Tensor& tensor, Bytes bytes, const Flags& active, int value) {
    int count = 0;
    const AgentRows rows(batch, tensor);
    rows.for_each(bytes, [&](size_t env, size_t agent, char* row) {
        count += !active[env * size_t(batch.num_agents()) + agent] && !is_all(row, rows.row_bytes, value);
    });
    return count;
}
int other_rows(Batch& batch, int value) {
    int count = 0;
    for (const Tensor& tensor : batch.observations())
        count += other_rows(batch, tensor, host_bytes(batch, tensor), active_agents(batch), value);
    return count;
}
/// Fills the rows of inactive agents in the batch's own tensors with bytes `value`.
void mark_inactive_rows(Batch& batch, int value) {
    const Flags active = active_agents(batch);
    for (const Tensor& tensor : batch.observations()) {
        Bytes bytes = host_bytes(batch, tensor);
        const AgentRows rows(batch, tensor);
        rows.for_each(bytes, [&](size_t env, size_t agent, char* row) {
            if (!active[env * size_t(batch.num_agents()) + agent]) std::fill_n(row, rows.row_bytes, char(value));
        });
        put(batch, tensor, bytes);
    }
}
/// A separate tensor for `part`, filled with bytes that no row contains.
struct Elsewhere {
    Tensor tensor;
    Buffer memory;
    Elsewhere(Batch& batch, const Tensor& part)
        : tensor(part), memory(beside(batch, Bytes(size_t(part.bytes()), char(0xFF)))) {
        tensor.data = memory.data();
    }
};
}  // namespace

TEST_CASE("streamed observations: rows of inactive agents are zero, whatever was there before") {
    CHECK(streamed_cases().size() >= 2);
    for (const BatchOptions& options : streaming_options()) {
        for (const EngineCase& c : streamed_cases()) {
            DYNAMIC_SECTION(c.name << " on " << text_of(options)) {
                const auto batch = make(c, options);
                int64_t num_left = 0;
                Flags before = active_agents(*batch);
                for (int step = 0; step < 40; ++step) {
                    play(*batch, 1);
                    REQUIRE(other_rows(*batch, 0) == 0);
                    const Flags after = active_agents(*batch);
                    for (size_t i = 0; i < after.size(); ++i) num_left += before[i] && !after[i];
                    before = after;
                }
                CHECK(num_left > 0);
            }
        }
    }
}

TEST_CASE("streamed observations: rows of agents that left are written once") {
    for (BatchOptions options : streaming_options()) {
        options.autoreset_mode = AutoresetMode::disabled;  // so that agents that left stay away
        for (const EngineCase& c : streamed_cases()) {
            DYNAMIC_SECTION(c.name << " on " << text_of(options)) {
                const auto batch = make(c, options), plain = make(c, options);
                for (int step = 0; step < 20; ++step) {
                    mark_inactive_rows(*batch, 0x55);
                    const Flags before = active_agents(*batch);
                    play(*batch, 1), play(*plain, 1);
                    for (size_t p = 0; p < plain->observations().size(); ++p) {
                        const Tensor& tensor = batch->observations()[p];
                        REQUIRE(other_rows(*batch, tensor, host_bytes(*batch, tensor), before, 0x55) == 0);
                    }
                    const Flags after = active_agents(*batch);
                    mark_inactive_rows(*batch, 0);
                    REQUIRE(difference(*batch, *plain) == "");
                }
            }
        }
    }
}

TEST_CASE("streamed observations: rows of inactive agents are unchanged in bound tensors") {
    for (const BatchOptions& options : streaming_options()) {
        for (const EngineCase& c : streamed_cases()) {
            for (bool all : {true, false}) {
                DYNAMIC_SECTION(c.name << (all ? ", all parts" : ", one part") << " on " << text_of(options)) {
                    const auto plain = make(c, options), batch = make(c, options);
                    std::vector<Elsewhere> elsewhere;
                    Bindings bindings(*batch);
                    for (const Tensor& part : batch->observations()) {
                        if (!all && !elsewhere.empty()) break;
                        elsewhere.emplace_back(*batch, part);
                        bindings.write_output(part.name, elsewhere.back().memory.data());
                    }
                    for (int step = 0; step < 40; ++step) {
                        const bool own = step % 3 == 0;
                        batch->act(-1);
                        own ? batch->step() : batch->step(bindings);
                        play(*plain, 1);
                        if (own) REQUIRE(difference(*batch, *plain) == "");
                        for (size_t p = 0; p < elsewhere.size() && !own; ++p) {
                            Bytes written = host_bytes(*batch, elsewhere[p].tensor);
                            const Flags active = active_agents(*plain);
                            REQUIRE(other_rows(*plain, elsewhere[p].tensor, written, active, 0xFF) == 0);
                            clear_inactive_rows(*plain, elsewhere[p].tensor, written);
                            REQUIRE(written == host_bytes(*plain, plain->observations()[p]));
                            put(*batch, elsewhere[p].tensor, Bytes(written.size(), char(0xFF)));
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("streamed observations: after set_fields the rows match the state") {
    for (const BatchOptions& options : streaming_options()) {
        INFO(text_of(options));
        const auto batch = make(engine_case("test_driving"), options);
        play(*batch, 5);
        std::vector<Bytes> before;
        for (const Tensor& tensor : batch->observations()) before.push_back(host_bytes(*batch, tensor));
        const FieldValue driving = batch->get_field("status");
        FieldValue none = driving;
        std::replace(none.bytes.begin(), none.bytes.end(), char(Driving::drives), char(Driving::gone));
        batch->set_fields({none});
        for (const Tensor& tensor : batch->observations()) {
            const Bytes bytes = host_bytes(*batch, tensor);
            CHECK(is_all(bytes.data(), bytes.size(), 0));
        }
        batch->set_fields({driving});
        for (size_t p = 0; p < before.size(); ++p) CHECK(host_bytes(*batch, batch->observations()[p]) == before[p]);
        FieldValue wrong = driving;
        wrong.bytes[0] = char(Driving::absent);
        CHECK(error_of([&] { batch->set_fields({wrong}); }).find("status of car 0: got 0, want 1 to 3") !=
              std::string::npos);
    }
}

namespace {
/// A car's observation, computed by plain loops and a sort.
std::vector<float> plain_roads(const DrivingPool& pool, const DrivingScene& scene, Vec2 place, float heading) {
    std::vector<std::pair<float, int>> near;
    for (int road = 0; road < scene.num_roads; ++road) {
        const float squared = squared_length(pool.middle[size_t(scene.first_road + road)] - place);
        if (squared < Driving::sight * Driving::sight) near.push_back({Driving::nearness(squared), road});
    }
    std::sort(near.begin(), near.end());
    near.resize(std::min(near.size(), size_t{Driving::max_roads}));
    std::sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    std::vector<float> rows;
    const Frame own = frame_at(place, heading);
    for (const auto& [squared, road] : near) {
        const size_t r = size_t(scene.first_road + road);
        const Vec2 seen = 0.001f * to_frame(own, pool.middle[r]);
        rows.insert(rows.end(), {seen.x, seen.y, 0.01f * pool.shape[r].y, 0.001f, 0.001f,
                                 real::wrap_angle(pool.shape[r].x - heading) * (1.0f / 6.2831853f)});
        for (int type = 0; type < Driving::road_types; ++type) rows.push_back(pool.type[r] == type);
    }
    rows.resize(size_t{Driving::max_roads} * 13, 0.0f);
    return rows;
}
}  // namespace

TEST_CASE("driving: an agent observes the nearest roads, as found by sorting all of them") {
    for (const BatchOptions& options : streaming_options(16)) {
        INFO(text_of(options));
        const auto batch = make(engine_case("test_driving"), options);
        DrivingPool pool{3, 4, Driving::max_cars};
        for (uint32_t scene = 0; scene < 20; ++scene) pool.add_scene(scene);
        int num_compared = 0, num_full = 0;
        for (int step = 0; step < 4; ++step, play(*batch, 4)) {
            const Flags active = active_agents(*batch);
            const auto scene = values_of<int32_t>(batch->get_field("scene"));
            const auto place = values_of<Vec2>(batch->get_field("place"));
            const auto heading = values_of<float>(batch->get_field("heading"));
            const std::vector<float> roads = host_values<float>(*batch, batch->observations()[2]);
            for (size_t i = 0; i < active.size(); ++i) {
                if (!active[i]) continue;
                const size_t world = i / Driving::max_cars, size = size_t{Driving::max_roads} * 13;
                const auto want = plain_roads(pool, pool.scenes[size_t(scene[world])], place[i], heading[i]);
                const auto first = roads.begin() + std::ptrdiff_t(i * size);
                REQUIRE(std::equal(want.begin(), want.end(), first));
                ++num_compared, num_full += want[size - 10] != 0;
            }
        }
        CHECK(num_compared > 100);
        CHECK((num_full > 10 && num_full < num_compared - 10));
    }
}

namespace {
/// Shared by the two environments below.
struct Careless {
    static constexpr const char* summary = "observes what step left in scratch memory";
    struct Config {
        int max_episode_steps = 10;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 100), "steps until truncation");
        }
    };
    struct State {
        Field<int32_t> count;
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("count", count, 1);
        }
    };
    struct Scratch {
        Field<int32_t> half;
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("half", half, 1);
        }
    };
    static constexpr Observation<"view", float> view{};
    static constexpr Discrete<"move"> move{};
    static constexpr auto tensors = tensor_list(view, move);
    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("agent", 2).observation(view, {4, 2}).discrete(move, 2);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Careless>& w) {
        group.single([&] { w.state.count[0] = 0, w.scratch.half[0] = 0; });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Careless>& w, const Actions<Careless>&, const Outcome<Careless>&) {
        group.single([&] { ++w.state.count[0], w.scratch.half[0] = w.state.count[0] / 2; });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Careless>& w, AgentRange range,
                               const ObservationWriter<Careless>& out) {
        group.for_each(range.last - range.first, [&](int i) {
            for (int k = 0; k < 8; ++k) out.row(view, range.first + i)[k] = float(w.scratch.half[0]);
        });
    }
};
/// Writes a part in every other step.
struct Forgetful {
    static constexpr const char* summary = "forgets to write a part";
    using Config = Careless::Config;
    using State = Careless::State;
    static constexpr Observation<"view", float> view{};
    static constexpr Discrete<"move"> move{};
    static constexpr auto tensors = tensor_list(view, move);
    static Spaces spaces(const Config& c) { return Careless::spaces(c); }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Forgetful>& w) {
        group.single([&] { w.state.count[0] = 0; });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Forgetful>& w, const Actions<Forgetful>&, const Outcome<Forgetful>&) {
        group.single([&] { ++w.state.count[0]; });
    }
    template <class Team>
    SIM_HD static void observe_agent(Team& team, const World<Forgetful>& w, int, const RowWriter<Forgetful>& out) {
        if (w.state.count[0] % 2 == 0)
            out.rows(team, view, 4, [&](float* row, int k) { row[0] = row[1] = float(k + w.state.count[0]); });
    }
};
template <class Env>
std::string found_by_the_test_mode() {
    BatchOptions reordered = some_envs(3);
    reordered.item_order = -1;
    const auto plain = make_host_batch<Env, false>("test", some_envs(3), Settings{});
    const auto other = make_host_batch<Env, false>("test", reordered, Settings{});
    return played_difference(*plain, *other, 5);
}
}  // namespace

TEST_CASE("the CPU's test mode detects rules that observe what step left in scratch memory, or that omit rows") {
    CHECK(found_by_the_test_mode<Careless>() != "");
    CHECK(found_by_the_test_mode<Forgetful>() != "");
}

}  // namespace flockstep
