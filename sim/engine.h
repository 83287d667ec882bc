#pragma once

#include <cstdint>

#include "sim/declared.h"
#include "sim/flush.h"
#include "sim/observation.h"
#include "sim/row_writer.h"
#include "sim/world.h"

/// One step of one world, the same source for both backends: rules, bookkeeping, time limit, autoreset, observation.
/// engine_host.h and engine_cuda.cuh lay out the memory, make the groups and call it.
namespace flockstep {

inline constexpr int max_roles = 8, max_parts = 32, max_action_parts = 16;

/// What happens to a world whose episode ended; the words are Gymnasium's.
enum class AutoresetMode : int { same_step, next_step, disabled };

/// Which last observations are kept: none, those of every episode that ended, or only those that the time limit cut
/// (what a trainer bootstraps from: a termination that follows does not overwrite them).
enum class FinalObservation : int { none, all, truncated };

/// Agents [first, first + count); its observation parts and its action masks, by their place among all parts. Every
/// role has a place for every handle of the environment, in order, observations of all roles before all masks; what a
/// role does not have is not wanted, or has no agents.
struct RoleView {
    int first, count, first_part, num_parts, first_mask, num_masks;

    /// Tensor i of num_parts + num_masks, in this order.
    SIM_HD int tensor(int i) const { return i < num_parts ? first_part + i : first_mask + i - num_parts; }
    SIM_HD int num_tensors() const { return num_parts + num_masks; }
};
struct ActionView {
    const void* input;   // [num_envs, count, size] (one row of all agents where every role has one Discrete part)
    int32_t* own;        // the engine's own tensor, which `act` writes; the same shape
    int64_t env_stride;  // elements between worlds
    int first, count, size;
    bool is_box, is_int64;
    int n;                    // choices of a Discrete part
    const int* n_each;        // choices of a MultiDiscrete part, by integer; null for the others
    const float *low, *high;  // Box: bounds of each float
    int first_word;           // within a world's actions
    int first_draw;           // of a random policy: parts draw apart from each other

    /// Of word i of a world's actions for this part: the agent, and which of its `size` words. Most parts have one,
    /// and a division is dear.
    SIM_HD int agent(int i) const { return first + (size == 1 ? i : i / size); }
    SIM_HD int component(int i) const { return size == 1 ? 0 : i % size; }
};
/// Where an action was refused first. `code` 0: nowhere; 1: out of range; 2: forbidden by the action mask. `value`: the
/// integer, or a float's bits.
struct ActionError {
    int code, part, agent, integer;
    int64_t env, value;
    int step;
};
/// What may change between launches of one captured graph: lives at a fixed address on the device.
struct Control {
    uint64_t seed;
    ActionError error;
};

/// Outputs of one number per agent: reward is float32, the others uint8.
inline constexpr const char* row_names[] = {"reward", "terminated", "truncated", "active", "acts", "episode_start"};
inline constexpr int num_rows = 6;

/// What the steps of a batch need, whatever its environment; plain data.
struct EngineCommon {
    Control* control;
    int64_t num_envs, first_env;  // first_env: global index of world 0 (ranks)
    int num_agents, num_roles, num_parts, num_action_parts, num_metrics, max_episode_steps;
    AutoresetMode mode;
    FinalObservation final_observation;
    bool spread_phases, statistics;
    char* tiles;
    int tile_worlds, world_bytes;
    FieldPlace state_fields[max_state_fields], scratch_fields[max_scratch_fields];
    RoleView roles[max_roles];
    PartView parts[max_parts];
    ActionView actions[max_action_parts];
    int action_offset[max_action_parts], action_size[max_action_parts];  // by handle, see ActionLayout
    int action_words;                                                    // per world
    int agents_per_range;  // most agents that one call of observe may be given
    int scratch_bytes;     // of a world's staged scratch
    StreamPlan stream;     // where observations are streamed
    uint32_t bound_parts;  // bits of the observation parts that this launch writes elsewhere
    // outputs, [num_envs, num_agents]; null: nobody asked
    float* reward;
    uint8_t *terminated, *truncated, *active, *acts, *episode_start;

