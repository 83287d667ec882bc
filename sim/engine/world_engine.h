#pragma once

#include <cstdint>

#include "sim/contract/declared.h"
#include "sim/contract/flush.h"
#include "sim/contract/group.h"
#include "sim/contract/observation.h"
#include "sim/contract/row_writer.h"
#include "sim/contract/world.h"
#include "sim/engine/engine_view.h"

/// One step of one world, the same source for both backends: rules, bookkeeping, time limit, autoreset, observation.
/// host_batch.h and cuda_batch.h lay out the memory, make the groups and call it.
namespace flockstep {

/// Everything about a batch that its steps need; passed by value to kernels.
template <class Env>
struct EngineView : EngineCommon {
    typename Env::Config config;
    SharedOf<Env> shared;  // its views point at slots, which a pool that is replaced changes
};

/// What the engine itself remembers of a world; lies in front of the environment's own fields.
struct Header {
    Field<int32_t> elapsed;       // steps since the reset
    Field<uint32_t> episode;      // resets since the batch was seeded
    Field<uint8_t> ended;         // NEXT_STEP, DISABLED: the episode is over, and the world waits for its reset
    Field<uint8_t> end_flags;     // [num_agents] DISABLED: how the episode ended, 1 terminated + 2 truncated
    Field<uint8_t> took_part;     // [num_agents] active before some step of this episode
    Field<float> episode_return;  // by role: rewards so far, summed over its agents
    Field<float> sums;            // the same of own outputs: PerAgent numbers by role, then PerEnv numbers
    Field<float> results;         // PerEpisode numbers of the last episode
    Field<uint32_t> legal;        // bits of the legal choices, where choices can be illegal
    Field<int64_t> agent_steps;   // of active agents since the statistics were cleared
    Bulk<double> statistics;      // [metrics, 4], of the episodes that ended since they were cleared: see Statistic
    Field<uint8_t> rows_shown;    // [num_agents] which of its rows may hold numbers: see AgentStream

