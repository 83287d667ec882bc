#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <optional>

#include "trainer/run/best_checkpoint.h"
#include "trainer/run/held_out.h"
#include "trainer/run/log.h"
#include "trainer/run/marl_eval.h"
#include "trainer/run/training_task.h"

namespace flockstep {

/// Trains until the run is finished or task.keep_going says no: iterates, logs, evaluates and saves checkpoints.
///
/// Records, evaluations and numbered checkpoints are due every so many iterations since the run began, so that a run
/// writes the same ones on any machine, interrupted or not (records by the clock if max_seconds ends the run).
/// checkpoint.safetensors is written at a record, every checkpoint_every seconds, when log and evaluations up to it are
/// on the disk: a killed run resumes from there, and the log goes on as if nothing had happened.
class TrainingLoop {
  public:
    /// All must outlive the loop. `trainer`: as begun, or restored from the folder's checkpoint.
    TrainingLoop(const TrainingTask& task, Trainer& trainer, const RunFolder& folder, HeldOut& held_out);

    /// Returns whether the run is finished; false: it was interrupted. A checkpoint is saved in both cases. Throws
    /// std::runtime_error that names the first number that is not finite, if there is one, and leaves the checkpoints
    /// of before.
    bool run();

    /// With eval_every, after a finished run: evaluates the best policy on ten times as many episodes for
    /// marl_eval.json, if that is not done yet.
    void evaluate_best();

  private:
    using Clock = std::chrono::steady_clock;
    bool train();
    bool advance();
    bool iterate();
    void record();
    void record_later();
    void write_record();
    void record_divergence();
    void write_log(const std::function<void()>& write);
    void evaluate_if_due();
    void evaluate();
    void save_numbered_if_due();
    void save_if_due();
    void save(const Archive& archive);
    int64_t iterations_to_next_event() const;
    bool is_record_due() const;
    bool is_due(int64_t every) const { return every > 0 && trainer_.iterations() % every == 0; }

    const TrainingTask& task_;
    Trainer& trainer_;
    RunFolder folder_;
    HeldOut& held_out_;
    int64_t record_every_;                   // iterations; 0: by the clock, with max_seconds
    int64_t evaluate_every_, number_every_;  // iterations; 0: never
    IterationMetrics metrics_;               // as read last
    std::optional<IterationMetrics> unwritten_;
    TrainingLog log_;
    BestCheckpoint best_;
    std::optional<MarlEvalFile> marl_eval_;
    double seconds_per_read_;
    double recorded_progress_ = 0;
    int64_t iterations_per_read_ = 1;
    double seconds_per_iteration_ = std::numeric_limits<double>::infinity();
    Clock::time_point saved_ = Clock::now();
    int64_t saved_iterations_;  // of the checkpoint; -1: there is none
};

}  // namespace flockstep
