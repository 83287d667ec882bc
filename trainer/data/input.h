#pragma once

#include <cstdint>

#include "sim/contract/flush.h"
#include "sim/contract/space.h"
#include "trainer/data/rows.h"

namespace flockstep {

inline constexpr int max_input_parts = 16;
inline constexpr float observation_limit = 10.0f;  // clipping range of normalised observations

/// A list of samples of a RowSet, in the order in which a network reads them.
struct Samples {
    int64_t first = 0, count = 0;
    const int64_t* index = nullptr;  // [count] on the device; -1: padding. null: first, first + 1, ...

    SIM_HD int64_t operator[](int64_t i) const { return index ? index[i] : first + i; }
};

/// Where a sample's inputs are.
struct InputRow {
    int64_t step, source, env;
    int agent;
    const uint8_t* active;  // of the world's agents at this step; null: all are
};

/// Some columns of a network's input: one observation part in memory, or one bit flag of it as 0 or 1; one part of the
/// world, or of several of its agents side by side; or the agent's identity, one-hot.
struct InputPart {
    enum class Of : uint8_t { agent, world, identity };
    const void* data = nullptr;  // [steps][slot_bytes] of [source rows, elements], or [num_envs, elements] of the world
    DType dtype = DType::float32;
    int elements = 0;
    int first_column = 0;
    int64_t slot_bytes = 0;
    int source = 0;  // index of the part in the policy's PolicySpec
    int flag = -1;   // bit of its integers; -1: the whole number
    Of of = Of::agent;
    int first_agent = 0, agent_elements = 0;  // > 0: of the world's agents from the first on, this many elements each

    /// `N` elements of one sample, starting at `element`. `any`: the part may be of something else than the agent.
    template <int N, bool any = true>
    SIM_HD void read(const InputRow& row, int element, float* number) const {
        if constexpr (any) {
            if (of != Of::agent) return read_other<N>(row, element, number);
        }
        read_whole<N>(row.step, row.source, element, number);
        take_flag<N>(number);
    }
    SIM_HD float number(const InputRow& row, int element) const {
        float value;
        read<1>(row, element, &value);
        return value;
    }

  private:
    template <int N>
    SIM_HD void read_other(const InputRow& row, int element, float* number) const {
        if (of == Of::identity) {
            SIM_UNROLL
            for (int k = 0; k < N; ++k) number[k] = float(element + k == row.agent);
            return;
        }
        read_whole<N>(row.step, row.env, element, number);
        take_flag<N>(number);
        if (agent_elements == 0 || !row.active) return;
        SIM_UNROLL
        for (int k = 0; k < N; ++k)
            if (!row.active[first_agent + (element + k) / agent_elements]) number[k] = 0.0f;
    }
    template <int N>
    SIM_HD void take_flag(float* number) const {
        if (flag < 0) return;
        SIM_UNROLL
        for (int k = 0; k < N; ++k) number[k] = float(int(number[k]) >> flag & 1);
    }
    template <int N>
    SIM_HD void read_whole(int64_t step, int64_t data_row, int element, float* number) const {
        const char* slot = static_cast<const char*>(data) + step * slot_bytes;
        const int64_t first = data_row * elements + element;
        if (dtype == DType::uint8) return convert<N>(reinterpret_cast<const uint8_t*>(slot) + first, number);
        if (dtype == DType::int8) return convert<N>(reinterpret_cast<const int8_t*>(slot) + first, number);
        if (dtype == DType::float32) return convert<N>(reinterpret_cast<const float*>(slot) + first, number);
        const uint16_t* half = reinterpret_cast<const uint16_t*>(slot) + first;
        SIM_UNROLL
        for (int k = 0; k < N; ++k) {
            const uint32_t bits = uint32_t(half[k]) << 16;
            memcpy(number + k, &bits, 4);
        }
    }
    template <int N, class T>
    SIM_HD static void convert(const T* from, float* number) {
        SIM_UNROLL
        for (int k = 0; k < N; ++k) number[k] = float(from[k]);
    }
};

/// The columns of a network's input, each bit flag a part of its own, and how they become numbers. The width is padded
/// with columns of zeros to a multiple of 8, since matrix multiplications want aligned rows.
struct InputColumns {
    RowSet rows;
    InputPart parts[max_input_parts];
    int num_parts = 0;
    int columns = 0;  // without padding
    int width = 0;
    bool shows_world = false;      // some parts are of the world, or identities
    const float* shift = nullptr;  // [width]
    const float* scale = nullptr;  // [width]: (number - shift) * scale
    float limit = 0;               // the result is clipped to +-limit; 0: no clipping
    // [steps][slot_rows]; null: all rows are active. Rows of inactive agents may hold anything, NaN included. They are
    // replaced by zeros, since 0 * NaN in the backward pass would still be NaN.
    const uint8_t* active = nullptr;

