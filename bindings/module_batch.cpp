#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>

#include "bindings/array.h"
#include "bindings/convert.h"
#include "bindings/frame.h"
#include "bindings/module.h"

namespace py = pybind11;

namespace flockstep {

namespace {

/// A Batch for Python: arrays instead of pointers, the caller's stream, and the GIL free while it works.
class PyBatch : public Constructed {
    template <class F>
    auto with_holder(F&& f) const {
        batch();  // throws if it is closed
        const std::shared_ptr<BatchHolder> holder = holder_;
        const py::gil_scoped_release free;
        const std::lock_guard<std::mutex> lock(holder->mutex);
        return f(*holder);
    }

  public:
    PyBatch(const std::string& name, const BatchOptions& options, const Settings& settings) {
        {
            const py::gil_scoped_release free;
            holder_ = std::make_shared<BatchHolder>(make_batch(name, options, settings));
            holder_->batch->synchronize();  // the first observation is there, whatever stream it is read on
        }
        for (const Tensor& own : holder_->batch->actions()) {
            std::vector<DType> dtypes{own.dtype};
            if (own.dtype == DType::int32) dtypes.push_back(DType::int64);
            wanted_.push_back({holder_->batch->actions().size() > 1 ? "action " + own.name : "action", dtypes,
                               own.shape, options.device});
        }
    }

    Batch& batch() const {
        if (!holder_) throw std::invalid_argument("batch: it is closed");
        return *holder_->batch;
    }
    /// Calls f(batch) without the GIL, while no other thread does, and gives what it returns. close() in another thread
    /// does not end the batch meanwhile. f must not touch Python.
    template <class F>
    auto use(F&& f) const {
        return with_holder([&](BatchHolder& holder) { return f(*holder.batch); });
    }

    void close() {
        if (!holder_) return;
        use([](Batch& batch) { batch.synchronize(); });  // nothing reads what was given any more
        given_.clear();
        mask_.reset();
        holder_.reset();
    }

    void step(const std::optional<py::sequence>& actions, bool check) {
        const Device device = batch().options().device;
        const Stream stream = current_stream(device);
        std::vector<BorrowedArray> given = take_actions(actions, stream);
        Bindings bindings(batch());
        for (size_t i = 0; i < given.size(); ++i) bindings.read_action(i, given[i].data(), given[i].dtype());
        enqueue(stream, [&](BatchHolder& holder) {
            holder.batch->step(bindings, stream);
            if (check && !device.is_cuda()) holder.batch->check();
        });
        // On the GPU they are still being read, the ones before no more than the stream's order says.
        if (device.is_cuda()) given_ = std::move(given);
    }
    /// seeds: of each world by itself; it begins as world 0 of a batch of one with that seed.
    void reset(const std::optional<uint64_t>& seed, const std::optional<std::vector<uint64_t>>& seeds,
               const py::object& mask) {
        const Stream stream = current_stream(batch().options().device);
        if (seeds && int64_t(seeds->size()) != batch().num_envs())
            throw std::invalid_argument("seed: got a list of " + std::to_string(seeds->size()) + ", want " +
                                        std::to_string(batch().num_envs()) + ", one for each world");
        std::vector<StreamKey> keys;
        for (int64_t env = 0; (seeds || (seed && !mask.is_none())) && env < batch().num_envs(); ++env)
            keys.push_back(seeds ? StreamKey{(*seeds)[size_t(env)], 0, 1} : batch().key_of(*seed, env));
        std::optional<BorrowedArray> given;
        const Device from = device_of_mask(mask);
        if (!mask.is_none())
            given.emplace(mask, ArraySpec{"reset_mask", {DType::uint8}, {batch().num_envs()}, from}, stream);
        enqueue(stream, [&](BatchHolder& holder) {
            const uint8_t* chosen = given ? mask_on_device(holder, *given, from) : nullptr;
            if (!keys.empty())
                holder.batch->reset(keys, chosen, stream);
            else if (seed)
                holder.batch->reset(*seed, stream);
            else
                holder.batch->reset(chosen, stream);
        });
        mask_ = std::move(given);
    }
    void act(const std::string& policy, uint32_t draw) {
        const int number = batch().find_policy(policy);
        const Stream stream = current_stream(batch().options().device);
        enqueue(stream, [&](BatchHolder& holder) { holder.batch->act(number, draw, stream); });
    }
    /// Copies an action from the host into the batch's own tensor; step() takes it from there.
    void write_action(size_t index, const py::object& action) {
        const Tensor& own = batch().actions().at(index);
        const BorrowedArray given(action, {wanted_[index].name, {own.dtype}, own.shape, {}}, {});
        use([&](Batch& batch) { batch.memory().from_host(own.data, given.data(), size_t(own.bytes())); });
    }

