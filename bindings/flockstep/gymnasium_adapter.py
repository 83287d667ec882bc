"""Gymnasium: `gymnasium.make` and `gymnasium.make_vec` of Flockstep's environments. What they return is copied.

import flockstep registers the ids that the environments declare, such as flockstep/CartPole-v1, each with its settings.
"""

import functools

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from . import arrays
from .environment import Environment, environments, mode_name

AUTORESET = {"next_step": AutoresetMode.NEXT_STEP, "same_step": AutoresetMode.SAME_STEP, "disabled": AutoresetMode.DISABLED}


def register_environments():
    """Registers every environment's ids with Gymnasium; the time limit is the environment's own max_episode_steps."""
    for name, environment in environments().items():
        for id, settings in environment["gymnasium_ids"].items():
            if f"flockstep/{id}" in gymnasium.registry:
                continue
            gymnasium.register(
                f"flockstep/{id}",
                entry_point="flockstep.gymnasium_adapter:SingleEnvironment",
                vector_entry_point="flockstep.gymnasium_adapter:VectorEnvironment",
                kwargs={"name": name, **settings},
            )


def sole_role(environment):
    if len(environment.roles) > 1:
        raise ValueError(
            f"{environment.name}: got an environment of {len(environment.roles)} roles, want one of one role; use flockstep.make"
        )
    return next(iter(environment.roles))


def refuse_rendering(name, render_mode):
    if render_mode is not None:
        raise ValueError(f"render_mode: got {render_mode!r}, want None; {name} is not rendered from Python")


def host_environment(name, num_envs, device, **config):
    """An Environment whose arrays arrays.copy_to_host can copy, on any device. Keywords: flockstep.Environment, but array."""
    if "array" in config:
        raise ValueError(f"array: got {config['array']!r}, want none here; these environments give numpy copies")
    return Environment(name, num_envs, device, array="dlpack", **config)


def to_integers(name, given, shape):
    """An int32 or int64 array of that shape; ValueError otherwise."""
    array = np.asarray(given)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"{name}: got {array.dtype} {list(array.shape)}, want integers {list(shape)}")
    return np.ascontiguousarray(array if array.dtype in (np.int32, np.int64) else array.astype(np.int64))


def to_floats(name, given, shape):
    """A float32 array of that shape; ValueError otherwise."""
    array = np.asarray(given)
    if array.dtype.kind not in "iuf" or array.shape != shape:
        raise ValueError(f"{name}: got {array.dtype} {list(array.shape)}, want numbers {list(shape)}")
    return np.ascontiguousarray(array, np.float32)


class HostStepper:
    """Steps an environment with actions from the host, on any device."""

    def __init__(self, environment):
        self._environment = environment
        self.tensors = environment._batch.actions  # the engine's own: names, shapes and dtypes
        self._on_cpu = environment.device == "cpu"

    def step(self, action, leading):
        """action: an array [*leading, ...], or a dict of them by part, where leading holds num_envs * num_agents rows."""
        parts = self._environment._layout.flat_actions(action)
        self.send([convert(tensor, part, leading) for tensor, part in zip(self.tensors, parts, strict=True)])
        if not self._on_cpu:
            self._environment.check()

    def send(self, actions, check=True):
        """actions: one array per action tensor, of its shape; int32, int64 or float32."""
        if self._on_cpu:
            return self._environment._step(actions, check)
        for i, array in enumerate(actions):
            narrow = np.clip(array, -1, 2**31 - 1).astype(np.int32) if array.dtype == np.int64 else array
            self._environment._batch.write_action(i, narrow)
        self._environment._step(None)


def convert(tensor, part, leading):
    """What a user gave for an action tensor, in the tensor's shape."""
    to_array = to_floats if tensor.dtype == "float32" else to_integers
    return to_array("action", part, (*leading, *tensor.shape[2:])).reshape(tensor.shape)


