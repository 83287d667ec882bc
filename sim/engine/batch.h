#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/space.h"
#include "sim/engine/bindings.h"
#include "sim/engine/engine_view.h"
#include "sim/engine/memory.h"

namespace flockstep {

/// How a batch of worlds is run; the worlds themselves are defined by the environment's settings.
struct BatchOptions {
    int64_t num_envs = 1;   // worlds, 1 .. 2^31 - 1
    Device device;          // where they run
    uint64_t seed = 0;      // for all random numbers, until reset() is called with another
    int64_t first_env = 0;  // global index of the first world: rank * num_envs when ranks share a seed
    int64_t all_envs = 0;   // worlds of all ranks, for SceneOrder::in_order; 0: first_env + num_envs
    AutoresetMode autoreset_mode = AutoresetMode::same_step;
    bool stagger_episodes = false;  // first episodes start at random points of the time limit; excluded from statistics
    bool statistics = true;         // keep episode returns, lengths and the environment's metrics
    FinalObservation final_observation = FinalObservation::none;  // SAME_STEP: which final observations are kept
    IllegalActions illegal_actions = IllegalActions::refuse;      // pass: the environment must define their meaning
    std::map<std::string, std::string> scripted;  // role -> its scripted policy, or "none" for a role that learns;
                                                  // other roles: as declared by the environment
    std::vector<std::string> outputs;  // empty: all. Otherwise names of observation parts, action masks (action_mask:
                                       // all of them), reward, terminated, truncated, active, acts, episode_start and
                                       // own outputs; a part's unqualified name selects it for every role
    std::map<std::string, DType> dtypes;  // storage of observation parts, by name; "*" for all
    std::string plan;                     // how worlds are mapped to lanes, see plan.h; empty: the engine's default
    int item_order = 1;                   // CPU, for tests: -1 backwards, > 1 a stride; see ReorderedHostGroup
};

/// A tensor at a fixed address for the batch's lifetime: row-major, never reallocated.
struct Tensor {
    std::string name;
    void* data = nullptr;
    DType dtype = DType::float32;
    std::vector<int64_t> shape;
    int64_t count() const;
    int64_t bytes() const { return count() * size_of(dtype); }
};

/// One field of every world on the host, in canonical order [num_envs, counts..., components], independent of lanes,
/// tiles and device.
struct FieldValue {
    std::string name;
    DType dtype = DType::float32;
    std::vector<int64_t> shape;
    std::vector<char> bytes;
};

/// Description and location of one field of a State.
struct FieldInfo {
    std::string name;
    DType dtype;
    int components, element_bytes;
    std::vector<int64_t> counts;  // per world
    bool staged, derived;
    int64_t offset;  // staged: bytes within a world; bulk: bytes from the start of all bulk arrays
    Limits limits;   // for every number that set_fields and restore accept
    int64_t elements() const;
    /// [num_envs, counts..., components], components only if there are several.
    std::vector<int64_t> shape(int64_t num_envs) const;
    /// For the engine; `all_bulk`: the start of all bulk arrays.
    FieldLocation location(char* all_bulk) const;
};

/// Means over the episodes that ended since the last clear.
struct Statistics {
    int64_t num_episodes = 0;
    int64_t agent_steps = 0;  // of active agents; only if agents can be inactive
    struct Metric {
        std::string name;
        double mean = 0, standard_error = 0;
    };
    std::vector<Metric> metrics;
};

/// Thousands of worlds of one environment, stepped together. The type-erased interface of the engine, used by trainers,
/// bindings and benchmarks. Functions do not wait for the device unless their comment says so.
class Batch {
  public:
    Batch(std::string environment, const BatchOptions& options, Spaces spaces, std::unique_ptr<Memory> memory);
    virtual ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    const std::string& environment() const { return environment_; }
    const BatchOptions& options() const { return options_; }
    /// Spaces of the roles that learn: scripted roles have no tensors. Agents are numbered across these roles.
    const Spaces& spaces() const { return spaces_; }
    const Settings& settings() const { return settings_; }  // all of them, defaults included
    int64_t num_envs() const { return options_.num_envs; }
    int num_agents() const { return spaces_.num_agents(); }
    /// True if every role's action is one Discrete part: then there is a single action tensor, int32 [num_envs,
    /// num_agents].
    bool has_one_action_tensor() const;

