#include "replay/replay.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string_view>

#include "io/atomic_file.h"
#include "io/json.h"
#include "replay/page.h"

namespace flockstep {
namespace {

constexpr int format_version = 1;

// ---- What must hold
// --------------------------------------------------------------------------------------------------

bool is_finite(ReplayPoint point) { return std::isfinite(point.x) && std::isfinite(point.y); }

bool is_visible(const ReplayFrame& frame, std::size_t entity) { return frame.visible.empty() || frame.visible[entity]; }

void require(bool holds, const std::string& name, const std::string& got, const std::string& want) {
    if (!holds) throw std::invalid_argument("replay: " + name + ": got " + got + ", want " + want);
}

void check_scene(const Replay& replay) {
    if (replay.grid) {
        const ReplayGrid& grid = *replay.grid;
        require(grid.height > 0 && grid.width > 0, "grid",
                std::to_string(grid.height) + " x " + std::to_string(grid.width), "at least 1 x 1");
        const std::size_t cells = static_cast<std::size_t>(grid.height) * static_cast<std::size_t>(grid.width);
        require(grid.obstacle.size() == cells, "grid.obstacle", std::to_string(grid.obstacle.size()) + " cells",
                std::to_string(cells));
    }
    if (replay.box) {
        const ReplayBox& box = *replay.box;
        const bool ordered = box.x_min < box.x_max && box.y_min < box.y_max;
        require(ordered && is_finite({box.x_max - box.x_min, box.y_max - box.y_min}), "box", "no area",
                "finite x_min < x_max and y_min < y_max");
    }
    for (const ReplayCircle& circle : replay.circles)
        require(is_finite(circle.center) && std::isfinite(circle.radius) && circle.radius >= 0, "circles",
                "a circle that is not finite", "finite numbers");
    for (const ReplaySegment& segment : replay.segments)
        require(is_finite(segment.from) && is_finite(segment.to), "segments", "a point that is not finite",
                "finite numbers");
    require(std::isfinite(replay.frames_per_second) && replay.frames_per_second > 0, "frames_per_second",
            std::to_string(replay.frames_per_second), "a number > 0");
}

void check_entities(const Replay& replay) {
    for (std::size_t i = 0; i < replay.entities.size(); ++i) {
        const ReplayEntity& entity = replay.entities[i];
        const std::string name = "entities[" + std::to_string(i) + "]";
        require(std::isfinite(entity.radius) && entity.radius > 0, name + ".radius", std::to_string(entity.radius),
                "a number > 0");
        require(std::isfinite(entity.aspect) && entity.aspect > 0, name + ".aspect", std::to_string(entity.aspect),
                "a number > 0");
        require(entity.group >= -1 && entity.group < static_cast<int>(replay.groups.size()), name + ".group",
                std::to_string(entity.group),
                "-1 or an index into the " + std::to_string(replay.groups.size()) + " groups");
    }
}

void check_frame(const Replay& replay, std::size_t index) {
    const ReplayFrame& frame = replay.frames[index];
    const std::size_t count = replay.entities.size();
    const std::string name = "frames[" + std::to_string(index) + "]";
    const auto check_size = [&](const char* list, std::size_t size, bool may_be_empty) {
        require(size == count || (may_be_empty && size == 0), name + "." + list, std::to_string(size) + " values",
                std::to_string(count) + ", one per entity");
    };
    check_size("position", frame.position.size(), false);
    check_size("end", frame.end.size(), true);
    check_size("goal", frame.goal.size(), true);
    check_size("visible", frame.visible.size(), true);
    require(std::isfinite(frame.reward), name + ".reward", std::to_string(frame.reward), "a finite number");
    for (std::size_t i = 0; i < count; ++i) {
        if (!is_visible(frame, i)) continue;
        const std::string entity = "[" + std::to_string(i) + "]";
        require(is_finite(frame.position[i]), name + ".position" + entity, "a number that is not finite",
                "finite numbers, or an entity that is not visible");
        if (replay.entities[i].shape == ReplayShape::line)
            require(!frame.end.empty() && is_finite(frame.end[i]), name + ".end" + entity, "none",
                    "the far end of a line");
    }
}

void check(const Replay& replay) {
    check_scene(replay);
    check_entities(replay);
    require(!replay.frames.empty(), "frames", "none", "at least 1");
    for (std::size_t i = 0; i < replay.frames.size(); ++i) check_frame(replay, i);
}

// ---- JSON
// ------------------------------------------------------------------------------------------------------------

// The number rounded to six decimals; whole ones without a point.
Json number(double value) {
    const double rounded = std::abs(value) < 1e9 ? std::round(value * 1e6) / 1e6 : value;
    if (rounded == std::floor(rounded) && std::abs(rounded) < 1e15) return int64_t(rounded);
    return rounded;
}

Json numbers(std::initializer_list<double> values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(number(value));
    return list;
}

// `[f(first), f(second), ...]`.
template <class List, class F>
Json list_of(const List& list, F f) {
    Json result = Json::array();
    for (const auto& item : list) result.push_back(f(item));
    return result;
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t present = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 3; ++k) word = (word << 8) | (k < present ? bytes[i + k] : 0u);
        for (std::size_t k = 0; k < 4; ++k) text += k <= present ? digits[(word >> (18 - 6 * k)) & 63] : '=';
    }
    return text;
}

