"""What the policies of reference_ppo.py are: their inputs, networks, agents and optimisers, in plain PyTorch and float64."""

import copy
import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from reference_heads import Head
from torch.nn import functional


class Moments:
    """Count, mean and sum of squared deviations of numbers seen so far, by column (Chan, Golub, LeVeque 1979)."""

    def __init__(self, columns):
        self.count, self.mean, self.m2 = 0, np.zeros(columns), np.zeros(columns)

    def merge(self, numbers):
        """numbers: [n, columns]."""
        n, total = len(numbers), self.count + len(numbers)
        if n == 0:
            return
        mean = numbers.mean(0)
        self.m2 += ((numbers - mean) ** 2).sum(0) + (mean - self.mean) ** 2 * self.count * n / total
        self.mean += (mean - self.mean) * n / total
        self.count = total

    def inverse_std(self):
        # Decision: the deviation is that of n samples, not n - 1; epsilon is inside the root; the result is float32.
        return np.float32(1 / np.sqrt(self.m2 / self.count + 1e-8)).astype(np.float64)


class Inputs:
    """The columns of a network's input: the parts of what it sees, integers divided by their largest magnitude, each bit
    flag a column of its own, floats normalised if asked for."""

    def __init__(self, parts, config):
        # Decision: a cnn sees the parts of the size of the first one that has two or three dimensions.
        images = [part for part in parts if config["encoder"] == "cnn" and len(part["shape"]) in (2, 3)]
        images = [part for part in images if part["shape"][-2:] == images[0]["shape"][-2:]]
        self.parts = images + [part for part in parts if part not in images]
        widths = [math.prod(part["shape"]) * max(part["num_flags"], 1) for part in self.parts]
        height_and_width = images[0]["shape"][-2:] if images else (1, 1)
        self.image = sum(widths[: len(images)]) // math.prod(height_and_width), *height_and_width  # 0 channels: no image
        self.scale = np.repeat([part["scale"] for part in self.parts], widths)
        self.shift = np.zeros(sum(widths))
        floats = [part["dtype"] in ("float32", "bfloat16") for part in self.parts]
        self.is_normalised = np.repeat(floats, widths)  # Decision: integers keep their scale.
        self.limit = 10.0 if config["norm_obs"] else math.inf  # Decision: clipped where observations are normalised.
        self.moments = Moments(len(self.shift))

    def columns(self, rows):
        """What is seen, as it is: float64 [num_envs, agents, columns]; rows(part): of a part."""
        columns = []
        for part in self.parts:
            array = rows(part)
            array = array.reshape(*array.shape[:2], -1)
            flags = range(part["num_flags"])
            columns += [array.astype(np.int64) >> flag & 1 for flag in flags] if flags else [array]
        return np.concatenate(columns, -1, dtype=np.float64)

    def normalised(self, columns):
        return torch.from_numpy(np.clip((columns - self.shift) * self.scale, -self.limit, self.limit))

    def learn(self, columns):
        """Merges the samples [n, columns] of a rollout."""
        self.moments.merge(columns)
        if self.moments.count:
            self.shift = np.where(self.is_normalised, np.float32(self.moments.mean), self.shift)
            self.scale = np.where(self.is_normalised, self.moments.inverse_std(), self.scale)


def identities(count):
    """The part of a critic's input that tells it which of so many agents of the world it judges, one-hot."""
    part = dict(name="", shape=[count], dtype="uint8", scale=1.0, num_flags=0, num_agents=0, is_identity=True)
    return [part] if count else []


class ValueNorm:
    """What the critic's outputs stand for: values are mean + deviation * output."""

    def __init__(self):
        self.mean, self.deviation, self.moments = 0.0, 1.0, Moments(1)

    def learn(self, targets):
        # Decision: at each rollout, earlier targets come to weigh 0.95 of what they did; the deviation is at least 0.01.
        self.moments.count, self.moments.m2 = self.moments.count * 0.95, self.moments.m2 * 0.95
        self.moments.merge(targets[:, None])
        if self.moments.count:
            self.mean = self.moments.mean[0]
            self.deviation = max(math.sqrt(self.moments.m2[0] / self.moments.count), 0.01)

    def normalised(self, value):
        return (value - self.mean) / self.deviation


