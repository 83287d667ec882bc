#include <cmath>
#include <limits>
#include <vector>

#include "sim/contract/flush.h"
#include "tests/catch.h"

/// The copies at the end of a step against plain loops, at every alignment relative to 16-byte vectors.
namespace flockstep {
namespace {

constexpr int guard = 64;  // bytes around the destination that must stay as they are

/// Element i as it should be stored, as bytes of `dtype`.
uint32_t stored(float value, DType dtype) {
    if (dtype == DType::float32) return float_bits(value);
    if (dtype == DType::bfloat16) return bfloat16_bits(value);
    return uint8_t(int(value));
}

/// Moves `count` elements with several lanes to `offset` elements past a 16-byte boundary and checks every byte.
void check_move(DType source_dtype, DType dtype, int count, int offset, int lanes) {
    INFO(name_of(source_dtype) << " to " << name_of(dtype) << ", " << count << " at " << offset << ", lanes " << lanes);
    alignas(16) static char staged[4096], memory[4096];
    const int size = size_of(dtype), source_size = source_dtype == DType::float32 ? 4 : 1;
    // parts that need no conversion are staged at their destination's offset within 16 bytes
    PartView part{};
    part.source_dtype = source_dtype, part.dtype = dtype;
    char* from = staged + (part.is_copied() ? offset * size % 16 : 0);
    std::vector<float> values;
    uint32_t* words = reinterpret_cast<uint32_t*>(staged);
    for (int i = 0; i < 128; ++i) words[i] = source_dtype == DType::bit ? 0 : ~0u;
    for (int i = 0; i < count; ++i) {
        const uint32_t hash = uint32_t(i) * 2654435761u >> 8;
        if (source_dtype == DType::bit) values.push_back(float(hash & 1)), words[i / 32] |= (hash & 1) << (i % 32);
        if (source_dtype == DType::uint8) values.push_back(float(hash & 255)), from[i] = char(hash);
        if (source_dtype == DType::int8) values.push_back(float(int8_t(hash))), from[i] = char(hash);
        if (source_dtype == DType::float32) {
            values.push_back(float(hash) * 0x1p-12f - 1000);
            memcpy(from + i * source_size, &values.back(), 4);
        }
    }
    memset(memory, 0x77, sizeof memory);
    char* destination = memory + guard + offset * size;
    for (int lane = lanes - 1; lane >= 0; --lane) move_part(lane, lanes, part, destination, from, count);
    for (int i = 0; i < count; ++i) {
        uint32_t bits = 0;
        memcpy(&bits, destination + i * size, size_t(size));
        REQUIRE(bits == stored(values[size_t(i)], dtype));
    }
    for (char* at = memory; at < memory + sizeof memory; ++at)
        if (at < destination || at >= destination + count * size) REQUIRE(*at == 0x77);
}

template <int count>
void check_row() {
    float row[count];
    for (int k = 0; k < count; ++k) row[k] = float(k * k) * 0.37f - 2.0f;
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
        INFO(name_of(dtype) << ", " << count);
        const int size = size_of(dtype);
        alignas(16) char memory[2 * guard + 16 * count];
        memset(memory, 0x77, sizeof memory);
        store_floats(row, dtype, memory + guard);
        for (int i = 0; i < count; ++i) {
            uint32_t bits = 0;
            memcpy(&bits, memory + guard + i * size, size_t(size));
            CHECK(bits == stored(row[i], dtype));
        }
        for (char* at = memory; at < memory + sizeof memory; ++at)
            if (at < memory + guard || at >= memory + guard + count * size) REQUIRE(*at == 0x77);
    }
}
}  // namespace

TEST_CASE("flush: a row in registers is stored exactly, and nothing next to it") {
    check_row<1>(), check_row<3>(), check_row<4>(), check_row<6>(), check_row<8>();
}

TEST_CASE("flush: every conversion equals a plain loop at every offset and length") {
    const std::vector<std::pair<DType, std::vector<DType>>> kinds = {
        {DType::bit, {DType::uint8, DType::int8, DType::bfloat16, DType::float32}},
        {DType::uint8, {DType::uint8, DType::int8, DType::bfloat16, DType::float32}},
        {DType::int8, {DType::int8, DType::uint8, DType::bfloat16, DType::float32}},
        {DType::float32, {DType::bfloat16, DType::float32}}};
    for (const auto& [written, dtypes] : kinds)
        for (DType dtype : dtypes)
            for (int count : {0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 121, 363})
                for (int offset : {0, 1, 2, 3, 5, 8, 11, 15})
                    for (int lanes : {1, 3, 32}) check_move(written, dtype, count, offset, lanes);
}

TEST_CASE("bfloat16: rounds to nearest, ties to even, and keeps infinities and nan") {
    CHECK(bfloat16_bits(1.0f) == 0x3F80);
    CHECK(bfloat16_bits(-2.0f) == 0xC000);
    CHECK(bfloat16_bits(1.0f + 0x1p-8f) == 0x3F80);             // half way, down to even
    CHECK(bfloat16_bits(1.0f + 3 * 0x1p-8f) == 0x3F82);         // half way, up to even
    CHECK(bfloat16_bits(1.0f + 0x1p-8f + 0x1p-20f) == 0x3F81);  // above half
    CHECK(bfloat16_bits(std::numeric_limits<float>::max()) == 0x7F80);
    CHECK(bfloat16_bits(std::numeric_limits<float>::infinity()) == 0x7F80);
    CHECK(bfloat16_bits(std::numeric_limits<float>::quiet_NaN()) == 0x7FC0);
    CHECK(bfloat16_bits(-0.0f) == 0x8000);
}

}  // namespace flockstep
