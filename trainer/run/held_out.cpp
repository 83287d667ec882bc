#include "trainer/run/held_out.h"

#include "sim/engine/registry.h"
#include "trainer/run/checkpoint_info.h"

namespace flockstep {

Batch& HeldOut::batch() {
    if (!batch_)
        batch_ =
            make_batch(task_.environment,
                       evaluation_options(task_.run.evaluate_episodes, uint64_t(task_.run.evaluate_seed), task_.device),
                       task_.settings);
    return *batch_;
}

std::optional<Evaluation> HeldOut::finished(Evaluation evaluation) const {
    return task_.keep_going() ? std::optional(std::move(evaluation)) : std::nullopt;
}

std::optional<Evaluation> HeldOut::play(const Archive& archive, const std::string& name) {
    const int64_t iterations = read_info(archive).iterations;
    if (iterations != last_iterations_ || !last_) {
        const auto seed = uint64_t(task_.run.evaluate_seed);
        last_ =
            finished(evaluate(batch(), name, trained_policy(archive, batch(), seed, false), seed, task_.keep_going));
        last_iterations_ = iterations;
    }
    std::optional<Evaluation> result = last_;
    if (result) result->policy = name;
    return result;
}

std::optional<Evaluation> HeldOut::play_scripted(const std::string& name) {
    return finished(
        evaluate(batch(), name, scripted_policy(batch(), name), uint64_t(task_.run.evaluate_seed), task_.keep_going));
}

std::vector<Evaluation> HeldOut::play_more(const Archive& archive, int times) {
    std::vector<Evaluation> all;
    for (int time = 1; time <= times; ++time) {
        const auto seed = uint64_t(task_.run.evaluate_seed + time * task_.run.evaluate_episodes);
        Evaluation one =
            evaluate(batch(), "trained", trained_policy(archive, batch(), seed, false), seed, task_.keep_going);
        if (!task_.keep_going()) return {};
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace flockstep
