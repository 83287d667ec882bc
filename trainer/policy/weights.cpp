#include "trainer/policy/weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>

#include <cmath>
#include <cstring>

#include "sim/contract/flush.h"
#include "sim/contract/random.h"

namespace flockstep {

namespace {
/// A matrix with orthonormal rows or columns, whichever are fewer, times `gain`: the Q of a matrix of normal numbers,
/// with the signs that make it uniformly distributed (Saxe et al. 2014). Drawn from our own streams: equal on all
/// machines with the same LAPACK.
at::Tensor orthogonal(int64_t rows, int64_t columns, float gain, const Rng& rng) {
    const int64_t tall = std::max(rows, columns), wide = std::min(rows, columns);
    at::Tensor normal = at::empty({tall, wide}, at::kDouble);
    double* numbers = normal.data_ptr<double>();
    for (int64_t i = 0; i < tall * wide; ++i) {
        const Words words = rng.bits4(uint32_t(i & 0xFFFFF), uint32_t(i >> 20));
        const double radius = std::sqrt(-2.0 * std::log((words.word[0] + 1.0) * 0x1p-32));
        numbers[i] = radius * std::cos(6.283185307179586 * words.word[1] * 0x1p-32);
    }
    auto [q, r] = at::linalg_qr(normal);
    q = q * r.diagonal().sign();
    return ((rows < columns ? q.t() : q) * gain).to(at::kFloat).contiguous();
}

/// Fills a matrix of the flat array; convolutions count as matrices of one row per channel.
void fill(const Parameter& p, uint64_t seed, uint32_t stream, uint32_t number, float* flat) {
    const int64_t outputs = p.shape[0], stride = p.count() / outputs, inputs = p.inputs ? p.inputs : stride;
    const int64_t apart = p.split ? p.split : outputs;
    for (int64_t first = 0; first < outputs; first += apart) {
        const Rng rng{seed, stream, number, uint32_t(first), Purpose::initialize};
        const int64_t rows = std::min(apart, outputs - first);
        const at::Tensor matrix = orthogonal(rows, inputs, first ? 1.0f : p.gain, rng);
        for (int64_t row = 0; row < rows; ++row)
            memcpy(flat + p.offset + (first + row) * stride, matrix.data_ptr<float>() + row * inputs,
                   size_t(inputs) * 4);
    }
}
}  // namespace

Weights::Weights(const ParameterList& list, bool is_bfloat16, Use use, Memory& memory)
    : list_(&list), memory_(&memory) {
    buffers_.emplace_back(memory, size_t(size()) * 4, "the policy's parameters");
    if (use == Use::learn)
        for (const char* what : {"gradients", "first moments", "second moments"})
            buffers_.emplace_back(memory, size_t(size()) * 4, std::string("the policy's ") + what);
    if (!is_bfloat16) return;
    buffers_.emplace_back(memory, size_t(size()) * 2, "the policy's bfloat16 parameters");
    copy_ = static_cast<uint16_t*>(buffers_.back().data());
}

void Weights::initialize(uint64_t seed, uint32_t stream) {
    std::vector<float> numbers(size_t(size()), 0.0f);
    const std::vector<Parameter>& parameters = list_->list();
    for (size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].gain > 0) fill(parameters[i], seed, stream, uint32_t(i), numbers.data());
    memory_->from_host(parameter(), numbers.data(), numbers.size() * 4);
    refresh();
}

void Weights::refresh() {
    if (!copy_) return;
    std::vector<float> numbers(size_t(size()), 0.0f);
    memory_->to_host(numbers.data(), parameter(), numbers.size() * 4);
    std::vector<uint16_t> rounded(numbers.size());
    for (size_t i = 0; i < numbers.size(); ++i) rounded[i] = uint16_t(bfloat16_bits(numbers[i]));
    memory_->from_host(copy_, rounded.data(), rounded.size() * 2);
}

void visit_parameters(StateVisitor& visitor, const std::string& prefix, const ParameterList& list, float* flat,
                      NumberRange range) {
    for (const Parameter& p : list.list())
        visitor.visit(prefix + p.name, DType::float32, p.shape, flat + p.offset, range);
}

}  // namespace flockstep
