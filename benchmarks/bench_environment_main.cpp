// Measures environment steps per second like `flockstep bench`, without depending on LibTorch:
//   bench_environment NAME... [--json] [--key value ...]
// Also for test environments, if they are built:
//   bench_environment test_driving --num_envs 4096 --num_scenes 1000 --active_agents 13
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "benchmarks/bench.h"
#include "sim/engine/registry.h"

namespace flockstep {
void register_test_environments(Registry& registry);

namespace {
void run(int count, char** words) {
    std::vector<std::string> names;
    Settings given;
    bool as_json = false;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--json")
            as_json = true;
        else if (word.rfind("--", 0) != 0)
            names.push_back(word);
        else if (const size_t equals = word.find('='); equals != std::string::npos)
            given.set(word.substr(2, equals - 2), word.substr(equals + 1));
        else if (++i < count)
            given.set(word.substr(2), std::string(words[i]));
        else
            throw std::invalid_argument(word.substr(2) + ": got no value, want --key value");
    }
    BenchConfig config;
    BatchConfig batch = bench_defaults();
    read_config(config, given);
    read_config(batch, given);
    for (const std::string& name : names) {
        const BenchResult result = run_bench(name, batch, given.unread(), config);
        std::printf("%s%s", (as_json ? to_json(result) : to_text(result)).c_str(), as_json ? "\n" : "");
        std::fflush(stdout);
    }
}
}  // namespace
}  // namespace flockstep

int main(int count, char** words) {
    using namespace flockstep;
    register_product_environments(registry());
#ifdef FLOCKSTEP_WITH_TEST_ENVIRONMENTS
    register_test_environments(registry());
#endif
    try {
        run(count, words);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_environment: %s\n", error.what());
        return 2;
    }
}
