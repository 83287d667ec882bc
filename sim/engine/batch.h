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

/// How a batch of worlds is run; what the worlds are is in the environment's own settings.
struct BatchOptions {
    int64_t num_envs = 1;   // worlds, 1 .. 2^31 - 1
    Device device;          // where they live
    uint64_t seed = 0;      // of everything random, unless reset() is given another
    int64_t first_env = 0;  // global index of the first world: rank * num_envs when ranks share a seed
    int64_t all_envs = 0;   // worlds of all ranks, which take scenes in their order; 0: first_env + num_envs
    AutoresetMode autoreset_mode = AutoresetMode::same_step;
    bool spread_phases = false;  // the first episodes begin at random points of their time limit; not in statistics
    bool statistics = true;      // keep episode returns, lengths and the environment's metrics
    FinalObservation final_observation = FinalObservation::none;  // SAME_STEP: which last observations are kept
    IllegalActions illegal_actions = IllegalActions::refuse;      // pass: the environment must say what they mean
    std::map<std::string, std::string> scripted;  // role -> the scripted policy that plays it, or "none" to open it;
                                                  // other roles as the environment declares them
    std::vector<std::string> outputs;  // empty: all. Otherwise names of observation parts, action masks (action_mask:
                                       // all of them), reward, terminated, truncated, active, acts, episode_start and
                                       // the environment's own outputs; a part's bare name means that of every role
    std::map<std::string, DType> dtypes;  // storage of observation parts, by name; "*" for all
    std::string plan;                     // how worlds are laid out over lanes, see plan.h; empty: the engine's choice
    int item_order = 1;                   // CPU, for tests: -1 backwards, > 1 a stride; see ReorderedHostGroup
};

/// A tensor at a fixed address for the batch's life: row-major, never reallocated.
struct Tensor {
    std::string name;
    void* data = nullptr;
    DType dtype = DType::float32;
    std::vector<int64_t> shape;
    int64_t count() const;
    int64_t bytes() const { return count() * size_of(dtype); }
};

/// One field of every world on the host, in canonical order [num_envs, counts..., components]: it does not depend on
/// lanes, tiles or device.
struct FieldValue {
    std::string name;
    DType dtype = DType::float32;
    std::vector<int64_t> shape;
    std::vector<char> bytes;
};

/// Where one field of a State lies.
struct FieldInfo {
    std::string name;
    DType dtype;
    int components, element_bytes;
    std::vector<int64_t> counts;  // per world
    bool staged, derived;
    int64_t offset;  // staged: bytes within a world; bulk: bytes from the start of all bulk arrays
    Limits limits;   // of every number that set_fields and restore take
    int64_t elements() const;
    /// [num_envs, counts..., components], components where there are several.
    std::vector<int64_t> shape(int64_t num_envs) const;
    /// For the engine; `all_bulk`: the start of all bulk arrays.
    FieldPlace place(char* all_bulk) const;
};

/// Means over the episodes that ended since the statistics were cleared.
struct Statistics {
    int64_t num_episodes = 0;
    int64_t agent_steps = 0;  // of active agents; only where agents can be inactive
    struct Metric {
        std::string name;
        double mean = 0, standard_error = 0;
    };
    std::vector<Metric> metrics;
};

/// Thousands of worlds of one environment, stepped together. The type-erased face of the engine: what trainers,
/// bindings and benchmarks use. Nothing waits for the device unless its comment says so.
class Batch {
  public:
    Batch(std::string environment, const BatchOptions& options, Spaces spaces, std::unique_ptr<Memory> memory);
    virtual ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    const std::string& environment() const { return environment_; }
    const BatchOptions& options() const { return options_; }
    /// Of the roles that learn: scripted ones have no tensors. Agents are counted through them.
    const Spaces& spaces() const { return spaces_; }
    const Settings& settings() const { return settings_; }  // all of them, defaults included
    int64_t num_envs() const { return options_.num_envs; }
    int num_agents() const { return spaces_.num_agents(); }
    /// True if every role's action is one Discrete part: then there is one action tensor, int32 [num_envs, num_agents].
    bool has_one_action_tensor() const;

