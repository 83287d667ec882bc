"""`load_policy` and `Policy`: trained policies. These need torch; the environments do not."""

import os

import numpy as np

from .checks import integer, shown, text


def load_policy(path, device="auto", seed=0):
    """The policies of a checkpoint that `flockstep train` wrote; see Policy.

    path: a checkpoint file or a run folder. device: "auto" (a GPU if one is usable), "cpu", "cuda" or "cuda:1". seed: of
    sampled actions, 0 .. 2^64 - 1.

    Raises ValueError for a file that is missing, damaged or not a Flockstep checkpoint, and for a device that is not usable;
    ImportError if torch is not installed.
    """
    return Policy(path, device, seed)


class Policy:
    """The policies of a checkpoint, one per role. They act on observations of any number of worlds.

        policy = flockstep.load_policy("runs/cartpole-20260101-120000")
        env = flockstep.make(policy.environment, num_envs=1000, device=policy.device, **policy.settings)
        observation, info = env.reset(seed=1)
        for _ in range(500):
            observation, reward, terminated, truncated, info = env.step(policy.act(observation, info.get("action_mask")))

    environment, settings: what it was trained on, for flockstep.make.
    device: "cpu" or "cuda:0"; observations must be on it.
    roles: {name: {"observation": {part: shape of one agent}, "action": {part: its kind, choices or bounds, has_mask}}}.
    seed, calls: sampled actions are a function of (seed, calls, world, agent), the same on every device up to rounding in
        the network; `calls` counts the calls of act without a seed. Both may be set.
    """

    def __init__(self, path, device="auto", seed=0):
        try:
            import torch
        except ImportError:
            raise ImportError("flockstep.load_policy needs torch: pip install 'flockstep[train]'") from None
        try:
            from ._flockstep_policy import CheckpointPolicy
        except ImportError as error:
            raise ImportError(f"flockstep was built without its policy module, or for another torch ({error})") from None
        self._torch = torch
        self._policy = CheckpointPolicy(path_bytes(path), text("device", device))
        self._roles = self._policy.roles
        self.environment, self.settings, self.device = self._policy.environment, self._policy.settings, self._policy.device
        self.roles = {
            role["name"]: {
                "observation": dict(role["parts"]),
                "action": {action["name"]: described(action) for action in role["actions"]},
            }
            for role in self._roles
        }
        self.seed = integer("seed", seed, 0, 2**64 - 1)
        self.calls = 0

    def act(self, observation, action_mask=None, deterministic=False, seed=None):
        """Actions for observations, as Environment.step takes them: torch tensors if the observation is one or is on CUDA,
        otherwise numpy. int32 for choices, float32 for Box parts.

        observation: as returned by flockstep.make or its adapters: an array, a dict by part, or a dict by role.
            Arrays are [num_envs, num_agents, ...], or [num_envs, ...] or [...] of one agent, and the actions have the
            same leading axes; with several roles [num_envs, agents of the role, ...], and the actions are
            [num_envs, num_agents], or dicts by role if their actions are not single choices. Several action parts are a
            dict by part. uint8, int8, bfloat16 or float32, row-major and on the policy's device: numpy on the
            CPU, or anything with __dlpack__. It must not change until the actions have been computed.
        action_mask: bool or uint8 [..., choices], true for legal actions, a dict by part if there are several;
            info["action_mask"]. Required if the policy was trained with one.
        deterministic: take the most probable action instead of sampling.
        seed: for the samples of this call only, 0 .. 2^64 - 1: the same call then gives the same actions.

        The number of worlds is free, and with one role and one policy the number of agents. On CUDA the work is enqueued on torch's
        current stream. Raises ValueError for a wrong dtype, shape, device or layout, or a missing part.
        """
        drawing = {"seed": self.seed, "counter": self.calls}
        if seed is not None:
            drawing = {"seed": integer("seed", seed, 0, 2**64 - 1), "counter": 0}
        parts = [[self._take(observation, role, name) for name, _ in role["parts"]] for role in self._roles]
        masks = [self._take_masks(action_mask, role) for role in self._roles]
        leading = self._leading_axes(parts[0][0], self._roles[0]["parts"][0])
        num_envs, num_agents = (*leading, 1, 1)[:2]
        counts = [num_agents] if len(self._roles) == 1 else [role["count"] for role in self._roles]
        for role, arrays, count, i in zip(self._roles, parts, counts, range(len(parts)), strict=True):
            lead = (num_envs, count)
            parts[i] = [self._with_axes(array, lead, shape) for array, (_, shape) in zip(arrays, role["parts"], strict=True)]
            masks[i] = [
                None if mask is None else self._with_axes(mask, lead, (sum(action["n"]),))
                for mask, action in zip(masks[i], role["actions"], strict=True)
            ]
            for array, (name, shape) in zip(parts[i], role["parts"], strict=True):
                if len(self._roles) > 1 and tuple(array.shape) != (*lead, *shape):
                    raise ValueError(f"{name}: got shape {list(array.shape)}, want {[*lead, *shape]}")
        actions = self._empty_actions(num_envs, counts)
        self._policy.act(parts, masks, actions, num_envs=num_envs, counts=counts, deterministic=bool(deterministic), **drawing)
        if seed is None:
            self.calls += 1
        is_torch = self.device != "cpu" or isinstance(parts[0][0], self._torch.Tensor)
        return self._nested(actions, leading, (lambda action: action) if is_torch else (lambda action: action.numpy()))

    def _empty_actions(self, num_envs, counts):
        """For each role, an array for each of its action parts; the same one for all where every agent chooses one integer."""
        if self._policy.has_one_action:
            action = self._torch.empty((num_envs, sum(counts)), dtype=self._torch.int32, device=self.device)
            return [[action]] * len(self._roles)
        return [
            [
                self._torch.empty(
                    (num_envs, count) + (() if action["kind"] == "discrete" else (action["size"],)),
                    dtype=self._torch.float32 if action["kind"] == "box" else self._torch.int32,
                    device=self.device,
                )
                for action in role["actions"]
            ]
            for role, count in zip(self._roles, counts, strict=True)
        ]

    def _nested(self, actions, leading, convert):
        """The argument of Environment.step, with the leading axes of the observation if there is one role."""
        if self._policy.has_one_action:
            action = actions[0][0].reshape(leading) if len(self._roles) == 1 else actions[0][0]
            return convert(action)
        tree = {}
        for role, arrays in zip(self._roles, actions, strict=True):
            shaped = [array.reshape(leading + array.shape[2:]) if len(self._roles) == 1 else array for array in arrays]
            tree[role["name"]] = unwrap({part["name"]: convert(array) for part, array in zip(role["actions"], shaped, strict=True)})
        return unwrap(tree)

    def _branch(self, what, tree, role):
        if len(self._roles) == 1:
            return tree
        if not isinstance(tree, dict) or role["name"] not in tree:
            names = ", ".join(role["name"] for role in self._roles)
            raise ValueError(f"{what}: got {keys_of(tree)}, want a dict with the keys {names}")
        return tree[role["name"]]

    def _take(self, observation, role, name):
        """The array of a part."""
        branch = self._branch("observation", observation, role)
        wanted = ", ".join(part for part, _ in role["parts"])
        if isinstance(branch, dict) and name in branch:
            return as_array(name, branch[name])
        if isinstance(branch, dict) or len(role["parts"]) > 1:
            raise ValueError(f"observation: got {keys_of(branch)}, want a dict with the keys {wanted}")
        return as_array(name, branch)

    def _take_masks(self, action_mask, role):
        """The mask of each action part; None where it has none."""
        needs = [action["name"] for action in role["actions"] if action["has_mask"]]
        tree = None if action_mask is None else self._branch("action_mask", action_mask, role)
        if tree is None and needs:
            raise ValueError("action_mask: got None, want the mask that the policy was trained with")
        if tree is None:
            return [None] * len(role["actions"])
        if len(role["actions"]) == 1:
            return [as_array("action_mask", tree)]
        if not isinstance(tree, dict) or not set(needs) <= set(tree):
            raise ValueError(f"action_mask: got {keys_of(tree)}, want a dict with the keys {', '.join(needs)}")
        return [as_array(f"action_mask.{name}", tree[name]) if name in needs else None for name in (action["name"] for action in role["actions"])]

    def _leading_axes(self, array, part):
        """The axes before one agent's shape: (), (num_envs,) or (num_envs, num_agents)."""
        name, shape = part
        given, size = tuple(array.shape), len(shape)
        leading = given[: len(given) - size]
        wanted = (2,) if len(self._roles) > 1 else (0, 1, 2)
        if len(given) < size or given[len(leading) :] != shape or len(leading) not in wanted or 0 in leading:
            own = ", ".join(map(str, shape))
            raise ValueError(f"{name}: got shape {list(given)}, want [num_envs, num_agents, {own}]")
        return leading

    @staticmethod
    def _with_axes(array, leading, shape):
        """A view with both leading axes if the sizes match; otherwise the array itself, which is then refused."""
        ours = (*leading, *shape)
        fits = tuple(array.shape)[max(len(array.shape) - len(shape), 0) :] == shape and np.prod(array.shape) == np.prod(ours)
        return array.reshape(ours) if fits and tuple(array.shape) != ours else array


def described(action):
    """One action part, for users."""
    keys = ("kind", "low", "high") if action["kind"] == "box" else ("kind", "n", "has_mask")
    return {key: action[key] for key in keys}


def unwrap(tree):
    """The only value of a dict of one, otherwise the dict."""
    return next(iter(tree.values())) if len(tree) == 1 else tree


def path_bytes(path):
    """A path as the system has it, UTF-8 or not."""
    try:
        return os.fsencode(path)
    except (TypeError, UnicodeEncodeError):
        raise ValueError(f"path: got {shown(path)}, want a path") from None


def keys_of(tree):
    """What a tree is, for a sentence."""
    return f"the keys {', '.join(map(str, tree))}" if isinstance(tree, dict) else f"one {type(tree).__name__}"


def as_array(name, given):
    """Arrays as they are; lists as float32; ValueError for what has no shape."""
    if isinstance(given, (list, tuple)):
        try:
            return np.asarray(given, np.float32)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{name}: got {shown(given)}, want an array of numbers") from None
    if not hasattr(given, "shape") or not hasattr(given, "reshape"):
        raise ValueError(f"{name}: got {type(given).__name__}, want an array")
    return given
