#include "trainer/run/checkpoint.h"

#include <cstring>
#include <stdexcept>

#include "trainer/policy/network.h"

namespace flockstep {

namespace {
constexpr char worlds_prefix[] = "environment.";

int64_t bytes_of(DType dtype, const std::vector<int64_t>& shape) {
    int64_t bytes = size_of(dtype);
    for (int64_t n : shape) bytes *= n;
    return bytes;
}

/// Adds the arrays that it is shown to an archive.
class StateWriter : public StateVisitor {
  public:
    StateWriter(Archive& archive, Memory& memory) : archive_(archive), memory_(memory) {}
    void visit(const std::string& name, DType dtype, const std::vector<int64_t>& shape, void* data,
               NumberRange) override {
        std::vector<char> bytes(size_t(bytes_of(dtype, shape)));
        memory_.to_host(bytes.data(), data, bytes.size());
        archive_.arrays.push_back({name, dtype, shape, std::move(bytes)});
    }

  private:
    Archive& archive_;
    Memory& memory_;
};
}  // namespace

void StateReader::visit(const std::string& name, DType dtype, const std::vector<int64_t>& shape, void* data,
                        NumberRange range) {
    const NamedArray& array = archive_.expect_numbers(name, dtype, shape, range.low, range.high);
    memory_.from_host(data, array.bytes.data(), array.bytes.size());
}

bool is_of_worlds(const std::string& array) { return array.rfind(worlds_prefix, 0) == 0; }

Archive snapshot(Trainer& trainer) {
    Archive archive;
    Batch& batch = trainer.batch();
    const TrainerProgress progress = trainer.training_progress();
    write_info(archive, {batch.environment(), batch.settings(), trainer.config(), role_ranges(batch),
                         trainer.policies(), progress.iterations, progress.seconds});
    StateWriter writer(archive, batch.memory());
    trainer.visit_state(writer);
    for (FieldValue& field : batch.save()) {
        field.name = worlds_prefix + field.name;
        archive.arrays.push_back(std::move(field));
    }
    return archive;
}

void restore(Trainer& trainer, const Archive& archive) {
    const CheckpointInfo info = read_info(archive);
    Batch& batch = trainer.batch();
    if (info.environment != batch.environment())
        throw std::invalid_argument(archive.place() + "it was trained on the environment " + info.environment +
                                    ", want " + batch.environment());
    StateReader reader(archive, batch.memory());
    trainer.visit_state(reader);
    std::vector<FieldValue> worlds;
    for (const NamedArray& array : archive.arrays) {
        if (!is_of_worlds(array.name)) continue;
        worlds.push_back(array);
        worlds.back().name = array.name.substr(sizeof worlds_prefix - 1);
    }
    trainer.end_restore(worlds, {info.iterations, info.seconds});
}

}  // namespace flockstep
