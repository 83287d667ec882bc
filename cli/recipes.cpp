#include "cli/recipes.h"

#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "cli/settings.h"

namespace flockstep {

namespace {
std::string known_recipes() {
    std::string names;
    for (const Recipe& recipe : shipped_recipes()) names += std::string(names.empty() ? "" : ", ") + recipe.name;
    return names;
}

/// Checks that the settings are for the environment that the command names.
void check_environment(const GivenSettings& given, const std::string& source, const std::string& environment) {
    if (!environment.empty() && !given.environment().empty() && given.environment() != environment)
        throw std::invalid_argument("config: " + source + " is for " + given.environment() + ", not for " +
                                    environment);
}

std::string add_shipped(GivenSettings& given, const Recipe& recipe, const std::string& environment) {
    const std::string source = std::string("recipe ") + recipe.name;
    given.add_text(recipe.text, source);
    check_environment(given, source, environment);
    return recipe.name;
}
}  // namespace

std::string Recipe::environment() const {
    GivenSettings settings;
    settings.add_text(text, name);
    return settings.environment();
}

std::string Recipe::summary() const {
    std::istringstream lines(text);
    std::string comment, line;
    while (std::getline(lines, line) && line.rfind("# ", 0) == 0)
        comment += (comment.empty() ? "" : " ") + line.substr(2);
    return comment.substr(0, comment.find(". "));
}

const Recipe* find_recipe(const std::string& name) {
    for (const Recipe& recipe : shipped_recipes())
        if (recipe.name == name) return &recipe;
    return nullptr;
}

std::string add_recipe(GivenSettings& given, const std::string& config, const std::string& environment) {
    const Recipe* const recipe = find_recipe(config.empty() ? environment : config);
    if (config == "none" || (config.empty() && !recipe)) return "none (the defaults in flockstep train --help)";
    const bool is_file = !config.empty() && std::filesystem::is_regular_file(config);
    if (recipe && !is_file) return add_shipped(given, *recipe, environment);
    const bool is_name = config.find_first_of("/.") == std::string::npos;
    if (is_name && !std::filesystem::exists(config))
        throw std::invalid_argument("config: got " + in_quotes(config) + ", want a TOML file, none, or one of " +
                                    known_recipes());
    given.add_file(config);
    check_environment(given, config, environment);
    return config;
}

}  // namespace flockstep
