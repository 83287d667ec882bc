#include "sim/contract/pool.h"

#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace flockstep {

namespace {
[[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}
}  // namespace

void check_offsets(const View<int64_t>& first, int64_t num_items, const std::string& name) {
    if (first.empty()) refuse(name, "no offsets", "one for each row and one for the end");
    if (first[0] != 0) refuse(name, "first offset " + std::to_string(first[0]), "0");
    for (int64_t row = 0; row + 1 < first.size(); ++row) {
        const int64_t begin = first[row], end = first[row + 1];
        if (end < begin || end - begin > INT32_MAX)
            refuse(name, "row " + std::to_string(row) + " from " + std::to_string(begin) + " to " + std::to_string(end),
                   "0 to 2147483647 items");
    }
    if (const int64_t end = first[first.size() - 1]; end != num_items)
        refuse(name, std::to_string(num_items) + " items", std::to_string(end) + ", the last offset");
}

SceneWeights make_weights(Loader& loader, const std::vector<double>& weights, const std::string& name) {
    double total = 0;
    for (size_t scene = 0; scene < weights.size(); ++scene) {
        if (!(weights[scene] >= 0) || !std::isfinite(weights[scene]))
            refuse(name, to_text(weights[scene]) + " for scene " + std::to_string(scene), "a finite number >= 0");
        total += weights[scene];
    }
    if (!(total > 0) || !std::isfinite(total)) refuse(name, to_text(total) + " in all", "a finite number > 0");
    std::vector<uint64_t> upper;
    double so_far = 0;
    for (const double weight : weights) {
        so_far += weight;
        upper.push_back(uint64_t(so_far / total * 4294967296.0));
    }
    return {loader.keep(std::move(upper))};
}

}  // namespace flockstep
