#include <stdexcept>
#include <string_view>
#include <utility>

#include "envs/pathfinding/generate.h"
#include "envs/pathfinding/map.h"
#include "envs/pathfinding/pathfinding.h"
#include "io/atomic_file.h"
#include "sim/contract/tool.h"

namespace flockstep {

namespace {
constexpr const char* output_help =
    "the file to write: .yaml (any number of maps), .txt or .map (one); empty: print YAML";

[[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}

/// Writes a file and says so, or prints the text where no file is named.
void deliver(const std::string& text, const std::string& path, const std::string& what, std::ostream& out) {
    if (path.empty()) {
        out << text;
        return;
    }
    try {
        write_file(path, text);
    } catch (const std::runtime_error&) {
        refuse("output", in_quotes(path), "a file that can be written");
    }
    out << "Wrote " << what << " to " << path << "\n";
}

/// Maps in the format given by the file's extension.
std::string in_form_of(const std::string& path, const std::vector<GridMap>& maps) {
    if (path.empty() || path.ends_with(".yaml") || path.ends_with(".yml")) return to_yaml(maps);
    if (!path.ends_with(".txt") && !path.ends_with(".map"))
        refuse("output", in_quotes(path), "the name of a file that ends in .yaml, .yml, .txt or .map");
    if (maps.size() != 1)
        refuse("output", in_quotes(path) + " for " + std::to_string(maps.size()) + " maps",
               "a .yaml file, which holds any number of them");
    return path.ends_with(".txt") ? to_text(maps[0]) : to_movingai(maps[0]);
}

std::string counted(size_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// The environment's generator settings, with the same names, limits and defaults.
struct GenerateOptions {
    PathfindingConfig settings;
    InternedString output = "";
    template <class F>
    void fields(F f) {
        settings.fields([&](const char* name, auto& field, const FieldRule& rule, const char* help) {
            for (const auto& [known, own_help] : taken)
                if (known == name) f(name, field, rule, own_help ? own_help : help);
        });
        f("output", output, any_value(), output_help);
    }

  private:
    static constexpr std::pair<std::string_view, const char*> taken[] = {
        {"generator",
         "maze, warehouse, rooms, blocks, caves, mixed: the environment's maps; pogema: POGEMA's obstacles for the "
         "seeds; random: independent obstacles"},
        {"num_maps", "number of maps; warehouse: one"},
        {"map_seed", "map k uses seed map_seed + k, which is part of its name"},
        {"size", nullptr},
        {"height", nullptr},
        {"width", nullptr},
        {"min_size", nullptr},
        {"density", "random, pogema, blocks: share of obstacles"},
        {"min_density", nullptr},
        {"kinds", nullptr},
        {"shelf_rows", nullptr},
        {"shelf_columns", nullptr},
        {"shelf_length", nullptr},
        {"shelf_height", nullptr},
        {"aisle", nullptr},
        {"station_columns", nullptr},
        {"station_width", nullptr},
    };
};

void generate(const GenerateOptions& options, std::ostream& out) {
    const PathfindingConfig& c = options.settings;
    const std::string generator = to_text(write_config(c).values().at("generator"));
    Loader loader;
    std::vector<GridMap> maps = generate_pool(c, loader);
    for (size_t k = 0; k < maps.size(); ++k) {
        maps[k].name = generator;
        if (c.generator != MapGenerator::warehouse) maps[k].name += "-" + std::to_string(c.map_seed + k);
    }
    deliver(in_form_of(options.output.str(), maps), options.output.str(), counted(maps.size(), "map"), out);
}

struct ConvertOptions {
    InternedString input = "", scenario = "", output = "";
    int num_agents = 0;
    template <class F>
    void fields(F f) {
        f("input", input, any_value(),
          "the file to read, like the setting map: file.map, file.yaml, file.yaml#name or file.txt");
        f("scenario", scenario, any_value(),
          "a MovingAI file.scen of that map, whose problems become agents of a .toml file");
        f("num_agents", num_agents, between(0, 1 << 20), "of the scenario: its first problems; 0: all");
        f("output", output, any_value(),
          "the file to write: like generate's, or .toml: a configuration file with the map");
    }
};

std::string cell_list(const std::vector<Cell>& cells) {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i)
        text += (i ? ", [" : "[") + std::to_string(cells[i].row) + ", " + std::to_string(cells[i].column) + "]";
    return "\"[" + text + "]\"\n";
}

/// A configuration file of the environment that contains the map and, if a scenario is given, its agents.
std::string configuration(const GridMap& map, const ConvertOptions& options) {
    std::string text = "[environment]\nname = \"pathfinding\"\nmap = \"\"\"\n" + to_text(map) + "\"\"\"\n";
    if (options.scenario.empty()) return text;
    const Scenario scenario = load_scenario(options.scenario.str(), map, size_t(options.num_agents));
    return text + "agents_xy = " + cell_list(scenario.start) + "targets_xy = " + cell_list(scenario.goal);
}

void convert(const ConvertOptions& options, std::ostream& out) {
    const std::string output = options.output.str();
    if (options.input.empty()) refuse("input", "nothing", "a file of maps");
    const std::vector<GridMap> maps = load_maps(options.input.str());
    const bool is_configuration = output.ends_with(".toml");
    if (!options.scenario.empty() && !is_configuration)
        refuse("output", in_quotes(output), "a .toml file: map files cannot hold a scenario's agents");
    if (is_configuration && maps.size() != 1)
        refuse("input", in_quotes(options.input.str()) + " with " + std::to_string(maps.size()) + " maps",
               "one of them, file.yaml#name");
    deliver(is_configuration ? configuration(maps[0], options) : in_form_of(output, maps), output,
            counted(maps.size(), "map"), out);
}
}  // namespace

std::vector<Tool> Pathfinding::tools() {
    return {make_tool("generate", "generate maps and write them to a file for the setting `map`", generate),
            make_tool("convert", "convert MovingAI maps and scenarios, and POGEMA maps", convert)};
}

}  // namespace flockstep