    void set_fields(const py::dict& fields) {
        write(fields, [](Batch& batch, const std::vector<FieldValue>& values) { batch.set_fields(values); });
    }
    void restore(const py::dict& fields) {
        write(fields, [](Batch& batch, const std::vector<FieldValue>& values) { batch.restore(values); });
    }
    void replace_shared(const py::dict& changed) {
        const Settings settings = settings_of(changed);
        use([&](Batch& batch) { batch.replace_shared(settings); });
    }
    py::array get_field(const std::string& name) {
        return to_array(use([&](Batch& batch) { return batch.get_field(name); }));
    }
    py::dict save() {
        py::dict result;
        for (FieldValue& value : use([](Batch& batch) { return batch.save(); })) {
            const py::str name(value.name);
            result[name] = to_array(std::move(value));
        }
        return result;
    }

    py::list arrays(const std::vector<Tensor>& tensors, bool are_flags) const {
        py::list list;
        for (const Tensor& tensor : tensors)
            list.append(construct<Array>(holder_, tensor, are_flags && tensor.dtype == DType::uint8));
        return list;
    }

  private:
    template <class F>
    void enqueue(Stream stream, F&& f) {
        with_holder([&](BatchHolder& holder) {
            holder.order.join(stream);
            f(holder);
            holder.order.mark(stream);
        });
    }
    /// All of them are checked before the first is used.
    std::vector<BorrowedArray> take_actions(const std::optional<py::sequence>& actions, Stream stream) {
        std::vector<BorrowedArray> given;
        if (actions && actions->size() != wanted_.size())
            throw std::invalid_argument("action: got " + std::to_string(actions->size()) + " arrays, want " +
                                        std::to_string(wanted_.size()));
        for (size_t i = 0; actions && i < wanted_.size(); ++i) given.emplace_back((*actions)[i], wanted_[i], stream);
        return given;
    }
    /// Where a mask may come from: the host or the batch's device.
    Device device_of_mask(const py::object& mask) const {
        const bool is_host = py::isinstance<py::array>(mask) || !py::hasattr(mask, "__dlpack_device__") ||
                             device_pair("reset_mask", mask.attr("__dlpack_device__")()).type == dlpack::cpu;
        return is_host ? Device{} : batch().options().device;
    }
    static const uint8_t* mask_on_device(BatchHolder& holder, const BorrowedArray& mask, Device from) {
        Batch& batch = *holder.batch;
        if (from == batch.options().device) return static_cast<const uint8_t*>(mask.data());
        if (!holder.uploaded_mask)
            holder.uploaded_mask.emplace(batch.memory(), size_t(batch.num_envs()), "a reset mask");
        batch.memory().from_host(holder.uploaded_mask->data(), mask.data(), size_t(batch.num_envs()));
        return static_cast<const uint8_t*>(holder.uploaded_mask->data());
    }
    static py::array array_of(const std::string& name, py::handle value) {
        if (!py::isinstance<py::array>(value))
            throw std::invalid_argument("field " + name + ": got " +
                                        std::string(py::str(py::type::handle_of(value).attr("__name__"))) +
                                        ", want a numpy array");
        return py::reinterpret_borrow<py::array>(value);
    }
    static std::vector<FieldValue> values_of(const py::dict& fields) {
        std::vector<FieldValue> values;
        for (const auto& [name, array] : fields)
            values.push_back(field_of(py::str(name), array_of(py::str(name), array)));
        return values;
    }
    template <class F>
    void write(const py::dict& fields, F&& f) {
        const std::vector<FieldValue> values = values_of(fields);
        use([&](Batch& batch) {
            f(batch, values);
            batch.synchronize();  // it ran on the default stream, which other streams need not follow
        });
    }

