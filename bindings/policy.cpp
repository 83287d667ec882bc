#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <stdexcept>

#include "bindings/array.h"
#include "bindings/convert.h"
#include "bindings/policy_network.h"
#include "io/quote.h"
#include "trainer/run/policy_actor.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/trained_network.h"

/// The Python module _flockstep_policy: the policies of a checkpoint, on arrays from anywhere. Tied to LibTorch, which
/// _flockstep is not. flockstep.load_policy() wraps it.
namespace py = pybind11;

namespace flockstep {

namespace {

using Lists = std::vector<std::vector<py::object>>;

/// A checkpoint's policies, for any number of worlds, and of agents where one policy acts for all of a role.
class CheckpointPolicy : public Constructed {
  public:
    CheckpointPolicy(const std::string& path, const std::string& device) : memory_(make_memory(find_device(device))) {
        const Archive archive = read_archive(find_checkpoint(path), is_needed_to_act);
        info_ = read_info(archive);
        for (size_t p = 0; p < info_.policies.size(); ++p) networks_.emplace_back(info_, archive, p, *memory_);
        // As few agents as the policies allow, however many the file says: what is wrong with it is said now, and
        // memory is taken later.
        std::vector<int> counts;
        for (size_t r = 0; r < info_.roles.size(); ++r) counts.push_back(least_agents(r));
        prepare(1, roles_for(counts, {}));
    }

    const CheckpointInfo& info() const { return info_; }
    const std::deque<TrainedNetwork>& networks() const { return networks_; }
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

    /// What a call is about. parts, masks, actions: for each role its arrays [num_envs, agents, ...], in the order of
    /// the spec's parts and actions; masks are None where there are none. With has_one_action() all roles share their
    /// actions, int32 [num_envs, all agents]. counts: agents of each role.
    struct Given {
        Lists parts, masks, actions;
        int64_t num_envs;
        std::vector<int> counts;
    };

    /// Writes given.actions, and to log_prob, unless None, what they are worth: float32 [num_envs, all agents].
    void act(const Given& given, bool deterministic, bool clip, uint64_t seed, int64_t counter,
             const py::object& log_prob) {
        Arrays arrays = take(given);
        float* const to = take_cells(arrays, given, "log_prob", log_prob);
        const py::gil_scoped_release free;
        prepare_for(arrays, given);
        for (PolicyActor& policy : policies_)
            policy.act({device(), arrays.stream, nullptr}, {deterministic, seed, 0, counter, !clip, to});
        // On the GPU they are still being read; the last ones go once Python is locked again.
        std::swap(given_, arrays);
    }

    /// Writes what is not None. distributions: for each role and action part (logits,) or (mean, deviation); empty:
    /// none. log_prob, of given.actions, entropy, value: float32 [num_envs, all agents].
    void describe(const Given& given, const std::vector<Lists>& distributions, const py::object& log_prob,
                  const py::object& entropy, const py::object& value) {
        if (!value.is_none()) expect_value_of_observation();
        Arrays arrays = take(given);
        const PolicyActor::Wanted wanted{!distributions.empty(), take_cells(arrays, given, "log_prob", log_prob),
                                         take_cells(arrays, given, "entropy", entropy),
                                         take_cells(arrays, given, "value", value)};
        std::vector<std::vector<DistributionColumns>> columns;
        for (size_t r = 0; r < distributions.size(); ++r) {
            columns.emplace_back();
            for (size_t a = 0; a < distributions[r].size(); ++a)
                columns.back().push_back(take_distribution(arrays, given, r, a, distributions[r][a]));
        }
        const py::gil_scoped_release free;
        prepare_for(arrays, given);
        for (PolicyActor& policy : policies_) {
            for (size_t r = 0; r < columns.size(); ++r)
                for (size_t a = 0; a < columns[r].size(); ++a) policy.bind_distribution(r, a, columns[r][a]);
            policy.describe({device(), arrays.stream, nullptr}, wanted);
        }
        std::swap(given_, arrays);
    }
    bool has_one_action() const {
        return std::all_of(info_.policies.begin(), info_.policies.end(), [](const PolicySpec& spec) {
            return spec.actions.size() == 1 && spec.actions[0].kind == ActionPart::Kind::discrete;
        });
    }

