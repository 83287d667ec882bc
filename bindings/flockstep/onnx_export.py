"""`Policy.export_onnx`: a policy's network as a graph of ONNX operators, written node by node from the checkpoint's arrays."""

import os

import numpy as np

from .checks import shown

OPSET = 17  # onnxruntime 1.12 and newer
IR_VERSION = 8
KNOWN_ENCODERS = "mlp", "cnn"


def export(checkpoint, policy, path):
    """checkpoint: the policy module's CheckpointPolicy. See Policy.export_onnx."""
    try:
        import onnx
    except ImportError:
        raise ImportError("export_onnx needs onnx: pip install 'flockstep[onnx]'") from None
    names = checkpoint.policies
    if policy is None and len(names) > 1:
        raise ValueError(f"policy: got none, want one of: {', '.join(names)}")
    name = names[0] if policy is None else policy
    if name not in names:
        raise ValueError(f"policy: got {shown(policy)}, want one of: {', '.join(names)}")
    network = checkpoint.network(name)
    if network["encoder"] not in KNOWN_ENCODERS:
        raise ValueError(f"encoder: got {shown(network['encoder'])}, which export_onnx does not know; want {' or '.join(KNOWN_ENCODERS)}")
    model = Exporter(onnx, network).model()
    onnx.helper.set_model_props(model, {"environment": checkpoint.environment, "policy": name})
    onnx.checker.check_model(model, full_check=True)
    with open(os.fspath(path), "wb") as file:
        file.write(model.SerializeToString())


class Graph:
    """Nodes, constants, inputs and outputs. Values go by name; methods return the name of what they add."""

    def __init__(self, onnx):
        self.onnx, self.nodes, self.constants, self.inputs, self.outputs = onnx, [], [], [], []

    def type_of(self, dtype):
        names = {"float32": "FLOAT", "bfloat16": "BFLOAT16", "uint8": "UINT8", "int8": "INT8", "int32": "INT32", "bool": "BOOL"}
        return getattr(self.onnx.TensorProto, names[dtype])

    def add(self, operator, *inputs, name=None, **attributes):
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, array):
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def floats(self, numbers):
        return self.constant(np.asarray(numbers, np.float32))

    def integers(self, numbers):
        return self.constant(np.asarray(numbers, np.int64))

    def input(self, name, dtype, shape):
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, self.type_of(dtype), ["rows", *shape]))
        return name

    def output(self, name, dtype, shape, value):
        self.outputs.append(self.onnx.helper.make_tensor_value_info(name, self.type_of(dtype), ["rows", *shape]))
        self.add("Identity", value, name=name)

    def cast(self, value, dtype):
        return self.add("Cast", value, to=self.type_of(dtype))

    def columns(self, value, first, last):
        """Columns first .. last - 1 of [rows, columns]."""
        return self.add("Slice", value, self.integers([first]), self.integers([last]), self.integers([1]))

    def concatenated(self, values):
        return values[0] if len(values) == 1 else self.add("Concat", *values, axis=1)

    def linear(self, value, weight, bias):
        return self.add("Gemm", value, self.constant(weight), self.constant(bias), transB=1)


