#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "replay/replay.h"
#include "sim/engine/batch.h"

/// What an environment's draw.cpp is written over: the batch, the replay, and fields of one world.
///
///   void Pursuit::draw(Batch& batch, int64_t env, Replay& replay) {
///       if (replay.frames.empty()) draw_scene(batch, env, replay);  // entities, and what never moves
///       ReplayFrame frame;
///       for (const Cell at : field_of_world<Cell>(batch, "position", env)) frame.position.push_back({at.x, at.y});
///       replay.frames.push_back(std::move(frame));
///   }
namespace flockstep {

/// A field of one world as T's, in the order of its shape; sizeof(T) must divide a world's bytes, of which a rest is
/// left out. Copies the field of all worlds (a staged one: the small state of all) to the host and waits: for batches
/// of few worlds, such as those that are recorded. Throws std::invalid_argument for an unknown field, and for an action
/// that was refused since the last check (see Batch::check).
template <class T>
std::vector<T> field_of_world(Batch& batch, const std::string& name, int64_t env) {
    const FieldValue field = batch.get_field(name);
    const size_t bytes = field.bytes.size() / size_t(batch.num_envs());
    std::vector<T> values(bytes / sizeof(T));
    if (bytes > 0) memcpy(values.data(), field.bytes.data() + size_t(env) * bytes, values.size() * sizeof(T));
    return values;
}

/// The settings that a batch was made with, or has taken up by replace_shared, as its environment's Config; those that
/// that were not given have their defaults. Host only.
template <class Config>
Config config_of(const Batch& batch) {
    Config config;
    Settings settings = batch.settings();
    read_config(config, settings);
    return config;
}

}  // namespace flockstep
