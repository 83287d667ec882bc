"""Gymnasium spaces of observations and actions, from the engine's description of its roles.

One agent's space is the bare space where it has one part, else a Dict by part; with several roles a Dict by role.
"""

import numpy as np

BIGGEST = np.finfo(np.float32).max


def unwrap(parts):
    """The only value of a dict of one, else the dict."""
    return next(iter(parts.values())) if len(parts) == 1 else parts


def bounds(values, shape, dtype):
    """One bound, or one per element, as an array; the largest float means unbounded."""
    bound = np.array(values, np.float64)
    if np.issubdtype(dtype, np.floating):
        bound = np.where(np.abs(bound) >= BIGGEST, np.copysign(np.inf, bound), bound)
    return np.broadcast_to(bound.reshape(shape) if bound.size > 1 else bound.reshape(()), shape).astype(dtype)


def box_of(part, dtype, leading=()):
    """Box of an observation part, [*leading, *shape]; `dtype`: of its tensor (bfloat16 is described as float32)."""
    from gymnasium import spaces

    dtype = np.dtype("float32" if dtype == "bfloat16" else dtype)
    shape = (*leading, *part["shape"])
    low, high = (np.broadcast_to(bounds(part[end], part["shape"], dtype), shape) for end in ("low", "high"))
    return spaces.Box(low, high, shape, dtype)


def unbounded_box(shape, dtype):
    """An unbounded Box of the given dtype and shape."""
    from gymnasium import spaces

    dtype = np.dtype("float32" if dtype == "bfloat16" else dtype)
    low, high = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return spaces.Box(low, high, tuple(shape), dtype)


def with_zero(space):
    """A Box, or a Dict of them, extended to contain 0."""
    from gymnasium import spaces

    if isinstance(space, spaces.Dict):
        return spaces.Dict({name: with_zero(part) for name, part in space.items()})
    return spaces.Box(np.minimum(space.low, 0), np.maximum(space.high, 0), space.shape, space.dtype)


def action_space_of(part, leading=()):
    """Discrete, MultiDiscrete or Box of an action part; with leading axes MultiDiscrete or Box of that shape."""
    from gymnasium import spaces

    if part["kind"] == "box":
        low, high = (np.broadcast_to(np.asarray(part[end], np.float32), (*leading, part["size"])) for end in ("low", "high"))
        return spaces.Box(low, high, dtype=np.float32)
    if part["kind"] == "multi_discrete":
        return spaces.MultiDiscrete(np.broadcast_to(part["n"], (*leading, part["size"])))
    if leading:
        return spaces.MultiDiscrete(np.broadcast_to(part["n"][0], leading))
    return spaces.Discrete(part["n"][0])


def choices(counts):
    """MultiDiscrete of an array of numbers of choices."""
    from gymnasium.spaces import MultiDiscrete

    return MultiDiscrete(counts)


def as_space(tree):
    """Dict spaces for nested dicts of spaces."""
    from gymnasium import spaces

    return spaces.Dict({name: as_space(branch) for name, branch in tree.items()}) if isinstance(tree, dict) else tree
