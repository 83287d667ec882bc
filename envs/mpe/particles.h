#pragma once

#include "envs/common/geometry.h"
#include "sim/environment.h"

/// What the particle worlds (MPE) share: discs on a plane that agents push, that drag slows and that repel each other.
/// Source: Lowe et al. 2017, "Multi-agent actor-critic for mixed cooperative-competitive environments"; rules and
/// constants of JaxMARL 0.2.0, jaxmarl/environments/mpe/simple.py. Mass is 1. A scenario gives
///   struct Config : Settings  int agents() const, landmarks() const: entities are the agents, then landmarks, which
///                             never move; int colliders() const: entities [0, colliders) collide with each other;
///                             Body body(int entity) const
///   struct State : Particles  and what else it remembers: goals, what was said
///   using Scratch = Forces
///   handles observation, move (Discrete) and force (Box); `spaces` has the one in use, see add_action
namespace flockstep::mpe {

/// discrete: nothing, -x, +x, -y, +y. continuous: a float in 0..1 for each of these.
enum class ActionType : int { discrete, continuous };
inline constexpr int num_moves = 5;

struct Settings {
    int max_episode_steps = 26;
    ActionType action_type = ActionType::discrete;
    template <class F>
    void fields(F f) {
        f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        f("action_type", action_type, one_of({"discrete", "continuous"}), "one of 5 moves, or 5 floats in 0..1");
    }
};
struct Body {
    float radius;
    float acceleration = 0.0f;         // of a full push
    float max_speed = real::infinity;  // per second
};
struct Particles {
    Field<Vec2> position;  // [agents + landmarks] x, y; the arena is -1..1
    Field<Vec2> velocity;  // [agents] per second
    template <class Config, class V>
    SIM_HD void fields(const Config& c, V& visit) {
        visit("position", position, c.agents() + c.landmarks()), visit("velocity", velocity, c.agents());
    }
};
struct Forces {
    Field<Vec2> force;  // [agents] of this step
    template <class Config, class V>
    SIM_HD void fields(const Config& c, V& visit) {
        visit("force", force, c.agents());
    }
};

/// Adds the one action part in use.
template <class Env>
void add_action(Role& role, ActionType type) {
    if (type == ActionType::discrete)
        role.discrete(Env::move, num_moves);
    else
        role.box(Env::force, std::vector<float>(num_moves, 0.0f), std::vector<float>(num_moves, 1.0f));
}
/// Lanes per world: one, which never waits, for up to 4 agents; then one for every 4.
inline int lanes_for(int agents) {
    int lanes = 1;
    while (lanes < 64 && 4 * lanes < agents) lanes *= 2;
    return lanes;
}

/// All entities anywhere in -1..1, agents at rest.
template <class Group, class Env>
SIM_HD void scatter(Group& group, World<Env>& world) {
    const auto& c = world.config;
    group.for_each(c.agents() + c.landmarks(), [&](int i) {
        world.state.position[i] = {world.rng.uniform(uint32_t(i), 0, -1, 1), world.rng.uniform(uint32_t(i), 1, -1, 1)};
        if (i < c.agents()) world.state.velocity[i] = {0.0f, 0.0f};
    });
}

/// Direction of move 0..4.
SIM_HD Vec2 direction(int move) { return {float((move == 2) - (move == 1)), float((move == 4) - (move == 3))}; }
/// Where an agent's action pushes it; components within -1..1.
template <class Env>
SIM_HD Vec2 push(const World<Env>& world, const Actions<Env>& action, int agent) {
    if (world.config.action_type == ActionType::discrete) return direction(action.choice(Env::move, agent));
    return {action.value(Env::force, agent, 2) - action.value(Env::force, agent, 1),
            action.value(Env::force, agent, 4) - action.value(Env::force, agent, 3)};
}
/// Sum of the repulsions of all colliders: soft, from a little before bodies touch. Difference: two at the same place
/// do not repel each other, where JaxMARL divides by 0.
template <class Config>
SIM_HD Vec2 contact_force(const Config& c, const Particles& s, int agent) {
    constexpr float stiffness = 100.0f, margin = 1e-3f, range = 30 * margin;  // beyond it the force is below 1e-14
    Vec2 force{0.0f, 0.0f};
    if (agent >= c.colliders()) return force;
    const Vec2 own = s.position[agent];
    const float radius = c.body(agent).radius;
    for (int other = 0; other < c.colliders(); ++other) {
        const Vec2 apart = own - s.position[other];
        const float square = squared_length(apart), reach = radius + c.body(other).radius;
        if (other == agent || square == 0.0f || square > real::square(reach + range)) continue;
        const float distance = real::sqrt(square);
        const float overlap = margin * real::softplus((reach - distance) / margin);
        force = force + (stiffness * overlap / distance) * apart;
    }
    return force;
}
/// One step of 0.1 s; positions move by the old velocity. push(agent): see above.
template <class Group, class Env, class Push>
SIM_HD void advance(Group& group, World<Env>& world, Push push) {
    constexpr float dt = 0.1f, drag = 0.25f;
    const auto& c = world.config;
    auto& s = world.state;
    group.for_each(c.agents(), [&](int agent) {
        world.scratch.force[agent] = c.body(agent).acceleration * push(agent) + contact_force(c, s, agent);
    });
    group.sync();
    group.for_each(c.agents(), [&](int agent) {
        const float limit = c.body(agent).max_speed;
        const Vec2 before = s.velocity[agent];
        Vec2 velocity = (1.0f - drag) * before + dt * world.scratch.force[agent];
        if (limit < real::infinity && squared_length(velocity) > limit * limit)
            velocity = (limit / length(velocity)) * velocity;
        s.position[agent] = s.position[agent] + dt * before;
        s.velocity[agent] = velocity;
    });
    group.sync();
}

/// Whether two different bodies overlap, as rewards see it.
template <class Env>
SIM_HD bool touches(const World<Env>& world, int a, int b) {
    const float reach = world.config.body(a).radius + world.config.body(b).radius;
    return a != b && squared_length(world.state.position[a] - world.state.position[b]) < reach * reach;
}

/// What an agent pays for being out of the arena along one axis.
SIM_HD float bound_penalty(float x) {
    const float far = real::abs(x);
    if (far < 0.9f) return 0.0f;
    return far < 1.0f ? 10.0f * (far - 0.9f) : real::min(real::exp(2.0f * far - 2.0f), 10.0f);
}

/// Writes x and y; gives where the row goes on, as the next two do.
SIM_HD float* write(float* row, Vec2 v) {
    row[0] = v.x, row[1] = v.y;
    return row + 2;
}
/// Where entities [first, first + count) are from an agent, in order; the agent itself is left out.
template <class Env>
SIM_HD float* write_offsets(float* row, const World<Env>& world, int agent, int first, int count) {
    const Vec2 own = world.state.position[agent];
    const bool has_own = agent >= first && agent < first + count;
    const int others = count - has_own;
    for (int k = 0; k < others; ++k)
        write(row + 2 * k, world.state.position[first + k + (has_own && first + k >= agent)] - own);
    return row + 2 * others;
}
/// Own velocity and position, then where landmarks and other agents are: 4 + 2 * landmarks + 2 * (agents - 1) floats.
template <class Env>
SIM_HD float* write_scene(float* row, const World<Env>& world, int agent) {
    row = write(write(row, world.state.velocity[agent]), world.state.position[agent]);
    row = write_offsets(row, world, agent, world.config.agents(), world.config.landmarks());
    return write_offsets(row, world, agent, 0, world.config.agents());
}

}  // namespace flockstep::mpe
