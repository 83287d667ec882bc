"""The arrays of a call of `Policy`: from trees, as users have them, to lists for the policy module, and back."""

import numpy as np

from .checks import shown


class Call:
    """The observations and masks of one call, checked.

    roles: as the policy module describes them. leading: the axes before one agent's shape: (), (num_envs,) or
    (num_envs, num_agents). parts, masks: for each role its arrays [num_envs, agents, ...]; masks are None where there is none.
    """

    def __init__(self, roles, observation, action_mask, needs_mask=True):
        self.roles = roles
        self.parts = [[self._take(observation, role, name) for name, _ in role["parts"]] for role in roles]
        self.masks = [self._take_masks(action_mask, role, needs_mask) for role in roles]
        self.leading = self._leading_axes(self.parts[0][0], roles[0]["parts"][0])
        self.num_envs, num_agents = (*self.leading, 1, 1)[:2]
        self.counts = [num_agents] if len(roles) == 1 else [role["count"] for role in roles]
        for i, (role, count) in enumerate(zip(roles, self.counts, strict=True)):
            self._add_axes(i, role, (self.num_envs, count))

    def is_torch(self, torch):
        return isinstance(self.parts[0][0], torch.Tensor)

    def shape_of(self, role, array_shape):
        """The shape of an array of a role as the user has it, from that of one agent."""
        i = self.roles.index(role)
        return (*self.leading, *array_shape) if len(self.roles) == 1 else (self.num_envs, self.counts[i], *array_shape)

    def all_agents(self):
        """The shape of one number for each agent of every role."""
        return self.leading if len(self.roles) == 1 else (self.num_envs, sum(self.counts))

    def tree(self, arrays):
        """arrays: for each role a dict by action part, maybe empty. A level of the tree for roles, if there are several, and
        one for parts, if a role's actions have several; None if nothing is in it."""
        tree = {}
        for role, named in zip(self.roles, arrays, strict=True):
            shaped = {name: array.reshape(self.shape_of(role, array.shape[2:])) for name, array in named.items()}
            if shaped:
                tree[role["name"]] = shaped if len(role["actions"]) > 1 else next(iter(shaped.values()))
        if len(self.roles) == 1:
            return tree.get(self.roles[0]["name"])
        return tree or None

    def _add_axes(self, i, role, leading):
        self.parts[i] = [self._with_axes(array, leading, shape) for array, (_, shape) in zip(self.parts[i], role["parts"], strict=True)]
        self.masks[i] = [
            None if mask is None else self._with_axes(mask, leading, (sum(action["n"]),))
            for mask, action in zip(self.masks[i], role["actions"], strict=True)
        ]
        for array, (name, shape) in zip(self.parts[i], role["parts"], strict=True):
            if len(self.roles) > 1 and tuple(array.shape) != (*leading, *shape):
                raise ValueError(f"{name}: got shape {list(array.shape)}, want {[*leading, *shape]}")

    def branch(self, what, tree, role):
        """A role's branch of a tree, which has no level for roles if there is one."""
        if len(self.roles) == 1:
            return tree
        if not isinstance(tree, dict) or role["name"] not in tree:
            names = ", ".join(role["name"] for role in self.roles)
            raise ValueError(f"{what}: got {keys_of(tree)}, want a dict with the keys {names}")
        return tree[role["name"]]

    def _take(self, observation, role, name):
        """The array of a part."""
        branch = self.branch("observation", observation, role)
        wanted = ", ".join(part for part, _ in role["parts"])
        if isinstance(branch, dict) and name in branch:
            return as_array(name, branch[name])
        if isinstance(branch, dict) or len(role["parts"]) > 1:
            raise ValueError(f"observation: got {keys_of(branch)}, want a dict with the keys {wanted}")
        return as_array(name, branch)

    def _take_masks(self, action_mask, role, needs_mask):
        """The mask of each action part; None where it has none."""
        needs = [action["name"] for action in role["actions"] if action["has_mask"]]
        tree = None if action_mask is None else self.branch("action_mask", action_mask, role)
        if tree is None and needs and needs_mask:
            raise ValueError("action_mask: got None, want the mask that the policy was trained with")
        if tree is None:
            return [None] * len(role["actions"])
        if len(role["actions"]) == 1:
            return [as_array("action_mask", tree)]
        if not isinstance(tree, dict) or not set(needs) <= set(tree):
            raise ValueError(f"action_mask: got {keys_of(tree)}, want a dict with the keys {', '.join(needs)}")
        return [as_array(f"action_mask.{name}", tree[name]) if name in needs else None for name in (action["name"] for action in role["actions"])]

    def _leading_axes(self, array, part):
        name, shape = part
        given, size = tuple(array.shape), len(shape)
        leading = given[: len(given) - size]
        wanted = (2,) if len(self.roles) > 1 else (0, 1, 2)
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


