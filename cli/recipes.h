#pragma once

#include <string>
#include <vector>

namespace flockstep {

class GivenSettings;

/// Settings for training that come with the program: configs/NAME.toml.
struct Recipe {
    const char* name;
    const char* text;  // TOML; its first comment says what it trains and what it reaches
    /// The environment that it trains.
    std::string environment() const;
    /// The first sentence of its comment.
    std::string summary() const;
};

/// All of them, by name. Defined by the build.
const std::vector<Recipe>& shipped_recipes();
/// The recipe of this name, or null. An environment's own recipe has the environment's name.
const Recipe* find_recipe(const std::string& name);

/// What `--config` asks for: a TOML file, else the name of a shipped recipe; "none" is nothing. An empty `config` asks
/// for `environment`'s own recipe, and for nothing where it has none. Adds the settings below those of the command
/// line, and returns what was taken, for people. Throws std::invalid_argument.
std::string add_recipe(GivenSettings& given, const std::string& config, const std::string& environment);

}  // namespace flockstep
