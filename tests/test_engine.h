#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/engine/batch.h"
#include "sim/engine/registry.h"
#include "tests/catch.h"

/// Shared by the tests of all environments: the list of test cases, and bytewise comparisons of two batches.
namespace flockstep {

using SettingValues = std::map<std::string, std::string>;
SettingValues merged(SettingValues values, const SettingValues& more);
Settings settings_of(const SettingValues& values);

/// One environment with certain settings. Episodes are short, so that 40 steps cover several of them.
struct EngineCase {
    std::string name, environment;
    Settings settings;
    uint64_t golden_hash = 0;  // see test_engine_golden.cpp
};
/// The cases of one environment for the tests of all environments, a constant in envs/NAME/test_cases.cpp. Cover the
/// smallest sizes and some large ones, every value of every enum, and worlds of different sizes:
///
///   const EnvironmentCases cases("pursuit", {{"max_episode_steps", "13"}}, {
///       {"pursuit", {}, 0x29876aad4c5ceafcu},
///       {"pursuit, one chaser", {{"num_agents", "1"}}, 0x0e4fbc8c6158860eu},
///   });
///
/// Names start with the environment's. A failing golden hash test prints the new hash.
class EnvironmentCases {
  public:
    struct Line {
        std::string name;
        SettingValues settings;  // beside those that all of its cases have
        uint64_t hash;
    };
    EnvironmentCases(const char* environment, const SettingValues& common, const std::vector<Line>& lines);
};
/// All cases.
const std::vector<EngineCase>& engine_cases();
const EngineCase& engine_case(const std::string& name);
/// The environments of the product and of the tests.
const Registry& full_registry();

/// Makes the case's batch; final observations are kept unless `options` overrides `outputs` or the mode.
std::unique_ptr<Batch> make(const EngineCase& c, const BatchOptions& options);
BatchOptions some_envs(int64_t num_envs, uint64_t seed = 7);
BatchOptions with_plan(BatchOptions options, const std::string& plan);
bool has_plan(const Batch& batch, const std::string& plan);

/// A tensor's values on the host.
std::vector<char> host_bytes(Batch& batch, const Tensor& tensor);
template <class T>
std::vector<T> host_values(Batch& batch, const Tensor& tensor) {
    std::vector<T> values(size_t(tensor.bytes()) / sizeof(T));
    batch.memory().to_host(values.data(), tensor.data, values.size() * sizeof(T));
    return values;
}
template <class T>
std::vector<T> values_of(const FieldValue& field) {
    std::vector<T> values(field.bytes.size() / sizeof(T));
    memcpy(values.data(), field.bytes.data(), field.bytes.size());
    return values;
}
/// Writes host values into one of the batch's tensors.
template <class T>
void put(Batch& batch, const Tensor& tensor, const std::vector<T>& values) {
    REQUIRE(int64_t(values.size() * sizeof(T)) == tensor.bytes());
    batch.memory().from_host(tensor.data, values.data(), values.size() * sizeof(T));
}

/// Visits one role's rows of an observation part in the bytes of its tensor: visit(env, agent, row) with the agent's
/// index in its world and a pointer to the row.
struct AgentRows {
    const Role* role;
    size_t row_bytes;
    AgentRows(const Batch& batch, const Tensor& tensor);
    template <class Visit>
    void for_each(std::vector<char>& bytes, Visit visit) const {
        const size_t count = size_t(role->count);
        for (size_t row = 0; row * row_bytes < bytes.size(); ++row)
            visit(row / count, size_t(role->first) + row % count, bytes.data() + row * row_bytes);
    }
};
/// If observations are streamed, a launch leaves rows of inactive agents unchanged in bound memory: this zeroes them in
/// the bytes of an observation part. `shown`: a batch whose `active` belongs to those bytes.
void clear_inactive_rows(Batch& shown, const Tensor& tensor, std::vector<char>& bytes);

/// All tensors that a step writes: observations, masks, rows, final observations.
std::vector<Tensor> written_tensors(const Batch& batch);

/// Worlds [first_a, first_a + count) of one batch and [first_b, first_b + count) of another; count < 0: all.
struct Span {
    int64_t first_a = 0, first_b = 0, count = -1;
};
/// The first difference between the outputs of two batches, as "reward of world 2, byte 4", or "".
std::string difference(Batch& a, Batch& b, Span span = {});
/// The same for the fields of their states, except derived fields, which may contain working memory.
std::string state_difference(Batch& a, Batch& b, Span span = {});
/// Steps both batches with one of their policies and compares their outputs after each step, and their states at the
/// end: "" or the first difference. agent_steps counts the steps of active agents.
std::string played_difference(Batch& a, Batch& b, int steps, Span span = {}, int policy = -1,
                              int64_t* agent_steps = nullptr);
void play(Batch& batch, int steps, int policy = -1);

/// FNV-1a over all outputs of `steps` steps and the final state, except episode statistics, which are compared with
/// plain computations.
uint64_t played_hash(Batch& batch, int steps);

/// True if tests can use a GPU; otherwise reports that they are skipped, or fails if FLOCKSTEP_REQUIRE contains "gpu".
bool gpu_is_there();
BatchOptions on_gpu(BatchOptions options);
/// The CPU, and the GPU if there is one.
std::vector<Device> devices();

/// Memory on a batch's device, separate from the batch, initialized with the given values.
template <class T>
Buffer beside(Batch& batch, const std::vector<T>& values) {
    Buffer buffer(batch.memory(), values.size() * sizeof(T), "test values");
    batch.memory().from_host(buffer.data(), values.data(), values.size() * sizeof(T));
    return buffer;
}

/// The message of the std::exception that `f` throws, or "no error".
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace flockstep
