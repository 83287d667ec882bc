#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "sim/contract/random.h"
#include "tests/catch.h"

namespace flockstep {
namespace {

using Four = std::vector<uint32_t>;
Four words(const Words& block) { return {block.word, block.word + 4}; }

}  // namespace

TEST_CASE("philox: the known answers of its authors") {
    // Random123 1.14, tests/kat_vectors: philox4x32 with 10 rounds
    CHECK(words(philox(0, 0, 0, 0, 0, 0)) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(words(philox(~0u, ~0u, ~0u, ~0u, ~0u, ~0u)) == Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(words(philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)) ==
          Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random numbers: no two places draw the same block") {
    std::set<Four> seen;
    size_t drawn = 0;
    const auto draw = [&](const Rng& rng, uint32_t agent, uint32_t block) {
        seen.insert(words(rng.four(agent, block)));
        ++drawn;
    };
    const std::vector<Purpose> purposes = {Purpose::reset, Purpose::step,    Purpose::policy,    Purpose::action,
                                           Purpose::phase, Purpose::shuffle, Purpose::initialise};
    for (uint32_t env : {0u, 1u, 0xFFFFFFFFu})
        for (uint32_t episode : {0u, 1u, 0xFFFFFFFFu})
            for (uint32_t step : {0u, 1u, 255u, 256u, 0xFFFFFFu})
                for (Purpose purpose : purposes)
                    for (uint32_t agent : {0u, 1u, 4095u, 4096u, 0xFFFFFu})
                        for (uint32_t block : {0u, 1u, 4095u}) draw({7, env, episode, step, purpose}, agent, block);
    for (uint64_t seed : {uint64_t{8}, uint64_t{7} << 32, ~uint64_t{0}}) draw({seed, 0, 0, 0, Purpose::reset}, 0, 0);
    CHECK(seen.size() == drawn);
}

TEST_CASE("random numbers: a draw is one word of its block") {
    const Rng rng{123, 4, 5, 6, Purpose::step};
    for (uint32_t draw = 0; draw < 40; ++draw) CHECK(rng.bits(9, draw) == rng.four(9, draw / 4).word[draw % 4]);
}

TEST_CASE("random numbers: uniform floats stay below 1, integers below n, and both reach their ends") {
    CHECK(unit_float(0) == 0.0f);
    CHECK(unit_float(~0u) < 1.0f);
    CHECK(unit_float(~0u) == 1.0f - 0x1p-24f);
    const Rng rng{1, 0, 0, 0, Purpose::reset};
    std::vector<int> counts(7);
    double total = 0;
    for (uint32_t draw = 0; draw < 14000; ++draw) {
        const float value = rng.uniform(0, draw, -2, 3);
        REQUIRE(value >= -2);
        REQUIRE(value < 3);
        total += value;
        ++counts.at(rng.below(1, draw, 7));
    }
    CHECK(total / 14000 == Catch::Approx(0.5).margin(0.05));
    for (int count : counts) CHECK(std::abs(count - 2000) < 250);  // six standard deviations
}

}  // namespace flockstep
