#include <cuda_runtime.h>

#include "sim/cuda/cuda_check.h"
#include "tests/test_engine.h"

/// A step captured in a CUDA graph keeps working when shared data is replaced.
namespace flockstep {
namespace {

/// One step of a batch, with its own tensors.
class StepGraph {
  public:
    explicit StepGraph(Batch& batch) {
        cuda_check(cudaStreamCreate(&stream_), "making a stream");
        cudaGraph_t graph = nullptr;
        cuda_check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "beginning a capture");
        batch.step(Stream{stream_});
        cuda_check(cudaStreamEndCapture(stream_, &graph), "ending a capture");
        cuda_check(cudaGraphInstantiate(&step_, graph, 0), "making a graph");
        cuda_check(cudaGraphDestroy(graph), "giving up a graph");
    }
    ~StepGraph() { cudaGraphExecDestroy(step_), cudaStreamDestroy(stream_); }
    void launch() {
        cuda_check(cudaGraphLaunch(step_, stream_), "launching a graph");
        cuda_check(cudaStreamSynchronize(stream_), "waiting for a graph");
    }

  private:
    cudaStream_t stream_ = nullptr;
    cudaGraphExec_t step_ = nullptr;
};

void check_replacement(const std::string& environment, const std::map<std::string, std::string>& before,
                       const std::map<std::string, std::string>& changed) {
    std::map<std::string, std::string> after = before;
    for (const auto& [key, value] : changed) after[key] = value;
    const auto batch = make({"", environment, settings_of(before)}, on_gpu(some_envs(70)));
    StepGraph graph(*batch);
    for (int i = 0; i < 5; ++i) batch->act(-1), batch->synchronize(), graph.launch();
    batch->replace_shared(settings_of(changed));
    const auto fresh = make({"", environment, settings_of(after)}, on_gpu(some_envs(70)));
    fresh->reset();
    for (Batch* each : {batch.get(), fresh.get()}) each->statistics(true);  // steps before the replacement count
    CHECK(difference(*batch, *fresh) == "");
    for (int i = 0; i < 40; ++i) {
        batch->act(-1), fresh->act(-1);
        batch->synchronize();
        graph.launch(), fresh->step();
        CHECK(difference(*batch, *fresh) == "");
    }
    CHECK(state_difference(*batch, *fresh) == "");
}
}  // namespace

TEST_CASE("replacing shared data: a captured graph steps worlds on the new data") {
    if (!gpu_is_there()) return;
    check_replacement("test_scenes", {{"num_scenes", "40"}, {"max_episode_steps", "9"}},
                      {{"num_scenes", "3000"}, {"pool_seed", "5"}});
    check_replacement("pathfinding",
                      {{"generator", "maze"},
                       {"size", "11"},
                       {"num_maps", "3"},
                       {"num_agents", "8"},
                       {"on_target", "restart"},
                       {"observation", "windows,cost_to_go"},
                       {"max_episode_steps", "13"}},
                      {{"num_maps", "90"}, {"map_seed", "5"}});
}

}  // namespace flockstep
