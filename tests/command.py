"""Runs the program `flockstep` for tests: $FLOCKSTEP_BINARY, or build/flockstep; `needs_program` skips without one."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", ROOT / "build" / "flockstep"))

needs_program = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built")

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


def log_lines(run):
    """Every line of metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def metric_lines(run, kind="training"):
    """Its records of one kind: training or evaluation."""
    return [line for line in log_lines(run) if line.get("record") == kind]
