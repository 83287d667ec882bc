#pragma once

#include <stdexcept>
#include <string>

#include "envs/driving/opendrive.h"
#include "tests/catch.h"

/// What the tests of OpenDRIVE share: files of few lines.
namespace flockstep::opendrive_test {

/// A road of one section, as XML. Lanes -1 and 1 are driving lanes of 3.5 m.
struct RoadText {
    std::string id = "1", length = "100", attributes;
    std::string geometry = R"(<geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry>)";
    std::string link, elevation, offset, signals;
    std::string sections = R"(<laneSection s="0">)" + lanes_of(3.5, 3.5) + "</laneSection>";

    static std::string lane(int id, double width, const std::string& link = "", const std::string& type = "driving") {
        return "<lane id=\"" + std::to_string(id) + "\" type=\"" + type + "\"><link>" + link +
               "</link><width sOffset=\"0\" a=\"" + std::to_string(width) + "\" b=\"0\" c=\"0\" d=\"0\"/></lane>\n";
    }
    static std::string lanes_of(double left, double right) {
        return "<left>" + lane(1, left, both(1)) + R"(</left><center><lane id="0" type="none"/></center><right>)" +
               lane(-1, right, both(-1)) + "</right>";
    }
    static std::string both(int id) {
        const std::string word = std::to_string(id);
        return "<predecessor id=\"" + word + "\"/><successor id=\"" + word + "\"/>";
    }

    std::string text() const {
        return "<road id=\"" + id + "\" length=\"" + length + "\" " +
               (attributes.find("junction=") == std::string::npos ? "junction=\"-1\" " : "") + attributes +
               ">\n<link>" + link + "</link>\n<planView>\n" + geometry + "\n</planView>\n<elevationProfile>" +
               elevation + "</elevationProfile>\n<lanes>" + offset + sections + "</lanes>\n<signals>" + signals +
               "</signals>\n</road>\n";
    }
};

inline std::string file_of(const std::string& roads) {
    return "<?xml version=\"1.0\"?>\n<OpenDRIVE>\n<header name=\"test\"/>\n" + roads + "</OpenDRIVE>\n";
}
inline RoadNetwork network_of(const std::string& roads) { return parse_opendrive(file_of(roads), "town.xodr"); }
inline Road road_of(const RoadText& road) { return network_of(road.text()).roads.front(); }

/// The message of the refusal, or "no error".
inline std::string error_of(const std::string& text) {
    try {
        parse_opendrive(text, "town.xodr");
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}

/// Returns from the test, and says so, in a build without pugixml.
#define NEEDS_PUGIXML()                         \
    if (!can_read_opendrive()) {                \
        WARN("skipped: built without pugixml"); \
        return;                                 \
    }

}  // namespace flockstep::opendrive_test