    /// Row output i of row_names.
    void set_row(int i, void* data) {
        uint8_t** const flags[] = {&terminated, &truncated, &active, &acts, &episode_start};
        if (i == 0)
            reward = static_cast<float*>(data);
        else
            *flags[i - 1] = static_cast<uint8_t*>(data);
    }
};
/// Everything about a batch that its steps need; passed by value to kernels.
template <class Env>
struct EngineView : EngineCommon {
    typename Env::Config config;
    const SharedOf<Env>* shared;
};

/// What is kept of a metric, side by side, since an ended episode touches memory that nothing else does. The first
/// episode's value is -0 where it was 0, for 0 says that there was none.
enum Statistic { sum_statistic, square_statistic, first_statistic, count_statistic, num_statistics };

/// What the engine itself remembers of a world; lies in front of the environment's own fields.
struct Header {
    Field<int32_t> elapsed;       // steps since the reset
    Field<uint32_t> episode;      // resets since the batch was seeded
    Field<uint8_t> ended;         // NEXT_STEP, DISABLED: the episode is over, and the world waits for its reset
    Field<uint8_t> end_flags;     // [num_agents] DISABLED: how the episode ended, 1 terminated + 2 truncated
    Field<uint8_t> took_part;     // [num_agents] active before some step of this episode
    Field<float> episode_return;  // by role: rewards so far, summed over its agents
    Field<int64_t> agent_steps;   // of active agents since the statistics were cleared
    Bulk<double> statistics;      // [metrics, 4], of the episodes that ended since they were cleared: see Statistic
    Field<uint8_t> rows_shown;    // [num_agents] which of its rows may hold numbers: see AgentStream

    /// `some_inactive`: agents can be inactive, so that agent-steps are counted. `is_streamed`: observations are.
    template <class V>
    SIM_HD void fields(const EngineCommon& e, bool some_inactive, bool is_streamed, V& visit) {
        const int metrics = e.statistics ? e.num_metrics : 0;
        const bool waits = e.mode != AutoresetMode::same_step;
        visit("elapsed", elapsed, 1).between(0, e.max_episode_steps - (waits ? 0 : 1));
        visit("episode", episode, 1);
        visit("ended", ended, int(waits)).between(0, 1);
        visit("end_flags", end_flags, e.mode == AutoresetMode::disabled ? e.num_agents : 0).between(0, 3);
        visit("took_part", took_part, e.statistics && some_inactive ? e.num_agents : 0).between(0, 1);
        visit("episode_return", episode_return, e.statistics ? e.num_roles : 0).any_value();
        visit("agent_steps", agent_steps, int(e.statistics && some_inactive)).between(0, 9e18);
        visit("statistics", statistics, metrics, num_statistics).any_value();
        if (is_streamed && some_inactive) visit.derived("rows_shown", rows_shown, e.num_agents);  // not the world's
    }
};

/// The memory of one world during a call: where its tile, scratch, actions and rows lie, staged or not.
struct Place {
    char* tile;
    int tile_index, tile_worlds;
    char* scratch;
    int32_t* action;
    float* reward;
    uint8_t *terminated, *truncated, *active, *acts, *episode_start;
    char* stage;
    int slot;          // among the worlds that share `stage`
    bool flush_later;  // the caller moves the staged bytes and floats of all these worlds together
};

template <class Env>
inline constexpr bool some_inactive = requires(const World<Env>& world) {
    Env::active(world, 0);
};
/// Environments of one agent with one observation part of float32 and one Discrete action say so: what follows from it
/// is then known to the compiler.
template <class Env>
inline constexpr bool is_single = requires {
    Env::single_agent_floats;
};
/// Such a world by one lane of a GPU: its action, reward, flags and observation are in registers.
template <class Env, class Group>
inline constexpr bool keeps_row = is_single<Env>&& requires {
    Group::keeps_rows;
};

/// The rules forbid some actions: they have `allowed`.
template <class Env>
inline constexpr bool masks_actions = []<class... H>(TensorList<H...>) {
    return (false || ... || [] {
        if constexpr (is_choice<H>) return requires(const World<Env>& world) {
                Env::allowed(world, 0, H{}, 0);
            };
        return false;
    }());
}(TensorsOf<Env>{});

template <class Env, class V>
SIM_HD void visit_state(const EngineView<Env>& e, Header& header, typename Env::State& state, V& visit) {
    header.fields(e, some_inactive<Env>, is_streamed<Env>, visit);
    if constexpr (requires { state.fields(e.config, *e.shared, visit); })
        state.fields(e.config, *e.shared, visit);
    else
        state.fields(e.config, visit);
}
template <class Env, class V>
SIM_HD void visit_scratch(const EngineView<Env>& e, ScratchOf<Env>& scratch, V& visit) {
    if constexpr (requires { scratch.fields(e.config, *e.shared, visit); })
        scratch.fields(e.config, *e.shared, visit);
    else
        scratch.fields(e.config, visit);
}

template <class Env, class Group>
class WorldEngine;
template <class Env, class Group>
class AgentStream;
/// A reset that is compiled once and called: it is rare, and its registers would burden every step.
template <class Env, class Group>
SIM_NOINLINE void begin_episode_apart(Group group, const EngineView<Env>& e, int64_t env, Place place) {
    WorldEngine<Env, Group>(group, e, env, place).begin_episode(false, false);
}

/// The functions below work on one world by all lanes of a group.
template <class Env, class Group>
class WorldEngine {
  public:
    SIM_HD WorldEngine(Group& group, const EngineView<Env>& e, int64_t env, const Place& place)
        : group_(group), e_(e), env_(env), place_(place), world_{e.config, *e.shared, {}, {}, {}, 0} {
        Binder<Group::tile_worlds> state{e.state_fields, place.tile, env, place.tile_worlds, place.tile_index};
        visit_state(e, header_, world_.state, state);
        Binder<Group::tile_worlds> scratch{e.scratch_fields, place.scratch, env, place.tile_worlds, place.tile_index};
        visit_scratch(e, world_.scratch, scratch);
    }

