"""pickle and copy.deepcopy of everything that Python makes: a copy is where its original is, and goes on identically."""

import copy
import pickle

import cloudpickle
import numpy as np
import pytest
from conftest import to_numpy

gymnasium = pytest.importorskip("gymnasium")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

PATHFINDING = {"num_agents": 4, "on_target": "restart", "collision_system": "soft", "max_episode_steps": 12}
COPIES = {"pickle": lambda env: pickle.loads(pickle.dumps(env)), "deepcopy": copy.deepcopy, "cloudpickle": lambda env: cloudpickle.loads(cloudpickle.dumps(env))}


@pytest.mark.parametrize("mode", ["same_step", "next_step", "disabled"])
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_an_environment_goes_on_identically(how, mode, device):
    env = flockstep.make("pathfinding", num_envs=3, device=device, seed=5, autoreset_mode=mode, plan="", **PATHFINDING)
    env.reset(seed=7)
    for _ in range(9):
        env.step(env.act("random"))
    other = COPIES[how](env)
    assert other.device == env.device == device and other.array == env.array and other.settings == env.settings
    np.testing.assert_array_equal(to_numpy(other._observation), to_numpy(env._observation))
    for _ in range(9):
        for a, b in zip(env.step(env.act("random"))[:4], other.step(other.act("random"))[:4], strict=True):
            np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
    assert env.statistics() == other.statistics()
    env.reset()
    assert other.get_field("episode").max() < env.get_field("episode").min()  # two environments, not one


def test_a_copy_of_a_fresh_environment_is_fresh():
    env = flockstep.make("cartpole", num_envs=2, device="cpu", seed=9)
    np.testing.assert_array_equal(copy.deepcopy(env).reset()[0], env.reset()[0])


def test_options_and_replaced_data_are_copied():
    options = {"final_observation": "truncated", "first_env": 6, "outputs": ["windows", "reward", "active"], "dtypes": {"windows": "float32"}}
    env = flockstep.make("pathfinding", num_envs=2, device="cpu", map=".....\n.....", **options)
    env.replace_shared(map="..#..\n.....")
    env.step(env.act())
    other = copy.deepcopy(env)
    assert other.settings["map"] == "..#..\n....." and other._options == env._options
    np.testing.assert_array_equal(other._observation, env._observation)
    assert other._observation.dtype == np.float32 and other.state_dict()["identity"] == env.state_dict()["identity"]


def test_what_step_tells_is_copied_without_the_environment():
    env = flockstep.make("cartpole", num_envs=2, device="cpu")
    _, info = env.reset()
    kept = copy.deepcopy(info)
    assert type(kept) is dict and set(kept) == set(info)


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_gymnasium_environments(how):
    for make in (
        lambda: gymnasium.make("flockstep/Pathfinding-v0", mask_obstacles=True, size=16),
        lambda: gymnasium.make_vec("flockstep/Pathfinding-v0", num_envs=3, num_agents=2, max_episode_steps=9, on_target="finish"),
    ):
        env = make()
        fresh = COPIES[how](env)
        np.testing.assert_array_equal(fresh.reset(seed=4)[0], env.reset(seed=4)[0])
        env.action_space.seed(1)
        for _ in range(6):
            env.step(env.action_space.sample())
        other = COPIES[how](env)
        for _ in range(20):
            action = env.action_space.sample()
            for a, b in zip(env.step(action), other.step(action), strict=True):
                np.testing.assert_equal(a, b)
        np.testing.assert_array_equal(env.reset()[0], other.reset()[0])


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_parallel_environments(how):
    env = flockstep.parallel_env("pathfinding", num_agents=4, size=8, max_episode_steps=30)
    COPIES[how](env).reset(seed=1)
    env.reset(seed=3)
    for agent in env.possible_agents:
        env.action_space(agent).seed(0)
    for _ in range(4):
        env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    other = COPIES[how](env)
    assert other.agents == env.agents
    while env.agents:
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        for a, b in zip(env.step(actions), other.step(actions), strict=True):
            np.testing.assert_equal(a, b)
    assert other.agents == []
