#include "sim/replay.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string_view>

#include "io/atomic_file.h"
#include "sim/replay_page.h"
#include "sim/replay_script.h"

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

// Length of the well-formed UTF-8 sequence at the front of `text`, or 0.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
    const bool surrogate_or_beyond = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
    return overlong || surrogate_or_beyond ? 0 : length;
}

// A JSON string that cannot leave its <script> element: markup characters are escaped, broken UTF-8 is replaced.
void append_text(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        if (length == 0) {
            out += "\\ufffd";
        } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 ||
                                   std::string_view("\"\\<>&\x7f").find(c) != std::string_view::npos)) {
            std::array<char, 8> code{};
            std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
            out += code.data();
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    out += '"';
}

// The number rounded to six decimals, without trailing zeros; the locale plays no part.
void append_number(std::string& out, double value) {
    const bool plain = std::abs(value) < 1e9;
    const double rounded = plain ? std::round(value * 1e6) / 1e6 + 0.0 : value;  // + 0.0: no -0
    std::array<char, 40> digits{};
    const auto format = plain ? std::chars_format::fixed : std::chars_format::general;
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), rounded, format).ptr);
}

// Appends `[f(first),f(second)...]`, where f appends one item.
template <class List, class F>
void append_list(std::string& out, const List& list, F f) {
    out += '[';
    for (const auto& item : list) {
        if (out.back() != '[') out += ',';
        f(item);
    }
    out += ']';
}

void append_numbers(std::string& out, std::initializer_list<double> values) {
    append_list(out, values, [&](double value) { append_number(out, value); });
}

void append_base64(std::string& out, const std::vector<std::uint8_t>& bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out += '"';
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t present = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 3; ++k) word = (word << 8) | (k < present ? bytes[i + k] : 0u);
        for (std::size_t k = 0; k < 4; ++k) out += k <= present ? digits[(word >> (18 - 6 * k)) & 63] : '=';
    }
    out += '"';
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

void append_track(std::string& out, const char* name, const Replay& replay,
                  std::vector<ReplayPoint> ReplayFrame::*list) {
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
    out += std::string(",\"") + name + "\":{\"bits\":" + std::to_string(8 * width) + ",\"scale\":";
    append_number(out, scale);
    out +=
        ",\"constant\":" + std::string(values.size() == 2 * replay.entities.size() ? "true" : "false") + ",\"data\":";
    append_base64(out, bytes);
    out += '}';
}

// ---- The parts of the page's data
// ------------------------------------------------------------------------------------

void append_texts(std::string& out, const std::vector<ReplayText>& texts) {
    append_list(out, texts, [&](const ReplayText& text) {
        out += '[';
        append_text(out, text.name);
        out += ',';
        append_text(out, text.value);
        out += ']';
    });
}

void append_scene(std::string& out, const Replay& replay) {
    if (replay.grid) {
        const ReplayGrid& grid = *replay.grid;
        out += ",\"grid\":{\"height\":" + std::to_string(grid.height) + ",\"width\":" + std::to_string(grid.width) +
               ",\"obstacle\":";
        append_base64(out, pack_bits(grid.obstacle.size(), [&](std::size_t i) { return grid.obstacle[i] != 0; }));
        out += '}';
    }
    if (replay.box) {
        out += ",\"box\":";
        append_numbers(out, {replay.box->x_min, replay.box->x_max, replay.box->y_min, replay.box->y_max});
    }
    out += ",\"circles\":";
    append_list(out, replay.circles, [&](const ReplayCircle& circle) {
        append_numbers(out, {circle.center.x, circle.center.y, circle.radius});
    });
    out += ",\"segments\":";
    append_list(out, replay.segments, [&](const ReplaySegment& segment) {
        append_numbers(out, {segment.from.x, segment.from.y, segment.to.x, segment.to.y});
    });
    out += ",\"groups\":";
    append_list(out, replay.groups, [&](const std::string& name) { append_text(out, name); });
}

// Only what differs from the default is written.
void append_entity(std::string& out, const ReplayEntity& entity) {
    constexpr std::array<const char*, 4> shapes{"disc", "square", "ring", "line"};
    const ReplayEntity standard;
    out += "{\"radius\":";
    append_number(out, entity.radius);
    if (entity.shape != standard.shape)
        out += std::string(",\"shape\":\"") + shapes.at(static_cast<std::size_t>(entity.shape)) + '"';
    if (entity.aspect != standard.aspect) append_number(out += ",\"aspect\":", entity.aspect);
    if (entity.group != standard.group) out += ",\"group\":" + std::to_string(entity.group);
    if (!entity.name.empty()) append_text(out += ",\"name\":", entity.name);
    if (!entity.label.empty()) append_text(out += ",\"label\":", entity.label);
    if (entity.scenery) out += ",\"scenery\":true";
    out += '}';
}

// Captions as columns: [name, value of frame 0, value of frame 1, ...], null where a frame lacks it.
void append_captions(std::string& out, const Replay& replay) {
    std::vector<std::string> names;
    std::map<std::string, std::vector<const std::string*>> columns;
    for (std::size_t i = 0; i < replay.frames.size(); ++i) {
        for (const ReplayText& caption : replay.frames[i].captions) {
            auto [column, is_new] = columns.try_emplace(caption.name, replay.frames.size(), nullptr);
            if (is_new) names.push_back(caption.name);
            column->second[i] = &caption.value;
        }
    }
    out += ",\"captions\":";
    append_list(out, names, [&](const std::string& name) {
        append_text(out += '[', name);
        for (const std::string* value : columns[name]) {
            out += ',';
            value ? append_text(out, *value) : void(out += "null");
        }
        out += ']';
    });
}

void append_frames(std::string& out, const Replay& replay) {
    const std::size_t count = replay.entities.size();
    out += ",\"num_frames\":" + std::to_string(replay.frames.size()) + ",\"frames_per_second\":";
    append_number(out, replay.frames_per_second);
    append_track(out, "position", replay, &ReplayFrame::position);
    append_track(out, "end", replay, &ReplayFrame::end);
    append_track(out, "goal", replay, &ReplayFrame::goal);
    const auto visible = [&](std::size_t i) { return is_visible(replay.frames[i / count], i % count); };
    out += ",\"visible\":";
    append_base64(out, pack_bits(count * replay.frames.size(), visible));
    out += ",\"reward\":";
    append_list(out, replay.frames, [&](const ReplayFrame& frame) { append_number(out, frame.reward); });
    append_captions(out, replay);
}

std::string to_json(const Replay& replay) {
    std::string out = "{\"format\":" + std::to_string(format_version) + ",\"title\":";
    append_text(out, replay.title);
    append_text(out += ",\"subtitle\":", replay.subtitle);
    append_texts(out += ",\"metrics\":", replay.metrics);
    append_scene(out, replay);
    append_list(out += ",\"entities\":", replay.entities,
                [&](const ReplayEntity& entity) { append_entity(out, entity); });
    append_frames(out, replay);
    return out + '}';
}

}  // namespace

std::string render_replay(const Replay& replay) {
    check(replay);
    return std::string(replay_page) + to_json(replay) + replay_script;
}

void write_replay(const std::filesystem::path& path, const Replay& replay) { write_file(path, render_replay(replay)); }

}  // namespace flockstep
