#pragma once

#include "envs/pathfinding/distance.h"

/// What agents see: the square of cells within obs_radius around them.
namespace flockstep::pathfinding {

/// Brings the bordered grid of obstacles, and that of the present agents, to scratch memory.
template <class Group, class W>
SIM_HD void prepare_grids(Group& group, W& world) {
    const PathfindingConfig& c = world.config;
    const int words = c.grid_words(), total = c.grid_rows() * words, r = c.obs_radius;
    const bool legacy = c.has_legacy_occupancy();
    const bool copies = PathfindingScratch::copies_walls(c);
    group.for_each(total, [&](int i) {
        if (copies) world.scratch.walls[i] = world.state.walls[i];
        world.scratch.crowd[i] = legacy ? world.state.occupancy[i] : 0;
    });
    group.sync();
    if (legacy) return;
    group.for_each(c.num_agents, [&](int agent) {
        if (!is_present(world, agent)) return;
        const Cell cell = world.state.position[agent];
        set_bit(group, world.scratch.crowd, words, cell.row + r, cell.column + r);
    });
    group.sync();
}

/// One channel of an agent's window, row after row, as bits. Windows that are at most a word wide lie in two words of
/// each row, of which the second may be beyond the row's end where it is not needed.
template <class Group, class Bits>
SIM_HD void write_window(BitRun<Group>& run, const Bits bits, int words, Cell cell, int window) {
    if (window > 32) {
        for (int row = 0; row < window; ++row)
            for (int first = 0; first < window; first += 32) {
                const int count = window - first < 32 ? window - first : 32;
                run.push(count, bits_from(bits, words, cell.row + row, cell.column + first, count));
            }
        return;
    }
    const int shift = cell.column & 31, start = cell.row * words + (cell.column >> 5);
    const uint32_t mask = ~0u >> (32 - window);
    const bool takes_two = shift + window > 32;
    const auto bits_of = [&](int row) {
        const int at = start + row * words;
        const uint32_t high = takes_two ? bits[at + 1] : 0;
        return uint32_t((uint64_t{high} << 32 | bits[at]) >> shift) & mask;
    };
    int row = 0;
    if (window <= 16) {  // two rows in one go
        SIM_ROLLED
        for (; row + 1 < window; row += 2) run.push(2 * window, bits_of(row) | bits_of(row + 1) << window);
    }
    SIM_ROLLED
    for (; row < window; ++row) run.push(window, bits_of(row));
}

/// POGEMA's default observation: obstacles, agents (oneself included), and the goal, moved into the window along each
/// axis where it lies outside. Agents [first, last).
template <class Group, class W>
SIM_HD void observe_windows(Group& group, const W& world, AgentRange range, const ObservationWriter& out, int part) {
    const PathfindingConfig& c = world.config;
    const int window = c.window(), area = window * window, words = c.grid_words(), count = range.last - range.first;
    const bool copied = PathfindingScratch::copies_walls(c);
    group.for_each(2 * count, [&](int item) {
        const bool shows_agents = item >= count;
        const int agent = range.first + (shows_agents ? item - count : item);
        const Cell cell = world.state.position[agent];
        BitRun<Group> run(group, out, part, agent, shows_agents ? area : 0);
        if (shows_agents)
            write_window(run, world.scratch.crowd, words, cell, window);
        else if (copied)
            write_window(run, world.scratch.walls, words, cell, window);
        else
            write_window(run, world.state.walls, words, cell, window);
        if (shows_agents) {
            const auto clamped = [&](int offset) {
                return offset < -c.obs_radius ? 0 : offset > c.obs_radius ? window - 1 : offset + c.obs_radius;
            };
            const Cell goal = world.state.goal[agent];
            const int row = clamped(goal.row - cell.row), column = clamped(goal.column - cell.column);
            run.finish();
            out.bits(group, part, agent, 2 * area + row * window + column, 1, 1u);
            return;
        }
        run.finish();
    });
}

/// Distances of two cells at a time, less that of the own cell, clipped; as numbers modulo 256.
class RelativeCosts {
  public:
    /// `own` may be unreachable: all reachable cells are nearer then.
    SIM_HD RelativeCosts(int own, int clip) {
        const int most = unreachable - 1 - clip, from = own < most ? own : most;
        low_ = both_halves(uint32_t(from < clip ? 0 : from - clip)), high_ = both_halves(uint32_t(from + clip));
        offset_ = both_halves(256u) - both_halves(uint32_t(from)) - last_reachable;
    }
    /// Sums of whole words: what the low half borrows, it gives back, since the results fit their halves.
    SIM_HD uint32_t of(uint32_t pair) const {
        const uint32_t clipped = max_halves(min_halves(pair, high_), low_);
        return clipped + max_halves(pair, last_reachable) + offset_;  // the maximum is one more where it is unreachable
    }

