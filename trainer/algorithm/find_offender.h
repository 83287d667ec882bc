#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "trainer/data/input.h"
#include "trainer/learn/optimiser.h"

/// Numbers that are not finite end a run, and the message names the first of them. Optimiser steps notice one in a loss
/// or a gradient, where everything that is not finite ends up, and change nothing from then on. At the end of the
/// iteration, while the rollout is still there, FindOffence looks for where it came from; the host reads the result an
/// iteration later, with the counts that it waits for anyway.
namespace flockstep {

/// A number of a rollout that is not finite.
struct Offence {
    enum Kind : int32_t {
        observation,
        state,
        log_prob,
        value,
        reward,
        final_observation,
        final_state,
        final_value,
        advantage,
        value_target,
        num_kinds,
    };
    int64_t order = 0;  // in time, ascending from 1; 0: there is none
    Kind kind = observation;
    int32_t part = 0,
            element = 0;  // of an observation or a state: index into the policy's parts or the critic's, and element
    int32_t step = 0, agent = 0;  // agent: of the world
    int64_t env = 0;
    float number = 0;
};

/// Finds the first offence in each chunk of a rollout's rows, if a term or the input's scale was not finite. Numbers of
/// inactive agents may be anything. A rollout comes about step by step: observation, action and value, reward, what
/// follows at the time limit; then advantages, from the last step to the first. Item: chunk.
struct FindOffence {
    static constexpr int nanoseconds = 1, chunks = 1024;
    const NotFiniteTerm* not_finite;
    const double* input_square;
    InputColumns input, final_input;
    InputColumns critic, final_critic;  // without parts: the critic sees what the actor sees
    int num_steps, segment_steps;
    const float *reward, *log_prob, *value, *final_value, *advantage, *value_target;
    const uint8_t *terminated, *truncated, *active;
    Offence* found;  // [chunks]

    SIM_HD void operator()(int64_t chunk) const {
        if (*not_finite == NotFiniteTerm::none && is_finite(*input_square)) return;
        Offence first{};
        for (int64_t row = chunk; row < input.rows.size; row += chunks)
            for (int step = 0; step <= num_steps; ++step)
                if (active[step * input.rows.slot_rows + input.rows.cell_of(row)]) search(row, step, first);
        found[chunk] = first;
    }

  private:
    SIM_HD void search(int64_t row, int step, Offence& first) const {
        const int64_t cell = input.rows.cell_of(row), at = step * input.rows.slot_rows + cell;
        Offence here;
        here.step = step, here.agent = input.rows.agent_of(row), here.env = input.rows.env_of(row);
        search_parts(input, Offence::observation, row, step, here, first);
        search_parts(critic, Offence::state, row, step, here, first);
        check(Offence::value, value[at], here, first);
        if (step == num_steps) return;
        check(Offence::log_prob, log_prob[at], here, first);
        check(Offence::reward, reward[at], here, first);
        if (truncated[at] && !terminated[at]) {
            search_parts(final_input, Offence::final_observation, row, step / segment_steps, here, first);
            search_parts(final_critic, Offence::final_state, row, step / segment_steps, here, first);
            check(Offence::final_value, final_value[step / segment_steps * input.rows.slot_rows + cell], here, first);
        }
        check(Offence::advantage, advantage[at], here, first);
        check(Offence::value_target, value_target[at], here, first);
    }
    SIM_HD void search_parts(const InputColumns& columns, Offence::Kind kind, int64_t row, int slot, Offence here,
                             Offence& first) const {
        const InputRow source = columns.at(slot, row);
        for (int p = 0; p < columns.num_parts; ++p) {
            const InputPart& part = columns.parts[p];
            const bool is_joint = part.agent_elements > 0;  // observations, which are searched agent by agent
            if (part.of == InputPart::Of::identity || is_joint || size_of(part.dtype) == 1) continue;
            here.part = part.source;
            for (here.element = 0; here.element < part.elements; ++here.element)
                check(kind, part.number(source, here.element), here, first);
        }
    }
    SIM_HD void check(Offence::Kind kind, float number, Offence here, Offence& first) const {
        if (is_finite(number)) return;
        const int64_t after_rollout = int64_t(num_steps + 1) * Offence::num_kinds;
        here.order = 1 + kind +
                     (kind < Offence::advantage ? int64_t(here.step) * Offence::num_kinds
                                                : after_rollout + int64_t(num_steps - here.step) * Offence::num_kinds);
        here.kind = kind, here.number = number;
        if (first.order == 0 || here.order < first.order) first = here;
    }
};

/// The number that was not finite first, in words: "the reward of policy agent is infinite (world 3, agent 1, step 5)".
struct Offender {
    std::string text;
    int64_t order = 0;  // among the offenders of several policies: the smallest is the first
};

/// what: "the reward"; remark: its place, "world 3, agent 1, step 5", or advice; may be empty.
std::string offence_text(const std::string& what, const std::string& policy, double number, const std::string& remark);
inline constexpr char learning_advice[] = "a smaller learning_rate may help";

/// Thrown when training comes upon a number that is not finite.
class NotFinite : public std::runtime_error {
  public:
    /// iteration: the one it is of, from 1 on; 0: the rollout before the first, which norm_obs needs.
    NotFinite(const Offender& offender, int64_t iteration)
        : std::runtime_error("training diverged " +
                             (iteration > 0 ? "in iteration " + std::to_string(iteration)
                                            : std::string("in the rollout before iteration 1")) +
                             ": " + offender.text) {}
};

}  // namespace flockstep
