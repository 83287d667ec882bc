#include "trainer/algorithm/input_normaliser.h"

#include <algorithm>

#include "trainer/learn/optimiser.h"

namespace flockstep {

InputNormaliser::InputNormaliser(const InputColumns& columns, const std::vector<float>& scale, bool learns,
                                 Memory& memory)
    : memory_(memory),
      learns_(learns),
      width_(columns.width),
      columns_(columns.columns),
      numbers_(memory, size_t(width_) * 8, "input scale"),
      moments_(memory, learns ? size_t(columns_) * sizeof(Moments) : 1, "moments"),
      sums_(memory, learns ? size_t(observation_chunks) * size_t(columns_) * 24 : 1, "sums of moments") {
    memory.from_host(static_cast<float*>(numbers_.data()) + width_, scale.data(), scale.size() * 4);
}

void InputNormaliser::attach(InputColumns& input) const {
    input.shift = static_cast<const float*>(numbers_.data());
    input.scale = input.shift + width_;
    input.limit = learns_ ? observation_limit : 0.0f;
}

void InputNormaliser::learn(const ExecutionContext& context, const InputColumns& input, int64_t num_samples) {
    if (!learns_) return;
    double* const sums = static_cast<double*>(sums_.data());
    float* const shift = static_cast<float*>(numbers_.data());
    run(context, int64_t(observation_chunks) * columns_, SumColumns{input, num_samples, sums});
    run(context, columns_, MergeColumns{input, sums, static_cast<Moments*>(moments_.data()), shift, shift + width_});
}

bool InputNormaliser::is_new() const {
    std::vector<Moments> moments(learns_ ? size_t(columns_) : 0);
    memory_.to_host(moments.data(), moments_.data(), moments.size() * sizeof(Moments));
    return std::all_of(moments.begin(), moments.end(), [](const Moments& column) { return column.count == 0; });
}

void InputNormaliser::sum_squares(const ExecutionContext& context, double* sum, Store store) const {
    flockstep::sum(context, 2 * width_, SumSquares{static_cast<const float*>(numbers_.data())}, sum, store);
}

void InputNormaliser::visit(StateVisitor& visitor, const std::string& prefix, bool for_learning) {
    visitor.visit(prefix + "shift_and_scale", DType::float32, {2, width_}, numbers_.data());
    if (learns_ && for_learning) visitor.visit(prefix + "moments", DType::float64, {columns_, 3}, moments_.data());
}

}  // namespace flockstep
