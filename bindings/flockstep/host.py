"""Shared by the Gymnasium and PettingZoo adapters: environments on any device, driven from the host with copied arrays."""

import numpy as np

from . import arrays
from ._flockstep import UnknownKeyword
from .checks import names, shown
from .environment import Environment

# Outputs that every adapter reads, whatever `outputs` asks for. Environments without masks have no action_mask.
READ_OUTPUTS = ("reward", "terminated", "truncated", "active", "acts", "episode_start", "action_mask")
ENGINE_METRICS = ("episode_return", "episode_length")
SUM, COUNT = 0, 3  # columns of the field `statistics`, float64 [num_envs, metrics, 4]


def host_environment(name, num_envs, device, autoreset_mode, config, reserved=()):
    """An Environment whose arrays arrays.copy_to_host can copy, on any device.

    config: keywords of flockstep.Environment and the environment's settings. UnknownKeyword for those in `reserved`, which the
    adapter sets itself, and for array; ValueError for outputs without an observation and for bfloat16, which numpy lacks.
    """
    for key in ("array", "autoreset_mode", *reserved):
        if key in config:
            raise UnknownKeyword(f"{key}: got {shown(config[key])}, want none here (unexpected keyword argument {key!r})")
    if config.get("outputs") is not None:
        config = {**config, "outputs": [*names("outputs", config["outputs"]), *READ_OUTPUTS]}
    environment = Environment(name, num_envs, device, autoreset_mode=autoreset_mode, array="dlpack", **config)
    observations = environment._batch.observations
    if not observations:
        raise ValueError(f"outputs: got no part of the observation, want one of: {', '.join(environment._layout.observation_names())}")
    for array in observations:
        if array.dtype == "bfloat16":
            raise ValueError(f"dtypes: got bfloat16 for {array.name}, want uint8, int8 or float32: numpy has no bfloat16")
    return environment


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


def convert(tensor, part, leading):
    """The user's actions in the shape of an action tensor."""
    to_array = to_floats if tensor.dtype == "float32" else to_integers
    return to_array("action", part, (*leading, *tensor.shape[2:])).reshape(tensor.shape)


class HostStepper:
    """Steps an environment with actions from the host, and computes what the adapters' infos contain."""

    def __init__(self, environment):
        self._environment = environment
        self.tensors = environment._batch.actions  # the engine's own: names, shapes and dtypes
        self._on_cpu = environment.device == "cpu"
        masks = {array.name: array for array in environment._batch.action_masks}
        judged = environment.illegal_actions == "refuse"
        self._masked = environment._layout.masked_actions(masks) if judged else []
        own = [(i, name) for i, name in enumerate(environment.metric_names) if name.split(".")[0] not in ENGINE_METRICS]
        self._own_metrics = own if environment.keeps_statistics else []
        self.has_metrics = bool(self._own_metrics)  # metrics() has something to tell
        self.forget_metrics()

    def __reduce__(self):
        return type(self), (self._environment,)

    # Actions

    def step(self, action, leading):
        """action: an array [*leading, ...], or a dict of them by part, where leading holds num_envs * num_agents rows.
        Returns what send() returns."""
        parts = self._environment._layout.flat_actions(action)
        return self.send([convert(tensor, part, leading) for tensor, part in zip(self.tensors, parts, strict=True)])

    def send(self, actions):
        """One step. actions: one array per action tensor, of its shape; int32, int64 or float32.

        Returns bool [num_envs, num_agents], true for active agents whose action the rules forbid now, or None where there
        are none: the default choice is played for them. ValueError for a value outside the action's space, which the
        engine has replaced.
        """
        actions, illegal = self._replace_illegal(actions)
        if self._on_cpu:
            self._environment._step(actions)
            return illegal
        for i, array in enumerate(actions):
            narrow = np.clip(array, -1, 2**31 - 1).astype(np.int32) if array.dtype == np.int64 else array
            self._environment._batch.write_action(i, narrow)
        self._environment._step(None)
        self._environment.check()
        return illegal

    def _replace_illegal(self, actions):
        if not self._masked:
            return actions, None
        illegal = np.zeros((self._environment.num_envs, self._environment.num_agents), bool)
        for tensor, columns, agents, part, mask in self._masked:
            chosen = actions[tensor][:, columns]
            forbidden = is_forbidden(chosen, part, mask.copy())
            if not forbidden.any():
                continue
            default = np.array(part["default_choice"], chosen.dtype)
            actions[tensor] = actions[tensor].copy()
            actions[tensor][:, columns] = np.where(forbidden, default if chosen.ndim > 2 else default[0], chosen)
            illegal[:, agents] |= forbidden.reshape(*forbidden.shape[:2], -1).any(2)
        if not illegal.any():
            return actions, None
        illegal &= self.active()
        return actions, illegal if illegal.any() else None

    def active(self):
        """A copy of the output, bool [num_envs, num_agents]: which agents are active in the current state."""
        return self._environment._info["active"].copy()

    # Metrics of episodes

    def forget_metrics(self):
        """Discards the metrics of episodes that have ended so far."""
        self._totals = self._read_totals() if self.has_metrics else None

    def _read_totals(self):
        return self._environment.get_field("statistics")[:, [i for i, _ in self._own_metrics]]

    def metrics(self):
        """The environment's metrics (requires has_metrics) of episodes that have ended since the last call, at most one per world:
        ({name: float32 [num_envs]}, bool [num_envs] whether an episode ended)."""
        now, before = self._read_totals(), self._totals
        self._totals = now
        counts, sums = now[..., COUNT] > before[..., COUNT], now[..., SUM] - before[..., SUM]
        values = np.where(counts, sums, np.nan).astype(np.float32)
        return {name: values[:, k] for k, (_, name) in enumerate(self._own_metrics)}, counts.any(1)


def is_forbidden(chosen, part, mask):
    """Which of the chosen actions are illegal: bool, shaped like `chosen`. Values out of range are left to the engine.

    chosen: [num_envs, agents] or for MultiDiscrete [num_envs, agents, size]; mask: bool [num_envs, agents, choices], the
    choices of one integer after those of another; part: its description in Layout.
    """
    counts, default = np.array(part["n"]), np.array(part["default_choice"])
    if chosen.ndim == 2:
        counts, default = counts[0], default[0]
    starts = 0 if chosen.ndim == 2 else np.concatenate([[0], np.cumsum(counts)[:-1]])
    index = np.clip(chosen, 0, counts - 1) + starts
    legal = np.take_along_axis(mask, index.reshape(*chosen.shape[:2], -1), 2).reshape(chosen.shape)
    return ~legal & (chosen >= 0) & (chosen < counts) & (chosen != default)


def mask_rows(mask):
    """An action mask as Space.sample expects it: int8."""
    return arrays.map_tree(lambda part: part.astype(np.int8), mask)
