"""PPO in plain PyTorch and float64: the independent implementation that `flockstep train` is compared with.

Written from the papers, with autograd in place of gradients worked out by hand and torch.optim.Adam in place of a kernel.
`ReferencePpo` repeats a training run from its settings, its seed and its first weights: it steps the worlds through `import
flockstep` and draws actions from its own logits, so a wrong log-probability or mask leads to another rollout.

Where PPO leaves a choice, or where implementations differ, the line is marked "Decision:". A deliberate change of the
trainer's mathematics is a change of such a line. What else would be added where:
- other action spaces: a class beside Categorical, with sample, log_prob and entropy, chosen in Policy.head;
- another network, or inputs of the critic's own: Network.actor and Network.critic, whose inputs Policy.inputs makes;
- normalised values: where ReferencePpo.observe and collect take values down, and the target of ReferencePpo.loss;
- which agents a policy plays: Policy.agents; which of their samples it learns from: `counts` of a rollout.
"""

import math
from collections import defaultdict
from types import SimpleNamespace

import flockstep
import numpy as np
import torch
from torch.nn import functional

PURPOSE = {"action": 3, "shuffle": 5}
LOW_WORD = 0xFFFFFFFF


# Random numbers


def philox(seed, env, episode, step, purpose, agent, block=0):
    """The four words of Philox4x32-10 (Salmon et al. 2011) by the coordinates of sim/contract/random.h, which broadcast."""
    word = [np.asarray(x, np.uint64) for x in (env, episode, step << 8 | PURPOSE[purpose], agent << 12 | block)]
    key = [seed & LOW_WORD, seed >> 32]
    for _ in range(10):
        first, second = word[0] * np.uint64(0xD2511F53), word[2] * np.uint64(0xCD9E8D57)
        word = [second >> 32 ^ word[1] ^ key[0], second & LOW_WORD, first >> 32 ^ word[3] ^ key[1], first & LOW_WORD]
        key = [(key[0] + 0x9E3779B9) & LOW_WORD, (key[1] + 0xBB67AE85) & LOW_WORD]
    return word


def permutation(size, key):
    """The permutation of range(size) that the four words of `key` select (sim/contract/permutation.h)."""
    half = 1
    while 4**half < size:
        half += 1
    low_half = 2**half - 1

    def mix(x):
        x = (x ^ x >> 16) * 0x85EBCA6B & LOW_WORD
        x = (x ^ x >> 13) * 0xC2B2AE35 & LOW_WORD
        return x ^ x >> 16

    def encrypt(i):
        left, right = i >> half, i & low_half
        for turn in range(6):
            left, right = right, left ^ mix(right + key[turn % 4] + turn * 0x9E3779B9 & LOW_WORD) & low_half
        return left << half | right

    order = encrypt(np.arange(size, dtype=np.uint64))
    while (order >= size).any():
        order = np.where(order >= size, encrypt(order), order)
    return torch.from_numpy(order.astype(np.int64))


# Observations


class Moments:
    """Count, mean and sum of squared deviations of numbers seen so far, by column (Chan, Golub, LeVeque 1979)."""

    def __init__(self, columns):
        self.count, self.mean, self.m2 = 0, np.zeros(columns), np.zeros(columns)

    def merge(self, numbers):
        """numbers: [n, columns]."""
        n, total = len(numbers), self.count + len(numbers)
        if n == 0:
            return
        mean = numbers.mean(0)
        self.m2 += ((numbers - mean) ** 2).sum(0) + (mean - self.mean) ** 2 * self.count * n / total
        self.mean += (mean - self.mean) * n / total
        self.count = total

    def inverse_std(self):
        # Decision: the deviation is that of n samples, not n - 1; epsilon is inside the root; the result is float32.
        return np.float32(1 / np.sqrt(self.m2 / self.count + 1e-8)).astype(np.float64)