    /// `some_inactive`: agents can be inactive, so that agent-steps are counted. `is_streamed`: observations
    /// are. Table: the environment's RowTable.
    template <class Table, class V>
    SIM_HD void fields(const EngineCommon& e, bool some_inactive, bool is_streamed, Table, V& visit) {
        const int metrics = e.statistics ? e.num_metrics : 0;
        const bool waits = e.mode != AutoresetMode::same_step;
        visit("elapsed", elapsed, 1).between(0, e.max_episode_steps - (waits ? 0 : 1));
        visit("episode", episode, 1);
        visit("ended", ended, int(waits)).between(0, 1);
        visit("end_flags", end_flags, e.mode == AutoresetMode::disabled ? e.num_agents : 0).between(0, 3);
        visit("took_part", took_part, e.statistics && some_inactive ? e.num_agents : 0).between(0, 1);
        visit("episode_return", episode_return, e.statistics ? e.num_roles : 0).any_value();
        visit("output_sums", sums, e.statistics ? Table::agent_sums * e.num_roles + Table::env_sums : 0).any_value();
        visit("results", results, Table::num_results).any_value();
        visit.derived("legal_actions", legal, e.legal_words);
        visit("agent_steps", agent_steps, int(e.statistics && some_inactive)).between(0, 9e18);
        visit("statistics", statistics, metrics, num_statistics).any_value();
        if (is_streamed && some_inactive) visit.derived("rows_shown", rows_shown, e.num_agents);  // not the world's
    }
};

/// The memory of one world during a call: where its tile, scratch, actions and rows lie, staged or not.
template <class Env>
struct Place {
    char* tile;
    int tile_index, tile_worlds;
    char* scratch;
    int32_t* action;  // and as many words more where roles are scripted
    RowPointers<Env> rows;
    char* stage;
    int slot;          // among the worlds that share `stage`
    bool flush_later;  // the caller moves the staged bytes and floats of all these worlds together
    bool moves_rows;   // the rows are staged, and this world moves its own
};

template <class Env>
inline constexpr bool some_inactive = requires(const World<Env>& world) {
    Env::active(world, 0);
};
/// Agents can be waiting for another's turn.
template <class Env>
inline constexpr bool some_wait = requires(const World<Env>& world) {
    Env::acts(world, 0);
};
/// There is a global state besides what agents observe.
template <class Env>
inline constexpr bool has_world_state = requires(HostGroup& group, World<Env>& world,
                                                 const ObservationWriter<Env>& out) {
    Env::observe_state(group, world, out);
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

/// The rules call some choices illegal: they have `legal_actions`, or `allowed` for some part.
template <class Env>
inline constexpr bool has_legal_actions = requires(HostGroup& group, World<Env>& world,
                                                   const LegalActions<Env>& legal) {
    Env::legal_actions(group, world, legal);
};
template <class Env>
inline constexpr bool masks_actions = has_legal_actions<Env> || []<class... H>(TensorList<H...>) {
    return (false || ... || [] {
        if constexpr (is_choice<H>) return requires(const World<Env>& world) {
                Env::allowed(world, 0, H{}, 0);
            };
        return false;
    }());
}(TensorsOf<Env>{});

template <class Env, class V>
SIM_HD void visit_state(const EngineView<Env>& e, const typename Env::Config& config, Header& header,
                        typename Env::State& state, V& visit) {
    header.fields(e, some_inactive<Env>, is_streamed<Env>, RowTable<Env>{}, visit);
    if constexpr (requires { state.fields(config, e.shared, visit); })
        state.fields(config, e.shared, visit);
    else
        state.fields(config, visit);
}
template <class Env, class V>
SIM_HD void visit_state(const EngineView<Env>& e, Header& header, typename Env::State& state, V& visit) {
    visit_state(e, e.config, header, state, visit);
}
template <class Env, class V>
SIM_HD void visit_scratch(const EngineView<Env>& e, const typename Env::Config& config, ScratchOf<Env>& scratch,
                          V& visit) {
    if constexpr (requires { scratch.fields(config, e.shared, visit); })
        scratch.fields(config, e.shared, visit);
    else
        scratch.fields(config, visit);
}

template <class Env, class Group>
class WorldEngine;
template <class Env, class Group>
class AgentStream;
// What is rare is compiled once and called: its registers and its instructions would burden every step.
template <class Env, class Group>
SIM_NOINLINE void begin_episode_apart(Group group, const EngineView<Env>& e, int64_t env, Place<Env> place) {
    WorldEngine<Env, Group>(group, e, e.config, env, place).begin_episode(false, false);
}
template <class Env, class Group>
SIM_NOINLINE void play_scripted_roles_apart(Group group, const EngineView<Env>& e, int64_t env, Place<Env> place) {
    WorldEngine<Env, Group>(group, e, e.config, env, place).play_scripted_roles();
}
template <class Env, class Group>
SIM_NOINLINE void find_legal_actions_apart(Group group, const EngineView<Env>& e, int64_t env, Place<Env> place) {
    WorldEngine<Env, Group>(group, e, e.config, env, place).find_legal_actions();
}

/// The group runs kernels in which the environment's usual sizes are constants.
template <class Env, class Group>
inline constexpr bool has_usual_sizes = requires {
    Group::usual_sizes;
};
/// Settings as rules see them: those of the batch; or a copy in which the sizes are constants.
template <class Env, class Group>
using ConfigSeen = std::conditional_t<has_usual_sizes<Env, Group>, typename Env::Config, const typename Env::Config&>;
template <class Env, class Group>
SIM_HD ConfigSeen<Env, Group> config_seen(const EngineView<Env>& e) {
    if constexpr (has_usual_sizes<Env, Group>) {
        typename Env::Config config = e.config;
        Env::UsualSizes::apply(config);
        return config;
    } else {
        return e.config;
    }
}

/// The functions below work on one world by all lanes of a group.
template <class Env, class Group>
class WorldEngine {
  public:
    /// `config`: e.config, or what config_seen() made of it. It must outlive this object, and lie apart from it: an
    /// object that points into itself does not fit into registers.
    SIM_HD WorldEngine(Group& group, const EngineView<Env>& e, const typename Env::Config& config, int64_t env,
                       const Place<Env>& place)
        : group_(group),
          e_(e),
          env_(env),
          place_(place),
          world_(World<Env>{config, e.shared, {}, {}, {}, 0, e.all_envs}) {
        Binder<Group::tile_worlds> state{e.state_fields, place.tile, env, place.tile_worlds, place.tile_index};
        visit_state(e, config, header_, world_.state, state);
        Binder<Group::tile_worlds> scratch{e.scratch_fields, place.scratch, env, place.tile_worlds, place.tile_index};
        visit_scratch(e, config, world_.scratch, scratch);
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
                for (int i = 0; has_sums && e_.statistics && i < num_sums(); ++i) header_.sums[i] = 0.0f;
            });
            if (e_.statistics && some_inactive<Env>)
                group_.for_each(num_agents(), [&](int agent) { header_.took_part[agent] = 0; });
            group_.sync();
            world_.rng = rng(Purpose::reset, episode, 0);
            if (const StreamKey* keys = e_.control->keys) world_.all_envs = keys[env_].all_envs;
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
        if (seeded) clear_results();
        show_results(false);
        renew_legal_actions();
        write_rows(is_reset || world_.elapsed == 0);
        observe(false);
        move_rows();
    }