class Actions:
    """The actions of a call as the policy module takes them, torch tensors on the policy's device.

    lists: for each role an array for each action part, int32 or float32 [num_envs, agents, ...]; where every agent of every
    role chooses one integer (has_one_action), the same array [num_envs, all agents] in all of them.
    """

    def __init__(self, call, has_one_action, lists):
        self._call, self._has_one_action, self.lists = call, has_one_action, lists

    @classmethod
    def empty(cls, torch, call, has_one_action, device):
        def array(shape, kind):
            return torch.empty(shape, dtype=torch.float32 if kind == "box" else torch.int32, device=device)

        if has_one_action:
            one = array((call.num_envs, sum(call.counts)), "discrete")
            return cls(call, True, [[one]] * len(call.roles))
        return cls(
            call,
            False,
            [
                [array((call.num_envs, count, *shape_of_one(action)), action["kind"]) for action in role["actions"]]
                for role, count in zip(call.roles, call.counts, strict=True)
            ],
        )

    @classmethod
    def given(cls, torch, call, has_one_action, device, tree):
        """From the caller's arrays, in the form in which act() returns actions."""

        def array(name, given, kind, wanted, ours):
            return as_actions(torch, name, given, kind == "box", wanted, device).reshape(ours)

        if has_one_action:
            one = array("action", tree, "discrete", call.all_agents(), (call.num_envs, sum(call.counts)))
            return cls(call, True, [[one]] * len(call.roles))
        lists = []
        for role, count in zip(call.roles, call.counts, strict=True):
            branch, several = call.branch("action", tree, role), len(role["actions"]) > 1
            names = [action["name"] for action in role["actions"]]
            if several and (not isinstance(branch, dict) or not set(names) <= set(branch)):
                raise ValueError(f"action: got {keys_of(branch)}, want a dict with the keys {', '.join(names)}")
            lists.append(
                [
                    array(
                        f"action.{action['name']}" if several else "action",
                        branch[action["name"]] if several else branch,
                        action["kind"],
                        call.shape_of(role, shape_of_one(action)),
                        (call.num_envs, count, *shape_of_one(action)),
                    )
                    for action in role["actions"]
                ]
            )
        return cls(call, False, lists)

    def tree(self):
        """The argument of Environment.step, with the leading axes of the observation if there is one role."""
        if self._has_one_action:
            return self.lists[0][0].reshape(self._call.all_agents())
        names = [[action["name"] for action in role["actions"]] for role in self._call.roles]
        return self._call.tree([dict(zip(*pair, strict=True)) for pair in zip(names, self.lists, strict=True)])


def shape_of_one(action):
    """The shape of one agent's action."""
    return () if action["kind"] == "discrete" else (action["size"],)


def as_actions(torch, name, given, is_box, shape, device):
    """int32 or float32 on the device, from integers or floats; ValueError for another shape or device."""
    if isinstance(given, torch.Tensor):
        tensor = given.detach()
    elif hasattr(given, "__dlpack__") and not isinstance(given, (np.ndarray, np.generic)):
        tensor = torch.from_dlpack(given)
    else:
        try:
            tensor = torch.from_numpy(np.array(given))
        except (TypeError, ValueError):
            raise ValueError(f"{name}: got {shown(given)}, want an array of numbers") from None
    is_right = tensor.is_floating_point() if is_box else not tensor.is_floating_point() and tensor.dtype != torch.bool
    if not is_right or tuple(tensor.shape) != tuple(shape) or str(tensor.device) != device:
        dtype = str(tensor.dtype).removeprefix("torch.")
        raise ValueError(
            f"{name}: got {dtype} {list(tensor.shape)} on {tensor.device}, want {'float32' if is_box else 'int32'} {list(shape)} on {device}"
        )
    if is_box:
        return tensor.to(torch.float32).contiguous()
    return tensor.to(torch.int64).clamp(-1, 2**31 - 1).to(torch.int32).contiguous()


def converted(tree, convert):
    """A tree with other leaves; None stays None."""
    if isinstance(tree, dict):
        return {key: converted(branch, convert) for key, branch in tree.items()}
    return None if tree is None else convert(tree)


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
