"""Gymnasium: `gymnasium.make_vec` of Flockstep's environments. What it returns is copied."""

import functools

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from . import arrays
from .checks import mapping
from .environment import mode_name
from .gymnasium_adapter import check_render_mode, render_facts
from .host import HostStepper, host_environment, mask_rows

AUTORESET = {"next_step": AutoresetMode.NEXT_STEP, "same_step": AutoresetMode.SAME_STEP, "disabled": AutoresetMode.DISABLED}


def sole_role(environment):
    if len(environment.roles) > 1:
        raise ValueError(
            f"{environment.name}: got an environment of {len(environment.roles)} roles, want one of one role; use flockstep.make"
        )
    return next(iter(environment.roles))


class VectorEnvironment(gymnasium.vector.VectorEnv):
    """Many worlds as a gymnasium VectorEnv; `gymnasium.make_vec("flockstep/CartPole-v1", num_envs=8)` makes it.

    One agent: no agent axis, and spaces, shapes, dtypes, autoreset and info keys are those of gymnasium's SyncVectorEnv.

    Several agents: **rows are agents**. num_envs of make_vec counts worlds; the attribute num_envs counts rows, and row
    world * num_agents + agent is an agent (`num_worlds`, `num_agents` say how many). **A row ends with its world**: its flags are
    set in the step in which the world ends, because all its agents are terminated or inactive (terminated) or at the time limit
    (truncated, and also terminated for agents that were terminated before). Agents that have left earlier, or never existed, have
    reward 0 until then and active, in info, is false. Wrappers and trainers that do not know about agents thus see one episode
    per row and world, with the agent's return. flockstep.make reports when each agent ends. Environments with several roles raise
    ValueError.

    autoreset_mode: AutoresetMode.NEXT_STEP (default), SAME_STEP or DISABLED, the last with options={"reset_mask": bool
    [num_envs]}. All arrays are numpy copies, also with device="cuda"; flockstep.make avoids the copies. Other keywords: those of
    flockstep.Environment except array. final_observation="truncated" provides final_obs only for truncated agents, "none" never.

    info, each with its row mask (_active and so on), like SyncVectorEnv's:
    active, acts, episode_start: bool [num_envs], with several agents; for the returned observation.
    action_mask: int8 [num_envs, choices] if actions can be illegal.
    illegal_action: the given actions of active agents that were illegal and replaced by the default action.
    metrics: {name: float32 [num_envs]}, the environment's metrics of worlds whose episode ended in this step; with SAME_STEP in
    final_info, next to final_obs.
    """

    def __init__(self, name, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP, device="cpu", render_mode=None, **config):
        self.render_mode = check_render_mode(render_mode)
        mode = mode_name(autoreset_mode)
        self._environment = host_environment(name, num_envs, device, mode, config)
        role = sole_role(self._environment)
        self._stepper = HostStepper(self._environment)
        self.autoreset_mode = AUTORESET[mode]
        self.metadata = {**render_facts(self._environment, render_mode), "autoreset_mode": self.autoreset_mode}
        self.num_worlds, self.num_agents = self._environment.num_envs, self._environment.num_agents
        self.num_envs = self.num_worlds * self.num_agents
        self.single_observation_space = self._environment._layout.observation_spaces()[role]
        self.single_action_space = self._environment._layout.action_spaces()[role]
        self._is_seeded = False
        self._ended = np.zeros(self.num_worlds, bool)  # worlds whose episode ended in the last step

    @functools.cached_property
    def observation_space(self):
        return batch_space(self.single_observation_space, self.num_envs)

    @functools.cached_property
    def action_space(self):
        return batch_space(self.single_action_space, self.num_envs)

    def reset(self, *, seed=None, options=None):
        """Starts new episodes in all worlds, or where options["reset_mask"] (bool [num_envs]) is true. seed: one for all worlds,
        or a list with one per world; see flockstep.Environment.reset, also for the environment's own options. ValueError for
        unknown options."""
        super().reset(seed=seed if isinstance(seed, int) else None)
        options = mapping("options", options, "a dict")
        mask = self._world_mask(options.pop("reset_mask", None))
        if mask is not None:
            options["reset_mask"] = mask
        if seed is None and not self._is_seeded:
            seed = int(self.np_random.integers(2**63))
            if mask is not None:
                self._environment.reset(seed)
                seed = None
        observation, info = self._environment.reset(seed, options)
        self._is_seeded = True
        self._ended[slice(None) if mask is None else mask] = False
        return self._rows(observation), self._info(info)

    def step(self, actions):
        """actions: as in action_space; integers of any width. Returns copies; reward is float64, like SyncVectorEnv's."""
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            raise ValueError(f"action: world {int(self._ended.argmax())} has ended, want a reset with its reset_mask first")
        was_active = self._stepper.active() if self.num_agents > 1 else np.True_
        illegal = self._stepper.step(actions, (self.num_envs,))
        observation, reward, terminated, truncated, info = self._environment._show_step()
        terminated, truncated = terminated.copy(), truncated.copy()
        self._ended = self._find_ended(terminated, truncated, info)
        metrics = self._metrics()
        ends_here = self._ended[:, None]
        infos = {}
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos = self._final(info, (truncated & ~terminated & was_active).reshape(-1), metrics)
        elif metrics:
            infos = dict(metrics)
        if illegal is not None:
            infos |= self._name_illegal(actions, illegal.reshape(-1))
        reward = (reward.copy() * was_active).reshape(-1).astype(np.float64)
        terminated, truncated = ends_here & (terminated | ~truncated), ends_here & truncated
        return self._rows(observation), reward, terminated.reshape(-1), truncated.reshape(-1), self._info(info) | infos

    def _find_ended(self, terminated, truncated, info):
        """Worlds whose episode ended in this step, bool [num_worlds]. Arrays are [num_worlds, num_agents]."""
        starts = info["episode_start"].copy()[:, 0]
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            return starts
        gone = terminated | ~info["active"].copy()
        return (truncated[:, 0] | (gone.all(1) if self.num_agents > 1 else gone[:, 0])) & ~starts

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

    def _final(self, info, cut, metrics):
        """final_obs and final_info of the worlds that ended, with the keys that SyncVectorEnv has. cut: rows of agents whose
        episode the time limit cut."""
        ended = np.repeat(self._ended, self.num_agents)
        if not ended.any():
            return {}
        infos = {"final_info": metrics, "_final_info": ended}
        kept = {"all": ended, "truncated": cut, "none": np.zeros_like(ended)}[self._environment.final_observation]
        if not kept.any():
            return infos
        rows = arrays.map_tree(lambda array: array[kept], self._rows(info["final_observation"]))
        final = np.full(self.num_envs, None, object)
        final[kept] = np.fromiter(split_rows(rows), object, int(kept.sum()))
        return {"final_obs": final, "_final_obs": kept.copy(), **infos}

    def _metrics(self):
        """{"metrics": {name: row values, _name: mask}, "_metrics": mask} of the worlds that ended; empty where there are none."""
        if not self._stepper.has_metrics or not self._ended.any():
            return {}
        values, counted = self._stepper.metrics()
        if not counted.any():
            return {}
        rows = np.repeat(counted, self.num_agents)
        metrics = {}
        for name, value in values.items():
            metrics[name] = np.repeat(np.where(counted, value, 0), self.num_agents)
            metrics["_" + name] = rows.copy()
        return {"metrics": metrics, "_metrics": rows}

    @staticmethod
    def _name_illegal(actions, rows):
        def only(part):
            part = np.array(part)
            part[~rows] = 0
            return part

        return {"illegal_action": arrays.map_tree(only, actions), "_illegal_action": rows}

    def _info(self, info):
        infos = {}
        names = ["active", "acts", "episode_start"] if self.num_agents > 1 else []
        for name in names:
            infos[name] = info[name].copy().reshape(-1)
        if "action_mask" in info:
            infos["action_mask"] = mask_rows(self._rows(info["action_mask"]))
        for name in [*names, *(["action_mask"] if "action_mask" in info else [])]:
            infos["_" + name] = np.ones(self.num_envs, bool)
        return infos

    def render(self):
        """One picture for each world, not for each row: a tuple of uint8 [height, width, 3], where render_mode is "rgb_array"; else
        None. See flockstep.Environment.render."""
        if self.render_mode:
            return tuple(self._environment.render(world) for world in range(self.num_worlds))
        return None

    def close_extras(self, **_):
        self._environment.close()

    # The worlds themselves

    def get_field(self, name):
        """See flockstep.Environment.get_field; [num_worlds, ...]."""
        return self._environment.get_field(name)

    def set_fields(self, fields):
        """See flockstep.Environment.set_fields; [num_worlds, ...]."""
        self._environment.set_fields(fields)
        self._stepper.forget_metrics()

    def statistics(self, clear=False):
        """See flockstep.Environment.statistics."""
        statistics = self._environment.statistics(clear)
        self._stepper.forget_metrics()
        return statistics


def split_rows(tree):
    """One tree per row of a tree of arrays."""
    if not isinstance(tree, dict):
        return iter(tree)
    return (dict(zip(tree, parts, strict=True)) for parts in zip(*map(split_rows, tree.values()), strict=True))
