#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// An episode as one self-contained HTML page: a static scene, moving entities, rewards and metrics. The description is
/// plain host data, independent of any environment; each environment fills it from its state.
///
/// Coordinates are floats in the environment's own units. With a grid one unit is one cell, the cell in row r and
/// column c is centred on (x = c, y = r), and y points down; without a grid y points up. Per-frame lists have one
/// value per entity, in the order of Replay::entities.
///
///   Replay replay;
///   replay.title = "a walk";
///   replay.entities.push_back({.name = "walker", .shape = ReplayShape::ring});
///   for (int t = 0; t < 3; ++t) replay.frames.push_back({.position = {{float(t), 0.0f}}});
///   write_replay("walk.html", replay);
namespace flockstep {

/// A point in the scene. A non-finite point means "none".
struct ReplayPoint {
    float x = 0.0f;
    float y = 0.0f;
};

/// No goal, or no position (allowed if the entity is not visible).
inline constexpr ReplayPoint no_replay_point{std::numeric_limits<float>::quiet_NaN(),
                                             std::numeric_limits<float>::quiet_NaN()};

/// A name and a value: one metric, or one caption of a frame.
struct ReplayText {
    std::string name;
    std::string value;
};

/// Obstacles of a grid world: nonzero is blocked. obstacle: [height, width], row-major.
struct ReplayGrid {
    int height = 0;
    int width = 0;
    std::vector<std::uint8_t> obstacle;
};

/// The visible region. By default the whole grid or, without a grid, the bounding box of all positions.
struct ReplayBox {
    float x_min = -1.0f;
    float x_max = 1.0f;
    float y_min = -1.0f;
    float y_max = 1.0f;
};

/// A static round obstacle.
struct ReplayCircle {
    ReplayPoint center;
    float radius = 0.1f;
};

/// A static wall, road edge or track.
struct ReplaySegment {
    ReplayPoint from;
    ReplayPoint to;
};

/// Shape of an entity. A disc or square with an end point is rotated towards it (its heading); a line goes from the
/// position to the end point.
enum class ReplayShape : std::uint8_t { disc, square, ring, line };

/// Something that may move, appear or disappear: an agent, a ball, food, a landmark, a pole.
struct ReplayEntity {
    std::string name;  // shown on hover; empty: "agent 7"
    ReplayShape shape = ReplayShape::disc;
    float radius = 0.38f;  // units; half the side of a square, half the thickness of a line
    float aspect = 1.0f;   // squares: length along the heading (or x) divided by width
    int group = -1;        // index into Replay::groups, whose members share a colour; -1: its own colour
    std::string label;     // up to three letters drawn on it, such as a level; empty: none
    bool scenery = false;  // not an agent: drawn below the agents, grey unless it has a group
};

/// One time step. Frame 0 is the state after reset; frame t the state after step t.
struct ReplayFrame {
    std::vector<ReplayPoint> position;   // [num_entities]; finite where visible
    std::vector<ReplayPoint> end;        // [num_entities], or empty: heading or end point, finite for visible lines
    std::vector<ReplayPoint> goal;       // [num_entities], or empty; no_replay_point: no goal
    std::vector<std::uint8_t> visible;   // [num_entities], or empty: all visible; 0: not drawn
    float reward = 0.0f;                 // of the step that led to this frame, summed over agents; 0 in frame 0
    std::vector<ReplayText> captions{};  // shown next to the scene
};

/// An episode.
struct Replay {
    std::string title;
    std::string subtitle;
    std::vector<ReplayText> metrics;  // of the episode: return, length, success rate
    std::optional<ReplayGrid> grid;
    std::optional<ReplayBox> box;
    std::vector<ReplayCircle> circles;
    std::vector<ReplaySegment> segments;
    std::vector<std::string> groups;  // names of roles or teams, shown as the legend
    std::vector<ReplayEntity> entities;
    std::vector<ReplayFrame> frames;  // at least 1
    float frames_per_second = 6.0f;   // playback at speed 1
};

/// The page as HTML. It works offline from a file; all text of the replay is escaped. Coordinates have three decimals
/// (more if all of them are within one unit). Takes about 6 bytes per entity and frame on a grid, at most 11 otherwise,
/// and as much again for moving goals. Throws std::invalid_argument, "replay: entities[0].radius: got ...", if list
/// lengths do not match, a number is not finite, a size or speed is not > 0 (a circle's radius may be 0), a box has no
/// area, or there is no frame.
std::string render_replay(const Replay& replay);

/// Writes the page atomically by write_file (io/atomic_file.h). Throws like render_replay, and std::runtime_error if
/// the file cannot be written.
void write_replay(const std::filesystem::path& path, const Replay& replay);

}  // namespace flockstep
