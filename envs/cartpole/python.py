"""flockstep.cartpole: the reset options of Gymnasium's CartPole-v1."""

import numpy as np

from .checks import finite

RESET_OPTIONS = ("low", "high")  # bounds of the first position, velocity, angle and angular velocity
LOW, HIGH = -0.05, 0.05  # the rules' own bounds


def read_reset_options(options):
    """Returns a function of an Environment and bool [num_envs], the worlds just reset, that moves their initial states between
    options["low"] and options["high"]. It rescales the states that were drawn, so that the seed still determines the episode.

    Raises ValueError, like Gymnasium, for a bound that is not a number and for low > high.
    """
    low, high = (finite(f"options: {name}", options.get(name, default)) for name, default in (("low", LOW), ("high", HIGH)))
    if low > high:
        raise ValueError(f"options: low: got {low}, want at most high, {high}")

    def apply(environment, worlds):
        body = environment.get_field("body")
        drawn = (body[worlds].astype(np.float64) - LOW) / (HIGH - LOW)
        body[worlds] = np.clip(low + (high - low) * drawn, low, high)
        environment.set_fields({"body": body})

    return apply
