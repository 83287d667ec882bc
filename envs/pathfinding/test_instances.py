"""Pathfinding instances from their seeds, against recordings of POGEMA: every start, goal and later goal, bit for bit.

Recordings: $FLOCKSTEP_GOLDEN/pathfinding/instances-*.npz; maps they name: any YAML of $FLOCKSTEP_DATA/pogema.
Needs the program built from tests/tools/instances_main.cpp: $FLOCKSTEP_INSTANCES, or flockstep_instances under build/.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN, REPOSITORY, data_files, miss

CHAIN_LENGTH = 6  # recorded goals per agent
FILES = sorted((GOLDEN / "pathfinding").glob("instances-*.npz"))


def find_program():
    given = os.environ.get("FLOCKSTEP_INSTANCES")
    found = [Path(given)] if given else sorted(REPOSITORY.glob("build*/**/flockstep_instances"))
    if not found or not found[0].exists():
        miss("golden", "flockstep_instances is not built; set FLOCKSTEP_INSTANCES to it")
    return found[0]


def build_instances(jobs):
    """A dict for every (source, seed, num_agents, chain); the one place that knows who builds instances."""
    lines = [" ".join(str(word) for word in (*source, seed, agents, chain)) for source, seed, agents, chain in jobs]
    run = subprocess.run([find_program()], input="\n".join(lines) + "\n", capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def map_address(name):
    for path in data_files("pogema/*.yaml"):
        if any(line.split(":")[0].strip("\"'") == name for line in path.read_text().splitlines()):
            return f"{path}#{name}"
    miss("golden", f"no map {name} under FLOCKSTEP_DATA/pogema")


def source_of(recording, row, config, addresses):
    """How the recorded map comes about: drawn from the seed, or named."""
    if "obstacles_packed" in recording:
        height = recording["obstacles_packed"].shape[1]
        return "random", height, int(recording["width"]), config["density"]
    name = recording["map_name"][row].decode()
    if name not in addresses:
        addresses[name] = map_address(name)
    return "map", addresses[name]


def chain_row(recording, row):
    """The row of goal_chain for an instance, or None."""
    if "chain_case" in recording:
        found = np.flatnonzero(recording["chain_case"] == row)
    else:
        found = np.flatnonzero(recording["chain_seed"] == recording["seed"][row])
    return int(found[0]) if len(found) else None


def count_mismatches(recording, row, chain, instance):
    """(values compared, values that differ) of one instance. Where POGEMA gave up, nothing but that is recorded."""
    placed = instance["placed"] == recording["start"].shape[1]
    pairs = [([recording["valid"][row]], [int(placed)])]
    if recording["valid"][row] and placed:
        pairs += [(recording[key][row], instance[key]) for key in ("start", "goal")]
        if "obstacles_packed" in recording:
            expected = np.unpackbits(recording["obstacles_packed"][row], axis=1)[:, : int(recording["width"])]
            pairs.append((expected, [int(cell) for cell in instance["obstacle"]]))
        if chain is not None:
            pairs.append((recording["goal_chain"][chain], instance["goal_chain"]))
        if "start_second_reset" in recording and row < len(recording["start_second_reset"]):
            pairs.append((recording["start_second_reset"][row], instance["start_second_reset"]))
    compared = [(np.asarray(want).ravel(), np.asarray(got).ravel()) for want, got in pairs]
    assert all(len(want) == len(got) for want, got in compared)
    return sum(len(want) for want, _ in compared), sum(int((want != got).sum()) for want, got in compared)


def test_recordings_are_there():
    if not FILES:
        miss("golden", f"no instances-*.npz under {GOLDEN}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_instances_are_those_of_pogema(path, capsys):
    recording = dict(np.load(path))
    config = json.loads(bytes(recording["config"]))
    seeds, num_agents, addresses = recording["seed"], recording["start"].shape[1], {}
    assert num_agents == config["num_agents"]
    chains = [chain_row(recording, row) for row in range(len(seeds))]
    assert sum(chain is not None for chain in chains) == len(recording["goal_chain"])
    jobs = [
        (source_of(recording, row, config, addresses), int(seed), num_agents, 0 if chains[row] is None else CHAIN_LENGTH)
        for row, seed in enumerate(seeds)
    ]
    instances = build_instances(jobs)
    assert len(instances) == len(seeds)
    counts = [count_mismatches(recording, row, chains[row], instance) for row, instance in enumerate(instances)]
    compared, differing = (sum(column) for column in zip(*counts))
    with capsys.disabled():
        valid = int(recording["valid"].sum())
        print(f"\n{path.stem}: {len(seeds)} instances ({valid} valid), {compared} values, {differing} differ", end="")
    assert differing == 0