    /// Observation parts: "name", or "role.name" where there are several roles; [num_envs, count, shape...].
    const std::vector<Tensor>& observations() const { return observations_; }
    /// The same for rows whose episode ended: row [env] is written in the step that ends it and stays until the next
    /// such step. Empty unless asked for.
    const std::vector<Tensor>& final_observations() const { return final_observations_; }
    /// Global states, for critics: [num_envs, shape...] of a world, [num_envs, count, shape...] where they differ by
    /// agent. No part of what policies see. The same for rows whose episode ended, as final_observations().
    const std::vector<Tensor>& states() const { return states_; }
    const std::vector<Tensor>& final_states() const { return final_states_; }
    /// One tensor per action part where the rules forbid actions: uint8 [num_envs, count, choices], 1 = allowed.
    const std::vector<Tensor>& action_masks() const { return action_masks_; }
    /// reward float32; terminated, truncated, active, acts, episode_start uint8; all [num_envs, num_agents]. Then the
    /// environment's own: [num_envs, num_agents] or [num_envs], and a last dimension where they have several numbers.
    /// Throws std::invalid_argument if it was not requested.
    const Tensor& output(const std::string& name) const;
    const std::vector<Tensor>& outputs() const { return outputs_; }
    /// Whether observations are streamed (environments of large ones: see row_writer.h). Then only rows of active
    /// agents are written: the others are zero in the batch's own tensors, and left as they are where a launch names
    /// others.
    bool streams_observations() const { return view_->stream.num_teams > 0; }
    /// The engine's own action tensors: int32, float32 for Box. A step without bindings reads them.
    const std::vector<Tensor>& actions() const { return actions_; }

    /// Seeds the batch and begins episode 0 everywhere.
    void reset(uint64_t seed, Stream stream = {}) { reset(seed, Bindings(*this), stream); }
    void reset(uint64_t seed, const Bindings& bindings, Stream stream = {});
    /// Episode 0 where `mask` (uint8 [num_envs] on the device; null: everywhere) is not 0, with random streams for each
    /// world by itself. keys: [num_envs] on the host; those of other worlds are passed over. A reset to one seed ends
    /// this. Waits; costs 16 bytes per world from then on.
    void reset(const std::vector<StreamKey>& keys, const uint8_t* mask, Stream stream = {});
    /// The streams that world `env` of this batch has under a seed for all.
    StreamKey key_of(uint64_t seed, int64_t env) const;
    /// A new episode everywhere, or where `mask` (uint8 [num_envs] on the device) is not 0. Other rows keep their
    /// outputs.
    void reset(const uint8_t* mask = nullptr, Stream stream = {});
    /// One step of every world: one fixed sequence that can be captured in a CUDA graph.
    void step(Stream stream = {});
    /// The same with actions from elsewhere, or outputs to elsewhere: a rollout collects without copying.
    void step(const Bindings& bindings, Stream stream = {});
    /// Fills the engine's own action tensors by a scripted policy for the present state; "random" is uniform over what
    /// is allowed. `draw` tells several random draws of one step apart.
    void act(int policy, uint32_t draw = 0, Stream stream = {});
    /// Throws std::invalid_argument for an unknown one, and for one that cannot run under these settings.
    int find_policy(const std::string& name) const;
    const std::vector<std::string>& policies() const { return policies_; }

    /// Fields of the state, by name. These wait for the device, and report a refused action (see check()).
    const std::vector<FieldInfo>& fields() const { return fields_; }
    FieldValue get_field(const std::string& name);
    /// Writes fields, rebuilds what is derived, and observes again. All or nothing: throws std::invalid_argument for an
    /// unknown or derived field, another dtype or shape, a value out of the field's limits, and a state that the rules
    /// call impossible (`state_error`). The last needs the whole state on the host.
    void set_fields(const std::vector<FieldValue>& values) { set_fields(values, Bindings(*this)); }
    void set_fields(const std::vector<FieldValue>& values, const Bindings& bindings);
    /// Everything that is needed to go on identically: fields that are not derived, and the seed or the worlds' own.
    std::vector<FieldValue> save();
    /// Takes up a saved state; checks it like set_fields.
    void restore(const std::vector<FieldValue>& saved) { restore(saved, Bindings(*this)); }
    void restore(const std::vector<FieldValue>& saved, const Bindings& bindings);

    /// Takes up other shared data while worlds run: loads them under the batch's settings with those in `changed`, and
    /// files that have changed since they were read, too. Begins a new episode everywhere on them and observes.
    /// Episodes under way are in no statistics. Other batches keep what they have; captured CUDA graphs of this one
    /// stay valid and step its worlds on the new data. Waits, and reports a refused action (see check()); old and new
    /// data are both in memory meanwhile. All or nothing: throws std::invalid_argument where a setting differs that is
    /// not among the environment's `pool_settings`, and where spaces, the layout of the state or plain members of
    /// Shared would differ.
    virtual void replace_shared(const Settings& changed = {}) = 0;

