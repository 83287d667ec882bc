#pragma once

/// Detects what an environment declares, by name only, so that a member with the wrong signature is an error (see
/// check_contract.h) rather than silently ignored. Results are compile-time constants; Env must not be final.
///
///   if constexpr (has_prepare<Env>) Env::prepare(group, world);
namespace flockstep {

namespace detail {
/// Detects whether Env has a member of some name, of any kind: if it has, `Both::name` is ambiguous.
template <class Env, class Named>
struct Both : Env, Named {};

struct NamedObserveAgent {
    int observe_agent;
};
struct NamedPrepare {
    int prepare;
};
}  // namespace detail

/// Env streams its observations agent by agent: it has `observe_agent`.
template <class Env>
inline constexpr bool is_streamed = !requires {
    &detail::Both<Env, detail::NamedObserveAgent>::observe_agent;
};
/// Env computes scratch memory for its observations: it has `prepare`.
template <class Env>
inline constexpr bool has_prepare = !requires {
    &detail::Both<Env, detail::NamedPrepare>::prepare;
};

}  // namespace flockstep
