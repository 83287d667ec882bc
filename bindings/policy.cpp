#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <deque>
#include <stdexcept>

#include "bindings/array.h"
#include "bindings/convert.h"
#include "trainer/policy/role_actor.h"
#include "trainer/run/run_folder.h"

/// The Python module _flockstep_policy: the policies of a checkpoint, on arrays from anywhere. Tied to LibTorch, which
/// _flockstep is not. flockstep.load_policy() wraps it.
namespace py = pybind11;

namespace flockstep {

namespace {

/// A checkpoint's policies, one per role, for any number of worlds, and of agents where there is one role.
class CheckpointPolicy : public Constructed {
  public:
    CheckpointPolicy(const std::string& path, const std::string& device)
        : archive_(read_archive(find_checkpoint(path))),
          info_(read_info(archive_)),
          memory_(make_memory(find_device(device))) {
        // One agent each, however many the file says: what is wrong with it is said now, and memory is taken later.
        prepare(1, specs_for(std::vector<int>(info_.policies.size(), 1), {}));
    }

    const CheckpointInfo& info() const { return info_; }
    Device device() const { return memory_->device(); }

    /// parts: for each role its arrays [num_envs, agents, ...], in the order of info().policies; masks: for each role
    /// an array [num_envs, agents, num_actions] or None; action: int32 [num_envs, all agents], which is written.
    void act(const std::vector<std::vector<py::object>>& parts, const std::vector<py::object>& masks,
             const py::object& action, int64_t num_envs, const std::vector<int>& counts, bool deterministic,
             uint64_t seed, int64_t counter) {
        const Stream stream = current_stream(device());
        const std::vector<PolicySpec> shapes = specs_for(counts, {});
        std::vector<BorrowedArray> given;
        std::vector<DType> dtypes;
        for (size_t r = 0; r < shapes.size(); ++r)
            for (size_t p = 0; p < shapes[r].parts.size(); ++p) {
                given.emplace_back(parts.at(r).at(p), array_spec(shapes[r], p, num_envs), stream);
                dtypes.push_back(given.back().dtype());
            }
        std::vector<const uint8_t*> allowed;
        for (size_t r = 0; r < shapes.size(); ++r)
            allowed.push_back(take_mask(shapes[r], masks.at(r), num_envs, stream, given));
        const int64_t num_agents = shapes.back().first + shapes.back().count;
        given.emplace_back(action, ArraySpec{"action", {DType::int32}, {num_envs, num_agents}, device()}, stream);

        const py::gil_scoped_release free;
        prepare(num_envs, specs_for(counts, dtypes));
        for (size_t r = 0, next = 0; r < roles_.size(); ++r) {
            for (size_t p = 0; p < shapes[r].parts.size(); ++p) roles_[r].bind_observation(p, given[next++].data());
            roles_[r].bind_action_mask(allowed[r]);
            roles_[r].act({device(), stream, nullptr}, {deterministic, seed, 0, counter},
                          static_cast<int32_t*>(const_cast<void*>(given.back().data())));
        }
        given_.swap(given);  // on the GPU they are still being read
    }

  private:
    /// The checkpoint's roles with these numbers of agents, and types of their parts one after another; empty lists
    /// leave them as they were in training.
    std::vector<PolicySpec> specs_for(const std::vector<int>& counts, const std::vector<DType>& dtypes) const {
        std::vector<PolicySpec> specs = info_.policies;
        size_t next = 0;
        for (size_t r = 0; r < specs.size(); ++r) {
            if (!counts.empty()) specs[r].count = counts.at(r);
            specs[r].first = r ? specs[r - 1].first + specs[r - 1].count : 0;
            for (PolicySpec::Part& part : specs[r].parts)
                if (!dtypes.empty()) part.dtype = dtypes[next++];
        }
        return specs;
    }
    ArraySpec array_spec(const PolicySpec& spec, size_t p, int64_t num_envs) const {
        const PolicySpec::Part& part = spec.parts[p];
        ArraySpec array{part.name, {part.dtype}, {num_envs, spec.count}, device()};
        for (DType other : {DType::uint8, DType::int8, DType::bfloat16, DType::float32})
            if (other != part.dtype) array.dtypes.push_back(other);
        array.shape.insert(array.shape.end(), part.shape.begin(), part.shape.end());
        return array;
    }
    const uint8_t* take_mask(const PolicySpec& spec, const py::object& mask, int64_t num_envs, Stream stream,
                             std::vector<BorrowedArray>& given) const {
        if (mask.is_none()) return nullptr;
        const std::string name = spec.action_mask.empty() ? "action_mask" : spec.action_mask;
        given.emplace_back(mask, ArraySpec{name, {DType::uint8}, {num_envs, spec.count, spec.num_actions}, device()},
                           stream);
        return static_cast<const uint8_t*>(given.back().data());
    }

