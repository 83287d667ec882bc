"""skrl: its wrappers of Gymnasium's vectors and of PettingZoo, which read spaces and states as attributes."""

import pytest
from conftest import require_client

require_client("skrl")

import flockstep  # noqa: E402
import gymnasium  # noqa: E402
import torch  # noqa: E402
from skrl.envs.wrappers.torch import wrap_env  # noqa: E402


@pytest.mark.parametrize("on_target", ["restart", "finish"])
def test_the_pettingzoo_wrapper_steps(on_target):
    env = wrap_env(flockstep.parallel_env("pathfinding", num_agents=3, on_target=on_target, max_episode_steps=12), wrapper="pettingzoo")
    assert set(env.observation_spaces) == set(env.action_spaces) == set(env.possible_agents)
    observations, _ = env.reset()
    ends = 0
    for _ in range(30):
        actions = {agent: torch.tensor([[env.action_spaces[agent].sample()]]) for agent in env.agents}
        observations, rewards, terminated, truncated, _ = env.step(actions)
        assert all(row.shape == (1, 3 * 11 * 11) for row in observations.values())
        states = env.state()
        state = next(iter(states.values())) if isinstance(states, dict) else states
        assert state.shape == (1, 3 * 3 * 11 * 11)
        if not env.agents:
            ends += 1
            env.reset()
    assert ends >= 2


def test_the_gymnasium_wrapper_steps_vectors():
    env = wrap_env(gymnasium.make_vec("flockstep/CartPole-v1", num_envs=4, vectorization_mode="vector_entry_point"), wrapper="gymnasium")
    observation, _ = env.reset()
    total = 0.0
    for _ in range(30):
        observation, reward, terminated, truncated, _ = env.step(torch.zeros(4, 1, dtype=torch.long))
        assert observation.shape == (4, 4) and reward.shape == terminated.shape == (4, 1)
        total += reward.sum().item()
    assert 80 < total < 120  # the steps of resets pay nothing
