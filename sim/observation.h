#pragma once

#include <cstdint>

#include "sim/hd.h"
#include "sim/space.h"
#include "sim/world.h"

namespace flockstep {

/// One tensor that the engine writes for a role: an observation part, or the action mask of an action part.
struct PartView {
    char* output;          // [num_envs, count, elements] of `dtype`; null: nobody asked for it
    char* final_output;    // the same shape; holds the rows whose episode ended
    DType written, dtype;  // as rules write it, as it is stored
    bool direct;           // rules write straight to the output
    int mask_of;           // >= 0: the action mask of that action part
    int first, count;      // agents of its role
    int elements;          // per agent
    int row_elements;      // the last axis of its shape
    int agent_bytes;       // of the stored elements
    int64_t env_bytes;     // of a world's rows
    int stage_offset;      // bytes, within the staging memory of the worlds that share it
    union {
        int stage_world_bytes;  // bytes from one of these worlds to the next
        int batch_rows;         // streamed: rows that a team's ring holds
    };

    SIM_HD bool wanted() const { return output != nullptr; }
    SIM_HD int written_size() const { return written == DType::float32 ? 4 : 1; }
    SIM_HD int stored_size() const { return dtype == DType::float32 ? 4 : dtype == DType::bfloat16 ? 2 : 1; }
    /// The bytes that rules write are those that are stored.
    SIM_HD bool is_copied() const {
        if (written == DType::float32) return dtype == DType::float32;
        return written != DType::bit && (dtype == DType::uint8 || dtype == DType::int8);
    }
    /// Start of the rows of agents [first_agent, ...) of one world.
    SIM_HD char* rows(bool final, int64_t env, int first_agent) const {
        return (final ? final_output : output) + env * env_bytes + int64_t(first_agent - first) * agent_bytes;
    }
    /// Parts that are copied lie in the staging memory at the same offset within 16 bytes as at their destination, so
    /// that whole vectors can be moved. `first_env`: the first of the worlds that share it.
    SIM_HD int stage_shift(int64_t first_env, int first_agent) const {
        return is_copied() ? int(reinterpret_cast<uintptr_t>(rows(false, first_env, first_agent)) & 15) : 0;
    }
};

/// Where `observe` puts an agent's observation. Bytes and floats are written through row(), bits through bits() or a
/// BitRun; every element of a wanted part must be written (bits start from 0).
template <class Env>
class ObservationWriter {
  public:
    /// parts: of the role that is observed, by handle; env: the world; slot: its place among the worlds that share the
    /// staging memory; stages_all: no part is direct, which a compiler then knows.
    SIM_HD ObservationWriter(const PartView* parts, char* stage, int64_t env, int slot, int first_agent, bool final,
                             bool stages_all)
        : parts_(parts),
          stage_(stage),
          env_(env),
          slot_(slot),
          first_agent_(first_agent),
          final_(final),
          stages_all_(stages_all) {}
    /// Of one agent whose only part is `row`, in registers.
    SIM_HD ObservationWriter(const PartView* parts, float* row)
        : parts_(parts),
          row_(row),
          stage_(nullptr),
          env_(0),
          slot_(0),
          first_agent_(0),
          final_(false),
          stages_all_(true) {}

    /// False for a part that is switched off, not requested, or not the role's.
    template <class H>
    SIM_HD bool wants(H) const {
        return part<H>().wanted();
    }

    /// The agent's elements of a part of floats or bytes.
    template <class H>
    SIM_HD typename H::type* row(H, int agent) const {
        using T = typename H::type;
        static_assert(!std::is_same_v<T, Bit>, "row: want a part of floats or bytes; bits are written through bits()");
        if (row_) return reinterpret_cast<T*>(row_);
        return reinterpret_cast<T*>(bytes(part<H>(), agent));
    }
    /// The agent's elements of a part that is not made of bits.
    SIM_HD char* bytes(const PartView& p, int agent) const {
        if (!stages_all_ && p.direct) return p.rows(final_, env_, agent);
        return staged(p) + (agent - first_agent_) * p.elements * p.written_size();
    }
    /// Sets the bits of `value` (its low `count` <= 32) at elements [element, element + count) of the agent's row.
    template <class Group, class H>
    SIM_HD void bits(Group& group, H, int agent, int element, int count, uint32_t value) const {
        static_assert(std::is_same_v<typename H::type, Bit>, "bits: want a part of bits");
        const int bit = bit_index(part<H>(), agent, element);
        uint32_t* words = reinterpret_cast<uint32_t*>(staged(part<H>())) + bit / 32;
        group.atomic_or(words[0], value << (bit % 32));
        if (bit % 32 + count > 32) group.atomic_or(words[1], value >> (32 - bit % 32));
    }
    template <class H>
    SIM_HD const PartView& part() const {
        return parts_[index_of_tensor<Env, H>()];
    }
    /// Start of this range's staged elements.
    SIM_HD char* staged(const PartView& p) const {
        return stage_ + p.stage_offset + slot_ * p.stage_world_bytes + p.stage_shift(env_ - slot_, first_agent_);
    }
    /// Where an agent's element lies in the bit string of this range.
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

/// Writes consecutive bits into one agent's row, whole words at a time.
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
    /// To be called after the last push.
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