    /// Observation parts: "name", or "role.name" if there are several roles; [num_envs, count, shape...].
    const std::vector<Tensor>& observations() const { return observations_; }
    /// The same for ended episodes: row [env] is written in the step that ends its episode and stays until the next
    /// such step. Empty unless requested.
    const std::vector<Tensor>& final_observations() const { return final_observations_; }
    /// Global states, for critics: [num_envs, shape...] per world, [num_envs, count, shape...] if they differ by agent.
    /// Not part of the policies' observations. final_states(): for ended episodes, like final_observations().
    const std::vector<Tensor>& states() const { return states_; }
    const std::vector<Tensor>& final_states() const { return final_states_; }
    /// One tensor per action part if actions can be illegal: uint8 [num_envs, count, choices], 1 = legal.
    const std::vector<Tensor>& action_masks() const { return action_masks_; }
    /// reward float32; terminated, truncated, active, acts, episode_start uint8; all [num_envs, num_agents]. Then the
    /// environment's own outputs: [num_envs, num_agents] or [num_envs], with a last dimension if they have several
    /// numbers. Throws std::invalid_argument if the output was not requested.
    const Tensor& output(const std::string& name) const;
    const std::vector<Tensor>& outputs() const { return outputs_; }
    /// Whether observations are streamed (for large ones: see row_writer.h). Then only rows of active agents are
    /// written: the others are zero in the batch's own tensors, and unchanged in tensors that a launch binds.
    bool streams_observations() const { return view_->stream.num_teams > 0; }
    /// Whether the rules let agents be inactive, or wait for their turn (`acts` is not always 1), under any settings.
    bool agents_can_be_inactive() const { return some_inactive_; }
    bool agents_can_wait() const { return some_wait_; }
    /// The engine's own action tensors: int32, float32 for Box. A step without bindings reads them.
    const std::vector<Tensor>& actions() const { return actions_; }

    /// Seeds the batch and starts episode 0 in all worlds.
    void reset(uint64_t seed, Stream stream = {}) { reset(seed, Bindings(*this), stream); }
    void reset(uint64_t seed, const Bindings& bindings, Stream stream = {});
    /// Starts episode 0 where `mask` (uint8 [num_envs] on the device; null: everywhere) is not 0, with separate random
    /// streams for each world. keys: [num_envs] on the host; those of other worlds are ignored. Lasts until a reset
    /// with a single seed. Waits; costs 16 bytes of memory per world from then on.
    void reset(const std::vector<StreamKey>& keys, const uint8_t* mask, Stream stream = {});
    /// The key of world `env` of this batch for a single seed.
    StreamKey key_of(uint64_t seed, int64_t env) const;
    /// Starts a new episode everywhere, or where `mask` (uint8 [num_envs] on the device) is not 0. Other worlds keep
    /// their outputs.
    void reset(const uint8_t* mask = nullptr, Stream stream = {});
    /// Steps every world: a fixed sequence of launches that can be captured in a CUDA graph.
    void step(Stream stream = {});
    /// The same with actions or outputs in other tensors, so that a rollout is collected without copies.
    void step(const Bindings& bindings, Stream stream = {});
    /// Fills the engine's own action tensors with a scripted policy's actions for the current state; "random" is
    /// uniform over legal actions. `draw` distinguishes several random draws in one step.
    void act(int policy, uint32_t draw = 0, Stream stream = {});
    /// Throws std::invalid_argument for an unknown policy, and for one that cannot run under these settings.
    int find_policy(const std::string& name) const;
    const std::vector<std::string>& policies() const { return policies_; }

    /// Fields of the state, by name. These functions wait, and report an invalid action (see check()).
    const std::vector<FieldInfo>& fields() const { return fields_; }
    FieldValue get_field(const std::string& name);
    /// Writes fields, rebuilds derived fields, and observes again. All or nothing: throws std::invalid_argument for an
    /// unknown or derived field, a wrong dtype or shape, a value outside the field's limits, and a state that the rules
    /// reject (`state_error`), which is checked on the host with the whole state.
    void set_fields(const std::vector<FieldValue>& values) { set_fields(values, Bindings(*this)); }
    void set_fields(const std::vector<FieldValue>& values, const Bindings& bindings);
    /// Everything needed to continue identically: all fields that are not derived, and the seed or the worlds' own
    /// seeds.
    std::vector<FieldValue> save();
    /// Restores a saved state; checks it like set_fields.
    void restore(const std::vector<FieldValue>& saved) { restore(saved, Bindings(*this)); }
    void restore(const std::vector<FieldValue>& saved, const Bindings& bindings);

    /// Replaces the shared data while worlds run: loads it with the batch's settings updated by `changed`, rereading
    /// files that have changed. Starts a new episode everywhere on the new data and observes. Episodes in progress are
    /// not recorded in the statistics. Other batches keep their data; captured CUDA graphs of this one stay valid and
    /// use the new data. Waits, and reports an invalid action (see check()); old and new data are in memory at the same
    /// time. All or nothing: throws std::invalid_argument if a setting differs that is not in the environment's
    /// `pool_settings`, or if spaces, the layout of the state or plain members of Shared would differ.
    virtual void replace_shared(const Settings& changed = {}) = 0;

    /// Means since the last clear. Waits.
    Statistics statistics(bool clear);
    /// Metrics of the first episode of each world since the last clear, [num_envs] each; NaN if none has ended, or if
    /// no agent had the role. Waits. Throws std::invalid_argument if statistics are disabled.
    std::map<std::string, std::vector<float>> first_episodes();
    /// The plan in use, in the syntax of BatchOptions::plan; and all plans that are possible with these settings and
    /// the kinds that the environment is compiled for.
    virtual std::string plan() const = 0;
    virtual std::vector<std::string> plans() const = 0;
    /// A readable description of the plan: "4 lanes per world, blocks of 128 lanes with 5120 B of shared memory, ...".
    virtual std::string plan_details() const = 0;
    /// GPU: how many blocks with ending episodes a step can start first; 0 if blocks run in plain order.
    virtual int max_early_blocks() const { return 0; }
    const std::vector<std::string>& metric_names() const { return metrics_; }

