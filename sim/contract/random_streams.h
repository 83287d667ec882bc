#pragma once

#include <cassert>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "sim/contract/hd.h"
#include "sim/contract/name.h"
#include "sim/contract/random.h"

/// The random numbers of an environment's rules, by name. Every use has a stream of its own: a typed constant that says
/// which draws of which items are taken. The environment lists them, and rules draw through them from world.rng:
///
///   static constexpr RandomStream<"position", Purpose::reset, Draws{0, 2}> position{};  // draws 0 and 1 of each agent
///   static constexpr RandomStream<"hand", Purpose::reset, Draws{2, 60}> hand{};         // draws 2 to 61
///   static constexpr RandomStream<"gust", Purpose::step, Draws{0, 4}, Items{0, 1}> gust{};  // of the world: item 0
///   static constexpr auto random_streams = random_stream_list(position, hand, gust);
///
///   const float x = world.rng.uniform(position, agent, 0, -1, 1);       // in reset: draw 0
///   const int card = world.rng.below(hand, agent, hand.at(k), 52);      // draw 2 + k, k known at run time alone
///   const Words four = world.rng.four(gust, 0, 0);                      // in step: block 0, draws 0 to 3
///
/// Two streams of a list that share a draw do not compile, nor does an index beyond a stream's draws or a stream that
/// is not listed. A header of rules that several environments share declares its streams, and each of them lists them.
namespace flockstep {

/// Which draw of a stream, from 0, or which block of `width` = 4 draws. A number that the compiler knows becomes one by
/// itself, and is checked. Any other is "not usable in a constant expression", and goes through RandomStream::at.
template <class S, uint32_t width>
class DrawIndex {
  public:
    consteval DrawIndex(int index) : value_(uint32_t(index)) {
        if (index < 0 || uint32_t(index) >= S::num_draws / width)
            throw "a draw's index: want one below the number of the stream's draws, or of its blocks of four";
    }
    /// From 0; below the number of the stream's draws, or of its blocks.
    SIM_HD uint32_t value() const { return value_; }

  private:
    friend S;
    struct AtRunTime {};
    SIM_HD constexpr DrawIndex(int index, AtRunTime) : value_(uint32_t(index)) {
        assert(value_ < S::num_draws / width);
    }
    uint32_t value_;
};

/// The draws that each item of a stream has: numbers first .. first + count - 1, below 16,384.
struct Draws {
    uint32_t first, count;
};
/// The items that a stream belongs to: agents, other entities, rows of a map. Rules count them from 0; they are the
/// Rng's items first .. first + count - 1, below 2^20. All by default: then no other stream may take the same draws.
struct Items {
    uint32_t first = 0, count = max_items;
};

/// Random numbers for one use: `draws` of each of `items`, in `reset`, `step` or `act` (Purpose::policy). Where a
/// stream begins is part of an environment's results: moving it changes every episode.
template <Name name_, Purpose purpose_, Draws draws, Items items = Items{}>
struct RandomStream {
    static_assert(purpose_ == Purpose::reset || purpose_ == Purpose::step || purpose_ == Purpose::policy,
                  "RandomStream: want Purpose::reset, Purpose::step or Purpose::policy");
    static_assert(draws.count > 0 && draws.first < max_draws && draws.count <= max_draws - draws.first,
                  "RandomStream: want at least one draw, and all draws below 16,384");
    static_assert(items.count > 0 && items.first < max_items && items.count <= max_items - items.first,
                  "RandomStream: want at least one item, and all items below 1,048,576");
    /// Name and purpose; its draws of each item, and its items, as numbers of the Rng.
    static constexpr const char* name = name_.text;
    static constexpr Purpose purpose = purpose_;
    static constexpr uint32_t first_draw = draws.first, num_draws = draws.count;
    static constexpr uint32_t first_item = items.first, num_items = items.count;

