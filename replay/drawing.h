#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "replay/replay.h"
#include "sim/engine/batch.h"

/// Helpers for an environment's draw.cpp: the fields and settings of one world of a batch.
///
///   void Pursuit::draw(Batch& batch, int64_t env, Replay& replay) {
///       if (replay.frames.empty()) draw_scene(batch, env, replay);  // entities and the static scene
///       ReplayFrame frame;
///       for (const Cell at : field_of_world<Cell>(batch, "position", env)) frame.position.push_back({at.x, at.y});
///       replay.frames.push_back(std::move(frame));
///   }
namespace flockstep {

/// One world's values of a field as T, row-major; trailing bytes that do not fill a T are dropped. Copies the field of
/// all worlds to the host and synchronises, so use it with batches of few worlds, such as recordings. Throws
/// std::invalid_argument for an unknown field, and for an action refused since the last check (see Batch::check).
template <class T>
std::vector<T> field_of_world(Batch& batch, const std::string& name, int64_t env) {
    const FieldValue field = batch.get_field(name);
    const size_t bytes = field.bytes.size() / size_t(batch.num_envs());
    std::vector<T> values(bytes / sizeof(T));
    if (bytes > 0) memcpy(values.data(), field.bytes.data() + size_t(env) * bytes, values.size() * sizeof(T));
    return values;
}

/// A batch's settings, including those changed by replace_shared, as its environment's Config. Settings that were not
/// given have their defaults. Host only.
template <class Config>
Config config_of(const Batch& batch) {
    Config config;
    Settings settings = batch.settings();
    read_config(config, settings);
    return config;
}

}  // namespace flockstep