    /// A new episode, without outputs; `keeps_state`: only what is derived is built. `seeded`: the first episode after
    /// the batch was seeded.
    SIM_HD void begin_episode(bool keeps_state, bool seeded) {
        if (!keeps_state) {
            const uint32_t episode = seeded ? 0 : header_.episode[0] + 1;
            group_.sync();
            group_.single([&] {
                header_.episode[0] = episode;
                header_.elapsed[0] = seeded && e_.spread_phases ? phase() : 0;
                if (e_.mode != AutoresetMode::same_step) header_.ended[0] = 0;
                for (int role = 0; e_.statistics && role < num_roles(); ++role) header_.episode_return[role] = 0.0f;
            });
            if (e_.statistics && some_inactive<Env>)
                group_.for_each(num_agents(), [&](int agent) { header_.took_part[agent] = 0; });
            group_.sync();
            world_.rng = rng(Purpose::reset, episode, 0);
            world_.elapsed = header_.elapsed[0];
            Env::reset(group_, world_);
            group_.sync();
        }
        world_.elapsed = header_.elapsed[0];
        if constexpr (requires { Env::derive(group_, world_); }) {
            if (keeps_state) {
                world_.rng = {};
                Env::derive(group_, world_);
                group_.sync();
            }
        }
    }
    /// Outputs of a first observation (is_reset: a new episode is begun), or of the state as it was set from outside.
    SIM_HD void begin(bool is_reset, bool seeded) {
        begin_episode(!is_reset, seeded);
        clear_outcome();
        write_rows(is_reset || world_.elapsed == 0);
        observe(false);
    }

    /// Brings the world's actions to place.action as they were given; step() judges them. Apart, so that a caller who
    /// waits for the state can wait for both at once.
    SIM_HD static void fetch_actions(Group& group, const EngineView<Env>& e, int64_t env, const Place& place) {
        for (int p = 0; p < (is_single<Env> ? 1 : e.num_action_parts); ++p) {
            const ActionView a = action_part(e, p);
            int32_t* to = place.action + a.first_word;
            const int64_t start = env * a.env_stride;
            group.for_each(a.count * a.size, [&](int i) { to[i] = given_word(a, start + i); });
        }
    }

