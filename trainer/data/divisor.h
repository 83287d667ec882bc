#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

namespace flockstep {

/// The upper half of a product.
SIM_HD uint64_t multiply_high(uint64_t a, uint64_t b) {
#ifdef __CUDA_ARCH__
    return __umul64hi(a, b);
#else
    return uint64_t(static_cast<unsigned __int128>(a) * b >> 64);
#endif
}

/// A number that many others are divided by: made on the host, it turns a division, a long sequence of instructions on
/// a GPU, into a multiplication and a shift. Granlund, Montgomery 1994, "Division by invariant integers using
/// multiplication".
class Divisor {
  public:
    /// number >= 1; 0: nothing is divided by it.
    constexpr Divisor(int64_t number = 0) : number_(number) {
        if (number <= 0) return;
        while (shift_ < 62 && (int64_t{1} << shift_) < number) ++shift_;
        // ceil(2^(63 + shift) / number): for n < 2^63, n * factor / 2^(63 + shift) is n / number, rounded down.
        factor_ = uint64_t(((static_cast<unsigned __int128>(1) << (63 + shift_)) + uint64_t(number) - 1) /
                           static_cast<unsigned __int128>(number));
    }
    SIM_HD operator int64_t() const { return number_; }
    /// n >= 0.
    SIM_HD friend int64_t operator/(int64_t n, const Divisor& d) {
        return int64_t(multiply_high(uint64_t(n) << 1, d.factor_) >> d.shift_);
    }
    SIM_HD friend int64_t operator%(int64_t n, const Divisor& d) { return n - n / d * d.number_; }

  private:
    int64_t number_;
    uint64_t factor_ = 0;
    int shift_ = 0;
};

}  // namespace flockstep