    /// Brings the world's actions to place.action as they were given; step() judges them. Apart, so that a caller who
    /// waits for the state can wait for both at once.
    SIM_HD static void fetch_actions(Group& group, const EngineView<Env>& e, int64_t env, const Place<Env>& place) {
        for (int p = 0; p < (is_plain ? 1 : e.num_action_parts); ++p) {
            const ActionView a = action_part(e, p);
            if (!is_plain && e.num_scripted > 0 && !a.input) continue;
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
        if (is_over) {
            world_.elapsed = header_.elapsed[0];
            show_results(false);
        }
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
            if (pass == 1) restart_where(restarts);
            if (pass == 1) renew_legal_actions();
            if (pass == 1) write_rows(restarts);
            observe(pass == 0);
        }
        move_rows();
    }

    /// A scripted policy's actions for this state, into the engine's own action tensors; -1 is uniformly random.
    SIM_HD void act(int policy, uint32_t draw) {
        choose_actions(policy, draw, place_.action);
        for (int p = 0; p < num_action_parts(); ++p) {
            const ActionView a = action_part(e_, p);
            if (has_scripted() && !a.own) continue;
            const int32_t* from = place_.action + a.first_word;
            int32_t* to = a.own + env_ * a.env_stride;
            group_.for_each(a.count * a.size, [&](int i) { to[i] = from[i]; });
        }
    }

    /// Work other than a step.
    SIM_HD void run(const Work& work) {
        if (work.operation == Operation::act)
            act(work.policy, work.draw);
        else
            begin(work.operation == Operation::reset, work.seeded);
    }

    /// Which choices are legal in this state: what the next actions are judged by, and what the masks show.
    SIM_HD void find_legal_actions() {
        if constexpr (masks_actions<Env>) {
            world_.elapsed = header_.elapsed[0];
            world_.rng = {};
            if constexpr (has_legal_actions<Env>) {
                group_.for_each(e_.legal_words, [&](int i) { header_.legal[i] = 0; });
                group_.sync();
                Env::legal_actions(
                    group_, world_,
                    LegalActions<Env>{header_.legal.first, header_.legal.stride, e_.actions, num_roles()});
            } else {
                for (int p = 0; p < num_action_parts(); ++p) ask_for_each_choice(action_part(e_, p), p);
            }
            group_.sync();
        }
    }
    /// Roles that scripted policies play, each policy once.
    SIM_HD void play_scripted_roles() {
        int32_t* const words = place_.action + e_.action_words;
        for (int r = 0; r < num_roles(); ++r) {
            if (e_.roles[r].policy == RoleView::learns || is_played(r)) continue;
            choose_actions(e_.roles[r].policy, 0, words);
            for (int other = r; other < num_roles(); ++other)
                if (e_.roles[other].policy == e_.roles[r].policy) take_actions(other, words);
            group_.sync();
        }
    }

