"""MAPPO against IPPO: a critic that sees more learns more where agents see little, and as much where they see all.

In fog an agent of test_fog (tests/envs/test_fog.h) sees itself alone, while the team's reward depends on what is under
every boat; without fog its observation is the state. Runs differ in fog, seed and critic_input alone: observation is
IPPO; joint and state, with norm_value in all of them, are MAPPO. What is compared is the mean return of fresh episodes
that no training has seen, the same for all, with sampled actions.

SEEDS=5 python -m pytest -s tests/test_mappo.py is the comparison in full, with its table; without SEEDS it is short.
"""

import json
import math
import os
import statistics

import pytest
from command import TEST_PROGRAM, needs_test_program, succeed, train_here

pytestmark = needs_test_program

SEEDS = int(os.environ.get("SEEDS", 2))
EPISODES = 1000
# 40,000 agent-steps are 400 episodes of 25 steps of 4 agents, in 25 rollouts.
TRAINING = dict(total_steps=40000, num_envs=16, num_steps=25, hidden_sizes="32", learning_rate=3e-3, gamma=0.9)
TRAINING |= dict(ent_coef=0, norm_value=True, log_every=3600)
CRITICS = ("observation", "joint", "state")


class Returns(list):
    """Mean returns of runs that differ in their seeds."""

    @property
    def mean(self):
        return statistics.mean(self)

    @property
    def error(self):
        """The standard error of their mean."""
        return statistics.stdev(self) / math.sqrt(len(self))

    def advantage(self, other):
        """How much more they are than the others on average, and the standard error of that."""
        return self.mean - other.mean, math.hypot(self.error, other.error)


def learn(folder, fog, critic, seed):
    """Trains from this seed; returns the mean return of fresh episodes."""
    run = train_here(folder, "test_fog", TRAINING | dict(fog=fog, critic_input=critic, seed=seed))
    words = ["--checkpoint", run, "--episodes", EPISODES, "--device", "cpu", "--json"]
    report = json.loads(succeed("eval", *words, cwd=folder, program=TEST_PROGRAM, env={"OMP_NUM_THREADS": "1"}))
    return report["metrics"]["episode_return"]["mean"]


def learn_all(folder, fog):
    """{critic: Returns} of the seeds 1 to SEEDS; prints them."""
    returns = {}
    for critic in CRITICS:
        runs = (learn(folder / f"{critic}-{seed}", fog, critic, seed) for seed in range(1, SEEDS + 1))
        returns[critic] = found = Returns(runs)
        line = f"\n{'hidden' if fog else 'shown':8}{critic:12}{found.mean:8.3f} +- {found.error:.3f}"
        if critic != "observation":
            line += "   more than observation by {:.3f} +- {:.3f}".format(*found.advantage(returns["observation"]))
        print(line, " of", *(f"{number:.3f}" for number in found), end="")
    return returns


def test_a_critic_that_sees_all_boats_learns_more_in_fog(tmp_path):
    returns = learn_all(tmp_path, fog=True)
    for critic in CRITICS[1:]:
        difference, error = returns[critic].advantage(returns["observation"])
        assert difference > 2 * error and difference > 1
        assert min(returns[critic]) > max(returns["observation"])


def test_a_critic_of_the_state_learns_as_much_on_a_clear_day(tmp_path):
    """The joint critic is shown beside it, but is not the same there: its input is the state four times over."""
    returns = learn_all(tmp_path, fog=False)
    difference, error = returns["state"].advantage(returns["observation"])
    # Few seeds say little of their error: fewer than 5 show no more than that nothing is amiss.
    assert abs(difference) < (2 * error if SEEDS >= 5 else 1)