// Packs flags eight to a byte, the first in the lowest bit.
template <class Flag>
std::vector<std::uint8_t> pack_bits(std::size_t count, Flag flag) {
    std::vector<std::uint8_t> bytes((count + 7) / 8);
    for (std::size_t i = 0; i < count; ++i)
        if (flag(i)) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (1u << (i % 8)));
    return bytes;
}

// ---- Tracks: one point per frame and entity, as little-endian integers of 16 or 32 bits in base64
// ----------------------

// Integers stay integers; other numbers keep three decimals, more when the whole track lies within one unit.
double choose_scale(const std::vector<double>& values) {
    double low = std::numeric_limits<double>::infinity(), high = -low, largest = 0;
    bool whole = true;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        whole = whole && value == std::floor(value);
        low = std::min(low, value);
        high = std::max(high, value);
        largest = std::max(largest, std::abs(value));
    }
    double scale = whole ? 1 : 1000;
    while (!whole && (high - low) * scale < 1000 && scale < 1e6) scale *= 10;
    while (largest * scale > 2147483000.0) scale /= 10;
    return scale;
}

// The points of one list over all frames; not finite where there is none. A list that never changes yields one frame.
std::vector<double> gather(const Replay& replay, std::vector<ReplayPoint> ReplayFrame::*list) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    const std::size_t row = 2 * replay.entities.size();
    std::vector<double> values;
    values.reserve(row * replay.frames.size());
    bool constant = true;
    for (const ReplayFrame& frame : replay.frames) {
        const std::vector<ReplayPoint>& points = frame.*list;
        for (std::size_t i = 0; i < replay.entities.size(); ++i) {
            const bool present = !points.empty() && is_finite(points[i]);
            values.push_back(present ? points[i].x : none);
            values.push_back(present ? points[i].y : none);
        }
        const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
        constant =
            constant && std::equal(values.end() - static_cast<std::ptrdiff_t>(row), values.end(), values.begin(), same);
    }
    if (constant) values.resize(row);
    return values;
}

void add_track(Json& json, const char* name, const Replay& replay, std::vector<ReplayPoint> ReplayFrame::*list) {
    const std::vector<double> values = gather(replay, list);
    if (std::none_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); })) return;
    const double scale = choose_scale(values);
    const bool narrow =
        std::all_of(values.begin(), values.end(), [&](double value) { return !(std::abs(value * scale) > 32767); });
    const int width = narrow ? 2 : 4;
    std::vector<std::uint8_t> bytes;
    bytes.reserve(values.size() * static_cast<std::size_t>(width));
    for (const double value : values) {
        // The smallest integer of the width stands for "none".
        const auto code = static_cast<std::uint32_t>(std::isfinite(value) ? std::lround(value * scale)
                                                     : narrow             ? -32768
                                                                          : INT32_MIN);
        for (int k = 0; k < width; ++k) bytes.push_back(static_cast<std::uint8_t>(code >> (8 * k)));
    }
    json[name] = {{"bits", 8 * width},
                  {"scale", number(scale)},
                  {"constant", values.size() == 2 * replay.entities.size()},
                  {"data", base64(bytes)}};
}