class Network:
    """An actor and a critic with the weights of a checkpoint: convolutions, hidden layers, a last layer. images: channels,
    height and width of those at the front of the inputs of the two."""

    def __init__(self, weights, config, images):
        self.weights = {name: torch.tensor(array, dtype=torch.float64) for name, array in weights.items()}
        for weight in self.weights.values():
            weight.requires_grad_()
        self.is_shared, (self.actor_image, self.critic_image) = config["share_layers"], images
        self.activation = {"tanh": torch.tanh, "relu": torch.relu}[config["activation"]]

    def actor(self, inputs):
        """What a Head's distribution follows from."""
        outputs = self.tower("" if self.is_shared else "actor.", inputs, self.actor_image)
        outputs = outputs[..., :-1] if self.is_shared else outputs
        # Deviations that do not depend on the state are a weight of their own.
        deviations = self.weights.get("std" if self.is_shared else "actor.std")
        return outputs if deviations is None else torch.cat([outputs, deviations.expand(*outputs.shape[:-1], -1)], -1)

    def critic(self, inputs):
        return self.tower("" if self.is_shared else "critic.", inputs, self.critic_image)[..., -1]

    def tower(self, prefix, inputs, image):
        x = inputs.flatten(0, -2)
        if pixels := math.prod(image):
            image = x[:, :pixels].unflatten(1, image)
            for weight, bias in self.layers(prefix + "convolution"):
                image = self.activation(functional.conv2d(image, weight, bias))
            x = torch.cat([image.flatten(1), x[:, pixels:]], 1)
        for weight, bias in self.layers(prefix + "hidden"):
            x = self.activation(functional.linear(x, weight[:, : x.shape[1]], bias))  # the last columns are padding
        x = functional.linear(x, self.weights[prefix + "head.weight"], self.weights[prefix + "head.bias"])
        return x.unflatten(0, inputs.shape[:-1])

    @torch.no_grad()
    def rescale_values(self, before, now):
        """Changes the last layer so that what its outputs stand for stays (PopArt, van Hasselt et al. 2016)."""
        # Decision: Adam's moments stay as they are.
        prefix = "" if self.is_shared else "critic."
        weight, bias = self.weights[prefix + "head.weight"], self.weights[prefix + "head.bias"]
        weight[-1] *= before.deviation / now.deviation
        bias[-1] = (before.mean + before.deviation * bias[-1] - now.mean) / now.deviation

    def layers(self, prefix):
        for i in range(sum(name.startswith(prefix) and name.endswith("weight") for name in self.weights)):
            yield self.weights[f"{prefix}.{i}.weight"], self.weights[f"{prefix}.{i}.bias"]


class Seen(NamedTuple):
    """What can be seen of the worlds: observations by role and part, global states by name, and which agents are there."""

    observation: object
    states: object
    active: np.ndarray  # bool [num_envs, num_agents]


def policies_of(metadata, arrays):
    """Those of a checkpoint."""
    roles = {role["name"]: role for role in metadata["roles"]}
    settings, of_groups = metadata["training_settings"], metadata["group_settings"]
    return [Policy(number, spec, roles, settings | of_groups.get(spec["name"], {}), arrays) for number, spec in enumerate(metadata["policies"])]


