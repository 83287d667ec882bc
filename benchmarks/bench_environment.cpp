// Environment steps per second, as `flockstep bench` measures them, in a program that needs no LibTorch:
//   bench_environment NAME... [--json] [--key value ...]
// Test environments too, where they are built:
//   bench_environment test_driving --num_envs 4096 --num_scenes 1000 --active_agents 13
// The command line's sources are compiled in, because its library brings the trainer along.
#include <cstdio>
#include <exception>

#include "sim/engine/registry.h"
#include "trainer/bench.cpp"
#include "trainer/bench_clock.cpp"
#include "trainer/cli_batch.cpp"
#include "trainer/cli_bench.cpp"
#include "trainer/cli_settings.cpp"
#include "trainer/cli_table.cpp"
#include "trainer/log_json.cpp"
#include "trainer/toml.cpp"

namespace flockstep {
void register_test_environments(Registry& registry);
}

int main(int count, char** words) {
    using namespace flockstep;
    register_product_environments(registry());
#ifdef FLOCKSTEP_WITH_TEST_ENVIRONMENTS
    register_test_environments(registry());
#endif
    std::vector<std::string> names;
    GivenSettings given;
    bool as_json = false;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--json")
            as_json = true;
        else if (word.rfind("--", 0) != 0)
            names.push_back(word);
        else if (const size_t equals = word.find('='); equals != std::string::npos)
            given.set(word.substr(2, equals - 2), word.substr(equals + 1));
        else if (i + 1 < count)
            given.set(word.substr(2), std::string(words[++i]));
    }
    try {
        run_bench_command(names, given, as_json);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_environment: %s\n", error.what());
        return 2;
    }
}
