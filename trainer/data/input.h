#pragma once

#include <cstdint>

#include "sim/contract/flush.h"
#include "sim/contract/space.h"
#include "trainer/data/rows.h"

namespace flockstep {

inline constexpr int max_input_parts = 16;
inline constexpr float observation_limit = 10.0f;  // clipping range of normalised observations

/// One observation part in memory, [steps][slot_bytes] of [role rows, elements], or one bit flag of it as 0 or 1.
struct InputPart {
    const void* data = nullptr;
    DType dtype = DType::float32;
    int elements = 0;
    int first_column = 0;
    int64_t slot_bytes = 0;
    int source = 0;  // index of the part in the role's PolicySpec
    int flag = -1;   // bit of its integers; -1: the whole number

    /// `N` elements of one sample, starting at `element`.
    template <int N>
    SIM_HD void read(int64_t step, int64_t role_row, int element, float* number) const {
        read_whole<N>(step, role_row, element, number);
        if (flag < 0) return;
        SIM_UNROLL
        for (int k = 0; k < N; ++k) number[k] = float(int(number[k]) >> flag & 1);
    }
    SIM_HD float number(int64_t step, int64_t role_row, int element) const {
        float value;
        read<1>(step, role_row, element, &value);
        return value;
    }

  private:
    template <int N>
    SIM_HD void read_whole(int64_t step, int64_t role_row, int element, float* number) const {
        const char* slot = static_cast<const char*>(data) + step * slot_bytes;
        const int64_t first = role_row * elements + element;
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

/// A role's observation parts as the columns of a matrix, each bit flag a part of its own. The width is padded with
/// columns of zeros to a multiple of 8, since matrix multiplications want aligned rows.
struct InputColumns {
    RoleRows rows;
    InputPart parts[max_input_parts];
    int num_parts = 0;
    int columns = 0;  // without padding
    int width = 0;
};

/// Gathers samples into rows of the network's input: converted, shifted and scaled. Item: 8 columns of one row.
struct GatherInput {
    static constexpr int nanoseconds = 32;
    InputColumns input;
    const int64_t* index;  // sample of each row (-1: padding); null: first_sample + row
    int64_t first_sample;
    const float *shift, *scale;  // [width]: (number - shift) * scale
    float limit;                 // results are clipped to +-limit; 0: no clipping
    bool is_bfloat16;
    void* output;  // [rows, width], float32 or bfloat16
    // [steps][slot_rows]; null: all rows are active. Rows of inactive agents may hold anything, NaN included. They are
    // replaced by zeros, since 0 * NaN in the backward pass would still be NaN.
    const uint8_t* active = nullptr;

    SIM_HD void operator()(int64_t i) const {
        const int groups = input.width / 8;
        const int64_t row = i / groups;
        const int first = int(i % groups) * 8;
        int64_t sample = index ? index[row] : first_sample + row;
        if (sample < 0) sample = 0;
        if (active && !active[input.rows.flat_index(sample)]) {
            const float none[8] = {};
            return store(row * input.width + first, none);
        }
        const int64_t step = input.rows.step(sample), role_row = input.rows.role_row(sample);
        float number[8];
        int p = 0;
        while (p + 1 < input.num_parts && first >= input.parts[p + 1].first_column) ++p;
        const int end = p + 1 < input.num_parts ? input.parts[p + 1].first_column : input.columns;
        if (first + 8 <= end)
            input.parts[p].template read<8>(step, role_row, first - input.parts[p].first_column, number);
        else
            read_across(p, step, role_row, first, number);
        SIM_UNROLL
        for (int k = 0; k < 8; ++k) number[k] = first + k < input.columns ? normalised(number[k], first + k) : 0.0f;
        store(row * input.width + first, number);
    }

  private:
    /// Eight columns that span several parts or reach into the padding.
    SIM_HD void read_across(int p, int64_t step, int64_t role_row, int first, float* number) const {
        SIM_UNROLL
        for (int k = 0; k < 8; ++k) {
            const int column = first + k;
            while (p + 1 < input.num_parts && column >= input.parts[p + 1].first_column) ++p;
            number[k] = 0.0f;
            if (column < input.columns)
                input.parts[p].template read<1>(step, role_row, column - input.parts[p].first_column, number + k);
        }
    }
    SIM_HD float normalised(float number, int column) const {
        const float result = (number - shift[column]) * scale[column];
        if (limit == 0.0f) return result;
        return result > limit ? limit : result < -limit ? -limit : result;
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
