#pragma once

#include <cstdint>
#include <cstring>

#include "sim/contract/hd.h"
#include "sim/contract/observation.h"

/// Copies staged observations to their tensors, 16 bytes at a time, with conversion: bits to numbers, bytes to floats,
/// floats to bfloat16. On the GPU these stores are most of the cost of a step.
///
/// No function here waits. Functions with `lane` and `lanes` are called by all lanes of a group, which share the work:
/// staged data must be visible to all of them before the call, and may be overwritten only after a sync. Destinations
/// are aligned to their elements; 16-byte stores start at the first multiple of 16 bytes.
///
///   group.sync();  // 17 numbers of an agent are staged
///   move_part(group.lane(), group.lanes(), part, part.rows(false, env, agent), staged, 17);
///   group.sync();
namespace flockstep {

/// Four words that are loaded and stored as one vector.
struct alignas(16) Vector16 {
    uint32_t word[4];
};

/// Streaming store that bypasses the caches: observations are not read again within the step. destination: device
/// memory, on the GPU aligned to 16 bytes.
SIM_HD void stream_store(char* destination, const Vector16& value) {
#ifdef __CUDA_ARCH__
    __stcs(reinterpret_cast<uint4*>(destination),
           make_uint4(value.word[0], value.word[1], value.word[2], value.word[3]));
#else
    // Word by word: the words are in registers, and a vector load of separately stored words would stall.
    for (int k = 0; k < 4; ++k) memcpy(destination + 4 * k, &value.word[k], 4);
#endif
}

/// Vectors that a lane loads before storing any of them: the GPU does not reorder loads across stores.
#ifdef __CUDA_ARCH__
inline constexpr int vectors_in_flight = 4;
#else
inline constexpr int vectors_in_flight = 1;
#endif

/// The upper half of a float, rounded to nearest even; a NaN becomes 0x7FC0.
SIM_HD uint32_t bfloat16_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FC0u;
    return (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
}
/// A float's bits.
SIM_HD uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

/// Staged bits, expanded to numbers of type Out: float, uint16_t for bfloat16, or uint8_t. Element i is bit i % 32 of
/// word i / 32.
template <class Out>
struct BitSource {
    const uint32_t* words;
    /// Bytes per stored element, elements per 16 bytes, and the bit pattern of 1.
    static constexpr int size = sizeof(Out);
    static constexpr int per_vector = 16 / size;
    static constexpr uint32_t one = size == 4 ? 0x3F800000u : size == 2 ? 0x3F80u : 1u;
    /// Element i as a stored bit pattern.
    SIM_HD uint32_t number(int i) const { return (words[i >> 5] >> (i & 31) & 1) * one; }
    /// Elements i to i + per_vector - 1, for any i. Reads one or two words.
    SIM_HD Vector16 vector(int i) const {
        const int shift = i & 31;
        uint64_t pair = words[i >> 5];
        if (shift + per_vector > 32) pair |= uint64_t{words[(i >> 5) + 1]} << 32;
        return spread(uint32_t(pair >> shift));
    }
    /// vector(v * per_vector), whose bits are all in one word: reads 1 or 2 bytes.
    SIM_HD Vector16 whole_vector(int v) const {
        if constexpr (size == 1) {
            uint16_t bits;
            memcpy(&bits, reinterpret_cast<const char*>(words) + v * 2, 2);
            return spread(bits);
        }
        if constexpr (size == 2) return spread(reinterpret_cast<const uint8_t*>(words)[v]);
        return spread(reinterpret_cast<const uint8_t*>(words)[v >> 1] >> (v & 1) * 4);
    }

