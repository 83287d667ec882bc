"""`flockstep train --initial`: a new run from the weights and normalisers of another, with other agents, worlds and settings."""

import json

import pytest
from command import SMALL, TEST_PROGRAM, needs_program, needs_test_program, only_run, refusal, succeed

pytestmark = [needs_program, needs_test_program]

QUIET = ["--replay", "false", "--log_every", "0.01"]
MAZE = ["--generator", "maze", "--size", "16", "--on_target", "restart", "--max_episode_steps", "24"]
FINISH = ["--total_steps", "1"]  # one iteration


def train(folder, environment, *words):
    folder.mkdir(exist_ok=True)
    said = succeed("train", environment, *SMALL, *QUIET, *words, cwd=folder, program=TEST_PROGRAM)
    return only_run(folder), said


def arrays_of(run):
    safetensors = pytest.importorskip("safetensors.numpy")
    return safetensors.load_file(run / "checkpoint.safetensors")


def settings_of(run):
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads((run / "config.toml").read_text())


NETWORKS = {
    "mlp": [],
    "cnn": ["--encoder", "cnn", "--channels", "4,4"],
    "bfloat16": ["--precision", "bfloat16"],
    "shared": ["--share_layers"],
    "normalised": ["--norm_obs", "--norm_reward", "--norm_value", "--dtype", "float32"],
}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_first_policy_plays_as_the_checkpoint_does(network, tmp_path):
    """Trained with 8 agents, started with 64 in another maze: what is played before training is what eval plays, episode for episode."""
    dtype = NETWORKS[network][-2:] if "--dtype" in NETWORKS[network] else []
    run, _ = train(tmp_path / "first", "pathfinding", *NETWORKS[network], *MAZE, "--num_agents", "8", "--total_steps", "32768", "--learning_rate", "0.01")
    many = [*MAZE, *dtype, "--num_agents", "64", "--seed", "5"]
    other = ["--gamma", "0.9", "--num_envs", "4", "--num_steps", "8", "--num_minibatches", "2", "--evaluate_episodes", "6", "--eval_every", "1000000"]
    words = ["train", "pathfinding", "--config", "none", "--device", "cpu", *QUIET, *many, *other, *FINISH]
    (tmp_path / "second").mkdir()
    said = succeed(*words, "--initial", run, "--evaluate_seed", "77", cwd=tmp_path / "second")
    assert f"Initial weights: {run}/checkpoint.safetensors, iteration 8\n" in said
    second = only_run(tmp_path / "second")
    lines = [json.loads(line) for line in (second / "evaluation.jsonl").read_text().splitlines()]
    played = [*MAZE, "--num_agents", "64", "--device", "cpu"]
    evaluation = json.loads(succeed("eval", "--checkpoint", run, *played, "--seed", "77", "--episodes", "6", "--json", cwd=tmp_path))
    assert lines[0]["policy"] == "initial" and lines[0]["metrics"] == evaluation["metrics"]
    steps = json.loads((second / "marl_eval.json").read_text())["pathfinding"]["pathfinding"]["ippo"]["seed_5"]
    first = json.loads(succeed("eval", "--checkpoint", run, *played, "--seed", "77", "--episodes", "1", "--json", cwd=tmp_path))
    assert all(steps["step_0"][name][0] == metric["mean"] for name, metric in first["metrics"].items())
    assert len(set(steps["step_0"]["episode_return"])) > 1 and steps["step_1"]["episode_return"] != steps["step_0"]["episode_return"]


def test_weights_and_normalisers_are_taken_over_and_nothing_else(tmp_path):
    normalised = ["--norm_obs", "--norm_reward"]
    run, _ = train(tmp_path / "first", "cartpole", *normalised, "--total_steps", "5120")
    same, _ = train(tmp_path / "second", "cartpole", *normalised, "--initial", run, "--learning_rate", "0", "--total_steps", "512")
    before, after = arrays_of(run), arrays_of(same)
    for name in before:
        if ".parameter." in name:
            assert before[name].tobytes() == after[name].tobytes(), name
    rollout = 32 * 16
    assert after["agent.input.moments"][0, 0] == before["agent.input.moments"][0, 0] + rollout  # without a rollout before the first
    assert after["agent.reward.moments"][0] == before["agent.reward.moments"][0] + rollout
    assert after["agent.optimiser_steps"][0] == 16 and after["trainer.env_steps"][0] == 16
    assert settings_of(same)["trainer"]["initial"] == str(run)


def test_settings_of_the_network_are_the_checkpoints(tmp_path):
    run, _ = train(tmp_path / "first", "cartpole", "--hidden_sizes", "8,4", "--activation", "relu", "--norm_obs", *FINISH)
    few = ["--num_envs", "4", "--device", "cpu", "--evaluate_episodes", "0", *QUIET, *FINISH]
    for recipe in [], ["--config", "none"]:  # the recipe of the environment's name yields
        (folder := tmp_path / f"{len(recipe)}").mkdir()
        succeed("train", "cartpole", *recipe, *few, "--initial", run, cwd=folder)
        trainer = settings_of(only_run(folder))["trainer"]
        assert (trainer["hidden_sizes"], trainer["activation"], trainer["norm_obs"]) == ("8,4", "relu", True)
        assert trainer["gae_lambda"] == (0.95 if recipe else 0.8)


