"""Flockstep: thousands of multi-agent environments in lockstep, on a GPU or on the CPU.

    import flockstep
    env = flockstep.make("cartpole", num_envs=4096, device="auto", seed=1)
    observation, info = env.reset()
    for _ in range(1000):
        observation, reward, terminated, truncated, info = env.step(env.act("random"))

Arrays are [num_envs, num_agents, ...] and views of the engine's memory, valid until the next step; see Environment.
`gymnasium.make("flockstep/CartPole-v1")`, `gymnasium.make_vec(...)` and `flockstep.parallel_env(...)` (PettingZoo) return copies.
`flockstep.load_policy("runs/...")` loads a trained policy.
Python helpers of one environment are in a module of its name, such as `flockstep.pathfinding`.
"""

import importlib
import importlib.util
import warnings

from ._flockstep import Array, Batch, UnknownKeyword, __version__, cuda_unavailable_reason, describe_device, find_device
from .environment import Environment, environments, make
from .policy import Distribution, Policy, load_policy

__all__ = [
    "Array",
    "Batch",
    "Distribution",
    "Environment",
    "Policy",
    "UnknownKeyword",
    "__version__",
    "cuda_unavailable_reason",
    "describe_device",
    "environments",
    "find_device",
    "load_policy",
    "make",
    "parallel_env",
]


def parallel_env(id, device="cpu", render_mode=None, **config):
    """One world of environment `id` as a PettingZoo ParallelEnv; see ParallelEnvironment in pettingzoo_adapter.py.

    config: the environment's settings, and the options of flockstep.make except num_envs, seed and autoreset_mode.
    """
    from .pettingzoo_adapter import ParallelEnvironment

    return ParallelEnvironment(id, device=device, render_mode=render_mode, **config)


def __getattr__(name):
    """Imports an environment's module on first access: flockstep.pathfinding."""
    spec = None if name.startswith("_") else importlib.util.find_spec(f"{__name__}.{name}")
    if spec and spec.origin:  # not a namespace package
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _register_environments():
    """Registers with Gymnasium if a recent enough version is installed."""
    if not importlib.util.find_spec("gymnasium"):
        return
    try:
        from .gymnasium_adapter import register_environments
    except ImportError as error:
        warnings.warn(
            f"flockstep needs gymnasium 1.2 or newer ({error}): flockstep.make works, but gymnasium.make, gymnasium.make_vec and "
            "flockstep.parallel_env do not",
            stacklevel=3,
        )
        return
    register_environments()


_register_environments()
