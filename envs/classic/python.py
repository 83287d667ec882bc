"""flockstep.classic: the reset options of Gymnasium's classic environments; flockstep.pendulum and the others name theirs."""

import numpy as np

from .checks import finite


def low_and_high(options, low, high, limits):
    """options["low"] and options["high"], by default the rules' own bounds, within limits. ValueError for others, and for low > high."""
    low, high = (finite(f"options: {name}", options.get(name, default), *limits) for name, default in (("low", low), ("high", high)))
    if low > high:
        raise ValueError(f"options: low: got {low}, want at most high, {high}")
    return low, high


def rescaler(**bounds):
    """A function of an Environment and bool [num_envs], the worlds just reset, that moves what was drawn for their fields between
    other bounds, so that the seed still determines the episode. bounds: field=(old low, old high, low, high)."""

    def apply(environment, worlds):
        fields = {name: environment.get_field(name) for name in bounds}
        for name, (old_low, old_high, low, high) in bounds.items():
            share = (fields[name][worlds].astype(np.float64) - old_low) / (old_high - old_low)
            fields[name][worlds] = np.clip(low + (high - low) * share, low, high)
        environment.set_fields(fields)

    return apply
