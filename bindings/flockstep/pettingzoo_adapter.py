"""PettingZoo: one world as a ParallelEnv, made by `flockstep.parallel_env`. It returns copies."""

import copy

import numpy as np
import pettingzoo

from . import arrays, spaces
from .checks import mapping, shown
from .gymnasium_adapter import check_render_mode, render_facts
from .host import HostStepper, host_environment, mask_rows


class ParallelEnvironment(pettingzoo.ParallelEnv):
    """One world as a PettingZoo ParallelEnv; its agents are named role_0, role_1 and so on within each role.

    agents lists the agents that are active and have not finished. An agent leaves in the step in which it is terminated,
    truncated or becomes inactive (which counts as terminated); agents that become active later join. step() takes one action
    for each of them and no others; an action outside the space raises ValueError.

    observation_spaces, action_spaces: {agent: space} of possible_agents. state_space: of state().
    infos[agent]: acts (bool: it is the agent's turn), if agents take turns; action_mask (int8 [choices], for Space.sample), if
    actions can be illegal; illegal_action, the given action, in a step in which it was illegal and replaced by the default
    action; metrics ({name: float}), the environment's metrics, in the step that ends the episode.
    The first reset without a seed draws one. state_dict() and load_state_dict() are those of flockstep.Environment.
    """

    def __init__(self, id, device="cpu", render_mode=None, **config):
        self.render_mode = check_render_mode(render_mode)
        self._environment = env = host_environment(id, 1, device, "disabled", config, reserved=("num_envs",))
        self.metadata = {"name": f"flockstep/{id}", **render_facts(env, render_mode), "is_parallelizable": True}
        self._stepper = HostStepper(env)
        self._roles = env.roles
        self._role_of = [role for role, members in env.roles.items() for _ in members]
        self.possible_agents = [f"{role}_{i}" for role, members in env.roles.items() for i in range(len(members))]
        self._index = {agent: i for i, agent in enumerate(self.possible_agents)}
        self.observation_spaces, self.action_spaces = (
            {agent: copy.deepcopy(by_role[role]) for agent, role in zip(self.possible_agents, self._role_of, strict=True) if role in by_role}
            for by_role in (env._layout.observation_spaces(), env._layout.action_spaces())
        )
        self._finished = np.zeros(len(self.possible_agents), bool)
        self.agents = []
        self._is_seeded = False

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    @property
    def state_space(self):
        """The space of state()."""
        own = {array.name: spaces.unbounded_box(array.shape[1:], array.dtype) for array in self._environment._batch.states}
        return spaces.as_space(spaces.unwrap(own or self._environment._layout.state_spaces()))

    def state(self):
        """The state of the world for a centralised critic: the environment's global state or, without one, the observations of
        all possible agents, [agents, ...], as a dict by part and by role if there are several. Rows of inactive agents are 0.
        A copy."""
        own = {array.name: array.copy()[0] for array in self._environment._batch.states}
        if own:
            return spaces.unwrap(own)
        active = self._stepper.active()[0]
        tree = arrays.copy_to_host(self._environment._show_observation())
        by_role = tree if len(self._roles) > 1 else {role: tree for role in self._roles}
        rows = {
            role: arrays.map_tree(lambda array, here=active[self._roles[role].start : self._roles[role].stop]: keep_rows(array[0], here), part)
            for role, part in by_role.items()
        }
        return spaces.unwrap(rows)

    def reset(self, seed=None, options=None):
        """Starts a new episode; returns (observations, infos) by agent. options: the environment's own, see
        flockstep.Environment.reset; others are ignored, which PettingZoo's parallel_api_test requires."""
        options = {key: value for key, value in mapping("options", options, "a dict").items() if key in self._environment.reset_options}
        if seed is None and not self._is_seeded:
            seed = int(np.random.default_rng().integers(2**63))
        observation, info = self._environment.reset(seed, options)
        self._is_seeded = True
        self._finished[:] = False
        self.agents = self._present(info["active"].copy()[0])
        return self._split(observation, self.agents), self._infos(info, self.agents)

    def step(self, actions):
        """Returns observations, rewards, terminations, truncations and infos by agent, for the agents that acted and new ones."""
        if not self.agents:
            return {}, {}, {}, {}, {}
        before = self.agents
        illegal = self._stepper.send(self._gather(actions))
        observation, reward, terminated, truncated, info = self._environment._show_step()
        active, truncated = info["active"].copy()[0], truncated.copy()[0]
        terminated = terminated.copy()[0] | (~active & ~truncated)
        indices = [self._index[agent] for agent in before]
        self._finished[indices] = (terminated | truncated)[indices]
        self.agents = self._present(active)
        left = set(before)
        shown = before + [agent for agent in self.agents if agent not in left]
        by_agent = [self._by_agent(row, shown) for row in (reward.copy()[0], terminated, truncated)]
        infos = self._infos(info, shown)
        if illegal is not None:
            for agent in before:
                if illegal[0, self._index[agent]]:
                    infos[agent]["illegal_action"] = actions[agent]
        if self._stepper.has_metrics and (truncated.any() or (terminated | ~active).all()):
            self._add_metrics(infos)
        return self._split(observation, shown), *by_agent, infos

    def render(self):
        """uint8 [height, width, 3] if render_mode is "rgb_array", else None; see flockstep.Environment.render."""
        return self._environment.render() if self.render_mode else None

    def close(self):
        self._environment.close()

    def state_dict(self):
        """See flockstep.Environment.state_dict; also contains which agents have finished."""
        return {**self._environment.state_dict(), "finished": self._finished.copy()}

    def load_state_dict(self, state):
        """See flockstep.Environment.load_state_dict."""
        finished = state.get("finished") if isinstance(state, dict) else None
        if np.shape(finished) != (len(self.possible_agents),):
            raise ValueError(f"state: finished: got {shown(finished)}, want one bool for each of {len(self.possible_agents)} agents")
        self._environment.load_state_dict(state)
        self._stepper.forget_metrics()
        self._finished = np.array(finished, bool)
        self._is_seeded = True
        self.agents = self._present(self._environment._info["active"].copy()[0])

    def _present(self, active):
        return [agent for agent, there in zip(self.possible_agents, active & ~self._finished, strict=True) if there]

    def _by_agent(self, row, agents):
        values = row.tolist()
        return {agent: values[self._index[agent]] for agent in agents}

    def _split(self, tree, agents):
        """For each agent a tree of copies."""
        tree = arrays.copy_to_host(tree)
        by_role = tree if len(self._roles) > 1 else {role: tree for role in self._roles}
        result = {}
        for agent in agents:
            role, i = self._place(agent)
            if role in by_role:
                result[agent] = arrays.map_tree(lambda array, i=i: array[0, i], by_role[role])
        return result

    def _place(self, agent):
        """The agent's role and its index within the role."""
        i = self._index[agent]
        role = self._role_of[i]
        return role, i - self._roles[role].start

    def _infos(self, info, agents):
        acts = info["acts"].copy()[0]
        own = self._by_agent(acts, agents)
        infos = {agent: {} if acts.all() else {"acts": own[agent]} for agent in agents}
        if "action_mask" in info:
            for agent, mask in self._split(info["action_mask"], agents).items():
                infos[agent]["action_mask"] = mask_rows(mask)
        return infos

    def _gather(self, actions):
        """The engine's action tensors from one action per agent; 0 for agents that have left."""
        if set(actions) != set(self.agents):
            wrong = sorted(set(actions) ^ set(self.agents))[0]
            raise ValueError(f"actions: got {'one' if wrong in actions else 'none'} for {wrong}, want one for each of env.agents")
        for agent in self.agents:
            if not self.action_space(agent).contains(actions[agent]):
                raise ValueError(f"action of {agent}: got {shown(actions[agent])}, want one of {self.action_space(agent)}")
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

    def _add_metrics(self, infos):
        values, ended = self._stepper.metrics()
        if ended[0]:
            for info in infos.values():
                info["metrics"] = {name: float(value[0]) for name, value in values.items()}


def keep_rows(array, here):
    """The rows of an array where `here` is true, zeros elsewhere."""
    return np.where(here.reshape(-1, *[1] * (array.ndim - 1)), array, np.zeros((), array.dtype))
