#include <cstdio>

#include "cli/cli.h"
#include "cli/recipes.h"
#include "cli/tables.h"
#include "io/text_table.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
void list_all() {
    TextTable table({"environment", "summary"});
    for (const EnvironmentEntry& entry : registry().entries())
        if (!entry.is_test) table.add({entry.name, entry.info.summary});
    TextTable recipes({"recipe", "task"});
    for (const Recipe& recipe : shipped_recipes()) recipes.add({recipe.name, recipe.summary()});
    std::printf("%s\nDetails: flockstep list NAME\n\n", table.text().c_str());
    std::printf("%s\nTo train with one: flockstep train NAME, or flockstep train --config RECIPE\n",
                recipes.text().c_str());
}

std::string gymnasium_ids(const EnvironmentEntry& entry) {
    std::string text;
    for (const GymnasiumEntry& known : entry.info.gymnasium_ids)
        text += (text.empty() ? "flockstep/" : ", flockstep/") + known.id;
    return text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// Spaces, metrics and policies depend on the settings, so they are those of a batch made with them.
void list_one(const EnvironmentEntry& entry, const Settings& settings) {
    const std::unique_ptr<Batch> batch = make_batch(entry.name, {}, settings);
    std::vector<std::string> policies{"random"};
    policies.insert(policies.end(), batch->policies().begin(), batch->policies().end());
    std::printf("%s: %s\n\nSettings\n%s\n", entry.name.c_str(), entry.info.summary.c_str(),
                settings_table(entry.info.fields).c_str());
    std::printf("%s\nMetrics: %s\nPolicies: %s\n", spaces_text(batch->spaces()).c_str(),
                joined(batch->metric_names()).c_str(), joined(policies).c_str());
    std::printf("Gymnasium: %s\n", gymnasium_ids(entry).c_str());
    std::vector<std::string> recipes;
    for (const Recipe& recipe : shipped_recipes())
        if (recipe.environment() == entry.name) recipes.push_back(recipe.name);
    if (!recipes.empty()) std::printf("Recipes: %s\n", joined(recipes).c_str());
    if (entry.info.tools) std::printf("Commands: flockstep tool %s\n", entry.name.c_str());
}
}  // namespace

int run_list(const Command& command) {
    if (command.names.empty()) {
        command.given.refuse_unknown({});
        list_all();
        return 0;
    }
    const EnvironmentEntry& entry = registry().find(command.name());
    const SettingGroup group = environment_group(command.name());
    command.given.refuse_unknown({group});
    list_one(entry, command.given.of(group));
    return 0;
}

}  // namespace flockstep