  private:
    static constexpr uint32_t last_reachable = (unreachable - 1) * 65537u;
    uint32_t low_, high_, offset_;
};

/// Asks for the rows that observe_costs will read.
template <class Group, class W>
SIM_HD void prefetch_costs(Group& group, const W& world, AgentRange range) {
    const PathfindingConfig& c = world.config;
    const int rows = world.state.map_size[0].row;
    group.for_each(range.last - range.first, [&](int item) {
        const Cell cell = world.state.position[range.first + item];
        const int first = cell.row > c.obs_radius ? cell.row - c.obs_radius : 0,
                  end = cell.row + c.obs_radius + 1 < rows ? cell.row + c.obs_radius + 1 : rows;
        const uint16_t* at = distance_field(world, range.first + item) + first * c.width +
                             (cell.column > c.obs_radius ? cell.column - c.obs_radius : 0);
        SIM_ROLLED
        for (int row = first; row < end; ++row, at += c.width) prefetch(at);
    });
}

/// Steps to the own goal from each cell of the window, less those from the own cell, within +-cost_clip; cost_clip + 1
/// for cells from which the goal cannot be reached: obstacles, the outside, other components, all of a padding agent's.
template <class Group, class W>
SIM_HD void observe_costs(Group& group, const W& world, AgentRange range, const ObservationWriter& out, int part) {
    const PathfindingConfig& c = world.config;
    const int window = c.window(), r = c.obs_radius, clip = c.cost_clip, width = c.width;
    const Cell size = world.state.map_size[0];
    const int num_present = world.state.num_present[0];  // a padding agent has no field of its own
    int8_t* const rows = out.row<int8_t>(part, range.first);
    group.for_each((range.last - range.first) * window, [&](int item) {
        const int number = int(unsigned(item) / unsigned(window)), agent = range.first + number;
        const Cell cell = world.state.position[agent];
        const uint16_t* field = distance_field(world, agent);
        const int own = field[index_of(world, cell)], map_row = cell.row - r + item - number * window;
        const bool is_on_map = agent < num_present && unsigned(map_row) < unsigned(size.row);
        const int first = cell.column - r, begin = first < 0 ? -first : 0, end = is_on_map ? size.column - first : 0;
        int8_t* const row = rows + int64_t{item} * window;
        for (int start = 0; start < window; start += ShortRun::capacity) {
            const auto within = [&](int k) {
                return k < start ? 0 : k < start + ShortRun::capacity ? k - start : ShortRun::capacity;
            };
            const int from = within(begin), to = within(end), count = window - start;
            const ShortRun run = read_run(field + map_row * width + first + start, from, to);
            const ShortRun outside = outside_of(from, to);
            const RelativeCosts relative(own, clip);
            const auto costs = [&](int pair) { return relative.of(run.pair[pair] | outside.pair[pair]); };
            SIM_UNROLL
            for (int i = 0; i < ShortRun::capacity; i += 4) {
                const uint32_t four = low_bytes(costs(i / 2), costs(i / 2 + 1));
                SIM_UNROLL
                for (int byte = 0; byte < 4; ++byte)
                    if (i + byte < count) row[start + i + byte] = int8_t(four >> 8 * byte);
            }
        }
    });
}

/// For each visible agent, oneself included, which of its neighbour cells are nearer to its goal: bit 0 up, 1 down,
/// 2 left, 3 right; 0 elsewhere.
template <class Group, class W>
SIM_HD void observe_intent(Group& group, W& world, AgentRange range, const ObservationWriter& out, int part) {
    const PathfindingConfig& c = world.config;
    const int window = c.window(), words = c.grid_words(), r = c.obs_radius;
    CellTable<Group, W> table(group, world);
    group.for_each(c.num_agents, [&](int agent) {
        world.scratch.bits[agent] = is_present(world, agent) ? nearer_cells(world, agent) : 0;
    });
    table.enter_agents();
    group.for_each((range.last - range.first) * window, [&](int item) {
        const int agent = range.first + item / window, row = item % window;
        const Cell cell = world.state.position[agent];
        uint8_t* to = out.row<uint8_t>(part, agent) + row * window;
        for (int first = 0; first < window; first += 32) {
            const int count = window - first < 32 ? window - first : 32;
            uint32_t seen = bits_from(world.scratch.crowd, words, cell.row + row, cell.column + first, count);
            for (int k = 0; k < count; ++k) to[first + k] = 0;
            for (; seen; seen &= seen - 1) {
                const int k = first + __builtin_ffs(int(seen)) - 1;
                const int other = table.occupant((cell.row + row - r) * c.width + cell.column + k - r);
                if (other != nobody) to[k] = world.scratch.bits[other];
            }
        }
    });
}

}  // namespace flockstep::pathfinding
