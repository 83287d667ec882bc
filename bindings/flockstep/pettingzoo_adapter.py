"""PettingZoo: one world as a ParallelEnv. What it returns is copied. `flockstep.parallel_env` makes it."""

import copy

import numpy as np
import pettingzoo

from . import arrays
from .gymnasium_adapter import HostStepper, host_environment, refuse_rendering


class ParallelEnvironment(pettingzoo.ParallelEnv):
    """One world as a PettingZoo ParallelEnv; its agents are named role_0, role_1 and so on within each role.

    agents are those that are active and have not finished. An agent leaves in the step in which it is terminated, truncated
    or becomes inactive (which counts as terminated); one that becomes active later joins. An action is wanted of each of
    them, and of nobody else.
    infos[agent]: acts (bool: it is its turn) and, where the rules forbid actions, action_mask (int8 [choices], as
    Space.sample wants it). A forbidden action counts as action 0; one outside the space is a ValueError.
    The first reset without a seed draws one. state_dict() and load_state_dict() are those of flockstep.Environment.
    """

    def __init__(self, id, device="cpu", render_mode=None, **config):
        refuse_rendering(id, render_mode)
        self.render_mode = None
        self.metadata = {"name": f"flockstep/{id}", "render_modes": [], "is_parallelizable": True}
        self._environment = env = host_environment(id, 1, device, autoreset_mode="disabled", **config)
        self._stepper = HostStepper(env)
        self._roles = env.roles
        self._role_of = [role for role, members in env.roles.items() for _ in members]
        self.possible_agents = [f"{role}_{i}" for role, members in env.roles.items() for i in range(len(members))]
        self._index = {agent: i for i, agent in enumerate(self.possible_agents)}
        self._role_spaces = (env._layout.observation_spaces(), env._layout.action_spaces())
        self._spaces = ({}, {})
        self.agents = []
        self._is_seeded = False

    def observation_space(self, agent):
        return self._space(0, agent)

    def action_space(self, agent):
        return self._space(1, agent)

    def _space(self, kind, agent):
        if agent not in self._spaces[kind]:
            self._spaces[kind][agent] = copy.deepcopy(self._role_spaces[kind][self._role_of[self._index[agent]]])
        return self._spaces[kind][agent]

    def reset(self, seed=None, options=None):
        """A new episode; returns (observations, infos) by agent. options are accepted and ignored."""
        if seed is None and not self._is_seeded:
            seed = int(np.random.default_rng().integers(2**63))
        self._is_seeded = True
        observation, info = self._environment.reset(seed)
        self._finished = np.zeros(len(self.possible_agents), bool)
        self.agents = self._present(info["active"].copy()[0])
        return self._split(observation, self.agents), self._infos(info, self.agents)

    def step(self, actions):
        """Returns observations, rewards, terminations, truncations and infos by agent, of those that were there before."""
        if not self.agents:
            return {}, {}, {}, {}, {}
        before = self.agents
        self._stepper.send(self._gather(actions), check=False)
        self._forget_masked()
        observation, reward, terminated, truncated, info = self._environment._show_step()
        active, truncated = info["active"].copy()[0], truncated.copy()[0]
        terminated = terminated.copy()[0] | (~active & ~truncated)
        indices = [self._index[agent] for agent in before]
        self._finished[indices] = (terminated | truncated)[indices]
        self.agents = self._present(active)
        left = set(before)
        shown = before + [agent for agent in self.agents if agent not in left]
        by_agent = [self._by_agent(row, shown) for row in (reward.copy()[0], terminated, truncated)]
        return self._split(observation, shown), *by_agent, self._infos(info, shown)

    def close(self):
        self._environment.close()

    def state_dict(self):
        """See flockstep.Environment.state_dict; holds which agents are there, too."""
        return {**self._environment.state_dict(), "finished": self._finished.copy()}

    def load_state_dict(self, state):
        """See flockstep.Environment.load_state_dict."""
        finished = state.get("finished") if isinstance(state, dict) else None
        if np.shape(finished) != (len(self.possible_agents),):
            raise ValueError(f"state: finished: got {finished!r}, want one bool for each of {len(self.possible_agents)} agents")
        self._environment.load_state_dict(state)
        self._finished = np.array(finished, bool)
        self._is_seeded = True
        self.agents = self._present(self._environment._info["active"].copy()[0])

    def _present(self, active):
        return [agent for agent, there in zip(self.possible_agents, active & ~self._finished, strict=True) if there]

    def _by_agent(self, row, agents):
        values = row.tolist()
        return {agent: values[self._index[agent]] for agent in agents}

    def _split(self, tree, agents):
        """A tree of copies for each agent, from the parts of each role."""
        tree = arrays.copy_to_host(tree)
        by_role = tree if len(self._roles) > 1 else {role: tree for role in self._roles}
        result = {}
        for agent in agents:
            role, i = self._place(agent)
            if role in by_role:
                result[agent] = arrays.map_tree(lambda array, i=i: array[0, i], by_role[role])
        return result

    def _place(self, agent):
        """The agent's role and its number within it."""
        i = self._index[agent]
        role = self._role_of[i]
        return role, i - self._roles[role].start

    def _infos(self, info, agents):
        acts = self._by_agent(info["acts"].copy()[0], agents)
        infos = {agent: {"acts": acts[agent]} for agent in agents}
        if "action_mask" in info:
            for agent, mask in self._split(info["action_mask"], agents).items():
                infos[agent]["action_mask"] = arrays.map_tree(lambda part: part.astype(np.int8), mask)
        return infos

    def _gather(self, actions):
        """The engine's action tensors from one action per agent; agents that are gone do 0."""
        if set(actions) != set(self.agents):
            wrong = sorted(set(actions) ^ set(self.agents))[0]
            raise ValueError(f"actions: got {'one' if wrong in actions else 'none'} for {wrong}, want one for each of env.agents")
        for agent in self.agents:
            if not self.action_space(agent).contains(actions[agent]):
                raise ValueError(f"action of {agent}: got {actions[agent]!r}, want one of {self.action_space(agent)}")
        dtypes = {"int32": np.int32, "float32": np.float32}
        tensors = [np.zeros(tensor.shape, dtypes[tensor.dtype]) for tensor in self._stepper.tensors]
        if self._environment._layout.has_one_action:
            tensors[0][0, [self._index[agent] for agent in self.agents]] = [actions[agent] for agent in self.agents]
            return tensors
        for tensor, (role, part) in zip(tensors, self._environment._layout.action_parts, strict=True):
            for agent in self.agents:
                own, i = self._place(agent)
                if own == role:
                    tensor[0, i] = actions[agent][part] if isinstance(actions[agent], dict) else actions[agent]
        return tensors

    def _forget_masked(self):
        """Actions inside the space can only have been refused by the mask; they counted as 0, as promised."""
        try:
            self._environment.check()
        except ValueError:
            pass
