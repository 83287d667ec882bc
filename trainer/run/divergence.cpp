#include "trainer/run/divergence.h"

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace flockstep {

namespace {
[[noreturn]] void fail(const std::string& what, const IterationMetrics& metrics, const RunFolder& folder) {
    const bool has_checkpoint = std::filesystem::is_regular_file(folder.checkpoint());
    throw std::runtime_error(
        "training diverged: " + what + " after " + std::to_string(metrics.agent_steps) + " agent-steps; " +
        (has_checkpoint ? folder.checkpoint().string() + " is of before" : "no checkpoint is saved") +
        "; a smaller learning_rate may help");
}

bool is_finite(const NamedArray& array) {
    for (size_t i = 0; i < array.bytes.size(); i += sizeof(float)) {
        float number;
        memcpy(&number, array.bytes.data() + i, sizeof number);
        if (!std::isfinite(number)) return false;
    }
    return true;
}
}  // namespace

void expect_finite(const IterationMetrics& metrics, const RunFolder& folder) {
    for (const auto& [name, value] : {std::pair("policy_loss", metrics.policy_loss),
                                      {"value_loss", metrics.value_loss},
                                      {"entropy", metrics.entropy},
                                      {"gradient_norm", metrics.gradient_norm}})
        if (!std::isfinite(value))
            fail(std::string(name) + (std::isnan(value) ? " is nan" : " is infinite"), metrics, folder);
}

void expect_finite_weights(const Archive& archive, const IterationMetrics& metrics, const RunFolder& folder) {
    for (const NamedArray& array : archive.arrays)
        if (array.dtype == DType::float32 && array.name.find(".parameter.") != std::string::npos && !is_finite(array))
            fail(array.name + " is not finite", metrics, folder);
}

}  // namespace flockstep