// ---- The parts of the page's data
// ------------------------------------------------------------------------------------

Json texts(const std::vector<ReplayText>& list) {
    return list_of(list, [](const ReplayText& text) { return Json::array({text.name, text.value}); });
}

void add_scene(Json& json, const Replay& replay) {
    if (replay.grid) {
        const ReplayGrid& grid = *replay.grid;
        const auto is_obstacle = [&](std::size_t i) { return grid.obstacle[i] != 0; };
        json["grid"] = {{"height", grid.height},
                        {"width", grid.width},
                        {"obstacle", base64(pack_bits(grid.obstacle.size(), is_obstacle))}};
    }
    if (replay.box) json["box"] = numbers({replay.box->x_min, replay.box->x_max, replay.box->y_min, replay.box->y_max});
    json["circles"] = list_of(replay.circles, [](const ReplayCircle& circle) {
        return numbers({circle.center.x, circle.center.y, circle.radius});
    });
    json["segments"] = list_of(replay.segments, [](const ReplaySegment& segment) {
        return numbers({segment.from.x, segment.from.y, segment.to.x, segment.to.y});
    });
    json["groups"] = replay.groups;
}

// Only what differs from the default is written.
Json entity_json(const ReplayEntity& entity) {
    constexpr std::array<const char*, 4> shapes{"disc", "square", "ring", "line"};
    const ReplayEntity standard;
    Json json{{"radius", number(entity.radius)}};
    if (entity.shape != standard.shape) json["shape"] = shapes.at(static_cast<std::size_t>(entity.shape));
    if (entity.aspect != standard.aspect) json["aspect"] = number(entity.aspect);
    if (entity.group != standard.group) json["group"] = entity.group;
    if (!entity.name.empty()) json["name"] = entity.name;
    if (!entity.label.empty()) json["label"] = entity.label;
    if (entity.scenery) json["scenery"] = true;
    return json;
}

// Captions as columns: [name, value of frame 0, value of frame 1, ...], null where a frame lacks it.
Json captions_json(const Replay& replay) {
    Json columns = Json::array();
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < replay.frames.size(); ++i) {
        for (const ReplayText& caption : replay.frames[i].captions) {
            const auto [place, is_new] = places.try_emplace(caption.name, columns.size());
            if (is_new) {
                columns.push_back(Json::array_t(1 + replay.frames.size()));
                columns.back()[0] = caption.name;
            }
            columns[place->second][1 + i] = caption.value;
        }
    }
    return columns;
}

void add_frames(Json& json, const Replay& replay) {
    const std::size_t count = replay.entities.size();
    json["num_frames"] = replay.frames.size();
    json["frames_per_second"] = number(replay.frames_per_second);
    add_track(json, "position", replay, &ReplayFrame::position);
    add_track(json, "end", replay, &ReplayFrame::end);
    add_track(json, "goal", replay, &ReplayFrame::goal);
    const auto visible = [&](std::size_t i) { return is_visible(replay.frames[i / count], i % count); };
    json["visible"] = base64(pack_bits(count * replay.frames.size(), visible));
    json["reward"] = list_of(replay.frames, [](const ReplayFrame& frame) { return number(frame.reward); });
    json["captions"] = captions_json(replay);
}

// The page's data. Characters that could end its <script> element stand within strings alone, where they are escaped.
std::string data_of(const Replay& replay) {
    Json json{{"format", format_version},
              {"title", replay.title},
              {"subtitle", replay.subtitle},
              {"metrics", texts(replay.metrics)}};
    add_scene(json, replay);
    json["entities"] = list_of(replay.entities, entity_json);
    add_frames(json, replay);
    std::string text;
    for (const char c : to_line(json)) {
        if (c == '<' || c == '>' || c == '&')
            text += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
        else
            text += c;
    }
    return text;
}

}  // namespace

std::string render_replay(const Replay& replay) {
    check(replay);
    return page_before_data + data_of(replay) + page_after_data;
}

void write_replay(const std::filesystem::path& path, const Replay& replay) { write_file(path, render_replay(replay)); }

}  // namespace flockstep
