#pragma once

#include <string>
#include <vector>

namespace flockstep {

class GivenSettings;

/// Training settings that ship with the program: configs/NAME.toml.
struct Recipe {
    const char* name;
    const char* text;  // TOML; its first comment says what it trains and the score it reaches
    /// Name of the environment.
    std::string environment() const;
    /// First sentence of the comment.
    std::string summary() const;
};

/// All recipes, sorted by name. Defined in a file that the build generates.
const std::vector<Recipe>& shipped_recipes();
/// The recipe of this name, or null. An environment's own recipe has the environment's name.
const Recipe* find_recipe(const std::string& name);

/// Adds the settings that `--config` selects: a TOML file, a shipped recipe by name, or "none". An empty `config`
/// selects the recipe named like `environment`, if there is one. Command-line settings take precedence. Returns a
/// description of what was selected, for the terminal. Throws std::invalid_argument.
std::string add_recipe(GivenSettings& given, const std::string& config, const std::string& environment);

}  // namespace flockstep
