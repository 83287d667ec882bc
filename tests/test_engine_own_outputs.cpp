#include <algorithm>
#include <cmath>

#include "tests/test_engine.h"

/// An environment's own outputs, global states, legal actions with default choices, and scripted roles, with the
/// turn-based game test_stones: two takers (agents 0, 1) and a dealer (agent 2).
namespace flockstep {
namespace {

const EngineCase& stones() { return engine_case("test_stones"); }

BatchOptions stones_options(Device device, int64_t num_envs = 7) {
    BatchOptions options = some_envs(num_envs);
    options.device = device;
    return options;
}
template <class T>
std::vector<T> shown(Batch& batch, const std::string& name) {
    for (const Tensor& tensor : written_tensors(batch))
        if (tensor.name == name) return host_values<T>(batch, tensor);
    throw std::logic_error("no tensor " + name);
}
std::vector<int32_t> field_of(Batch& batch, const char* name) { return values_of<int32_t>(batch.get_field(name)); }

/// Reference for stones_own_outputs, for one world: sums of this episode, and the last episode's results.
struct Plain {
    float shaped[3] = {}, winner[2] = {};
    int passed[3] = {}, moved[2] = {};
};

/// The metrics of ended episodes, as plain sums.
struct PlainMetrics {
    std::map<std::string, double> sum;
    int episodes = 0;
    void add(const Plain& world) {
        sum["shaped_reward.taker"] += (world.shaped[0] + world.shaped[1]) / 2;
        sum["shaped_reward.dealer"] += world.shaped[2];
        sum["passed.taker"] += float(world.passed[0] + world.passed[1]) / 2;
        sum["passed.dealer"] += world.passed[2];
        for (int k = 0; k < 2; ++k) {
            sum["moved." + std::to_string(k)] += world.moved[k];
            sum["winner." + std::to_string(k)] += world.winner[k];
        }
        ++episodes;
    }
};

/// Steps worlds with random actions and compares every own output with values computed from the state.
class OwnOutputs {
  public:
    explicit OwnOutputs(Batch& batch) : batch_(batch), worlds_(size_t(batch.num_envs())) {}

    void step() {
        const auto turn = field_of(batch_, "turn"), heap = field_of(batch_, "heap");
        batch_.act(-1);
        batch_.step();
        const auto after = field_of(batch_, "heap");
        const auto shaped = shown<float>(batch_, "shaped_reward"), winner = shown<float>(batch_, "winner");
        const auto passed = shown<uint8_t>(batch_, "passed"), start = shown<uint8_t>(batch_, "episode_start");
        const auto terminated = shown<uint8_t>(batch_, "terminated"), truncated = shown<uint8_t>(batch_, "truncated");
        const auto moved = shown<int32_t>(batch_, "moved");
        for (size_t env = 0; env < worlds_.size(); ++env) {
            if (start[3 * env]) continue;  // NEXT_STEP's reset: checked by the engine's own tests
            const int agent = turn[env] % 2 ? 2 : turn[env] / 2, stones = std::abs(after[env] - heap[env]);
            Plain& world = worlds_[env];
            for (int other = 0; other < 3; ++other) {
                const bool acted = other == agent;
                const float expected = !acted || agent == 2 ? 0.0f : after[env] % 4 == 0 ? 0.25f : -0.25f;
                CHECK(shaped[3 * env + size_t(other)] == expected);
                CHECK(passed[3 * env + size_t(other)] == (acted && stones == 0));
                world.shaped[other] += expected, world.passed[other] += acted && stones == 0;
            }
            for (int k = 0; k < 2; ++k) {
                const int expected = k == (agent == 2) ? stones : 0;
                CHECK(moved[2 * env + size_t(k)] == expected);
                world.moved[k] += expected;
            }
            const bool ended = terminated[3 * env] || truncated[3 * env];
            for (int k = 0; ended && k < 2; ++k) world.winner[k] = after[env] == 0 && agent == k ? 1.0f : 0.0f;
            for (int k = 0; k < 2; ++k) CHECK(winner[2 * env + size_t(k)] == world.winner[k]);
            if (!ended) continue;
            metrics_.add(world);
            Plain next;
            std::copy_n(world.winner, 2, next.winner);
            world = next;
        }
    }
    void check_metrics() {
        const Statistics statistics = batch_.statistics(false);
        REQUIRE(metrics_.episodes > 10);
        CHECK(statistics.num_episodes == metrics_.episodes);
        for (const auto& [name, sum] : metrics_.sum) {
            const auto found = std::find_if(statistics.metrics.begin(), statistics.metrics.end(),
                                            [&name = name](const auto& metric) { return metric.name == name; });
            INFO(name);
            REQUIRE(found != statistics.metrics.end());
            CHECK(std::fabs(found->mean - sum / metrics_.episodes) < 1e-5);
        }
    }

