"""Settings of groups of agents: `--groups.NAME.key value` and `[groups.NAME]`, from the command line to the checkpoint."""

import json

import numpy as np
import pytest
from command import SMALL, metric_lines, needs_program, only_run, refusal, succeed

pytestmark = needs_program

QUIET = ["--replay", "false", "--log_every", "3600"]
TAG = ["--max_episode_steps", "12", "--total_steps", str(4 * 32 * 16 * 4)]  # four iterations of four agents
OWN = ["--groups.adversary.hidden_sizes", "24,8", "--groups.adversary.learning_rate", "0.02", "--groups.agent.norm_obs"]
OWN_OF_ADVERSARY = {"hidden_sizes": "24,8", "learning_rate": 0.02}


def train(folder, *words, environment="mpe_tag"):
    folder.mkdir(exist_ok=True)
    succeed("train", environment, *SMALL, *QUIET, *words, cwd=folder, env={"OMP_NUM_THREADS": "1"})
    return only_run(folder)


def arrays_of(run):
    safetensors = pytest.importorskip("safetensors.numpy")
    return safetensors.load_file(run / "checkpoint.safetensors")


def metadata_of(run):
    safe_open = pytest.importorskip("safetensors").safe_open
    with safe_open(run / "checkpoint.safetensors", "numpy") as file:
        return file.metadata()


def settings_of(run):
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads((run / "config.toml").read_text())


def same_bits(one, other):
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("groups"), *TAG, *OWN)


# What a group gets


def test_each_group_has_its_network_its_schedule_and_its_normaliser(run):
    arrays, record = arrays_of(run), metric_lines(run)[-1]
    assert [arrays[f"adversary.parameter.actor.hidden.{i}.weight"].shape[0] for i in (0, 1)] == [24, 8]
    assert [arrays[f"{name}.parameter.actor.head.weight"].shape[1] for name in ("adversary", "agent")] == [8, 16]
    assert "agent.input.moments" in arrays and "adversary.input.moments" not in arrays
    left = 1 / 4  # of the learning rate, in the last of four iterations
    assert record["learning_rate.adversary"] == pytest.approx(0.02 * left) == record["learning_rate"]
    assert record["learning_rate.agent"] == pytest.approx(1e-3 * left)


def test_config_and_checkpoint_keep_what_was_given(run, tmp_path):
    wanted = {"adversary": OWN_OF_ADVERSARY, "agent": {"norm_obs": True}}
    config = settings_of(run)
    assert config["groups"] == wanted and config["trainer"]["learning_rate"] == 1e-3
    assert json.loads(metadata_of(run)["group_settings"]) == wanted
    succeed("train", "--config", run / "config.toml", cwd=tmp_path, env={"OMP_NUM_THREADS": "1"})
    again = only_run(tmp_path)
    assert (again / "config.toml").read_text() == (run / "config.toml").read_text()
    assert same_bits(arrays_of(again), arrays_of(run))


def test_a_learning_rate_of_zero_holds_the_weights_of_its_group_alone(tmp_path):
    words = ["--max_episode_steps", "12", "--anneal_lr", "false"]
    first = arrays_of(train(tmp_path / "first", *words, "--learning_rate", "0", "--total_steps", "1"))
    trained = arrays_of(train(tmp_path / "trained", *words, "--groups.agent.learning_rate", "0", "--total_steps", str(3 * 32 * 16 * 4)))
    for name in first:
        if ".parameter." in name:
            assert (first[name].tobytes() == trained[name].tobytes()) == name.startswith("agent."), name
    assert trained["agent.optimiser_steps"] == trained["adversary.optimiser_steps"] == 3 * 16


def test_a_group_has_as_many_updates_as_it_asks_for(tmp_path):
    words = ["--total_steps", "1", "--update_epochs", "2", "--num_minibatches", "3"]
    arrays = arrays_of(train(tmp_path, *words, "--groups.agent.update_epochs", "5", "--groups.agent.num_minibatches", "4"))
    assert (arrays["adversary.optimiser_steps"], arrays["agent.optimiser_steps"]) == (2 * 3, 5 * 4)


def test_settings_that_are_those_of_the_run_change_nothing(tmp_path):
    words = ["--total_steps", "4096"]
    plain = train(tmp_path / "plain", *words)
    own = train(tmp_path / "own", *words, "--groups.agent.gamma", "0.99", "--groups.adversary.hidden_sizes", "16")
    assert same_bits(arrays_of(plain), arrays_of(own))


def test_agents_and_teams_are_groups_too(tmp_path):
    words = ["--total_steps", "1"]
    arrays = arrays_of(train(tmp_path / "agents", "--groups", "agent", "--groups.agent_1.hidden_sizes", "4", *words, environment="mpe_spread"))
    assert [arrays[f"agent_{i}.parameter.actor.head.weight"].shape[1] for i in range(3)] == [16, 4, 16]
    run = train(tmp_path / "teams", "--groups", "my team=0,right=1-2", "--groups.my team.hidden_sizes", "4", *words, environment="mpe_spread")
    assert arrays_of(run)["my team.parameter.actor.head.weight"].shape[1] == 4
    assert '\n[groups."my team"]\nhidden_sizes = "4"\n' in (run / "config.toml").read_text()
    assert settings_of(run)["groups"] == {"my team": {"hidden_sizes": "4"}}


