#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "sim/contract/random.h"
#include "sim/contract/random_streams.h"
#include "tests/catch.h"

namespace flockstep {
namespace {

using Four = std::vector<uint32_t>;
Four words(const Words& block) { return {block.word, block.word + 4}; }

struct Regatta {
    static constexpr RandomStream<"crew", Purpose::reset, Draws{3, 60}, Items{0, 1000}> crew{};
    static constexpr RandomStream<"buoy", Purpose::reset, Draws{0, 16384}, Items{1 << 19, 1 << 19}> buoy{};
    static constexpr RandomStream<"wind", Purpose::step, Draws{8, 9}, Items{7, 1}> wind{};
    static constexpr RandomStream<"helm", Purpose::policy, Draws{16383, 1}> helm{};
    static constexpr auto random_streams = random_stream_list(crew, wind, helm);
};
struct Buoys {
    static constexpr auto random_streams = random_stream_list(Regatta::buoy);
};

}  // namespace

TEST_CASE("philox: the known answers of its authors") {
    // Random123 1.14, tests/kat_vectors: philox4x32 with 10 rounds
    CHECK(words(philox(0, 0, 0, 0, 0, 0)) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(words(philox(~0u, ~0u, ~0u, ~0u, ~0u, ~0u)) == Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(words(philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)) ==
          Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random numbers: different coordinates draw different blocks") {
    std::set<Four> seen;
    size_t drawn = 0;
    const auto draw = [&](const Rng& rng, uint32_t agent, uint32_t block) {
        seen.insert(words(rng.bits4(agent, block)));
        ++drawn;
    };
    const std::vector<Purpose> purposes = {Purpose::reset, Purpose::step,    Purpose::policy,    Purpose::action,
                                           Purpose::phase, Purpose::shuffle, Purpose::initialize};
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
    for (uint32_t draw = 0; draw < 40; ++draw) CHECK(rng.bits(9, draw) == rng.bits4(9, draw / 4).word[draw % 4]);
}

TEST_CASE("random streams: a draw by name equals the draw by number") {
    const auto at = [](Purpose purpose) { return Rng{123, 4, 5, purpose == Purpose::reset ? 0u : 6u, purpose}; };
    const Rng reset = at(Purpose::reset), step = at(Purpose::step), act = at(Purpose::policy);
    const StreamRng<Regatta> in_reset = reset, in_step = step, in_act = act;
    const auto crew = Regatta::crew;
    for (int agent : {0, 1, 999}) {
        const uint32_t item = uint32_t(agent);
        CHECK(in_reset.bits(crew, agent, 0) == reset.bits(item, 3));
        CHECK(in_reset.bits(crew, agent, 59) == reset.bits(item, 62));
        CHECK(in_reset.uniform(crew, agent, 1) == reset.uniform(item, 4));
        CHECK(in_reset.uniform(crew, agent, 2, -2, 3) == reset.uniform(item, 5, -2, 3));
        CHECK(in_reset.below(crew, agent, 3, 100) == int(reset.below(item, 6, 100)));
        CHECK(in_reset.below(crew, agent, 3, ~0u) == reset.below(item, 6, ~0u));
        for (int k = 0; k < 60; ++k) CHECK(in_reset.bits(crew, agent, crew.at(k)) == reset.bits(item, 3 + uint32_t(k)));
        CHECK(in_act.bits(Regatta::helm, agent, 0) == act.bits(item, 16383));
    }
    CHECK(words(in_step.bits4(Regatta::wind, 0, 0)) == words(step.bits4(7, 2)));
    CHECK(words(in_step.bits4(Regatta::wind, 0, 1)) == words(step.bits4(7, 3)));
    CHECK(words(in_step.bits4(Regatta::wind, 0, Regatta::wind.block_at(1))) == words(step.bits4(7, 3)));
    const StreamRng<Buoys> of_buoys = reset;
    CHECK(of_buoys.bits(Regatta::buoy, 5, 16383) == reset.bits((1 << 19) + 5, 16383));
    CHECK(in_step.seed == 123);
    CHECK(in_step.env == 4);
    CHECK(in_step.episode == 5);
}

TEST_CASE("random streams: they overlap if purpose, draws and items overlap") {
    using Place = RandomStream<"place", Purpose::reset, Draws{0, 2}>;
    using Next = RandomStream<"next", Purpose::reset, Draws{2, 1}>;
    using Last = RandomStream<"last", Purpose::reset, Draws{1, 1}>;
    using OfWorld = RandomStream<"world", Purpose::reset, Draws{0, 8}, Items{0, 1}>;
    using OfRows = RandomStream<"rows", Purpose::reset, Draws{0, 8}, Items{1, 9}>;
    using InStep = RandomStream<"step", Purpose::step, Draws{0, 2}>;
    CHECK(!shares_draws<Place, Next>());
    CHECK(!shares_draws<Next, Place>());
    CHECK(!shares_draws<Last, Next>());
    CHECK(!shares_draws<OfWorld, OfRows>());
    CHECK(!shares_draws<Place, InStep>());
    CHECK(shares_draws<Place, Last>());
    CHECK(shares_draws<Last, Place>());
    CHECK(shares_draws<OfWorld, Next>());
    CHECK(shares_draws<Next, OfRows>());
}

TEST_CASE("random numbers: uniform floats stay below 1, integers below n, and both reach their bounds") {
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
