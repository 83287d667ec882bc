#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/run/archive.h"
#include "trainer/run/evaluate.h"
#include "trainer/run/training_task.h"

namespace flockstep {

/// Plays evaluate_episodes episodes of seed evaluate_seed, which training never sees, in worlds of their own: training
/// is not changed by it. The worlds are made at the first evaluation and kept.
class HeldOut {
  public:
    /// The task must outlive this.
    explicit HeldOut(const TrainingTask& task) : task_(task) {}

    /// A checkpoint's policies; `name`: of the policy in the result. The result of the last checkpoint is remembered:
    /// the same number of iterations again costs nothing. No result if it was interrupted. Synchronises.
    std::optional<Evaluation> play(const Archive& archive, const std::string& name);
    /// A scripted policy on the same episodes.
    std::optional<Evaluation> play_scripted(const std::string& name);
    /// A checkpoint's policies on `times` as many other episodes: the seeds that follow. Empty if it was interrupted.
    std::vector<Evaluation> play_more(const Archive& archive, int times);

  private:
    Batch& batch();
    std::optional<Evaluation> finished(Evaluation evaluation) const;
    const TrainingTask& task_;
    std::unique_ptr<Batch> batch_;
    int64_t last_iterations_ = -1;
    std::optional<Evaluation> last_;
};

}  // namespace flockstep
