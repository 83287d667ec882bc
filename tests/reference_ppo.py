"""PPO in plain PyTorch and float64: the independent implementation that `flockstep train` is compared with.

Written from the papers, with autograd in place of gradients worked out by hand and torch.optim.Adam in place of a kernel.
`ReferencePpo` repeats a training run from its settings, its seed and its first weights: it steps the worlds through `import
flockstep` and draws actions from its own logits, so a wrong log-probability or mask leads to another rollout.

Where PPO leaves a choice, or where implementations differ, the line is marked "Decision:". A deliberate change of the
trainer's mathematics is a change of such a line. What is where:
- this file: random numbers, rollouts, advantages, minibatches (`counts` of a rollout: the samples that are learnt from;
  ReferencePpo.units: those that stay together), PPO's loss and its log;
- reference_policy.py: what actors and critics see, their networks, normalisers and optimisers, and whom a policy plays;
- reference_heads.py: distributions of actions, each a class with sample, log_prob and entropy.
"""

import math
from collections import defaultdict
from types import SimpleNamespace

import flockstep
import numpy as np
import torch
from reference_policy import Seen, policies_of
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


# The algorithm


class ReferencePpo:
    """A training run of an environment with the settings of a checkpoint's metadata; arrays: those of its first weights.
    self.config: the run's settings; policy.config: those of a policy, its group's own among them.

    A rollout, one for each policy, holds what its agents saw, did and got: [steps, num_envs, agents, ...]. Entries of what
    precedes a step, such as `value`, have one more step, for what follows the last."""

    def __init__(self, metadata, arrays):
        self.config = c = SimpleNamespace(**metadata["training_settings"])
        self.roles = {role["name"]: role for role in metadata["roles"]}
        self.policies = policies_of(metadata, arrays)
        options = dict(device="cpu", array="numpy", stagger_episodes=c.stagger_episodes, seed=c.seed)
        self.worlds = flockstep.make(metadata["environment"], num_envs=c.num_envs, **options, **metadata["environment_settings"])
        self.reset()
        # Decision: the steps of a run are counted with inactive agents.
        self.total_iterations = math.ceil(c.total_steps / (c.num_envs * self.worlds.num_agents * c.num_steps))
        self.env_steps = self.iterations = 0
        if self.normalises():
            # Decision: a first rollout is played for the moments only, so that the first update is normalised, too.
            self.learn_normalisers(self.collect())
            self.reset()

    def reset(self):
        self.observation, self.info = self.worlds.reset(seed=self.config.seed)

    def normalises(self):
        return any(policy.config.norm_obs for policy in self.policies)

    def iterate(self):
        """One rollout and the update by it. Returns what a log record of this iteration would be made of."""
        rollouts = self.collect()
        for policy, rollout in zip(self.policies, rollouts):
            if policy.config.norm_reward:
                self.scale_rewards(policy, rollout)
            self.estimate_advantages(policy, rollout)
            if policy.config.norm_value:
                # Decision: the targets are normalised by themselves and those before; the values were by those before.
                policy.learn_value_norm(rollout.target[rollout.counts].numpy())
        self.set_schedule()
        log = self.describe(rollouts)
        for policy, rollout in zip(self.policies, rollouts):
            self.learn(policy, rollout, log)
        if self.normalises():
            # Decision: observations are normalised by the rollouts before this one, so that acting and learning agree.
            self.learn_normalisers(rollouts)
        self.env_steps += self.config.num_steps
        self.iterations += 1
        return log

    def learn_normalisers(self, rollouts):
        for policy, rollout in zip(self.policies, rollouts):
            if not policy.config.norm_obs:
                continue
            # Decision: by what active agents see, whether or not it is their turn.
            active = rollout.active[:-1]
            policy.inputs.learn(rollout.columns[:-1][active].numpy())
            if policy.critic_inputs is not policy.inputs:
                policy.critic_inputs.learn(rollout.critic_columns[:-1][active].numpy())

    @torch.no_grad()
    def collect(self):
        lists = [defaultdict(list) for _ in self.policies]
        for step in range(self.config.num_steps):
            self.observe(lists)
            actions = [self.act(policy, rollout, self.env_steps + step) for policy, rollout in zip(self.policies, lists)]
            active = self.info["active"].copy()
            self.observation, reward, terminated, truncated, self.info = self.worlds.step(self.join(actions))
            # Decision: a critic that sees others sees them at the end if their episode was truncated there, too.
            last = Seen(self.info["final_observation"], self.info.get("final_state"), active & truncated & ~terminated)
            for policy, rollout in zip(self.policies, lists):
                rollout["reward"].append(torch.from_numpy(reward[:, policy.agents]).double())
                rollout["terminated"].append(torch.from_numpy(terminated[:, policy.agents]))
                rollout["truncated"].append(torch.from_numpy(truncated[:, policy.agents]))
                final = policy.critic_inputs.normalised(policy.columns(last, policy.critic_inputs))
                rollout["final_value"].append(policy.value(final))
        self.observe(lists)
        rollouts = [SimpleNamespace(**{name: torch.stack(steps) for name, steps in by_name.items()}) for by_name in lists]
        for policy, rollout in zip(self.policies, rollouts):
            # Decision: a sample counts if its agent was active before the step and, unless train_waiting, it was its turn.
            rollout.counts = (rollout.active & (rollout.acts | policy.config.train_waiting))[:-1]
        return rollouts

    def observe(self, lists):
        """Takes down what is seen before a step, and what it is worth."""
        seen = Seen(self.observation, self.info, self.info["active"])
        for policy, rollout in zip(self.policies, lists):
            for name in ("active", "acts"):
                rollout[name].append(torch.from_numpy(self.info[name][:, policy.agents]))
            for prefix, inputs in (("", policy.inputs), ("critic_", policy.critic_inputs)):
                columns = policy.columns(seen, inputs)
                rollout[prefix + "columns"].append(torch.from_numpy(columns))
                rollout[prefix + "inputs"].append(inputs.normalised(columns))
            rollout["mask"].append(policy.mask(self.info.get("action_mask"), self.config.num_envs))
            rollout["value"].append(policy.value(rollout["critic_inputs"][-1]))

    def act(self, policy, rollout, count):
        """Draws the actions of step `count` since training began; gives them as the environment reads them, by part."""

        def uniform(draw):
            envs = np.arange(self.config.num_envs)[:, None]
            words = philox(self.config.seed, envs, count >> 24, count & 0xFFFFFF, "action", policy.agents, draw // 4)
            return torch.from_numpy((words[draw % 4] >> 8) * 2.0**-24)

        distribution = policy.distribution(rollout["inputs"][-1], rollout["mask"][-1])
        chosen = distribution.sample(uniform)
        rollout["chosen"].append(chosen)
        rollout["log_prob"].append(distribution.log_prob(chosen))
        return policy.head.arrays(chosen)

    def join(self, actions):
        """The environment's tree of actions by role and part, from those of the policies by part."""
        tree = defaultdict(dict)
        for policy, arrays in zip(self.policies, actions):
            for role, agents in policy.members:
                own = np.isin(policy.agents, self.roles[role]["first"] + agents)
                for part, array in arrays.items():
                    shape = (len(array), self.roles[role]["count"], *array.shape[2:])
                    tree[role].setdefault(part, np.zeros(shape, array.dtype))[:, agents] = array[:, own]
        by_role = {role: parts if len(parts) > 1 else next(iter(parts.values())) for role, parts in tree.items()}
        return by_role if len(by_role) > 1 else next(iter(by_role.values()))

    def scale_rewards(self, policy, rollout):
        """Rewards are divided by the deviation of the discounted return so far; nothing is subtracted."""
        returns, running = [], policy.discounted_return
        for reward, active, ended in zip(rollout.reward, rollout.active, rollout.terminated | rollout.truncated):
            running = torch.where(active, policy.config.gamma * running + reward, 0.0)
            returns.append(running[active])
            running = torch.where(ended, 0.0, running)
        policy.discounted_return = running
        # Decision: one scale for each policy, which holds for this rollout too.
        policy.return_moments.merge(torch.cat(returns).numpy()[:, None])
        policy.reward_scale = policy.return_moments.inverse_std()[0]

    def estimate_advantages(self, policy, rollout):
        """GAE (Schulman et al. 2016)."""
        c, r, running, advantages = policy.config, rollout, 0.0, []
        for t in reversed(range(c.num_steps)):
            # Decision: an agent that leaves without an end of the episode has terminated.
            continues = ~r.terminated[t] & ~r.truncated[t] & r.active[t + 1]
            next_value = torch.where(continues, r.value[t + 1], 0.0)
            # Decision: a truncated episode would have gone on; its final observation's value follows.
            next_value = torch.where(r.truncated[t] & ~r.terminated[t], r.final_value[t], next_value)
            delta = r.reward[t] * policy.reward_scale + c.gamma * next_value - r.value[t]
            running = torch.where(r.active[t], delta + c.gamma * c.gae_lambda * continues * running, 0.0)
            advantages.insert(0, running)
        r.advantage = torch.stack(advantages)
        r.target = r.advantage + r.value[:-1]

    def set_schedule(self):
        # Decision: linear by iterations done: the first one has the values of the start, and none those of the end.
        progress = self.iterations / self.total_iterations
        for policy in self.policies:
            c = policy.config
            policy.learning_rate = float(np.float32(c.learning_rate * (1 - progress if c.anneal_lr else 1)))
            end = c.ent_coef if c.ent_coef_end < 0 else c.ent_coef_end
            policy.entropy_weight = c.ent_coef + (end - c.ent_coef) * progress
            policy.optimiser.param_groups[0]["lr"] = policy.learning_rate

    def units(self, policy):
        """The samples of a policy's agents that stay together in a minibatch: [units, samples], -1 after the rollout's end."""
        c, agents = policy.config, len(policy.agents)
        steps = min(c.sequence_length or c.num_steps, c.num_steps) if "sequence" in c.minibatch_unit else 1
        rows = agents if "world" in c.minibatch_unit else 1
        samples = torch.arange(c.num_steps * c.num_envs * agents).view(c.num_steps, -1)
        samples = functional.pad(samples, (0, 0, 0, -c.num_steps % steps), value=-1)
        # Decision: units are numbered by their first step, then by world and agent.
        return samples.view(-1, steps, samples.shape[1] // rows, rows).transpose(1, 2).flatten(2).flatten(0, 1)

    def learn(self, policy, rollout, log):
        """The optimiser steps of one policy."""
        c = policy.config
        # In the order of steps, then worlds, then agents.
        samples = {name: array[: c.num_steps].flatten(0, 2) for name, array in vars(rollout).items()}
        counts, advantage = samples["counts"], samples["advantage"]
        if c.norm_adv:
            # Decision: normalised over the rollout, not over each minibatch, with the deviation of n samples.
            counted = advantage[counts]
            samples["advantage"] = (advantage - counted.mean()) / (counted.std(unbiased=False) + 1e-8)
        # Decision: a sample weighs the same in every minibatch, however many there are of them.
        weight = c.num_minibatches / counts.sum()
        # Decision: an epoch shuffles the units that have a sample that counts; the last minibatches may be smaller.
        units = self.units(policy)
        units = units[((units >= 0) & counts[units]).any(1)]
        size = math.ceil(len(units) / c.num_minibatches)
        if len(units) == 0:
            return  # Decision: these are no epochs of this policy.
        for _ in range(c.update_epochs * c.num_minibatches):
            epoch, minibatch = divmod(policy.minibatches, c.num_minibatches)
            policy.minibatches += 1
            order = permutation(len(units), philox(c.seed, policy.number, epoch >> 24, epoch & 0xFFFFFF, "shuffle", 0))
            index = units[order[minibatch * size : (minibatch + 1) * size]].flatten()
            index = index[index >= 0]
            index = index[counts[index]]
            if len(index) == 0:
                continue  # Decision: no samples, no step of the optimiser: nothing changes, its count of steps included.
            policy.optimiser.zero_grad()
            loss = self.loss(policy, SimpleNamespace(**{name: array[index] for name, array in samples.items()}), log)
            (weight * loss).backward()
            # Decision: the norm is that of the policy's whole gradient, critic included.
            norm = torch.nn.utils.clip_grad_norm_(policy.network.weights.values(), c.max_grad_norm or math.inf)
            log.gradient_norms.append(norm.item())
            policy.optimiser.step()

    def loss(self, policy, batch, log):
        """PPO's loss, summed over a minibatch (Schulman et al. 2017, equations 7 and 9)."""
        c = policy.config
        distribution = policy.distribution(batch.inputs, batch.mask)
        log_ratio = distribution.log_prob(batch.chosen) - batch.log_prob
        ratio = log_ratio.exp()
        clipped_ratio = ratio.clamp(1 - c.clip_coef, 1 + c.clip_coef)
        policy_loss = -torch.min(ratio * batch.advantage, clipped_ratio * batch.advantage)
        # Decision: value losses are those of normalised values; half the squared error.
        output = policy.network.critic(batch.critic_inputs)
        before, target = policy.value_norm.normalised(batch.value), policy.value_norm.normalised(batch.target)
        value_loss = 0.5 * (output - target) ** 2
        if c.clip_vloss > 0:
            near = before + (output - before).clamp(-c.clip_vloss, c.clip_vloss)
            value_loss = torch.max(value_loss, 0.5 * (near - target) ** 2)
        entropy = distribution.entropy()
        kl = (ratio - 1) - log_ratio  # Decision: k3 of Schulman 2020, "Approximating KL divergence".
        log.count += len(ratio)
        terms = dict(policy_loss=policy_loss, value_loss=value_loss, entropy=entropy, approximate_kl=kl)
        for name, term in (terms | dict(clip_fraction=ratio != clipped_ratio)).items():
            log.sums[name] += term.sum().item()
        return policy_loss.sum() + c.vf_coef * value_loss.sum() - policy.entropy_weight * entropy.sum()

    def describe(self, rollouts):
        """What the rollouts were like, and room for the sums of the loss."""
        names = ("counts", "active", "acts", "terminated", "truncated", "advantage", "target")
        flat = {name: [getattr(r, name)[: self.config.num_steps].flatten() for r in rollouts] for name in names}
        r = SimpleNamespace(**{name: torch.cat(tensors) for name, tensors in flat.items()})
        masks = dict(agent_steps=r.active, inactive=~r.active, waiting=r.active & ~r.acts)
        masks |= dict(terminated=r.terminated & r.counts, truncated=r.truncated & ~r.terminated & r.counts)
        log = SimpleNamespace(count=0, sums=defaultdict(float), gradient_norms=[])
        log.has = {name: mask.sum().item() for name, mask in masks.items()}
        # Decision: schedules without the name of a policy are the first one's.
        log.learning_rate, log.entropy_weight = self.policies[0].learning_rate, self.policies[0].entropy_weight
        log.explained_variance = 1 - (r.advantage[r.counts].var() / r.target[r.counts].var()).item()
        return log
