"""`make` and `Environment`: a batch of worlds of one environment."""

import functools
import importlib
import importlib.util
import logging

import numpy as np

from . import arrays, spaces
from ._flockstep import Batch
from ._flockstep import environments as _list_environments
from .checks import dtype_name, host_array, integer, mapping, names, seeds_of, shown, text
from .layout import Layout

log = logging.getLogger("flockstep")
STATE_FORMAT = 2
QUOTES = "\"'"
AUTORESET_MODES = ("same_step", "next_step", "disabled")


def environments():
    """All environments by name: {"summary": str, "settings": [{"name", "type", "default", "want", "help"}],
    "gymnasium_ids": {id: {setting: value}}}. In Gymnasium an id is flockstep/id."""
    shown = ("summary", "settings", "gymnasium_ids")
    return {line["name"]: {key: line[key] for key in shown} for line in _list_environments()}


def make(id, num_envs=1, device="auto", seed=0, **config):
    """Makes `num_envs` worlds of environment `id`; see Environment for the options.

    flockstep.make("cartpole", num_envs=4096, device="cuda", max_episode_steps=200)
    """
    return Environment(id, num_envs=num_envs, device=device, seed=seed, **config)


def mode_name(mode):
    """"same_step", "next_step" or "disabled", also from gymnasium's AutoresetMode."""
    given = str(getattr(mode, "value", mode))
    for name in AUTORESET_MODES:
        if given in (name, name.replace("_", ""), "".join(word.title() for word in name.split("_"))):
            return name
    raise ValueError(f"autoreset_mode: got {shown(given)}, want one of: {', '.join(AUTORESET_MODES)}")


class Info(dict):
    """The info of step and reset. `info["statistics"]` is computed on access, which synchronizes with the device."""

    def __init__(self, items, environment):
        super().__init__(items)
        self._environment = environment

    def __missing__(self, key):
        if key != "statistics":
            raise KeyError(key)
        self[key] = self._environment.statistics()
        return self[key]

    def __reduce__(self):
        return dict, (dict(self),)


