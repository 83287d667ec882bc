#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <deque>
#include <stdexcept>

#include "bindings/array.h"
#include "bindings/convert.h"
#include "trainer/run/policy_actor.h"
#include "trainer/run/run_folder.h"

/// The Python module _flockstep_policy: the policies of a checkpoint, on arrays from anywhere. Tied to LibTorch, which
/// _flockstep is not. flockstep.load_policy() wraps it.
namespace py = pybind11;

namespace flockstep {

namespace {

/// A checkpoint's policies, for any number of worlds, and of agents where one policy acts for all of a role.
class CheckpointPolicy : public Constructed {
  public:
    CheckpointPolicy(const std::string& path, const std::string& device)
        : archive_(read_archive(find_checkpoint(path))),
          info_(read_info(archive_)),
          memory_(make_memory(find_device(device))) {
        // As few agents as the policies allow, however many the file says: what is wrong with it is said now, and
        // memory is taken later.
        std::vector<int> counts;
        for (size_t r = 0; r < info_.roles.size(); ++r) counts.push_back(least_agents(r));
        prepare(1, roles_for(counts, {}));
    }

    const CheckpointInfo& info() const { return info_; }
    Device device() const { return memory_->device(); }
    /// The policy that knows what a role's agents see and choose.
    const PolicySpec& spec_of(size_t role) const {
        for (const PolicySpec& spec : info_.policies)
            for (const PolicySpec::Members& members : spec.members)
                if (members.role == info_.roles[role].name) return spec;
        throw std::logic_error("a role without a policy");
    }

    /// Agents of a role that the policies need: one where a policy acts for all of them.
    int least_agents(size_t role) const {
        for (const PolicySpec& spec : info_.policies)
            for (const PolicySpec::Members& members : spec.members)
                if (members.role == info_.roles[role].name && members.agents.empty()) return 1;
        return info_.roles[role].count;
    }

    /// parts, masks: for each role its arrays [num_envs, agents, ...], in the order of the spec's parts and actions,
    /// masks None where it has none; actions: the same, which are written; one int32 [num_envs, all agents] if every
    /// role chooses one integer. counts: agents of each role.
    void act(const std::vector<std::vector<py::object>>& parts, const std::vector<std::vector<py::object>>& masks,
             const std::vector<std::vector<py::object>>& actions, int64_t num_envs, const std::vector<int>& counts,
             bool deterministic, uint64_t seed, int64_t counter) {
        const Stream stream = current_stream(device());
        Arrays arrays{{}, {}, {}, {}, num_envs, stream};
        const std::vector<ActorRole> shapes = roles_for(counts, {});
        for (size_t r = 0; r < shapes.size(); ++r)
            take_role(arrays, r, shapes, parts.at(r), masks.at(r), actions.at(r));
        if (has_one_action())
            arrays.actions.emplace_back(actions.at(0).at(0),
                                        ArraySpec{"action", {DType::int32}, {num_envs, agents_of(shapes)}, device()},
                                        stream);

        const py::gil_scoped_release free;
        std::vector<ActorRole> roles = shapes;
        for (size_t r = 0, next = 0; r < roles.size(); ++r)
            for (DType& dtype : roles[r].dtypes) dtype = arrays.parts[next++].dtype();
        prepare(num_envs, roles);
        bind(arrays, roles);
        for (PolicyActor& policy : policies_)
            policy.act({device(), stream, nullptr}, {deterministic, seed, 0, counter});
        std::swap(given_,
                  arrays);  // on the GPU they are still being read; the last ones go once Python is locked again
    }
    bool has_one_action() const {
        return std::all_of(info_.policies.begin(), info_.policies.end(), [](const PolicySpec& spec) {
            return spec.actions.size() == 1 && spec.actions[0].kind == ActionPart::Kind::discrete;
        });
    }

