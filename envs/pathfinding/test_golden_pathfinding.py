"""Pathfinding against recordings of POGEMA: whole episodes rebuilt from their seeds, every step compared.

Nothing is injected: map, starts, goals and later goals come out of the seed (generator "pogema"), so positions, goals,
flags, rewards, observations and final metrics must all agree, transition by transition.
"""

import json

import numpy as np
import pytest
from conftest import count_golden, golden_files, load_golden, to_device, to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
SETTINGS = {"size", "height", "width", "density", "obs_radius", "num_agents", "on_target", "collision_system",
            "max_episode_steps", "empty_outside"}
pytestmark = pytest.mark.golden


def settings_of(config):
    """POGEMA's settings as ours: a map of 0/1 rows becomes text, lists of cells become JSON."""
    settings = {name: value for name, value in config.items() if name in SETTINGS}
    if "map" in config:
        rows = config["map"]
        settings["map"] = rows if isinstance(rows, str) else "\n".join("".join(".#"[cell] for cell in row) for row in rows)
    for name in ("agents_xy", "targets_xy"):
        if name in config:
            settings[name] = json.dumps(config[name])
    return settings


def make(config, device, **more):
    return flockstep.make("pathfinding", num_envs=1, device=device, seed=config["seed"], generator="pogema",
                          autoreset_mode="disabled", array="numpy" if device == "cpu" else "torch", **settings_of(config), **more)


def step(env, action, device):
    count = len(action)
    observation, reward, terminated, truncated, info = env.step(to_device(action.astype(np.int32).reshape(1, count), device))
    return observation, to_numpy(reward)[0], to_numpy(terminated)[0], to_numpy(truncated)[0], to_numpy(info["active"])[0]


def compare_state(env, recording, t):
    np.testing.assert_array_equal(env.get_field("position")[0], recording["position"][t], err_msg=f"position after {t} steps")
    np.testing.assert_array_equal(env.get_field("goal")[0], recording["goal"][t], err_msg=f"goal after {t} steps")


def compare_observation(observation, recording, t, occupancy):
    """Legacy imitates the occupancy error of `soft`; fixed differs in the agents channel where the recording says so."""
    where = np.flatnonzero(recording["observation_step"] == t)
    if len(where) == 0:
        return
    seen, wanted = to_numpy(observation)[0], recording["observation"][where[0]]
    np.testing.assert_array_equal(seen[:, [0, 2]], wanted[:, [0, 2]], err_msg=f"obstacles and goal after {t} steps")
    sound = recording["agents_channel_wrong"][where[0]] == 0 if occupancy == "fixed" else np.ones(len(seen), bool)
    np.testing.assert_array_equal(seen[sound, 1], wanted[sound, 1], err_msg=f"agents after {t} steps")


def metrics_of(env):
    return {name: float(np.asarray(values)[0]) for name, values in env.first_episodes().items()}


@pytest.mark.parametrize("occupancy", ["fixed", "legacy"])
@pytest.mark.parametrize("path", golden_files("pathfinding", "[!im]*.npz"))
def test_episode_equals_the_recording(path, occupancy, device):
    recording = load_golden(path, "pathfinding")
    config = json.loads(bytes(recording["config"]).decode())
    if occupancy == "legacy" and config.get("collision_system") != "soft":
        pytest.skip("only soft has the occupancy error")
    env = make(config, device, soft_occupancy=occupancy)
    observation, _ = env.reset()
    compare_state(env, recording, 0)
    compare_observation(observation, recording, 0, occupancy)
    steps = len(recording["action"])
    for t in range(steps):
        observation, reward, terminated, truncated, active = step(env, recording["action"][t], device)
        compare_state(env, recording, t + 1)
        np.testing.assert_array_equal(reward, recording["reward"][t])
        np.testing.assert_array_equal(terminated, recording["terminated"][t])
        np.testing.assert_array_equal(truncated, recording["truncated"][t])
        np.testing.assert_array_equal(active, recording["active"][t + 1])
        compare_observation(observation, recording, t + 1, occupancy)
    metrics = metrics_of(env)
    for name in recording:
        if name.startswith("metric_") and name.removeprefix("metric_") in metrics:
            assert metrics[name.removeprefix("metric_")] == pytest.approx(float(recording[name]), rel=1e-6)
    count_golden("pathfinding", device, path, steps * recording["action"].shape[1])


@pytest.mark.parametrize("path", golden_files("pathfinding", "metrics-*.npz"))
def test_metrics_equal_the_recordings(path, device):
    recording = load_golden(path, "pathfinding")
    config = json.loads(bytes(recording["config"]).decode())
    names = [name.removeprefix("metric_") for name in recording if name.startswith("metric_")]
    for episode, seed in enumerate(recording["seed"]):
        config.update(seed=int(seed), collision_system=recording["collision_system"][episode].decode())
        env = make(config, device)
        env.reset()
        length = int(recording["length"][episode])
        for t in range(length):
            np.testing.assert_array_equal(env.get_field("goal")[0], recording["goal"][episode, t])
            _, reward, *_ = step(env, recording["action"][episode, t], device)
            np.testing.assert_array_equal(reward, recording["reward"][episode, t])
        np.testing.assert_array_equal(env.get_field("position")[0], recording["final_position"][episode])
        metrics = metrics_of(env)
        for name in names:
            assert metrics[name] == pytest.approx(float(recording[f"metric_{name}"][episode]), rel=1e-6), (episode, name)
        count_golden("pathfinding", device, path, length * recording["start"].shape[1])
