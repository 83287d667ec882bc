#pragma once

#include <cassert>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "sim/contract/hd.h"
#include "sim/contract/name.h"
#include "sim/contract/random.h"

/// Named random streams for an environment's rules. Every use has its own stream: a typed constant that reserves draws
/// of certain items. The environment lists its streams, and rules draw through them from world.rng:
///
///   static constexpr RandomStream<"position", Purpose::reset, Draws{0, 2}> position{};  // draws 0 and 1 of each agent
///   static constexpr RandomStream<"hand", Purpose::reset, Draws{2, 60}> hand{};         // draws 2 to 61
///   static constexpr RandomStream<"gust", Purpose::step, Draws{0, 4}, Items{0, 1}> gust{};  // of the world: item 0
///   static constexpr auto random_streams = random_stream_list(position, hand, gust);
///
///   const float x = world.rng.uniform(position, agent, 0, -1, 1);       // in reset: draw 0
///   const int card = world.rng.below(hand, agent, hand.at(k), 52);      // draw 2 + k, k known only at run time
///   const Words four = world.rng.bits4(gust, 0, 0);                      // in step: block 0, draws 0 to 3
///
/// Streams of one list with overlapping draws do not compile, nor does an index beyond a stream's draws or a stream
/// that is not listed. A header shared by several environments declares its streams, and each environment lists them.
namespace flockstep {

/// Index of a draw of a stream, from 0, or of a block of `width` = 4 draws. Constants convert implicitly and are
/// checked at compile time. Other values ("not usable in a constant expression") need RandomStream::at.
template <class S, uint32_t width>
class DrawIndex {
  public:
    consteval DrawIndex(int index) : value_(uint32_t(index)) {
        if (index < 0 || uint32_t(index) >= S::num_draws / width)
            throw "a draw's index: want one below the number of the stream's draws, or of its blocks of four";
    }
    /// The index, less than the number of the stream's draws or blocks.
    SIM_HD uint32_t value() const { return value_; }

  private:
    friend S;
    struct AtRunTime {};
    SIM_HD constexpr DrawIndex(int index, AtRunTime) : value_(uint32_t(index)) {
        assert(value_ < S::num_draws / width);
    }
    uint32_t value_;
};

/// The draws reserved for each item of a stream: first .. first + count - 1, below 16,384.
struct Draws {
    uint32_t first, count;
};
/// The items of a stream: agents, other entities, rows of a map. Rules number them from 0; they are the Rng's items
/// first .. first + count - 1, below 2^20. The default is all items: then no other stream may use the same draws.
struct Items {
    uint32_t first = 0, count = max_items;
};

/// Random numbers for one use: `draws` for each of `items`, in `reset`, `step` or `act` (Purpose::policy). The position
/// of a stream affects an environment's results: moving it changes every episode.
template <Name name_, Purpose purpose_, Draws draws, Items items = Items{}>
struct RandomStream {
    static_assert(purpose_ == Purpose::reset || purpose_ == Purpose::step || purpose_ == Purpose::policy,
                  "RandomStream: want Purpose::reset, Purpose::step or Purpose::policy");
    static_assert(draws.count > 0 && draws.first < max_draws && draws.count <= max_draws - draws.first,
                  "RandomStream: want at least one draw, and all draws below 16,384");
    static_assert(items.count > 0 && items.first < max_items && items.count <= max_items - items.first,
                  "RandomStream: want at least one item, and all items below 1,048,576");
    /// Name and purpose; its draws per item, and its items, in the Rng's numbering.
    static constexpr const char* name = name_.text;
    static constexpr Purpose purpose = purpose_;
    static constexpr uint32_t first_draw = draws.first, num_draws = draws.count;
    static constexpr uint32_t first_item = items.first, num_items = items.count;

    /// A draw of an item; a block of four draws.
    using Index = DrawIndex<RandomStream, 1>;
    using Block = DrawIndex<RandomStream, 4>;
    /// An index that is known only at run time. Without NDEBUG (Debug builds, the `sanitize` preset) an assertion
    /// checks it. With NDEBUG it is unchecked and free; out of range, it would read another stream's draw.
    SIM_HD static constexpr Index at(int index) { return {index, {}}; }
    SIM_HD static constexpr Block block_at(int index) { return {index, {}}; }
};

namespace detail {
constexpr bool overlaps(uint32_t first_a, uint32_t count_a, uint32_t first_b, uint32_t count_b) {
    return first_a < first_b + count_b && first_b < first_a + count_a;
}
}  // namespace detail
/// Whether two streams overlap.
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
                  "random_stream_list: want streams of one purpose with disjoint draws; those of A and B overlap");
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
/// Lists an environment's streams. Streams of one purpose must have different names, and disjoint items or draws.
template <class... Streams>
constexpr RandomStreamList<Streams...> random_stream_list(Streams...) {
    static_assert(sizeof...(Streams) == 0 || detail::check_all_streams<Streams...>());
    return {};
}

/// The generator that the rules of Env use: an Rng, accessed through the streams that Env lists. `item`: from 0, less
/// than the stream's number of items. Without NDEBUG, assertions check the item and the stream's purpose (a stream for
/// reset must not be used in step).
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
    /// Uniform integer in [0, n), 0 < n < 2^32, with n's type: see Rng::below.
    template <class S, std::integral N>
    SIM_HD N below(S, int item, typename S::Index draw, N n) const {
        return N(of<S>(item).below(S::first_item + uint32_t(item), S::first_draw + draw.value(), uint32_t(n)));
    }
    /// Draws 4 * block .. 4 * block + 3 of an item at the cost of one, from a stream that starts at a multiple of 4.
    template <class S>
    SIM_HD Words bits4(S, int item, typename S::Block block) const {
        static_assert(S::first_draw % 4 == 0, "bits4: want a stream whose first draw is a multiple of 4");
        return of<S>(item).bits4(S::first_item + uint32_t(item), S::first_draw / 4 + block.value());
    }

  private:
    template <class S>
    SIM_HD Rng of([[maybe_unused]] int item) const {
        static_assert(
            requires { Env::random_streams; },
            "random_streams: want `static constexpr auto random_streams = random_stream_list(...)` of all streams "
            "that the rules use");
        static_assert(std::remove_cvref_t<decltype(Env::random_streams)>::template has<S>,
                      "a random stream: want one of those in the environment's `random_streams`");
        assert(uint32_t(item) < S::num_items);
        assert(purpose == S::purpose);
        return {seed, env, episode, step, S::purpose};
    }
};

}  // namespace flockstep
