#include "envs/common/bits.h"
#include "tests/catch.h"

namespace flockstep {

TEST_CASE("bits: the lowest one, the others and their number") {
    for (int i = 0; i < 32; ++i) CHECK(lowest_bit(1u << i | 1u << 31) == i);
    CHECK(without_lowest_bit(0b101100u) == 0b101000u);
    CHECK(without_lowest_bit(0u) == 0u);
    CHECK(count_bits(0u) == 0);
    CHECK(count_bits(~0u) == 32);
    int sum = 0;
    for (uint32_t rest = 0x80000412u; rest; rest = without_lowest_bit(rest)) sum += lowest_bit(rest);
    CHECK(sum == 1 + 4 + 10 + 31);
}

}  // namespace flockstep