class Inputs:
    """The columns of a network's input: the parts of an observation, integers divided by their largest magnitude, each bit
    flag a column of its own, floats normalised if asked for."""

    def __init__(self, spec, config):
        # Decision: a cnn sees the parts of the size of the first one that has two or three dimensions.
        images = [part for part in spec["parts"] if config["encoder"] == "cnn" and len(part["shape"]) in (2, 3)]
        images = [part for part in images if part["shape"][-2:] == images[0]["shape"][-2:]]
        self.parts = images + [part for part in spec["parts"] if part not in images]
        self.prefix = spec["role"] + "."
        widths = [math.prod(part["shape"]) * max(part["num_flags"], 1) for part in self.parts]
        height_and_width = images[0]["shape"][-2:] if images else (1, 1)
        self.image = sum(widths[: len(images)]) // math.prod(height_and_width), *height_and_width  # 0 channels: no image
        self.scale = np.repeat([part["scale"] for part in self.parts], widths)
        self.shift = np.zeros(sum(widths))
        floats = [part["dtype"] in ("float32", "bfloat16") for part in self.parts]
        self.is_normalised = np.repeat(floats, widths)  # Decision: integers keep their scale.
        self.limit = 10.0 if config["norm_obs"] else math.inf  # Decision: clipped where observations are normalised.
        self.moments = Moments(len(self.shift))

    def columns(self, observation):
        """The role's observation as it is, float64 [num_envs, agents, columns]."""
        columns = []
        for part in self.parts:
            name = part["name"].removeprefix(self.prefix)
            array = np.asarray(observation[name] if isinstance(observation, dict) else observation)
            array = array.reshape(*array.shape[:2], -1)
            flags = range(part["num_flags"])
            columns += [array.astype(np.int64) >> flag & 1 for flag in flags] if flags else [array]
        return np.concatenate(columns, -1, dtype=np.float64)

    def normalised(self, columns):
        return torch.from_numpy(np.clip((columns - self.shift) * self.scale, -self.limit, self.limit))

    def learn(self, columns):
        """Merges the samples [n, columns] of a rollout."""
        self.moments.merge(columns)
        if self.moments.count:
            self.shift = np.where(self.is_normalised, np.float32(self.moments.mean), self.shift)
            self.scale = np.where(self.is_normalised, self.moments.inverse_std(), self.scale)


# The policy


class Categorical:
    """The head of one Discrete action: softmax over what the mask allows."""

    shape, dtype = (), np.int32  # of an action

    def __init__(self, outputs, mask):
        allowed = mask.clone()
        allowed[..., 0] |= ~mask.any(-1)  # Decision: where nothing is allowed, action 0 is certain, and nothing is learnt.
        self.log_probs = torch.log_softmax(outputs.masked_fill(~allowed, -1e30), -1)

    def sample(self, uniform):
        """By inversion; uniform(k) gives draw k of each row, in [0, 1)."""
        passed = uniform(0)[..., None] >= self.log_probs.exp().cumsum(-1)
        return passed.sum(-1).clamp(max=self.log_probs.shape[-1] - 1)

    def log_prob(self, action):
        return self.log_probs.gather(-1, action[..., None])[..., 0]

    def entropy(self):
        return -(self.log_probs.exp() * self.log_probs).sum(-1)


class Network:
    """An actor and a critic with the weights of a checkpoint: convolutions, hidden layers, heads."""

    def __init__(self, weights, config, image):
        self.weights = {name: torch.tensor(array, dtype=torch.float64) for name, array in weights.items()}
        for weight in self.weights.values():
            weight.requires_grad_()
        self.is_shared, self.image = config["share_layers"], image
        self.activation = {"tanh": torch.tanh, "relu": torch.relu}[config["activation"]]

    def actor(self, inputs):
        return self.tower("", inputs)[..., :-1] if self.is_shared else self.tower("actor.", inputs)

    def critic(self, inputs):
        return self.tower("" if self.is_shared else "critic.", inputs)[..., -1]

    def tower(self, prefix, inputs):
        x = inputs.flatten(0, -2)
        if pixels := math.prod(self.image):
            image = x[:, :pixels].unflatten(1, self.image)
            for weight, bias in self.layers(prefix + "convolution"):
                image = self.activation(functional.conv2d(image, weight, bias))
            x = torch.cat([image.flatten(1), x[:, pixels:]], 1)
        for weight, bias in self.layers(prefix + "hidden"):
            x = self.activation(functional.linear(x, weight[:, : x.shape[1]], bias))  # the last columns are padding
        x = functional.linear(x, self.weights[prefix + "head.weight"], self.weights[prefix + "head.bias"])
        return x.unflatten(0, inputs.shape[:-1])

    def layers(self, prefix):
        for i in range(sum(name.startswith(prefix) and name.endswith("weight") for name in self.weights)):
            yield self.weights[f"{prefix}.{i}.weight"], self.weights[f"{prefix}.{i}.bias"]