def test_a_run_from_a_checkpoint_resumes(tmp_path):
    run, _ = train(tmp_path / "first", "cartpole", "--norm_obs", "--total_steps", "2048")
    words = ["--initial", run, "--norm_obs", "--anneal_lr", "false"]
    whole, _ = train(tmp_path / "whole", "cartpole", *words, "--total_steps", "2048")
    half, _ = train(tmp_path / "half", "cartpole", *words, "--total_steps", "1024")
    run.rename(tmp_path / "gone")
    succeed("train", "--resume", half, "--total_steps", "2048", cwd=tmp_path)
    assert {name: array.tobytes() for name, array in arrays_of(half).items()} == {name: array.tobytes() for name, array in arrays_of(whole).items()}


def test_a_checkpoint_of_several_policies(tmp_path):
    run, _ = train(tmp_path / "first", "mpe_tag", *FINISH)
    more, _ = train(tmp_path / "second", "mpe_tag", "--initial", run, "--learning_rate", "0", *FINISH)
    assert {name for name in arrays_of(run) if ".parameter." in name} == {name for name in arrays_of(more) if ".parameter." in name}
    assert all(array.tobytes() == arrays_of(more)[name].tobytes() for name, array in arrays_of(run).items() if ".parameter." in name)


# Refusals


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory):
    return train(tmp_path_factory.mktemp("cartpole"), "cartpole", *FINISH)[0]


@pytest.mark.parametrize("setting, given, has", [("hidden_sizes", "8", "16"), ("encoder", "cnn", "mlp"), ("share_layers", "true", "false"),
                                                 ("activation", "relu", "tanh"), ("norm_obs", "true", "false"), ("critic_input", "joint", "observation")])
def test_a_setting_that_the_weights_do_not_fit(setting, given, has, cartpole, tmp_path):
    words = ["--config", "none", "--num_envs", "32", "--num_steps", "16", "--device", "cpu", f"--{setting}", given]
    says = refusal("train", "cartpole", *words, "--initial", cartpole, cwd=tmp_path)
    assert says == f"flockstep: {setting}: got {given}, but {cartpole}/checkpoint.safetensors has {has}, which its weights need"
    assert not (tmp_path / "runs").exists()


def test_a_setting_of_a_file_that_the_weights_do_not_fit(cartpole, tmp_path):
    (tmp_path / "mine.toml").write_text("gamma = 0.9\nhidden_sizes = [8]\n")
    says = refusal("train", "cartpole", "--config", "mine.toml", "--device", "cpu", "--initial", cartpole, cwd=tmp_path)
    assert says == f"flockstep: mine.toml:2: hidden_sizes: got 8, but {cartpole}/checkpoint.safetensors has 16, which its weights need"


def test_another_environment(cartpole, tmp_path):
    place = f"checkpoint {cartpole}/checkpoint.safetensors: "
    says = refusal("train", "acrobot", *SMALL, "--initial", cartpole, cwd=tmp_path)
    assert says == f"flockstep: {place}its role agent and the environment's agent differ in the number of actions: 2 and 3"


def test_no_checkpoint(tmp_path):
    says = refusal("train", "cartpole", *SMALL, "--initial", "nowhere", cwd=tmp_path)
    assert says == 'flockstep: initial: got "nowhere", want a checkpoint.safetensors or a run folder; there is no nowhere'


def test_policies_of_only_one_of_both(tmp_path):
    run, _ = train(tmp_path / "first", "mpe_spread", *FINISH)
    file = f"{run}/checkpoint.safetensors"
    words = ["train", "mpe_spread", *SMALL, "--initial", run]
    says = refusal(*words, "--groups", "left=0,right=1-2", cwd=tmp_path)
    assert says == f"flockstep: initial: {file} has no policy left, which this run has; it has agent"
    (tmp_path / "third").mkdir()
    run, _ = train(tmp_path / "third", "mpe_spread", *FINISH, "--groups", "left=0,right=1-2")
    says = refusal("train", "mpe_spread", *SMALL, "--initial", run, "--groups", "left=0-2", cwd=tmp_path)
    assert says == f"flockstep: initial: {run}/checkpoint.safetensors has the policy right, which this run does not have; it has left"


def test_a_critic_of_another_number_of_agents(tmp_path):
    run, _ = train(tmp_path / "first", "pathfinding", "--num_agents", "3", "--critic_input", "joint", *FINISH)
    says = refusal("train", "pathfinding", *SMALL, "--num_agents", "4", "--initial", run, cwd=tmp_path)
    assert says.startswith("flockstep: initial: the critic of policy agent does not fit, since it sees another number of agents or another state: checkpoint ")


def test_a_resumed_run_stays_what_it_is(cartpole, tmp_path):
    says = refusal("train", "--resume", cartpole, "--initial", cartpole, cwd=tmp_path)
    assert says.startswith(f'flockstep: initial: got {cartpole}, but {cartpole} has "", which a resumed run keeps')
