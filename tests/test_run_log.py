"""What a run of `flockstep train` leaves behind: records, curves, evaluations during training, checkpoints."""

import json
import re
import resource
import struct
import subprocess

import pytest
from command import BINARY, ROOT, SMALL, log_lines, metric_lines, needs_program, only_run, refusal, succeed

pytestmark = needs_program

QUIET = ["--replay", "false"]
EVALUATIONS = ["--eval_every", "5120", "--evaluate_episodes", "10"]


def train(folder, *words, environment="cartpole"):
    """The run folder of a small run in a new folder."""
    folder.mkdir(exist_ok=True)
    succeed("train", environment, *SMALL, *QUIET, *words, cwd=folder)
    return only_run(folder)


def iterations(run, kind="training"):
    return [line["iterations"] for line in metric_lines(run, kind)]


def arrays_of(file):
    safetensors = pytest.importorskip("safetensors.numpy")
    return {name: array.tobytes() for name, array in safetensors.load_file(file).items()}


def metadata_of(file):
    data = file.read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]


# The log


def test_the_header_says_what_ran_where(tmp_path):
    run = train(tmp_path, "--total_steps", "1024", "--run_name", "a name")
    header = log_lines(run)[0]
    assert header["format"] == "flockstep metrics" and header["format_version"] == 2
    assert header["environment"] == "cartpole" and header["seed"] == 1 and header["iterations"] == 0
    assert header["device"] == "cpu" and header["device_model"] == "CPU, 2 threads"
    assert re.fullmatch(r"\d+\.\d+\.\d+", header["versions"]["flockstep"]) and re.match(r"\d+\.\d+", header["versions"]["torch"])
    assert header["command_line"].startswith("flockstep train cartpole --config none") and '--run_name "a name"' in header["command_line"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", header["start_time"]) and header["commit"]
    assert header["batch_size"] == 512 and header["minibatch_size"] == 128


def test_the_terminal_says_the_sizes_of_batches(tmp_path):
    said = succeed("train", "cartpole", "--total_steps", "512", *SMALL, *QUIET, cwd=tmp_path)
    assert "batches of 512 agent-steps in minibatches of 128" in said.splitlines()[1]


def test_records_are_at_the_same_steps_in_every_run(tmp_path):
    some = train(tmp_path / "some", "--total_steps", "20480", "--log_every_steps", "2000", "--seed", "1")
    other = train(tmp_path / "other", "--total_steps", "20480", "--log_every_steps", "2000", "--seed", "2", "--log_every", "0.01")
    assert iterations(some) == iterations(other) == [*range(4, 41, 4)]


def test_by_default_there_are_about_200_records(tmp_path):
    run = train(tmp_path, "--total_steps", "204800", "--num_envs", "8", "--num_steps", "32")
    assert iterations(run) == [*range(4, 801, 4)]


def test_a_limit_in_seconds_spreads_the_records_over_them(tmp_path):
    run = train(tmp_path, "--total_steps", "1000000000", "--max_seconds", "1")
    assert 20 <= len(iterations(run)) <= 202


def test_what_the_terminal_shows_does_not_change_the_records(tmp_path):
    runs = [train(tmp_path / every, "--total_steps", "40960", "--log_every_steps", "10240", "--log_every", every) for every in ("0.01", "60")]
    times = {"seconds", "agent_steps_per_second", "environment_seconds", "policy_seconds", "update_seconds"}
    records = [[{key: value for key, value in line.items() if key not in times} for line in metric_lines(run)] for run in runs]
    assert len(records[0]) == 4 and records[0] == records[1]


def test_a_resumed_log_has_no_torn_line_and_nothing_of_later_steps(tmp_path):
    run = train(tmp_path, "--total_steps", "5120")
    log = run / "metrics.jsonl"
    before = log.read_text()
    later = json.dumps({**metric_lines(run)[-1], "iterations": 11, "agent_steps": 5632})
    log.write_text(before + later + "\n" + later[: len(later) // 2])
    succeed("train", "--resume", run, "--total_steps", "6144", cwd=tmp_path)
    assert log.read_text().startswith(before)
    assert iterations(run) == [*range(1, 13)]
    assert [line["iterations"] for line in log_lines(run) if "format" in line] == [0, 10]


def test_tensorboard_drops_what_a_resumed_run_repeats(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(tmp_path, "--total_steps", "5120")
    first = (run / "checkpoint.safetensors").read_bytes()
    succeed("train", "--resume", run, "--total_steps", "10240", cwd=tmp_path)
    (run / "checkpoint.safetensors").write_bytes(first)  # as if it had been killed before the next checkpoint
    succeed("train", "--resume", run, "--total_steps", "7680", cwd=tmp_path)
    events = accumulator.EventAccumulator(str(run))
    events.Reload()
    assert [point.step for point in events.Scalars("losses/value_loss")] == [*range(512, 7681, 512)] == [line["agent_steps"] for line in metric_lines(run)]


def test_event_files_are_read_in_the_order_in_which_they_were_written(tmp_path):
    run = train(tmp_path, "--total_steps", "512")
    for steps in range(1024, 4097, 512):
        succeed("train", "--resume", run, "--total_steps", steps, cwd=tmp_path)
    files = sorted(run.glob("events.out.tfevents.*"))
    assert len(files) == 8
    assert files == sorted(files, key=lambda file: struct.unpack_from("<d", file.read_bytes(), 13))  # the time of the first event


def test_each_of_several_policies_has_its_losses(tmp_path):
    run = train(tmp_path, "--total_steps", "4096", "--num_envs", "8", environment="mpe_tag")
    record = metric_lines(run)[-1]
    for name in "policy_loss", "value_loss", "entropy", "explained_variance", "gradient_norm":
        assert record[f"{name}.adversary"] != record[f"{name}.agent"] and name in record
    assert record["entropy"] == pytest.approx((3 * record["entropy.adversary"] + record["entropy.agent"]) / 4, rel=1e-3)  # 3 adversaries, 1 agent


# Evaluation during training


def test_evaluations_during_training_do_not_change_it(tmp_path):
    without = train(tmp_path / "without", "--total_steps", "20480")
    run = train(tmp_path / "with", "--total_steps", "20480", *EVALUATIONS)
    assert arrays_of(run / "checkpoint.safetensors") == arrays_of(without / "checkpoint.safetensors")
    assert iterations(run, "evaluation") == [0, 10, 20, 30, 40]
    assert iterations(run) == iterations(without)
    records = metric_lines(run, "evaluation")
    assert all(record["num_episodes"] == 10 and record["episode_return"] >= 8 for record in records)
    last = json.loads((run / "evaluation.jsonl").read_text().splitlines()[-1])
    assert last["policy"] == "trained" and last["metrics"]["episode_return"]["mean"] == records[-1]["episode_return"]


def test_evaluations_do_not_count_as_time_of_training(tmp_path):
    run = train(tmp_path, "--total_steps", "20480", "--eval_every", "2048", "--evaluate_episodes", "2000")
    seconds = [line["seconds"] for line in metric_lines(run)]
    assert seconds == sorted(seconds) and seconds[0] > 0
    spent = sum(line["environment_seconds"] + line["policy_seconds"] + line["update_seconds"] for line in metric_lines(run))
    evaluating = sum(line["evaluation_seconds"] for line in metric_lines(run, "evaluation"))
    assert seconds[-1] < spent + evaluating / 2


def test_evaluations_have_curves(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(tmp_path, "--total_steps", "10240", *EVALUATIONS)
    events = accumulator.EventAccumulator(str(run))
    events.Reload()
    points = [(point.step, point.value) for point in events.Scalars("eval/episode_return")]
    assert points == [(line["agent_steps"], pytest.approx(line["episode_return"])) for line in metric_lines(run, "evaluation")]


def marl_eval_of(run, name="cartpole"):
    contents = json.loads((run / "marl_eval.json").read_text())
    return contents["cartpole"][name]["ippo"]["seed_1"]


def test_evaluations_are_written_for_marl_eval(tmp_path):
    """The structure that id-marl-eval 0.0.4 documents: steps with step_count and lists, then absolute_metrics of ten times the episodes."""
    run = train(tmp_path, "--total_steps", "10240", *EVALUATIONS, "--run_name", "Poles")
    steps = marl_eval_of(run, "poles")
    assert list(steps) == ["step_0", "step_1", "step_2", "absolute_metrics"]
    assert [steps[f"step_{i}"]["step_count"] for i in range(3)] == [0, 5120, 10240]
    for step, record in zip(steps.values(), metric_lines(run, "evaluation")):
        assert set(step) == {"step_count", "episode_return", "episode_length"}
        assert len(step["episode_return"]) == 10
        assert sum(step["episode_return"]) / 10 == pytest.approx(record["episode_return"])
    assert {name: len(values) for name, values in steps["absolute_metrics"].items()} == {"episode_return": 100, "episode_length": 100}
    assert len(set(steps["absolute_metrics"]["episode_length"])) > 10


def test_marl_eval_reads_it(tmp_path):
    processing = pytest.importorskip("marl_eval.utils.data_processing_utils")
    diagnosis = pytest.importorskip("marl_eval.utils.diagnose_data_errors")
    raw = json.loads((train(tmp_path, "--total_steps", "10240", *EVALUATIONS) / "marl_eval.json").read_text())
    assert all(value is True for result in diagnosis.DiagnoseData(raw).check_data().values() for value in result.values())
    processed = processing.data_process_pipeline(raw, ["episode_return"])
    matrices, _ = processing.create_matrices_for_rliable(processed, "cartpole", ["episode_return"])
    assert matrices["mean_norm_episode_return"]["ippo"].shape == (1, 1)


def test_a_run_that_goes_on_after_its_end_evaluates_on(tmp_path):
    run = train(tmp_path, "--total_steps", "10240", *EVALUATIONS)
    succeed("train", "--resume", run, "--total_steps", "20480", cwd=tmp_path)
    assert iterations(run, "evaluation") == [0, 10, 20, 30, 40]
    assert list(marl_eval_of(run)) == [*(f"step_{i}" for i in range(5)), "absolute_metrics"]


# Checkpoints


def test_numbered_checkpoints_are_kept(tmp_path):
    run = train(tmp_path, "--total_steps", "5120", "--checkpoint_steps", "2048")
    names = sorted(path.name for path in run.glob("checkpoint-*"))
    assert names == ["checkpoint-000000002048.safetensors", "checkpoint-000000004096.safetensors"]
    half = train(tmp_path / "half", "--total_steps", "2048", "--anneal_lr", "false", "--ent_coef", "0")
    whole = train(tmp_path / "whole", "--total_steps", "5120", "--anneal_lr", "false", "--ent_coef", "0", "--checkpoint_steps", "2048")
    assert arrays_of(whole / names[0]) == arrays_of(half / "checkpoint.safetensors")


def test_the_best_evaluation_keeps_its_checkpoint(tmp_path):
    run = train(tmp_path, "--total_steps", "40960", *EVALUATIONS, "--learning_rate", "0.02", "--checkpoint_steps", "5120")
    records = metric_lines(run, "evaluation")
    best = max(records, key=lambda record: record["episode_return"])
    metadata = metadata_of(run / "checkpoint.best.safetensors")
    assert json.loads(metadata["progress"])["iterations"] == best["iterations"]
    assert (metadata["best_metric"], metadata["best_source"]) == ("episode_return", "evaluation")
    assert float(metadata["best_value"]) == best["episode_return"]
    if best["iterations"]:
        assert arrays_of(run / "checkpoint.best.safetensors") == arrays_of(run / f"checkpoint-{best['agent_steps']:012}.safetensors")
    result = json.loads(succeed("eval", "--checkpoint", run / "checkpoint.best.safetensors", "--episodes", "10", "--device", "cpu", "--json", cwd=tmp_path))
    assert result["metrics"]["episode_return"]["mean"] == best["episode_return"]


def test_the_best_may_be_the_lowest_or_none(tmp_path):
    lowest = train(tmp_path / "lowest", "--total_steps", "10240", *EVALUATIONS, "--keep_best", "-episode_length")
    values = [record["episode_length"] for record in metric_lines(lowest, "evaluation")]
    assert float(metadata_of(lowest / "checkpoint.best.safetensors")["best_value"]) == min(values)
    assert not (train(tmp_path / "none", "--total_steps", "1024", "--keep_best", "") / "checkpoint.best.safetensors").exists()


def test_without_evaluations_the_log_says_which_checkpoint_is_best(tmp_path):
    run = train(tmp_path, "--total_steps", "20480", "--log_every_steps", "5120", "--checkpoint_every", "0.0001")
    best = max(metric_lines(run), key=lambda record: record["episode_return"])
    metadata = metadata_of(run / "checkpoint.best.safetensors")
    assert (metadata["best_source"], float(metadata["best_value"])) == ("training", best["episode_return"])
    assert json.loads(metadata["progress"])["iterations"] == best["iterations"]


def test_where_roles_have_returns_of_their_own_the_best_is_by_one_of_them(tmp_path):
    words = ["--total_steps", "4096", "--num_envs", "8", "--max_episode_steps", "8", "--log_every_steps", "1"]
    assert not (train(tmp_path / "default", *words, environment="mpe_tag") / "checkpoint.best.safetensors").exists()
    run = train(tmp_path / "agent", *words, "--keep_best", "episode_return.agent", environment="mpe_tag")
    assert metadata_of(run / "checkpoint.best.safetensors")["best_metric"] == "episode_return.agent"


# Resuming


@pytest.mark.parametrize(
    "setting, given, had",
    [("gamma", "0.9", "0.99"), ("activation", "relu", "tanh"), ("seed", "7", "1"), ("num_envs", "64", "32"), ("hidden_sizes", "8", "16"),
     ("norm_obs", "true", "false"), ("dtype", "float32", '""'), ("max_episode_steps", "100", "500"), ("run_name", "other", '""')],
)
def test_a_resumed_run_keeps_its_settings(setting, given, had, tmp_path):
    run = train(tmp_path, "--total_steps", "1024")
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    says = refusal("train", "--resume", run, "--total_steps", "2048", f"--{setting}", given, cwd=tmp_path)
    wanted = f"{setting}: got {given}, but {run} has {had}, which a resumed run keeps; to start a new run from its weights: --initial {run}"
    assert says == f"flockstep: {wanted}"
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before


def test_the_same_values_in_other_words_resume(tmp_path):
    run = train(tmp_path, "--total_steps", "1024")
    same = ["--gamma", "0.990", "--num_envs", "32", "--environment.max_episode_steps", "500", "--norm_adv"]
    succeed("train", "--resume", run, "--total_steps", "2048", *same, cwd=tmp_path)
    assert iterations(run)[-1] == 4


def test_what_a_run_logs_evaluates_and_keeps_may_change(tmp_path):
    run = train(tmp_path, "--total_steps", "1024")
    changed = [*EVALUATIONS, "--evaluate_seed", "5", "--log_every", "2", "--log_every_steps", "1024", "--checkpoint_every", "1", "--checkpoint_steps", "2048",
               "--keep_best", "episode_length", "--baseline", "random", "--replay", "true", "--plan", "worlds", "--device", "cpu", "--max_seconds", "60"]
    succeed("train", "--resume", run, "--total_steps", "4096", *changed, cwd=tmp_path)
    assert (run / "replay.html").exists() and (run / "checkpoint-000000004096.safetensors").exists()
    assert iterations(run) == [1, 2, 4, 6, 8]


def test_a_finished_run_says_so(tmp_path):
    run = train(tmp_path, "--total_steps", "1024")
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    for words in [], ["--total_steps", "10"]:
        said = succeed("train", "--resume", run, *words, cwd=tmp_path)
        steps = words[1] if words else "1024"
        assert said == f"{run} is already at total_steps = {steps}, after 1024 agent-steps; to train on: --total_steps with more\n"
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before


def test_what_is_missing_after_training_is_made_up_for(tmp_path):
    run = train(tmp_path, "--total_steps", "1024")
    said = succeed("train", "--resume", run, "--evaluate_episodes", "5", "--replay", "true", cwd=tmp_path)
    assert "is already at total_steps = 1024" in said and "Replay: " in said
    assert (run / "evaluation.jsonl").exists() and (run / "replay.html").exists()


# A disk that is full


def test_a_log_that_cannot_be_written_loses_nothing_that_was_learnt(tmp_path):
    most = 60_000  # bytes of a file: more than the checkpoint, less than the log
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    words = [BINARY, "train", "cartpole", *SMALL, *QUIET, "--num_envs", "4", "--hidden_sizes", "8", "--keep_best", "", "--total_steps", "20000"]
    options = {"capture_output": True, "text": True, "timeout": 120, "preexec_fn": limit, "restore_signals": False}  # SIGXFSZ stays ignored
    result = subprocess.run(words, cwd=tmp_path, **options)
    run = only_run(tmp_path)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    says = re.fullmatch(r"flockstep: runs/\S+: cannot be written: File too large; the checkpoint is saved, of iteration (\d+)\n", result.stderr)
    assert says and json.loads(metadata_of(run / "checkpoint.safetensors")["progress"])["iterations"] == int(says.group(1))
    succeed("train", "--resume", run, cwd=tmp_path)
    whole = train(tmp_path / "whole", "--num_envs", "4", "--hidden_sizes", "8", "--keep_best", "", "--total_steps", "20000")
    assert arrays_of(run / "checkpoint.safetensors") == arrays_of(whole / "checkpoint.safetensors")


# The page


def tables_of_names():
    """Names and tags in the table of docs/formats.md."""
    text = (ROOT / "docs/formats.md").read_text().split("\n## metrics.jsonl\n")[1].split("\n## ")[0]
    return {name: tag for name, tag in re.findall(r"^\| `(\w+)` \| (?:`([\w/]+)`)? *\|", text, re.MULTILINE)}


def test_the_page_on_files_has_every_name_and_tag(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(tmp_path, "--total_steps", "10240")
    events = accumulator.EventAccumulator(str(run))
    events.Reload()
    record = {key: value for key, value in metric_lines(run)[-1].items() if not key.endswith("_standard_error")}
    documented = tables_of_names()
    assert set(documented) == set(record)
    assert {tag for tag in documented.values() if tag} == set(events.Tags()["scalars"])
    for name, tag in documented.items():
        if tag:
            assert events.Scalars(tag)[-1].value == pytest.approx(record[name], rel=1e-6), name
