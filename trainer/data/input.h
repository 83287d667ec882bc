#pragma once

#include <cstdint>

#include "sim/contract/flush.h"
#include "sim/contract/space.h"
#include "trainer/data/load_bytes.h"
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

    /// Numbers of one sample for eight columns of the input from `column` on, of which `begin` to `end` - 1 are the
    /// part's: writes those to number[begin] .. number[end - 1] and anything behind them. `any`: the part may be of
    /// something else than the agent.
    template <bool any = true>
    SIM_HD void read(const InputRow& row, int column, int begin, int end, float* number) const {
        const int element = column - first_column;  // of number[0]; negative if that is another part's
        if constexpr (any)
            if (of == Of::identity) return find_identity(row.agent - element, begin, end, number);
        const int64_t first = (any && of != Of::agent ? row.env : row.source) * elements + element;
        const char* const slot = static_cast<const char*>(data) + row.step * slot_bytes;
        if (dtype == DType::uint8 || dtype == DType::int8) {
            read_bytes(slot + first, begin, end, number);
        } else {
            if (dtype == DType::float32)
                read_floats(reinterpret_cast<const float*>(slot) + first, begin, end, number);
            else
                read_halves(reinterpret_cast<const uint16_t*>(slot) + first, begin, end, number);
            if (flag >= 0) take_flag(begin, end, number);
        }
        if constexpr (any)
            if (agent_elements > 0 && row.active) clear_inactive(row.active, element, begin, end, number);
    }
    SIM_HD float number(const InputRow& row, int element) const {
        float value[8];
        read(row, first_column + element, 0, 1, value);
        return value[0];
    }

  private:
    SIM_HD static void find_identity(int agent, int begin, int end, float* number) {
        SIM_UNROLL
        for (int k = 0; k < 8; ++k)
            if (k >= begin && k < end) number[k] = float(k == agent);
    }
    SIM_HD void clear_inactive(const uint8_t* active, int element, int begin, int end, float* number) const {
        SIM_UNROLL
        for (int k = 0; k < 8; ++k)
            if (k >= begin && k < end && !active[first_agent + (element + k) / agent_elements]) number[k] = 0.0f;
    }
    /// Four bytes at once: without the sign, or one bit of each.
    SIM_HD void read_bytes(const char* from, int begin, int end, float* number) const {
        const bool is_signed = dtype == DType::int8 && flag < 0;
        const uint64_t sign = is_signed ? 0x8080808080808080u : 0u;
        const float offset = is_signed ? 128.0f : 0.0f;
        uint64_t bytes = load_bytes(from, begin, end) ^ sign;
        if (flag >= 0) bytes = bytes >> flag & 0x0101010101010101u;
        uint8_t byte[8];
        memcpy(byte, &bytes, 8);
        SIM_UNROLL
        for (int k = 0; k < 8; ++k)
            if (k >= begin) number[k] = float(byte[k]) - offset;
    }
    SIM_HD static void read_floats(const float* from, int begin, int end, float* number) {
        if (begin == 0 && end % 4 == 0 && reinterpret_cast<uintptr_t>(from) % 16 == 0) {
            memcpy(number, __builtin_assume_aligned(from, 16), 16);
            if (end == 8) memcpy(number + 4, __builtin_assume_aligned(from + 4, 16), 16);
            return;
        }
        SIM_UNROLL
        for (int k = 0; k < 8; ++k)
            if (k >= begin && k < end) number[k] = from[k];
    }
    SIM_HD static void read_halves(const uint16_t* from, int begin, int end, float* number) {
        SIM_UNROLL
        for (int k = 0; k < 8; ++k) {
            if (k < begin || k >= end) continue;
            const uint32_t bits = uint32_t(from[k]) << 16;
            memcpy(number + k, &bits, 4);
        }
    }
    SIM_HD void take_flag(int begin, int end, float* number) const {
        SIM_UNROLL
        for (int k = 0; k < 8; ++k)
            if (k >= begin && k < end) number[k] = float(int(number[k]) >> flag & 1);
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

/// Two floats as bfloat16, `low` in the lower half, rounded to nearest even; a NaN becomes a NaN.
SIM_HD uint32_t bfloat16_pair(float low, float high) {
#ifdef __CUDA_ARCH__
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
#else
    return bfloat16_bits(low) | bfloat16_bits(high) << 16;
#endif
}

/// Gathers samples into rows of the network's input: converted, shifted and scaled. Item: 8 columns of one row.
struct GatherInput {
    static constexpr int nanoseconds = 32;
    InputColumns input;
    Samples samples;
    bool is_bfloat16;
    void* output;  // [samples, width], float32 or bfloat16

    Divisor groups = input.width / 8;  // of a row

    SIM_HD void operator()(int64_t i) const {
        const int64_t at = i / groups;
        const int first = int(i - at * groups) * 8;
        int64_t sample = samples[at];
        if (sample < 0) sample = 0;
        const int64_t step = input.rows.step(sample), row = sample - step * input.rows.size;
        float number[8] = {};
        if (input.active && !input.active[step * input.rows.slot_rows + input.rows.cell_of(row)])
            return store(i, number);
        const InputRow source = input.at(step, row);
        if (input.shows_world)
            read_columns<true>(source, first, number);
        else
            read_columns<false>(source, first, number);
        normalise(first, number);
        store(i, number);
    }

  private:
    template <bool any>
    SIM_HD void read_columns(const InputRow& source, int first, float* number) const {
        int p = 0;
        while (p + 1 < input.num_parts && first >= input.parts[p + 1].first_column) ++p;
        SIM_NO_UNROLL
        for (int begin = 0; begin < 8 && p < input.num_parts; ++p) {
            const int rest = (p + 1 < input.num_parts ? input.parts[p + 1].first_column : input.columns) - first;
            const int end = rest < 8 ? rest : 8;
            input.parts[p].template read<any>(source, first, begin, end, number);
            begin = end;
        }
    }
    SIM_HD void normalise(int first, float* number) const {
        float shift[8], scale[8];
        memcpy(shift, __builtin_assume_aligned(input.shift + first, 16), 32);
        memcpy(scale, __builtin_assume_aligned(input.scale + first, 16), 32);
        SIM_UNROLL
        for (int k = 0; k < 8; ++k) number[k] = (number[k] - shift[k]) * scale[k];
        if (input.limit != 0.0f) {
            SIM_UNROLL
            for (int k = 0; k < 8; ++k)
                number[k] = number[k] > input.limit ? input.limit : number[k] < -input.limit ? -input.limit : number[k];
        }
        if (first + 8 <= input.columns) return;
        SIM_UNROLL
        for (int k = 0; k < 8; ++k)
            if (first + k >= input.columns) number[k] = 0.0f;
    }
    SIM_HD void store(int64_t i, const float* number) const {
        Vector16 v;
        if (is_bfloat16) {
            SIM_UNROLL
            for (int k = 0; k < 4; ++k) v.word[k] = bfloat16_pair(number[2 * k], number[2 * k + 1]);
            static_cast<Vector16*>(output)[i] = v;
            return;
        }
        SIM_UNROLL
        for (int half = 0; half < 2; ++half) {
            memcpy(&v, number + 4 * half, 16);
            static_cast<Vector16*>(output)[2 * i + half] = v;
        }
    }
};

}  // namespace flockstep
