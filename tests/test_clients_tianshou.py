"""tianshou: vectors of single environments, and PettingZooEnv, which goes from parallel to turns by PettingZoo's own wrapper."""

import numpy as np
from conftest import require_client

require_client("tianshou")

import flockstep  # noqa: E402
import gymnasium  # noqa: E402
from pettingzoo.utils.conversions import parallel_to_aec  # noqa: E402
from tianshou.env import DummyVectorEnv, PettingZooEnv  # noqa: E402


def test_dummy_vector_env_steps():
    env = DummyVectorEnv([lambda: gymnasium.make("flockstep/CartPole-v1", max_episode_steps=5)] * 3)
    env.seed(1)
    observation, _ = env.reset()
    assert observation.shape == (3, 4)
    for t in range(1, 6):
        *_, truncated, _ = env.step(np.zeros(3, int))
        assert truncated.all() == (t == 5)


def test_pettingzoo_env_gives_agents_their_turns():
    env = PettingZooEnv(parallel_to_aec(flockstep.parallel_env("pathfinding", num_agents=3, on_target="restart", max_episode_steps=6, mask_obstacles=True)))
    observation, _ = env.reset(seed=1)
    turns = []
    for _ in range(12):
        turns.append(observation["agent_id"])
        observation, reward, terminated, truncated, _ = env.step(0)
        assert len(reward) == 3
    assert turns == ["agent_0", "agent_1", "agent_2"] * 4