    /// Means since the last clear. Waits.
    Statistics statistics(bool clear);
    /// Metrics of the first episode of each world since the last clear, [num_envs] each; NaN where none ended,
    /// or where nobody had the role. Waits.
    /// Throws std::invalid_argument where no statistics are kept.
    std::map<std::string, std::vector<float>> first_episodes();
    /// How worlds are laid out, as BatchOptions::plan says it; and every way that these settings and the kinds which
    /// the environment is compiled for allow.
    virtual std::string plan() const = 0;
    virtual std::vector<std::string> plans() const = 0;
    /// More of it, for people: "4 lanes for a world, blocks of 128 lanes with 5,120 B of shared memory, ...".
    virtual std::string plan_details() const = 0;
    /// GPU: how many blocks with worlds whose episode ends a step can begin with; 0 where every block has its turn.
    virtual int most_early_blocks() const { return 0; }
    const std::vector<std::string>& metric_names() const { return metrics_; }

    /// Waits, and throws std::invalid_argument if an action was refused since the last call: which world, agent, step,
    /// value.
    void check();
    void synchronize() { memory_->synchronize(); }
    Memory& memory() { return *memory_; }

    /// Least bytes that a step must move per world: state in and out, actions, wanted outputs.
    int64_t minimum_bytes_per_env() const { return int64_t(minimum_bytes_per_env(num_agents())); }
    /// The same where so many agents of a world are active: of streamed observations only their rows are written.
    double minimum_bytes_per_env(double active_agents) const;

  protected:
    struct Launch : Work {
        const Bindings* bindings;  // null: the engine's own tensors
    };
    virtual void launch(const Launch& launch, Stream stream) = 0;

    /// To be called by the constructor of the typed batch, in this order.
    void plan_outputs(EngineCommon& view, std::vector<RowInfo> rows, bool some_inactive, bool some_wait);
    void plan_state(EngineCommon& view, std::vector<FieldInfo> fields, int world_bytes, int64_t bulk_bytes,
                    int tile_worlds);
    const FieldInfo& field(const std::string& name) const;
    /// Other limits for the same fields, as shared data that were replaced have it.
    void take_limits(const std::vector<FieldInfo>& fields);
    /// Whether the rules judge states, and the first complaint about some world's, or "". `arrays`: every field that is
    /// not derived, in canonical order on the host.
    virtual bool has_state_error() const = 0;
    virtual std::string state_error(const std::map<std::string, const char*>& arrays) const = 0;
    EngineCommon* view_ = nullptr;  // the typed batch's

    std::string environment_;
    BatchOptions options_;
    Spaces all_spaces_, spaces_;  // with scripted roles, and without
    Settings settings_;
    std::vector<RowInfo> rows_;
    std::vector<std::string> metrics_, policies_;
    std::vector<std::string> policy_refusals_;  // why each of them cannot run under these settings; "": it can
    std::unique_ptr<Memory> memory_;

  private:
    friend class Bindings;
    /// Where an output lies in the view: a part's number, or max_parts + its place among row_names. Throws
    /// std::invalid_argument if it is not written.
    int output_slot(const std::string& name) const;
    void start_parts(EngineCommon& view, int count);
    void add_part(EngineCommon& view, int slot, const Role& role, const ObservationPart& part, int mask_of);
    void add_observations(EngineCommon& view);
    void add_masks(EngineCommon& view);
    void add_state(EngineCommon& view);
    void add_rows(EngineCommon& view, bool some_inactive, bool some_wait);
    void lay_out_legal_actions(EngineCommon& view);
    void script_roles();
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
    void drop_keys();
    void* allocate(int64_t bytes, const std::string& what);

    std::vector<FieldInfo> fields_;
    std::vector<Tensor> observations_, final_observations_, states_, final_states_, action_masks_, outputs_, actions_;
    std::vector<std::string> part_names_;  // of the tensor of each part of the view; "": it is not written
    int first_learner_ = 0;                // agents before it are scripted
    std::optional<Buffer> keys_;           // of worlds that have seeds of their own
    bool uses_keys_ = false;
    char* bulk_ = nullptr;  // all bulk arrays, one after the other
    std::vector<Buffer> buffers_;
};

}  // namespace flockstep