  private:
    /// What a call was given, role after role.
    struct Arrays {
        std::deque<BorrowedArray> parts, masks, actions, results;
        std::vector<bool> has_mask;
        int64_t num_envs = 0;
        Stream stream;
    };
    /// Throws std::invalid_argument where a critic sees what a call does not give.
    void expect_value_of_observation() const {
        for (const TrainedNetwork& trained : networks_)
            if (trained.network().has_own_critic_input())
                throw std::invalid_argument(
                    "value: the critic of policy " + trained.spec().name + " sees " +
                    (trained.config().critic_input == CriticInput::state
                         ? "the environment's global state (critic_input = state)"
                         : "the observations of all agents of the world (critic_input = joint)") +
                    ", want one that sees its agent's observation");
    }
    static void* data_of(const BorrowedArray& array) { return const_cast<void*>(array.data()); }
    static int64_t agents_of(const Given& given) {
        return std::accumulate(given.counts.begin(), given.counts.end(), int64_t{0});
    }
    Arrays take(const Given& given) const {
        Arrays arrays{{}, {}, {}, {}, {}, given.num_envs, current_stream(device())};
        const std::vector<ActorRole> roles = roles_for(given.counts, {});
        for (size_t r = 0; r < roles.size(); ++r)
            take_role(arrays, r, roles, given.parts.at(r), given.masks.at(r), given.actions);
        if (has_one_action() && !given.actions.empty())
            arrays.actions.emplace_back(
                given.actions.at(0).at(0),
                ArraySpec{"action", {DType::int32}, {given.num_envs, agents_of(given)}, device()}, arrays.stream);
        return arrays;
    }
    float* take_result(Arrays& arrays, const py::object& object, const std::string& name,
                       const std::vector<int64_t>& shape) const {
        arrays.results.emplace_back(object, ArraySpec{name, {DType::float32}, shape, device()}, arrays.stream);
        return static_cast<float*>(data_of(arrays.results.back()));
    }
    float* take_cells(Arrays& arrays, const Given& given, const char* name, const py::object& object) const {
        return object.is_none() ? nullptr : take_result(arrays, object, name, {given.num_envs, agents_of(given)});
    }
    DistributionColumns take_distribution(Arrays& arrays, const Given& given, size_t r, size_t a,
                                          const std::vector<py::object>& objects) const {
        const PolicySpec::Action& action = spec_of(r).actions.at(a);
        const int64_t columns = action.is_box() ? action.size() : action.choices();
        const std::vector<int64_t> shape{given.num_envs, given.counts.at(r), columns};
        if (!action.is_box()) return {take_result(arrays, objects.at(0), "logits", shape), nullptr, nullptr};
        return {nullptr, take_result(arrays, objects.at(0), "mean", shape),
                take_result(arrays, objects.at(1), "std", shape)};
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
                   const std::vector<py::object>& masks, const Lists& actions) const {
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
            if (has_one_action() || actions.empty()) continue;
            add(arrays.actions, actions.at(r).at(a), name(action.name),
                {action.is_box() ? DType::float32 : DType::int32},
                action.kind == ActionPart::Kind::discrete ? std::vector<int>{} : std::vector<int>{action.size()});
        }
    }
    void bind(const Arrays& arrays, const std::vector<ActorRole>& roles) {
        size_t part = 0, mask = 0, action = 0, number = 0;
        for (size_t r = 0; r < roles.size(); ++r) {
            const PolicySpec& spec = spec_of(r);
            for (size_t p = 0; p < spec.parts.size(); ++p, ++part)
                for (PolicyActor& policy : policies_) policy.bind_observation(r, p, arrays.parts[part].data());
            for (size_t a = 0; a < spec.actions.size(); ++a) {
                const void* const legal = arrays.has_mask[number++] ? data_of(arrays.masks[mask++]) : nullptr;
                void* const chosen =
                    arrays.actions.empty() ? nullptr : data_of(arrays.actions[has_one_action() ? 0 : action++]);
                for (PolicyActor& policy : policies_) {
                    policy.bind_mask(r, a, static_cast<const uint8_t*>(legal));
                    policy.bind_action(r, a, chosen, has_one_action());
                }
            }
        }
    }

