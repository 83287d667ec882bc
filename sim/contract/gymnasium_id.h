#pragma once

/// Gymnasium ids of an environment, each with preset settings:
///
///   static constexpr GymnasiumId gymnasium_ids[] = {
///       {"Pathfinding-v0"}, {"PathfindingLifelong-v0", {{"on_target", "restart"}, {"max_episode_steps", "256"}}}};
///
/// makes gymnasium.make("flockstep/PathfindingLifelong-v0", num_agents=8) work after `import flockstep`.
namespace flockstep {

/// A setting's name, and its value as a string, which is parsed as the setting's type.
struct PresetSetting {
    const char* name = nullptr;
    const char* value = nullptr;
};

/// One id and its settings; the caller's keyword arguments override them.
struct GymnasiumId {
    const char* id;                   // Name-v0, without the namespace: letters, digits, _ and -, then -v and a number
    PresetSetting settings[12] = {};  // unused entries stay empty

    /// Whether Gymnasium accepts the id.
    constexpr bool is_well_formed() const {
        const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
        const char* version = nullptr;  // after the last "-v"
        for (const char* c = id; *c; ++c) {
            if (!is_digit(*c) && !(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') && *c != '_' && *c != '-')
                return false;
            if (c > id && c[0] == '-' && c[1] == 'v') version = c + 2;
        }
        if (!version || !*version) return false;
        for (; *version; ++version)
            if (!is_digit(*version)) return false;
        return true;
    }
};

}  // namespace flockstep
