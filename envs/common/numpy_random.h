#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "sim/contract/hd.h"

/// numpy's random numbers, bit for bit.
///
///   NumpyRng rng = numpy_rng(42);               // rng = numpy.random.default_rng(42)
///   const double x = next_double(rng);          // rng.random()
///   const uint32_t die = next_bounded(rng, 5);  // rng.integers(6)
///   const NumpyBernoulli law = numpy_bernoulli(0.3);
///   const bool is_wall = next_bernoulli(rng, law);  // rng.binomial(1, 0.3)
///   numpy_shuffle(rng, n, [&](uint32_t i, uint32_t j) { std::swap(list[i], list[j]); });  // rng.shuffle(list)
namespace flockstep {

/// numpy's `default_rng(seed)` as a plain value, bit for bit, on the host and on the device. Only for
/// rebuilding instances that other projects draw with numpy; all other code uses the counter-based generator.
/// PCG64 (XSL-RR 128/64): O'Neill 2014. Seeding: numpy's SeedSequence with a pool of four words and no spawn key.
/// Has no padding, so that it can be part of an environment's State.
struct NumpyRng {
    uint64_t state_high, state_low;
    uint64_t increment_high, increment_low;
    uint32_t buffered;      // upper half of the last 64-bit draw, valid while has_buffered
    uint32_t has_buffered;  // 0 or 1
};
static_assert(sizeof(NumpyRng) == 40 && std::is_trivially_copyable_v<NumpyRng>);

/// Precomputed constants of `binomial(1, probability)`, from the host: the device needs neither exp nor log.
struct NumpyBernoulli {
    double zero_below;  // a uniform number <= this one means 0
    double one_width;   // beyond zero_below + one_width numpy draws again (reachable through rounding alone)
    uint32_t never;     // probability 0: nothing is drawn
    uint32_t inverted;  // probability > 0.5: numpy draws the complement
};

namespace numpy_detail {

__extension__ typedef unsigned __int128 uint128;

SIM_HD uint128 join(uint64_t high, uint64_t low) { return (static_cast<uint128>(high) << 64) | low; }

/// SeedSequence's word hash; updates `constant`.
SIM_HD uint32_t hash_word(uint32_t value, uint32_t& constant, uint32_t multiplier) {
    value ^= constant;
    constant *= multiplier;
    value *= constant;
    return value ^ (value >> 16);
}

SIM_HD uint32_t mix_words(uint32_t into, uint32_t from) {
    const uint32_t mixed = 0xca01f9ddu * into - 0x4973f715u * from;
    return mixed ^ (mixed >> 16);
}

/// The entropy pool of `SeedSequence(seed)` for 0 <= seed < 2^64.
SIM_HD void fill_pool(uint64_t seed, uint32_t (&pool)[4]) {
    constexpr uint32_t multiplier = 0x931e8875u;
    uint32_t constant = 0x43b0d7e5u;
    for (int i = 0; i < 4; ++i) {
        const uint32_t word = i == 0 ? static_cast<uint32_t>(seed) : i == 1 ? static_cast<uint32_t>(seed >> 32) : 0u;
        pool[i] = hash_word(word, constant, multiplier);
    }
    for (int from = 0; from < 4; ++from) {
        for (int into = 0; into < 4; ++into) {
            if (into != from) pool[into] = mix_words(pool[into], hash_word(pool[from], constant, multiplier));
        }
    }
}

SIM_HD void advance(NumpyRng& rng) {
    const uint128 multiplier = join(0x2360ed051fc65da4ull, 0x4385df649fccf645ull);
    const uint128 state = join(rng.state_high, rng.state_low);
    const uint128 next = state * multiplier + join(rng.increment_high, rng.increment_low);
    rng.state_high = static_cast<uint64_t>(next >> 64);
    rng.state_low = static_cast<uint64_t>(next);
}

}  // namespace numpy_detail

/// `numpy.random.default_rng(seed)`; any 64-bit seed. About 200 integer operations.
SIM_HD NumpyRng numpy_rng(uint64_t seed) {
    uint32_t pool[4];
    numpy_detail::fill_pool(seed, pool);
    uint64_t words[4];
    uint32_t constant = 0x8b51f9ddu;
    for (int i = 0; i < 4; ++i) {
        const uint64_t low = numpy_detail::hash_word(pool[(2 * i) & 3], constant, 0x58f38dedu);
        const uint64_t high = numpy_detail::hash_word(pool[(2 * i + 1) & 3], constant, 0x58f38dedu);
        words[i] = (high << 32) | low;
    }
    // The state starts at 0 and is stepped once before and once after the initial state is added.
    const numpy_detail::uint128 increment = (numpy_detail::join(words[2], words[3]) << 1) | 1;
    const numpy_detail::uint128 state = increment + numpy_detail::join(words[0], words[1]);
    NumpyRng rng{static_cast<uint64_t>(state >> 64),
                 static_cast<uint64_t>(state),
                 static_cast<uint64_t>(increment >> 64),
                 static_cast<uint64_t>(increment),
                 0,
                 0};
    numpy_detail::advance(rng);
    return rng;
}

/// The next raw 64 bits: one 128-bit multiplication. Keeps a buffered half, as numpy does. Like all draws, by one lane,
/// since it advances the generator.
SIM_HD uint64_t next_u64(NumpyRng& rng) {
    numpy_detail::advance(rng);
    const uint64_t value = rng.state_high ^ rng.state_low;
    const unsigned rotation = static_cast<unsigned>(rng.state_high >> 58);
    return (value >> rotation) | (value << ((64 - rotation) & 63));
}

/// The next 32 bits: the low half of a 64-bit draw, then its high half.
SIM_HD uint32_t next_u32(NumpyRng& rng) {
    if (rng.has_buffered) {
        rng.has_buffered = 0;
        return rng.buffered;
    }
    const uint64_t value = next_u64(rng);
    rng.buffered = static_cast<uint32_t>(value >> 32);
    rng.has_buffered = 1;
    return static_cast<uint32_t>(value);
}

/// `random()`: a double in [0, 1), a multiple of 2^-53.
SIM_HD double next_double(NumpyRng& rng) { return static_cast<double>(next_u64(rng) >> 11) * 0x1.0p-53; }

/// A number in 0..maximum by masked rejection: what `shuffle` and `permutation` draw. Maximum 0 draws nothing.
SIM_HD uint32_t next_masked(NumpyRng& rng, uint32_t maximum) {
    if (maximum == 0) return 0;
    uint32_t mask = maximum;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    uint32_t value = next_u32(rng) & mask;
    while (value > maximum) value = next_u32(rng) & mask;
    return value;
}

/// A number in 0..maximum by Lemire's method (2019): what `integers` and `choice` draw for a range of at most 2^32.
/// Maximum 0 draws nothing, maximum 2^32 - 1 is one raw draw.
SIM_HD uint32_t next_bounded(NumpyRng& rng, uint32_t maximum) {
    if (maximum == 0) return 0;
    if (maximum == 0xffffffffu) return next_u32(rng);
    const uint32_t count = maximum + 1;
    uint64_t product = static_cast<uint64_t>(next_u32(rng)) * count;
    if (static_cast<uint32_t>(product) < count) {
        const uint32_t threshold = (0xffffffffu - maximum) % count;
        while (static_cast<uint32_t>(product) < threshold) product = static_cast<uint64_t>(next_u32(rng)) * count;
    }
    return static_cast<uint32_t>(product >> 32);
}

/// `shuffle` of a list of `count` elements: calls swap(i, j), j <= i, from the end to the front.
template <class Swap>
SIM_HD void numpy_shuffle(NumpyRng& rng, uint32_t count, Swap swap) {
    for (uint32_t i = count; i > 1; --i) swap(i - 1, next_masked(rng, i - 1));
}

/// The constants of `binomial(1, probability)`, 0 <= probability <= 1, unchecked; host only, uses libm.
inline NumpyBernoulli numpy_bernoulli(double probability) {
    const bool inverted = probability > 0.5;
    const double p = inverted ? 1.0 - probability : probability;
    const double zero_below = std::exp(std::log1p(-p));
    return {zero_below, p * zero_below / (1.0 - p), probability == 0.0, inverted};
}

/// One draw of `binomial(1, probability)`: inversion sampling with one trial.
SIM_HD bool next_bernoulli(NumpyRng& rng, const NumpyBernoulli& law) {
    if (law.never) return false;
    for (;;) {
        const double uniform = next_double(rng);
        if (uniform <= law.zero_below) return law.inverted;
        if (!(uniform - law.zero_below > law.one_width)) return !law.inverted;
    }
}

}  // namespace flockstep