# Files


def test_a_file_has_a_table_for_each_group(tmp_path):
    (tmp_path / "mine.toml").write_text(
        "num_envs = 4\nnum_steps = 8\ntotal_steps = 1\nreplay = false\nlearning_rate = 0.5\nhidden_sizes = [8]\n"
        "[groups.adversary]\nlearning_rate = 0.25\nhidden_sizes = [4, 6]\ngamma = 0.5\n[groups.agent]\ngamma = 0.25\nlearning_rate = 0.125\n"
        "[cpu]\nhidden_sizes = [5]\ngamma = 0.75\n"
    )
    words = ["--config", "mine.toml", "--device", "cpu", "--learning_rate", "1", "--groups.agent.gamma", "0"]
    succeed("train", "mpe_tag", *words, cwd=tmp_path)
    config = settings_of(only_run(tmp_path))
    # A group's own settings win over those of the run and of a device, wherever these were given.
    assert config["groups"] == {"adversary": {"learning_rate": 0.25, "hidden_sizes": "4,6", "gamma": 0.5}, "agent": {"gamma": 0.0, "learning_rate": 0.125}}
    assert [config["trainer"][key] for key in ("learning_rate", "hidden_sizes", "gamma")] == [1.0, "5", 0.75]


# Resume, evaluate, start from


def test_an_interrupted_run_of_groups_ends_with_the_same_bits(run, tmp_path):
    words = [word if word != TAG[-1] else str(2 * 32 * 16 * 4) for word in TAG]
    whole = train(tmp_path / "whole", *TAG, *OWN, "--anneal_lr", "false")
    half = train(tmp_path / "half", *words, *OWN, "--anneal_lr", "false")
    assert not same_bits(arrays_of(half), arrays_of(whole))
    succeed("train", "--resume", half, "--total_steps", TAG[-1], cwd=tmp_path, env={"OMP_NUM_THREADS": "1"})
    assert same_bits(arrays_of(half), arrays_of(whole))
    assert settings_of(half)["groups"] == settings_of(whole)["groups"]


def test_a_resumed_run_keeps_the_settings_of_its_groups(run, tmp_path):
    for words, says in [
        (["--groups.adversary.learning_rate", "0.5"], f"groups.adversary.learning_rate: got 0.5, but {run} has 0.02, which a resumed run keeps"),
        (["--groups.agent.learning_rate", "0.5"], f"groups.agent.learning_rate: got 0.5, but {run} has 0.001, which a resumed run keeps"),
        (["--groups.agent.hidden_sizes", "8"], f"groups.agent.hidden_sizes: got 8, but {run} has 16, which a resumed run keeps"),
    ]:
        assert refusal("train", "--resume", run, *words, cwd=tmp_path).startswith(f"flockstep: {says}")
    succeed("train", "--resume", run, "--groups.adversary.learning_rate", "2e-2", cwd=tmp_path)


def test_evaluation_and_python_play_groups_of_different_networks(run, tmp_path):
    report = json.loads(succeed("eval", "--checkpoint", run, "--episodes", "20", "--json", "--device", "cpu", cwd=tmp_path))
    assert report["metrics"]["episode_length"]["mean"] == 12
    flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
    pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")
    policy = flockstep.load_policy(run, device="cpu")
    env = flockstep.make("mpe_tag", num_envs=4, device="cpu", array="numpy", max_episode_steps=12)
    observation, _ = env.reset(seed=1)
    log_prob, entropy, value = policy.evaluate_actions(observation, policy.act(observation))
    assert value.shape == log_prob.shape == (4, 4) and np.isfinite(value).all()


def test_a_new_run_takes_the_networks_of_a_checkpoints_groups(run, tmp_path):
    more = train(tmp_path / "more", "--initial", run, "--learning_rate", "0", "--max_episode_steps", "12", "--total_steps", "1")
    before, after = arrays_of(run), arrays_of(more)
    weights = [name for name in before if ".parameter." in name]
    assert weights and all(before[name].tobytes() == after[name].tobytes() for name in weights)
    # Networks and normalisers are the checkpoint's; the learning rate, which fits any weights, is the new run's.
    assert settings_of(more)["groups"] == {"adversary": {"hidden_sizes": "24,8"}, "agent": {"norm_obs": True}}
    words = ["train", "mpe_tag", *SMALL, "--initial", run]
    says = refusal(*words, "--groups.adversary.hidden_sizes", "7", cwd=tmp_path)
    assert says == f"flockstep: groups.adversary.hidden_sizes: got 7, but {run}/checkpoint.safetensors has 24,8, which its weights need"
    says = refusal(*words, "--groups.agent.activation", "relu", cwd=tmp_path)
    assert says == f"flockstep: groups.agent.activation: got relu, but {run}/checkpoint.safetensors has tanh, which its weights need"


