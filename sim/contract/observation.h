#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/part_view.h"
#include "sim/contract/world.h"

/// The writers that `observe` uses.
///
///   static constexpr Observation<"pose", float> pose{};
///   static constexpr Observation<"lights", Bit> lights{};
///   ...
///   group.for_each(range.last - range.first, [&](int i) {
///       const int agent = range.first + i;
///       if (out.wants(pose)) {
///           float* const row = out.row(pose, agent);
///           row[0] = state.x[agent], row[1] = state.y[agent];
///       }
///       if (out.wants(lights)) {
///           BitRun run(group, out, lights, agent, 0);
///           for (int light = 0; light < 50; ++light) run.push(1, uint32_t(state.is_on[light]));
///           run.finish();
///       }
///   });
namespace flockstep {

/// Writes agents' observations: to staging memory (shared memory on the GPU, except for a grid), which the engine
/// copies and converts afterwards; or directly to the tensor on the CPU and in a grid, if no conversion is needed. No
/// function waits. Bytes and floats are written through row(), bits through bits() or a BitRun; every element of a
/// requested part must be written (bits start as 0).
template <class Env>
class ObservationWriter {
  public:
    /// parts: of the observed role, by handle; env: the world; slot: its index among the worlds that share the staging
    /// memory; stages_all: no part is written directly (a compile-time constant after inlining).
    SIM_HD ObservationWriter(const PartView* parts, char* stage, int64_t env, int slot, int first_agent, bool final,
                             bool stages_all)
        : parts_(parts),
          stage_(stage),
          env_(env),
          slot_(slot),
          first_agent_(first_agent),
          final_(final),
          stages_all_(stages_all) {}
    /// For one agent whose only part is `row`, in registers.
    SIM_HD ObservationWriter(const PartView* parts, float* row)
        : parts_(parts),
          row_(row),
          stage_(nullptr),
          env_(0),
          slot_(0),
          first_agent_(0),
          final_(false),
          stages_all_(true) {}

    /// False for a part that is disabled, not requested, or not part of the role.
    template <class H>
    SIM_HD bool wants(H) const {
        return part<H>().wanted();
    }

    /// The agent's elements of a requested part of floats or bytes, contiguous and in row-major order. Writes for
    /// different agents need no sync.
    template <class H>
    SIM_HD typename H::type* row(H, int agent) const {
        using T = typename H::type;
        static_assert(!std::is_same_v<T, Bit>, "row: want a part of floats or bytes; bits are written through bits()");
        if (row_) return reinterpret_cast<T*>(row_);
        return reinterpret_cast<T*>(bytes(part<H>(), agent));
    }
    /// The agent's elements of a part that is not bits, if rows are not in registers.
    SIM_HD char* bytes(const PartView& p, int agent) const {
        if (!stages_all_ && p.direct) return p.rows(final_, env_, agent);
        return staged(p) + (agent - first_agent_) * p.elements * p.source_size();
    }
    /// Sets the bits of `value` at elements [element, element + count) of the agent's row; count <= 32, and the higher
    /// bits of `value` must be 0. By any lane: one or two atomics. Bits that are already set stay set.
    template <class Group, class H>
    SIM_HD void bits(Group& group, H, int agent, int element, int count, uint32_t value) const {
        static_assert(std::is_same_v<typename H::type, Bit>, "bits: want a part of bits");
        const int bit = bit_index(part<H>(), agent, element);
        uint32_t* words = reinterpret_cast<uint32_t*>(staged(part<H>())) + bit / 32;
        group.atomic_or(words[0], value << (bit % 32));
        if (bit % 32 + count > 32) group.atomic_or(words[1], value >> (32 - bit % 32));
    }
    /// The part of a handle, requested or not. One that is not listed does not compile.
    template <class H>
    SIM_HD const PartView& part() const {
        return parts_[index_of_tensor<Env, H>()];
    }
    /// Start of the staged elements of this call's agents.
    SIM_HD char* staged(const PartView& p) const {
        return stage_ + p.stage_offset + slot_ * p.stage_world_bytes + p.stage_shift(env_ - slot_, first_agent_);
    }
    /// Position of an agent's element in the bit string of this call's agents: rows are not padded to words.
    SIM_HD int bit_index(const PartView& p, int agent, int element) const {
        return (agent - first_agent_) * p.elements + element;
    }

  private:
    const PartView* parts_;
    float* row_ = nullptr;
    char* stage_;
    int64_t env_;
    int slot_, first_agent_;
    bool final_, stages_all_;
};

/// Writes consecutive bits into one agent's row, starting at `element`, one atomic per word. Used by one lane; other
/// lanes may write other rows or other bits.
template <class Group>
class BitRun {
  public:
    template <class Env, class H>
    SIM_HD BitRun(Group& group, const ObservationWriter<Env>& writer, H, int agent, int element) : group_(group) {
        static_assert(std::is_same_v<typename H::type, Bit>, "BitRun: want a part of bits");
        const PartView& part = writer.template part<H>();
        const int bit = writer.bit_index(part, agent, element);
        word_ = reinterpret_cast<uint32_t*>(writer.staged(part)) + bit / 32;
        used_ = bit % 32;
    }
    /// Appends the low `count` <= 32 bits of `value`; higher bits must be 0.
    SIM_HD void push(int count, uint32_t value) {
        pending_ |= uint64_t{value} << used_;
        used_ += count;
        if (used_ >= 32) flush();
    }
    /// Writes the remaining bits; call it after the last push.
    SIM_HD void finish() {
        if (uint32_t(pending_)) group_.atomic_or(*word_, uint32_t(pending_));
    }

  private:
    SIM_HD void flush() {
        group_.atomic_or(*word_++, uint32_t(pending_));
        pending_ >>= 32;
        used_ -= 32;
    }
    Group& group_;
    uint32_t* word_;
    uint64_t pending_ = 0;
    int used_;
};

}  // namespace flockstep
