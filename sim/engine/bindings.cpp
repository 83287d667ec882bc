#include "sim/engine/bindings.h"

#include <stdexcept>

#include "sim/engine/batch.h"
#include "sim/engine/engine_view.h"

namespace flockstep {

Bindings& Bindings::read_action(size_t index, const void* data, DType dtype) {
    const Tensor& own = batch_->actions().at(index);
    if (dtype != own.dtype && !(own.dtype == DType::int32 && dtype == DType::int64))
        throw std::invalid_argument("action " + own.name + ": got " + name_of(dtype) + ", want " + name_of(own.dtype) +
                                    (own.dtype == DType::int32 ? " or int64" : ""));
    actions_.push_back({index, data, dtype == DType::int64});
    return *this;
}

Bindings& Bindings::write_output(const std::string& name, void* data) {
    add(name, data, false);
    return *this;
}
Bindings& Bindings::write_final(const std::string& name, void* data) {
    if (batch_->options().final_observation == FinalObservation::none)
        throw std::invalid_argument("output " + name + ": the batch keeps no final observations");
    add(name, data, true);
    return *this;
}

void Bindings::add(const std::string& name, void* data, bool is_final) {
    if (reinterpret_cast<uintptr_t>(data) % 16 != 0)
        throw std::invalid_argument("output " + name + ": got memory at " +
                                    std::to_string(reinterpret_cast<uintptr_t>(data)) +
                                    ", want an address that is a multiple of 16");
    outputs_.push_back({batch_->output_slot(name), data, is_final});
}

void Bindings::apply(EngineCommon& view) const {
    const bool one = batch_->has_one_action_tensor();
    for (const Action& action : actions_) {
        for (int p = 0; p < view.num_action_parts; ++p) {
            ActionView& a = view.actions[p];
            if (a.count == 0 || !a.own || (!one && a.own != batch_->actions()[action.index].data)) continue;
            const int64_t offset = one ? int64_t{a.first - view.first_learner} * (action.is_int64 ? 8 : 4) : 0;
            a.is_int64 = action.is_int64;
            a.input = static_cast<const char*>(action.data) + offset;
        }
    }
    for (const Output& output : outputs_) {
        if (output.is_final) {
            view.parts[output.slot].final_output = static_cast<char*>(output.data);
        } else if (output.slot < max_parts) {
            view.parts[output.slot].output = static_cast<char*>(output.data);
            if (view.parts[output.slot].mask_of < 0) view.bound_parts |= 1u << output.slot;
        } else {
            view.rows[output.slot - max_parts] = static_cast<char*>(output.data);
        }
    }
}

}  // namespace flockstep
