#include "trainer/device/selection.h"

#include <algorithm>

namespace flockstep {

namespace {
size_t storage_for([[maybe_unused]] Memory& memory, [[maybe_unused]] int64_t n) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (memory.device().is_cuda())
        return select_on_cuda({memory.device(), {}, nullptr}, nullptr, 0, n, nullptr, nullptr, nullptr);
#endif
    return 1;
}
}  // namespace

Selection::Selection(Memory& memory, int64_t n, int64_t* count, const std::string& what)
    : size_(n),
      count_(count),
      storage_bytes_(storage_for(memory, n)),
      flags_(memory, size_t(n), what),
      list_(memory, size_t(n) * 8, what),
      storage_(memory, std::max<size_t>(storage_bytes_, 1), what) {}

void Selection::run([[maybe_unused]] const ExecutionContext& context) {
    int64_t* const list = static_cast<int64_t*>(list_.data());
#ifdef FLOCKSTEP_WITH_CUDA
    if (context.device.is_cuda()) {
        select_on_cuda(context, storage_.data(), storage_bytes_, size_, flags(), list, count_);
        return;
    }
#endif
    *count_ = 0;
    for (int64_t i = 0; i < size_; ++i)
        if (flags()[i]) list[(*count_)++] = i;
}

}  // namespace flockstep