    void prepare_for(const Arrays& arrays, const Given& given) {
        std::vector<DType> dtypes;
        for (const BorrowedArray& part : arrays.parts) dtypes.push_back(part.dtype());
        const std::vector<ActorRole> roles = roles_for(given.counts, dtypes);
        prepare(given.num_envs, roles);
        bind(arrays, roles);
    }
    /// New actors where the number of worlds, of agents, or a type has changed.
    void prepare(int64_t num_envs, const std::vector<ActorRole>& roles) {
        bool fits = num_envs == num_envs_ && roles_.size() == roles.size();
        for (size_t r = 0; fits && r < roles.size(); ++r)
            fits = roles_[r].range.count == roles[r].range.count && roles_[r].dtypes == roles[r].dtypes;
        if (fits) return;
        memory_->synchronize();  // the old ones may still be at work
        policies_.clear(), num_envs_ = 0, roles_.clear();
        for (const TrainedNetwork& network : networks_) policies_.emplace_back(network, roles, num_envs);
        num_envs_ = num_envs, roles_ = roles;
    }

    CheckpointInfo info_;
    std::unique_ptr<Memory> memory_;
    std::deque<TrainedNetwork> networks_;
    int64_t num_envs_ = 0;
    std::vector<ActorRole> roles_;
    std::deque<PolicyActor> policies_;
    Arrays given_;
};

py::list roles_of(const CheckpointPolicy& policy) {
    py::list roles;
    for (size_t r = 0; r < policy.info().roles.size(); ++r) {
        const PolicySpec& spec = policy.spec_of(r);
        py::list parts, actions;
        for (const PolicySpec::Part& part : spec.parts)
            parts.append(py::make_tuple(part.name, py::tuple(py::cast(part.shape))));
        for (const PolicySpec::Action& part : spec.actions) {
            py::dict action;
            action["name"] = part.name, action["kind"] = part.kind_name(), action["n"] = part.n;
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

std::vector<std::string> policy_names(const CheckpointPolicy& policy) {
    std::vector<std::string> names;
    for (const TrainedNetwork& network : policy.networks()) names.push_back(network.spec().name);
    return names;
}
py::dict network_of(const CheckpointPolicy& policy, const std::string& name) {
    for (const TrainedNetwork& network : policy.networks())
        if (network.spec().name == name) return describe_network(network);
    throw std::invalid_argument("policy: got " + in_quotes(name) + ", want a policy of the checkpoint");
}

}  // namespace

}  // namespace flockstep

PYBIND11_MODULE(_flockstep_policy, module) {
    using namespace flockstep;
    register_sentences();
    module.doc() = "Trained policies of Flockstep on arrays. flockstep.load_policy() is its friendly face.";
    py::class_<CheckpointPolicy::Given>(module, "Given", "The arrays of a call.")
        .def(py::init([](Lists parts, Lists masks, Lists actions, int64_t num_envs, std::vector<int> counts) {
                 return CheckpointPolicy::Given{std::move(parts), std::move(masks), std::move(actions), num_envs,
                                                std::move(counts)};
             }),
             py::arg("parts"), py::arg("masks"), py::arg("actions"), py::arg("num_envs"), py::arg("counts"));
    py::class_<CheckpointPolicy>(module, "CheckpointPolicy", "The policies of a checkpoint; see flockstep.Policy.")
        .def(py::init(&construct<CheckpointPolicy, const std::string&, const std::string&>), py::arg("path"),
             py::arg("device") = "auto",
             "Reads a checkpoint, or that of a run folder. ValueError that says what is wrong with it.")
        .def("act", &CheckpointPolicy::act, py::arg("given"), py::kw_only(), py::arg("deterministic"), py::arg("clip"),
             py::arg("seed"), py::arg("counter"), py::arg("log_prob"),
             "Writes the actions, and their log-probabilities unless None. Enqueued on the caller's current stream.")
        .def("describe", &CheckpointPolicy::describe, py::arg("given"), py::kw_only(), py::arg("distributions"),
             py::arg("log_prob"), py::arg("entropy"), py::arg("value"),
             "Writes the distributions, unless empty, and what is not None. Enqueued on the caller's current stream.")
        .def("network", &network_of, py::arg("policy"), "A policy's network; see describe_network.")
        .def_property_readonly("policies", &policy_names, "Their names.")
        .def_property_readonly("device", [](const CheckpointPolicy& p) { return p.device().name(); })
        .def_property_readonly("has_one_action", &CheckpointPolicy::has_one_action)
        .def_property_readonly("environment", [](const CheckpointPolicy& p) { return p.info().environment; })
        .def_property_readonly("settings",
                               [](const CheckpointPolicy& p) { return to_dict(p.info().environment_settings); })
        .def_property_readonly("roles", &roles_of, "Dicts of name, count, parts (name, shape) and actions (dicts).");
}
