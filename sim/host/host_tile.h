#pragma once

#include <cstring>
#include <type_traits>

#include "sim/engine/world_layout.h"

/// One-agent worlds on the CPU, one tile at a time. Their fields are interleaved (see Binder), so that a loop over the
/// worlds of a tile is vectorized: rules that are plain arithmetic run 8 worlds at once.
///
/// This code only handles the common case: a valid action, and an episode that continues. Other worlds are restored and
/// stepped by WorldEngine, so the special cases are not implemented twice, and results are bit-identical.
namespace flockstep {

/// Worlds per tile: a vector of flags, which are bytes, at the widest size that compilers auto-vectorize for.
inline constexpr int host_tile_worlds = 32;
inline constexpr int max_host_tile_bytes = 8192;

/// One world among those of a tile.
struct HostTileGroup : HostGroup {
    static constexpr int tile_worlds = host_tile_worlds;
};

/// Whether the rules can be stepped in tiles: one agent that is always active, always acts and has no action mask, and
/// no scratch memory.
template <class Env>
constexpr bool has_plain_rules() {
    if constexpr (!is_single_agent<Env>) return false;
    if constexpr (requires(World<Env> & world) { Env::active(world, 0); }) return false;
    if constexpr (requires(World<Env> & world) { Env::acts(world, 0); }) return false;
    if constexpr (is_streamed<Env> || has_prepare<Env>) return false;
    if constexpr (masks_actions<Env> || TensorsOf<Env>::num_actions != 1 || RowTable<Env>::num_own > 0) return false;
    return std::is_same_v<ScratchOf<Env>, Nothing>;
}

/// Counts the entries of bulk arrays, which a tile cannot restore.
struct BulkCounter {
    int64_t entries = 0;
    template <class T, class... Counts>
    NoLimits operator()(const char*, Field<T>&, Counts...) {
        return {};
    }
    template <class T, class... Counts>
    NoLimits operator()(const char*, Bulk<T>&, Counts... counts) {
        entries += (int64_t(1) * ... * int64_t(counts));
        return {};
    }
    template <class F, class... Counts>
    NoLimits derived(const char* name, F& field, Counts... counts) {
        return (*this)(name, field, counts...);
    }
};
/// Shifts bound fields from world 0 of a tile to world `index`.
struct TileShift {
    int index;
    template <class T, class... Counts>
    NoLimits operator()(const char*, Field<T>& field, Counts...) {
        field.first += index;
        field.stride = host_tile_worlds;
        return {};
    }
    template <class T, class... Counts>
    NoLimits operator()(const char*, Bulk<T>&, Counts...) {
        return {};
    }
    template <class F, class... Counts>
    NoLimits derived(const char* name, F& field, Counts... counts) {
        return (*this)(name, field, counts...);
    }
};
/// Restores one world's fields from a copy of its tile, `distance` bytes away.
struct TileRestore {
    std::ptrdiff_t distance;
    template <class T, class... Counts>
    NoLimits operator()(const char*, Field<T>& field, Counts... counts) {
        const int64_t entries = (int64_t(1) * ... * int64_t(counts));
        for (int i = 0; i < entries; ++i)
            field[i] = *reinterpret_cast<const T*>(reinterpret_cast<const char*>(&field[i]) + distance);
        return {};
    }
    template <class T, class... Counts>
    NoLimits operator()(const char*, Bulk<T>&, Counts...) {
        return {};
    }
    template <class F, class... Counts>
    NoLimits derived(const char* name, F& field, Counts... counts) {
        return (*this)(name, field, counts...);
    }
};

/// Whether this batch can be stepped in tiles: one agent with one Discrete action, state only in tiles, and outputs
/// that need no conversion.
template <class Env>
bool fits_tiles(const EngineView<Env>& e) {
    if constexpr (has_plain_rules<Env>()) {
        if (e.num_agents != 1 || e.has_state || e.num_roles != 1 || e.num_action_parts != 1) return false;
        if (e.actions[0].is_box || e.actions[0].n_each) return false;
        for (int p = 0; p < e.num_parts; ++p)
            if (e.parts[p].wanted() && (e.parts[p].source_dtype != e.parts[p].dtype)) return false;
        EngineView<Env> state_alone = e;
        state_alone.statistics = false;
        EpisodeState episode_state;
        typename Env::State state;
        BulkCounter counter;
        visit_state(state_alone, episode_state, state, counter);
        return counter.entries == 0;
    }
    return false;
}

/// The worlds [first_env, first_env + host_tile_worlds) of a tile.
template <class Env>
class TileStep {
  public:
    TileStep(const EngineView<Env>& e, int64_t first_env)
        : e_(e), first_env_(first_env), tile_(e.tiles + first_env * e.world_bytes) {
        Binder<worlds> binder{e.state_fields, tile_, first_env, worlds, 0};
        visit_state(e, episode_state_, state_, binder);
    }

    /// Calls step_scalar(env) for the worlds that need it.
    template <class StepScalar>
    void run(StepScalar step_scalar) {
        if (e_.control->keys) {  // worlds have their own seeds
            for (int k = 0; k < worlds; ++k) step_scalar(first_env_ + k);
            return;
        }
        memcpy(before_, tile_, size_t(worlds) * e_.world_bytes);
        load_actions();
        run_rules();
        finish_step();
        write_output_rows();
        observe();
        uint64_t any[worlds / 8];
        memcpy(any, needs_scalar_step_, sizeof any);
        for (int group = 0; group < worlds / 8; ++group)
            for (int k = group * 8; any[group] && k < group * 8 + 8; ++k) {
                if (!needs_scalar_step_[k]) continue;
                restore(k);
                step_scalar(first_env_ + k);
            }
    }

