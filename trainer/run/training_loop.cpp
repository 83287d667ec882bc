#include "trainer/run/training_loop.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "trainer/run/checkpoint.h"
#include "trainer/run/divergence.h"
#include "trainer/run/trained_network.h"

namespace flockstep {

namespace {
/// In seconds: longer iterations are abandoned when the run is to stop.
constexpr double long_iteration = 1.0;
constexpr int records_by_default = 200;

bool records_by_clock(const TrainingTask& task) { return task.run.log_every_steps == 0 && task.config.max_seconds > 0; }

/// Iterations between records; 0: by the clock.
int64_t record_interval(const TrainingTask& task, Trainer& trainer) {
    if (records_by_clock(task)) return 0;
    const int64_t given = task.run.log_every_steps;
    return iterations_of(given > 0 ? given : std::max<int64_t>(1, task.config.total_steps / records_by_default),
                         trainer);
}

/// Seconds between readings of the metrics, for the terminal and for records by the clock.
double read_interval(const TrainingTask& task) {
    const double terminal = task.run.log_every;
    return records_by_clock(task) ? std::min(terminal, double(task.config.max_seconds) / records_by_default) : terminal;
}

MarlEvalFile::Run marl_eval_run(const TrainingTask& task) {
    const std::string name = task.run.run_name.str();
    return {task.environment, name.empty() ? task.environment : name, "ippo", task.config.seed};
}
}  // namespace

TrainingLoop::TrainingLoop(const TrainingTask& task, Trainer& trainer, const RunFolder& folder, HeldOut& held_out)
    : task_(task),
      trainer_(trainer),
      folder_(folder),
      held_out_(held_out),
      record_every_(record_interval(task, trainer)),
      evaluate_every_(iterations_of(task.run.eval_every, trainer)),
      number_every_(iterations_of(task.run.checkpoint_steps, trainer)),
      metrics_(trainer.read_metrics()),
      log_(task, folder, trainer, metrics_),
      best_(folder, task.run.keep_best.str(), evaluate_every_ > 0 ? "evaluation" : "training"),
      seconds_per_read_(read_interval(task)),
      recorded_progress_(trainer.progress()),
      saved_iterations_(trainer.iterations() > 0 ? trainer.iterations() : -1) {
    if (evaluate_every_ > 0) marl_eval_.emplace(folder.marl_eval(), marl_eval_run(task), metrics_.env_steps);
}

bool TrainingLoop::run() {
    try {
        return train();
    } catch (const NotFinite& error) {
        record_divergence();
        throw std::runtime_error(diverged_text(error, folder_, task_.config.seed, saved_iterations_));
    }
}

bool TrainingLoop::train() {
    evaluate_if_due();
    while (!trainer_.is_finished() && task_.keep_going()) {
        if (!advance()) return false;
        const bool is_last = trainer_.is_finished() || !task_.keep_going();
        const bool is_record = is_last || is_record_due();
        if (is_record) record_later();
        evaluate_if_due();
        log_.show(metrics_, trainer_.progress(), is_last);
        save_numbered_if_due();
        if (is_record) save_if_due();
    }
    record();  // if it was stopped since the last one
    if (saved_iterations_ != trainer_.iterations()) save(snapshot(trainer_));
    return trainer_.is_finished();
}

/// Iterates until something is due, or until it is time to look at the metrics: reading them waits for the device,
/// iterating does not. Returns false if the run stopped in the midst of an iteration.
bool TrainingLoop::advance() {
    const Clock::time_point begin = Clock::now();
    const int64_t most = std::min(iterations_per_read_, iterations_to_next_event());
    int64_t done = 0;
    for (; done < most && !trainer_.is_finished() && task_.keep_going(); ++done)
        if (!iterate()) return false;
    const bool is_record = trainer_.is_finished() || !task_.keep_going() || is_record_due();
    trainer_.expect_finite();
    metrics_ = trainer_.read_metrics(is_record);
    seconds_per_iteration_ =
        std::chrono::duration<double>(Clock::now() - begin).count() / double(std::max<int64_t>(done, 1));
    const double fit = seconds_per_read_ / std::max(seconds_per_iteration_, 1e-6);
    iterations_per_read_ = std::max<int64_t>(1, int64_t(std::min(fit, 2.0 * double(iterations_per_read_))));
    return true;
}

/// If the run is to stop during a long iteration, the iteration is abandoned and the state before it, a snapshot on the
/// host, is saved. The first iteration counts as long. Returns false if it was abandoned.
bool TrainingLoop::iterate() {
    if (seconds_per_iteration_ < long_iteration) {
        const bool is_whole = trainer_.iterate();
        write_record();
        return is_whole;
    }
    write_record();
    metrics_ = trainer_.read_metrics(false);
    const Archive before = snapshot(trainer_);
    const bool is_whole = trainer_.iterate([this] { return !task_.keep_going(); });
    if (!is_whole) {
        record();
        save(before);
    }
    return is_whole;
}

bool TrainingLoop::is_record_due() const {
    if (record_every_ > 0) return is_due(record_every_);
    return int(trainer_.progress() * records_by_default) > int(recorded_progress_ * records_by_default);
}

int64_t TrainingLoop::iterations_to_next_event() const {
    int64_t next = std::numeric_limits<int64_t>::max();
    for (const int64_t every : {record_every_, evaluate_every_, number_every_})
        if (every > 0) next = std::min(next, every - trainer_.iterations() % every);
    return next;
}

void TrainingLoop::record() {
    record_later();
    write_record();
}

/// The files are written while the device is busy with the next iteration, or when something wants them before.
void TrainingLoop::record_later() {
    write_record();
    if (metrics_.iterations <= std::max<int64_t>(log_.last_training(), 0)) return;
    unwritten_ = metrics_;
    recorded_progress_ = trainer_.progress();
}

void TrainingLoop::write_record() {
    if (!unwritten_) return;
    const IterationMetrics metrics = *std::exchange(unwritten_, std::nullopt);
    write_log([&] { log_.write(metrics); });
}

/// If the log cannot be written, the run ends, but what it has learnt since the last checkpoint is saved if that can
/// be.
void TrainingLoop::write_log(const std::function<void()>& write) {
    try {
        write();
    } catch (const std::runtime_error& error) {
        std::string kept = saved_iterations_ < 0 ? "; no checkpoint is saved" : "; the checkpoint is of before";
        try {
            const Archive archive = snapshot(trainer_);
            expect_finite(archive, trainer_.iterations());
            folder_.save_checkpoint(archive);
            kept = "; the checkpoint is saved, of iteration " + std::to_string(trainer_.iterations());
        } catch (const std::exception&) {  // the message says why
        }
        throw std::runtime_error(error.what() + kept);
    }
}

/// The log has the iteration that diverged, its numbers as null.
void TrainingLoop::record_divergence() {
    try {
        metrics_ = trainer_.read_metrics();
        record();
    } catch (const std::exception&) {  // such as an action that is not a number: the other message says why
    }
}

void TrainingLoop::evaluate_if_due() {
    if (evaluate_every_ == 0 || log_.last_evaluation() == trainer_.iterations() || !task_.keep_going()) return;
    if (is_due(evaluate_every_) || trainer_.is_finished()) evaluate();
}

void TrainingLoop::evaluate() {
    const Clock::time_point begin = Clock::now();
    write_record();
    const Archive archive = snapshot(trainer_);
    expect_finite(archive, trainer_.iterations());
    if (const std::optional<Evaluation> evaluation = held_out_.play(archive, "trained")) {
        best_.offer(archive, *evaluation);
        marl_eval_->add(metrics_.env_steps, *evaluation);
        write_log([&] { log_.write(metrics_, *evaluation); });
    }
    trainer_.exclude_seconds(std::chrono::duration<double>(Clock::now() - begin).count());
}

void TrainingLoop::evaluate_best() {
    constexpr int times = 10;
    if (!marl_eval_ || marl_eval_->has_absolute()) return;
    const bool has_best = std::filesystem::is_regular_file(folder_.best_checkpoint());
    const Archive archive = has_best ? read_archive(folder_.best_checkpoint(), is_needed_to_act) : snapshot(trainer_);
    const std::vector<Evaluation> evaluations = held_out_.play_more(archive, times);
    if (!evaluations.empty()) marl_eval_->add_absolute(evaluations);
}

void TrainingLoop::save_numbered_if_due() {
    if (!is_due(number_every_)) return;
    const Archive archive = snapshot(trainer_);
    expect_finite(archive, trainer_.iterations());
    write_archive(folder_.numbered_checkpoint(trainer_.iterations() * batch_size(trainer_)), archive);
}

void TrainingLoop::save_if_due() {
    const std::chrono::duration<double> since = Clock::now() - saved_;
    if (task_.config.checkpoint_every <= 0 || since.count() < double(task_.config.checkpoint_every)) return;
    save(snapshot(trainer_));
}

/// The log is on the disk before the checkpoint is.
void TrainingLoop::save(const Archive& archive) {
    expect_finite(archive, metrics_.iterations);
    write_record();
    write_log([&] { log_.sync(); });
    folder_.save_checkpoint(archive);
    saved_ = Clock::now(), saved_iterations_ = metrics_.iterations;
    if (evaluate_every_ == 0) best_.offer(archive, metrics_.statistics);
}

}  // namespace flockstep
