#include <cstdint>

#include "tests/fuzz/targets.h"

/// libFuzzer's entry. FUZZ_TARGET: the name of a function of flockstep::fuzz.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    flockstep::fuzz::FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
    return 0;
}
