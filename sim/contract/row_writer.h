#pragma once

#include <cstdint>

#include "sim/contract/flush.h"
#include "sim/contract/observation.h"
#include "sim/contract/world.h"

/// Streaming of large observations: an environment whose agents see thousands of numbers declares `observe_agent`
/// instead of `observe`. A team of lanes (a warp on the GPU, a thread on the CPU) writes one active agent's parts, a
/// few rows at a time, through its own ring buffer in shared memory. A block needs only about 2 KB per warp, whatever
/// the observation's size, and its warps never wait for each other.
///
///   struct TeamScratch { int32_t nearest[64]; };
///   template <class Team>
///   SIM_HD static void observe_agent(Team& team, const World<Driving>& world, int agent, TeamScratch& scratch,
///                                    const RowWriter<Driving>& out) {
///       const int found = find_roads(team, world, agent, scratch.nearest);          // collective
///       out.rows(team, roads, found, [&](float* row, int k) { show_road(world, agent, scratch.nearest[k], row); });
///   }
namespace flockstep {

namespace detail {
template <class Env>
auto team_scratch_of() {
    if constexpr (requires { typename Env::TeamScratch; })
        return typename Env::TeamScratch{};
    else
        return Nothing{};
}
}  // namespace detail
/// Env::TeamScratch, or Nothing.
template <class Env>
using TeamScratchOf = decltype(detail::team_scratch_of<Env>());

/// Whether any of Env's observation parts is written as bits.
template <class Env>
constexpr bool writes_bits() {
    bool found = false;
    TensorsOf<Env>::for_each([&]<class H>(H) {
        if constexpr (is_observation<H>) found |= std::is_same_v<typename H::type, Bit>;
    });
    return found;
}

/// Default size of a ring: 32 rows of 16 floats. A longer row gets a ring of its length.
inline constexpr int default_ring_bytes = 2048;

/// Zeroes `bytes` bytes of device memory at any address, by all lanes of a team, 16 bytes at a time. No sync.
SIM_HD void store_zeros(int lane, int lanes, char* destination, int bytes) {
    const int to_boundary = int(-reinterpret_cast<uintptr_t>(destination) & 15);
    const int head = to_boundary < bytes ? to_boundary : bytes, vectors = (bytes - head) / 16;
    SIM_NO_UNROLL
    for (int i = lane; i < head; i += lanes) destination[i] = 0;
    SIM_NO_UNROLL
    for (int v = lane; v < vectors; v += lanes) stream_store(destination + head + v * 16, {{0, 0, 0, 0}});
    SIM_NO_UNROLL
    for (int i = head + vectors * 16 + lane; i < bytes; i += lanes) destination[i] = 0;
}

/// Writes one agent's observation to the tensors, through the team's ring. A row is the last axis of a part's shape: 13
/// floats for a part [200, 13], the whole part for [6].
template <class Env>
class RowWriter {
  public:
    /// parts: of the agent's role, by handle; ring: the team's ring, aligned to 16 bytes.
    SIM_HD RowWriter(const PartView* parts, char* ring, int64_t env, int role, int agent, bool final)
        : parts_(parts), ring_(ring), env_(env), role_(role), agent_(agent), final_(final) {}

    /// Index of the agent's role, in the order of `spaces`.
    SIM_HD int role() const { return role_; }
    /// False for a part that is disabled, not requested, or not part of the role.
    template <class H>
    SIM_HD bool wants(H) const {
        return part<H>().wanted();
    }

    /// Writes a part: fill(row, k) writes every number of row k < count; the remaining rows become zero. One lane fills
    /// a row, so fill must not make collective calls. Call this once for every requested part; for other parts it is a
    /// no-op. `count` is the same in all lanes, and is clamped to the number of rows. Collective; what fill reads must
    /// be synchronized before the call, and may be overwritten after it.
    ///
    /// Costs one store to shared memory per number, two team syncs per 2 KB or so, and the 16-byte stores to the
    /// tensor. On the CPU `row` points to the tensor itself if the types agree.
    template <class Team, class H, class Fill>
    SIM_HD void rows(Team& team, H handle, int count, Fill&& fill) const {
        rows(
            team, handle, count, [](typename H::type*) {}, fill);
    }
    /// The same for parts with columns that are equal in all rows: start(row) writes those columns, fill(row, k) only
    /// the others. start is called for the rows of one ring, about 32, whatever `count` is; for all rows if they are
    /// written in place.
    template <class Team, class H, class Start, class Fill>
    SIM_HD void rows(Team& team, H, int count, Start&& start, Fill&& fill) const {
        using T = typename H::type;
        static_assert(!std::is_same_v<T, Bit>, "rows: want a part of floats or bytes; bits are written in `observe`");
        const PartView& p = part<H>();
        if (!p.wanted()) return;
        char* const destination = p.rows(final_, env_, agent_);
        if (count * p.row_elements > p.elements) count = p.elements / p.row_elements;
        if (writes_in_place<Team> && p.is_copied())
            fill_rows(team, reinterpret_cast<T*>(destination), p.row_elements, 0, count, start, fill, true);
        else
            stream_rows<T>(team, p, destination, count, start, fill);
        const int stored = count * p.row_elements * p.stored_size();
        store_zeros(team.lane(), team.lanes(), destination + stored, p.agent_bytes - stored);
    }

  private:
    /// Teams of the GPU always write through a ring.
    template <class Team>
    static constexpr bool writes_in_place = !requires {
        Team::stages_all;
    };

    template <class H>
    SIM_HD const PartView& part() const {
        return parts_[index_of_tensor<Env, H>()];
    }
    /// Fills rows [first, first + count), starting at `to`; a ring slot is always filled by the same lane.
    template <class Team, class T, class Start, class Fill>
    SIM_HD static void fill_rows(Team& team, T* to, int width, int first, int count, Start& start, Fill& fill,
                                 bool starts) {
        team.for_each(count, [&](int r) {
            if (starts) start(to + r * width);
            fill(to + r * width, first + r);
        });
    }
    template <class T, class Team, class Start, class Fill>
    SIM_HD void stream_rows(Team& team, const PartView& p, char* destination, int count, Start& start,
                            Fill& fill) const {
        // At the same offset within 16 bytes as the destination, if the bytes are copied unconverted.
        const int shift = p.is_copied() ? int(reinterpret_cast<uintptr_t>(destination) & 15) : 0;
        T* const ring = reinterpret_cast<T*>(ring_ + shift);
        const int width = p.row_elements, row_bytes = width * p.stored_size();
        SIM_NO_UNROLL
        for (int first = 0; first < count; first += p.batch_rows) {
            const int n = count - first < p.batch_rows ? count - first : p.batch_rows;
            fill_rows(team, ring, width, first, n, start, fill, first == 0);
            sync_ring(team);
            move_typed<T>(team.lane(), team.lanes(), p, destination + first * row_bytes,
                          reinterpret_cast<const char*>(ring), n * width);
            sync_ring(team);
        }
    }
    template <class Team>
    SIM_HD static void sync_ring(Team& team) {
        if constexpr (requires { team.sync_shared(); })
            team.sync_shared();
        else
            team.sync();
    }

    const PartView* parts_;
    char* ring_;
    int64_t env_;
    int role_, agent_;
    bool final_;
};

}  // namespace flockstep
