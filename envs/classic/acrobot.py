"""flockstep.acrobot: the reset options of Gymnasium's Acrobot-v1."""

import numpy as np

from .classic import low_and_high, rescaler

RESET_OPTIONS = ("low", "high")  # bounds of the first angles and velocities


def read_reset_options(options):
    """See flockstep.classic.rescaler. ValueError for a bound that is not a number, or beyond what a state may have."""
    bounds = low_and_high(options, -0.1, 0.1, (-np.pi, np.pi))
    return rescaler(angle=(-0.1, 0.1, *bounds), velocity=(-0.1, 0.1, *bounds))