class Policy:
    """What learns: a network, the agents that it plays, its normaliser and its optimiser."""

    head = Categorical

    def __init__(self, number, spec, config, arrays):
        self.number, self.role, self.num_actions = number, spec["role"], spec["num_actions"]
        # Decision: a policy plays all agents of a role.
        self.agents = np.arange(spec["first"], spec["first"] + spec["count"])
        self.inputs = Inputs(spec, config)
        prefix = self.role + ".parameter."
        weights = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        self.network = Network(weights, config, self.inputs.image)
        # Decision: Adam's decay rates are torch's, 0.9 and 0.999; no weight decay.
        self.optimiser = torch.optim.Adam(self.network.weights.values(), lr=config["learning_rate"], eps=config["adam_eps"])

    def distribution(self, inputs, mask):
        return self.head(self.network.actor(inputs), mask)

    def moments(self, name):
        """Adam's `exp_avg` or `exp_avg_sq` by the name of the weight."""
        return {key: self.optimiser.state[weight][name] for key, weight in self.network.weights.items()}


# The algorithm


class ReferencePpo:
    """A training run of `environment` with the settings of a checkpoint; arrays: those of its first weights.

    A rollout, one for each policy, holds what its agents saw, did and got: [steps, num_envs, agents, ...]. Entries of what
    precedes a step, such as `value`, have one more step, for what follows the last."""

    def __init__(self, environment, environment_settings, config, specs, arrays):
        self.config = c = SimpleNamespace(**config)
        self.policies = [Policy(number, spec, config, arrays) for number, spec in enumerate(specs)]
        options = dict(device="cpu", array="numpy", stagger_episodes=c.stagger_episodes, seed=c.seed)
        self.worlds = flockstep.make(environment, num_envs=c.num_envs, **options, **environment_settings)
        self.observation, self.info = self.worlds.reset(seed=c.seed)
        # Decision: agent-steps are counted with inactive agents.
        self.total_iterations = math.ceil(c.total_steps / (c.num_envs * self.worlds.num_agents * c.num_steps))
        self.env_steps = self.optimiser_steps = self.iterations = 0
        self.discounted_returns = [0.0 for _ in self.policies]
        self.return_moments, self.reward_scale = Moments(1), 1.0

    def iterate(self):
        """One rollout and the update by it. Returns what a log record of this iteration would be made of."""
        rollouts = self.collect()
        if self.config.norm_reward:
            self.scale_rewards(rollouts)
        for rollout in rollouts:
            self.estimate_advantages(rollout)
        self.set_schedule()
        log = self.describe(rollouts)
        for policy, rollout in zip(self.policies, rollouts):
            self.learn(policy, rollout, log)
            # Decision: observations are normalised by the rollouts before this one, so that acting and learning agree.
            if self.config.norm_obs:
                policy.inputs.learn(rollout.columns[:-1][rollout.counts].numpy())
        self.env_steps += self.config.num_steps
        self.optimiser_steps += self.config.update_epochs * self.config.num_minibatches
        self.iterations += 1
        return log

    def of_role(self, by_role, policy):
        """An entry of the environment's dictionaries, which are by role where there are several."""
        return by_role.get(policy.role) if len(self.policies) > 1 and by_role is not None else by_role

    @torch.no_grad()
    def collect(self):
        lists = [defaultdict(list) for _ in self.policies]
        for step in range(self.config.num_steps):
            self.observe(lists)
            action = np.zeros((self.config.num_envs, self.worlds.num_agents, *Policy.head.shape), Policy.head.dtype)
            for policy, rollout in zip(self.policies, lists):
                action[:, policy.agents] = self.act(policy, rollout, self.env_steps + step)
            self.observation, reward, terminated, truncated, self.info = self.worlds.step(action)
            for policy, rollout in zip(self.policies, lists):
                rollout["reward"].append(torch.from_numpy(reward[:, policy.agents]).double())
                rollout["terminated"].append(torch.from_numpy(terminated[:, policy.agents]))
                rollout["truncated"].append(torch.from_numpy(truncated[:, policy.agents]))
                final = policy.inputs.columns(self.of_role(self.info["final_observation"], policy))
                rollout["final_value"].append(policy.network.critic(policy.inputs.normalised(final)))
        self.observe(lists)
        rollouts = [SimpleNamespace(**{name: torch.stack(steps) for name, steps in by_name.items()}) for by_name in lists]
        for rollout in rollouts:
            # Decision: a sample counts if its agent was active before the step, whether or not it was its turn.
            rollout.counts = rollout.active[:-1]
        return rollouts

    def observe(self, lists):
        """Takes down what is seen before a step, and what it is worth."""
        for policy, rollout in zip(self.policies, lists):
            for name in ("active", "acts"):
                rollout[name].append(torch.from_numpy(self.info[name][:, policy.agents]))
            columns = policy.inputs.columns(self.of_role(self.observation, policy))
            mask = self.of_role(self.info.get("action_mask"), policy)
            mask = np.ones((*columns.shape[:2], policy.num_actions)) if mask is None else mask
            rollout["columns"].append(torch.from_numpy(columns))
            rollout["mask"].append(torch.from_numpy(mask.astype(bool)))
            rollout["inputs"].append(policy.inputs.normalised(columns))
            rollout["value"].append(policy.network.critic(rollout["inputs"][-1]))

    def act(self, policy, rollout, count):
        """Draws the actions of step `count` since training began."""

        def uniform(draw):
            envs = np.arange(self.config.num_envs)[:, None]
            words = philox(self.config.seed, envs, count >> 24, count & 0xFFFFFF, "action", policy.agents, draw // 4)
            return torch.from_numpy((words[draw % 4] >> 8) * 2.0**-24)

        distribution = policy.distribution(rollout["inputs"][-1], rollout["mask"][-1])
        action = distribution.sample(uniform)
        rollout["action"].append(action)
        rollout["log_prob"].append(distribution.log_prob(action))
        return action.numpy()

    def scale_rewards(self, rollouts):
        """Rewards are divided by the deviation of the discounted return so far; nothing is subtracted."""
        returns = []
        for number, rollout in enumerate(rollouts):
            running = self.discounted_returns[number]
            for reward, active, ended in zip(rollout.reward, rollout.active, rollout.terminated | rollout.truncated):
                running = torch.where(active, self.config.gamma * running + reward, 0.0)
                returns.append(running[active])
                running = torch.where(ended, 0.0, running)
            self.discounted_returns[number] = running
        # Decision: one scale for all policies, which holds for this rollout too.
        self.return_moments.merge(torch.cat(returns).numpy()[:, None])
        self.reward_scale = self.return_moments.inverse_std()[0]

    def estimate_advantages(self, rollout):
        """GAE (Schulman et al. 2016)."""
        c, r, running, advantages = self.config, rollout, 0.0, []
        for t in reversed(range(c.num_steps)):
            # Decision: an agent that leaves without an end of the episode has terminated.
            continues = ~r.terminated[t] & ~r.truncated[t] & r.active[t + 1]
            next_value = torch.where(continues, r.value[t + 1], 0.0)
            # Decision: a truncated episode would have gone on; its final observation's value follows.
            next_value = torch.where(r.truncated[t] & ~r.terminated[t], r.final_value[t], next_value)
            delta = r.reward[t] * self.reward_scale + c.gamma * next_value - r.value[t]
            running = torch.where(r.active[t], delta + c.gamma * c.gae_lambda * continues * running, 0.0)
            advantages.insert(0, running)
        r.advantage = torch.stack(advantages)
        r.target = r.advantage + r.value[:-1]

    def set_schedule(self):
        # Decision: linear by iterations done: the first one has the values of the start, and none those of the end.
        c, progress = self.config, self.iterations / self.total_iterations
        self.learning_rate = float(np.float32(c.learning_rate * (1 - progress if c.anneal_lr else 1)))
        self.entropy_weight = c.ent_coef + (c.ent_coef_end - c.ent_coef) * progress
        for policy in self.policies:
            policy.optimiser.param_groups[0]["lr"] = self.learning_rate

    def learn(self, policy, rollout, log):
        """The optimiser steps of one policy."""
        c = self.config
        # In the order of steps, then worlds, then agents.
        samples = {name: array[: c.num_steps].flatten(0, 2) for name, array in vars(rollout).items()}
        counts, advantage = samples["counts"], samples["advantage"]
        if c.norm_adv:
            # Decision: normalised over the rollout, not over each minibatch, with the deviation of n samples.
            counted = advantage[counts]
            samples["advantage"] = (advantage - counted.mean()) / (counted.std(unbiased=False) + 1e-8)
        # Decision: a sample weighs the same in every minibatch, however many of them there count.
        weight = c.num_minibatches / counts.sum()
        size = math.ceil(len(counts) / c.num_minibatches)
        for step in range(self.optimiser_steps, self.optimiser_steps + c.update_epochs * c.num_minibatches):
            epoch, minibatch = divmod(step, c.num_minibatches)
            order = permutation(len(counts), philox(c.seed, policy.number, epoch >> 24, epoch & 0xFFFFFF, "shuffle", 0))
            # Decision: an epoch shuffles all samples, those that do not count included; the last minibatch may be smaller.
            index = order[minibatch * size : (minibatch + 1) * size]
            index = index[counts[index]]
            policy.optimiser.zero_grad()
            loss = self.loss(policy, SimpleNamespace(**{name: array[index] for name, array in samples.items()}), log)
            (weight * loss).backward()
            # Decision: the norm is that of the policy's whole gradient, critic included.
            norm = torch.nn.utils.clip_grad_norm_(policy.network.weights.values(), c.max_grad_norm or math.inf)
            log.gradient_norms.append(norm.item())
            policy.optimiser.step()

    def loss(self, policy, batch, log):
        """PPO's loss, summed over a minibatch (Schulman et al. 2017, equations 7 and 9)."""
        c = self.config
        distribution = policy.distribution(batch.inputs, batch.mask)
        log_ratio = distribution.log_prob(batch.action) - batch.log_prob
        ratio = log_ratio.exp()
        clipped_ratio = ratio.clamp(1 - c.clip_coef, 1 + c.clip_coef)
        policy_loss = -torch.min(ratio * batch.advantage, clipped_ratio * batch.advantage)
        value = policy.network.critic(batch.inputs)
        value_loss = 0.5 * (value - batch.target) ** 2  # Decision: half the squared error.
        if c.clip_vloss > 0:
            near = batch.value + (value - batch.value).clamp(-c.clip_vloss, c.clip_vloss)
            value_loss = torch.max(value_loss, 0.5 * (near - batch.target) ** 2)
        entropy = distribution.entropy()
        kl = (ratio - 1) - log_ratio  # Decision: k3 of Schulman 2020, "Approximating KL divergence".
        log.count += len(ratio)
        terms = dict(policy_loss=policy_loss, value_loss=value_loss, entropy=entropy, approximate_kl=kl)
        for name, term in (terms | dict(clip_fraction=ratio != clipped_ratio)).items():
            log.sums[name] += term.sum().item()
        return policy_loss.sum() + c.vf_coef * value_loss.sum() - self.entropy_weight * entropy.sum()

    def describe(self, rollouts):
        """What the rollouts were like, and room for the sums of the loss."""
        names = ("counts", "active", "acts", "terminated", "truncated", "advantage", "target")
        flat = {name: [getattr(r, name)[: self.config.num_steps].flatten() for r in rollouts] for name in names}
        r = SimpleNamespace(**{name: torch.cat(tensors) for name, tensors in flat.items()})
        masks = dict(agent_steps=r.counts, inactive=~r.active, waiting=r.active & ~r.acts)
        masks |= dict(terminated=r.terminated & r.counts, truncated=r.truncated & ~r.terminated & r.counts)
        log = SimpleNamespace(count=0, sums=defaultdict(float), gradient_norms=[])
        log.has = {name: mask.sum().item() for name, mask in masks.items()}
        log.learning_rate, log.entropy_weight = self.learning_rate, self.entropy_weight
        log.explained_variance = 1 - (r.advantage[r.counts].var() / r.target[r.counts].var()).item()
        return log
