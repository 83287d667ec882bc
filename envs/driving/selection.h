#pragma once

#include "envs/driving/packed_scene.h"

/// Which agents of a scene are in a world, and which of them are controlled. Host and device: it runs at a reset.
namespace flockstep::driving {

/// Who may be controlled.
enum class ControlledAgents : int {
    all,                // whoever starts valid, is no expert and is not parked
    tracks_to_predict,  // of those, the tracks to predict
    // Every agent that is there, experts, invalid and parked ones too, and every track is there: what GPUDrive does
    // when it is asked for tracks to predict (readFromTracksToPredict), as recorded.
    everyone
};

/// GPUDrive's settings, with its defaults.
struct SelectionOptions {
    ControlledAgents controlled = ControlledAgents::all;
    bool ignore_non_vehicles = false;  // pedestrians, cyclists and others are left away
    bool only_valid_at_start = true;   // so are agents that are not valid in frame 0
    bool control_parked = false;       // agents at their goal may be controlled
    int max_controlled = 10000;        // further ones are replayed
    int max_agents = 64;               // of a world; further ones are left away: kMaxAgentCount
    float parked_distance = 0.2f;      // m; an agent that starts nearer to its goal is parked
};

/// What an agent does in a world.
enum class AgentRole : uint8_t { controlled, replayed, parked };

/// An agent of a world.
struct SelectedAgent {
    int16_t agent;  // row of the scene
    AgentRole role;
    bool is_parked;  // GPUDrive's response type Static: never moves on its own, whatever its role
};

struct Selection {
    int num_agents = 0, num_controlled = 0;
    int left_out = 0;  // agents that would have been there, but for max_agents
};

/// Whether an agent is in a world that has room.
SIM_HD bool is_created(const SelectionOptions& options, const LoggedAgent& agent) {
    if (options.controlled == ControlledAgents::everyone) return true;
    if (options.ignore_non_vehicles && agent.type != AgentType::vehicle) return false;
    return !options.only_valid_at_start || agent.has(starts_valid);
}

/// Whether an agent stands still for the whole episode.
SIM_HD bool is_parked(const SelectionOptions& options, const LoggedAgent& agent) {
    return options.controlled != ControlledAgents::everyone && !options.control_parked &&
           agent.goal_distance < options.parked_distance;
}

/// Whether an agent is controlled if there are less than max_controlled before it.
SIM_HD bool may_be_controlled(const SelectionOptions& options, const LoggedAgent& agent) {
    if (options.controlled == ControlledAgents::everyone) return true;
    if (options.controlled == ControlledAgents::tracks_to_predict && !agent.has(is_to_predict)) return false;
    return agent.has(starts_valid) && !agent.has(is_expert) && !is_parked(options, agent);
}

/// Fills out[0..max_agents) in the order of the rows, by one lane. is_removed(agent): agents to leave away, which make
/// room for others (GPUDrive's deleteAgents). Reads each row once.
template <class Removed>
SIM_HD Selection select_agents(const SelectionOptions& options, const LoggedAgent* agents, int num_agents,
                               SelectedAgent* out, Removed is_removed) {
    Selection found;
    for (int i = 0; i < num_agents; ++i) {
        const LoggedAgent agent = agents[i];
        if (!is_created(options, agent) || is_removed(agent)) continue;
        if (found.num_agents == options.max_agents) {
            ++found.left_out;
            continue;
        }
        const bool stands = is_parked(options, agent);
        const bool is_controlled = found.num_controlled < options.max_controlled && may_be_controlled(options, agent);
        const AgentRole role = is_controlled ? AgentRole::controlled : stands ? AgentRole::parked : AgentRole::replayed;
        out[found.num_agents++] = {int16_t(i), role, stands};
        found.num_controlled += is_controlled;
    }
    return found;
}
SIM_HD Selection select_agents(const SelectionOptions& options, const LoggedAgent* agents, int num_agents,
                               SelectedAgent* out) {
    return select_agents(options, agents, num_agents, out, [](const LoggedAgent&) { return false; });
}

/// PufferLib's choice, ca74e12, from a scene packed with SceneRules::pufferlib. Goals are "near" within 2 m; the last
/// object of the file is first in line, whatever its type, and is not there at all if it is near its goal or an expert;
/// then come vehicles that start valid: near their goal or expert they are parked or replayed, else controlled, up to
/// max_agents of those. out: [num_agents]; controlled ones first.
SIM_HD Selection select_agents_pufferlib(const LoggedAgent* agents, int num_agents, int max_agents,
                                         SelectedAgent* out) {
    constexpr float near = 2.0f;
    Selection found;
    for (const bool controlled : {true, false}) {
        int num_before = 0;  // controlled ones up to here, in line
        for (int k = 0; k < num_agents; ++k) {
            const int i = k == 0 ? num_agents - 1 : k - 1;
            const LoggedAgent agent = agents[i];
            const bool is_last = k == 0, stays = agent.goal_distance < near || agent.has(is_expert);
            if (!is_last && (agent.type != AgentType::vehicle || !agent.has(starts_valid))) continue;
            if (is_last && stays) continue;
            const bool drives = !stays && num_before < max_agents;
            num_before += drives;
            if (drives != controlled) continue;
            const AgentRole role = drives                 ? AgentRole::controlled
                                   : agent.has(is_expert) ? AgentRole::replayed
                                                          : AgentRole::parked;
            out[found.num_agents++] = {int16_t(i), role, role == AgentRole::parked};
            found.num_controlled += drives;
        }
    }
    return found;
}

}  // namespace flockstep::driving
