"""Gymnasium's own wrappers, and a PPO in CleanRL's style over them: what they record of rows and worlds."""

import numpy as np
import pytest
from conftest import require_client

require_client("moviepy")

import flockstep  # noqa: F401, E402, registers
import gymnasium  # noqa: E402
import torch  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402
from gymnasium.wrappers import NormalizeObservation, RecordEpisodeStatistics, RecordVideo, RenderCollection  # noqa: E402
from gymnasium.wrappers import vector as vector_wrappers  # noqa: E402

CARTPOLE, LIFELONG = "flockstep/CartPole-v1", "flockstep/PathfindingLifelong-v0"


def make_vec(id, num_envs, **config):
    return gymnasium.make_vec(id, num_envs=num_envs, vectorization_mode="vector_entry_point", **config)


@pytest.mark.parametrize("id", [CARTPOLE, LIFELONG])
def test_record_video_writes_an_episode(id, tmp_path):
    env = RecordVideo(gymnasium.make(id, render_mode="rgb_array", max_episode_steps=12), str(tmp_path), episode_trigger=lambda episode: True)
    env.reset(seed=1)
    while not any(env.step(0)[2:4]):
        pass
    env.close()
    written = list(tmp_path.glob("*.mp4"))
    assert len(written) == 1 and written[0].stat().st_size > 1000
    from moviepy import VideoFileClip

    with VideoFileClip(str(written[0])) as clip:
        assert clip.size[0] % 2 == 0 and 5 < clip.get_frame(0).std() < 120


def test_record_video_of_vectors_and_render_collection(tmp_path):
    env = vector_wrappers.RecordVideo(make_vec(CARTPOLE, 3, render_mode="rgb_array"), str(tmp_path), video_length=5, step_trigger=lambda step: step == 0)
    env.reset(seed=1)
    for _ in range(8):
        env.step(np.zeros(3, int))
    env.close()
    assert list(tmp_path.glob("*.mp4"))
    collected = RenderCollection(gymnasium.make(CARTPOLE, render_mode="rgb_array"))
    collected.reset(seed=1), collected.step(0)
    assert [frame.dtype for frame in collected.render()] == [np.uint8] * 2


def test_single_statistics_are_those_of_the_episode():
    env = RecordEpisodeStatistics(gymnasium.make(CARTPOLE, max_episode_steps=10))
    env.reset(seed=1)
    while True:
        *_, terminated, truncated, info = env.step(0)
        if terminated or truncated:
            break
    assert info["episode"]["r"] == info["episode"]["l"] == 9 + truncated or info["episode"]["l"] < 10


def test_observations_are_normalised():
    env = NormalizeObservation(gymnasium.make(CARTPOLE))
    env.reset(seed=1)
    rows = []
    for _ in range(300):
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        rows.append(observation)
        if terminated or truncated:
            env.reset()
    assert abs(np.mean(rows)) < 0.5 and 0.5 < np.std(rows) < 2
    vector = vector_wrappers.NormalizeObservation(make_vec(LIFELONG, 2, num_agents=3))
    observation, _ = vector.reset(seed=1)
    for _ in range(20):
        observation, *_ = vector.step(vector.action_space.sample())
    assert observation.shape == (6, 3, 11, 11) and 0.3 < observation.std() < 3


class Agent(torch.nn.Module):
    def __init__(self, inputs, choices):
        super().__init__()
        layer = lambda a, b: torch.nn.Sequential(torch.nn.Linear(a, b), torch.nn.Tanh())  # noqa: E731
        self.critic = torch.nn.Sequential(layer(inputs, 64), layer(64, 64), torch.nn.Linear(64, 1))
        self.actor = torch.nn.Sequential(layer(inputs, 64), layer(64, 64), torch.nn.Linear(64, choices))
        with torch.no_grad():
            self.actor[-1].weight.mul_(0.01)

    def forward(self, observation, action=None):
        chosen = torch.distributions.Categorical(logits=self.actor(observation))
        action = chosen.sample() if action is None else action
        return action, chosen.log_prob(action), chosen.entropy(), self.critic(observation).squeeze(-1)


def train_ppo(env, iterations, num_steps=64, gamma=0.99, trace=0.95):
    """CleanRL's ppo.py in its order, for Gymnasium's NEXT_STEP vectors: `done` belongs to the observation beside it, and the
    sample of a reset, which follows a done, is weighed like any other."""
    n = env.num_envs
    agent = Agent(int(np.prod(env.single_observation_space.shape)), env.single_action_space.n)
    optimiser = torch.optim.Adam(agent.parameters(), 2.5e-3, eps=1e-5)
    flat = lambda observation: torch.as_tensor(observation, dtype=torch.float32).reshape(n, -1)  # noqa: E731
    observation, done, returns = flat(env.reset(seed=1)[0]), torch.zeros(n), []
    for _ in range(iterations):
        rows = []
        for _ in range(num_steps):
            with torch.no_grad():
                action, log_prob, _, value = agent(observation)
            after, reward, terminated, truncated, info = env.step(action.numpy())
            rows.append((observation, action, log_prob, value, torch.as_tensor(reward, dtype=torch.float32), done))
            observation, done = flat(after), torch.as_tensor(terminated | truncated, dtype=torch.float32)
            if "episode" in info:
                returns += list(info["episode"]["r"][info["_episode"]])
        observations, actions, log_probs, values, rewards, dones = map(torch.stack, zip(*rows, strict=True))
        with torch.no_grad():
            next_value, next_done, last, advantages = agent(observation)[3], done, 0.0, torch.zeros_like(rewards)
            for t in reversed(range(num_steps)):
                delta = rewards[t] + gamma * next_value * (1 - next_done) - values[t]
                advantages[t] = last = delta + gamma * trace * (1 - next_done) * last
                next_value, next_done = values[t], dones[t]
        flat_batch = [part.flatten(0, 1) for part in (observations, actions, log_probs, advantages, advantages + values)]
        for _ in range(4):
            for chosen in torch.randperm(num_steps * n).chunk(4):
                o, a, before, advantage, target = (part[chosen] for part in flat_batch)
                _, log_prob, entropy, value = agent(o, a)
                ratio, scaled = (log_prob - before).exp(), (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                loss = torch.max(-scaled * ratio, -scaled * ratio.clamp(0.8, 1.2)).mean() + 0.5 * (value - target).square().mean() - 0.01 * entropy.mean()
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimiser.step()
    return returns


def test_a_ppo_in_cleanrls_style_learns_cartpole():
    torch.manual_seed(1)
    returns = train_ppo(vector_wrappers.RecordEpisodeStatistics(make_vec(CARTPOLE, 8)), 50)
    assert np.mean(returns[:20]) < 60 and np.mean(returns[-20:]) > 120


def test_the_same_ppo_learns_from_rows_of_agents_that_leave():
    """One episode for each row and world, though agents leave before; more of them arrive in time after training."""
    torch.manual_seed(1)
    settings = {"num_agents": 4, "size": 4, "density": 0.0, "on_target": "finish", "collision_system": "soft", "max_episode_steps": 8, "obs_radius": 3}
    env = vector_wrappers.RecordEpisodeStatistics(make_vec("flockstep/Pathfinding-v0", 16, autoreset_mode=AutoresetMode.NEXT_STEP, **settings))
    returns = np.array(train_ppo(env, 40, num_steps=32))
    assert set(np.unique(returns)) <= {0.0, 1.0}  # an agent arrives once
    assert returns[-500:].mean() > returns[:500].mean() + 0.15
