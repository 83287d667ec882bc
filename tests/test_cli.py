"""The program `flockstep`: commands, settings, run folders, and what it says to bad input.

Runs $FLOCKSTEP_BINARY, or build/flockstep; without one, everything here is skipped.
"""

import contextlib
import json
import math
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", ROOT / "build" / "flockstep"))

pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built")

SMALL = ["--config", "none", "--num_envs", "32", "--num_steps", "16", "--hidden_sizes", "16", "--device", "cpu"]


def flockstep(*words, cwd, timeout=120, env=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "2", **(env or {})}
    return subprocess.run(
        [BINARY, *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout
    )


def succeed(*words, cwd, **options):
    result = flockstep(*words, cwd=cwd, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refusal(*words, cwd):
    """What stderr says of bad input: one sentence, with exit code 2."""
    result = flockstep(*words, cwd=cwd)
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    sentences = result.stderr.splitlines()
    assert len(sentences) == 1, result.stderr
    assert sentences[0].startswith("flockstep: ")
    return sentences[0]


def only_run(folder):
    runs = list((folder / "runs").iterdir())
    assert len(runs) == 1, runs
    return runs[0]


def metric_lines(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "format" not in line]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run on CartPole: (folder, run folder, what it printed)."""
    folder = tmp_path_factory.mktemp("trained")
    said = succeed(
        "train", "cartpole", "--total_steps", "20000", *SMALL, "--log_every", "0.05", "--evaluate_episodes", "50", cwd=folder
    )
    return folder, only_run(folder), said


# Help and lists


@pytest.mark.parametrize("words", [[], ["list"], ["train"], ["eval"], ["bench"], ["render"], ["tool"], ["train", "cartpole"]])
def test_help_names_the_usage_and_fits_a_terminal(words, tmp_path):
    text = succeed(*words, "--help", cwd=tmp_path)
    assert "Usage: flockstep" in text
    assert max(map(len, text.splitlines())) <= 130
    if words[1:]:
        assert "max_episode_steps" in text
    if words == ["tool"]:
        assert re.search(r"^pathfinding +generate, convert$", text, re.MULTILINE)


def test_the_program_alone_shows_its_commands_and_three_examples_that_work(tmp_path):
    text = succeed(cwd=tmp_path)
    assert text == succeed("--help", cwd=tmp_path)
    assert all(re.search(rf"^  {name} +\w", text, re.MULTILINE) for name in ("list", "train", "eval", "bench", "render", "tool"))
    examples = re.findall(r"^  flockstep (.*?)  ", text[text.index("Examples:") :], re.MULTILINE)
    assert examples == ["train cartpole", "bench pathfinding", "list pathfinding"]
    short = {"train": ["--total_steps", "2048", "--device", "cpu"], "bench": ["--seconds", "0.1", "--num_envs", "4", "--device", "cpu"], "list": []}
    for example in examples:
        succeed(*example.split(), *short[example.split()[0]], cwd=tmp_path)


def test_version_is_one_line(tmp_path):
    assert re.fullmatch(r"flockstep \d+\.\d+\.\d+ \(\S+\)\n", succeed("--version", cwd=tmp_path))


def test_list_names_the_environments(tmp_path):
    text = succeed("list", cwd=tmp_path)
    assert re.search(r"^cartpole +balance a pole", text, re.MULTILINE)
    assert re.search(r"^pathfinding +", text, re.MULTILINE)


def test_list_of_one_shows_settings_spaces_metrics_and_policies(tmp_path):
    text = succeed("list", "cartpole", cwd=tmp_path)
    assert re.search(r"max_episode_steps +500 +an integer", text)
    assert re.search(r"observation +float32 +4", text)
    assert re.search(r"action +Discrete +1 +0 \.\. 1", text)
    assert "Metrics: episode_return, episode_length" in text
    assert "Policies: random" in text
    assert "Gymnasium: flockstep/CartPole-v1" in text and "flockstep tool" not in text


def test_list_shows_spaces_for_the_settings_given(tmp_path):
    text = succeed("list", "pathfinding", "--obs_radius", "3", "--num_agents=5", cwd=tmp_path)
    assert "3 x 7 x 7" in text and "5 agents" in text and "pibt" in text


# Bad input

BAD_WORDS = [
    (["--"], "want list, train, eval, bench, render or tool"),
    (["trian"], 'got "trian"'),
    (["tool", "pathfindin"], 'environment: got "pathfindin", want one of: cartpole, pathfinding'),
    (["tool", "cartpole"], 'environment: got "cartpole", which has no commands, want one of: pathfinding'),
    (["tool", "cartpole", "generate"], 'environment: got "cartpole", which has no commands, want one of: pathfinding'),
    (["tool", "pathfinding", "generat"], 'command of pathfinding: got "generat", want one of: generate, convert'),
    (["tool", "pathfinding", "generat", "--help"], 'command of pathfinding: got "generat", want one of: generate, convert'),
    (["tool", "pathfinding", "generate", "maze"], 'option of pathfinding generate: got "maze", want --key value'),
    (["tool", "pathfinding", "generate", "--num_mpas", "3"], 'unknown key "num_mpas", did you mean "num_maps"?'),
    (["tool", "pathfinding", "generate", "--num_maps", "0"], 'num_maps: got "0", want an integer from 1'),
    (["tool", "pathfinding", "generate", "--size", "8", "--height", "9"], "height and width"),
    (["tool", "pathfinding", "generate", "--output", "absent/maps.yaml"], 'output: got "absent/maps.yaml", want a file that can be written'),
    (["tool", "pathfinding", "convert"], "input: got nothing, want a file of maps"),
    (["tool", "pathfinding", "convert", "--input", "absent.map"], "absent.map"),
    (["--frobnicate"], "--frobnicate"),
    (["list", "cartpol"], 'got "cartpol", want one of: cartpole'),
    (["train"], "want a name"),
    (["train", "cartpole", "pathfinding"], "pathfinding"),
    (["train", "cartpole", "--nm_envs", "3"], 'unknown key "nm_envs", did you mean "num_envs"?'),
    (["train", "cartpole", "--lr", "0.001"], 'unknown key "lr", want learning_rate'),
    (["train", "cartpole", "--total_steps", "9223372036854775807"], 'total_steps: got "9223372036854775807", want an integer from 1 to 9007199254740992'),
    (["train", "cartpole", "--total_steps", "9223372036854775808"], 'total_steps: got "9223372036854775808", want an integer from 1 to 9007199254740992'),
    (["train", "cartpole", "--seed", "18446744073709551615"], 'seed: got "18446744073709551615", want an integer from 0 to 9223372036854775807'),
    (["train", "cartpole", "--total_timesteps", "9"], 'unknown key "total_timesteps", want total_steps'),
    (["train", "cartpole", "--clip_range", "0.1"], 'unknown key "clip_range", want clip_coef'),
    (["train", "cartpole", "--batch_size", "64"], 'unknown key "batch_size", want num_minibatches: '),
    (["train", "cartpole", "--hidden", "64"], 'unknown key "hidden", want hidden_sizes'),
    (["train", "cartpole", "--separate", "false"], 'unknown key "separate", want share_layers, its opposite'),
    (["train", "cartpole", "--num_envs", "many"], 'num_envs: got "many", want an integer from 1'),
    (["train", "cartpole", "--num_envs", "0"], 'num_envs: got "0"'),
    (["train", "cartpole", "--num_envs"], "num_envs: got true"),
    (["train", "cartpole", "--hidden_sizes", "64,x"], 'hidden_sizes: got "64,x"'),
    (["train", "cartpole", "--device", "tpu"], 'device: got "tpu"'),
    (["train", "cartpole", "--device", "cuda:97"], 'device: got "cuda:97", which cannot be used'),
    (["train", "cartpole", "--device", "cuda:x"], 'device: got "cuda:x", want auto, cpu, cuda or cuda:N'),
    (["eval", "cartpole", "--device", "cuda:97"], 'device: got "cuda:97", which cannot be used'),
    (["bench", "cartpole", "--device", "cuda:97"], 'device: got "cuda:97", which cannot be used'),
    (["train", "cartpole", "--dtype", "observation=float17"], "float17"),
    (["train", "cartpole", "--max_episode_steps", "-3"], 'max_episode_steps: got "-3", want an integer from 1'),
    (["train", "cartpole", "--config", "cartpol"], 'config: got "cartpol", want a TOML file, none, or one of cartpole, mpe_spread, mpe_tag, pathfinding, pathfinding_'),
    (["train", "cartpole", "--config", "pathfinding_random"], "config: recipe pathfinding_random is for pathfinding, not for cartpole"),
    (["bench", "pathfinding", "--height", "64", "--width", "64"], 'benchmark settings of pathfinding (--config none does without them): size: got 32, want 64'),
    (["train", "cartpole", "--config", "absent.toml"], 'config: got "absent.toml"'),
    (["train", "cartpole", "--resume", "absent"], 'resume: got "absent"'),
    (["train", "cartpole", "--config"], "--config"),
    (["eval", "cartpole", "--policy", "clever"], 'policy: got "clever", want one of: random'),
    (["eval", "cartpole", "--episodes", "0"], 'episodes: got "0"'),
    (["eval", "cartpole", "--checkpoint", "absent"], 'checkpoint: got "absent"'),
    (["eval"], "want a name or --checkpoint"),
    (["bench"], "NAME"),
    (["train", "cartpole", "--trainer.num_envs", "0"], 'num_envs: got "0", want an integer from 1'),
    (["train", "cartpole", "--environment.num_envs", "1"], 'command line: unknown key "num_envs"'),
    (["train", "cartpole", "--elsewhere.num_envs", "1"], "command line: got table [elsewhere], want one of [trainer]"),
    (["bench", "cartpole", "--outputs", "reward,rewrad"], "rewrad"),
    (["bench", "cartpole", "--seconds", "-1"], 'seconds: got "-1"'),
    (["render", "cartpole", "--policy", "clever"], 'policy: got "clever"'),
    (["render", "cartpole", "--output", "absent/folder/x.html"], "absent/folder/x.html"),
    (["list", "pathfinding", "--num_agents", "1000", "--size", "4"], "num_agents"),
    (["list", "pathfinding", "--map", "absent.map"], "absent.map"),
    (["list", "pathfinding", "--on_target", "stay"], 'on_target: got "stay", want finish, nothing or restart'),
]


@pytest.mark.parametrize("words, says", BAD_WORDS, ids=[" ".join(words) for words, _ in BAD_WORDS])
def test_bad_input_is_one_sentence_and_exit_code_2(words, says, tmp_path):
    device = [] if "--device" in words or not words or words[0] not in ("train", "eval", "bench", "render") else ["--device", "cpu"]
    if words and words[-1].startswith("--"):
        device = []
    assert says in refusal(*words, *device, cwd=tmp_path)
    assert not (tmp_path / "runs").exists()


BAD_FILES = [
    ("num_envs = \n", "config.toml:1: num_envs: expected value, saw '\\n'"),
    ("# a comment\nnum_envs = 3x\n", "config.toml:2: num_envs: expected digit, saw 'x'"),
    ("num_envs = 1\nnum_envs = 2\n", "config.toml:2: num_envs: cannot redefine existing integer 'num_envs'"),
    ("[trainer]\n[trainer]\n", "config.toml:2: cannot redefine existing table 'trainer'"),
    ("[traner]\nnum_envs = 1\n", "config.toml:2: got table [traner], want one of [trainer]"),
    ("\nnm_envs = 3\n", 'config.toml:2: unknown key "nm_envs", did you mean "num_envs"?'),
    ("[environment]\nnum_envs = 3\n", 'config.toml:2: unknown key "num_envs"'),
    ('num_envs = "many"\n', 'config.toml:1: num_envs: got "many", want an integer from 1'),
    ("[trainer]\n\nlearning_rate = -1.0\n", "config.toml:3: learning_rate: got -1, want a number >= 0"),
    ('activation = "cubic"\n', 'config.toml:1: activation: got "cubic", want tanh or relu'),
    ('runs = "unfinished\n', "config.toml:1: runs: unescaped control characters"),
    ("num_envs = 012\n", "config.toml:1: num_envs: leading zeroes are prohibited"),
    ("born = 1979-05-27\n", "config.toml:1: born: got a date, want true, false, a number"),
    ("num_envs = 1 num_steps = 2\n", "config.toml:1: num_envs: expected a comment or whitespace, saw 'n'"),
    ("[trainer]\nentropy = 0.1\n", 'config.toml:2: unknown key "entropy", want ent_coef'),
    ("[cpu]\nepochs = 3\n", 'config.toml:2: unknown key "epochs", want update_epochs'),
    ("format_version = 99\n", "config.toml:1: format_version: got 99, want 2; settings have other names in other versions"),
    ("seed = 99999999999999999999\n", "config.toml:1: seed: '99999999999999999999' is not representable in 64 bits"),
]


@pytest.mark.parametrize("text, says", BAD_FILES, ids=[repr(text) for text, _ in BAD_FILES])
def test_a_bad_file_is_refused_with_its_line(text, says, tmp_path):
    (tmp_path / "config.toml").write_text(text)
    assert says in refusal("train", "cartpole", "--config", "config.toml", cwd=tmp_path)


def test_too_little_memory_says_how_much_was_needed_and_is_free(tmp_path):
    says = refusal("bench", "cartpole", "--num_envs", "2000000000", "--device", "cpu", cwd=tmp_path)
    assert re.search(r"memory: .* needs \d+ MiB, free are \d+ MiB", says)


def test_a_damaged_checkpoint_is_refused(trained, tmp_path):
    bytes_ = (trained[1] / "checkpoint.safetensors").read_bytes()
    for name, damaged in {"short": bytes_[: len(bytes_) // 2], "noise": b"\xff" * 100, "empty": b""}.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(damaged)
        assert str(file) in refusal("eval", "--checkpoint", file, "--device", "cpu", cwd=tmp_path)


def test_a_checkpoint_of_another_environment_is_refused(trained, tmp_path):
    says = refusal("eval", "pathfinding", "--checkpoint", trained[1], "--device", "cpu", cwd=tmp_path)
    assert "was trained on cartpole, not on pathfinding" in says


# Recipes

SHIPPED = sorted((ROOT / "configs").glob("*.toml"))
FAST = ["--total_steps", "64", "--num_envs", "4", "--num_steps", "16", "--device", "cpu", "--replay", "false", "--evaluate_episodes", "0"]


def trained_with(*words, folder):
    """The settings of a run folder by table, and what was said first."""
    tomllib = pytest.importorskip("tomllib")
    said = succeed("train", *words, *FAST, cwd=folder)
    return tomllib.loads((only_run(folder) / "config.toml").read_text()), said.splitlines()[0]


def test_training_takes_the_recipe_of_the_environments_name(tmp_path):
    config, said = trained_with("cartpole", "--gamma", "0.9", folder=tmp_path)
    assert said == "Recipe: cartpole"
    assert config["trainer"]["gae_lambda"] == 0.8 and config["trainer"]["learning_rate"] == 3e-3
    assert config["trainer"]["gamma"] == 0.9 and config["trainer"]["total_steps"] == 64  # flags win


def test_training_by_bare_defaults(tmp_path):
    config, said = trained_with("cartpole", "--config", "none", folder=tmp_path)
    assert said.startswith("Recipe: none")
    assert config["trainer"]["gae_lambda"] == 0.95 and config["trainer"]["learning_rate"] != 3e-3


def test_a_file_stands_in_for_the_recipe_whatever_its_name(tmp_path):
    (tmp_path / "cartpole").write_text("gae_lambda = 0.7\n")
    config, said = trained_with("cartpole", "--config", "cartpole", folder=tmp_path)
    assert said == "Recipe: cartpole"
    assert config["trainer"]["gae_lambda"] == 0.7 and config["trainer"]["learning_rate"] != 3e-3


def test_a_flag_for_a_table_wins_over_the_recipe_for_a_device(tmp_path):
    config, _ = trained_with("pathfinding", "--trainer.hidden_sizes", "8", "--num_agents", "2", folder=tmp_path)
    assert config["trainer"]["hidden_sizes"] == "8" and config["trainer"]["share_layers"] is True  # of [cpu]
    assert config["environment"]["generator"] == "warehouse" and config["environment"]["num_agents"] == 2


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_recipe_trains_by_its_name_alone(path, tmp_path):
    tomllib = pytest.importorskip("tomllib")
    recipe = tomllib.loads(path.read_text())
    few = ["--num_agents", "3"] if "num_agents" in recipe else []
    config, said = trained_with("--config", path.stem, "--hidden_sizes", "8", *few, folder=tmp_path)
    assert said == f"Recipe: {path.stem}"
    assert config["environment"]["name"] == recipe["environment"] and config["trainer"]["gamma"] == recipe["gamma"]


def test_list_names_the_recipes(tmp_path):
    text = succeed("list", cwd=tmp_path)
    for path in SHIPPED:
        assert re.search(rf"^{path.stem} +\w", text, re.MULTILINE), path.stem
    assert re.search(r"^pathfinding_random +Lifelong pathfinding on random maps", text, re.MULTILINE)
    assert "Recipes: pathfinding, pathfinding_mazes, pathfinding_random, pathfinding_warehouse_192\n" in succeed("list", "pathfinding", cwd=tmp_path)


# Training


def test_training_writes_all_files_of_the_run_folder(trained):
    _, run, said = trained
    assert re.fullmatch(r"cartpole-\d{8}-\d{6}", run.name)
    names = {file.name for file in run.iterdir()}
    assert {"config.toml", "metrics.jsonl", "checkpoint.safetensors", "replay.html", "evaluation.jsonl"} <= names
    assert any(name.startswith("events.out.tfevents.") for name in names)
    assert not any(name.endswith(".partial") for name in names)
    assert str(run.name) in said


def test_without_a_terminal_there_are_no_carriage_returns_or_escapes(trained):
    assert "\r" not in trained[2] and "\x1b" not in trained[2]
    assert "agent-steps/s" in trained[2]


def test_metrics_count_up_to_the_end(trained):
    lines = metric_lines(trained[1])
    steps = [line["agent_steps"] for line in lines]
    assert steps == sorted(steps) and steps[-1] >= 20000
    assert any(line["num_episodes"] > 0 and line["episode_return"] > 5 for line in lines)
    for line in lines:
        assert 0 <= line["entropy"] <= math.log(2) + 1e-4


def test_the_evaluation_compares_before_and_after(trained):
    lines = [json.loads(line) for line in (trained[1] / "evaluation.jsonl").read_text().splitlines()]
    assert [line["policy"] for line in lines] == ["untrained", "trained"]
    assert all(line["metrics"]["episode_return"]["count"] == 50 for line in lines)
    assert "untrained" in trained[2] and "episode_return" in trained[2]


def test_curves_read_back_in_tensorboard(trained):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(trained[1]))
    events.Reload()
    lines = metric_lines(trained[1])
    curve = events.Scalars("loss/entropy")
    assert [point.step for point in curve] == [line["agent_steps"] for line in lines]
    assert [point.value for point in curve] == pytest.approx([line["entropy"] for line in lines])
    assert "episode/episode_return" in events.Tags()["scalars"]


def test_event_frames_carry_the_checksums_of_tfrecord(trained):
    crc = pytest.importorskip("tensorboard.compat.tensorflow_stub.pywrap_tensorflow")
    file = next(trained[1].glob("events.out.tfevents.*")).read_bytes()
    at = frames = 0
    while at < len(file):
        size = int.from_bytes(file[at : at + 8], "little")
        data = file[at + 12 : at + 12 + size]
        assert int.from_bytes(file[at + 8 : at + 12], "little") == crc.masked_crc32c(file[at : at + 8])
        assert int.from_bytes(file[at + 12 + size : at + 16 + size], "little") == crc.masked_crc32c(data)
        at += 16 + size
        frames += 1
    assert frames > 10


def test_the_replay_is_one_page_without_the_network(trained):
    page = (trained[1] / "replay.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert not re.search(r"(src|href)\s*=\s*[\"']https?:", page)


def test_config_reads_back_identically(trained, tmp_path):
    config = trained[1] / "config.toml"
    succeed("train", "--config", config, "--total_steps=20000", cwd=tmp_path)
    assert (only_run(tmp_path) / "config.toml").read_text() == config.read_text()


def test_config_is_toml_to_python_too(trained):
    tomllib = pytest.importorskip("tomllib")
    config = tomllib.loads((trained[1] / "config.toml").read_text())
    assert config["environment"] == {"name": "cartpole", "max_episode_steps": 500}
    assert config["trainer"]["num_envs"] == 32 and config["trainer"]["hidden_sizes"] == "16"
    assert isinstance(config["trainer"]["gamma"], float) and config["trainer"]["replay"] is True


def test_every_kind_of_toml_value_is_understood(tmp_path):
    (tmp_path / "config.toml").write_text(
        "# a run\nformat_version = 2\nenvironment = 'cartpole'\nmax_episode_steps = 1_00 # flat\n"
        '[trainer]\ntotal_steps = 2_000\nnum_envs = 0x10\nhidden_sizes = [\n  16, # first\n  8,\n]\ngamma = 9.5e-1\n'
        'device = "c\\u0070u"\nreplay = false\nrun_name = """\nlong\\\n  -name"""\n"num_steps" = +16\n'
    )
    succeed("train", "--config", "config.toml", "--gamma", "0.9", cwd=tmp_path)
    text = (only_run(tmp_path) / "config.toml").read_text()
    for line in ['name = "cartpole"', "max_episode_steps = 100", "num_envs = 16", 'hidden_sizes = "16,8"', "gamma = 0.9", "num_steps = 16"]:
        assert line in text.splitlines()
    assert only_run(tmp_path).name.startswith("long-name-")
    assert not (only_run(tmp_path) / "replay.html").exists()


def test_a_file_may_hold_settings_for_a_kind_of_device(tmp_path):
    (tmp_path / "config.toml").write_text(
        'total_steps = 512\nnum_envs = 64\nnum_steps = 16\nhidden_sizes = "16"\ngamma = 0.5\nreplay = false\n'
        "[cpu]\nnum_envs = 32\nmax_episode_steps = 77\ngamma = 0.6\n[cuda]\nnum_steps = 8\n"
    )
    succeed("train", "cartpole", "--config", "config.toml", "--device", "cpu", "--gamma", "0.7", cwd=tmp_path)
    lines = (only_run(tmp_path) / "config.toml").read_text().splitlines()
    for line in ["num_envs = 32", "num_steps = 16", "max_episode_steps = 77", "gamma = 0.7"]:
        assert line in lines


@pytest.mark.parametrize("table", ["cpu", "cuda"])
def test_an_unknown_key_for_a_device_is_refused_on_any_device(table, tmp_path):
    (tmp_path / "config.toml").write_text(f"[{table}]\nnm_envs = 3\n")
    says = refusal("train", "cartpole", "--config", "config.toml", "--device", "cpu", cwd=tmp_path)
    assert 'config.toml:2: unknown key "nm_envs", did you mean "num_envs"?' in says


def test_runs_are_never_overwritten(tmp_path):
    for _ in range(3):
        succeed("train", "cartpole", "--total_steps", "512", *SMALL, "--replay", "false", cwd=tmp_path)
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_resuming_goes_on_to_more_steps_in_the_same_folder(tmp_path):
    succeed("train", "cartpole", "--total_steps", "5120", *SMALL, "--replay=false", cwd=tmp_path)
    run = only_run(tmp_path)
    succeed("train", "--resume", run, "--total_steps", "10240", cwd=tmp_path)
    assert only_run(tmp_path) == run
    lines = metric_lines(run)
    assert lines[-1]["agent_steps"] == 10240
    assert "total_steps = 10240" in (run / "config.toml").read_text()


def test_a_refused_resume_leaves_the_run_folder_as_it_was(tmp_path):
    succeed("train", "cartpole", "--total_steps", "512", *SMALL, "--replay", "false", cwd=tmp_path)
    run = only_run(tmp_path)
    refused = [["--nm_envs", "3"], ["--num_envs", "many"], ["--num_envs", "64"], ["--hidden_sizes", "8"], ["--device", "cuda:97"]]
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    for words in refused:
        refusal("train", "--resume", run, *words, cwd=tmp_path)
        assert {file.name: file.read_bytes() for file in run.iterdir()} == before
    damaged = before["checkpoint.safetensors"][:1000]
    (run / "checkpoint.safetensors").write_bytes(damaged)
    assert "checkpoint.safetensors: " in refusal("train", "--resume", run, "--device", "cpu", cwd=tmp_path)
    assert {file.name: file.read_bytes() for file in run.iterdir()} == {**before, "checkpoint.safetensors": damaged}


def test_a_folder_for_runs_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "runs.txt").write_text("a file")
    assert "runs.txt" in refusal("train", "cartpole", "--runs", "runs.txt", *SMALL, cwd=tmp_path)


def test_resuming_another_environment_is_refused(trained, tmp_path):
    assert "not pathfinding" in refusal("train", "pathfinding", "--resume", trained[1], cwd=tmp_path)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_a_checkpoint_that_resumes_bit_for_bit(sent, device, tmp_path):
    settings = ["--seed", "5", *SMALL[:-1], device, "--anneal_lr", "false", "--ent_coef", "0", "--log_every", "0.05"]
    words = [BINARY, "train", "cartpole", "--total_steps", "100000000", *settings]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while time.time() < deadline and not any(metric_lines(run) for run in tmp_path.glob("runs/*") if (run / "metrics.jsonl").exists()):
        time.sleep(0.05)
    process.send_signal(sent)
    said, wrong = process.communicate(timeout=60)
    assert process.returncode == 128 + sent, wrong
    run = only_run(tmp_path)
    assert "Interrupted" in said and f"--resume runs/{run.name}" in said
    done = metric_lines(run)[-1]["agent_steps"]
    more = ["--total_steps", str(done + 5120), "--replay=false"]
    succeed("train", "--resume", run, *more, cwd=tmp_path)
    assert metric_lines(run)[-1]["agent_steps"] == done + 5120
    whole = tmp_path / "whole"
    whole.mkdir()
    succeed("train", "cartpole", *settings, *more, cwd=whole)
    safetensors = pytest.importorskip("safetensors.numpy")
    resumed = safetensors.load_file(run / "checkpoint.safetensors")
    uninterrupted = safetensors.load_file(only_run(whole) / "checkpoint.safetensors")
    parameters = [name for name in uninterrupted if ".parameter." in name]
    assert parameters
    for name in parameters:
        assert resumed[name].tobytes() == uninterrupted[name].tobytes(), name


def start(*words, cwd, **options):
    """A training run under way: its process, once the first record of its log is there."""
    process = subprocess.Popen([BINARY, *map(str, words)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    wait_for(lambda: any(metric_lines(log.parent) for log in cwd.glob("runs/*/metrics.jsonl")))
    return process


def wait_for(condition):
    deadline = time.time() + 60
    while not condition():
        assert time.time() < deadline
        time.sleep(0.02)


def arrays_of(run):
    safetensors = pytest.importorskip("safetensors.numpy")
    return {name: array.tobytes() for name, array in safetensors.load_file(run / "checkpoint.safetensors").items()}


ENDLESS = ["--total_steps", "100000000", *SMALL, "--log_every", "0.05"]


@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGPIPE])
def test_a_terminal_or_reader_that_goes_away_leaves_a_checkpoint(sent, tmp_path):
    process = start("train", "cartpole", *ENDLESS, cwd=tmp_path)
    process.send_signal(sent)
    process.communicate(timeout=60)
    assert process.returncode == 128 + sent
    succeed("train", "--resume", only_run(tmp_path), "--total_steps", "1", cwd=tmp_path)


def test_a_closed_pipe_ends_training_with_a_checkpoint(tmp_path):
    process = start("train", "cartpole", *ENDLESS, cwd=tmp_path, restore_signals=True)
    process.stdout.close()
    wait_for(lambda: process.poll() is not None)
    assert process.returncode in (128 + signal.SIGPIPE, -signal.SIGPIPE)
    process.stderr.close()
    assert (only_run(tmp_path) / "checkpoint.safetensors").is_file()


def test_nohup_is_obeyed(tmp_path):
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    process = start("train", "cartpole", *ENDLESS, cwd=tmp_path, preexec_fn=ignore)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_signal_ends_an_iteration_of_minutes_within_two_seconds(device, tmp_path):
    """It is abandoned: the checkpoint is that of its beginning, and goes on as if nothing had happened."""
    long = ["--config", "none", "--num_envs", "64", "--num_steps", "1600", "--update_epochs", "10", "--hidden_sizes", "16", "--device", device]
    minibatches = ["--num_minibatches", "100000"]
    words = [BINARY, "train", "cartpole", *long, *minibatches, "--total_steps", "100000000"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("Recipe: none") and process.stdout.readline().startswith("cartpole on ")
    time.sleep(3)  # in the midst of the first iteration
    begin = time.time()
    process.send_signal(signal.SIGTERM)
    said, wrong = process.communicate(timeout=60)
    assert time.time() - begin < 2
    assert process.returncode == 128 + signal.SIGTERM, wrong
    run = only_run(tmp_path)
    assert f"--resume runs/{run.name}" in said
    fewer = ["--num_minibatches", "4", "--update_epochs", "1", "--total_steps", "204800", "--replay=false"]
    succeed("train", "--resume", run, *fewer, cwd=tmp_path)
    whole = tmp_path / "whole"
    whole.mkdir()
    succeed("train", "cartpole", *long, *fewer, cwd=whole)
    assert arrays_of(run) == arrays_of(only_run(whole))


def test_a_second_signal_ends_at_once(tmp_path):
    """While the first waits for output that nobody reads."""
    reading, writing = os.pipe()
    process = subprocess.Popen([BINARY, "train", "cartpole", *ENDLESS], cwd=tmp_path, stdout=writing, stderr=subprocess.DEVNULL)
    wait_for(lambda: list(tmp_path.glob("runs/*/config.toml")))
    filling = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(filling, b"x"):
            pass

    def is_handled():
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return int(re.search(r"SigCgt:\s*(\w+)", status).group(1), 16) >> (signal.SIGTERM - 1) & 1

    assert is_handled()
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: not is_handled())
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM
    for end in reading, writing, filling:
        os.close(end)


def test_one_process_trains_in_a_run_folder(tmp_path):
    process = start("train", "cartpole", *ENDLESS, cwd=tmp_path)
    run = only_run(tmp_path)
    wait_for((run / ".lock").read_text)
    says = refusal("train", "--resume", run, cwd=tmp_path)
    assert says == f"flockstep: {run}: in use by process {process.pid}, want a run folder in which no other process trains"
    assert process.poll() is None
    process.kill()
    process.communicate()
    assert "there is no" in refusal("train", "--resume", run, cwd=tmp_path)  # no checkpoint was due yet
    again = start("train", "cartpole", *ENDLESS, "--checkpoint_every", "0.01", cwd=tmp_path)
    wait_for(lambda: list(tmp_path.glob("runs/*/checkpoint.previous.safetensors")))
    again.kill()
    again.communicate()
    killed = next(tmp_path.glob("runs/*/checkpoint.previous.safetensors")).parent
    (killed / "checkpoint.safetensors.partial1").write_bytes(b"half")
    succeed("train", "--resume", killed, "--total_steps", "1", cwd=tmp_path)
    assert not list(killed.glob("*.partial*"))
    assert (killed / ".lock").read_text() == ""


def test_the_checkpoint_before_the_last_is_kept_and_named_where_the_last_is_damaged(tmp_path):
    succeed("train", "cartpole", "--total_steps", "512", *SMALL, "--replay", "false", cwd=tmp_path)
    run = only_run(tmp_path)
    last, previous = run / "checkpoint.safetensors", run / "checkpoint.previous.safetensors"
    assert not previous.exists()
    first = last.read_bytes()
    succeed("train", "--resume", run, "--total_steps", "1024", cwd=tmp_path)
    assert previous.read_bytes() == first
    succeed("eval", "--checkpoint", previous, "--episodes", "2", "--device", "cpu", cwd=tmp_path)
    arrays = arrays_of(run)
    last.write_bytes(last.read_bytes()[:1000])
    says = refusal("train", "--resume", run, cwd=tmp_path)
    assert says.endswith(f"the file is cut short, or no safetensors file; to restore the previous checkpoint: mv {previous} {last}")
    os.replace(previous, last)
    succeed("train", "--resume", run, "--total_steps", "1024", cwd=tmp_path)
    assert arrays_of(run) == arrays


def test_a_checkpoint_with_impossible_progress_is_refused(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    succeed("train", "cartpole", "--total_steps", "512", *SMALL, "--replay", "false", cwd=tmp_path)
    file = only_run(tmp_path) / "checkpoint.safetensors"
    data = file.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    arrays = safetensors.load(data)
    arrays["trainer.steps"] = arrays["trainer.steps"] * 0 - 1
    file.write_bytes(safetensors.save(arrays, header["__metadata__"]))
    says = refusal("train", "--resume", only_run(tmp_path), "--total_steps", "1024", cwd=tmp_path)
    assert f"{file}: trainer.steps[0]: got -1, want an integer from 0 to 144115188075855872" in says


def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_else(tmp_path):
    succeed("train", "cartpole", "--total_steps", "512", *SMALL, "--replay", "false", cwd=tmp_path)
    run = only_run(tmp_path)
    before = (run / "checkpoint.safetensors").read_bytes()
    most = len(before) - 1
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    words = [BINARY, "train", "--resume", run, "--total_steps", "1024"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, preexec_fn=limit)
    assert (result.returncode, result.stderr) == (2, f"flockstep: {run}/checkpoint.safetensors: cannot be written: File too large\n")
    assert (run / "checkpoint.safetensors").read_bytes() == before
    assert not list(run.glob("*.partial*")) and not list(run.glob("*previous*"))


def test_closed_standard_streams_are_not_taken_by_files(tmp_path):
    words = ["train", "cartpole", "--total_steps", "512", *SMALL, "--replay", "false"]
    closed = subprocess.run(["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", BINARY, *words], cwd=tmp_path, timeout=60)
    assert closed.returncode == 0
    events = next(only_run(tmp_path).glob("events.out.tfevents.*")).read_bytes()
    at = 0
    while at < len(events):  # frames of length, checksum, data, checksum from end to end, and nothing else
        at += 16 + struct.unpack_from("<Q", events, at)[0]
    assert at == len(events)


@pytest.mark.parametrize("baseline, says", [("x", 'policy: got "x", want one of: random'), ("random,pibt", 'policy: got "pibt", want one of: random')])
def test_a_baseline_that_cannot_play_is_refused_before_training(baseline, says, tmp_path):
    words = ["--total_steps", "100000000", *SMALL, "--evaluate_episodes", "1", "--baseline", baseline]
    assert says in refusal("train", "cartpole", *words, cwd=tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_scripted_policy_that_lacks_what_it_needs_is_refused_before_training(tmp_path):
    words = ["--total_steps", "100000000", *SMALL, "--evaluate_episodes", "1", "--baseline", "pibt"]
    assert 'policy: got "pibt", but' in refusal("train", "pathfinding", *words, cwd=tmp_path)


def test_training_that_does_not_fit_is_refused_before_memory_is_touched(tmp_path):
    measure = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"

    def peak(*words):
        """What a refusal says, and the mebibytes that it took."""
        command = [sys.executable, "-S", "-c", measure, BINARY, *words]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        code, kibibytes = map(int, result.stdout.split()[-2:])
        assert code == 2
        return result.stderr, kibibytes >> 10

    says, mebibytes = peak("train", "cartpole", "--num_envs", "1073741824", "--device", "cpu")
    assert re.fullmatch(r"flockstep: memory: training with num_envs = 1073741824 needs \d+ MiB, free are \d+ MiB\n", says)
    assert mebibytes < 600
    says, mebibytes = peak("bench", "cartpole", "--num_envs", "1073741824", "--device", "cpu")
    assert re.fullmatch(r"flockstep: memory: .* needs \d+ MiB, free are \d+ MiB\n", says)
    assert mebibytes < 600
    says, mebibytes = peak("bench", "pathfinding", "--generator", "maze", "--size", "4096", "--num_maps", "1048576", "--device", "cpu")
    assert "a pool of generated maps needs" in says and mebibytes < 600


def test_the_limit_of_the_address_space_counts_as_memory(tmp_path):
    room = 24 << 30
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (room, room))  # noqa: E731
    words = [BINARY, "train", "cartpole", "--num_envs", str(1 << 25), "--device", "cpu"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, preexec_fn=limit)
    free = re.search(r"memory: training with num_envs = 33554432 needs \d+ MiB, free are (\d+) MiB", result.stderr)
    assert result.returncode == 2 and free and int(free.group(1)) < room >> 20, result.stderr


# Evaluation, benchmarks, replays


def test_random_play_of_cartpole_returns_about_22(tmp_path):
    result = json.loads(succeed("eval", "cartpole", "--policy", "random", "--episodes", "2000", "--device", "cpu", "--json", cwd=tmp_path))
    reached = result["metrics"]["episode_return"]
    assert reached["count"] == 2000
    assert 21 < reached["mean"] < 23.5
    assert reached["low"] < reached["mean"] < reached["high"]
    assert reached["high"] - reached["mean"] == pytest.approx(1.96 * reached["standard_error"], rel=0.01)


def test_evaluation_of_a_checkpoint_takes_its_environment_and_settings(trained, tmp_path):
    words = ["eval", "--checkpoint", trained[1], "--episodes", "64", "--device", "cpu", "--max_episode_steps", "30"]
    text = succeed(*words, cwd=tmp_path)
    assert re.search(r"episode_return +\d", text) and "cartpole" in text
    result = json.loads(succeed(*words, "--json", "--deterministic", cwd=tmp_path))
    assert 5 < result["metrics"]["episode_length"]["mean"] <= 30


def test_bench_prints_one_json_object_per_environment(tmp_path):
    text = succeed("bench", "cartpole", "pathfinding", "--json", "--seconds", "0.2", "--num_envs", "64", "--device", "cpu", cwd=tmp_path)
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["environment"] for row in rows] == ["cartpole", "pathfinding"]
    for row in rows:
        assert row["num_envs"] == 64 and row["num_agents"] == {"cartpole": 1, "pathfinding": 64}[row["environment"]]
        assert row["agent_steps_per_second"] == pytest.approx(row["env_steps_per_second"] * row["num_agents"])
        assert 0 < row["bandwidth_share"] < 2 and row["bytes_per_agent_step"] > 0 and row["copy_bandwidth"] > 1e8
        assert row["commit"] and "reward" in row["outputs"]


def test_bench_takes_the_environments_own_settings_unless_told_otherwise(tmp_path):
    words = ["bench", "pathfinding", "--seconds", "0.1", "--num_envs", "8", "--device", "cpu"]
    own = {"size": 32, "num_agents": 64, "on_target": "restart", "collision_system": "soft", "max_episode_steps": 256}
    bare = {"size": 8, "num_agents": 1, "on_target": "finish", "collision_system": "priority", "max_episode_steps": 64}
    (tmp_path / "four.toml").write_text("num_agents = 4\n")
    for more, changed in [
        ([], own),
        (["--num_agents", "8", "--size=64"], {**own, "num_agents": 8, "size": 64}),
        (["--config", "none"], bare),
        (["--config", "four.toml"], {**bare, "num_agents": 4}),
    ]:
        row = json.loads(succeed(*words, *more, "--json", cwd=tmp_path))
        assert {name: row["settings"][name] for name in own} == changed
    line = "  settings       collision_system soft, max_episode_steps 256, num_agents 64, on_target restart, size 32\n"
    assert line in succeed(*words, cwd=tmp_path)
    assert "  settings       the defaults\n" in succeed(*words, "--config", "none", cwd=tmp_path)


def test_bench_measures_what_was_asked_for(tmp_path):
    words = ["bench", "cartpole", "--seconds", "0.1", "--num_envs", "64", "--device", "cpu", "--json"]
    row = json.loads(succeed(*words, "--outputs", "observation,reward", "--dtype", "bfloat16", cwd=tmp_path))
    assert row["outputs"] == "observation bfloat16, reward float32"


def test_render_writes_a_page_of_a_scripted_policy(tmp_path):
    succeed("render", "cartpole", "--policy", "random", "--device", "cpu", "--output", "random.html", cwd=tmp_path)
    assert "<canvas" in (tmp_path / "random.html").read_text()


def test_render_draws_pathfinding(tmp_path):
    words = ["render", "pathfinding", "--num_agents", "4", "--max_episode_steps", "20", "--device", "cpu"]
    assert "20 steps" in succeed(*words, "--on_target", "restart", cwd=tmp_path)
    assert (tmp_path / "pathfinding.html").stat().st_size > 5000


# Commands of the environments


def test_tool_lists_environments_commands_and_options(tmp_path):
    assert re.search(r"^pathfinding +generate, convert$", succeed("tool", cwd=tmp_path), re.MULTILINE)
    text = succeed("tool", "pathfinding", cwd=tmp_path)
    assert re.search(r"^generate +draws maps", text, re.MULTILINE) and re.search(r"^convert +", text, re.MULTILINE)
    assert "Commands: flockstep tool pathfinding" in succeed("list", "pathfinding", cwd=tmp_path)
    for words in (["tool", "pathfinding", "generate", "--help"], ["tool", "--help", "pathfinding", "generate"]):
        text = succeed(*words, cwd=tmp_path)
        assert re.search(r"^  num_maps +64 +an integer", text, re.MULTILINE) and "num_agents" not in text


def test_generated_maps_are_played(tmp_path):
    words = ["tool", "pathfinding", "generate", "--generator", "maze", "--num_maps=3", "--size", "15"]
    assert succeed(*words, "--output", "mazes.yaml", cwd=tmp_path) == "Wrote 3 maps to mazes.yaml\n"
    assert succeed(*words, cwd=tmp_path) == (tmp_path / "mazes.yaml").read_text()
    play = ["eval", "pathfinding", "--policy", "random", "--episodes", "4", "--device", "cpu"]
    assert "ISR" in succeed(*play, "--map", "mazes.yaml#maze-2", "--num_agents", "8", cwd=tmp_path)


def test_a_movingai_scenario_becomes_a_configuration_that_is_played(tmp_path):
    (tmp_path / "small.map").write_text("type octile\nheight 2\nwidth 4\nmap\n.T..\n....\n")
    (tmp_path / "small.scen").write_text("version 1\n" + "".join(f"0\tsmall.map\t4\t2\t{x}\t1\t{3 - x}\t1\t1\n" for x in (0, 1, 3)))
    words = ["tool", "pathfinding", "convert", "--input", "small.map", "--scenario", "small.scen", "--output", "small.toml"]
    succeed(*words, cwd=tmp_path)
    play = ["eval", "--policy", "random", "--episodes", "4", "--device", "cpu", "--json"]
    played = json.loads(succeed(*play, "--config", "small.toml", cwd=tmp_path))
    assert played["environment"] == "pathfinding"
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((tmp_path / "small.toml").read_text())["environment"]
    assert json.loads(settings["agents_xy"]) == [[1, 0], [1, 1], [1, 3]]
    assert json.loads(settings["targets_xy"]) == [[1, 3], [1, 2], [1, 0]]


def test_evaluations_play_instances_that_training_never_saw(tmp_path):
    """generator = pogema counts up from the seed: `train` begins at 1, `eval` where evaluations in training do."""
    words = ["eval", "pathfinding", "--policy", "random", "--episodes", "2", "--device", "cpu", "--json"]
    seed = json.loads(succeed(*words, cwd=tmp_path))["seed"]
    assert seed == 1_000_000
    flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
    settings = {"num_agents": 8, "size": 16, "generator": "pogema", "device": "cpu", "max_episode_steps": 1}
    trained = flockstep.make("pathfinding", num_envs=256, seed=1, **settings)
    evaluated = flockstep.make("pathfinding", num_envs=128, seed=seed, **settings)

    def instances(env):
        return {(place.tobytes(), goal.tobytes()) for place, goal in zip(env.get_field("position"), env.get_field("goal"), strict=True)}

    played = set()
    for _ in range(4):  # episodes
        played |= instances(trained)
        trained.step(trained.act("random"))
    assert len(played) == 4 * 256 and not played & instances(evaluated)