class Policy:
    """What learns: a network, the agents that it plays, its normalisers and its optimiser; config: its group's settings."""

    def __init__(self, number, spec, roles, config, arrays):
        self.number, self.name, self.config = number, spec["name"], SimpleNamespace(**config)
        self.roles, self.has_roles = roles, len(roles) > 1
        # Of each role: its name and the agents within it that the policy plays.
        members = ((member["role"], member["agents"]) for member in spec["members"])
        self.members = [(role, np.array(agents or range(roles[role]["count"]))) for role, agents in members]
        self.agents = np.concatenate([roles[role]["first"] + agents for role, agents in self.members])  # within the world
        self.inputs = self.critic_inputs = Inputs(spec["parts"], config)
        if spec["critic_parts"]:
            self.critic_inputs = Inputs(spec["critic_parts"] + identities(spec["num_identities"]), config)
        self.head = Head(spec["actions"], config)
        prefix = self.name + ".parameter."
        weights = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        self.network = Network(weights, config, (self.inputs.image, self.critic_inputs.image))
        self.value_norm = ValueNorm()
        self.minibatches = 0  # so far
        self.discounted_return, self.return_moments, self.reward_scale = 0.0, Moments(1), 1.0
        # Decision: Adam's decay rates are torch's, 0.9 and 0.999; no weight decay.
        self.optimiser = torch.optim.Adam(self.network.weights.values(), lr=config["learning_rate"], eps=config["adam_eps"])

    def rows(self, tree, part):
        """The rows of its agents, [num_envs, agents, ...], of the environment's arrays by role and part. Levels of the tree
        that would have one key are left out."""
        arrays = []
        for role, agents in self.members:
            branch = tree[role] if self.has_roles else tree
            arrays.append(np.asarray(branch[part] if isinstance(branch, dict) else branch)[:, agents])
        return np.concatenate(arrays, 1)

    def columns(self, seen, inputs):
        """Those of an input, the actor's or the critic's."""
        return inputs.columns(lambda part: self.part_rows(seen, part))

    def part_rows(self, seen, part):
        """A part of an input, [num_envs, agents, ...]."""
        if "num_agents" not in part:
            return self.rows(seen.observation, part["name"])
        if "is_identity" in part:
            world = np.eye(part["shape"][0])[self.agents][None]
        elif part["num_agents"]:  # the observations of a role side by side
            agents = slice(part["first_agent"], part["first_agent"] + part["num_agents"])
            role = next(name for name, role in self.roles.items() if role["first"] == agents.start)
            branch = seen.observation[role] if self.has_roles else seen.observation
            array = branch[part["name"].removeprefix(role + ".")] if isinstance(branch, dict) else branch
            # Decision: an agent that is not there is seen as zeros, before normalisation.
            is_there = seen.active[:, agents].reshape(*array.shape[:2], *[1] * (array.ndim - 2))
            world = np.where(is_there, array, 0).reshape(len(array), 1, -1)
        elif part["of_world"]:
            world = seen.states[part["name"]][:, None]
        else:
            [(_, agents)] = self.members
            world = seen.states[part["name"]][:, agents]
        return np.broadcast_to(world, (len(seen.active), len(self.agents), *world.shape[2:]))

    def mask(self, tree, num_envs):
        """Bool [num_envs, agents, choices of all parts]."""
        shape = num_envs, len(self.agents)
        masks = [
            self.rows(tree, action["name"]) if action["has_mask"] else np.ones((*shape, sum(action["n"])), bool)
            for action in self.head.actions
        ]
        return torch.from_numpy(np.concatenate(masks, -1))

    def distribution(self, inputs, mask):
        return self.head.distribution(self.network.actor(inputs), mask)

    def value(self, critic_inputs):
        return self.value_norm.mean + self.value_norm.deviation * self.network.critic(critic_inputs)

    def learn_value_norm(self, targets):
        before = copy.copy(self.value_norm)
        self.value_norm.learn(targets)
        self.network.rescale_values(before, self.value_norm)

    @property
    def optimiser_steps(self):
        return next(iter(self.optimiser.state.values()))["step"].item()

    def moments(self, name):
        """Adam's `exp_avg` or `exp_avg_sq` by the name of the weight."""
        return {key: self.optimiser.state[weight][name] for key, weight in self.network.weights.items()}