class SingleEnvironment(gymnasium.Env):
    """One world with one agent as a gymnasium.Env; `gymnasium.make("flockstep/CartPole-v1")` makes it.

    name, settings: see flockstep.Environment; device: "cpu" by default. info has action_mask (int8, as Space.sample wants
    it) where the rules forbid actions. An environment of several agents raises ValueError: see flockstep.parallel_env.
    """

    metadata = {"render_modes": []}

    def __init__(self, name, device="cpu", render_mode=None, **config):
        refuse_rendering(name, render_mode)
        self.render_mode = None
        self._environment = host_environment(name, 1, device, autoreset_mode="disabled", statistics=False, **config)
        if self._environment.num_agents != 1:
            raise ValueError(f"{name}: got {self._environment.num_agents} agents, want one; use flockstep.parallel_env or make_vec")
        self._stepper = HostStepper(self._environment)
        self.observation_space = self._environment.single_observation_space
        self.action_space = self._environment.single_action_space
        self._is_seeded = False

    def reset(self, *, seed=None, options=None):
        """A new episode. Without a seed the first one is of a random seed. options are accepted and ignored."""
        super().reset(seed=seed)
        if seed is None and not self._is_seeded:
            seed = int(self.np_random.integers(2**63))
        self._is_seeded = True
        observation, info = self._environment.reset(seed)
        return self._row(observation), self._info(info)

    def step(self, action):
        self._stepper.step(arrays.map_tree(lambda part: np.asarray(part)[None], action), (1,))
        observation, reward, terminated, truncated, info = self._environment._show_step()
        flags = (bool(array.copy()[0, 0]) for array in (terminated, truncated))
        return self._row(observation), float(reward.copy()[0, 0]), *flags, self._info(info)

    @staticmethod
    def _row(tree):
        return arrays.map_tree(lambda array: array[0, 0], arrays.copy_to_host(tree))

    def _info(self, info):
        mask = info.get("action_mask")
        return {} if mask is None else {"action_mask": arrays.map_tree(lambda m: m.astype(np.int8), self._row(mask))}

    def close(self):
        self._environment.close()