  private:
    Batch& batch_;
    std::vector<Plain> worlds_;
    PlainMetrics metrics_;
};

}  // namespace

TEST_CASE("own outputs: numbers of agents, worlds and episodes, and their sums as metrics") {
    for (Device device : devices()) {
        BatchOptions options = stones_options(device);
        options.autoreset_mode = AutoresetMode::next_step;
        options.final_observation = FinalObservation::none;
        const auto batch = make(stones(), options);
        CHECK(batch->output("shaped_reward").shape == std::vector<int64_t>{7, 3});
        CHECK(batch->output("moved").shape == std::vector<int64_t>{7, 2});
        CHECK(batch->output("moved").dtype == DType::int32);
        OwnOutputs plain(*batch);
        for (int step = 0; step < 60; ++step) plain.step();
        plain.check_metrics();
    }
}

TEST_CASE("own outputs: each is optional, and can be bound like every output") {
    for (Device device : devices()) {
        BatchOptions options = stones_options(device);
        const auto whole = make(stones(), options);
        options.outputs = {"passed", "winner", "global_state"};
        const auto part = make(stones(), options);
        CHECK(part->outputs().size() == 2);
        CHECK(part->states().size() == 1);
        const Buffer elsewhere = beside(*part, std::vector<uint8_t>(32, 9));
        Bindings bindings(*part);
        bindings.write_output("passed", elsewhere.data());
        for (int step = 0; step < 30; ++step) {
            for (Batch* batch : {whole.get(), part.get()}) batch->act(-1);
            whole->step(), part->step(bindings);
            std::vector<uint8_t> bound(21);
            part->memory().to_host(bound.data(), elsewhere.data(), bound.size());
            CHECK(bound == shown<uint8_t>(*whole, "passed"));
            CHECK(shown<float>(*part, "winner") == shown<float>(*whole, "winner"));
            CHECK(shown<float>(*part, "global_state") == shown<float>(*whole, "global_state"));
        }
        options.outputs = {"pased"};
        CHECK(error_of([&] { make(stones(), options); }).find("shaped_reward, passed, moved, winner") !=
              std::string::npos);
    }
}

TEST_CASE("constant flags are written where a launch binds them") {
    for (Device device : devices()) {
        const auto batch = make(engine_case("cartpole"), stones_options(device, 5));
        const Buffer elsewhere = beside(*batch, std::vector<uint8_t>(16, 9));
        batch->step(Bindings(*batch).write_output("active", elsewhere.data()));
        std::vector<uint8_t> bound(5);
        batch->memory().to_host(bound.data(), elsewhere.data(), bound.size());
        CHECK(bound == std::vector<uint8_t>(5, 1));
        CHECK(shown<uint8_t>(*batch, "active") == std::vector<uint8_t>(5, 1));
        CHECK(shown<uint8_t>(*batch, "acts") == std::vector<uint8_t>(5, 1));
    }
}

TEST_CASE("global state: of the world and of each agent, separate from observations, with final rows kept") {
    for (Device device : devices()) {
        const auto batch = make(stones(), stones_options(device));
        REQUIRE(batch->states().size() == 2);
        CHECK(batch->states()[0].name == "taker.seat");
        CHECK(batch->states()[0].shape == std::vector<int64_t>{7, 2, 2});
        CHECK(batch->states()[1].name == "global_state");
        CHECK(batch->states()[1].shape == std::vector<int64_t>{7, 3});
        CHECK(batch->observations().size() == 4);
        for (const Role& role : batch->spaces().roles)
            for (const ObservationPart& part : role.observation_parts) CHECK(part.name != "seat");
        int ends = 0;
        for (int step = 0; step < 40; ++step) {
            batch->act(-1);
            batch->step();
            const auto state = shown<float>(*batch, "global_state"), last = shown<float>(*batch, "final global_state");
            const auto heap = field_of(*batch, "heap"), elapsed = field_of(*batch, "elapsed");
            const auto terminated = shown<uint8_t>(*batch, "terminated");
            for (size_t env = 0; env < 7; ++env) {
                CHECK(state[3 * env] == float(heap[env]) / 20);
                CHECK(state[3 * env + 2] == float(elapsed[env]) / 13);
                if (!terminated[3 * env]) continue;
                CHECK(last[3 * env] == 0.0f);
                ++ends;
            }
        }
        CHECK(ends > 3);
    }
}

TEST_CASE("legal actions: an illegal one counts as the default choice and is reported; or is passed to the rules") {
    for (Device device : devices()) {
        const auto passes = make(stones(), stones_options(device, 1)),
                   batch = make(stones(), stones_options(device, 1));
        BatchOptions options = stones_options(device, 1);
        options.illegal_actions = IllegalActions::pass;
        const auto passed_on = make(stones(), options);
        CHECK(shown<uint8_t>(*batch, "taker.action_mask") == std::vector<uint8_t>{1, 1, 1, 0, 0, 0, 0, 1});
        CHECK(shown<uint8_t>(*batch, "dealer.action_mask") == std::vector<uint8_t>{0, 0, 1});
        for (Batch* each : {passes.get(), batch.get(), passed_on.get()}) {
            const FieldValue heap{"heap", DType::int32, {1, 1}, {1, 0, 0, 0}};
            each->set_fields({heap});
        }
        CHECK(shown<uint8_t>(*batch, "taker.action_mask") == std::vector<uint8_t>{1, 0, 0, 0, 0, 0, 0, 1});
        put(*passes, passes->actions()[0], std::vector<int32_t>{3, 3, 2});  // defaults: never refused
        put(*batch, batch->actions()[0], std::vector<int32_t>{2, 3, 2});    // three of one stone
        put(*passed_on, passed_on->actions()[0], std::vector<int32_t>{2, 3, 2});
        for (Batch* each : {passes.get(), batch.get(), passed_on.get()}) each->step();
        CHECK(error_of([&] { passes->check(); }) == "no error");
        CHECK(error_of([&] { passed_on->check(); }) == "no error");
        CHECK(error_of([&] { batch->check(); }) ==
              "action of world 0, agent 0 at step 0: got 2, want one that the action mask allows (it counted as 3)");
        CHECK(difference(*batch, *passes) == "");
        CHECK(field_of(*passed_on, "heap") == std::vector<int32_t>{1});
        CHECK(values_of<uint8_t>(passed_on->get_field("last"))[0] == 2);
        options.device = device;
        CHECK(error_of([&] { make(engine_case("test_cards"), options); }) ==
              "illegal_actions: got \"pass\", want \"refuse\": the rules of test_cards do not say what illegal actions "
              "mean");
    }
}

TEST_CASE("scripted roles: run inside a step, with the same actions as from the caller, without tensors") {
    for (Device device : devices()) {
        BatchOptions options = stones_options(device);
        const auto open = make(stones(), options);
        for (const std::string policy : {"careful", "random"}) {
            options.scripted = {{"dealer", policy}};
            const auto scripted = make(stones(), options), other = make(stones(), stones_options(device));
            CHECK(scripted->num_agents() == 2);
            CHECK(scripted->spaces().roles.size() == 1);
            CHECK(scripted->has_one_action_tensor());
            CHECK(scripted->output("reward").shape == std::vector<int64_t>{7, 2});
            CHECK(scripted->metric_names()[0] == "episode_return");
            for (int step = 0; step < 40; ++step) {
                other->act(other->find_policy(policy));
                const auto dealt = host_values<int32_t>(*other, other->actions()[0]);
                other->act(other->find_policy("careful"));
                auto actions = host_values<int32_t>(*other, other->actions()[0]);
                std::vector<int32_t> taken;
                for (size_t env = 0; env < 7; ++env) {
                    actions[3 * env + 2] = dealt[3 * env + 2];
                    taken.insert(taken.end(), {actions[3 * env], actions[3 * env + 1]});
                }
                put(*other, other->actions()[0], actions);
                put(*scripted, scripted->actions()[0], taken);
                scripted->step(), other->step();
                CHECK(field_of(*scripted, "heap") == field_of(*other, "heap"));
                CHECK(field_of(*scripted, "moved") == field_of(*other, "moved"));
                CHECK(shown<float>(*scripted, "global_state") == shown<float>(*other, "global_state"));
                const auto rewards = shown<float>(*scripted, "reward"), all = shown<float>(*other, "reward");
                const auto shaped = shown<float>(*scripted, "shaped_reward"),
                           all_shaped = shown<float>(*other, "shaped_reward");
                for (size_t env = 0; env < 7; ++env)
                    for (size_t agent = 0; agent < 2; ++agent) {
                        CHECK(rewards[2 * env + agent] == all[3 * env + agent]);
                        CHECK(shaped[2 * env + agent] == all_shaped[3 * env + agent]);
                    }
            }
            scripted->check();
        }
    }
}

TEST_CASE("scripted roles: learners after them, and what cannot be scripted") {
    for (Device device : devices()) {
        BatchOptions options = stones_options(device);
        options.scripted = {{"taker", "careful"}};
        const auto dealer = make(stones(), options);
        CHECK(dealer->num_agents() == 1);
        play(*dealer, 20);
        dealer->check();
        const auto acts = shown<uint8_t>(*dealer, "acts");
        const auto turn = field_of(*dealer, "turn");
        for (size_t env = 0; env < 7; ++env) CHECK(acts[env] == turn[env] % 2);
        put(*dealer, dealer->actions()[0], std::vector<int32_t>(7, 5));
        dealer->step();
        CHECK(error_of([&] { dealer->check(); }).find("agent 0 at step") != std::string::npos);
        options.scripted = {{"banker", "careful"}};
        CHECK(error_of([&] { make(stones(), options); }) ==
              "scripted: got role \"banker\", want one of: taker, dealer");
        options.scripted = {{"taker", "careful"}, {"dealer", "careful"}};
        CHECK(error_of([&] { make(stones(), options); }) == "scripted: got every role, want one that learns");
        options.scripted = {{"dealer", "bold"}};
        CHECK(error_of([&] { make(stones(), options); }) == "policy: got \"bold\", want one of: random, careful");
    }
}

TEST_CASE("scripted roles: CPU and GPU agree under every plan") {
    BatchOptions options = some_envs(9);
    options.scripted = {{"dealer", "careful"}};
    const auto cpu = make(stones(), options);
    options.item_order = -1;
    const auto backwards = make(stones(), options);
    CHECK(played_difference(*cpu, *backwards, 40) == "");
    options.item_order = 1;
    if (!gpu_is_there()) return;
    for (std::string plan : {"lane", "warp:4", "warp:32", "block:64", "grid"}) {
        INFO("plan " << plan);
        const auto host = make(stones(), options), gpu = make(stones(), with_plan(on_gpu(options), plan));
        CHECK(played_difference(*host, *gpu, 40) == "");
    }
}

}  // namespace flockstep
