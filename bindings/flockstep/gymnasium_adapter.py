"""Gymnasium: `gymnasium.make` and `gymnasium.make_vec` of Flockstep's environments. What they return is copied.

import flockstep registers the ids that the environments declare, such as flockstep/CartPole-v1, each with its settings.
"""

import functools
import sys

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode  # noqa: F401, which old versions lack

from . import arrays
from .checks import mapping, shown
from .environment import environments
from .host import HostStepper, host_environment, mask_rows

LONGEST_EPISODE = 2**23  # steps: the largest max_episode_steps
MAX_FRAMES = 32  # between a wrapper's reset and the environment's
RENDER_MODES = ["rgb_array"]


def register_environments():
    """Registers every environment's ids with Gymnasium; the spec has the environment's time limit."""
    for name, environment in environments().items():
        for id, settings in environment["gymnasium_ids"].items():
            if f"flockstep/{id}" in gymnasium.registry:
                continue
            gymnasium.register(
                f"flockstep/{id}",
                entry_point="flockstep.gymnasium_adapter:SingleEnvironment",
                vector_entry_point="flockstep.vector_adapter:VectorEnvironment",
                max_episode_steps=time_limit(name, settings),
                kwargs={"name": name, **settings},
            )


def time_limit(name, settings):
    """max_episode_steps of an environment with these settings."""
    return int(settings.get("max_episode_steps", default_limit(name)))


@functools.cache
def default_limit(name):
    return next(line["default"] for line in environments()[name]["settings"] if line["name"] == "max_episode_steps")


def limit_around(environment):
    """max_episode_steps of the TimeLimit wrapper that called reset(), or None without one.

    gymnasium.make(id, max_episode_steps=N) wraps the environment in a TimeLimit, but passes N neither to the constructor nor
    to the spec. So this looks for the wrapper a few frames up the call stack.
    """
    frame = sys._getframe(2)
    for _ in range(MAX_FRAMES):
        if frame is None:
            return None
        caller = frame.f_locals.get("self")
        if isinstance(caller, gymnasium.wrappers.TimeLimit) and caller.unwrapped is environment:
            return caller._max_episode_steps
        frame = frame.f_back
    return None


class SingleEnvironment(gymnasium.Env):
    """One world with one agent as a gymnasium.Env; `gymnasium.make("flockstep/CartPole-v1")` makes it.

    name, settings: see flockstep.Environment; device: "cpu" by default. gymnasium.make(id, max_episode_steps=N) sets the
    environment's own limit; -1 means 2^23 steps. Raises ValueError for several agents: see flockstep.parallel_env.

    info contains action_mask (int8, for Space.sample) if actions can be illegal; illegal_action, the given action, in a step in
    which it was illegal and replaced by the default action; metrics ({name: float}), the environment's metrics, in the step that
    ends an episode. render_mode: None or "rgb_array", which needs Pillow.
    """

    metadata = {"render_modes": RENDER_MODES, "render_fps": 30}  # without rendering

    def __init__(self, name, device="cpu", render_mode=None, **config):
        self.render_mode = check_render_mode(render_mode)
        self._make = (name, device, config)
        self._start()
        self.observation_space = self._environment.single_observation_space
        self.action_space = self._environment.single_action_space
        self.metadata = {**self.metadata, **render_facts(self._environment, render_mode)}

    def _start(self):
        name, device, config = self._make
        self._environment = host_environment(name, 1, device, "disabled", config, reserved=("num_envs",))
        if self._environment.num_agents != 1:
            raise ValueError(f"{name}: got {self._environment.num_agents} agents, want one; use flockstep.parallel_env or make_vec")
        self._stepper = HostStepper(self._environment)
        self._is_seeded = False

    def _obey_limit(self):
        """Makes gymnasium.make's time limit the environment's own, so that its rules know when an episode ends; without one
        (max_episode_steps=-1) episodes are as long as possible. If the limit changes, the environment is recreated."""
        name, device, config = self._make
        limit = limit_around(self) or LONGEST_EPISODE
        if limit != time_limit(name, config):
            self._make = (name, device, {**config, "max_episode_steps": limit})
            self._environment.close()
            self._start()

    def reset(self, *, seed=None, options=None):
        """Starts a new episode; the first one without a seed gets a random seed. options: the environment's own, see
        flockstep.Environment.reset; ValueError for unknown ones."""
        super().reset(seed=seed)
        refuse_mask(options)
        if self.spec is not None:  # created by gymnasium.make
            self._obey_limit()
        if seed is None and not self._is_seeded:
            seed = int(self.np_random.integers(2**63))
        observation, info = self._environment.reset(seed, options)
        self._is_seeded = True
        return self._row(observation), self._info(info)

    def step(self, action):
        illegal = self._stepper.step(arrays.map_tree(lambda part: np.asarray(part)[None], action), (1,))
        observation, reward, terminated, truncated, info = self._environment._show_step()
        terminated, truncated = bool(terminated.copy()[0, 0]), bool(truncated.copy()[0, 0])
        terminated |= not truncated and not info["active"].copy()[0, 0]  # a world without agents ends at once
        info = self._info(info)
        if illegal is not None:
            info["illegal_action"] = action
        if (terminated or truncated) and self._stepper.has_metrics:
            info.update(self._metrics())
        return self._row(observation), float(reward.copy()[0, 0]), terminated, truncated, info

    def _row(self, tree):
        return arrays.map_tree(lambda array: array[0, 0], arrays.copy_to_host(tree))

    def _info(self, info):
        mask = info.get("action_mask")
        return {} if mask is None else {"action_mask": mask_rows(self._row(mask))}

    def _metrics(self):
        values, ended = self._stepper.metrics()
        return {"metrics": {name: float(value[0]) for name, value in values.items()}} if ended[0] else {}

    def render(self):
        """uint8 [height, width, 3] if render_mode is "rgb_array", else None; see flockstep.Environment.render."""
        return self._environment.render() if self.render_mode else None

    def close(self):
        self._environment.close()


def check_render_mode(render_mode):
    if render_mode not in (None, *RENDER_MODES):
        raise ValueError(f'render_mode: got {shown(render_mode)}, want None or "rgb_array"')
    return render_mode


def render_facts(environment, render_mode):
    """The metadata's rendering entries; ValueError if the environment cannot be rendered."""
    frames_per_second = environment._batch.draw()["frames_per_second"] if render_mode else 30
    return {"render_modes": RENDER_MODES, "render_fps": round(frames_per_second)}


def refuse_mask(options):
    """ValueError for a reset mask: there is only one world."""
    if "reset_mask" in mapping("options", options, "a dict"):
        raise ValueError('options: got "reset_mask", want none: there is one world')
