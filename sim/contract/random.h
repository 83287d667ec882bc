#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

/// Counter-based random numbers (Philox). Rules draw through the named streams of random_streams.h; the engine and the
/// trainer use an Rng directly:
///
///   const Rng rng{seed, env, episode, step, Purpose::shuffle};
///   const uint32_t other = rng.below(item, 0, item + 1);           // draw 0 of this item
namespace flockstep {

/// What a random number is used for; rules use reset, step and policy (`act`). Every purpose has its own stream, so
/// that draws for one never change those of another.
enum class Purpose : uint32_t { reset = 0, step = 1, policy = 2, action = 3, phase = 4, shuffle = 5, initialize = 6 };

/// The four 32-bit words of one Philox block.
struct Words {
    uint32_t word[4];
};

/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
SIM_HD Words philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
        const uint32_t n0 = uint32_t(p1 >> 32) ^ c1 ^ key0, n2 = uint32_t(p0 >> 32) ^ c3 ^ key1;
        c0 = n0, c1 = uint32_t(p1), c2 = n2, c3 = uint32_t(p0);
        key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

/// Limits of an Rng: distinct items (agents, rows of a map, ...), and draws per item.
constexpr uint32_t max_items = 1u << 20, max_draws = 1u << 14;

/// A float in [0, 1) from the upper 24 bits of a word.
SIM_HD float unit_float(uint32_t word) { return float(word >> 8) * 0x1p-24f; }

/// Random numbers as a pure function of their coordinates; nothing is stored, so the same (seed, env, episode, step,
/// purpose, agent, draw) gives the same number for 1 or 1,000,000 worlds, on CPU or GPU, before or after a resume. The
/// engine, the trainer and tools use bare numbers; rules draw by name: see random_streams.h.
///
/// Layout of a Philox call, documented only here:
///   key      the seed: low word, high word
///   counter  word 0  global env index (32 bits: rank offset included); 0 for a world with its own seed
///            word 1  episode of that env (32 bits)
///            word 2  step within the episode (24 bits, high) | purpose (8 bits, low)
///            word 3  agent (20 bits, high) | draw / 4 (12 bits, low);  draw % 4 picks one of the four words
struct Rng {
    uint64_t seed;
    uint32_t env, episode, step;
    Purpose purpose;

    /// Draws 4 * block .. 4 * block + 3 of an agent (or any other item, < 2^20; block < 4,096).
    SIM_HD Words bits4(uint32_t agent, uint32_t block) const {
        return philox(env, episode, (step << 8) | uint32_t(purpose), (agent << 12) | block, uint32_t(seed),
                      uint32_t(seed >> 32));
    }
    /// Draw `draw` (< 16,384) of an agent: 32 bits.
    SIM_HD uint32_t bits(uint32_t agent, uint32_t draw) const { return bits4(agent, draw >> 2).word[draw & 3]; }
    /// Uniform in [0, 1).
    SIM_HD float uniform(uint32_t agent, uint32_t draw) const { return unit_float(bits(agent, draw)); }
    /// Uniform in [low, high).
    SIM_HD float uniform(uint32_t agent, uint32_t draw, float low, float high) const {
        return low + (high - low) * uniform(agent, draw);
    }
    /// Uniform integer in [0, n), by multiply-shift: the bias is at most n / 2^32.
    SIM_HD uint32_t below(uint32_t agent, uint32_t draw, uint32_t n) const {
        return uint32_t((uint64_t{bits(agent, draw)} * n) >> 32);
    }
};

}  // namespace flockstep
