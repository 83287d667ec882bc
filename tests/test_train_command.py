"""`flockstep train`: recipes, settings, and the files of the run folder."""

import json
import math
import re
import resource
import subprocess
import sys

import pytest
from command import BINARY, ROOT, SMALL, metric_lines, needs_program, only_run, refusal, succeed

pytestmark = needs_program


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
    assert "Recipes: pathfinding, pathfinding_generalist, pathfinding_mazes, pathfinding_random, pathfinding_warehouse_192\n" in succeed("list", "pathfinding", cwd=tmp_path)


# Training


def test_the_number_of_threads_changes_no_bit(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    words = ["--config", "none", "--num_envs", "64", "--num_steps", "50", "--hidden_sizes", "256,256", "--total_steps", "6400", "--norm_obs"]
    runs = []
    for threads in "1", "2", "3":
        (folder := tmp_path / threads).mkdir()
        succeed("train", "cartpole", *words, "--replay", "false", "--device", "cpu", cwd=folder, env={"OMP_NUM_THREADS": threads})
        runs.append(safetensors.load_file(only_run(folder) / "checkpoint.safetensors"))
    for run in runs[1:]:
        assert all(array.tobytes() == run[name].tobytes() for name, array in runs[0].items())


def test_tfloat32_is_float32_on_the_cpu_and_is_said_to_be(tmp_path):
    tomllib, safetensors = pytest.importorskip("tomllib"), pytest.importorskip("safetensors.numpy")
    runs = {}
    for precision in "float32", "tfloat32":
        (folder := tmp_path / precision).mkdir()
        said = succeed("train", "cartpole", *FAST, "--precision", precision, cwd=folder, env={"OMP_NUM_THREADS": "1"})
        assert ("Precision: tfloat32 is float32 on the CPU\n" in said) == (precision == "tfloat32")
        runs[precision] = safetensors.load_file(only_run(folder) / "checkpoint.safetensors")
        assert tomllib.loads((only_run(folder) / "config.toml").read_text())["trainer"]["precision"] == precision
    assert all(array.tobytes() == runs["tfloat32"][name].tobytes() for name, array in runs["float32"].items())
    said = succeed("eval", "--checkpoint", only_run(tmp_path / "tfloat32"), "--episodes", "4", "--device", "cpu", cwd=tmp_path)
    assert "episode_return" in said


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
    curve = events.Scalars("losses/entropy")
    assert [point.step for point in curve] == [line["agent_steps"] for line in lines]
    assert [point.value for point in curve] == pytest.approx([line["entropy"] for line in lines])
    assert {"charts/episodic_return", "charts/SPS"} <= set(events.Tags()["scalars"])


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
