#include "bindings/policy_network.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace flockstep {

namespace {
py::array_t<float> host_copy(Memory& memory, const float* data, const std::vector<int64_t>& shape) {
    py::array_t<float> array(shape);
    memory.to_host(array.mutable_data(), data, size_t(array.nbytes()));
    return array;
}

py::dict to_dict(const Component& c) {
    py::dict dict;
    dict["output"] = c.output, dict["choices"] = c.n, dict["deviation"] = c.deviation;
    dict["raw_offset"] = c.raw_offset, dict["min_std"] = c.min_std;
    dict["low"] = c.low, dict["high"] = c.high, dict["middle"] = c.middle, dict["half_range"] = c.half_range;
    dict["is_squashed"] = c.kind == Component::Kind::squashed;
    return dict;
}

py::list actions_of(const TrainedNetwork& trained) {
    py::list actions;
    for (size_t a = 0; a < trained.spec().actions.size(); ++a) {
        const PolicySpec::Action& action = trained.spec().actions[a];
        py::dict dict;
        dict["name"] = action.name, dict["kind"] = action.kind_name(), dict["n"] = action.n;
        dict["has_mask"] = action.has_mask;
        py::list components;
        for (const Component& c : trained.network().components())
            if (c.part == int(a)) components.append(to_dict(c));
        dict["components"] = components;
        actions.append(dict);
    }
    return actions;
}
}  // namespace

py::dict describe_network(const TrainedNetwork& trained) {
    const PolicySpec& spec = trained.spec();
    const InputColumns& input = trained.input();
    Memory& memory = trained.memory();
    py::list parts, columns;
    for (const PolicySpec::Part& part : spec.parts)
        parts.append(py::make_tuple(part.name, name_of(part.dtype), py::tuple(py::cast(part.shape))));
    for (int p = 0; p < input.num_parts; ++p)
        columns.append(py::make_tuple(spec.parts[size_t(input.parts[p].source)].name, input.parts[p].flag,
                                      input.parts[p].elements));
    py::dict parameters;
    for (const Parameter& p : trained.weights().list().list())
        parameters[py::str(p.name)] = host_copy(memory, trained.weights().parameter() + p.offset, p.shape);

    py::dict dict;
    dict["name"] = spec.name, dict["parts"] = parts, dict["columns"] = columns;
    dict["encoder"] = trained.config().encoder.str();
    dict["activation"] = trained.config().activation == Activation::tanh ? "tanh" : "relu";
    dict["shares_layers"] = trained.network().shares_layers();
    dict["critic_sees_observation"] = !trained.network().has_own_critic_input();
    ValueNorm norm{0, 1, 1, 0};
    if (trained.value_norm()) memory.to_host(&norm, trained.value_norm(), sizeof norm);
    dict["value_mean"] = norm.mean, dict["value_deviation"] = norm.deviation;
    dict["shift"] = host_copy(memory, input.shift, {input.columns});
    dict["scale"] = host_copy(memory, input.scale, {input.columns});
    dict["limit"] = input.limit;
    dict["parameters"] = parameters, dict["actions"] = actions_of(trained);
    return dict;
}

}  // namespace flockstep
