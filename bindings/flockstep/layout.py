"""Maps between the engine's flat lists of tensors and the dicts by role and part that users see."""

import numpy as np

from . import spaces


class Layout:
    """roles: {name: range of its agents}. A tree is one array if there is one role with one part, otherwise nested dicts by role
    and by part."""

    def __init__(self, batch):
        self._spaces = batch.spaces
        self.roles = {role["name"]: range(role["first"], role["first"] + role["count"]) for role in self._spaces}
        self.has_one_action = batch.has_one_action_tensor
        # (role, part) of every action tensor, in the engine's order; one for all where there is one tensor
        self.action_parts = (
            [(None, "action")]
            if self.has_one_action
            else [(role["name"], part["name"]) for role in self._spaces for part in role["action"]]
        )
        self._dtypes = {array.name: array.dtype for array in batch.observations}
        self._num_envs = batch.num_envs

    def observation_names(self):
        """Names of all parts, written or not."""
        return list(dict.fromkeys(part["name"] for role in self._spaces for part in role["observation"]))

    def _qualified(self, role, part):
        return f"{role['name']}.{part}" if len(self.roles) > 1 else part

    def nest_observation(self, tensors):
        """The tree of {tensor name: array}; None if no part is written."""
        result = {}
        for role in self._spaces:
            parts = {part["name"]: self._qualified(role, part["name"]) for part in role["observation"]}
            written = {part: tensors[name] for part, name in parts.items() if name in tensors}
            if written:
                result[role["name"]] = spaces.unwrap(written)
        return result if len(self.roles) > 1 else next(iter(result.values()), None)

    def nest_masks(self, masks):
        """The tree of {"action_mask" or "action_mask.part": array}, with the role as a prefix if there are several."""
        result = {}
        for role in self._spaces:
            start = self._qualified(role, "action_mask")
            own = {name[len(start) + 1 :]: mask for name, mask in masks.items() if name == start or name.startswith(start + ".")}
            if own:
                result[role["name"]] = own[""] if "" in own else own
        return result if len(self.roles) > 1 else next(iter(result.values()))

    def nest_actions(self, tensors):
        """The tree of the engine's action tensors."""
        result = {}
        for (role, part), tensor in zip(self.action_parts, tensors, strict=True):
            result.setdefault(role, {})[part] = tensor
        return spaces.unwrap({role: spaces.unwrap(parts) for role, parts in result.items()})

    def masked_actions(self, masks):
        """Where masks apply, from {mask's name: array}: tuples of the number of the action tensor, the agents' columns in it,
        the agents themselves (both slices), the part's description and its mask."""
        places = []
        for role in self._spaces:
            agents = slice(role["first"], role["first"] + role["count"])
            start = self._qualified(role, "action_mask")
            for part in role["action"]:
                mask = masks.get(start if len(role["action"]) == 1 else f"{start}.{part['name']}")
                if mask is None:
                    continue
                if self.has_one_action:
                    places.append((0, agents, agents, part, mask))
                else:
                    places.append((self.action_parts.index((role["name"], part["name"])), slice(None), agents, part, mask))
        return places

    def flat_actions(self, action):
        """The engine's action tensors from the argument of step(); ValueError for unknown keys."""
        if len(self.action_parts) == 1 and not isinstance(action, dict):
            return (action,)
        if self.has_one_action and len(self.roles) > 1:
            by_role = take("action", action, self.roles)
            return (join_roles([by_role[role] for role in self.roles]),)
        parts_of = {}
        for role, part in self.action_parts:
            parts_of.setdefault(role, []).append(part)
        branches = take("action", action, parts_of) if len(parts_of) > 1 else {role: action for role in parts_of}
        flat = []
        for role, parts in parts_of.items():
            branch = branches[role]
            if len(parts) == 1 and not isinstance(branch, dict):
                flat.append(branch)
            else:
                flat += [take("action", branch, parts)[part] for part in parts]
        return flat

    # Gymnasium spaces, {role: space}: of one agent, or with `batched` of [num_envs, agents of the role]

    def _leading(self, role, batched):
        return (self._num_envs, role["count"]) if batched else ()

    def observation_spaces(self, batched=False):
        return self._observation_spaces(lambda role: self._leading(role, batched))

    def state_spaces(self):
        """Spaces of the observations of all agents of one world, [agents, ...], where rows of inactive agents are 0."""
        return {role: spaces.with_zero(space) for role, space in self._observation_spaces(lambda role: (role["count"],)).items()}

    def _observation_spaces(self, leading):
        """leading: of a role, the axes in front of one agent's."""
        result = {}
        for role in self._spaces:
            dtypes = {part["name"]: self._dtypes.get(self._qualified(role, part["name"])) for part in role["observation"]}
            boxes = {
                part["name"]: spaces.box_of(part, dtypes[part["name"]], leading(role))
                for part in role["observation"]
                if dtypes[part["name"]]
            }
            if boxes:
                result[role["name"]] = spaces.as_space(spaces.unwrap(boxes))
        return result

    def action_spaces(self, batched=False):
        result = {}
        for role in self._spaces:
            leading = self._leading(role, batched)
            parts = {part["name"]: spaces.action_space_of(part, leading) for part in role["action"]}
            result[role["name"]] = spaces.as_space(spaces.unwrap(parts))
        return result

    def action_space(self):
        """The space of step's argument; one MultiDiscrete for all agents if there is one action tensor."""
        if self.has_one_action and len(self.roles) > 1:
            row = [role["action"][0]["n"][0] for role in self._spaces for _ in range(role["count"])]
            return spaces.choices(np.broadcast_to(row, (self._num_envs, len(row))))
        return spaces.as_space(spaces.unwrap(self.action_spaces(True)))


def take(what, branches, keys):
    """`branches` if it is a dict with these keys; ValueError that names both otherwise."""
    if not isinstance(branches, dict):
        raise ValueError(f"{what}: got {type(branches).__name__}, want a dict with the keys {', '.join(keys)}")
    if set(branches) != set(keys):
        raise ValueError(f"{what}: got the keys {', '.join(map(str, branches))}, want {', '.join(keys)}")
    return branches


def join_roles(actions):
    """One array [num_envs, num_agents] from one [num_envs, agents] per role; this copies. numpy and torch."""
    if all(hasattr(action, "new_empty") for action in actions):
        import torch

        return torch.cat(list(actions), 1)
    return np.concatenate([np.asarray(action) for action in actions], 1)
