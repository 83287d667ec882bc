#pragma once

/// What an environment declares, looked for by name alone, so that a function of that name with another signature is an
/// error (see check_contract.h) and not silently absent. Answers are compile-time constants; Env must not be final.
///
///   if constexpr (has_prepare<Env>) Env::prepare(group, world);
namespace flockstep {

namespace detail {
/// Whether Env has a member of some name, of whatever kind: where it has, `Both::name` is ambiguous.
template <class Env, class Named>
struct Both : Env, Named {};

struct NamedObserveAgent {
    int observe_agent;
};
struct NamedPrepare {
    int prepare;
};
}  // namespace detail

/// Env's observations are streamed, agent by agent: it has `observe_agent`.
template <class Env>
inline constexpr bool is_streamed = !requires {
    &detail::Both<Env, detail::NamedObserveAgent>::observe_agent;
};
/// Env fills scratch memory for what observes: it has `prepare`.
template <class Env>
inline constexpr bool has_prepare = !requires {
    &detail::Both<Env, detail::NamedPrepare>::prepare;
};

}  // namespace flockstep
