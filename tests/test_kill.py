"""Training that is killed (SIGKILL) again and again, checkpoint writing included, ends as if nothing had happened.

    KILLS=60 python -m pytest tests/test_kill.py       # 6 kills by default
"""

import os
import random
import shutil
import subprocess
import time

import pytest
from command import BINARY, SMALL, log_lines, metric_lines, needs_program, only_run, succeed

pytestmark = needs_program

KILLS = int(os.environ.get("KILLS", "6"))
TIMES = {"seconds", "agent_steps_per_second", "environment_seconds", "policy_seconds", "update_seconds", "evaluation_seconds"}
# A checkpoint at every record, and records often: much of the time goes to writing.
OFTEN = ["--log_every_steps", "512", "--checkpoint_every", "0.001", "--checkpoint_steps", "20480"]
EVALUATIONS = ["--eval_every", "10240", "--evaluate_episodes", "10"]
TRAIN = ["train", "cartpole", "--total_steps", "102400", *SMALL, *OFTEN, *EVALUATIONS, "--replay", "false"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def checkpoint(file):
    """Metadata (but for the seconds) and arrays; fails unless the file is whole."""
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(file, "numpy") as opened:
        metadata = {key: value for key, value in opened.metadata().items() if key != "progress"}
        return metadata, {name: opened.get_tensor(name).tobytes() for name in opened.keys()}


def iterations_of(run):
    """Of the run's checkpoint; 0 if there is none yet."""
    safetensors = pytest.importorskip("safetensors.numpy")
    file = run / "checkpoint.safetensors"
    return int(safetensors.load_file(file)["trainer.env_steps"][0]) // 16 if file.exists() else 0


def untimed(records):
    return [{key: value for key, value in record.items() if key not in TIMES} for record in records]


def curves(run):
    """What TensorBoard shows: points (step, value) by tag."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(run), size_guidance={accumulator.SCALARS: 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith("time/") and tag != "charts/SPS"]
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in tags}


def start(folder):
    """A process that begins a run in the folder, or goes on with the one that is there."""
    (folder / "runs").mkdir(exist_ok=True)
    for run in (folder / "runs").iterdir():
        if (run / "checkpoint.safetensors").exists():
            words = ["train", "--resume", run]
            break
        shutil.rmtree(run)  # killed before its first checkpoint
    else:
        words = TRAIN
    return subprocess.Popen([BINARY, *words], cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def check_killed(run, before):
    """The checkpoint is whole, not older than before, and not ahead of its log. Returns its iterations."""
    done = iterations_of(run)
    assert done >= before
    if done:
        lines = (run / "metrics.jsonl").read_text().split("\n")
        assert any(f'"record":"training","iterations":{done},' in line for line in lines[:-1])
    return done


def check_equal(run, whole):
    """What is in both run folders is the same, but for times."""
    names = {path.name for path in whole.iterdir() if path.name.startswith("checkpoint") and "previous" not in path.name}
    assert len(names) == 7  # the last, the best, five numbered ones
    for name in names:
        metadata, arrays = checkpoint(run / name)
        assert metadata == checkpoint(whole / name)[0], name
        assert arrays == checkpoint(whole / name)[1], name
    for kind in "training", "evaluation":
        records = untimed(metric_lines(run, kind))
        assert records == untimed(metric_lines(whole, kind)), kind
    assert sum("format" in line for line in log_lines(whole)) == 1
    for lines in log_lines(run), log_lines(whole):
        steps = [line["iterations"] for line in lines]
        seconds = [line["seconds"] for line in lines if line.get("record") == "training"]
        assert steps == sorted(steps) and seconds == sorted(seconds)
    assert (run / "marl_eval.json").read_bytes() == (whole / "marl_eval.json").read_bytes()
    assert curves(run) == curves(whole)
    assert not list(run.glob("*.partial*"))


def test_killed_runs_end_like_one_that_was_not(tmp_path):
    seed = int(os.environ.get("KILL_SEED", random.randrange(1000)))
    print(f"KILL_SEED={seed}")
    draw = random.Random(seed)
    undisturbed = tmp_path / "whole"
    undisturbed.mkdir()
    succeed(*TRAIN, cwd=undisturbed, env=ENVIRONMENT)
    longest, kills, chains, midst = 0.5, 0, 0, 0
    while kills < KILLS:  # each chain is one run, killed until it is finished
        folder = tmp_path / f"chain{chains}"
        folder.mkdir()
        chains, done = chains + 1, 0
        while True:
            process = start(folder)
            if kills < KILLS:
                time.sleep(draw.uniform(0, longest))
            if kills < KILLS and process.poll() is None:
                process.kill()
                kills += 1
            wrong = process.communicate()[1]
            if process.returncode == 0:
                break
            assert process.returncode == -9, wrong
            runs = list((folder / "runs").iterdir())
            midst += any(list(run.glob("*.partial*")) for run in runs)
            before, done = done, check_killed(runs[0], done) if runs else 0
            if done == before:
                longest *= 1.1  # a slow machine: the next one gets farther
        check_equal(only_run(folder), only_run(undisturbed))
    print(f"{kills} kills in {chains} runs, {midst} of them in the midst of writing a file")