    /// After fetch_actions().
    SIM_HD void step() {
        clear_outcome();
        const bool is_over = e_.mode != AutoresetMode::same_step && header_.ended[0];
        bool restarts = is_over && e_.mode == AutoresetMode::next_step, shows_final = false;
        if (is_over && !restarts) {
            hold();
        } else if (!restarts) {
            const Ending ending = play();
            restarts = ending != Ending::none && e_.mode == AutoresetMode::same_step;
            shows_final =
                restarts && (e_.final_observation == FinalObservation::all ||
                             (e_.final_observation == FinalObservation::truncated && ending == Ending::time_limit));
        }
        for (int pass = shows_final ? 0 : 1; pass < 2; ++pass) {  // a loop, so that observe is compiled once
            if (pass == 1 && restarts) restart();
            if (pass == 1) write_rows(restarts);
            observe(pass == 0);
        }
    }

    /// A scripted policy's actions for this state, into place.action; policy -1 is uniformly random.
    SIM_HD void act(int policy, uint32_t draw) {
        world_.elapsed = header_.elapsed[0];
        world_.rng =
            rng(policy < 0 ? Purpose::action : Purpose::policy, header_.episode[0], uint32_t(world_.elapsed) + 1);
        group_.for_each(e_.action_words, [&](int i) { place_.action[i] = 0; });
        group_.sync();
        if (policy < 0)
            act_at_random(draw);
        else if constexpr (requires { Env::act(group_, world_, policy, ActionWriter<Env>{}); })
            Env::act(group_, world_, policy, ActionWriter<Env>{place_.action, action_layout()});
        group_.sync();
        for (int p = 0; p < num_action_parts(); ++p) {
            const ActionView a = action_part(e_, p);
            const int32_t* from = place_.action + a.first_word;
            int32_t* to = a.own + env_ * a.env_stride;
            group_.for_each(a.count * a.size, [&](int i) { to[i] = from[i]; });
        }
    }

  private:
    SIM_HD int num_agents() const { return is_single<Env> ? 1 : e_.num_agents; }
    SIM_HD int num_roles() const { return is_single<Env> ? 1 : e_.num_roles; }
    SIM_HD int num_action_parts() const { return is_single<Env> ? 1 : e_.num_action_parts; }
    SIM_HD RoleView role(int r) const {
        if constexpr (is_single<Env>) return {0, 1, 0, e_.num_parts, 0, 0};
        return e_.roles[r];
    }
    SIM_HD static ActionView action_part(const EngineView<Env>& e, int p) {
        ActionView a = e.actions[p];
        if constexpr (is_single<Env>)
            a.first = a.first_word = 0, a.count = a.size = 1, a.is_box = false, a.n_each = nullptr;
        return a;
    }
    SIM_HD ActionLayout action_layout() const { return {e_.action_offset, e_.action_size}; }
    SIM_HD void restart() {
        if constexpr (requires { Group::prefers_inlining; })
            begin_episode(false, false);
        else
            begin_episode_apart<Env, Group>(group_, e_, env_, place_);
        group_.sync();
        world_.elapsed = header_.elapsed[0];
    }
    /// A step of a world that waits for its reset: nothing happens, rewards are 0, nothing is counted, and the flags
    /// stay as the episode ended.
    SIM_HD void hold() {
        group_.for_each(num_agents(), [&](int agent) {
            place_.terminated[agent] = header_.end_flags[agent] & 1;
            place_.truncated[agent] = header_.end_flags[agent] >> 1;
        });
    }
    enum class Ending { none, rules, time_limit };
    /// The rules and the bookkeeping of one step.
    SIM_HD Ending play() {
        judge_actions();
        world_.elapsed = header_.elapsed[0];
        world_.rng = rng(Purpose::step, header_.episode[0], uint32_t(world_.elapsed) + 1);
        count_agent_steps();
        Env::step(group_, world_, Actions<Env>{place_.action, action_layout()},
                  Outcome<Env>{place_.reward, place_.terminated});
        group_.sync();
        return close_step();
    }
    SIM_HD Rng rng(Purpose purpose, uint32_t episode, uint32_t step) const {
        return {e_.control->seed, uint32_t(e_.first_env + env_), episode, step, purpose};
    }
    SIM_HD int phase() const { return int(rng(Purpose::phase, 0, 0).below(0, 0, uint32_t(e_.max_episode_steps))); }
    SIM_HD bool is_active(int agent) const {
        if constexpr (requires { Env::active(world_, agent); }) return Env::active(world_, agent);
        return true;
    }
    SIM_HD bool is_allowed(int agent, int part, int choice) const {
        if constexpr (masks_actions<Env>)
            return ask_action<Env>(part % TensorsOf<Env>::num_actions,
                                   [&](auto handle) { return Env::allowed(world_, agent, handle, choice); });
        return true;
    }
    SIM_HD void clear_outcome() {
        group_.for_each(num_agents(), [&](int agent) {
            place_.reward[agent] = 0.0f;
            place_.terminated[agent] = 0;
            place_.truncated[agent] = 0;
        });
    }