    /// Waits, and throws std::invalid_argument if an action was invalid since the last call, with its world, agent,
    /// step and value.
    void check();
    void synchronize() { memory_->synchronize(); }
    Memory& memory() { return *memory_; }

    /// Minimum memory traffic of a step per world, in bytes: state in and out, actions, requested outputs.
    int64_t minimum_bytes_per_env() const { return int64_t(minimum_bytes_per_env(num_agents())); }
    /// The same with the given number of active agents per world: only their rows of streamed observations are written.
    double minimum_bytes_per_env(double active_agents) const;

  protected:
    struct Launch : Work {
        const Bindings* bindings;  // null: the engine's own tensors
    };
    virtual void launch(const Launch& launch, Stream stream) = 0;

    /// Called by the constructor of the typed batch, in this order.
    void plan_outputs(EngineCommon& view, std::vector<RowInfo> rows, bool some_inactive, bool some_wait);
    void plan_state(EngineCommon& view, std::vector<FieldInfo> fields, int world_bytes, int64_t bulk_bytes,
                    int tile_worlds);
    const FieldInfo& field(const std::string& name) const;
    /// Updates the limits of all fields, after shared data was replaced.
    void set_limits(const std::vector<FieldInfo>& fields);
    /// Whether the rules have a `state_error`, and the first error of any world, or "". `arrays`: all fields that are
    /// not derived, in canonical order on the host.
    virtual bool has_state_error() const = 0;
    virtual std::string state_error(const std::map<std::string, const char*>& arrays) const = 0;
    EngineCommon* view_ = nullptr;  // owned by the typed batch

    std::string environment_;
    BatchOptions options_;
    Spaces all_spaces_, spaces_;  // with scripted roles, and without
    Settings settings_;
    std::vector<RowInfo> rows_;
    std::vector<std::string> metrics_, policies_;
    std::vector<std::string> policy_errors_;  // why each of them cannot run under these settings; "": it can
    std::unique_ptr<Memory> memory_;

  private:
    friend class Bindings;
    /// Index of an output in the view: a part's index, or max_parts + a row's index. Throws std::invalid_argument if
    /// the output is not written.
    int output_slot(const std::string& name) const;
    void start_parts(EngineCommon& view, int count);
    void add_part(EngineCommon& view, int slot, const Role& role, const ObservationPart& part, int mask_of);
    void add_observations(EngineCommon& view);
    void add_masks(EngineCommon& view);
    void add_state(EngineCommon& view);
    void add_rows(EngineCommon& view, bool some_inactive, bool some_wait);
    void lay_out_legal_actions(EngineCommon& view);
    void assign_policies();
    void add_actions(EngineCommon& view);
    void lay_out_actions(EngineCommon& view);
    void add_action_tensor(const std::string& name, DType dtype, std::vector<int64_t> shape);
    void add_action(ActionView& a, const Role& role, const ActionPart& part);
    template <class T>
    const T* upload(const std::vector<T>& values, const std::string& what);
    void refuse_unknown_outputs() const;
    void refuse_unknown_dtypes() const;
    bool is_wanted(const std::string& output) const;
    bool is_wanted(const Role& role, const ObservationPart& part, bool is_mask) const;
    void allocate_part(PartView& p, int slot, const std::string& name, std::vector<int64_t> shape,
                       std::vector<Tensor>& list, std::vector<Tensor>* finals);
    std::string mask_name(const Role& role, const ActionPart& part) const;
    bool has_mask(const ActionPart& part) const;
    std::string qualified(const Role& role, const std::string& part) const;
    FieldValue read_field(const FieldInfo& info, const std::vector<char>* tiles);
    void write_field(const FieldInfo& info, const FieldValue& value, std::vector<char>* tiles);
    void check_field(const FieldInfo& info, const FieldValue& value) const;
    void check_rules(const std::vector<FieldValue>& values, const std::vector<char>& tiles);
    std::vector<char> read_tiles();
    void clear_statistics();
    std::vector<StreamKey> read_keys();
    void write_keys(const std::vector<StreamKey>& keys);
    void clear_keys();
    void* allocate(int64_t bytes, const std::string& what);

    std::vector<FieldInfo> fields_;
    std::vector<Tensor> observations_, final_observations_, states_, final_states_, action_masks_, outputs_, actions_;
    std::vector<std::string> part_names_;  // tensor name of each part of the view; "": not written
    bool some_inactive_ = false, some_wait_ = false;
    int first_learner_ = 0;       // agents before it are scripted
    std::optional<Buffer> keys_;  // if worlds have their own seeds
    bool uses_keys_ = false;
    char* bulk_ = nullptr;  // all bulk arrays, concatenated
    std::vector<Buffer> buffers_;
};

}  // namespace flockstep