    /// A draw of an item; four draws side by side.
    using Index = DrawIndex<RandomStream, 1>;
    using Block = DrawIndex<RandomStream, 4>;
    /// An index that is known at run time alone. Without NDEBUG (Debug builds, the `sanitize` preset) one out of range
    /// ends the program. With it nothing is checked, so that nothing is paid: it would be a draw of another stream.
    SIM_HD static constexpr Index at(int index) { return {index, {}}; }
    SIM_HD static constexpr Block block_at(int index) { return {index, {}}; }
};

namespace detail {
constexpr bool overlaps(uint32_t first_a, uint32_t count_a, uint32_t first_b, uint32_t count_b) {
    return first_a < first_b + count_b && first_b < first_a + count_a;
}
}  // namespace detail
/// Whether two streams would give the same numbers somewhere.
template <class A, class B>
constexpr bool shares_draws() {
    return A::purpose == B::purpose && detail::overlaps(A::first_draw, A::num_draws, B::first_draw, B::num_draws) &&
           detail::overlaps(A::first_item, A::num_items, B::first_item, B::num_items);
}

/// The streams of an environment.
template <class... Streams>
struct RandomStreamList {
    /// Whether S is listed.
    template <class S>
    static constexpr bool has = (std::is_same_v<S, Streams> || ...);
};
namespace detail {
template <class A, class B>
constexpr bool check_streams() {
    static_assert(!shares_draws<A, B>(),
                  "random_stream_list: want streams of one purpose that share no draws; A and B do");
    static_assert(A::purpose != B::purpose || std::string_view(A::name) != B::name,
                  "random_stream_list: want streams of one purpose with different names; A and B have the same");
    return true;
}
template <class First, class... Others>
constexpr bool check_all_streams() {
    if constexpr (sizeof...(Others) > 0)
        return (check_streams<First, Others>() && ...) && check_all_streams<Others...>();
    return true;
}
}  // namespace detail
/// The list of an environment's streams. Those of one purpose must differ in name, and in items or draws.
template <class... Streams>
constexpr RandomStreamList<Streams...> random_stream_list(Streams...) {
    static_assert(sizeof...(Streams) == 0 || detail::check_all_streams<Streams...>());
    return {};
}

/// What the rules of Env draw from: an Rng through the streams that Env lists. `item`: from 0, below the stream's count
/// of items. Without NDEBUG an item out of range ends the program, and so does a stream of another purpose, as one of
/// reset within step.
template <class Env>
class StreamRng : private Rng {
  public:
    StreamRng() = default;
    SIM_HD StreamRng(const Rng& rng) : Rng(rng) {}
    using Rng::env;      // global index of the world
    using Rng::episode;  // of that world, from 0
    using Rng::seed;

    /// Draw `draw` of an item: 32 bits.
    template <class S>
    SIM_HD uint32_t bits(S, int item, typename S::Index draw) const {
        return of<S>(item).bits(S::first_item + uint32_t(item), S::first_draw + draw.value());
    }
    /// Uniform in [0, 1).
    template <class S>
    SIM_HD float uniform(S, int item, typename S::Index draw) const {
        return unit_float(bits(S{}, item, draw));
    }
    /// Uniform in [low, high).
    template <class S>
    SIM_HD float uniform(S, int item, typename S::Index draw, float low, float high) const {
        return low + (high - low) * uniform(S{}, item, draw);
    }
    /// Uniform integer in [0, n), 0 < n < 2^32, of n's type: see Rng::below.
    template <class S, std::integral N>
    SIM_HD N below(S, int item, typename S::Index draw, N n) const {
        return N(of<S>(item).below(S::first_item + uint32_t(item), S::first_draw + draw.value(), uint32_t(n)));
    }
    /// Draws 4 * block .. 4 * block + 3 of an item at the cost of one, from a stream that begins at a multiple of 4.
    template <class S>
    SIM_HD Words four(S, int item, typename S::Block block) const {
        static_assert(S::first_draw % 4 == 0, "four: want a stream whose first draw is a multiple of 4");
        return of<S>(item).four(S::first_item + uint32_t(item), S::first_draw / 4 + block.value());
    }

  private:
    template <class S>
    SIM_HD Rng of([[maybe_unused]] int item) const {
        static_assert(
            requires { Env::random_streams; },
            "random_streams: want `static constexpr auto random_streams = random_stream_list(...)` of all that the "
            "rules draw from");
        static_assert(std::remove_cvref_t<decltype(Env::random_streams)>::template has<S>,
                      "a random stream: want one of those in the environment's `random_streams`");
        assert(uint32_t(item) < S::num_items);
        assert(purpose == S::purpose);
        return {seed, env, episode, step, S::purpose};
    }
};

}  // namespace flockstep