class Exporter:
    """One policy's network: input columns, encoder, last layer, and what its outputs mean."""

    def __init__(self, onnx, network):
        self.onnx, self.network, self.graph = onnx, network, Graph(onnx)
        self.parameters = network["parameters"]
        self.activation = {"tanh": "Tanh", "relu": "Relu"}[network["activation"]]
        self.actions = network["actions"]

    def model(self):
        x, image = self.add_input()
        if self.network["shares_layers"]:
            features = self.add_encoder("", x, image)
            # The value is the last row of the shared layer.
            outputs = self.add_head("", features, slice(None, -1))
            value = self.add_head("", features, slice(-1, None))
        else:
            outputs = self.add_head("actor.", self.add_encoder("actor.", x, image), slice(None))
            value = None
            if self.network["critic_sees_observation"]:
                value = self.add_head("critic.", self.add_encoder("critic.", x, image), slice(None))
        for action in self.actions:
            (self.add_box if action["kind"] == "box" else self.add_choices)(action, outputs)
        if value:
            self.add_value(value)
        helper = self.onnx.helper
        graph = helper.make_graph(self.graph.nodes, self.network["name"], self.graph.inputs, self.graph.outputs, self.graph.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="flockstep")

    def named(self, output, action):
        """The name of an output, or of the mask, for an action part."""
        return output if len(self.actions) == 1 else f"{output}.{action['name']}"

    def add_input(self):
        """The input's columns, scaled, and (channels, height, width) of the image that they begin with; None for an mlp."""
        g, parts = self.graph, {name: (dtype, shape) for name, dtype, shape in self.network["parts"]}
        taken = {self.named(name, action) for name in ("action", "logits", "mean", "std", "action_mask") for action in self.actions} | {"value"}
        flat = {}
        for name, (dtype, shape) in parts.items():
            given = g.input(f"observation.{name}" if name in taken else name, dtype, shape)
            number = given if dtype == "float32" else g.cast(given, "float32")
            flat[name] = g.add("Reshape", number, g.integers([-1, int(np.prod(shape, dtype=int))]))
        columns = [flat[name] if flag < 0 else self.add_flag(flat[name], flag) for name, flag, _ in self.network["columns"]]
        x = g.add("Sub", g.concatenated(columns), g.floats(self.network["shift"]))
        x = g.add("Mul", x, g.floats(self.network["scale"]))
        if limit := self.network["limit"]:
            x = g.add("Clip", x, g.floats(-limit), g.floats(limit))
        return x, self.image_of(parts) if self.network["encoder"] == "cnn" else None

    def add_flag(self, numbers, flag):
        """Bit `flag` of integers, as 0 or 1: whether floor(number / 2^flag) is odd, also for negative ones."""
        g = self.graph
        whole = g.cast(g.cast(numbers, "int32"), "float32")
        shifted = g.add("Floor", g.add("Mul", whole, g.floats(0.5**flag)))
        even = g.add("Mul", g.add("Floor", g.add("Mul", shifted, g.floats(0.5))), g.floats(2))
        return g.add("Sub", shifted, even)

    def image_of(self, parts):
        """As the encoder finds it: parts of the first one's height and width come first, each flag as channels of its own."""
        channels, size = 0, None
        for name, _, elements in self.network["columns"]:
            shape = parts[name][1]
            if len(shape) not in (2, 3) or (size and tuple(shape[-2:]) != size):
                break
            size = tuple(shape[-2:])
            channels += elements // (size[0] * size[1])
        return channels, *size

    def layers(self, prefix):
        i = 0
        while f"{prefix}.{i}.weight" in self.parameters:
            yield self.parameters[f"{prefix}.{i}.weight"], self.parameters[f"{prefix}.{i}.bias"]
            i += 1

    def add_encoder(self, prefix, x, image):
        """The name and the number of the features."""
        g, width = self.graph, len(self.network["shift"])
        if image:
            channels, height, columns = image
            pixels = channels * height * columns
            y = g.add("Reshape", g.columns(x, 0, pixels), g.integers([-1, *image]))
            for weight, bias in self.layers(prefix + "convolution"):
                y = g.add(self.activation, g.add("Conv", y, g.constant(weight), g.constant(bias), kernel_shape=[3, 3]))
                channels, height, columns = len(bias), height - 2, columns - 2
            y = g.add("Reshape", y, g.integers([-1, channels * height * columns]))
            x = y if pixels == width else g.concatenated([y, g.columns(x, pixels, width)])
            width += channels * height * columns - pixels
        for weight, bias in self.layers(prefix + "hidden"):
            x = g.add(self.activation, g.linear(x, weight[:, :width], bias))  # the columns after them are padding
            width = len(bias)
        return x, width

    def add_head(self, prefix, features, rows):
        x, width = features
        weight, bias = self.parameters[prefix + "head.weight"], self.parameters[prefix + "head.bias"]
        return self.graph.linear(x, weight[rows, :width], bias[rows])

    def add_value(self, output):
        g, value = self.graph, self.graph.add("Squeeze", output, self.graph.integers([1]))
        mean, deviation = self.network["value_mean"], self.network["value_deviation"]
        if (mean, deviation) != (0, 1):
            value = g.add("Add", g.add("Mul", value, g.floats(deviation)), g.floats(mean))
        g.output("value", "float32", [], value)

    def add_choices(self, action, outputs):
        g, counts = self.graph, action["n"]
        first, choices = action["components"][0]["output"], sum(counts)
        logits = g.columns(outputs, first, first + choices)
        if action["has_mask"]:
            mask = g.input(self.named("action_mask", action), "bool", [choices])
            logits = g.add("Where", mask, logits, g.floats(-np.inf))
        g.output(self.named("logits", action), "float32", [choices], logits)
        is_one = action["kind"] == "discrete"
        chosen, at = [], 0
        for n in counts:
            chosen.append(g.add("ArgMax", g.columns(logits, at, at + n), axis=1, keepdims=0 if is_one else 1))
            at += n
        g.output(self.named("action", action), "int32", [] if is_one else [len(counts)], g.cast(g.concatenated(chosen), "int32"))

    def add_box(self, action, outputs):
        g, components = self.graph, action["components"]
        first, size = components[0]["output"], len(components)

        def constant(key):
            return g.floats([component[key] for component in components])

        mean = g.columns(outputs, first, first + size)
        std = g.add("Add", g.add("Softplus", g.add("Add", self.add_raw(components, outputs), constant("raw_offset"))), constant("min_std"))
        g.output(self.named("mean", action), "float32", [size], mean)
        g.output(self.named("std", action), "float32", [size], std)
        number = g.add("Tanh", mean) if components[0]["is_squashed"] else mean
        scaled = g.add("Add", g.add("Mul", number, constant("half_range")), constant("middle"))
        clipped = g.add("Min", g.add("Max", scaled, constant("low")), constant("high"))
        g.output(self.named("action", action), "float32", [size], clipped)

    def add_raw(self, components, outputs):
        """The raw deviations, [rows, size]: outputs of the network, or a parameter that is the same in all rows."""
        g, first = self.graph, components[0]["deviation"]
        own = self.parameters.get("std" if self.network["shares_layers"] else "actor.std")
        if own is None:
            return g.columns(outputs, first, first + len(components))
        boxes = (component for action in self.actions if action["kind"] == "box" for component in action["components"])
        at = first - min(component["deviation"] for component in boxes)
        shape = g.add("Shape", g.columns(outputs, components[0]["output"], components[0]["output"] + len(components)))
        return g.add("Expand", g.floats(own[at : at + len(components)]), shape)
