#include "cli/device.h"

#include <cstdio>

namespace flockstep {

Device choose_device(const std::string& name) {
    const Device device = find_device(name);
    static bool has_said = false;
    if (name == "auto" && !device.is_cuda() && !has_said) {
        std::fprintf(stderr, "No usable GPU (%s): running on the CPU.\n", cuda_unavailable_reason().c_str());
        has_said = true;
    }
    return device;
}

}  // namespace flockstep