class Environment:
    """A batch of worlds of one environment, stepped in lockstep.

    id: one of flockstep.environments().
    num_envs: number of worlds, 1 .. 2^31 - 1.
    device: "auto" (a GPU if one is usable), "cpu", "cuda" or "cuda:1".
    seed: 0 .. 2^64 - 1. World i of a seed does not depend on num_envs or device.
    autoreset_mode: "same_step" (default), "next_step" or "disabled", or gymnasium's AutoresetMode.
    final_observation: "all" keeps the final observation of every episode (default in same_step), "truncated" only that of
        truncated episodes, "none" keeps none and saves the memory.
    first_env: index of the first world among all ranks that share a seed.
    stagger_episodes: start the first episodes at random points of their time limit.
    outputs: names of the outputs to write (observation parts, states, action_mask, reward, terminated, truncated, active,
        acts, episode_start, the environment's own); None: all. Others are None or missing.
    dtypes: {part: "uint8" | "int8" | "bfloat16" | "float32"} for observation parts, "*" for all.
    plan: how worlds are mapped to lanes; "": the engine's default. GPU: "lane" (one lane per world), "warp:8" (2 .. 32 lanes of a
        warp), "block:128" (64 .. 256 lanes), "grid" (the whole GPU on one world at a time). "/32", "/64" or "/128" after lane
        and warp sets the block size; "/queue" after block writes streamed observations in a second kernel. CPU: "worlds", or
        "team" (all threads on one world at a time, for worlds of very many agents). `plans` lists the valid ones, `plan` is
        the current one. Results do not depend on it.
    statistics: collect episode returns, lengths and the environment's metrics.
    illegal_actions: "refuse" (default): replaced by the default action and reported; "pass": passed to the rules, for
        environments that define what illegal actions do.
    scripted: {role: policy} for roles controlled by a scripted policy inside step, {role: None} for roles that learn; the
        default is the environment's. Scripted roles have no observations, actions or rows.
    array: "numpy", "torch" or "dlpack" (objects with __dlpack__, for JAX, CuPy and others). None: numpy on the CPU; on
        CUDA torch if it is installed, else dlpack.
    All other keywords are settings of the environment.

    Raises ValueError, in one sentence that names what was given and what was expected, for an invalid value; UnknownKeyword,
    which is both TypeError and ValueError, for an unknown keyword; RuntimeError if memory does not suffice.

    pickle and copy.deepcopy make an independent environment in the same state on the same device, with rewards and flags
    cleared.

    Every array is a view of the engine's memory at a fixed address, **valid until the next step, reset or set_fields**:
    copy what you want to keep. On CUDA a step is enqueued on the caller's current stream (torch's or CuPy's if imported, else
    the default stream) and does not synchronize. Calls from several threads are serialized.
    """

    def __init__(
        self,
        id,
        num_envs=1,
        device="auto",
        seed=0,
        *,
        autoreset_mode="same_step",
        final_observation=None,
        first_env=0,
        stagger_episodes=False,
        outputs=None,
        dtypes=None,
        plan="",
        statistics=True,
        illegal_actions="refuse",
        scripted=None,
        array=None,
        **settings,
    ):
        self.autoreset_mode = mode_name(autoreset_mode)
        if final_observation is None:
            final_observation = "all" if self.autoreset_mode == "same_step" else "none"
        self._first_env = integer("first_env", first_env, 0)
        self._options = {
            "num_envs": integer("num_envs", num_envs, 1, 2**31 - 1),
            "seed": integer("seed", seed, 0, 2**64 - 1),
            "autoreset_mode": self.autoreset_mode,
            "final_observation": text("final_observation", final_observation),
            "first_env": self._first_env,
            "stagger_episodes": bool(stagger_episodes),
            "statistics": bool(statistics),
            "outputs": names("outputs", outputs),
            "dtypes": {
                text("dtypes", part): dtype_name(dtype)
                for part, dtype in mapping("dtypes", dtypes, 'a dict such as {"*": "float32"}').items()
            },
            "plan": text("plan", plan),
            "illegal_actions": text("illegal_actions", illegal_actions),
            "scripted": {
                text("scripted", role): "none" if policy is None else text("scripted", policy)
                for role, policy in mapping("scripted", scripted, "a dict {role: policy}").items()
            },
        }
        self._batch = Batch(text("environment", id), device=text("device", device), settings=settings, **self._options)
        self._read_facts()
        self.array = arrays.choose_kind(array, self.device)
        if str(device) == "auto":
            log.info("%s: %d worlds on %s", self.name, self.num_envs, self.device)
        self.final_observation = str(final_observation)
        self._show_arrays(arrays.viewer(self.array))
        self._is_fresh = True  # the worlds are at the start of episode 0, as constructed

    def _read_facts(self):
        batch = self._batch
        self.name, self.device, self.settings = batch.environment, batch.device, batch.settings
        self.num_envs, self.num_agents = batch.num_envs, batch.num_agents
        self.policies, self.metric_names = ["random", *batch.policies], batch.metric_names
        self.keeps_statistics, self.illegal_actions = self._options["statistics"], self._options["illegal_actions"]
        self._layout = Layout(batch)
        self.roles = self._layout.roles  # {name: range of its agents}

    # Arrays

    def _show_arrays(self, view):
        """Creates the views that reset and step return, the same ones every time."""
        batch, layout = self._batch, self._layout
        self._observation = layout.nest_observation({array.name: view(array) for array in batch.observations})
        outputs = {array.name: view(array) for array in batch.outputs}
        self._transition = tuple(outputs.pop(name, None) for name in ("reward", "terminated", "truncated"))
        masks = {array.name: view(array) for array in batch.action_masks}
        self._info = {**outputs, **({"action_mask": layout.nest_masks(masks)} if masks else {})}
        self._info.update({array.name: view(array) for array in batch.states})
        self._step_info = dict(self._info)
        final_states = {array.name: view(array) for array in batch.final_states}
        if final_states:
            self._step_info["final_state"] = final_states
        finals = {array.name: view(array) for array in batch.final_observations}
        if finals:
            self._step_info["final_observation"] = layout.nest_observation(finals)
            if self.final_observation == "all":
                self._step_info["_final_observation"] = outputs.get("episode_start")
        self._own_action = layout.nest_actions([view(array) for array in batch.actions])

    # Stepping

    def reset(self, seed=None, options=None):
        """Starts new episodes; returns (observation, info).

        seed: restarts all worlds at episode 0 of that seed. A list or array of num_envs seeds: world i becomes world 0 of
            make(num_envs=1) with the i-th seed, now and in later episodes; with a mask, only the seeds of the masked worlds
            are used. None: the first call gives episode 0 of make's seed, later calls a new episode in every world.
        options: {"reset_mask": bool [num_envs]} (numpy, or an array on the device) resets only those worlds, to episode 0 of
            the seed if one is given; the others keep their outputs. Other options are the environment's, for the episodes
            started by this call: cartpole has low and high, like Gymnasium's. They synchronize, and clear the rewards and
            flags of all worlds. ValueError for unknown options.
        """
        mask, own = self._read_options(options)
        if seed is not None:
            self._batch.reset(**seeds_of(seed), mask=mask)
        elif mask is not None or not self._is_fresh:
            self._batch.reset(mask=mask)
        self._is_fresh = False
        if own is not None:
            own(self, np.ones(self.num_envs, bool) if mask is None else arrays.mask_to_host(mask))
        return self._show_observation(), Info(self._info, self)

    def _read_options(self, options):
        """The reset mask, and a function that applies the environment's own options to the reset worlds; None each if absent."""
        options = mapping("options", options, "a dict")
        mask = options.pop("reset_mask", None)
        unknown = [key for key in options if key not in self.reset_options]
        if unknown:
            raise ValueError(f'options: unknown key "{shown(unknown[0]).strip(QUOTES)}", want {" or ".join(("reset_mask", *self.reset_options))}')
        return (
            np.asarray(mask, bool) if isinstance(mask, (list, tuple)) else mask,
            own_module(self.name).read_reset_options(options) if options else None,
        )

    @property
    def reset_options(self):
        """Names of the environment's own reset options."""
        return getattr(own_module(self.name), "RESET_OPTIONS", ())

    def step(self, action):
        """One step of every world; returns (observation, reward, terminated, truncated, info).

        action: int32 or int64 [num_envs, num_agents], row-major and on the environment's device: anything with __dlpack__
            (torch, JAX, CuPy); on the CPU also numpy arrays and lists. Only lists are copied. MultiDiscrete parts have one
            more axis, Box parts are float32 [num_envs, agents, size]. Several parts: a dict by part, within a dict by role
            if there are several roles. If every role has one Discrete part: one array for all agents (a dict by role also
            works, but is copied). An array must not change until the step has run.
        observation: the array, or a dict by part if there are several; by role if there are several roles. Rows of inactive
            agents are undefined (zero for streamed observations).
        reward: float32, terminated, truncated: bool, all [num_envs, num_agents]. terminated stays true until the reset;
            truncated means the time limit.
        info: active, acts, episode_start: bool [num_envs, num_agents], for the returned observation; action_mask: bool
            [num_envs, agents, choices] if actions can be illegal; the environment's own outputs and global states, by name;
            in same_step final_observation, shaped like the observation and valid where _final_observation (bool [num_envs,
            num_agents]) is true, and final_state, {name: array} of global states; statistics.

        A transition counts for an agent that was active before it, unless its world had ended: in next_step, steps whose
        observation has episode_start do not count; in disabled mode, a world that has ended is frozen until its reset, with
        rewards 0. Raises ValueError before stepping for an action of the wrong dtype, shape or device. A value that is out of
        range or illegal is replaced by the default action (0 unless the environment says otherwise; Box: the nearest bound)
        and raises ValueError: on the CPU right after the step, on CUDA at the next call that reads from the device (check,
        statistics, get_field, state_dict).
        """
        self._step(self._layout.flat_actions(action))
        return self._show_step()

    def _step(self, actions, check=True):
        self._is_fresh = False
        self._batch.step(actions, check)

    def _show_step(self):
        reward, terminated, truncated = self._transition
        return self._show_observation(), reward, terminated, truncated, Info(self._step_info, self)

    def _show_observation(self):
        return dict(self._observation) if isinstance(self._observation, dict) else self._observation

    def act(self, policy="random", draw=0):
        """Actions of a scripted policy for the current state, for step(): views of the engine's action tensors.

        policy: one of `policies`; "random" is uniform over legal actions. draw: number of the random draw, if several are
        made for the same step.
        """
        self._batch.act(text("policy", policy), integer("draw", draw, 0, 2**32 - 1))
        return self._own_action

    # State

    def get_field(self, name):
        """A copy of a state field of all worlds: numpy [num_envs, ...], see `fields`. Synchronizes."""
        if not isinstance(name, str):
            raise ValueError(f"field: got {shown(name)}, want a name, one of: {', '.join(self.fields)}")
        return self._batch.get_field(text("field", name))

    def set_fields(self, fields):
        """Writes state fields of all worlds ({name: array of the field's dtype and shape, or nested lists}), rebuilds derived
        fields and updates observations; rewards and flags are cleared. All or nothing: ValueError that names field, world,
        entry, value and the valid range for a value out of range, and explains a state that is impossible under the rules
        (an agent in a wall). Derived fields cannot be set. Synchronizes.
        """
        fields = mapping("fields", fields if fields is not None else [], "a dict {name: array}")
        types = {line["name"]: line["dtype"] for line in self._batch.fields}
        self._batch.set_fields({text("field", name): host_array(name, value, types.get(name)) for name, value in fields.items()})
        self._is_fresh = False

    @property
    def fields(self):
        """{name: (dtype, shape)} of the state, the engine's own fields `elapsed` and `episode` included."""
        return {line["name"]: (line["dtype"], line["shape"]) for line in self._batch.fields if 0 not in line["shape"]}

    def _identity(self):
        return {"environment": self.name, "first_env": self._first_env, "autoreset_mode": self.autoreset_mode, **self.settings}

    def state_dict(self):
        """The complete state as plain data: {"format", "identity", "fields": {name: numpy}}. Synchronizes."""
        return {"format": STATE_FORMAT, "identity": self._identity(), "fields": self._batch.save()}

    def load_state_dict(self, state):
        """Restores state_dict(), on any device and under any plan. ValueError if the environment or its settings differ.
        Observations are updated; rewards and flags are cleared.
        """
        if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
            raise ValueError(f"state: got format {shown(state.get('format') if isinstance(state, dict) else type(state).__name__)}, want {STATE_FORMAT}")
        for part in ("identity", "fields"):
            if not isinstance(state.get(part), dict):
                raise ValueError(f"state: {part}: got {type(state.get(part)).__name__}, want a dict")
        saved = state["identity"]
        for key, value in self._identity().items():
            if saved.get(key) != value:
                raise ValueError(f"state: {key}: got {shown(saved.get(key))}, want {shown(value)}")
        self._batch.restore({text("field", name): host_array(name, value, None) for name, value in state["fields"].items()})
        self._is_fresh = False

    def __reduce__(self):
        state = None if self._is_fresh else self.state_dict()
        options = {**self._options, "device": self.device, "array": self.array}
        return remake, (type(self), self.name, options, self.settings, state)

    def replace_shared(self, **settings):
        """Replaces the shared data (pool of maps or scenes) of a running batch; returns (observation, info) like reset().

        Loads the shared data for `self.settings` updated by the settings given here, rereading files that have changed on
        disk, and starts a new episode in every world. Unfinished episodes do not count in statistics. Arrays, spaces, the
        state's shape and captured CUDA graphs stay valid; other environments keep their data. All or nothing: ValueError for
        a setting that affects more than the shared data (num_agents), and for data of another shape (a larger map).
        Synchronizes; old and new data are in memory at the same time.
        """
        self._batch.replace_shared(settings)
        self.settings = self._batch.settings
        self._is_fresh = False
        return self._show_observation(), Info(self._info, self)

    def statistics(self, clear=False):
        """Statistics of the episodes that ended since the last clear: {"num_episodes", "agent_steps" (of active agents; 0 if
        agents are never inactive), "mean": {metric: float}, "standard_error": {metric: float}}. Synchronizes.
        """
        return self._batch.statistics(bool(clear))

    def first_episodes(self):
        """{metric: float32 [num_envs]} of each world's first episode since the last clear; NaN if none has ended, or for a role
        without agents. Synchronizes. ValueError if statistics are off.
        """
        return self._batch.first_episodes()

    def check(self):
        """Synchronizes. ValueError that names world, agent, step and value if an action was refused since the last call."""
        self._batch.check()

    def render(self, world=0, size=480):
        """An image of the current state of a world: uint8 [height, width, 3] in host memory; size: pixels of the longer side.

        Looks like a frame of `flockstep render`. Synchronizes and copies the state of all worlds, so use it with few worlds.
        Raises ImportError if Pillow is not installed (pip install 'flockstep[render]'), ValueError for an invalid world or
        size, an environment that cannot be drawn, and if `outputs` excludes what is needed (active).
        """
        from .rendering import paint

        return paint(self._batch.draw(integer("world", world, 0, self.num_envs - 1)), size)

    def close(self):
        """Frees the worlds. Arrays that are still referenced stay readable."""
        self._batch.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"flockstep.Environment({self.name!r}, num_envs={self.num_envs}, num_agents={self.num_agents}, device={self.device!r})"

    # Spaces (these need gymnasium)

    @property
    def single_observation_space(self):
        """gymnasium space of one agent's observation; a Dict by role if there are several."""
        return spaces.as_space(spaces.unwrap(self._layout.observation_spaces()))

    @property
    def single_action_space(self):
        """gymnasium space of one agent's action; a Dict by role if there are several."""
        return spaces.as_space(spaces.unwrap(self._layout.action_spaces()))

    @property
    def observation_space(self):
        """gymnasium space of the batch's observation; stores bounds for every element."""
        return spaces.as_space(spaces.unwrap(self._layout.observation_spaces(True)))

    @property
    def action_space(self):
        """gymnasium space of the action argument of step."""
        return self._layout.action_space()


def remake(kind, name, options, settings, state):
    """Recreates an Environment (or subclass) for pickle and copy.deepcopy. state: a state_dict, or None."""
    environment = kind(name, **options, **settings)
    if state is not None:
        environment.load_state_dict(state)
    return environment


@functools.cache
def own_module(name):
    """The environment's Python module flockstep.NAME, or None."""
    found = importlib.util.find_spec(f"{__package__}.{name}")
    return importlib.import_module(f"{__package__}.{name}") if found and found.origin else None