  private:
    /// What a call was given, role after role.
    struct Arrays {
        std::deque<BorrowedArray> parts, masks, actions;
        std::vector<bool> has_mask;
        int64_t num_envs = 0;
        Stream stream;
    };
    static int64_t agents_of(const std::vector<ActorRole>& roles) {
        return roles.back().range.first + roles.back().range.count;
    }
    /// The checkpoint's roles with these numbers of agents, and types of their parts one after another; empty lists
    /// leave them as they were in training.
    std::vector<ActorRole> roles_for(const std::vector<int>& counts, const std::vector<DType>& dtypes) const {
        std::vector<ActorRole> roles;
        size_t next = 0;
        for (size_t r = 0; r < info_.roles.size(); ++r) {
            ActorRole& role = roles.emplace_back(ActorRole{info_.roles[r], {}});
            if (!counts.empty()) role.range.count = counts.at(r);
            role.range.first = r ? roles[r - 1].range.first + roles[r - 1].range.count : 0;
            for (const PolicySpec::Part& part : spec_of(r).parts)
                role.dtypes.push_back(dtypes.empty() ? part.dtype : dtypes[next++]);
        }
        return roles;
    }
    void take_role(Arrays& arrays, size_t r, const std::vector<ActorRole>& roles, const std::vector<py::object>& parts,
                   const std::vector<py::object>& masks, const std::vector<py::object>& actions) const {
        const PolicySpec& spec = spec_of(r);
        const RoleRange& range = roles[r].range;
        const auto name = [&](const std::string& part) { return tensor_name(info_.roles, range.name, part); };
        const auto add = [&](std::deque<BorrowedArray>& list, const py::object& given, const std::string& what,
                             std::vector<DType> dtypes, const std::vector<int>& shape) {
            ArraySpec array{what, std::move(dtypes), {arrays.num_envs, range.count}, device()};
            array.shape.insert(array.shape.end(), shape.begin(), shape.end());
            list.emplace_back(given, array, arrays.stream);
        };
        for (size_t p = 0; p < spec.parts.size(); ++p) {
            std::vector<DType> dtypes{spec.parts[p].dtype};
            for (DType other : {DType::uint8, DType::int8, DType::bfloat16, DType::float32})
                if (other != dtypes[0]) dtypes.push_back(other);
            add(arrays.parts, parts.at(p), name(spec.parts[p].name), dtypes, spec.parts[p].shape);
        }
        for (size_t a = 0; a < spec.actions.size(); ++a) {
            const PolicySpec::Action& action = spec.actions[a];
            arrays.has_mask.push_back(!masks.at(a).is_none());
            if (arrays.has_mask.back())
                add(arrays.masks, masks[a], mask_tensor(info_.roles, range.name, spec, a), {DType::uint8},
                    {action.choices()});
            if (has_one_action()) continue;
            add(arrays.actions, actions.at(a), name(action.name), {action.is_box() ? DType::float32 : DType::int32},
                action.kind == ActionPart::Kind::discrete ? std::vector<int>{} : std::vector<int>{action.size()});
        }
    }
    void bind(const Arrays& arrays, const std::vector<ActorRole>& roles) {
        const auto data_of = [](const BorrowedArray& array) { return const_cast<void*>(array.data()); };
        size_t part = 0, mask = 0, action = 0, number = 0;
        for (size_t r = 0; r < roles.size(); ++r) {
            const PolicySpec& spec = spec_of(r);
            for (size_t p = 0; p < spec.parts.size(); ++p, ++part)
                for (PolicyActor& policy : policies_) policy.bind_observation(r, p, arrays.parts[part].data());
            for (size_t a = 0; a < spec.actions.size(); ++a) {
                const void* const legal = arrays.has_mask[number++] ? data_of(arrays.masks[mask++]) : nullptr;
                void* const chosen = data_of(arrays.actions[has_one_action() ? 0 : action++]);
                for (PolicyActor& policy : policies_) {
                    policy.bind_mask(r, a, static_cast<const uint8_t*>(legal));
                    policy.bind_action(r, a, chosen, has_one_action());
                }
            }
        }
    }

    /// New actors where the number of worlds, of agents, or a type has changed.
    void prepare(int64_t num_envs, const std::vector<ActorRole>& roles) {
        bool fits = num_envs == num_envs_ && roles_.size() == roles.size();
        for (size_t r = 0; fits && r < roles.size(); ++r)
            fits = roles_[r].range.count == roles[r].range.count && roles_[r].dtypes == roles[r].dtypes;
        if (fits) return;
        memory_->synchronize();  // the old ones may still be at work
        policies_.clear(), num_envs_ = 0, roles_.clear();
        for (size_t p = 0; p < info_.policies.size(); ++p)
            policies_.emplace_back(info_, archive_, p, roles, *memory_, num_envs);
        num_envs_ = num_envs, roles_ = roles;
    }

    Archive archive_;
    CheckpointInfo info_;
    std::unique_ptr<Memory> memory_;
    int64_t num_envs_ = 0;
    std::vector<ActorRole> roles_;
    std::deque<PolicyActor> policies_;
    Arrays given_;
};

py::list roles_of(const CheckpointPolicy& policy) {
    constexpr const char* kinds[] = {"discrete", "multi_discrete", "box"};
    py::list roles;
    for (size_t r = 0; r < policy.info().roles.size(); ++r) {
        const PolicySpec& spec = policy.spec_of(r);
        py::list parts, actions;
        for (const PolicySpec::Part& part : spec.parts)
            parts.append(py::make_tuple(part.name, py::tuple(py::cast(part.shape))));
        for (const PolicySpec::Action& part : spec.actions) {
            py::dict action;
            action["name"] = part.name, action["kind"] = kinds[int(part.kind)], action["n"] = part.n;
            action["size"] = part.size(), action["has_mask"] = part.has_mask;
            action["low"] = part.low, action["high"] = part.high;
            actions.append(action);
        }
        py::dict role;
        role["name"] = policy.info().roles[r].name;
        role["count"] = policy.info().roles[r].count;
        role["parts"] = parts, role["actions"] = actions;
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
        .def("act", &CheckpointPolicy::act, py::arg("parts"), py::arg("masks"), py::arg("actions"), py::kw_only(),
             py::arg("num_envs"), py::arg("counts"), py::arg("deterministic"), py::arg("seed"), py::arg("counter"),
             "Writes the actions. Enqueued on the caller's current stream.")
        .def_property_readonly("device", [](const CheckpointPolicy& p) { return p.device().name(); })
        .def_property_readonly("has_one_action", &CheckpointPolicy::has_one_action)
        .def_property_readonly("environment", [](const CheckpointPolicy& p) { return p.info().environment; })
        .def_property_readonly("settings",
                               [](const CheckpointPolicy& p) { return to_dict(p.info().environment_settings); })
        .def_property_readonly("roles", &roles_of, "Dicts of name, count, parts (name, shape) and actions (dicts).");
}
