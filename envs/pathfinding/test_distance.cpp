#include <algorithm>
#include <barrier>
#include <thread>
#include <vector>

#include "envs/pathfinding/windows.h"
#include "sim/contract/group.h"
#include "sim/contract/random.h"
#include "tests/catch.h"

/// Distance fields and what is derived from them, against plain definitions. Only GPU lanes have shuffles; here threads
/// emulate them.
namespace flockstep {
namespace {

/// The parts of a world that a search reads and writes.
struct SmallWorld {
    PathfindingShared shared;
    struct {
        std::vector<Cell> goal;
        Bulk<uint16_t> distance;
        Bulk<uint8_t> distance_u8;
    } state;
    struct {
        std::vector<uint32_t> open, frontier;
    } scratch;

    std::vector<uint16_t> distance;

    SmallWorld(int height, int width, uint32_t seed) : distance(size_t(height * width), 12345) {
        shared.height = height, shared.width = width;
        const Rng rng{seed, 0, 0, 0, Purpose::initialize};
        for (int row = 0; row < height; ++row) {
            uint32_t open = 0;
            for (int column = 0; column < width; ++column)
                open |= uint32_t(rng.below(uint32_t(row), uint32_t(column), 10) >= 3) << column;
            scratch.open.push_back(open);
        }
        state.goal = {{int16_t(rng.below(100, 0, uint32_t(height))), int16_t(rng.below(100, 1, uint32_t(width)))}};
        scratch.frontier.resize(size_t(3 * height));
        state.distance.first = distance.data();
    }
    SmallWorld(const SmallWorld&) = delete;
};

/// 32 threads that emulate the shuffles of a warp.
struct ThreadLanes {
    static constexpr bool has_shuffle = true;
    struct Exchange {
        std::barrier<> barrier{32};
        uint32_t word[34] = {};  // of lane k at k + 1
    };
    Exchange& exchange;
    int lane_;
    int lane() const { return lane_; }
    int lanes() const { return 32; }
    uint32_t shfl_up(uint32_t value) {
        return exchanged(value, [&] { return exchange.word[lane_]; });
    }
    uint32_t shfl_down(uint32_t value) {
        return exchanged(value, [&] { return exchange.word[lane_ + 2]; });
    }
    bool any_sync(bool value) {
        return exchanged(value, [&] {
            uint32_t any = 0;
            for (uint32_t word : exchange.word) any |= word;
            return any;
        });
    }

  private:
    template <class Read>
    uint32_t exchanged(uint32_t value, Read read) {
        exchange.word[lane_ + 1] = value;
        exchange.barrier.arrive_and_wait();
        const uint32_t result = read();
        exchange.barrier.arrive_and_wait();
        return result;
    }
};

/// Relaxes distances until nothing changes.
std::vector<uint16_t> distances_by_definition(const SmallWorld& world) {
    const int height = world.shared.height, width = world.shared.width;
    std::vector<uint16_t> distance(size_t(height * width), pathfinding::unreachable);
    const Cell goal = world.state.goal[0];
    distance[size_t(goal.row * width + goal.column)] = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (int row = 0; row < height; ++row)
            for (int column = 0; column < width; ++column) {
                if (!(world.scratch.open[size_t(row)] >> column & 1)) continue;
                int least = pathfinding::unreachable;
                const auto look = [&](int r, int c) {
                    if (r >= 0 && c >= 0 && r < height && c < width)
                        least = std::min(least, distance[size_t(r * width + c)] + 1);
                };
                look(row - 1, column), look(row + 1, column), look(row, column - 1), look(row, column + 1);
                uint16_t& own = distance[size_t(row * width + column)];
                if (least < own) own = uint16_t(least), changed = true;
            }
    }
    return distance;
}

}  // namespace

TEST_CASE("pathfinding distances: searches by one lane and by one lane per row find the shortest paths") {
    const std::pair<int, int> sizes[] = {{32, 32}, {1, 32}, {32, 1}, {21, 17}, {5, 8}, {2, 2}};
    for (uint32_t seed = 0; seed < 12; ++seed) {
        const auto [height, width] = sizes[seed % 6];
        SmallWorld one(height, width, seed), many(height, width, seed);
        const std::vector<uint16_t> want = distances_by_definition(one);
        HostGroup group;
        pathfinding::search_from_goal(group, 0, one, 0);
        CHECK(one.distance == want);

        ThreadLanes::Exchange exchange;
        std::vector<std::thread> threads;
        for (int lane = 0; lane < 32; ++lane)
            threads.emplace_back([&, lane] {
                ThreadLanes team{exchange, lane};
                pathfinding::search_by_rows(team, many, 0);
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(many.distance == want);
    }
}

TEST_CASE("pathfinding distances: costs of four cells at a time are the differences to the agent's cell, clipped") {
    for (const int clip : {1, 10, 126}) {
        for (const int own : {0, 1, 9, 10, 100, int(pathfinding::saturated) - 1 - clip}) {
            const pathfinding::RelativeCosts relative(own, clip);
            const auto want = [&](int distance) {
                return int8_t(distance == pathfinding::near_unreachable ? clip + 1
                                                                        : std::clamp(distance - own, -clip, clip));
            };
            for (int a = 0; a < 256; ++a)
                for (int b = 0; b < 256; b += 1 + 5 * (b < 250)) {
                    const uint32_t bytes = relative.of(uint32_t(a) | uint32_t(b) << 8 | uint32_t(own) << 16 | a << 24);
                    REQUIRE(int8_t(bytes) == want(a));
                    REQUIRE(int8_t(bytes >> 8) == want(b));
                    REQUIRE(int8_t(bytes >> 16) == 0);
                    REQUIRE(int8_t(bytes >> 24) == want(a));
                }
        }
    }
}

TEST_CASE("pathfinding distances: as uint8 they are equal, saturated or unreachable") {
    for (const int width : {8, 7}) {  // four cells at a time, and one
        SmallWorld world(3, width, 0);
        std::vector<uint8_t> near(size_t(3 * width));
        world.state.distance_u8.first = near.data();
        const int some[] = {0, 1, 127, 128, 253, 254, 255, 256, 300, 32768, 65533, 65534, 65535, 510};
        for (int i = 0; i < 3 * width; ++i) world.distance[size_t(i)] = uint16_t(some[i % 14]);
        HostGroup group;
        pathfinding::quantize_distances(group, world, 0);
        for (int i = 0; i < 3 * width; ++i) {
            const int distance = some[i % 14];
            CHECK(near[size_t(i)] == (distance == 65535 ? 255 : std::min(distance, 254)));
        }
    }
}

TEST_CASE("byte runs: requested bytes are loaded, and the others are 255") {
    std::vector<uint8_t> array(64);
    for (int i = 0; i < 64; ++i) array[size_t(i)] = uint8_t(i * 37 % 251);
    for (int from = -12; from < 64; ++from)
        for (int begin = 0; begin <= 12; ++begin)
            for (int end = 0; end <= 12; ++end) {
                if (begin < end && (from + begin < 0 || from + end > 64)) continue;
                const ByteRun run(array.data() + from, begin, end);
                for (int k = 0; k < 12; ++k) {
                    const int want = k >= begin && k < end ? array[size_t(from + k)] : 255;
                    REQUIRE((run.word(k / 4) >> (8 * (k % 4)) & 255u) == uint32_t(want));
                }
            }
}

}  // namespace flockstep