    /// A word of an action tensor; int64 that no int32 holds becomes -1.
    SIM_HD static int32_t given_word(const ActionView& a, int64_t at) {
        if (!a.is_int64) return static_cast<const int32_t*>(a.input)[at];
        const int64_t value = static_cast<const int64_t*>(a.input)[at];
        return value == int32_t(value) ? int32_t(value) : -1;
    }
    /// What is out of range or forbidden becomes 0 (Box: the nearest bound) and is reported.
    SIM_HD void judge_actions() {
        for (int p = 0; p < num_action_parts(); ++p) {
            const ActionView a = action_part(e_, p);
            int32_t* words = place_.action + a.first_word;
            group_.for_each(a.count * a.size, [&](int i) {
                words[i] = a.is_box ? judge_float(a, p, i, words[i]) : judge_choice(a, p, i, words[i]);
            });
        }
        group_.sync();
    }
    SIM_HD int32_t judge_choice(const ActionView& a, int part, int i, int32_t value) {
        const int agent = a.agent(i), k = a.component(i), n = a.n_each ? a.n_each[k] : a.n;
        const bool in_range = value >= 0 && value < n;
        if (in_range && is_allowed(agent, part, choice_index(a, k, value))) return value;
        const int64_t at = env_ * a.env_stride + i;
        report(in_range ? 2 : 1, part, agent, k, a.is_int64 ? static_cast<const int64_t*>(a.input)[at] : value);
        return 0;
    }
    /// Choices of a MultiDiscrete part are numbered through its integers.
    SIM_HD int choice_index(const ActionView& a, int k, int value) const {
        int before = 0;
        for (int j = 0; j < k; ++j) before += a.n_each[j];
        return before + value;
    }
    SIM_HD int32_t judge_float(const ActionView& a, int part, int i, int32_t word) {
        float value;
        memcpy(&value, &word, 4);
        const int k = a.component(i);
        if (value >= a.low[k] && value <= a.high[k]) return word;
        report(1, part, a.agent(i), k, word);
        return int32_t(float_bits(value > a.high[k] ? a.high[k] : a.low[k]));
    }
    SIM_HD void report(int code, int part, int agent, int integer, int64_t value) {
        ActionError& error = e_.control->error;
        if (!is_active(agent) || !compare_exchange_zero(error.code, code)) return;
        error.part = part, error.agent = agent, error.integer = integer, error.value = value;
        error.env = env_, error.step = header_.elapsed[0];
    }

    SIM_HD void act_at_random(uint32_t draw) {
        for (int p = 0; p < num_action_parts(); ++p) {
            const ActionView a = action_part(e_, p);
            int32_t* to = place_.action + a.first_word;
            group_.for_each(a.count * a.size, [&](int i) {
                const int agent = a.agent(i), k = a.component(i);
                const uint32_t bits = world_.rng.bits(uint32_t(agent), (draw + uint32_t(a.first_draw + k)) & 16383u);
                if (a.is_box) {
                    to[i] = int32_t(float_bits(a.low[k] + (a.high[k] - a.low[k]) * unit_float(bits)));
                    return;
                }
                const int n = a.n_each ? a.n_each[k] : a.n, first = a.n_each ? choice_index(a, k, 0) : 0;
                int permitted = 0;
                for (int c = 0; c < n; ++c) permitted += is_allowed(agent, p, first + c);
                int rank = int((uint64_t{bits} * uint32_t(permitted)) >> 32);
                for (int c = 0; c < n; ++c)
                    if (is_allowed(agent, p, first + c) && rank-- == 0) to[i] = c;
            });
        }
    }