# Refusals

WHOLE = "is a setting of the whole run, want it outside of [groups.agent]"
BAD = [
    (["--groups.agent.num_envs", "4"], f"flockstep: groups.agent.num_envs: num_envs {WHOLE}"),
    (["--groups.agent.seed", "4"], f"flockstep: groups.agent.seed: seed {WHOLE}"),
    (["--groups.agent.device", "cpu"], f"flockstep: groups.agent.device: device {WHOLE}"),
    (["--groups.agent.groups", "agent"], f"flockstep: groups.agent.groups: groups {WHOLE}"),
    (["--groups.lft.gamma", "0.5"], "flockstep: groups.lft: got settings of a group that is not there, want one of adversary, agent"),
    (["--groups.agent.gama", "0.5"], 'flockstep: command line: unknown key "gama", did you mean "gamma"?'),
    (["--groups.agent.lr", "0.5"], 'flockstep: command line: unknown key "lr", want learning_rate'),
    (["--groups.agent.size", "5"], 'flockstep: command line: unknown key "size"'),
    (["--groups.agent.gamma", "2"], 'flockstep: groups.agent.gamma: got "2", want a number from 0 to 1'),
    (["--groups.agent.gamma"], "flockstep: groups.agent.gamma: got no value, want a number from 0 to 1"),
    (["--groups.agent.critic_input", "state"], "flockstep: groups.agent.critic_input: got state, but mpe_tag has no global state"),
    (["--groups.agent.critic_input", "joint", "--share_layers"], "flockstep: groups.agent.share_layers: got true, but with critic_input"),
    (["--groups.agent.num_minibatches", "100000"], "flockstep: groups.agent.num_minibatches: got 100000, want at most 512, the samples of a rollout of agent"),
    (["--groups.agent", "4"], "flockstep: command line: got table [groups], want one of [trainer], [environment], [cpu], [cuda], [groups.NAME]"),
]


@pytest.mark.parametrize("words, says", BAD, ids=[" ".join(words) for words, _ in BAD])
def test_what_a_group_cannot_have_is_refused(words, says, tmp_path):
    assert refusal("train", "mpe_tag", *SMALL, *words, cwd=tmp_path).startswith(says)
    assert not (tmp_path / "runs").exists()


BAD_FILES = [
    ("[groups.agent]\ngamma = 0.5\nnum_steps = 4\n", f"mine.toml:3: groups.agent.num_steps: num_steps {WHOLE}"),
    ("[groups.agent]\nlog_every = 4\n", f"mine.toml:2: groups.agent.log_every: log_every {WHOLE}"),
    ("\n[groups.lft]\ngamma = 0.5\n", "mine.toml:3: groups.lft: got settings of a group that is not there, want one of adversary, agent"),
    ("[groups.agent]\ngamma = 2\n", "mine.toml:2: groups.agent.gamma: got 2, want a number from 0 to 1"),
    ("[groups.agent]\n\ngama = 2\n", 'mine.toml:3: unknown key "gama", did you mean "gamma"?'),
    ("groups = 'agent'\n[groups.agent_0]\ngamma = 0.5\n", "mine.toml: groups: got this key in front of the tables [groups.NAME], which TOML does not allow; want it in [trainer]"),
    ("[groups]\nagent = 2\n", "mine.toml:2: got table [groups], want one of [trainer]"),
    ("[groups.agent.more]\ngamma = 0.5\n", "mine.toml:1: more: got a table, want true"),
]


@pytest.mark.parametrize("text, says", BAD_FILES, ids=[repr(text) for text, _ in BAD_FILES])
def test_a_bad_table_of_a_group_is_refused_with_its_line(text, says, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    assert refusal("train", "mpe_tag", "--config", "mine.toml", "--device", "cpu", cwd=tmp_path).startswith(f"flockstep: {says}")


def test_only_training_knows_groups(tmp_path):
    says = refusal("eval", "mpe_tag", "--groups.agent.gamma", "0.5", "--device", "cpu", cwd=tmp_path)
    assert says == "flockstep: command line: got table [groups.agent], want one of [evaluate], [run], [environment]"


def test_the_help_lists_what_a_group_can_have(tmp_path):
    text = succeed("train", "--help", cwd=tmp_path)
    listed = text[text.index("--groups.NAME.key") :].split("A group has")[1].split("\n\n")[0].replace("\n", " ")
    names = [name.strip() for name in listed.split(",")]
    assert {"learning_rate", "hidden_sizes", "critic_input", "gamma", "precision", "init_std"} <= set(names)
    assert not {"num_envs", "num_steps", "seed", "groups", "total_steps", "device", "cuda_graphs"} & set(names)
