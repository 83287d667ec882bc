"""POGEMA's dictionary observations: against recordings, against the documented rules, and against POGEMA if it is installed."""

import json

import numpy as np
import pytest
from conftest import count_golden, golden_files, load_golden, to_device
from test_golden_pathfinding import make

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

TYPES = {
    "obstacles": np.float32,
    "agents": np.float32,
    "xy": tuple,
    "target_xy": tuple,
    "global_obstacles": np.float64,
    "global_xy": tuple,
    "global_target_xy": tuple,
}


def expected(recording, config, t):
    """The dictionaries after t steps, computed by loops from the recording."""
    r, size = config.get("obs_radius", 5), recording["obstacles"].shape
    grid = np.zeros((size[0] + 2 * r, size[1] + 2 * r))
    grid[r - 1 : r + size[0] + 1, r - 1 : r + size[1] + 1] = 1
    grid[r : r + size[0], r : r + size[1]] = recording["obstacles"]
    crowd = np.zeros_like(grid)
    position, goal, start = (recording[name].astype(int) for name in ("position", "goal", "start"))
    for (row, column), is_active in zip(position[t], recording["active"][t], strict=True):
        if is_active:
            crowd[row + r, column + r] = 1
    result = []
    for agent, (row, column) in enumerate(position[t]):
        window = slice(row, row + 2 * r + 1), slice(column, column + 2 * r + 1)
        result.append({
            "obstacles": grid[window],
            "agents": crowd[window],
            "xy": tuple(position[t, agent] - start[agent]),
            "target_xy": tuple(goal[t, agent] - start[agent]),
            "global_obstacles": grid,
            "global_xy": tuple(position[t, agent] + r),
            "global_target_xy": tuple(goal[t, agent] + r),
        })
    return result


def check_equal(got, want, message):
    assert len(got) == len(want)
    for agent, (mine, theirs) in enumerate(zip(got, want, strict=True)):
        assert list(mine) == list(theirs)
        for key, value in mine.items():
            np.testing.assert_array_equal(value, theirs[key], err_msg=f"{key} of agent {agent} {message}")


@pytest.mark.golden
@pytest.mark.parametrize("path", golden_files("pathfinding", "[fnr]*.npz"))
def test_dictionaries_equal_the_recordings(path, device):
    recording = load_golden(path, "pathfinding")
    config = json.loads(bytes(recording["config"]).decode())
    env = make(config, device)
    env.reset()
    steps = min(len(recording["action"]), 16)
    for t in range(steps):
        check_equal(flockstep.pathfinding.pogema_observation(env, "MAPF")[0], expected(recording, config, t), f"after {t} steps")
        env.step(to_device(recording["action"][t].astype(np.int32)[None], device))
    count_golden("pathfinding", device, path, steps * recording["action"].shape[1])


def test_keys_and_types_are_those_of_pogema():
    env = flockstep.make("pathfinding", num_envs=2, num_agents=3, device="cpu")
    env.reset(seed=1)
    for world in flockstep.pathfinding.pogema_observation(env, "MAPF"):
        assert len(world) == 3
        for agent in world:
            assert list(agent) == list(TYPES)
            for key, kind in TYPES.items():
                if kind is tuple:
                    assert type(agent[key]) is tuple and [type(number) for number in agent[key]] == [int, int]
                else:
                    assert agent[key].dtype == kind
            assert agent["global_obstacles"] is world[0]["global_obstacles"]
    assert list(flockstep.pathfinding.pogema_observation(env)[0][0]) == ["obstacles", "agents", "xy", "target_xy"]


def test_worlds_of_their_own_size_show_their_own_grid_and_agents():
    env = flockstep.make("pathfinding", num_agents=2, obs_radius=2, device="cpu", map="....\n....\n....")
    env.reset(seed=0)
    env.set_fields({"num_present": [[1]]})
    world = flockstep.pathfinding.pogema_observation(env, "MAPF")[0]
    assert len(world) == 1 and world[0]["global_obstacles"].shape == (7, 8)
    assert world[0]["agents"].sum() == 1 and world[0]["agents"][2, 2] == 1


def test_the_origin_stays_the_start_when_goals_are_renewed():
    env = flockstep.make("pathfinding", num_agents=1, on_target="restart", map="....", obs_radius=1, max_episode_steps=50, device="cpu")
    env.reset(seed=3)
    start, arrivals = env.get_field("start")[0, 0].astype(int), 0
    for _ in range(40):
        agent = flockstep.pathfinding.pogema_observation(env)[0][0]
        _, reward, *_ = env.step([[4 if agent["target_xy"][1] > agent["xy"][1] else 3]])
        arrivals += int(reward[0, 0])
        position = env.get_field("position")[0, 0].astype(int)
        assert flockstep.pathfinding.pogema_observation(env)[0][0]["xy"] == tuple(position - start)
    assert arrivals > 3


@pytest.mark.parametrize("on_target", ["finish", "nothing", "restart"])
def test_dictionaries_equal_those_of_pogema_itself(on_target):
    pogema = pytest.importorskip("pogema", reason="POGEMA is not installed")
    config = {"num_agents": 6, "size": 10, "obs_radius": 3, "seed": 5, "max_episode_steps": 30, "on_target": on_target,
              "collision_system": "block_both", "density": 0.2}
    theirs = pogema.pogema_v0(pogema.GridConfig(observation_type="MAPF", **config))
    wanted, _ = theirs.reset()
    env = make(config, "cpu")
    env.reset()
    actions = np.random.default_rng(0).integers(0, 5, (30, 6))
    for t, action in enumerate(actions):
        got = flockstep.pathfinding.pogema_observation(env, "MAPF")[0]
        check_equal(got, wanted, f"after {t} steps")
        for mine, other in zip(got, wanted, strict=True):
            assert [type(value) for value in mine.values()] == [type(value) for value in other.values()]
        wanted, *_ = theirs.step(action.tolist())
        env.step(action.astype(np.int32)[None])


def test_what_cannot_be_shown_gets_one_sentence():
    env = flockstep.make("pathfinding", num_agents=2, device="cpu", observation="cost_to_go")
    for bad, sentence in (
        (lambda: flockstep.pathfinding.pogema_observation(env, "default"), "observation_type: got 'default', want one of: POMAPF, MAPF"),
        (lambda: flockstep.pathfinding.pogema_observation(env), 'observation: got "cost_to_go", want windows among its parts'),
        (lambda: flockstep.pathfinding.pogema_observation(flockstep.make("cartpole", device="cpu")), "env: got cartpole, want pathfinding"),
    ):
        with pytest.raises(ValueError) as error:
            bad()
        assert str(error.value) == sentence
