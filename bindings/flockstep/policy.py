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
    roles: {name: {"observation": {part: shape of one agent}, "num_actions": int, "has_action_mask": bool}}.
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
                "observation": {self._part(role, name): shape for name, shape in role["parts"]},
                "num_actions": role["num_actions"],
                "has_action_mask": role["has_action_mask"],
            }
            for role in self._roles
        }
        self.seed = integer("seed", seed, 0, 2**64 - 1)
        self.calls = 0

    def act(self, observation, action_mask=None, deterministic=False, seed=None):
        """Actions for observations: int32, a torch tensor if the observation is one or is on CUDA, otherwise numpy.

        observation: as returned by flockstep.make or its adapters: an array, a dict by part, or a dict by role.
            Arrays are [num_envs, num_agents, ...], or [num_envs, ...] or [...] of one agent, and the actions have the
            same leading axes; with several roles [num_envs, agents of the role, ...], and the actions are
            [num_envs, num_agents]. uint8, int8, bfloat16 or float32, row-major and on the policy's device: numpy on the
            CPU, or anything with __dlpack__. It must not change until the actions have been computed.
        action_mask: bool or uint8 [..., num_actions], true for legal actions; info["action_mask"]. Required if the policy
            was trained with one.
        deterministic: take the most probable action instead of sampling.
        seed: for the samples of this call only, 0 .. 2^64 - 1: the same call then gives the same actions.

        The number of worlds is free, and with one role the number of agents. On CUDA the work is enqueued on torch's
        current stream. Raises ValueError for a wrong dtype, shape, device or layout, or a missing part.
        """
        drawing = {"seed": self.seed, "counter": self.calls}
        if seed is not None:
            drawing = {"seed": integer("seed", seed, 0, 2**64 - 1), "counter": 0}
        parts = [[self._take(observation, role, name) for name, _ in role["parts"]] for role in self._roles]
        masks = [self._take_mask(action_mask, role) for role in self._roles]
        leading = self._leading_axes(parts[0][0], self._roles[0]["parts"][0])
        num_envs, num_agents = (*leading, 1, 1)[:2]
        counts = [num_agents] if len(self._roles) == 1 else [role["count"] for role in self._roles]
        for role, arrays, count, i in zip(self._roles, parts, counts, range(len(parts)), strict=True):
            lead = (num_envs, count)
            parts[i] = [self._with_axes(array, lead, shape) for array, (_, shape) in zip(arrays, role["parts"], strict=True)]
            masks[i] = None if masks[i] is None else self._with_axes(masks[i], lead, (role["num_actions"],))
            for array, (name, shape) in zip(parts[i], role["parts"], strict=True):
                if len(self._roles) > 1 and tuple(array.shape) != (*lead, *shape):
                    raise ValueError(f"{name}: got shape {list(array.shape)}, want {[*lead, *shape]}")
        action = self._torch.empty((num_envs, sum(counts)), dtype=self._torch.int32, device=self.device)
        self._policy.act(parts, masks, action, num_envs=num_envs, counts=counts, deterministic=bool(deterministic), **drawing)
        if seed is None:
            self.calls += 1
        action = action.reshape(leading) if len(self._roles) == 1 else action
        is_torch = self.device != "cpu" or isinstance(parts[0][0], self._torch.Tensor)
        return action if is_torch else action.numpy()

    @staticmethod
    def _part(role, name):
        """A part's name without the role prefix that checkpoints with several roles have."""
        return name.removeprefix(role["name"] + ".")

    def _branch(self, what, tree, role):
        if len(self._roles) == 1:
            return tree
        if not isinstance(tree, dict) or role["name"] not in tree:
            names = ", ".join(role["name"] for role in self._roles)
            raise ValueError(f"{what}: got {keys_of(tree)}, want a dict with the keys {names}")
        return tree[role["name"]]

    def _take(self, observation, role, name):
        """The array of a part."""
        branch, part = self._branch("observation", observation, role), self._part(role, name)
        if isinstance(branch, dict):
            if part not in branch:
                wanted = ", ".join(self._part(role, name) for name, _ in role["parts"])
                raise ValueError(f"observation: got {keys_of(branch)}, want a dict with the keys {wanted}")
            return as_array(name, branch[part])
        if len(role["parts"]) > 1:
            wanted = ", ".join(self._part(role, name) for name, _ in role["parts"])
            raise ValueError(f"observation: got {keys_of(branch)}, want a dict with the keys {wanted}")
        return as_array(name, branch)

    def _take_mask(self, action_mask, role):
        mask = None if action_mask is None else self._branch("action_mask", action_mask, role)
        if mask is None and role["has_action_mask"]:
            raise ValueError("action_mask: got None, want the mask that the policy was trained with")
        return None if mask is None else as_array("action_mask", mask)

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