    SIM_HD InputRow at(int64_t step, int64_t row) const {
        InputRow at{step, rows.source_of(row), 0, 0, nullptr};
        if (!shows_world) return at;
        at.env = rows.env_of(row), at.agent = rows.agent_of(row);
        if (active) at.active = active + step * rows.slot_rows + at.env * rows.num_agents;
        return at;
    }
};

/// Gathers samples into rows of the network's input: converted, shifted and scaled. Item: 8 columns of one row.
struct GatherInput {
    static constexpr int nanoseconds = 32;
    InputColumns input;
    Samples samples;
    bool is_bfloat16;
    void* output;  // [samples, width], float32 or bfloat16

    SIM_HD void operator()(int64_t i) const {
        const int groups = input.width / 8;
        const int64_t at = i / groups;
        const int first = int(i % groups) * 8;
        int64_t sample = samples[at];
        if (sample < 0) sample = 0;
        const int64_t step = input.rows.step(sample), row = input.rows.row(sample);
        if (input.active && !input.active[step * input.rows.slot_rows + input.rows.cell_of(row)]) {
            const float none[8] = {};
            return store(at * input.width + first, none);
        }
        const InputRow source = input.at(step, row);
        float number[8];
        if (input.shows_world)
            read_columns<true>(source, first, number);
        else
            read_columns<false>(source, first, number);
        SIM_UNROLL
        for (int k = 0; k < 8; ++k) number[k] = first + k < input.columns ? normalised(number[k], first + k) : 0.0f;
        store(at * input.width + first, number);
    }

  private:
    template <bool any>
    SIM_HD void read_columns(const InputRow& source, int first, float* number) const {
        int p = 0;
        while (p + 1 < input.num_parts && first >= input.parts[p + 1].first_column) ++p;
        const int end = p + 1 < input.num_parts ? input.parts[p + 1].first_column : input.columns;
        if (first + 8 <= end)
            input.parts[p].template read<8, any>(source, first - input.parts[p].first_column, number);
        else
            read_across<any>(p, source, first, number);
    }
    /// Eight columns that span several parts or reach into the padding.
    template <bool any>
    SIM_HD void read_across(int p, const InputRow& source, int first, float* number) const {
        SIM_UNROLL
        for (int k = 0; k < 8; ++k) {
            const int column = first + k;
            while (p + 1 < input.num_parts && column >= input.parts[p + 1].first_column) ++p;
            number[k] = 0.0f;
            if (column < input.columns)
                input.parts[p].template read<1, any>(source, column - input.parts[p].first_column, number + k);
        }
    }
    SIM_HD float normalised(float number, int column) const {
        const float result = (number - input.shift[column]) * input.scale[column];
        if (input.limit == 0.0f) return result;
        return result > input.limit ? input.limit : result < -input.limit ? -input.limit : result;
    }
    SIM_HD void store(int64_t at, const float* number) const {
        Vector16 v;
        if (is_bfloat16) {
            SIM_UNROLL
            for (int k = 0; k < 4; ++k)
                v.word[k] = bfloat16_bits(number[2 * k]) | bfloat16_bits(number[2 * k + 1]) << 16;
            static_cast<Vector16*>(output)[at / 8] = v;
            return;
        }
        SIM_UNROLL
        for (int half = 0; half < 2; ++half) {
            memcpy(&v, number + 4 * half, 16);
            static_cast<Vector16*>(output)[at / 4 + half] = v;
        }
    }
};

}  // namespace flockstep
