"""Numbers that are not finite: training ends, names the first of them, and leaves the checkpoint of before."""

import hashlib
import re

import pytest
from command import SMALL, flockstep, metric_lines, needs_program, needs_test_program, only_run, refusal, succeed, TEST_PROGRAM

pytestmark = [needs_program, needs_test_program]

QUIET = ["--replay", "false"]
CHAIN = ["train", "test_chain", "--config", "none", "--num_envs", "4", "--num_steps", "8", "--hidden_sizes", "16", "--device", "cpu",
         "--total_steps", "4000", "--stagger_episodes", "false", "--num_places", "1000", "--arrival_interval", "0", *QUIET]
REPEATS = "; no checkpoint was saved, the same run with seed 1 repeats it"
ADVICE = " (a smaller learning_rate may help)"


def fault(kind, *words, step=21, folder):
    """The sentence about a fault in world 2, agent 3, without its beginning and end."""
    given = ["--fault", kind, "--fault_world", 2, "--fault_agent", 3, "--fault_step", step]
    result = flockstep(*CHAIN, *given, *words, cwd=folder, program=TEST_PROGRAM)
    assert result.returncode == 2, result.stdout
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("flockstep: training diverged in ") and result.stderr.endswith(REPEATS + "\n")
    assert not (only_run(folder) / "checkpoint.safetensors").exists()
    return result.stderr[len("flockstep: training diverged in ") : -len(REPEATS) - 1]


OPTIONS = [[], ["--activation", "relu"], ["--precision", "bfloat16"], ["--share_layers"], ["--norm_reward"], ["--norm_obs"], ["--norm_value"], ["--critic_input", "joint", "--norm_obs"],
           ["--norm_adv", "false", "--vf_coef", "0"], ["--num_minibatches", "1", "--update_epochs", "1", "--norm_obs", "--norm_reward"]]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "default")
@pytest.mark.parametrize("kind, says", [("reward_nan", "the reward of policy agent is nan"), ("reward_infinite", "the reward of policy agent is infinite"),
                                        ("observation_nan", "the observation view[2] of policy agent is nan"),
                                        ("observation_infinite", "the observation view[2] of policy agent is infinite")])
def test_the_first_number_that_is_not_finite_is_named(kind, says, options, tmp_path):
    assert fault(kind, *options, folder=tmp_path) == f"iteration 3: {says} (world 2, agent 3, step 5)"


def test_the_policy_is_named(tmp_path):
    says = fault("reward_nan", "--groups", "first=0-1,second=2-4", folder=tmp_path)
    assert says == "iteration 3: the reward of policy second is nan (world 2, agent 3, step 5)"


def test_a_final_observation_is_named(tmp_path):
    says = fault("observation_nan", "--max_episode_steps", "20", step=20, folder=tmp_path)
    assert says == "iteration 3: the final observation view[2] of policy agent is nan (world 2, agent 3, step 3)"


def test_the_rollout_that_gives_the_first_moments_counts(tmp_path):
    says = fault("observation_infinite", "--norm_obs", step=5, folder=tmp_path)
    assert says == "the rollout before iteration 1: the observation view[2] of policy agent is infinite (world 2, agent 3, step 5)"


def test_the_checkpoint_of_before_stays_and_repeats_it(tmp_path):
    words = ["--fault", "reward_infinite", "--fault_world", "2", "--fault_agent", "3", "--fault_step", "21"]
    often = ["--checkpoint_every", "0.00001", "--log_every_steps", "1", "--log_every", "0.01"]
    result = flockstep(*CHAIN, *words, *often, "--seed", "7", cwd=tmp_path, program=TEST_PROGRAM)
    run = only_run(tmp_path)
    says = "flockstep: training diverged in iteration 3: the reward of policy agent is infinite (world 2, agent 3, step 5); "
    repeats = f"flockstep train --resume runs/{run.name} repeats it with seed 7, from checkpoint.safetensors of iteration 2\n"
    assert (result.returncode, result.stderr) == (2, says + repeats)
    assert [line["iterations"] for line in metric_lines(run)] == [1, 2, 3] and metric_lines(run)[-1]["policy_loss"] is None
    before = hashlib.sha256((run / "checkpoint.safetensors").read_bytes()).digest()
    again = flockstep("train", "--resume", f"runs/{run.name}", cwd=tmp_path, program=TEST_PROGRAM)
    assert (again.returncode, again.stderr) == (2, result.stderr)
    assert hashlib.sha256((run / "checkpoint.safetensors").read_bytes()).digest() == before
    succeed("eval", "--checkpoint", run, "--episodes", "2", "--device", "cpu", "--fault", "none", cwd=tmp_path, program=TEST_PROGRAM)


def diverged(environment, *words, cwd):
    says = refusal("train", environment, *SMALL, *QUIET, *words, cwd=cwd)
    run = only_run(cwd)
    assert not (run / "checkpoint.safetensors").exists() and says.endswith(REPEATS)
    return says[len("flockstep: training diverged in ") : -len(REPEATS)]


@pytest.mark.parametrize("words, says", [([], "the value loss of policy agent is infinite"), (["--activation", "relu"], r"the (policy|value) loss of policy agent is (nan|infinite)"),
                                         (["--share_layers"], "the value loss of policy agent is infinite")])
def test_a_learning_rate_that_is_too_large(words, says, tmp_path):
    assert re.fullmatch(f"iteration 1: {says}" + re.escape(ADVICE), diverged("cartpole", *words, "--learning_rate", "1e30", "--total_steps", "20480", cwd=tmp_path))
    assert [line["iterations"] for line in metric_lines(only_run(tmp_path))] == [1]


@pytest.mark.parametrize("iterations", [1, 5])
def test_weights_that_are_not_finite_are_never_saved(iterations, tmp_path):
    """Of the last step of a run, no loss was computed with the weights that it made; of the others, by the next rollout."""
    once = ["--num_minibatches", "1", "--update_epochs", "1", "--total_steps", 512 * iterations, "--adam_eps", "0", "--max_grad_norm", "0"]
    says = diverged("cartpole", *once, "--learning_rate", "3e38", cwd=tmp_path)
    assert re.fullmatch(r"iteration [12]: the weight actor\.hidden\.0\.weight of policy agent is infinite" + re.escape(ADVICE), says)


def test_rewards_whose_sums_are_not_finite(tmp_path):
    words = ["--num_agents", "4", "--distance_reward", "3e38", "--total_steps", "50000"]
    assert re.fullmatch(r"iteration 1: the advantage of policy agent is infinite \(world \d+, agent [0-3], step \d+\)", diverged("pathfinding", *words, cwd=tmp_path))
