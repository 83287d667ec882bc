#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/memory.h"
#include "trainer/data/state_visitor.h"
#include "trainer/policy/parameters.h"

namespace flockstep {

/// The numbers of one network on the device: flat float32 arrays of size() elements, in which parameters lie as the
/// list says, so that the optimiser updates all of them in one kernel. With bfloat16 the network computes with a
/// rounded copy.
class Weights {
  public:
    enum class Use { act, learn };  // act: parameters alone
    Weights(const ParameterList& list, bool is_bfloat16, Use use, Memory& memory);

    const ParameterList& list() const { return *list_; }
    int64_t size() const { return list_->size(); }
    float* parameter() const { return data(0); }
    float* gradient() const { return data(1); }
    float* first_moment() const { return data(2); }
    float* second_moment() const { return data(3); }
    uint16_t* bf16_copy() const { return copy_; }  // null with float32
    Memory& memory() const { return *memory_; }

    /// Random parameters, the same on every device; `stream` distinguishes policies of the same seed. Waits.
    void initialize(uint64_t seed, uint32_t stream);
    /// Updates the bfloat16 copy after parameter() was written from the host. Waits.
    void refresh();

  private:
    float* data(size_t array) const { return static_cast<float*>(buffers_[array].data()); }
    const ParameterList* list_;
    Memory* memory_;
    std::vector<Buffer> buffers_;
    uint16_t* copy_ = nullptr;
};

/// Shows a visitor each parameter within one of the flat arrays.
void visit_parameters(StateVisitor& visitor, const std::string& prefix, const ParameterList& list, float* flat,
                      NumberRange range = {});

}  // namespace flockstep
