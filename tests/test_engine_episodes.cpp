#include <algorithm>

#include "tests/test_engine.h"

/// Ends of episodes, in the three autoreset modes. The mode `disabled` is the reference for the others.
namespace flockstep {
namespace {

using Bytes = std::vector<char>;
using Flags = std::vector<uint8_t>;

enum class Ending { none, rules, time_limit };

Flags active_agents(Batch& batch) { return host_values<uint8_t>(batch, batch.output("active")); }

/// How each world's episode ended in the last step, inferred from its outputs without autoreset; `active`: before the
/// step.
std::vector<Ending> endings(Batch& batch, const Flags& active) {
    const Flags terminated = host_values<uint8_t>(batch, batch.output("terminated"));
    const Flags truncated = host_values<uint8_t>(batch, batch.output("truncated"));
    const size_t agents = size_t(batch.num_agents());
    std::vector<Ending> result(size_t(batch.num_envs()), Ending::none);
    for (size_t env = 0; env < result.size(); ++env) {
        bool finished = true;
        for (size_t i = env * agents; i < (env + 1) * agents; ++i) finished &= terminated[i] || !active[i];
        result[env] = finished ? Ending::rules : truncated[env * agents] ? Ending::time_limit : Ending::none;
    }
    return result;
}
void reset_where_ended(Batch& batch, const std::vector<Ending>& ended) {
    Flags mask;
    for (Ending ending : ended) mask.push_back(ending != Ending::none);
    const Buffer on_device = beside(batch, mask);
    batch.reset(static_cast<const uint8_t*>(on_device.data()));
    batch.synchronize();
}

/// A snapshot of the tensors.
std::vector<Bytes> copies(Batch& batch, const std::vector<Tensor>& tensors) {
    std::vector<Bytes> result;
    for (const Tensor& tensor : tensors) result.push_back(host_bytes(batch, tensor));
    return result;
}
std::vector<Tensor> outputs_named(const Batch& batch, const std::vector<std::string>& names) {
    std::vector<Tensor> tensors;
    for (const std::string& name : names) tensors.push_back(batch.output(name));
    return tensors;
}
/// Takes the rows of the worlds selected by `take` from `news`.
template <class Take>
void overwrite(std::vector<Bytes>& kept, const std::vector<Bytes>& news, size_t num_envs, Take take) {
    for (size_t t = 0; t < kept.size(); ++t) {
        const size_t row = kept[t].size() / num_envs;
        for (size_t env = 0; env < num_envs; ++env)
            if (take(env)) std::copy_n(news[t].begin() + env * row, row, kept[t].begin() + env * row);
    }
}

BatchOptions in_mode(AutoresetMode mode, Device device, FinalObservation final = FinalObservation::none) {
    BatchOptions options = some_envs(5);
    options.autoreset_mode = mode, options.device = device, options.final_observation = final;
    options.statistics = false;
    return options;
}
}  // namespace

TEST_CASE("every environment: SAME_STEP shows the new episode, and keeps the last observation of the old one") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto plain = make(c, in_mode(AutoresetMode::disabled, device));
                const auto all = make(c, in_mode(AutoresetMode::same_step, device, FinalObservation::all));
                const auto cut = make(c, in_mode(AutoresetMode::same_step, device, FinalObservation::truncated));
                std::vector<Bytes> last = copies(*all, all->final_observations()), last_cut = last;
                int num_ended = 0;
                for (int step = 0; step < 40; ++step) {
                    const Flags active = active_agents(*plain);
                    for (Batch* batch : {plain.get(), all.get(), cut.get()}) play(*batch, 1);
                    const std::vector<std::string> outcome = {"reward", "terminated", "truncated"};
                    REQUIRE(copies(*all, outputs_named(*all, outcome)) ==
                            copies(*plain, outputs_named(*plain, outcome)));
                    const std::vector<Ending> ended = endings(*plain, active);
                    const std::vector<Bytes> shown = copies(*plain, plain->observations());
                    overwrite(last, shown, 5, [&](size_t env) { return ended[env] != Ending::none; });
                    overwrite(last_cut, shown, 5, [&](size_t env) { return ended[env] == Ending::time_limit; });
                    REQUIRE(copies(*all, all->final_observations()) == last);
                    REQUIRE(copies(*cut, cut->final_observations()) == last_cut);
                    reset_where_ended(*plain, ended);
                    const std::vector<std::string> start = {"active", "acts", "episode_start"};
                    REQUIRE(copies(*all, outputs_named(*all, start)) == copies(*plain, outputs_named(*plain, start)));
                    REQUIRE(copies(*all, all->observations()) == copies(*plain, plain->observations()));
                    REQUIRE(copies(*all, all->action_masks()) == copies(*plain, plain->action_masks()));
                    num_ended += int(5 - std::count(ended.begin(), ended.end(), Ending::none));
                }
                CHECK(num_ended >= 5);
            }
        }
    }
}

TEST_CASE("every environment: NEXT_STEP shows the last observation, and spends the next step on the reset") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto plain = make(c, in_mode(AutoresetMode::disabled, device));
                const auto next = make(c, in_mode(AutoresetMode::next_step, device));
                std::vector<Ending> ended(5, Ending::none);
                for (int step = 0; step < 40; ++step) {
                    const Flags active = active_agents(*plain);
                    play(*plain, 1), play(*next, 1);
                    reset_where_ended(*plain, ended);
                    REQUIRE(difference(*plain, *next) == "");
                    const std::vector<Ending> ended_before = ended;
                    ended = endings(*plain, active);
                    for (size_t env = 0; env < 5; ++env)
                        if (ended_before[env] != Ending::none) ended[env] = Ending::none;
                }
            }
        }
    }
}

