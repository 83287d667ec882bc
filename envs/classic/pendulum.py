"""flockstep.pendulum: the reset options of Gymnasium's Pendulum-v1."""

import numpy as np

from .checks import finite
from .classic import rescaler

RESET_OPTIONS = ("x_init", "y_init")  # the first angle and velocity are at most these


def read_reset_options(options):
    """See flockstep.classic.rescaler. ValueError for a bound that is not a number, or beyond what a state may have."""
    angle = finite("options: x_init", options.get("x_init", np.pi), 0, 1e5)
    velocity = finite("options: y_init", options.get("y_init", 1), 0, 8)
    return rescaler(angle=(-np.pi, np.pi, -angle, angle), velocity=(-1, 1, -velocity, velocity))
