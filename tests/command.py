"""Runs the program `flockstep` for tests: $FLOCKSTEP_BINARY, or build/flockstep; `needs_program` skips without one.

TEST_PROGRAM is the same command line with the environments of tests: $FLOCKSTEP_TEST_PROGRAM, or flockstep_test_program
beside $FLOCKSTEP_BINARY or in the build folder whose Python package is imported; `needs_test_program` skips without one.
"""

import importlib.util
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", ROOT / "build" / "flockstep"))


def build_folder():
    """Of the tests: BINARY's folder if it was given, else that of the imported package, BUILD/python/flockstep."""
    package = importlib.util.find_spec("flockstep")
    if "FLOCKSTEP_BINARY" in os.environ or package is None:
        return BINARY.parent
    return pathlib.Path(package.submodule_search_locations[0]).parents[1]


TEST_PROGRAM = pathlib.Path(os.environ.get("FLOCKSTEP_TEST_PROGRAM", build_folder() / "flockstep_test_program")).resolve()

needs_program = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built")
needs_test_program = pytest.mark.skipif(not TEST_PROGRAM.is_file(), reason=f"{TEST_PROGRAM} is not built")

SMALL = ["--config", "none", "--num_envs", "32", "--num_steps", "16", "--hidden_sizes", "16", "--device", "cpu"]


def flockstep(*words, cwd, timeout=120, env=None, program=BINARY):
    environment = {**os.environ, "OMP_NUM_THREADS": "2", **(env or {})}
    return subprocess.run(
        [program, *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout
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


def train_here(folder, environment, settings):
    """A run of TEST_PROGRAM on one thread and the CPU, its settings as a dict. Returns its run folder."""
    words = [word for key, value in settings.items() for word in (f"--{key}", str(value).lower() if isinstance(value, bool) else value)]
    folder.mkdir(exist_ok=True)
    fixed = ["--config", "none", "--device", "cpu", "--replay", "false", "--checkpoint_every", "0"]
    succeed("train", environment, *fixed, *words, cwd=folder, program=TEST_PROGRAM, env={"OMP_NUM_THREADS": "1"})
    return only_run(folder)
