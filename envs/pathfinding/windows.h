#pragma once

#include "envs/pathfinding/distance.h"

/// Observations: the square of cells within obs_radius around each agent.
namespace flockstep::pathfinding {

/// Writes the bordered grids of obstacles and of present agents to scratch memory.
template <class Group, class W>
SIM_HD void prepare_grids(Group& group, W& world) {
    const PathfindingConfig& c = world.config;
    const int words = world.shared.grid_words, total = world.shared.grid_rows * words, r = c.obs_radius;
    const bool legacy = c.has_legacy_occupancy();
    const bool copies = PathfindingScratch::copies_walls(world.shared);
    group.for_each(total, [&](int i) {
        if (copies) world.scratch.walls[i] = world.state.walls[i];
        world.scratch.agent_bits[i] = legacy ? world.state.occupancy[i] : 0;
    });
    group.sync();
    if (legacy) return;
    group.for_each(world.shared.num_agents, [&](int agent) {
        if (!is_present(world, agent)) return;
        const Cell cell = world.state.position[agent];
        set_bit(group, world.scratch.agent_bits, words, cell.row + r, cell.column + r);
    });
    group.sync();
}

/// One channel of an agent's window, row by row, as bits. A window of at most 32 columns spans at most two words per
/// row; the second is only loaded if needed, since it may be past the row's end.
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
    if (window <= 16) {  // two rows at a time
        SIM_NO_UNROLL
        for (; row + 1 < window; row += 2) run.push(2 * window, bits_of(row) | bits_of(row + 1) << window);
    }
    SIM_NO_UNROLL
    for (; row < window; ++row) run.push(window, bits_of(row));
}