class VectorEnvironment(gymnasium.vector.VectorEnv):
    """Many worlds as a gymnasium VectorEnv; `gymnasium.make_vec("flockstep/CartPole-v1", num_envs=8)` makes it.

    One agent: no agent axis, and spaces, shapes, dtypes, autoreset and info keys are those of gymnasium's SyncVectorEnv.

    Several agents: **rows are agents**. num_envs of make_vec counts worlds; the attribute num_envs counts rows, and row
    world * num_agents + agent is an agent (`num_worlds`, `num_agents` say how many). terminated is an agent's own and stays
    true until its world resets; truncated comes to all agents of a world at once; a world resets when all its agents are
    terminated or inactive, or truncated. info has active, acts and episode_start (bool [num_envs]): a row counts if it was
    active before the step, but in NEXT_STEP not in the step whose observation has episode_start. Environments of several
    roles raise ValueError: see flockstep.make.

    autoreset_mode: AutoresetMode.NEXT_STEP (default), SAME_STEP or DISABLED, the last with options={"reset_mask": bool
    [num_envs]}. info has action_mask (int8 [num_envs, choices]) where the rules forbid actions. All arrays are numpy copies,
    also of worlds on CUDA (device="cuda"): flockstep.make gives them without a copy. Other keywords: flockstep.Environment,
    but array.
    """

    def __init__(self, name, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP, device="cpu", render_mode=None, **config):
        refuse_rendering(name, render_mode)
        mode = mode_name(autoreset_mode)
        self._environment = host_environment(name, num_envs, device, autoreset_mode=mode, **config)
        role = sole_role(self._environment)
        self._stepper = HostStepper(self._environment)
        self.autoreset_mode = AUTORESET[mode]
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        self.num_worlds, self.num_agents = self._environment.num_envs, self._environment.num_agents
        self.num_envs = self.num_worlds * self.num_agents
        self.single_observation_space = self._environment._layout.observation_spaces()[role]
        self.single_action_space = self._environment._layout.action_spaces()[role]
        self._is_seeded = False
        self._ended = np.zeros(self.num_worlds, bool)  # disabled: worlds that wait for a reset

    @functools.cached_property
    def observation_space(self):
        return batch_space(self.single_observation_space, self.num_envs)

    @functools.cached_property
    def action_space(self):
        return batch_space(self.single_action_space, self.num_envs)

    def reset(self, *, seed=None, options=None):
        """New episodes everywhere, or where options["reset_mask"] is true. Other options are ignored."""
        super().reset(seed=seed)
        mask = self._world_mask((options or {}).get("reset_mask"))
        if seed is None and not self._is_seeded:
            seed = int(self.np_random.integers(2**63))
            if mask is not None:
                self._environment.reset(seed)
                seed = None
        self._is_seeded = True
        self._ended[slice(None) if mask is None else mask] = False
        observation, info = self._environment.reset(seed, None if mask is None else {"reset_mask": mask})
        return self._rows(observation), self._info(info, {})

    def step(self, actions):
        """actions: as action_space; integers of any width. Returns copies; reward is float64, as in SyncVectorEnv."""
        if self._ended.any():
            raise ValueError(f"action: world {int(self._ended.argmax())} has ended, want a reset with its reset_mask first")
        self._stepper.step(actions, (self.num_envs,))
        observation, reward, terminated, truncated, info = self._environment._show_step()
        infos = self._final(info) if self.autoreset_mode == AutoresetMode.SAME_STEP else {}
        terminated, truncated = terminated.copy(), truncated.copy()
        if self.autoreset_mode == AutoresetMode.DISABLED:
            self._ended = truncated.any(1) | (terminated | ~info["active"].copy()).all(1)
        reward = reward.copy().reshape(-1).astype(np.float64)
        return self._rows(observation), reward, terminated.reshape(-1), truncated.reshape(-1), self._info(info, infos)

    def _rows(self, tree):
        return arrays.map_tree(lambda array: array.reshape(self.num_envs, *array.shape[2:]), arrays.copy_to_host(tree))

    def _world_mask(self, mask):
        if mask is None:
            return None
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask: got {mask.dtype} {list(mask.shape)}, want bool [{self.num_envs}] with at least one true")
        worlds = mask.reshape(self.num_worlds, self.num_agents)
        if (worlds.any(1) != worlds.all(1)).any():
            raise ValueError("reset_mask: got a part of a world's agents, want all of them or none")
        return np.ascontiguousarray(worlds[:, 0])

    def _final(self, info):
        """final_obs and final_info of the worlds that ended, with the keys that SyncVectorEnv has."""
        ended = info["_final_observation"].copy().reshape(-1)
        if not ended.any():
            return {}
        rows = arrays.map_tree(lambda array: array[ended], self._rows(info["final_observation"]))
        final = np.full(self.num_envs, None, object)
        final[ended] = np.fromiter(split_rows(rows), object, int(ended.sum()))
        return {"final_obs": final, "_final_obs": ended, "final_info": {}, "_final_info": ended.copy()}

    def _info(self, info, infos):
        names = ["active", "acts", "episode_start"] if self.num_agents > 1 else []
        for name in names:
            infos[name] = info[name].copy().reshape(-1)
        if "action_mask" in info:
            infos["action_mask"] = arrays.map_tree(lambda mask: mask.astype(np.int8), self._rows(info["action_mask"]))
        for name in [*names, *(["action_mask"] if "action_mask" in info else [])]:
            infos["_" + name] = np.ones(self.num_envs, bool)
        return infos

    def close_extras(self, **_):
        self._environment.close()

    # The worlds themselves

    def get_field(self, name):
        """See flockstep.Environment.get_field; [num_worlds, ...]."""
        return self._environment.get_field(name)

    def set_fields(self, fields):
        """See flockstep.Environment.set_fields; [num_worlds, ...]."""
        self._environment.set_fields(fields)

    def statistics(self, clear=False):
        """See flockstep.Environment.statistics."""
        return self._environment.statistics(clear)


def split_rows(tree):
    """One tree per row of a tree of arrays."""
    if not isinstance(tree, dict):
        return iter(tree)
    return (dict(zip(tree, parts, strict=True)) for parts in zip(*map(split_rows, tree.values()), strict=True))