  private:
    static constexpr int worlds = host_tile_worlds;

    /// Invalid actions become 0, and their worlds are stepped by the scalar code.
    template <class T>
    void load_actions_from(const T* input) {
        const int n = e_.actions[0].n;
#pragma GCC ivdep
        for (int k = 0; k < worlds; ++k) {
            const bool is_valid = input[k] >= 0 && input[k] < n;
            action_[k] = is_valid ? int32_t(input[k]) : 0;
            needs_scalar_step_[k] = !is_valid;
        }
    }
    void load_actions() {
        const ActionView& a = e_.actions[0];
        if (a.is_int64)
            load_actions_from(static_cast<const int64_t*>(a.input) + first_env_);
        else
            load_actions_from(static_cast<const int32_t*>(a.input) + first_env_);
        if (e_.mode != AutoresetMode::same_step)
            for (int k = 0; k < worlds; ++k) needs_scalar_step_[k] |= episode_state_.ended.first[k];
    }
    /// Runs the rules. The loop only accesses local variables and the tile, so that it can be vectorized.
    void run_rules() {
        const typename Env::Config config = e_.config;
        const SharedOf<Env> shared = e_.shared;
        const typename Env::State first_state = state_;
        const int32_t* const elapsed = episode_state_.elapsed.first;
        const uint32_t* const episode = episode_state_.episode.first;
        const uint64_t seed = e_.control->seed;
        const uint32_t global_env = uint32_t(e_.first_env + first_env_);
        const ActionLayout layout{};  // one Discrete part, one word per agent
#pragma GCC ivdep
        for (int k = 0; k < worlds; ++k) {
            HostGroup group;
            World<Env> world{config, shared, first_state, {}, {}, elapsed[k]};
            shift_to(k, config, shared, world.state);
            world.rng = Rng{seed, global_env + uint32_t(k), episode[k], uint32_t(elapsed[k]) + 1, Purpose::step};
            reward_[k] = 0.0f, terminated_[k] = 0;
            RowPointers<Env> rows{};
            rows.row[reward_row] = reinterpret_cast<char*>(reward_ + k);
            rows.row[terminated_row] = reinterpret_cast<char*>(terminated_ + k);
            Env::step(group, world, Actions<Env>{action_ + k, layout}, Outcome<Env>{rows});
        }
    }
    /// The bookkeeping of a step that does not end an episode.
    void finish_step() {
        const int last = e_.max_episode_steps - 1;
        int32_t* const elapsed = episode_state_.elapsed.first;
#pragma GCC ivdep
        for (int k = 0; k < worlds; ++k) {
            needs_scalar_step_[k] |= terminated_[k] | uint8_t(elapsed[k] >= last);
            ++elapsed[k];
        }
        if (!e_.statistics) return;
        float* const episode_return = episode_state_.episode_return.first;
#pragma GCC ivdep
        for (int k = 0; k < worlds; ++k) episode_return[k] += 0.0f + reward_[k];
    }
    void write_output_rows() {
        if (char* reward = e_.rows[reward_row]) memcpy(reward + 4 * first_env_, reward_, sizeof reward_);
        for (int row = terminated_row; row < num_built_in_rows; ++row)
            if (e_.rows[row]) memset(e_.rows[row] + first_env_, row == active_row || row == acts_row, size_t(worlds));
    }
    void observe() {
        const typename Env::Config config = e_.config;
        const SharedOf<Env> shared = e_.shared;
        PartView parts[max_parts];
        for (int p = 0; p < e_.num_parts; ++p) parts[p] = e_.parts[p];
        const int32_t* const elapsed = episode_state_.elapsed.first;
        for (int k = 0; k < worlds; ++k) {
            HostGroup group;
            World<Env> world{config, shared, state_, {}, {}, elapsed[k]};
            shift_to(k, config, shared, world.state);
            Env::observe(group, world, AgentRange{0, 0, 1},
                         ObservationWriter<Env>(parts, nullptr, first_env_ + k, 0, 0, false, false));
        }
    }
    void restore(int k) {
        EpisodeState episode_state = episode_state_;
        typename Env::State state = state_;
        TileShift shift{k};
        visit_state(e_, episode_state, state, shift);
        TileRestore restore{before_ - tile_};
        visit_state(e_, episode_state, state, restore);
    }
    static SIM_HD void shift_to(int k, const typename Env::Config& config, const SharedOf<Env>& shared,
                                typename Env::State& state) {
        TileShift shift{k};
        if constexpr (requires { state.fields(config, shared, shift); })
            state.fields(config, shared, shift);
        else
            state.fields(config, shift);
    }

    const EngineView<Env>& e_;
    const int64_t first_env_;
    char* const tile_;
    EpisodeState episode_state_;
    typename Env::State state_;
    int32_t action_[worlds];
    float reward_[worlds];
    uint8_t terminated_[worlds], needs_scalar_step_[worlds];
    alignas(64) char before_[max_host_tile_bytes];
};

}  // namespace flockstep
