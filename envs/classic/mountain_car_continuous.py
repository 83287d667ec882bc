"""flockstep.mountain_car_continuous: the reset options of Gymnasium's MountainCarContinuous-v0."""

from .classic import low_and_high, rescaler

RESET_OPTIONS = ("low", "high")  # bounds of the first position


def read_reset_options(options):
    """See flockstep.classic.rescaler. ValueError for a bound that is not a number, or beyond what a state may have."""
    return rescaler(position=(-0.6, -0.4, *low_and_high(options, -0.6, -0.4, (-1.2, 0.6))))