    std::shared_ptr<BatchHolder> holder_;
    std::vector<ArraySpec> wanted_;
    std::vector<BorrowedArray> given_;
    std::optional<BorrowedArray> mask_;
};

std::unique_ptr<PyBatch> make(const std::string& name, int64_t num_envs, const std::string& device, uint64_t seed,
                              const std::string& autoreset_mode, const std::string& final_observation,
                              int64_t first_env, bool stagger_episodes, bool statistics,
                              std::vector<std::string> outputs, const std::map<std::string, std::string>& dtypes,
                              const std::string& plan, const std::string& illegal_actions,
                              const std::map<std::string, std::string>& scripted, const py::dict& settings) {
    BatchOptions options;
    options.num_envs = num_envs;
    options.device = find_device(device);
    options.seed = seed;
    options.autoreset_mode =
        AutoresetMode(choice_of("autoreset_mode", autoreset_mode, {"same_step", "next_step", "disabled"}));
    options.final_observation =
        FinalObservation(choice_of("final_observation", final_observation, {"none", "all", "truncated"}));
    options.first_env = first_env;
    options.stagger_episodes = stagger_episodes;
    options.statistics = statistics;
    options.outputs = std::move(outputs);
    for (const auto& [part, dtype] : dtypes) options.dtypes[part] = observation_dtype(dtype);
    options.plan = plan;
    options.illegal_actions = IllegalActions(choice_of("illegal_actions", illegal_actions, {"refuse", "pass"}));
    options.scripted = scripted;
    return construct<PyBatch>(name, options, settings_of(settings));
}

py::dict statistics_of(PyBatch& self, bool clear) {
    const Statistics statistics = self.use([&](Batch& batch) { return batch.statistics(clear); });
    py::dict mean, error, result;
    for (const Statistics::Metric& metric : statistics.metrics) {
        mean[py::str(metric.name)] = metric.mean;
        error[py::str(metric.name)] = metric.standard_error;
    }
    result["num_episodes"] = statistics.num_episodes;
    result["agent_steps"] = statistics.agent_steps;
    result["mean"] = mean;
    result["standard_error"] = error;
    return result;
}

py::dict first_episodes_of(PyBatch& self) {
    py::dict result;
    for (const auto& [name, values] : self.use([](Batch& batch) { return batch.first_episodes(); }))
        result[py::str(name)] = py::array_t<float>(py::ssize_t(values.size()), values.data());
    return result;
}

py::list fields_of(const PyBatch& self) {
    py::list list;
    for (const FieldInfo& info : self.batch().fields()) {
        py::dict line;
        line["name"] = info.name;
        line["dtype"] = name_of(info.dtype);
        line["shape"] = py::tuple(py::cast(info.shape(self.batch().num_envs())));
        line["derived"] = info.derived;
        list.append(line);
    }
    return list;
}

void bind_arrays_of(py::class_<PyBatch>& batch) {
    batch
        .def_property_readonly("observations",
                               [](const PyBatch& b) { return b.arrays(b.batch().observations(), false); })
        .def_property_readonly("final_observations",
                               [](const PyBatch& b) { return b.arrays(b.batch().final_observations(), false); })
        .def_property_readonly(
            "states", [](const PyBatch& b) { return b.arrays(b.batch().states(), false); },
            "Global states, for critics: [num_envs, ...], or [num_envs, agents, ...] where they differ by agent.")
        .def_property_readonly("final_states",
                               [](const PyBatch& b) { return b.arrays(b.batch().final_states(), false); })
        .def_property_readonly("action_masks",
                               [](const PyBatch& b) { return b.arrays(b.batch().action_masks(), true); })
        .def_property_readonly(
            "outputs", [](const PyBatch& b) { return b.arrays(b.batch().outputs(), true); },
            "reward float32; terminated, truncated, active, acts, episode_start bool; [num_envs, num_agents]; then the "
            "environment's own.")
        .def_property_readonly(
            "actions", [](const PyBatch& b) { return b.arrays(b.batch().actions(), false); },
            "The engine's own action tensors, which act() fills and step(None) reads.");
}

void bind_facts_of(py::class_<PyBatch>& batch) {
    batch.def_property_readonly("environment", [](const PyBatch& b) { return b.batch().environment(); })
        .def_property_readonly("device", [](const PyBatch& b) { return b.batch().options().device.name(); })
        .def_property_readonly("plan", [](const PyBatch& b) { return b.batch().plan(); })
        .def_property_readonly("plans", [](const PyBatch& b) { return b.batch().plans(); })
        .def_property_readonly("num_envs", [](const PyBatch& b) { return b.batch().num_envs(); })
        .def_property_readonly("num_agents", [](const PyBatch& b) { return b.batch().num_agents(); })
        .def_property_readonly("settings", [](const PyBatch& b) { return to_dict(b.batch().settings()); })
        .def_property_readonly("spaces", [](const PyBatch& b) { return to_list(b.batch().spaces()); })
        .def_property_readonly("has_one_action_tensor",
                               [](const PyBatch& b) { return b.batch().has_one_action_tensor(); })
        .def_property_readonly("policies", [](const PyBatch& b) { return b.batch().policies(); })
        .def_property_readonly("metric_names", [](const PyBatch& b) { return b.batch().metric_names(); })
        .def_property_readonly("fields", &fields_of,
                               "Fields of the state: dicts of name, dtype, shape and whether it is derived.")
        .def_property_readonly("minimum_bytes_per_env",
                               [](const PyBatch& b) { return b.batch().minimum_bytes_per_env(); });
}

}  // namespace

void bind_batch(py::module_& module) {
    py::class_<PyBatch> batch(
        module, "Batch",
        "Worlds of one environment, stepped together. flockstep.make() wraps it; see there for the options.");
    batch.def(py::init(&make), py::arg("name"), py::kw_only(), py::arg("num_envs") = 1, py::arg("device") = "auto",
              py::arg("seed") = 0, py::arg("autoreset_mode") = "same_step", py::arg("final_observation") = "none",
              py::arg("first_env") = 0, py::arg("stagger_episodes") = false, py::arg("statistics") = true,
              py::arg("outputs") = std::vector<std::string>{}, py::arg("dtypes") = std::map<std::string, std::string>{},
              py::arg("plan") = "", py::arg("illegal_actions") = "refuse",
              py::arg("scripted") = std::map<std::string, std::string>{}, py::arg("settings") = py::dict());
    batch
        .def("step", &PyBatch::step, py::arg("actions") = py::none(), py::arg("check") = true,
             "One step. actions: one array per action tensor, or None for the engine's own. Enqueued on the caller's "
             "current stream; on\n"
             "the CPU it is done on return, and `check` reports a refused action at once.")
        .def("reset", &PyBatch::reset, py::arg("seed") = py::none(), py::arg("seeds") = py::none(),
             py::arg("mask") = py::none(),
             "Episode 0 of a seed, or of a seed for each world, or without one a new episode; everywhere or where mask "
             "(bool or uint8 [num_envs]) is true.")
        .def("act", &PyBatch::act, py::arg("policy") = "random", py::arg("draw") = 0,
             "Fills the engine's own action tensors.")
        .def("write_action", &PyBatch::write_action, py::arg("index"), py::arg("action"),
             "Copies host memory into one of the engine's action tensors. Synchronizes.")
        .def("get_field", &PyBatch::get_field, py::arg("name"),
             "A copy of a field of all worlds, as a numpy array. Synchronizes.")
        .def("set_fields", &PyBatch::set_fields, py::arg("fields"),
             "Writes fields (name: numpy array) and observes again. All or nothing.")
        .def("save", &PyBatch::save, "The complete state, {name: numpy array}. Synchronizes.")
        .def("restore", &PyBatch::restore, py::arg("fields"))
        .def("replace_shared", &PyBatch::replace_shared, py::arg("settings") = py::dict(),
             "Replaces the shared data and starts a new episode in every world. All or nothing. Synchronizes.")
        .def("statistics", &statistics_of, py::arg("clear") = false,
             "Means and standard errors over finished episodes. Synchronizes.")
        .def("first_episodes", &first_episodes_of,
             "Metrics of each world's first episode, float32 [num_envs]; NaN if none has ended, or for a role without "
             "agents. Synchronizes.")
        .def(
            "check", [](PyBatch& b) { b.use([](Batch& batch) { batch.check(); }); },
            "Synchronizes. ValueError if an action was refused since the last call.")
        .def(
            "draw",
            [](PyBatch& b, int64_t world) {
                return to_dict(b.use([&](Batch& batch) { return draw_frame(batch, world); }));
            },
            py::arg("world") = 0, "A world as shapes for flockstep.rendering. Synchronizes.")
        .def(
            "draw_page",
            [](PyBatch& b, int64_t world) { return b.use([&](Batch& batch) { return draw_page(batch, world); }); },
            py::arg("world") = 0, "A world as a replay page of one frame, HTML. Synchronizes.")
        .def("synchronize", [](PyBatch& b) { b.use([](Batch& batch) { batch.synchronize(); }); })
        .def("close", &PyBatch::close, "Gives up the batch; its memory goes with the last view of it.");
    bind_arrays_of(batch);
    bind_facts_of(batch);
}

}  // namespace flockstep
