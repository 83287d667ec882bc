"""What the policies of reference_ppo.py choose: distributions in plain PyTorch and float64.

A policy chooses a row of independent numbers, `chosen`: the integers of its Discrete and MultiDiscrete parts and the floats
of its Boxes, in the order of the checkpoint's `actions`. The floats are taken before squashing, scaling and clipping.
"""

import math

import numpy as np
import torch
from torch.nn import functional


class Categorical:
    """An integer: softmax over what the mask allows."""

    def __init__(self, logits, mask):
        allowed = mask.clone()
        allowed[..., 0] |= ~mask.any(-1)  # Decision: where nothing is allowed, action 0 is certain, and nothing is learnt.
        self.log_probs = torch.log_softmax(logits.masked_fill(~allowed, -1e30), -1)

    def sample(self, uniform):
        """By inversion; uniform(k) gives draw k of each row, in [0, 1)."""
        passed = uniform(0)[..., None] >= self.log_probs.exp().cumsum(-1)
        return passed.sum(-1).clamp(max=self.log_probs.shape[-1] - 1).double()

    def log_prob(self, chosen):
        return self.log_probs.gather(-1, chosen.long()[..., None])[..., 0]

    def entropy(self):
        return -(self.log_probs.exp() * self.log_probs).sum(-1)


class Gaussian:
    """A float."""

    def __init__(self, mean, deviation):
        self.mean, self.deviation = mean, deviation

    def sample(self, uniform):
        """By Box, Muller 1958."""
        radius = torch.sqrt(-2 * torch.log1p(-uniform(0)))
        return self.mean + self.deviation * radius * torch.cos(2 * math.pi * uniform(1))

    def log_prob(self, chosen):
        z = (chosen - self.mean) / self.deviation
        return -0.5 * (z**2 + math.log(2 * math.pi)) - torch.log(self.deviation)

    def entropy(self):
        # Decision: that of the unbounded number, although the action is clipped.
        return 0.5 * (1 + math.log(2 * math.pi)) + torch.log(self.deviation)


class SquashedGaussian(Gaussian):
    """A float whose tanh is taken: the probability density is that of the squashed number, within -1 .. 1."""

    # Decision: the entropy has no closed form; its integral is taken by Gauss-Hermite quadrature with 8 nodes.
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)

    @staticmethod
    def log_slope(x):
        """log(1 - tanh(x)^2), which is log(4 / (e^x + e^-x)^2)."""
        return 2 * (math.log(2) - torch.logaddexp(x, -x))

    def log_prob(self, chosen):
        return super().log_prob(chosen) - self.log_slope(chosen)

    def entropy(self):
        slopes = (weight * self.log_slope(self.mean + self.deviation * node) for node, weight in zip(self.nodes, self.weights))
        return super().entropy() + sum(slopes) / math.sqrt(2 * math.pi)


class Joint:
    """Independent distributions of the numbers of a row."""

    def __init__(self, distributions):
        self.distributions = distributions

    def sample(self, uniform):
        """[..., numbers]. Number c has the draws 2c and 2c + 1."""
        numbers = [one.sample(lambda k, c=c: uniform(2 * c + k)) for c, one in enumerate(self.distributions)]
        return torch.stack(numbers, -1)

    def log_prob(self, chosen):
        return sum(one.log_prob(number) for one, number in zip(self.distributions, chosen.unbind(-1)))

    def entropy(self):
        return sum(one.entropy() for one in self.distributions)


class Head:
    """actions: of a policy in a checkpoint's metadata."""

    def __init__(self, actions, config):
        self.actions, self.is_squashed = actions, config["squash_output"]
        self.min_std = config["min_std"]
        # Decision: a raw deviation of 0 stands for init_std.
        wanted = config["init_std"] - config["min_std"]
        self.raw_offset = wanted + math.log(-math.expm1(-wanted))  # the inverse of softplus
        self.num_choices = [sum(action["n"]) for action in actions]  # of each part: columns of its mask

    def distribution(self, outputs, mask):
        """outputs: [..., logits and means in the order of the parts, then the raw deviations of all floats]; mask: bool
        [..., choices of all parts]."""
        widths = [count or len(action["low"]) for count, action in zip(self.num_choices, self.actions)]
        *outputs, raw = outputs.split([*widths, outputs.shape[-1] - sum(widths)], -1)
        deviations = iter((functional.softplus(raw + self.raw_offset) + self.min_std).unbind(-1))
        kind = SquashedGaussian if self.is_squashed else Gaussian
        distributions = []
        for action, output, allowed in zip(self.actions, outputs, mask.split(self.num_choices, -1)):
            if action["kind"] == "box":
                distributions += [kind(mean, next(deviations)) for mean in output.unbind(-1)]
            else:
                distributions += map(Categorical, output.split(action["n"], -1), allowed.split(action["n"], -1))
        return Joint(distributions)

    def arrays(self, chosen):
        """What the environment reads, by part: int32 [...] of a Discrete, [..., numbers] of others, float32 of a Box."""
        sizes = [len(action["n"]) or len(action["low"]) for action in self.actions]
        arrays = {}
        for action, numbers in zip(self.actions, chosen.split(sizes, -1)):
            array = self.scaled(action, numbers).float() if action["kind"] == "box" else numbers.int()
            arrays[action["name"]] = (array[..., 0] if action["kind"] == "discrete" else array).numpy()
        return arrays

    def scaled(self, action, numbers):
        # Bounds at infinity are null in the metadata.
        low = torch.tensor([-math.inf if bound is None else bound for bound in action["low"]], dtype=torch.float64)
        high = torch.tensor([math.inf if bound is None else bound for bound in action["high"]], dtype=torch.float64)
        # Decision: between two bounds the numbers -1 .. 1 are the whole range; otherwise a number is the action itself.
        is_bounded = torch.isfinite(low) & torch.isfinite(high)
        middle, half_range = torch.where(is_bounded, (low + high) / 2, 0.0), torch.where(is_bounded, (high - low) / 2, 1.0)
        return (middle + half_range * (torch.tanh(numbers) if self.is_squashed else numbers)).clamp(low, high)

