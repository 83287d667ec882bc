"""Run folders of `flockstep train`: resuming, signals, locks, damaged and previous checkpoints, full disks."""

import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import time

import pytest
from command import BINARY, SMALL, metric_lines, needs_program, only_run, refusal, succeed

pytestmark = needs_program


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
    settings = ["--seed", "5", *SMALL[:-1], device, "--anneal_lr", "false", "--ent_coef", "0", "--log_every_steps", "512"]
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


ENDLESS = ["--total_steps", "100000000", *SMALL, "--log_every_steps", "512"]


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
    config = (run / "config.toml").read_text()  # by hand: a command line may not change the run
    config = config.replace("num_minibatches = 100000", "num_minibatches = 4").replace("update_epochs = 10", "update_epochs = 1")
    (run / "config.toml").write_text(config)
    end = ["--total_steps", "204800", "--replay=false"]
    succeed("train", "--resume", run, *end, cwd=tmp_path)
    fewer = ["--num_minibatches", "4", "--update_epochs", "1", *end]
    whole = tmp_path / "whole"
    whole.mkdir()
    succeed("train", "cartpole", *long, *fewer, cwd=whole)
    assert arrays_of(run) == arrays_of(only_run(whole))


def test_a_second_signal_ends_at_once(tmp_path):
    """While the first is blocked on a pipe that is not read."""
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
    arrays["trainer.env_steps"] = arrays["trainer.env_steps"] * 0 - 1
    file.write_bytes(safetensors.save(arrays, header["__metadata__"]))
    says = refusal("train", "--resume", only_run(tmp_path), "--total_steps", "1024", cwd=tmp_path)
    assert f"{file}: trainer.env_steps: got -1, want an integer from 0 to 144115188075855872" in says


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
