#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/data/input.h"

/// Running means and variances of observations and of discounted returns. A rollout's moments are merged into the
/// running ones as in Chan, Golub, LeVeque 1979; the formulas are those of Gymnasium's NormalizeObservation and
/// NormalizeReward.
namespace flockstep {

/// Count, mean, and sum of squared deviations from the mean.
struct Moments {
    double count, mean, m2;

    SIM_HD void merge(double n, double sum, double square_sum) {
        if (n <= 0) return;
        const double other = sum / n, difference = other - mean, total = count + n;
        const double other_m2 = square_sum - sum * other;
        m2 += (other_m2 > 0 ? other_m2 : 0.0) + difference * difference * count * n / total;
        mean += difference * n / total;
        count = total;
    }
    SIM_HD float inverse_std() const { return float(1.0 / sqrt(m2 / count + 1e-8)); }
};

inline constexpr int observation_chunks = 1024;

/// Moments of each column over one chunk of a rollout's samples. Item: chunk * columns + column.
struct SumColumns {
    static constexpr int nanoseconds = 1024;
    InputColumns input;  // of active rows
    int64_t num_samples;
    double* partial;  // [observation_chunks, columns, 3]: count, sum, sum of squares

    SIM_HD void operator()(int64_t i) const {
        const int column = int(i % input.columns);
        int p = 0;
        while (p + 1 < input.num_parts && column >= input.parts[p + 1].first_column) ++p;
        double n = 0, total = 0, squares = 0;
        for (int64_t sample = i / input.columns; sample < num_samples; sample += observation_chunks) {
            if (!input.active[input.rows.flat_index(sample)]) continue;
            const double x = input.parts[p].number(input.at(input.rows.step(sample), input.rows.row(sample)),
                                                   column - input.parts[p].first_column);
            n += 1, total += x, squares += x * x;
        }
        partial[3 * i] = n, partial[3 * i + 1] = total, partial[3 * i + 2] = squares;
    }
};

/// Merges the chunks into a column's running moments, and sets its shift and scale; integer parts keep theirs. Item:
/// column.
struct MergeColumns {
    static constexpr int nanoseconds = 4096;
    InputColumns input;
    const double* partial;
    Moments* moments;  // [columns]
    float *shift, *scale;

    SIM_HD void operator()(int64_t column) const {
        int p = 0;
        while (p + 1 < input.num_parts && column >= input.parts[p + 1].first_column) ++p;
        if (size_of(input.parts[p].dtype) == 1) return;
        double n = 0, total = 0, squares = 0;
        for (int chunk = 0; chunk < observation_chunks; ++chunk) {
            const double* from = partial + 3 * (int64_t(chunk) * input.columns + column);
            n += from[0], total += from[1], squares += from[2];
        }
        moments[column].merge(n, total, squares);
        if (moments[column].count == 0) return;
        shift[column] = float(moments[column].mean);
        scale[column] = moments[column].inverse_std();
    }
};

/// Mean and standard deviation of value targets, and how an output that was normalised by the ones before is normalised
/// by them: output * factor + offset.
struct ValueNorm {
    float mean, deviation;
    float factor, offset;

    SIM_HD float normalised(float value) const { return (value - mean) / deviation; }
    SIM_HD float value(float output) const { return mean + deviation * output; }
};

/// Merges the targets of a rollout into their moments, whose older part fades: it weighs 0.95 of what it did. Item: 0.
struct MergeValues {
    static constexpr int nanoseconds = 1;
    const double *count, *sum, *square_sum;  // [1] each
    Moments* moments;
    ValueNorm* norm;

    SIM_HD void operator()(int64_t) const {
        constexpr double decay = 0.95, least_deviation = 1e-2;
        norm->factor = 1, norm->offset = 0;
        if (*square_sum - *square_sum != 0) return;  // not finite: the run ends
        moments->count *= decay, moments->m2 *= decay;
        moments->merge(*count, *sum, *square_sum);
        if (!(moments->count > 0)) return;
        const double variance = moments->m2 / moments->count;
        const double deviation = variance > least_deviation * least_deviation ? sqrt(variance) : least_deviation;
        norm->factor = float(double(norm->deviation) / deviation);
        norm->offset = float((double(norm->mean) - moments->mean) / deviation);
        norm->mean = float(moments->mean), norm->deviation = float(deviation);
    }
};

/// Changes the critic's last layer so that its values stay what they were under the new norm (van Hasselt et al. 2016,
/// "Learning values across many orders of magnitude"). Item: weight, or the bias after them.
struct RescaleValues {
    static constexpr int nanoseconds = 2;
    const ValueNorm* norm;
    float *weight, *bias;
    uint16_t *weight_copy, *bias_copy;  // as bfloat16; null: none
    int64_t inputs;

    SIM_HD void operator()(int64_t i) const {
        float* const number = i < inputs ? weight + i : bias;
        uint16_t* const copy = i < inputs ? weight_copy + i : bias_copy;
        *number = *number * norm->factor + (i < inputs ? 0.0f : norm->offset);
        if (weight_copy) *copy = uint16_t(bfloat16_bits(*number));
    }
};

/// Sums over the running discounted returns of a rollout; each carries over to the next rollout. Item: row.
struct SumReturns {
    static constexpr int nanoseconds = 128, num_sums = 3;
    RowSet rows;
    int num_steps;
    float gamma;
    const float* reward;
    const uint8_t *terminated, *truncated, *active;
    float* carried;  // [slot_rows]

    SIM_HD void operator()(int64_t row, double* local) const {
        const int64_t cell = rows.cell_of(row);
        float running = carried[cell];
        for (int t = 0; t < num_steps; ++t) {
            const int64_t flat_index = t * rows.slot_rows + cell;
            if (!active[flat_index]) {
                running = 0.0f;
                continue;
            }
            running = gamma * running + reward[flat_index];
            local[0] += 1, local[1] += running, local[2] += double(running) * running;
            if (terminated[flat_index] || truncated[flat_index]) running = 0.0f;
        }
        carried[cell] = running;
    }
};

/// Item: 0.
struct MergeReturns {
    static constexpr int nanoseconds = 1;
    const double* sums;
    Moments* moments;
    float* reward_scale;

    SIM_HD void operator()(int64_t) const {
        moments->merge(sums[0], sums[1], sums[2]);
        if (moments->count > 0) *reward_scale = moments->inverse_std();
    }
};

}  // namespace flockstep