    /// New actors where the number of worlds, of agents, or a type has changed.
    void prepare(int64_t num_envs, const std::vector<PolicySpec>& specs) {
        bool fits = num_envs == num_envs_ && roles_.size() == specs.size();
        for (size_t r = 0; fits && r < specs.size(); ++r) {
            fits = roles_[r].spec().count == specs[r].count;
            for (size_t p = 0; fits && p < specs[r].parts.size(); ++p)
                fits = roles_[r].spec().parts[p].dtype == specs[r].parts[p].dtype;
        }
        if (fits) return;
        memory_->synchronize();  // the old ones may still be at work
        roles_.clear(), num_envs_ = num_envs;
        const int num_agents = specs.back().first + specs.back().count;
        for (size_t r = 0; r < specs.size(); ++r)
            roles_.emplace_back(info_.policies[r], specs[r], info_, archive_, *memory_, num_envs, num_agents);
    }

    Archive archive_;
    CheckpointInfo info_;
    std::unique_ptr<Memory> memory_;
    int64_t num_envs_ = 0;
    std::deque<RoleActor> roles_;
    std::vector<BorrowedArray> given_;
};

py::list roles_of(const CheckpointPolicy& policy) {
    py::list roles;
    for (const PolicySpec& spec : policy.info().policies) {
        py::list parts;
        for (const PolicySpec::Part& part : spec.parts)
            parts.append(py::make_tuple(part.name, py::tuple(py::cast(part.shape))));
        py::dict role;
        role["name"] = spec.role;
        role["count"] = spec.count;
        role["parts"] = parts;
        role["num_actions"] = spec.num_actions;
        role["has_action_mask"] = !spec.action_mask.empty();
        roles.append(role);
    }
    return roles;
}

}  // namespace

}  // namespace flockstep

PYBIND11_MODULE(_flockstep_policy, module) {
    using namespace flockstep;
    register_sentences();
    module.doc() = "Trained policies of Flockstep on arrays. flockstep.load_policy() is its friendly face.";
    py::class_<CheckpointPolicy>(module, "CheckpointPolicy", "The policies of a checkpoint; see flockstep.Policy.")
        .def(py::init(&construct<CheckpointPolicy, const std::string&, const std::string&>), py::arg("path"),
             py::arg("device") = "auto",
             "Reads a checkpoint, or that of a run folder. ValueError that says what is wrong with it.")
        .def("act", &CheckpointPolicy::act, py::arg("parts"), py::arg("masks"), py::arg("action"), py::kw_only(),
             py::arg("num_envs"), py::arg("counts"), py::arg("deterministic"), py::arg("seed"), py::arg("counter"),
             "Writes action, int32 [num_envs, num_agents]. Enqueued on the caller's current stream.")
        .def_property_readonly("device", [](const CheckpointPolicy& p) { return p.device().name(); })
        .def_property_readonly("environment", [](const CheckpointPolicy& p) { return p.info().environment; })
        .def_property_readonly("settings",
                               [](const CheckpointPolicy& p) { return to_dict(p.info().environment_settings); })
        .def_property_readonly("roles", &roles_of,
                               "Dicts of name, count, parts (name, shape), num_actions, has_action_mask.");
}
