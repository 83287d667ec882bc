"""`make` and `Environment`: many worlds of one environment as Python sees them."""

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
    """The environments there are, by name: {"summary": str, "settings": [{"name", "type", "default", "want", "help"}],
    "gymnasium_ids": {id: {setting: value}}}; Gymnasium knows an id as flockstep/id."""
    shown = ("summary", "settings", "gymnasium_ids")
    return {line["name"]: {key: line[key] for key in shown} for line in _list_environments()}


def make(id, num_envs=1, device="auto", seed=0, **config):
    """Makes `num_envs` worlds of environment `id`; see Environment for the options and for what comes back.

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
    """What step and reset tell besides. `info["statistics"]` is computed when it is read: it waits for the device."""

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
    """Many worlds of one environment, stepped together.

    id: one of flockstep.environments().
    num_envs: worlds, 1 .. 2^31 - 1.
    device: "auto" (the GPU if a usable one is there), "cpu", "cuda" or "cuda:1".
    seed: 0 .. 2^64 - 1; world i of a seed is the same whatever num_envs and device are.
    autoreset_mode: "same_step" (default), "next_step" or "disabled", or gymnasium's AutoresetMode.
    final_observation: "all" keeps the last observation of every episode (default in same_step), "truncated" only of those
        that the time limit cut, "none" saves the memory.
    first_env: index of the first world among all ranks that share a seed.
    stagger_episodes: the first episodes begin at random points of their time limit.
    outputs: names of the outputs to write (observation parts, states, action_mask, reward, terminated, truncated, active,
        acts, episode_start, the environment's own); None: all. What is not written is None or missing.
    dtypes: {part: "uint8" | "int8" | "bfloat16" | "float32"} for observation parts, "*" for all.
    plan: how worlds lie over lanes; "": the engine's choice. GPU: "lane", "warp:8" (2 .. 32 lanes of a warp for a world),
        "block:128" (64 .. 256), "grid" (all lanes on one world after the other); lane and warp may end in "/32", "/64" or
        "/128", the lanes of a block; block in "/queue" where observations are streamed: a second kernel writes them. CPU:
        "worlds", or "team", all threads on one world after the other, for worlds of very many agents. `plans` lists those that are possible, `plan` is the one in use. Results do not depend on it.
    statistics: keep episode returns, lengths and the environment's metrics.
    illegal_actions: "refuse" (default): replaced by the action's default choice and reported; "pass": handed to the rules,
        where they say what illegal actions mean.
    scripted: {role: policy} for roles that a scripted policy plays inside step, {role: None} for roles that learn; others
        as the environment declares them. Scripted roles have no observations, actions or rows.
    array: "numpy", "torch" or "dlpack" (objects with __dlpack__, for JAX, CuPy and others). None: numpy on the CPU; on
        CUDA torch if it is installed, else dlpack.
    All other keywords are the environment's own settings.

    Raises ValueError, in one sentence that names what was given and what was wanted, for any of these; UnknownKeyword, which
    is a TypeError too, for a keyword that neither this class nor the environment knows; RuntimeError where the machine has
    too little memory.

    pickle and copy.deepcopy make an environment of its own in the same state, on the same device, whose rewards and flags
    are cleared.

    Every array is a view of the engine's memory at a fixed address, **valid until the next step, reset or set_fields**
    writes it: copy what is to be kept. On CUDA a step is enqueued on the caller's current stream (torch's or CuPy's if
    imported, else the default stream) and nothing waits. Calls from several threads run one after the other.
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
        self._is_fresh = True  # the worlds are at the beginning of episode 0, as the constructor left them

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
        """Prepares what reset and step return: always the same arrays."""
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
        """Begins episodes; returns (observation, info).

        seed: episode 0 of that seed everywhere. A list or array of num_envs seeds: world i begins as world 0 of make(num_envs=1)
            with the i-th of them, and goes on so; with a mask, whose seeds for other worlds are passed over, too. None: the
            first call gives episode 0 of make's seed, later ones a new episode everywhere.
        options: {"reset_mask": bool [num_envs]} resets those worlds alone (numpy, or an array on the device), to their own
            episode 0 of the seed if there is one; the others keep their outputs. Others are the environment's own, for the episodes that this call begins: cartpole has low and
            high, as Gymnasium's; they make this call wait, and clear the rewards and flags of all worlds. ValueError for
            options that are not known.
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
        """The reset mask, and what applies the environment's own options to the worlds that were reset; None each."""
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
        """Names of the environment's own options of reset."""
        return getattr(own_module(self.name), "RESET_OPTIONS", ())

    def step(self, action):
        """One step of every world; returns (observation, reward, terminated, truncated, info).

        action: int32 or int64 [num_envs, num_agents], row-major and on the environment's device: anything with __dlpack__
            (torch, JAX, CuPy), numpy arrays or lists on the CPU; never copied unless a list. MultiDiscrete parts have one
            more axis, Box parts are float32 [num_envs, agents, size]. Several parts: a dict by part, and by role where
            there are several roles; where all roles have one Discrete part, one array of all agents (a dict by role is
            joined, which copies). An array must stay unchanged until the step has run.
        observation: a dict of parts, the bare array where there is one; by role where there are several. Rows of agents
            that are not active mean nothing; where observations are large they are zero.
        reward: float32, terminated, truncated: bool, [num_envs, num_agents]. terminated stays true until the reset;
            truncated is the time limit.
        info: active, acts, episode_start: bool [num_envs, num_agents], of the observation beside them; action_mask: bool
            [num_envs, agents, choices] where actions can be illegal; the environment's own outputs and global states, by
            name; in same_step final_observation, shaped like the observation, whose rows count where _final_observation
            (bool [num_envs, num_agents]) is true, and final_state, {name: array} of global states; statistics.

        A transition counts for an agent that was active before it, unless its world had ended: in next_step the step whose
        observation has episode_start does not count; in disabled mode a world that has ended waits for its reset, its
        steps change nothing and pay 0. ValueError for an action of the wrong dtype, shape or
        device, before anything happens. A value that is out of range or illegal counts as the default choice (0 unless
        the environment says otherwise; Box: as the nearest bound) and raises ValueError: on the CPU at once, after the step; on CUDA when something is next read from the device
        (check, statistics, get_field, state_dict).
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
        """Actions of a scripted policy for the present state, to be given to step(): views of the engine's own tensors.

        policy: one of `policies`; "random" is uniform over what is allowed. draw: tells several random draws of one step
        apart.
        """
        self._batch.act(text("policy", policy), integer("draw", draw, 0, 2**32 - 1))
        return self._own_action

    # State

    def get_field(self, name):
        """A field of every world's state: a numpy array of its own, [num_envs, ...] as in `fields`. Waits."""
        if not isinstance(name, str):
            raise ValueError(f"field: got {shown(name)}, want a name, one of: {', '.join(self.fields)}")
        return self._batch.get_field(text("field", name))

    def set_fields(self, fields):
        """Writes fields of every world ({name: array of exactly the field's dtype and shape, or nested lists}), rebuilds
        what follows from them and observes again; rewards and flags are cleared. All or nothing: ValueError that names field,
        world, entry, value and wish for a value out of the field's limits, and in the rules' words for a state that cannot
        be (an agent in a wall). What is derived cannot be set. Waits.
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
        """All that is needed to go on identically, as plain data: {"format", "identity", "fields": {name: numpy}}. Waits."""
        return {"format": STATE_FORMAT, "identity": self._identity(), "fields": self._batch.save()}

    def load_state_dict(self, state):
        """Takes up where state_dict() was called, on any device and with any lanes. ValueError if the environment or its
        settings differ. The observation is there at once; rewards and flags are cleared.
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
        """Takes up another pool of maps or scenes while the worlds run; returns (observation, info) as reset() does.

        Loads the data that all worlds share under `self.settings` with those given here, and files again that have changed
        on disk, and begins a new episode everywhere on them. Episodes under way are in no statistics.
        Arrays, spaces, the state's shape and captured CUDA graphs stay as they are; other environments keep their own
        data. All or nothing: ValueError for a setting that rules read (num_agents), and for data of another shape (a larger
        map). Waits; old and new data are both in memory meanwhile.
        """
        self._batch.replace_shared(settings)
        self.settings = self._batch.settings
        self._is_fresh = False
        return self._show_observation(), Info(self._info, self)

    def statistics(self, clear=False):
        """Over the episodes that ended since they were cleared: {"num_episodes", "agent_steps" (of active agents; 0 where
        agents are never inactive), "mean": {metric: float}, "standard_error": {metric: float}}. Waits.
        """
        return self._batch.statistics(bool(clear))

    def first_episodes(self):
        """{metric: float32 [num_envs]} of the first episode of each world since the last clear; NaN where none ended or
        nobody had the role. Waits.
        ValueError where no statistics are kept.
        """
        return self._batch.first_episodes()

    def check(self):
        """Waits; ValueError that says which world, agent, step and value if an action was refused since the last call."""
        self._batch.check()

    def render(self, world=0, size=480):
        """A picture of a world as it is now: uint8 [height, width, 3] in host memory; size: pixels of its longer side.

        It shows what `flockstep render` shows. Waits, and copies state of all worlds: for few worlds. Raises ImportError where
        Pillow is not installed (pip install 'flockstep[render]'), ValueError for another world or size, an environment without
        a drawing, and where `outputs` leaves out what it is drawn from (active).
        """
        from .rendering import paint

        return paint(self._batch.draw(integer("world", world, 0, self.num_envs - 1)), size)

    def close(self):
        """Gives the worlds up. Arrays that are still held stay readable."""
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
        """gymnasium space of one agent's observation; a Dict by role where there are several."""
        return spaces.as_space(spaces.unwrap(self._layout.observation_spaces()))

    @property
    def single_action_space(self):
        """gymnasium space of one agent's action; a Dict by role where there are several."""
        return spaces.as_space(spaces.unwrap(self._layout.action_spaces()))

    @property
    def observation_space(self):
        """gymnasium space of what step returns; holds as many bounds as there are numbers."""
        return spaces.as_space(spaces.unwrap(self._layout.observation_spaces(True)))

    @property
    def action_space(self):
        """gymnasium space of what step takes."""
        return self._layout.action_space()


def remake(kind, name, options, settings, state):
    """An Environment, or one of a subclass, as pickle and copy.deepcopy want it back. state: of state_dict, or None."""
    environment = kind(name, **options, **settings)
    if state is not None:
        environment.load_state_dict(state)
    return environment


@functools.cache
def own_module(name):
    """The module flockstep.NAME of an environment's folder of the same name, or None."""
    found = importlib.util.find_spec(f"{__package__}.{name}")
    return importlib.import_module(f"{__package__}.{name}") if found and found.origin else None
