#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// An episode as one self-contained HTML page: a scene that does not move, entities that do, and what they earned.
/// The description is plain host data and knows no environment; an environment fills it from its states.
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

/// A place in the scene. A point that is not finite stands for "none".
struct ReplayPoint {
    float x = 0.0f;
    float y = 0.0f;
};

/// No goal, or no position (allowed where the entity is not visible).
inline constexpr ReplayPoint no_replay_point{std::numeric_limits<float>::quiet_NaN(),
                                             std::numeric_limits<float>::quiet_NaN()};

/// A name and its value as text: one metric, or one caption of a frame.
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

/// The part of the world that is shown. Without it: the whole grid, or else whatever the entities visit.
struct ReplayBox {
    float x_min = -1.0f;
    float x_max = 1.0f;
    float y_min = -1.0f;
    float y_max = 1.0f;
};

/// A round obstacle that does not move.
struct ReplayCircle {
    ReplayPoint center;
    float radius = 0.1f;
};

/// A wall, road edge or track that does not move.
struct ReplaySegment {
    ReplayPoint from;
    ReplayPoint to;
};

/// How an entity looks. A disc or square that has an end point turns towards it (a heading);
/// a line reaches from the position to the end point.
enum class ReplayShape : std::uint8_t { disc, square, ring, line };

/// Something that moves, or that may come and go: an agent, a ball, food, a landmark, a pole.
struct ReplayEntity {
    std::string name;  // shown when pointed at; empty: "agent 7"
    ReplayShape shape = ReplayShape::disc;
    float radius = 0.38f;  // units; half the side of a square, half the thickness of a line
    float aspect = 1.0f;   // squares: length along the heading (x without one) over breadth
    int group = -1;        // index into Replay::groups, which shares a colour; -1: its own colour
    std::string label;     // one to three letters drawn on it, such as a level; empty: none
    bool scenery = false;  // not an agent: drawn below the agents, grey unless it has a group
};

/// One moment. Frame 0 is what reset left; frame t is what step t left.
struct ReplayFrame {
    std::vector<ReplayPoint> position;   // [num_entities]; finite where visible
    std::vector<ReplayPoint> end;        // [num_entities], or empty: heading or far end, finite for visible lines
    std::vector<ReplayPoint> goal;       // [num_entities], or empty: no_replay_point where there is no goal
    std::vector<std::uint8_t> visible;   // [num_entities], or empty: all; 0 is not drawn
    float reward = 0.0f;                 // summed over the agents, of the step that led here; 0 in frame 0
    std::vector<ReplayText> captions{};  // shown beside the scene while this frame is
};

/// A whole episode.
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

/// The page as text. Works from a file, without a network; any text in the replay is shown as text, never as markup.
/// Coordinates keep three decimals (more where all of them lie within one unit). About 6 bytes per entity and frame
/// on a grid, at most 11 elsewhere, as much again for goals that move.
/// Throws std::invalid_argument, "replay: entities[0].radius: got ...", when the lists do not fit each other, a number
/// is not finite, a size or speed is not > 0 (a circle's radius may be 0), a box has no area, or there is no frame.
std::string render_replay(const Replay& replay);

/// Writes the page by write_file (io/atomic_file.h): a file of this name is always complete. Throws as render_replay
/// does, and std::runtime_error when the file cannot be written.
void write_replay(const std::filesystem::path& path, const Replay& replay);

}  // namespace flockstep
