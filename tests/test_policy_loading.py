"""What loading a policy costs where the checkpoint holds the state of many worlds."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from command import needs_test_program

pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.numpy")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")
from policy_cases import play  # noqa: E402

pytestmark = needs_test_program

MEASURE = """
import json, resource, sys
import flockstep, torch

def bytes_read():
    return next(int(line.split()[1]) for line in open("/proc/self/io") if line.startswith("rchar"))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

flockstep.load_policy(sys.argv[1], device="cpu")    # whatever is loaded once
read, memory = bytes_read(), peak()
policy = flockstep.load_policy(sys.argv[2], device="cpu")
print(json.dumps({"read": bytes_read() - read, "memory": peak() - memory}))
"""


@pytest.fixture
def run(policy_run):
    return policy_run("masked")


def with_many_worlds(run, path, times):
    """Writes the run's checkpoint as that of `times` as many worlds, and returns the size of what acting needs."""
    data = (run / "checkpoint.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    arrays = safetensors.load(data)
    needed = sum(array.nbytes for name, array in arrays.items() if ".parameter." in name or name.endswith(".shift_and_scale"))
    for name, array in arrays.items():
        if name.startswith("environment."):
            arrays[name] = np.tile(array, (times, *[1] * (array.ndim - 1))) if array.ndim else array
    safetensors.save_file(arrays, path, header["__metadata__"])
    return needed


def test_only_what_acting_needs_is_read(run, tmp_path):
    """Of a file of 100 MB some kilobytes."""
    large = tmp_path / "large.safetensors"
    needed = with_many_worlds(run, large, 60_000)
    assert large.stat().st_size > 100_000_000
    words = [sys.executable, "-c", MEASURE, run, large]
    result = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120)
    assert result.returncode == 0, result.stderr
    cost = json.loads(result.stdout)
    header = 8 + int.from_bytes(large.open("rb").read(8), "little")
    assert needed + header <= cost["read"] < needed + header + 300_000  # a stream reads ahead
    assert cost["memory"] < 16_000_000


def test_it_acts_the_same_without_the_worlds(run, tmp_path):
    large = tmp_path / "large.safetensors"
    with_many_worlds(run, large, 2)
    policies = [flockstep.load_policy(path, device="cpu") for path in (run, large)]
    _, observation, mask = play(policies[0])
    for num_envs in (5, 2, 5):  # actors are prepared anew for each number of worlds
        few = {name: part[:num_envs] for name, part in observation.items()}
        one, two = (policy.act(few, mask[:num_envs], seed=1) for policy in policies)
        np.testing.assert_array_equal(one, two)


def test_a_checkpoint_may_be_removed_once_it_is_loaded(run, tmp_path):
    path = tmp_path / "gone.safetensors"
    with_many_worlds(run, path, 1)
    policy = flockstep.load_policy(path, device="cpu")
    path.unlink()
    _, observation, mask = play(policy, num_envs=3)
    assert policy.act(observation, mask).shape == (3, 3)
