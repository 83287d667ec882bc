#include "trainer/run/divergence.h"

#include <cstring>
#include <limits>

#include "trainer/run/checkpoint.h"

namespace flockstep {

namespace {
/// "the weight actor.hidden.0.weight" for "agent.parameter.actor.hidden.0.weight".
std::string describe(const std::string& name) {
    for (const auto& [key, what] : {std::pair{"parameter.", "the weight "},
                                    {"first_moment.", "the first moment of "},
                                    {"second_moment.", "the second moment of "}})
        if (name.rfind(key, 0) == 0) return what + name.substr(strlen(key));
    return "the array " + name;
}
}  // namespace

void expect_finite(const Archive& snapshot, int64_t iteration) {
    for (const NamedArray& array : snapshot.arrays) {
        if (is_of_worlds(array.name) || (array.dtype != DType::float32 && array.dtype != DType::float64)) continue;
        constexpr double any = std::numeric_limits<double>::infinity();
        const int64_t wrong = find_wrong_number(array, -any, any);
        if (wrong < 0) continue;
        const size_t dot = array.name.find('.');
        throw NotFinite({offence_text(describe(array.name.substr(dot + 1)), array.name.substr(0, dot),
                                      number_at(array, wrong), learning_advice)},
                        iteration);
    }
}

std::string diverged_text(const NotFinite& error, const RunFolder& folder, int64_t seed, int64_t saved_iterations) {
    const std::string with_seed = " with seed " + std::to_string(seed);
    if (saved_iterations < 0)
        return std::string(error.what()) + "; no checkpoint was saved, the same run" + with_seed + " repeats it";
    return std::string(error.what()) + "; flockstep train --resume " + folder.path().string() + " repeats it" +
           with_seed + ", from " + folder.checkpoint().filename().string() + " of iteration " +
           std::to_string(saved_iterations);
}

}  // namespace flockstep
