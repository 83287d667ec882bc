"""The command `flockstep` of an installed package, and what its wheel asks for. scripts/test_wheel.sh tests a whole wheel."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def site(tmp_path):
    """A folder of packages with a flockstep whose program prints what it was given."""
    program = tmp_path / "flockstep/bin/flockstep"
    program.parent.mkdir(parents=True)
    (tmp_path / "flockstep/__init__.py").write_text("raise ImportError('the command imports no package')\n")
    program.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH"\nfor word in "$@"; do echo "$word"; done\nexit 7\n')
    program.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "bindings/program.py", tmp_path / "scripts/flockstep")
    return tmp_path


def add_torch(site, version):
    (site / "torch").mkdir()
    (site / "torch/__init__.py").write_text("raise ImportError('the command imports no package')\n")
    (site / f"torch-{version}.dist-info").mkdir()
    (site / f"torch-{version}.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")


def run(site, *words):
    environment = {**os.environ, "PYTHONPATH": str(site), "LD_LIBRARY_PATH": "/somewhere"}
    command = [sys.executable, "-S", site / "scripts/flockstep", *words]  # -S: packages of `site` alone
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_command_runs_the_program_with_the_torch_beside_it(site):
    add_torch(site, "2.11.0+cu130")
    result = run(site, "train", "cartpole", "--run_name", "two words")
    assert (result.returncode, result.stderr) == (7, "")
    assert result.stdout.splitlines() == [f"{site}/torch/lib:/somewhere", "train", "cartpole", "--run_name", "two words"]


def test_the_command_says_what_to_install(site):
    result = run(site, "list")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "flockstep: torch is not installed: pip install 'flockstep[train]'\n"
    add_torch(site, "2.12.1")
    result = run(site, "list")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "flockstep: got torch 2.12.1, want 2.11: pip install 'flockstep[train]'\n"


def test_the_command_of_a_package_without_the_program_says_so(site):
    (site / "flockstep/bin/flockstep").unlink()
    result = run(site, "list")
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("flockstep: this package was built without the program")


def test_one_version_of_torch_is_asked_for():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = re.findall(r"^torch==.*", (ROOT / "scripts/requirements.txt").read_text(), re.MULTILINE)
    assert project["project"]["optional-dependencies"]["train"] == pinned
    assert [line for line in project["build-system"]["requires"] if line.startswith("torch")] == pinned
    assert not [line for line in project["project"]["dependencies"] if line.startswith("torch")]


def test_every_recipe_names_its_environment_first():
    for path in sorted((ROOT / "configs").glob("*.toml")):
        settings = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        name, environment = path.stem, re.fullmatch(r'environment = "(\w+)"', settings[0])
        assert environment and name.startswith(environment[1]), path
