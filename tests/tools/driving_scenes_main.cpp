// Writes the generator's scenes as GPUDrive's JSON:
//   flockstep_driving_scenes FOLDER                the example scenes; envs/driving/scenes has them
//   flockstep_driving_scenes FOLDER KIND SEED COUNT  scenes of a kind, by default settings, from seeds SEED on
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "envs/driving/scene_generator.h"

using namespace flockstep;
using namespace flockstep::driving;

namespace {

SceneKind kind_named(const std::string& name) {
    std::string names;
    for (int k = 0; k < num_scene_kinds; ++k) {
        if (name == name_of(SceneKind(k))) return SceneKind(k);
        names += std::string(k ? ", " : "") + name_of(SceneKind(k));
    }
    throw std::invalid_argument("kind: got " + name + ", want one of " + names);
}

void write(const std::string& path, const Scene& scene) {
    std::ofstream file(path, std::ios::binary);
    file << to_json(scene) << '\n';
    if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

void run(int count, char** arguments) {
    if (count != 2 && count != 5) throw std::invalid_argument("arguments: want FOLDER or FOLDER KIND SEED COUNT");
    const std::string folder = arguments[1];
    if (count == 2) {
        for (const ExampleScene& example : example_scenes())
            write(folder + "/" + example.file_name, generate_scene(example.config, example.seed));
        return;
    }
    SceneGeneratorConfig config;
    config.kind = kind_named(arguments[2]);
    const uint64_t first = std::stoull(arguments[3]), scenes = std::stoull(arguments[4]);
    for (uint64_t seed = first; seed < first + scenes; ++seed) {
        const Scene scene = generate_scene(config, seed);
        write(folder + "/" + scene.name, scene);
    }
}

}  // namespace

int main(int count, char** arguments) {
    try {
        run(count, arguments);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
