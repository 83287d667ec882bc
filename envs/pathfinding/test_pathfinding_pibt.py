"""PIBT as a scripted policy: plans without conflicts, carried out as planned, and its score on POGEMA's benchmark."""

import numpy as np
import pytest
from conftest import data_files, miss, to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
if "pathfinding" not in flockstep.environments():
    pytest.skip("pathfinding is not built", allow_module_level=True)

MOVES = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])
LIFELONG = {"num_agents": 64, "on_target": "restart", "collision_system": "soft", "max_episode_steps": 256, "distances": True}


def test_a_million_plans_have_no_conflict_and_are_carried_out(device):
    env = flockstep.make("pathfinding", num_envs=64, device=device, size=32, density=0.3, autoreset_mode="disabled", **LIFELONG)
    env.reset(seed=11)
    agent_steps = 0
    worlds = np.arange(64)[:, None]
    position = to_numpy(env.get_field("position")).astype(int)
    for _ in range(250):
        action = env.act("pibt")
        wanted = position + MOVES[to_numpy(action).astype(int)]
        cell, next_cell = (p[..., 0] * 32 + p[..., 1] for p in (position, wanted))
        assert all(len(set(cells)) == 64 for cells in next_cell), "two agents want one cell"
        occupant = np.full((64, 1024), -1)
        occupant[worlds, cell] = np.arange(64)
        other = occupant[worlds, next_cell]  # the agent in the target cell
        swaps = (other >= 0) & (other != np.arange(64)) & (np.take_along_axis(next_cell, np.maximum(other, 0), 1) == cell)
        assert not swaps.any(), "two agents want each other's cells"
        env.step(action)
        position = to_numpy(env.get_field("position")).astype(int)
        np.testing.assert_array_equal(position, wanted)
        agent_steps += 64 * 64
    env.check()
    assert agent_steps >= 1_000_000


def test_the_score_on_the_random_maps_of_the_benchmark(device):
    files = data_files("pogema/01-random.yaml")
    if not files:
        miss("golden", "pogema/01-random.yaml is not under FLOCKSTEP_DATA")
    env = flockstep.make("pathfinding", num_envs=128, device=device, map=str(files[0]), generator="pogema", min_size=0, **LIFELONG)
    env.reset(seed=0)
    for _ in range(256):
        env.step(env.act("pibt"))
    assert np.mean(env.first_episodes()["avg_throughput"]) == pytest.approx(2.49, abs=0.15)