  private:
    using Table = RowTable<Env>;
    static constexpr bool has_sums = Table::agent_sums + Table::env_sums > 0;

    static constexpr bool is_usual = has_usual_sizes<Env, Group>;
    /// One role, one observation part of floats, one Discrete action without a mask; the number of agents is known.
    static constexpr bool is_plain = is_single<Env> || is_usual;

    SIM_HD static constexpr int known_agents() {
        if constexpr (is_usual) return Env::UsualSizes::template num_agents<typename Env::Config>();
        return 1;
    }
    SIM_HD int num_agents() const { return is_plain ? known_agents() : e_.num_agents; }
    SIM_HD bool has_scripted() const { return !is_plain && e_.num_scripted > 0; }
    SIM_HD int num_sums() const { return Table::agent_sums * num_roles() + Table::env_sums; }
    SIM_HD int num_roles() const { return is_plain ? 1 : e_.num_roles; }
    SIM_HD int num_action_parts() const { return is_plain ? 1 : e_.num_action_parts; }
    SIM_HD RoleView role(int r) const {
        if constexpr (is_plain) return {0, known_agents(), 0, 1, 0, 0, RoleView::learns};
        return e_.roles[r];
    }
    SIM_HD static ActionView action_part(const EngineView<Env>& e, int p) {
        ActionView a = e.actions[p];
        if constexpr (is_plain)
            a.first = a.first_word = 0, a.count = known_agents(), a.size = 1, a.is_box = false, a.n_each = nullptr,
            a.fallback_each = nullptr, a.legal_words = 0;
        return a;
    }
    SIM_HD ActionLayout action_layout() const { return {e_.action_offset, e_.action_size}; }
    /// A new episode where the world's is over; by all lanes of a warp where several worlds share one.
    SIM_HD void restart_where(bool restarts) {
        if constexpr (requires { Group::restarts_together; }) {
            group_.for_each_of_warp(restarts, [&](Group group, int neighbour) {
                Place<Env> place = place_;
                place.tile_index += neighbour;
                begin_episode_apart<Env, Group>(group, e_, env_ + neighbour, place);
            });
            if (restarts) world_.elapsed = header_.elapsed[0];
        } else {
            if (restarts) restart();
        }
    }
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
            terminated(agent) = header_.end_flags[agent] & 1;
            truncated(agent) = header_.end_flags[agent] >> 1;
        });
    }
    enum class Ending { none, rules, time_limit };
    /// The rules and the bookkeeping of one step.
    SIM_HD Ending play() {
        world_.elapsed = header_.elapsed[0];
        if (has_scripted()) {
            play_scripted_roles_apart<Env, Group>(group_, e_, env_, place_);
            group_.sync();
        }
        judge_actions();
        world_.rng = rng(Purpose::step, header_.episode[0], uint32_t(world_.elapsed) + 1);
        count_agent_steps();
        Env::step(group_, world_, Actions<Env>{place_.action, action_layout()}, Outcome<Env>{place_.rows});
        group_.sync();
        return close_step();
    }
    SIM_HD Rng rng(Purpose purpose, uint32_t episode, uint32_t step) const {
        if (const StreamKey* keys = e_.control->keys) return {keys[env_].seed, keys[env_].env, episode, step, purpose};
        return {e_.control->seed, uint32_t(e_.first_env + env_), episode, step, purpose};
    }
    SIM_HD int phase() const { return int(rng(Purpose::phase, 0, 0).below(0, 0, uint32_t(e_.max_episode_steps))); }
    SIM_HD bool is_active(int agent) const {
        if constexpr (requires { Env::active(world_, agent); }) return Env::active(world_, agent);
        return true;
    }
    SIM_HD void renew_legal_actions() {
        if constexpr (masks_actions<Env>) {
            if (e_.legal_words == 0) return;
            if constexpr (requires { Group::prefers_inlining; })
                find_legal_actions();
            else
                find_legal_actions_apart<Env, Group>(group_, e_, env_, place_);
        }
    }
    SIM_HD uint8_t& terminated(int agent) const { return place_.rows.template flag<terminated_row>(agent); }
    SIM_HD uint8_t& truncated(int agent) const { return place_.rows.template flag<truncated_row>(agent); }
    SIM_HD void clear_outcome() {
        group_.for_each(num_agents(), [&](int agent) {
            place_.rows.reward(agent) = 0.0f;
            terminated(agent) = 0;
            truncated(agent) = 0;
        });
        if constexpr (Table::num_own > 0)
            for_each_own_row([&](auto row) {
                group_.for_each(numbers_in(row), [&](int i) { place_.rows.template number<row>(i) = 0; });
            });
    }
    /// f(constant): with each of the environment's own rows.
    template <class F>
    SIM_HD static void for_each_own_row(F&& f) {
        Table::for_each([&](auto row) {
            if constexpr (row >= num_built_in_rows) f(row);
        });
    }
    /// Numbers of a world in row `row`.
    template <class Row>
    SIM_HD int numbers_in(Row row) const {
        constexpr RowInfo info = Table::rows[row];
        return info.size * (info.is_per_agent() ? num_agents() : 1);
    }
    /// Rows of agents that learn, from where they are staged to the outputs.
    SIM_HD void move_rows() {
        if (!place_.moves_rows) return;
        group_.sync();
        Table::for_each([&](auto row) {
            constexpr RowInfo info = Table::rows[row];
            if (!e_.rows[row]) return;
            const int first = info.is_per_agent() ? e_.first_learner * info.size : 0;
            const int count = info.size * (info.is_per_agent() ? e_.num_learners : 1);
            auto* to = &place_.rows.template number<row>(0);
            to = reinterpret_cast<decltype(to)>(e_.rows[row]) + env_ * count;
            group_.for_each(count, [&](int i) { to[i] = place_.rows.template number<row>(first + i); });
        });
    }

    /// One word of 32 choices at a time.
    SIM_HD void ask_for_each_choice(const ActionView& a, int part) {
        if (a.legal_words == 0) return;
        const int choices = a.n_each ? choice_index(a, a.size, 0) : a.n;
        group_.for_each(a.count * a.legal_words, [&](int i) {
            const int agent = a.first + i / a.legal_words, first = i % a.legal_words * 32;
            uint32_t bits = 0;
            for (int k = 0; k < 32 && first + k < choices; ++k)
                bits |= uint32_t(ask_action<Env>(
                            part % TensorsOf<Env>::num_actions,
                            [&](auto handle) { return Env::allowed(world_, agent, handle, first + k); }))
                        << k;
            header_.legal[a.first_legal + i] = bits;
        });
    }
    SIM_HD bool is_legal(const ActionView& a, int agent, int choice) const {
        if constexpr (masks_actions<Env>)
            if (a.legal_words > 0)
                return header_.legal[a.first_legal + (agent - a.first) * a.legal_words + choice / 32] >> (choice % 32) &
                       1;
        return true;
    }

    /// A policy's actions for this state into `words`, which are as long as a world's actions.
    SIM_HD void choose_actions(int policy, uint32_t draw, int32_t* words) {
        world_.elapsed = header_.elapsed[0];
        const Rng drawn =
            rng(policy < 0 ? Purpose::action : Purpose::policy, header_.episode[0], uint32_t(world_.elapsed) + 1);
        world_.rng = drawn;
        for (int p = 0; p < num_action_parts(); ++p) {
            const ActionView a = action_part(e_, p);
            group_.for_each(a.count * a.size, [&](int i) { words[a.first_word + i] = a.is_box ? 0 : fallback(a, i); });
        }
        group_.sync();
        if (policy < 0)
            act_at_random(drawn, draw, words);
        else if constexpr (requires { Env::act(group_, world_, policy, ActionWriter<Env>{}); })
            Env::act(group_, world_, policy, ActionWriter<Env>{words, action_layout()});
        group_.sync();
    }
    /// A role before this one has the same policy.
    SIM_HD bool is_played(int r) const {
        for (int before = 0; before < r; ++before)
            if (e_.roles[before].policy == e_.roles[r].policy) return true;
        return false;
    }
    SIM_HD void take_actions(int r, const int32_t* words) {
        constexpr int handles = TensorsOf<Env>::num_actions;
        for (int p = r * handles; p < (r + 1) * handles; ++p) {
            const ActionView a = action_part(e_, p);
            group_.for_each(a.count * a.size,
                            [&](int i) { place_.action[a.first_word + i] = words[a.first_word + i]; });
        }
    }

    /// A word of an action tensor; int64 that no int32 holds becomes -1.
    SIM_HD static int32_t given_word(const ActionView& a, int64_t at) {
        if (!a.is_int64) return static_cast<const int32_t*>(a.input)[at];
        const int64_t value = static_cast<const int64_t*>(a.input)[at];
        return value == int32_t(value) ? int32_t(value) : -1;
    }
    /// What is out of range or illegal becomes the default choice (Box: the nearest bound) and is reported.
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
        if (in_range && (e_.illegal_actions == IllegalActions::pass || value == fallback(a, i) ||
                         is_legal(a, agent, choice_index(a, k, value))))
            return value;
        const int64_t at = env_ * a.env_stride + i;
        report(in_range ? 2 : 1, part, agent, k,
               a.is_int64 && a.input ? static_cast<const int64_t*>(a.input)[at] : value);
        return fallback(a, i);
    }
    /// The default choice of word i.
    SIM_HD static int fallback(const ActionView& a, int i) {
        return a.fallback_each ? a.fallback_each[a.component(i)] : a.fallback;
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
        error.part = part, error.agent = agent - e_.first_learner, error.integer = integer, error.value = value;
        error.env = env_, error.step = header_.elapsed[0];
    }

    SIM_HD void act_at_random(const Rng& drawn, uint32_t draw, int32_t* words) {
        for (int p = 0; p < num_action_parts(); ++p) {
            const ActionView a = action_part(e_, p);
            int32_t* to = words + a.first_word;
            group_.for_each(a.count * a.size, [&](int i) {
                const int agent = a.agent(i), k = a.component(i);
                const uint32_t bits = drawn.bits(uint32_t(agent), (draw + uint32_t(a.first_draw + k)) & 16383u);
                if (a.is_box) {
                    to[i] = int32_t(float_bits(a.low[k] + (a.high[k] - a.low[k]) * unit_float(bits)));
                    return;
                }
                const int n = a.n_each ? a.n_each[k] : a.n, first = a.n_each ? choice_index(a, k, 0) : 0;
                int permitted = 0;
                for (int c = 0; c < n; ++c) permitted += is_legal(a, agent, first + c);
                int rank = int((uint64_t{bits} * uint32_t(permitted)) >> 32);
                for (int c = 0; c < n; ++c)
                    if (is_legal(a, agent, first + c) && rank-- == 0) to[i] = c;
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
        if (time_is_up) group_.for_each(num_agents(), [&](int agent) { truncated(agent) = 1; });
        const bool finished =
            group_.all(num_agents(), [&](int agent) { return terminated(agent) || !is_active(agent); });
        const bool ended = time_is_up || finished;
        if (e_.statistics) {
            for (int index = 0; index < num_roles(); ++index) {
                const RoleView r = role(index);
                const float total = group_.sum(r.count, [&](int i) { return place_.rows.reward(r.first + i); });
                group_.single([&] { header_.episode_return[index] += total; });
            }
            if constexpr (has_sums) add_to_sums();
        }
        world_.elapsed = elapsed;
        group_.single([&] {
            header_.elapsed[0] = elapsed;
            if (e_.mode != AutoresetMode::same_step) header_.ended[0] = ended;
        });
        if (ended && e_.mode == AutoresetMode::disabled)
            group_.for_each(num_agents(), [&](int agent) {
                header_.end_flags[agent] = uint8_t(terminated(agent) | truncated(agent) << 1);
            });
        group_.sync();
        show_results(ended);
        if (ended && e_.statistics && !(e_.spread_phases && header_.episode[0] == 0)) record_episode();
        return finished ? Ending::rules : time_is_up ? Ending::time_limit : Ending::none;
    }

    /// Agents of a role that took part in the episode.
    SIM_HD int participants(const RoleView& r) {
        if constexpr (some_inactive<Env>)
            return group_.count(r.count, [&](int i) { return header_.took_part[r.first + i] != 0; });
        return r.count;
    }
    /// Own outputs are summed up as rewards are: by role, or for the world. The rows are functions of their own, since
    /// nvcc 13.0 was seen to drop an `if constexpr` that follows another in a generic lambda.
    SIM_HD void add_to_sums() {
        for_each_own_row([&](auto row) {
            constexpr int which = row;
            if constexpr (Table::rows[which].is_per_agent())
                add_agents_to_sums<which>();
            else if constexpr (Table::rows[which].kind == TensorKind::per_env)
                add_world_to_sums<which>();
        });
    }
    template <int row>
    SIM_HD void add_agents_to_sums() {
        constexpr int size = Table::rows[row].size, before = sums_before(row);
        for (int r = 0; r < num_roles(); ++r)
            for (int k = 0; k < size; ++k) {
                const RoleView of = role(r);
                const float total = group_.sum(of.count, [&](int i) {
                    return float(place_.rows.template number<row>((of.first + i) * size + k));
                });
                group_.single([&] { header_.sums[before * num_roles() + r * size + k] += total; });
            }
    }
    template <int row>
    SIM_HD void add_world_to_sums() {
        constexpr int before = sums_before(row);
        group_.for_each(Table::rows[row].size, [&](int k) {
            header_.sums[Table::agent_sums * num_roles() + before + k] += float(place_.rows.template number<row>(k));
        });
    }
    /// Numbers of rows of the same kind that lie before those of row `row`.
    static consteval int sums_before(int row) {
        int before = 0;
        for (int other = num_built_in_rows; other < row; ++other)
            if (Table::rows[other].kind == Table::rows[row].kind) before += Table::rows[other].size;
        return before;
    }
    SIM_HD void clear_results() {
        group_.for_each(Table::num_results, [&](int i) { header_.results[i] = 0.0f; });
    }
    /// PerEpisode rows show what the step reported that ended the last episode: `ended`, this one.
    SIM_HD void show_results(bool ended) {
        if constexpr (Table::num_results > 0) {
            group_.sync();
            for_each_own_row([&](auto row) {
                constexpr int which = row;
                if constexpr (Table::rows[which].kind == TensorKind::per_episode) show_results_of<which>(ended);
            });
            group_.sync();
        }
    }
    template <int row>
    SIM_HD void show_results_of(bool ended) {
        constexpr int before = sums_before(row);
        group_.for_each(Table::rows[row].size, [&](int k) {
            auto& number = place_.rows.template number<row>(k);
            float& result = header_.results[before + k];
            if (ended) result = float(number);
            number = std::decay_t<decltype(number)>(result);
        });
    }
    /// An episode without agents is none; a role without agents has no mean.
    SIM_HD void record_episode() {
        if (participants(all_agents()) == 0) return;
        for (int m = 0; m < e_.num_metrics; ++m) {
            const MetricView metric = e_.metrics[m];
            const RoleView of = metric.role < 0 ? all_agents() : role(metric.role);
            const int agents = participants(of);
            if (agents == 0) continue;
            const float value = value_of(metric, of, agents);
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
    SIM_HD RoleView all_agents() const { return {0, num_agents(), 0, 0, 0, 0, RoleView::learns}; }
    /// Of the episode that has just ended; a mean over `agents` agents of `of` where it is one.
    SIM_HD float value_of(const MetricView& metric, const RoleView& of, int agents) {
        if (metric.kind == MetricKind::episode_return) return header_.episode_return[metric.role] / float(agents);
        if (metric.kind == MetricKind::episode_length) return float(world_.elapsed);
        if constexpr (has_sums) {
            if (metric.kind == MetricKind::agent_sum) return header_.sums[metric.index] / float(agents);
            if (metric.kind == MetricKind::env_sum) return header_.sums[metric.index];
        }
        if constexpr (requires { Env::agent_metric(world_, 0, 0); })
            if (metric.kind == MetricKind::agent_metric)
                return group_.sum(of.count, [&](int i) {
                    const int agent = of.first + i;
                    return took_part(agent) ? Env::agent_metric(world_, agent, metric.index) : 0.0f;
                }) / float(agents);
        if constexpr (Table::num_results > 0)
            if (metric.kind == MetricKind::episode_value) return header_.results[metric.index];
        if constexpr (requires { Env::metric(group_, world_, 0); }) return Env::metric(group_, world_, metric.index);
        return 0.0f;
    }
    SIM_HD bool took_part(int agent) const {
        if constexpr (some_inactive<Env>) return header_.took_part[agent] != 0;
        return true;
    }

    /// The flags that belong to the observation.
    SIM_HD void write_rows(bool starts) {
        group_.for_each(num_agents(), [&](int agent) {
            place_.rows.template flag<episode_start_row>(agent) = starts;
            place_.rows.template flag<active_row>(agent) = is_active(agent);
            if constexpr (some_wait<Env>)
                place_.rows.template flag<acts_row>(agent) = Env::acts(world_, agent);
            else
                place_.rows.template flag<acts_row>(agent) = 1;
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
        else if constexpr (is_plain)
            observe_range({0, 0, known_agents()}, final);
        else
            for (int role = 0; role < num_roles(); ++role) {
                const RoleView& r = e_.roles[role];
                const int chunk = e_.agents_per_range < r.count ? e_.agents_per_range : r.count;
                for (int first = r.first; first < r.first + r.count; first += chunk) {
                    const int last = first + chunk < r.first + r.count ? first + chunk : r.first + r.count;
                    observe_range({role, first, last}, final);
                }
            }
        if constexpr (has_world_state<Env>)
            if (e_.has_state) observe_range({e_.num_roles, 0, 1}, final);
    }
    /// The masks of all agents, active or not, straight to their tensors.
    SIM_HD void write_streamed_masks() {
        if constexpr (masks_actions<Env>) {
            for (int p = 0; p < e_.num_parts; ++p) {
                const PartView& part = e_.parts[p];
                if (part.mask_of < 0 || !part.wanted()) continue;
                char* const rows = part.rows(false, env_, part.first);
                group_.for_each(part.count * part.elements, [&](int i) {
                    rows[i] =
                        char(is_legal(e_.actions[part.mask_of], part.first + i / part.elements, i % part.elements));
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
        if constexpr (has_world_state<Env>) {
            if (range.role == e_.num_roles)
                Env::observe_state(group_, world_, writer);
            else
                Env::observe(group_, world_, range, writer);
        } else {
            Env::observe(group_, world_, range, writer);
        }
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
                        char(is_legal(e_.actions[part.mask_of], agent, i % part.elements));
                });
            }
        }
    }

    Group& group_;
    const EngineView<Env>& e_;
    const int64_t env_;
    const Place<Env> place_;
    Header header_;
    World<Env> world_;
};

}  // namespace flockstep

#include "sim/engine/agent_stream.h"