    SIM_HD void count_agent_steps() {
        if (!e_.statistics) return;
        if constexpr (some_inactive<Env>) {
            const int count = group_.count(num_agents(), [&](int agent) {
                const bool counts = is_active(agent);
                if (counts) header_.took_part[agent] = 1;
                return counts;
            });
            group_.single([&] { header_.agent_steps[0] += count; });
        }
    }

    /// Time limit, end of the episode, statistics.
    SIM_HD Ending close_step() {
        const int elapsed = world_.elapsed + 1;
        const bool time_is_up = elapsed >= e_.max_episode_steps;
        if (time_is_up) group_.for_each(num_agents(), [&](int agent) { place_.truncated[agent] = 1; });
        const bool finished =
            group_.all(num_agents(), [&](int agent) { return place_.terminated[agent] || !is_active(agent); });
        const bool ended = time_is_up || finished;
        if (e_.statistics) {
            for (int index = 0; index < num_roles(); ++index) {
                const RoleView r = role(index);
                const float total = group_.sum(r.count, [&](int i) { return place_.reward[r.first + i]; });
                group_.single([&] { header_.episode_return[index] += total; });
            }
        }
        world_.elapsed = elapsed;
        group_.single([&] {
            header_.elapsed[0] = elapsed;
            if (e_.mode != AutoresetMode::same_step) header_.ended[0] = ended;
        });
        if (ended && e_.mode == AutoresetMode::disabled)
            group_.for_each(num_agents(), [&](int agent) {
                header_.end_flags[agent] = uint8_t(place_.terminated[agent] | place_.truncated[agent] << 1);
            });
        group_.sync();
        if (ended && e_.statistics && !(e_.spread_phases && header_.episode[0] == 0)) record_episode();
        return finished ? Ending::rules : time_is_up ? Ending::time_limit : Ending::none;
    }

    /// Agents of a role that took part in the episode.
    SIM_HD int participants(const RoleView& r) {
        if constexpr (some_inactive<Env>)
            return group_.count(r.count, [&](int i) { return header_.took_part[r.first + i] != 0; });
        return r.count;
    }
    /// An episode without agents is none; a role without agents has no return.
    SIM_HD void record_episode() {
        if (participants({0, num_agents(), 0, 0, 0, 0}) == 0) return;
        for (int m = 0; m < e_.num_metrics; ++m) {
            const int agents = m < num_roles() ? participants(role(m)) : 1;
            if (agents == 0) continue;
            float value = 0.0f;
            if (m < num_roles())
                value = header_.episode_return[m] / float(agents);
            else if (m == num_roles())
                value = float(world_.elapsed);
            else if constexpr (requires { Env::metric(group_, world_, 0); })
                value = Env::metric(group_, world_, m - num_roles() - 1);
            group_.single([&] {
                double* const statistic = &header_.statistics[m * num_statistics];
                group_.set_if_zero(statistic[first_statistic], value == 0.0f ? -0.0 : double(value));
                group_.accumulate(statistic[sum_statistic], double(value));
                group_.accumulate(statistic[square_statistic], double(value) * double(value));
                group_.accumulate(statistic[count_statistic], 1.0);
            });
        }
        group_.sync();
    }

    /// The flags that belong to the observation.
    SIM_HD void write_rows(bool starts) {
        group_.for_each(num_agents(), [&](int agent) {
            place_.episode_start[agent] = starts;
            place_.active[agent] = is_active(agent);
            if constexpr (requires { Env::acts(world_, agent); })
                place_.acts[agent] = Env::acts(world_, agent);
            else
                place_.acts[agent] = 1;
        });
    }