TEST_CASE("every environment: without autoreset a world that has ended waits for its reset, and counts once") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                BatchOptions options = in_mode(AutoresetMode::disabled, device);
                options.statistics = true;
                const auto batch = make(c, options);
                play(*batch, 45);  // longer than any episode
                const std::vector<Bytes> observed = copies(*batch, batch->observations());
                const std::vector<Bytes> flags = copies(*batch, outputs_named(*batch, {"terminated", "truncated"}));
                const Flags active = active_agents(*batch);
                const Statistics before = batch->statistics(false);
                const auto elapsed = values_of<int32_t>(batch->get_field("elapsed"));
                CHECK(before.num_episodes <= 5);
                for (int32_t steps : elapsed) CHECK(steps <= 40);
                play(*batch, 3);
                CHECK(copies(*batch, batch->observations()) == observed);
                CHECK(copies(*batch, outputs_named(*batch, {"terminated", "truncated"})) == flags);
                CHECK(values_of<int32_t>(batch->get_field("elapsed")) == elapsed);
                CHECK(active_agents(*batch) == active);
                for (float reward : host_values<float>(*batch, batch->output("reward"))) CHECK(reward == 0);
                const Statistics after = batch->statistics(false);
                CHECK(after.num_episodes == before.num_episodes);
                CHECK(after.agent_steps == before.agent_steps);
                for (size_t m = 0; m < after.metrics.size(); ++m)
                    CHECK(after.metrics[m].mean == before.metrics[m].mean);
                batch->reset();
                CHECK(values_of<int32_t>(batch->get_field("elapsed")) == std::vector<int32_t>(5, 0));
                CHECK(batch->statistics(false).num_episodes == before.num_episodes);
            }
        }
    }
}

TEST_CASE("autoreset: a transition counts for the agents that were active before it, unless their world had ended") {
    for (Device device : devices()) {
        for (const AutoresetMode mode : {AutoresetMode::same_step, AutoresetMode::next_step, AutoresetMode::disabled}) {
            BatchOptions options = in_mode(mode, device);
            options.statistics = true;
            const auto batch = make(engine_case("test_chain"), options);
            const size_t agents = size_t(batch->num_agents());
            std::vector<bool> is_over(5, false);
            int64_t counted = 0;
            for (int step = 0; step < 50; ++step) {
                const Flags active = active_agents(*batch);
                play(*batch, 1);
                const Flags starts = host_values<uint8_t>(*batch, batch->output("episode_start"));
                for (size_t i = 0; i < active.size(); ++i)
                    counted += active[i] && !(mode == AutoresetMode::next_step && starts[i]) && !is_over[i / agents];
                const std::vector<Ending> ended = endings(*batch, active);
                for (size_t env = 0; env < 5 && mode == AutoresetMode::disabled; ++env)
                    is_over[env] = is_over[env] || ended[env] != Ending::none;
            }
            CHECK(counted > 50);
            CHECK(batch->statistics(false).agent_steps == counted);
        }
    }
}

TEST_CASE("every environment: a world's outputs at its episode's end persist in mode disabled") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                BatchOptions options = in_mode(AutoresetMode::disabled, device);
                options.num_envs = 1;
                const auto batch = make(c, options);
                const auto shown = [&] {
                    std::vector<std::vector<char>> bytes;
                    for (const auto* list : {&batch->observations(), &batch->states(), &batch->action_masks()})
                        for (const Tensor& tensor : *list) bytes.push_back(host_bytes(*batch, tensor));
                    return bytes;
                };
                const auto is_over = [&] { return values_of<uint8_t>(batch->get_field("ended"))[0] == 1; };
                for (int step = 0; step < 200 && !is_over(); ++step) play(*batch, 1);
                REQUIRE(is_over());
                const auto at_the_end = shown();
                play(*batch, 3);
                CHECK(shown() == at_the_end);
            }
        }
    }
}

TEST_CASE("every environment: a reset of some worlds leaves the others' rows and states alone") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto batch = make(c, in_mode(AutoresetMode::same_step, device));
                const auto other = make(c, in_mode(AutoresetMode::same_step, device));
                play(*batch, 5), play(*other, 5);
                const Buffer mask = beside(*batch, Flags{0, 1, 0, 2, 0});
                batch->reset(static_cast<const uint8_t*>(mask.data()));
                for (int64_t env : {0, 2, 4}) {
                    CHECK(difference(*batch, *other, {env, env, 1}) == "");
                    CHECK(state_difference(*batch, *other, {env, env, 1}) == "");
                }
                const auto elapsed = values_of<int32_t>(batch->get_field("elapsed"));
                const auto starts = host_values<uint8_t>(*batch, batch->output("episode_start"));
                for (size_t env : {1, 3}) {
                    CHECK(elapsed[env] == 0);
                    CHECK(starts[env * size_t(batch->num_agents())] == 1);
                }
                CHECK(played_difference(*batch, *other, 10, {2, 2, 1}) == "");
            }
        }
    }
}

}  // namespace flockstep
