"""What a checkpoint's policies say, computed in plain PyTorch and float64 from its arrays; see reference_policy.py."""

import json
import math

import numpy as np
import torch
from reference_policy import Seen, policies_of
from safetensors import safe_open


class ReferencePolicies:
    """All policies of a run's checkpoint, for numpy observations and masks as flockstep.make returns them."""

    def __init__(self, run):
        with safe_open(run / "checkpoint.safetensors", "numpy") as file:
            self.arrays = {name: file.get_tensor(name) for name in file.keys()}
            metadata = {name: json.loads(text) if text[:1] in "[{" else text for name, text in file.metadata().items()}
        self.roles = {role["name"]: role for role in metadata["roles"]}
        self.num_agents = sum(role["count"] for role in metadata["roles"])
        self.policies = policies_of(metadata, self.arrays)
        for policy in self.policies:
            inputs = policy.inputs
            inputs.shift, inputs.scale = self.arrays[f"{policy.name}.input.shift_and_scale"][:, : len(inputs.shift)].astype(np.float64)

    def outputs(self, policy, observation, mask):
        """(what the actor's last layers say, its distribution, values) for the policy's agents, [num_envs, agents, ...]."""
        columns = policy.columns(Seen(observation, None, None), policy.inputs)
        inputs = policy.inputs.normalised(columns)
        with torch.no_grad():
            actor = policy.network.actor(inputs)
            return actor, policy.head.distribution(actor, policy.mask(mask, len(columns))), policy.network.critic(inputs)

    def of_all(self, observation, mask, what):
        """[num_envs, num_agents]: what(policy, actor, distribution, value) of every agent, by the policy that plays it."""
        result = None
        for policy in self.policies:
            numbers = what(policy, *self.outputs(policy, observation, mask)).numpy()
            result = np.zeros((len(numbers), self.num_agents)) if result is None else result
            result[:, policy.agents] = numbers
        return result

    def value(self, observation, mask):
        def denormalised(policy, actor, distribution, value):
            mean, deviation = self.arrays.get(f"{policy.name}.value.norm", np.array([0, 1], np.float32))[:2]
            return float(mean) + float(deviation) * value

        return self.of_all(observation, mask, denormalised)

    def entropy(self, observation, mask):
        return self.of_all(observation, mask, lambda policy, actor, distribution, value: distribution.entropy())

    def log_prob(self, observation, mask, action):
        """action: a tree like those of observations, by role and part."""
        return self.of_all(
            observation, mask, lambda policy, actor, distribution, value: distribution.log_prob(chosen(policy, action))
        )

    def columns(self, observation, mask):
        """(policy, action part, its logits or means, raw deviations) of each policy and part, [num_envs, agents, columns]."""
        for policy in self.policies:
            actor, _, _ = self.outputs(policy, observation, mask)
            at, deviation = 0, sum(sum(action["n"]) or len(action["low"]) for action in policy.head.actions)
            for action in policy.head.actions:
                width = sum(action["n"]) or len(action["low"])
                raw = actor[..., deviation : deviation + width] if action["kind"] == "box" else None
                yield policy, action, actor[..., at : at + width].numpy(), raw
                at, deviation = at + width, deviation + (0 if raw is None else width)


def chosen(policy, tree):
    """The numbers that stand for actions, [num_envs, agents, numbers], float64."""
    numbers = []
    for action in policy.head.actions:
        array = torch.from_numpy(policy.rows(tree, action["name"]).astype(np.float64))
        array = array[..., None] if action["kind"] == "discrete" else array
        numbers.append(numbers_of(policy, action, array) if action["kind"] == "box" else array)
    return torch.cat(numbers, -1)


def numbers_of(policy, action, floats):
    low, high = ([math.inf if bound is None else bound for bound in action[key]] for key in ("low", "high"))
    numbers = []
    for k, (least, most) in enumerate(zip(low, high, strict=True)):
        bounded = math.isfinite(least) and math.isfinite(most)
        number = (floats[..., k] - (least + most) / 2) / ((most - least) / 2) if bounded else floats[..., k]
        numbers.append(torch.atanh(number.clamp(-1 + 2**-24, 1 - 2**-24)) if policy.head.is_squashed else number)
    return torch.stack(numbers, -1)


def deviations(policy, raw):
    return (torch.nn.functional.softplus(raw + policy.head.raw_offset) + policy.head.min_std).numpy()
