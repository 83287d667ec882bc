#pragma once

#include <cstdint>

#include "sim/contract/flush.h"
#include "sim/contract/observation.h"
#include "sim/contract/world.h"

/// Large observations, streamed: an environment whose agents see thousands of numbers declares `observe_agent` in place
/// of `observe`. A team of lanes (a warp of the GPU, a thread of the CPU) writes one active agent's parts, some rows at
/// a time, through a ring of shared memory that it sends on by itself. So a block needs about 2 KB a warp, whatever an
/// observation's size, and its warps wait for nobody.
///
///   struct TeamScratch { int32_t nearest[64]; };
///   template <class Team>
///   SIM_HD static void observe_agent(Team& team, const World<Driving>& world, int agent, TeamScratch& scratch,
///                                    const RowWriter<Driving>& out) {
///       const int found = find_roads(team, world, agent, scratch.nearest);          // together
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

/// Whether one of Env's observation parts is written as bits.
template <class Env>
constexpr bool writes_bits() {
    bool found = false;
    TensorsOf<Env>::for_each([&]<class H>(H) {
        if constexpr (is_observation<H>) found |= std::is_same_v<typename H::type, Bit>;
    });
    return found;
}

/// Bytes of a ring that are aimed at: 32 rows of 16 floats. A longer row gets a ring of its own length.
inline constexpr int usual_ring_bytes = 2048;

/// Zeros to `bytes` bytes of device memory at any address, by all lanes of a team, 16 a time. No sync.
SIM_HD void send_zeros(int lane, int lanes, char* destination, int bytes) {
    const int to_boundary = int(-reinterpret_cast<uintptr_t>(destination) & 15);
    const int head = to_boundary < bytes ? to_boundary : bytes, vectors = (bytes - head) / 16;
    SIM_NO_UNROLL
    for (int i = lane; i < head; i += lanes) destination[i] = 0;
    SIM_NO_UNROLL
    for (int v = lane; v < vectors; v += lanes) stream_store(destination + head + v * 16, {{0, 0, 0, 0}});
    SIM_NO_UNROLL
    for (int i = head + vectors * 16 + lane; i < bytes; i += lanes) destination[i] = 0;
}

/// Where a team puts the observation of one agent: into the tensors, through the team's ring. A row is the last axis of
/// a part's shape: 13 floats of a part [200, 13], all of a part [6].
template <class Env>
class RowWriter {
  public:
    /// parts: of the agent's role, by handle; ring: of the team, at a multiple of 16 bytes.
    SIM_HD RowWriter(const PartView* parts, char* ring, int64_t env, int role, int agent, bool final)
        : parts_(parts), ring_(ring), env_(env), role_(role), agent_(agent), final_(final) {}

    /// The agent's role, in the order of `spaces`.
    SIM_HD int role() const { return role_; }
    /// False for a part that is switched off, not requested, or not the role's.
    template <class H>
    SIM_HD bool wants(H) const {
        return part<H>().wanted();
    }

    /// Writes a part: fill(row, k) writes every number of row k < count, and the rows from `count` on become zero. Each
    /// row is filled by one lane, so that fill must not contain what is done together. Call it once for every part that
    /// is wanted; for others it does nothing. `count` is the same in all lanes, and cut to the rows that there are.
    /// Together; what fill reads must be there (see sync), and none of it is needed afterwards.
    ///
    /// Costs a store to shared memory for each number, two syncs of the team for about 2 KB, and the 16-byte stores
    /// that move them. On the CPU `row` is the observation itself, where the types agree.
    template <class Team, class H, class Fill>
    SIM_HD void rows(Team& team, H handle, int count, Fill&& fill) const {
        rows(
            team, handle, count, [](typename H::type*) {}, fill);
    }
    /// The same where columns do not differ between rows: start(row) writes these, fill(row, k) the others and none of
    /// these. start is called for the rows of one ring, 32 or so, however many there are; where rows are written in
    /// place, for all of them.
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
        send_zeros(team.lane(), team.lanes(), destination + stored, p.agent_bytes - stored);
    }

  private:
    /// Only teams of the GPU write through a ring whatever the types are.
    template <class Team>
    static constexpr bool writes_in_place = !requires {
        Team::stages_all;
    };

    template <class H>
    SIM_HD const PartView& part() const {
        return parts_[index_of_tensor<Env, H>()];
    }
    /// Rows [first, first + count), the first of them at `to`; a row keeps its lane from batch to batch.
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
        // At the same offset within 16 bytes as the destination, where the bytes are those that are stored.
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
