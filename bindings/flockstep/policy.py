"""`load_policy` and `Policy`: trained policies. These need torch; the environments do not."""

import os
from typing import NamedTuple

from .checks import integer, shown, text
from .policy_arrays import Actions, Call, converted


def load_policy(path, device="auto", seed=0):
    """The policies of a checkpoint that `flockstep train` wrote; see Policy.

    path: a checkpoint file or a run folder. device: "auto" (a GPU if one is usable), "cpu", "cuda" or "cuda:1". seed: of
    sampled actions, 0 .. 2^64 - 1. Of the file only weights and input scales are read, not the worlds' state.

    Raises ValueError for a file that is missing, damaged or not a Flockstep checkpoint, and for a device that is not usable;
    ImportError if torch is not installed.
    """
    return Policy(path, device, seed)


class Distribution(NamedTuple):
    """What the agents of a call choose from: float32 arrays, or None where no action part is of the kind.

    Arrays have the leading axes of the observation. They are in dicts by role if there are several roles, and by action part if
    a role's actions have several parts.

    logits: [..., choices] of Discrete and MultiDiscrete parts, the integers' choices one after another as in the action mask.
        Illegal choices are -inf. If a mask allows nothing, all are, and the policy takes choice 0.
    mean, std: [..., size] of Box parts, of the normal distribution that a number x is drawn from. With bounds on both sides the
        action is middle + half_range * x, where -1 .. 1 spans the bounds, otherwise x; with the setting squash_output, tanh(x)
        takes the place of x, otherwise the action is clipped to the bounds.
    """

    logits: object
    mean: object
    std: object


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
    policies: the names of the checkpoint's policies.
    seed, calls: sampled actions are a function of (seed, calls, world, agent), the same on every device up to rounding in
        the network; `calls` counts the calls of act without a seed. Both may be set.

    act, distribution, log_prob, entropy, value and evaluate_actions take the same observations and masks, and all enqueue their
    work on torch's current stream on CUDA and do not wait for it. Their float32 results are torch tensors or numpy arrays as the
    actions are. Nothing is differentiable.
    """

    def __init__(self, path, device="auto", seed=0):
        try:
            import torch
        except ImportError:
            raise ImportError("flockstep.load_policy needs torch: pip install 'flockstep[train]'") from None
        try:
            from ._flockstep_policy import CheckpointPolicy, Given
        except ImportError as error:
            raise ImportError(f"flockstep was built without its policy module, or for another torch ({error})") from None
        self._torch, self._given = torch, Given
        self._policy = CheckpointPolicy(path_bytes(path), text("device", device))
        self._roles = self._policy.roles
        self.environment, self.settings, self.device = self._policy.environment, self._policy.settings, self._policy.device
        self.policies = self._policy.policies
        self.roles = {
            role["name"]: {
                "observation": dict(role["parts"]),
                "action": {action["name"]: described(action) for action in role["actions"]},
            }
            for role in self._roles
        }
        self.seed = integer("seed", seed, 0, 2**64 - 1)
        self.calls = 0

    def act(self, observation, action_mask=None, deterministic=False, seed=None, *, clip=True, return_log_prob=False):
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
        clip: false leaves floats of a Box as drawn, even out of their bounds, as log_prob wants them; Environment.step does not
            take those. Without effect on choices and with squash_output.
        return_log_prob: return (actions, their log-probabilities as in log_prob, of Box parts before they are clipped).

        The number of worlds is free, and with one role and one policy the number of agents. On CUDA the work is enqueued on torch's
        current stream. Raises ValueError for a wrong dtype, shape, device or layout, or a missing part.
        """
        drawing = {"seed": self.seed, "counter": self.calls}
        if seed is not None:
            drawing = {"seed": integer("seed", seed, 0, 2**64 - 1), "counter": 0}
        call = Call(self._roles, observation, action_mask)
        actions = Actions.empty(self._torch, call, self._policy.has_one_action, self.device)
        log_prob = self._empty(call) if return_log_prob else None
        self._policy.act(self._given_of(call, actions), deterministic=bool(deterministic), clip=bool(clip), log_prob=log_prob, **drawing)
        if seed is None:
            self.calls += 1
        chosen = self._returned(call, actions.tree())
        return (chosen, self._per_agent(call, log_prob)) if return_log_prob else chosen

    def initial_state(self, num_envs=1):
        """The state to begin an episode with, for `predict`: None, since no network that Flockstep trains carries one yet."""
        integer("num_envs", num_envs, 1, 2**31 - 1)

    def predict(self, observation, state=None, episode_start=None, deterministic=False, action_mask=None):
        """act() with the arguments and results of Stable-Baselines3's predict: (actions, the next state).

        state: what the call before returned, or initial_state(). episode_start: bool [num_envs], the worlds whose state begins
        anew; not needed while states are None.
        """
        if state is not None:
            raise ValueError(f"state: got {type(state).__name__}, want None: the networks of this checkpoint carry no state")
        return self.act(observation, action_mask, deterministic), None

    def distribution(self, observation, action_mask=None):
        """The Distribution that act() samples from."""
        call = Call(self._roles, observation, action_mask)
        columns = [
            [
                [self._empty(call, count, sum(action["n"]) or action["size"]) for _ in range(1 + (action["kind"] == "box"))]
                for action in role["actions"]
            ]
            for role, count in zip(self._roles, call.counts, strict=True)
        ]
        self._describe(call, distributions=columns)

        def tree(is_box, index):
            arrays = [
                {action["name"]: own[index] for action, own in zip(role["actions"], lists, strict=True) if is_box == (action["kind"] == "box")}
                for role, lists in zip(self._roles, columns, strict=True)
            ]
            return self._returned(call, call.tree(arrays))

        return Distribution(logits=tree(False, 0), mean=tree(True, 0), std=tree(True, 1))

    def log_prob(self, observation, action, action_mask=None):
        """Log-probabilities of actions, summed over an agent's action parts: float32 with the leading axes of the observation, or
        [num_envs, num_agents] with several roles.

        action: in the form in which act() returns it: integers for choices, floats for Box parts. Illegal choices, and integers
            that are none, have -inf.

        Of a Box it is a density, as in training: of the number in -1 .. 1 that stands for the action between two bounds (see
        Distribution); subtract the logarithm of half the distance of the bounds for the density of the action itself. A clipped
        action does not tell how far out of bounds it was: without squash_output take it from act(clip=False), and clip it for the
        environment, as in Stable-Baselines3, or take the value from act(return_log_prob=True). With squash_output an action that
        float32 rounded to its bound counts as the number next to it.
        """
        call = Call(self._roles, observation, action_mask)
        return self._described(call, ["log_prob"], action)[0]

    def entropy(self, observation, action_mask=None):
        """Entropies of the distributions, summed over an agent's action parts; shaped as log_prob's result. With squash_output by
        Gauss-Hermite quadrature, as in training."""
        return self._described(Call(self._roles, observation, action_mask), ["entropy"])[0]

    def value(self, observation):
        """The critic's estimates of the discounted return, shaped as log_prob's result. With norm_reward in units of normalised
        rewards. Raises ValueError if a critic sees more than its agent's observation (the setting critic_input)."""
        return self._described(Call(self._roles, observation, None, needs_mask=False), ["value"])[0]

    def evaluate_actions(self, observation, action, action_mask=None):
        """(value, log_prob, entropy) of one pass through the networks, as Stable-Baselines3's policies return them. Errors as those of
        value and log_prob."""
        return self._described(Call(self._roles, observation, action_mask), ["value", "log_prob", "entropy"], action)

    def export_onnx(self, path, policy=None):
        """Writes one policy's actor and critic as an ONNX model (opset 17), which needs neither Flockstep nor torch.

        policy: its name; needed if the checkpoint has several. Rows of the model's arrays are agents.
        Inputs: each observation part by name, [rows, ...] in the dtype that it was trained with; `action_mask`, bool
            [rows, choices], where the policy was trained with masks.
        Outputs: `action`, the most probable one, int32 [rows] (Discrete), [rows, integers] (MultiDiscrete) or float32 [rows, size]
            (Box); `logits` of choices, `mean` and `std` of a Box, as in Distribution; `value` [rows], unless the critic sees more than
            its agent's observation (the setting critic_input). If actions have several
            parts, the part's name follows: `action_mask.NAME`, `action.NAME`, `logits.NAME`.
        The weights are those of the checkpoint and everything is computed in float32: policies trained with bfloat16 round
        differently in Flockstep.

        Raises ImportError if onnx is not installed, ValueError for an unknown policy and for an encoder other than mlp and cnn.
        """
        from .onnx_export import export

        export(self._policy, policy, path)

    def _given_of(self, call, actions=None):
        return self._given(call.parts, call.masks, actions.lists if actions else [], call.num_envs, call.counts)

    def _describe(self, call, actions=None, distributions=(), log_prob=None, entropy=None, value=None):
        given = self._given_of(call, actions)
        self._policy.describe(given, distributions=distributions, log_prob=log_prob, entropy=entropy, value=value)

    def _described(self, call, names, action=None):
        """Some of log_prob, entropy and value."""
        actions = None
        if "log_prob" in names:
            actions = Actions.given(self._torch, call, self._policy.has_one_action, self.device, action)
        results = {name: self._empty(call) for name in names}
        self._describe(call, actions, **results)
        return tuple(self._per_agent(call, result) for result in results.values())

    def _empty(self, call, *shape):
        shape = (call.num_envs, *(shape or [sum(call.counts)]))
        return self._torch.empty(shape, dtype=self._torch.float32, device=self.device)

    def _per_agent(self, call, array):
        return self._returned(call, array.reshape(call.all_agents()))

    def _returned(self, call, tree):
        """Torch tensors for torch tensors and on CUDA, otherwise numpy."""
        is_torch = self.device != "cpu" or call.is_torch(self._torch)
        return tree if is_torch else converted(tree, lambda tensor: tensor.numpy())


def described(action):
    """One action part, for users."""
    keys = ("kind", "low", "high") if action["kind"] == "box" else ("kind", "n", "has_mask")
    return {key: action[key] for key in keys}


def path_bytes(path):
    """A path as the system has it, UTF-8 or not."""
    try:
        return os.fsencode(path)
    except (TypeError, UnicodeEncodeError):
        raise ValueError(f"path: got {shown(path)}, want a path") from None