    /// What observes finds in scratch memory, which lives until the last of it is observed.
    SIM_HD void prepare() {
        if constexpr (requires { group_.poison(place_.scratch, 0); }) poison_scratch();
        if constexpr (has_prepare<Env>) {
            Env::prepare(group_, world_);
            group_.sync();
        }
    }
    /// The CPU's test mode: what `step` left in scratch memory is gone.
    SIM_HD void poison_scratch() {
        group_.poison(place_.scratch, e_.scratch_bytes);
        for (const FieldPlace& field : e_.scratch_fields)
            if (field.bulk) group_.poison(field.bulk + env_ * field.bytes, field.bytes);
    }
    SIM_HD void observe(bool final) {
        world_.rng = {};
        prepare();
        if constexpr (is_streamed<Env>) {
            AgentStream<Env, Group>(group_, e_, env_, place_, header_, world_).run(final);
            if (!final) write_streamed_masks();
        } else if constexpr (keeps_row<Env, Group>)
            observe_in_registers(final);
        else if constexpr (is_single<Env>)
            observe_range({0, 0, 1}, final);
        else
            for (int role = 0; role < num_roles(); ++role) {
                const RoleView& r = e_.roles[role];
                const int chunk = e_.agents_per_range < r.count ? e_.agents_per_range : r.count;
                for (int first = r.first; first < r.first + r.count; first += chunk) {
                    const int last = first + chunk < r.first + r.count ? first + chunk : r.first + r.count;
                    observe_range({role, first, last}, final);
                }
            }
    }
    /// The masks of all agents, active or not, straight to their tensors.
    SIM_HD void write_streamed_masks() {
        if constexpr (masks_actions<Env>) {
            for (int p = 0; p < e_.num_parts; ++p) {
                const PartView& part = e_.parts[p];
                if (part.mask_of < 0 || !part.wanted()) continue;
                char* const rows = part.rows(false, env_, part.first);
                group_.for_each(part.count * part.elements, [&](int i) {
                    rows[i] = char(is_allowed(part.first + i / part.elements, part.mask_of, i % part.elements));
                });
            }
            group_.sync();
        }
    }
    SIM_HD void observe_in_registers(bool final) {
        float row[Env::single_agent_floats];
        const PartView& part = e_.parts[0];
        if (!part.wanted()) return;
        Env::observe(group_, world_, AgentRange{0, 0, 1}, ObservationWriter<Env>(e_.parts, row));
        if (!final || part.final_output) store_floats(row, part.dtype, part.rows(final, env_, 0));
    }
    SIM_HD void observe_range(AgentRange range, bool final) {
        const RoleView r = role(range.role);
        constexpr bool stages_all = requires { Group::stages_all; };
        const ObservationWriter<Env> writer(e_.parts + r.first_part, place_.stage, env_, place_.slot, range.first,
                                            final, stages_all);
        for (int p = r.first_part; p < r.first_part + r.num_parts; ++p) {
            if (!e_.parts[p].wanted() || e_.parts[p].written != DType::bit) continue;
            uint32_t* words = reinterpret_cast<uint32_t*>(writer.staged(e_.parts[p]));
            const int count = ((range.last - range.first) * e_.parts[p].elements + 31) / 32 + 1;
            group_.for_each(count, [&](int i) { words[i] = 0; });
        }
        group_.sync();
        Env::observe(group_, world_, range, writer);
        if (!final) write_masks(range, writer);
        group_.sync();
        for (int i = 0; i < r.num_tensors(); ++i) {
            const int p = r.tensor(i);
            const PartView& part = e_.parts[p];
            if (!part.wanted() || (!stages_all && part.direct) || (final && !part.final_output)) continue;
            if (place_.flush_later && !final && part.written != DType::bit) continue;
            move_part(group_.lane(), group_.lanes(), part, part.rows(final, env_, range.first), writer.staged(part),
                      (range.last - range.first) * part.elements);
        }
        group_.sync();
    }
    SIM_HD void write_masks(AgentRange range, const ObservationWriter<Env>& writer) {
        if constexpr (masks_actions<Env>) {
            const RoleView r = role(range.role);
            for (int p = r.first_mask; p < r.first_mask + r.num_masks; ++p) {
                const PartView& part = e_.parts[p];
                if (!part.wanted()) continue;
                group_.for_each((range.last - range.first) * part.elements, [&](int i) {
                    const int agent = range.first + i / part.elements;
                    writer.bytes(part, agent)[i % part.elements] =
                        char(is_allowed(agent, part.mask_of, i % part.elements));
                });
            }
        }
    }

    Group& group_;
    const EngineView<Env>& e_;
    const int64_t env_;
    const Place place_;
    Header header_;
    World<Env> world_;
};

}  // namespace flockstep

#include "sim/engine_stream.h"
