"""What the Python tests share: where recordings are, which devices there are, and what must not be skipped.

FLOCKSTEP_GOLDEN: folder of recordings, one folder per environment (default ../shared/golden beside the repository).
FLOCKSTEP_DATA: folders of public files, separated by colons (default ../shared/data); in them a folder for each source:
pogema (maps), opendrive (roads).
FLOCKSTEP_REQUIRE: comma-separated; "golden", "gpu" and "clients" (libraries of others: scripts/test_clients.sh) turn the
skips that their absence causes into failures.
The package is imported from PYTHONPATH or, failing that, from build/python.
"""

import importlib
import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent
GOLDEN = Path(os.environ.get("FLOCKSTEP_GOLDEN", REPOSITORY / "../shared/golden"))
DATA = os.environ.get("FLOCKSTEP_DATA", str(REPOSITORY / "../shared/data")).split(":")
REQUIRED = set(os.environ.get("FLOCKSTEP_REQUIRE", "").split(","))
compared_files = {}  # (environment, device): file names
compared_transitions = Counter()
compared_folders = set()

if importlib.util.find_spec("flockstep") is None:
    sys.path.insert(0, str(REPOSITORY / "build/python"))


def miss(kind, reason):
    """Skips and says so; fails where FLOCKSTEP_REQUIRE asks for `kind` ("golden", "gpu", "clients")."""
    if kind in REQUIRED:
        pytest.fail(f"{reason}, and FLOCKSTEP_REQUIRE asks for {kind}")
    pytest.skip(reason, allow_module_level=True)


def require_client(name):
    """A module of a library that drives environments; the whole file of tests is skipped where it is not installed."""
    if importlib.util.find_spec(name.split(".")[0]) is None:
        miss("clients", f"{name} is not installed (scripts/test_clients.sh installs it)")
    import torch

    torch.set_num_threads(1)  # small networks
    return importlib.import_module(name)


def golden_files(environment, pattern="*.npz"):
    """Recordings of an environment as pytest parameters, named by file; one that skips or fails where there are none."""
    files = sorted((GOLDEN / environment).glob(pattern))
    return [pytest.param(path, id=path.stem) for path in files] or [pytest.param(None, id="no-recordings")]


def data_files(pattern):
    """Public files by folder and name, as pogema/*.yaml."""
    return [path for folder in DATA for path in sorted(Path(folder).glob(pattern))]


def load_golden(path, environment):
    """The recording as a dict of arrays."""
    import numpy as np

    if path is None:
        miss("golden", f"no recordings of {environment} under {GOLDEN}")
    with np.load(path) as recording:
        return {name: recording[name] for name in recording.files}


def count_golden(environment, device, path, transitions):
    """Notes what was compared, for the lines at the end of the run."""
    compared_files.setdefault((environment, device), set()).add("/".join(Path(path).parts[-2:]))
    compared_transitions[environment, device] += int(transitions)
    compared_folders.add(Path(path).parent)


def require_device(name):
    """The device's name as batches report it; skips where it cannot be used."""
    flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
    if name != "cpu":
        why = flockstep.cuda_unavailable_reason()
        if why:
            miss("gpu", f"no usable GPU: {why}")
    return flockstep.find_device(name)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Tests of environments that exist for tests alone are skipped where the module was built without them, as in a wheel."""
    try:
        return (yield)
    except ValueError as error:
        if str(error).startswith('environment: got "test_') and not has_test_environments():
            pytest.skip("the Python module was built without the environments of the tests")
        raise


def has_test_environments():
    import flockstep._flockstep as module

    return any(entry["is_test"] for entry in module.environments(tests=True))


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """Each device that is there."""
    return require_device(request.param)


def to_numpy(array):
    """A numpy copy of whatever an environment returned."""
    return array.cpu().numpy().copy() if hasattr(array, "cpu") else array.copy()


def to_device(array, device):
    """An action array where an environment on `device` wants it."""
    if device == "cpu":
        return array
    torch = pytest.importorskip("torch")
    return torch.from_numpy(array).to(device)


def environments_there():
    try:
        import flockstep
    except ImportError:
        return set()
    return set(flockstep.environments())


def pytest_terminal_summary(terminalreporter):
    if not compared_files:
        return
    terminalreporter.section("recordings compared")
    for (environment, device), files in sorted(compared_files.items()):
        transitions = compared_transitions[environment, device]
        terminalreporter.line(f"{environment} on {device}: {len(files)} files, {transitions} transitions")
    folders = {path.parent for path in GOLDEN.rglob("*.npz")} - compared_folders
    there = environments_there()
    passed_over = sorted(str(folder.relative_to(GOLDEN)) for folder in folders if folder.name not in there)
    if passed_over:
        terminalreporter.line(f"passed over, no such environment: {', '.join(passed_over)}")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A short run of `flockstep train` on CartPole: (folder, run folder, what it printed)."""
    from command import SMALL, only_run, succeed

    folder = tmp_path_factory.mktemp("trained")
    output = succeed(
        "train", "cartpole", "--total_steps", "20000", *SMALL, "--log_every", "0.05", "--evaluate_episodes", "50", cwd=folder
    )
    return folder, only_run(folder), output


@pytest.fixture(scope="session")
def policy_run(tmp_path_factory):
    """policy_run(case): the run folder of a case of tests/policy_cases.py, trained when first asked for."""
    from policy_cases import train

    folder, made = tmp_path_factory.mktemp("policies"), {}

    def run(case):
        if case not in made:
            made[case] = train(folder / case, case)
        return made[case]

    return run