  private:
    /// Expands the low bits to numbers.
    SIM_HD static Vector16 spread(uint32_t bits) {
        Vector16 v;
        for (int k = 0; k < 4; ++k) {
            if constexpr (size == 1)
                v.word[k] = (bits >> (4 * k) & 15u) * 0x204081u & 0x01010101u;
            else if constexpr (size == 2)
                v.word[k] = (bits >> (2 * k) & 1u ? one : 0) | (bits >> (2 * k + 1) & 1u ? one << 16 : 0);
            else
                v.word[k] = bits >> k & 1u ? one : 0;
        }
        return v;
    }
};
/// Elements of type In, converted to numbers of `Size` bytes: 4 is float32, 2 is bfloat16.
template <class In, int Size>
struct NumberSource {
    const In* elements;
    /// See BitSource; so for the functions below.
    static constexpr int size = Size, per_vector = 16 / size;
    /// Element i, converted.
    SIM_HD uint32_t number(int i) const {
        if constexpr (size == 4)
            return float_bits(float(elements[i]));
        else
            return bfloat16_bits(float(elements[i]));
    }
    /// vector(v * per_vector).
    SIM_HD Vector16 whole_vector(int v) const { return vector(v * per_vector); }
    /// Elements i to i + per_vector - 1: per_vector reads.
    SIM_HD Vector16 vector(int i) const {
        Vector16 v;
        for (int k = 0; k < 4; ++k) {
            v.word[k] = 0;
            for (int j = 0; j < 4 / size; ++j) v.word[k] |= number(i + k * (4 / size) + j) << (8 * size * j);
        }
        return v;
    }
};

/// Stores the low `size` bytes of `bits` (1, 2 or 4) with an ordinary store.
SIM_HD void store_number(char* destination, int size, uint32_t bits) {
    if (size == 4)
        *reinterpret_cast<uint32_t*>(destination) = bits;
    else if (size == 2)
        *reinterpret_cast<uint16_t*>(destination) = uint16_t(bits);
    else
        *reinterpret_cast<uint8_t*>(destination) = uint8_t(bits);
}

/// Stores `count` < 2^31 elements of a BitSource or NumberSource: scalar stores up to a multiple of 16 bytes, then
/// vectors, then scalar stores. Cheapest if `destination` is aligned: no vector of bits spans two words.
template <class Source>
SIM_HD void move_elements(int lane, int lanes, char* destination, const Source& source, int count) {
    constexpr int size = Source::size, per_vector = Source::per_vector;
    const int to_boundary = int((16 - (reinterpret_cast<uintptr_t>(destination) & 15)) & 15) / size;
    const int head = to_boundary < count ? to_boundary : count, vectors = (count - head) / per_vector;
    SIM_NO_UNROLL
    for (int i = lane; i < head; i += lanes) store_number(destination + i * size, size, source.number(i));
    if (head == 0) {
        int v = lane;
        SIM_NO_UNROLL
        for (; v + (vectors_in_flight - 1) * lanes < vectors; v += vectors_in_flight * lanes) {
            Vector16 read[vectors_in_flight];
            SIM_UNROLL
            for (int k = 0; k < vectors_in_flight; ++k) read[k] = source.whole_vector(v + k * lanes);
            SIM_UNROLL
            for (int k = 0; k < vectors_in_flight; ++k) stream_store(destination + (v + k * lanes) * 16, read[k]);
        }
        SIM_NO_UNROLL
        for (; v < vectors; v += lanes) stream_store(destination + v * 16, source.whole_vector(v));
    } else {
        SIM_NO_UNROLL
        for (int v = lane; v < vectors; v += lanes)
            stream_store(destination + head * size + v * 16, source.vector(head + v * per_vector));
    }
    SIM_NO_UNROLL
    for (int i = head + vectors * per_vector + lane; i < count; i += lanes)
        store_number(destination + i * size, size, source.number(i));
}

/// Copies bytes without conversion: 16 at a time if they are staged at the same offset within 16 bytes as their
/// destination, otherwise one by one.
SIM_HD void copy_staged(int lane, int lanes, char* destination, const char* staged, int bytes) {
    const uintptr_t to = reinterpret_cast<uintptr_t>(destination), from = reinterpret_cast<uintptr_t>(staged);
    const int to_boundary = int(-to & 15), head = to_boundary < bytes ? to_boundary : bytes;
    const int vectors = ((to ^ from) & 15) == 0 ? (bytes - head) / 16 : 0;
    const auto copy_bytes = [&](int first, int last) {
        SIM_NO_UNROLL
        for (int i = first + lane; i < last; i += lanes) destination[i] = staged[i];
    };
    if (head > 0) copy_bytes(0, head);
    SIM_NO_UNROLL
    for (int v = lane; v < vectors; v += lanes)
        stream_store(destination + head + v * 16, *reinterpret_cast<const Vector16*>(staged + head + v * 16));
    copy_bytes(head + vectors * 16, bytes);
}

/// Stores a row of float32 that one lane holds in registers, as float32 or bfloat16 according to `dtype`. Rows that are
/// whole 16-byte vectors start at multiples of 16 bytes, as every output does.
template <int count>
SIM_HD void store_floats(const float (&row)[count], DType dtype, char* destination) {
    if (dtype == DType::bfloat16) {
        SIM_UNROLL
        for (int k = 0; k < count; ++k) store_number(destination + 2 * k, 2, bfloat16_bits(row[k]));
    } else if constexpr (count % 4 == 0) {
        SIM_UNROLL
        for (int k = 0; k + 3 < count; k += 4)
            stream_store(destination + 4 * k, {{float_bits(row[k]), float_bits(row[k + 1]), float_bits(row[k + 2]),
                                                float_bits(row[k + 3])}});
    } else {
        SIM_UNROLL
        for (int k = 0; k < count; ++k) store_number(destination + 4 * k, 4, float_bits(row[k]));
    }
}

/// Converts `count` elements of type In (float, int8_t or uint8_t) to bfloat16, or bytes to float32; no-op for other
/// dtypes.
template <class In>
SIM_HD void convert_numbers(int lane, int lanes, char* destination, const char* staged, DType dtype, int count) {
    const In* elements = reinterpret_cast<const In*>(staged);
    if constexpr (sizeof(In) == 1)
        if (dtype == DType::float32) move_elements(lane, lanes, destination, NumberSource<In, 4>{elements}, count);
    if (dtype == DType::bfloat16) move_elements(lane, lanes, destination, NumberSource<In, 2>{elements}, count);
}

/// Stores `count` staged elements of type T (not bits) to `destination`, in the part's dtype.
template <class T>
SIM_HD void move_typed(int lane, int lanes, const PartView& part, char* destination, const char* staged, int count) {
    if (part.is_copied())
        copy_staged(lane, lanes, destination, staged, count * int(sizeof(T)));
    else
        convert_numbers<T>(lane, lanes, destination, staged, part.dtype, count);
}

/// Stores `count` staged elements of any source type to `destination`, in the part's dtype.
SIM_HD void move_part(int lane, int lanes, const PartView& part, char* destination, const char* staged, int count) {
    if (part.source_dtype == DType::bit) {
        const uint32_t* words = reinterpret_cast<const uint32_t*>(staged);
        if (part.dtype == DType::float32)
            move_elements(lane, lanes, destination, BitSource<float>{words}, count);
        else if (part.dtype == DType::bfloat16)
            move_elements(lane, lanes, destination, BitSource<uint16_t>{words}, count);
        else
            move_elements(lane, lanes, destination, BitSource<uint8_t>{words}, count);
    } else if (part.is_copied()) {
        copy_staged(lane, lanes, destination, staged, count * part.source_size());
    } else if (part.source_dtype == DType::float32) {
        convert_numbers<float>(lane, lanes, destination, staged, part.dtype, count);
    } else if (part.source_dtype == DType::int8) {
        convert_numbers<int8_t>(lane, lanes, destination, staged, part.dtype, count);
    } else {
        convert_numbers<uint8_t>(lane, lanes, destination, staged, part.dtype, count);
    }
}

}  // namespace flockstep
