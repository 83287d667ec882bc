"""Stable-Baselines3, alone and behind SuperSuit: environments by name, by vector and by agent, trained for a moment."""

import numpy as np
import pytest
from conftest import require_client

sb3 = require_client("stable_baselines3")
supersuit = require_client("supersuit")

import flockstep  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402
from stable_baselines3.common.evaluation import evaluate_policy  # noqa: E402

CARTPOLE = "flockstep/CartPole-v1"


def test_ppo_makes_cartpole_by_its_name_and_learns():
    model = sb3.PPO("MlpPolicy", CARTPOLE, device="cpu", n_steps=256, seed=1)
    before = evaluate_policy(model, model.get_env(), n_eval_episodes=5)[0]
    model.learn(8000)
    assert evaluate_policy(model, model.get_env(), n_eval_episodes=5)[0] > max(2 * before, 60)


def test_make_vec_env_by_name_is_rendered_and_ends_episodes():
    env = make_vec_env(CARTPOLE, n_envs=2, seed=3, env_kwargs={"max_episode_steps": 9})
    env.reset()
    ends = 0
    for _ in range(20):
        _, _, dones, infos = env.step(np.zeros(2, int))
        for done, info in zip(dones, infos, strict=True):
            assert ("episode" in info) == ("terminal_observation" in info) == done
            ends += done
    assert ends >= 4
    assert env.render("rgb_array").shape[2] == 3


def test_dqn_runs_on_pathfinding_with_forbidden_actions():
    """A learner without masks samples forbidden actions: they count as waiting, and nothing stops."""
    env = make_vec_env("flockstep/Pathfinding-v0", env_kwargs={"mask_obstacles": True, "size": 8})
    model = sb3.DQN("MlpPolicy", env, device="cpu", learning_starts=50, buffer_size=500, seed=1)
    model.learn(300)
    assert model.num_timesteps == 300


@pytest.mark.parametrize("num_cpus", [0, 2])
def test_supersuit_makes_copies_that_play_different_episodes_and_sb3_trains_on_them(num_cpus):
    parallel = flockstep.parallel_env("pathfinding", num_agents=4, on_target="restart", max_episode_steps=32)
    env = supersuit.concat_vec_envs_v1(supersuit.pettingzoo_env_to_vec_env_v1(parallel), 2, num_cpus=num_cpus, base_class="stable_baselines3")
    observation = env.reset()
    assert env.num_envs == 8 and observation.shape == (8, 3, 11, 11)
    assert not np.array_equal(observation[:4], observation[4:])
    model = sb3.PPO("MlpPolicy", env, device="cpu", n_steps=32, batch_size=64, n_epochs=1)
    model.learn(512)
    assert model.num_timesteps == 512
    env.close()


def test_supersuit_adds_black_death_where_agents_leave():
    parallel = supersuit.black_death_v3(flockstep.parallel_env("pathfinding", num_agents=4, size=8, max_episode_steps=20))
    env = supersuit.concat_vec_envs_v1(supersuit.pettingzoo_env_to_vec_env_v1(parallel), 2, num_cpus=0, base_class="gymnasium")
    env.reset(seed=1)
    ends = 0
    for _ in range(60):
        _, _, terminations, truncations, _ = env.step(np.zeros(8, int))
        ends += np.sum(np.asarray(terminations) | np.asarray(truncations))
    assert ends > 0
    env.close()