/// POGEMA's default observation: obstacles, agents (including itself), and the goal, clamped to the window along each
/// axis.
template <class Group, class W, class Out, class Part>
SIM_HD void observe_windows(Group& group, const W& world, AgentRange range, const Out& out, Part part) {
    const PathfindingConfig& c = world.config;
    const int window = c.window(), area = window * window, words = world.shared.grid_words,
              count = range.last - range.first;
    const bool copied = PathfindingScratch::copies_walls(world.shared);
    group.for_each(2 * count, [&](int item) {
        const bool shows_agents = item >= count;
        const int agent = range.first + (shows_agents ? item - count : item);
        const Cell cell = world.state.position[agent];
        BitRun<Group> run(group, out, part, agent, shows_agents ? area : 0);
        if (shows_agents)
            write_window(run, world.scratch.agent_bits, words, cell, window);
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

/// Distances of four cells at a time, minus that of the agent's cell, clipped; modulo 256. The agent's distance must be
/// at most saturated - 1 - clip, so that saturated cells are beyond the clip.
class RelativeCosts {
  public:
    SIM_HD RelativeCosts(int own, int clip)
        : low_(both_halves(uint32_t(own < clip ? 0 : own - clip))),
          high_(both_halves(uint32_t(own + clip))),
          offset_(both_halves(256u) - both_halves(uint32_t(own)) - last_reachable) {}
    SIM_HD uint32_t of(uint32_t bytes) const {
        return low_bytes(of_halves(low_halves(bytes)), of_halves(high_halves(bytes)));
    }

  private:
    static constexpr uint32_t last_reachable = saturated * 65537u;
    /// Arithmetic on whole words: borrows between the halves cancel, since the results fit their halves.
    SIM_HD uint32_t of_halves(uint32_t pair) const {
        const uint32_t clipped = max_halves(min_halves(pair, high_), low_);
        return clipped + max_halves(pair, last_reachable) + offset_;  // the maximum is one larger for unreachable cells
    }
    uint32_t low_, high_, offset_;
};

/// Prefetches the rows that observe_costs will read.
template <class Group, class W>
SIM_HD void prefetch_costs(Group& group, const W& world, AgentRange range) {
    const PathfindingConfig& c = world.config;
    const int rows = world.state.map_size[0].row, line = 64,
              step = world.shared.width > line ? world.shared.width : line;
    group.for_each(range.last - range.first, [&](int item) {
        const Cell cell = world.state.position[range.first + item];
        const int first = cell.row > c.obs_radius ? cell.row - c.obs_radius : 0,
                  end = cell.row + c.obs_radius + 1 < rows ? cell.row + c.obs_radius + 1 : rows;
        const uint8_t* at = near_field(world, range.first + item) + first * world.shared.width +
                            (cell.column > c.obs_radius ? cell.column - c.obs_radius : 0);
        SIM_NO_UNROLL
        for (int i = 0; i < (end - first) * world.shared.width; i += step) prefetch(at + i);
    });
}

/// A lane's unit of work in observe_costs: adjacent cells of one row of an agent's window.
struct CostPiece {
    int line, skipped;  // preceding rows of all windows; preceding cells of its row
    int64_t start;      // its first element among those of the observed agents
    int count;

    /// `pieces`: per row.
    SIM_HD CostPiece(int window, int pieces, int item)
        : line(pieces == 1 ? item : item / pieces), skipped((item - line * pieces) * ByteRun::capacity) {
        start = int64_t{line} * window + skipped;
        count = window - skipped < ByteRun::capacity ? window - skipped : ByteRun::capacity;
    }
};
/// Its location on the map.
struct CostPlace {
    int agent;
    int from;        // index of its first cell, which may be off the map
    int begin, end;  // its cells [begin, end) are on the map, if the agent is present

    template <class W>
    SIM_HD CostPlace(const W& world, int first_agent, const CostPiece& piece) {
        const PathfindingConfig& c = world.config;
        const int window = c.window(), number = int(unsigned(piece.line) / unsigned(window));
        agent = first_agent + number;
        const Cell cell = world.state.position[agent], size = world.state.map_size[0];
        const int row = cell.row - c.obs_radius + piece.line - number * window,
                  column = cell.column - c.obs_radius + piece.skipped;
        const bool has_row = agent < world.state.num_present[0] && unsigned(row) < unsigned(size.row);
        const auto within = [](int k) { return k < 0 ? 0 : k < ByteRun::capacity ? k : ByteRun::capacity; };
        from = row * world.shared.width + column, begin = within(-column),
        end = has_row ? within(size.column - column) : 0;
    }
};

/// Distance to the agent's goal from each cell of the window, minus that from its own cell, clipped to +-cost_clip;
/// cost_clip + 1 for cells from which the goal is unreachable: obstacles, the outside, other components, and all cells
/// of a padding agent.
template <class Group, class W, class Out, class Part>
SIM_HD void observe_costs(Group& group, const W& world, AgentRange range, const Out& out, Part part) {
    const int window = world.config.window(), clip = world.config.cost_clip;
    const int pieces = (window + ByteRun::capacity - 1) / ByteRun::capacity;
    const int total = (range.last - range.first) * window * pieces;
    int8_t* const rows = out.row(part, range.first);
    struct Request {
        int own;
        ByteRun near;
    };
    const auto load = [&](int item) {
        const CostPlace place(world, range.first, CostPiece(window, pieces, item));
        const uint8_t* near = near_field(world, place.agent);
        const bool has_field = place.agent < world.state.num_present[0];
        return Request{has_field ? near[index_of(world, world.state.position[place.agent])] : 0,
                       ByteRun(near + place.from, place.begin, place.end)};
    };
    // uses the exact distances: rarely needed, so not prefetched
    const auto write_far = [&](int item) {
        const CostPiece piece(window, pieces, item);
        const CostPlace place(world, range.first, piece);
        const uint16_t* field = distance_field(world, place.agent);
        const int own = field[index_of(world, world.state.position[place.agent])];
        SIM_NO_UNROLL
        for (int k = 0; k < piece.count; ++k) {
            const int there = k >= place.begin && k < place.end ? field[place.from + k] : unreachable,
                      cost = there - own;
            rows[piece.start + k] = int8_t(there == unreachable ? clip + 1
                                           : cost < -clip       ? -clip
                                           : cost > clip        ? clip
                                                                : cost);
        }
    };
    const auto write = [&](int item, const Request& request) {
        if (request.own >= saturated - clip) return write_far(item);
        const CostPiece piece(window, pieces, item);
        int8_t* const to = rows + piece.start;
        const RelativeCosts relative(request.own, clip);
        SIM_UNROLL
        for (int i = 0; i < ByteRun::capacity; i += 4) {
            const uint32_t four = relative.of(request.near.word(i / 4));
            SIM_UNROLL
            for (int byte = 0; byte < 4; ++byte)
                if (i + byte < piece.count) to[i + byte] = int8_t(four >> 8 * byte);
        }
    };
    group.for_each_prefetched(total, load, write);
}

/// For each visible agent, including itself, which of its neighbor cells are closer to its goal: bit 0 up, 1 down, 2
/// left, 3 right; 0 elsewhere.
template <class Group, class W, class Out, class Part>
SIM_HD void observe_intent(Group& group, W& world, AgentRange range, const Out& out, Part part) {
    const PathfindingConfig& c = world.config;
    const int window = c.window(), words = world.shared.grid_words, r = c.obs_radius;
    CellTable<Group, W> table(group, world);
    group.for_each(world.shared.num_agents, [&](int agent) {
        world.scratch.bits[agent] = is_present(world, agent) ? nearer_cells(world, agent) : 0;
    });
    table.enter_agents();
    group.for_each((range.last - range.first) * window, [&](int item) {
        const int agent = range.first + item / window, row = item % window;
        const Cell cell = world.state.position[agent];
        uint8_t* to = out.row(part, agent) + row * window;
        for (int first = 0; first < window; first += 32) {
            const int count = window - first < 32 ? window - first : 32;
            uint32_t seen = bits_from(world.scratch.agent_bits, words, cell.row + row, cell.column + first, count);
            for (int k = 0; k < count; ++k) to[first + k] = 0;
            for (; seen; seen &= seen - 1) {
                const int k = first + __builtin_ffs(int(seen)) - 1;
                const int other = table.occupant((cell.row + row - r) * world.shared.width + cell.column + k - r);
                if (other != no_agent) to[k] = world.scratch.bits[other];
            }
        }
    });
}

}  // namespace flockstep::pathfinding
