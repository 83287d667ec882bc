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
MOST_FRAMES = 32  # between a wrapper's reset and the environment's
RENDER_MODES = ["rgb_array"]


def register_environments():
    """Registers every environment's ids with Gymnasium; the spec's time limit is the environment's own."""
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
    """max_episode_steps of the TimeLimit through which reset() was called, or None where there is none.

    gymnasium.make(id, max_episode_steps=N) puts a TimeLimit around the environment, and tells neither its constructor nor its
    spec; its vectors refuse additional wrappers. So the caller is asked, which is a few frames up.
    """
    frame = sys._getframe(2)
    for _ in range(MOST_FRAMES):
        if frame is None:
            return None
        caller = frame.f_locals.get("self")
        if isinstance(caller, gymnasium.wrappers.TimeLimit) and caller.unwrapped is environment:
            return caller._max_episode_steps
        frame = frame.f_back
    return None


class SingleEnvironment(gymnasium.Env):
    """One world with one agent as a gymnasium.Env; `gymnasium.make("flockstep/CartPole-v1")` makes it.

    name, settings: see flockstep.Environment; device: "cpu" by default. gymnasium.make(id, max_episode_steps=N) is the rules'
    own limit; -1 is 2^23 steps. An environment of several agents raises ValueError: see flockstep.parallel_env.

    info has action_mask (int8, as Space.sample wants it) where the rules forbid actions; illegal_action, the action given, in
    a step for which it was forbidden: the default choice was played instead; metrics ({name: float}), the environment's own,
    in the step that ends an episode. render_mode: None or "rgb_array", which needs Pillow when something is rendered.
    """

    metadata = {"render_modes": RENDER_MODES, "render_fps": 30}  # as long as nothing is rendered

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
        """The limit that gymnasium.make has put around this environment becomes the rules' own, so that they know when an episode
        ends; without one (max_episode_steps=-1) episodes are as long as they can be. Where it changes, worlds are made anew."""
        name, device, config = self._make
        limit = limit_around(self) or LONGEST_EPISODE
        if limit != time_limit(name, config):
            self._make = (name, device, {**config, "max_episode_steps": limit})
            self._environment.close()
            self._start()

    def reset(self, *, seed=None, options=None):
        """A new episode. Without a seed the first one is of a random seed. options: the environment's own, see
        flockstep.Environment.reset; ValueError for others."""
        super().reset(seed=seed)
        refuse_mask(options)
        if self.spec is not None:  # gymnasium.make has made it
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
        """uint8 [height, width, 3] where render_mode is "rgb_array", else None; see flockstep.Environment.render."""
        return self._environment.render() if self.render_mode else None

    def close(self):
        self._environment.close()


def check_render_mode(render_mode):
    if render_mode not in (None, *RENDER_MODES):
        raise ValueError(f'render_mode: got {shown(render_mode)}, want None or "rgb_array"')
    return render_mode


def render_facts(environment, render_mode):
    """What metadata says of rendering; ValueError where something without a drawing is to be rendered."""
    frames_per_second = environment._batch.draw()["frames_per_second"] if render_mode else 30
    return {"render_modes": RENDER_MODES, "render_fps": round(frames_per_second)}


def refuse_mask(options):
    """ValueError for a reset mask where there is one world."""
    if "reset_mask" in mapping("options", options, "a dict"):
        raise ValueError('options: got "reset_mask", want none: there is one world')
