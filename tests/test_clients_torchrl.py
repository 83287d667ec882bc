"""TorchRL: GymEnv by name, GymWrapper of vectors, PettingZooWrapper; their own checks, and rollouts."""

from conftest import require_client

require_client("torchrl")

import flockstep  # noqa: E402
import gymnasium  # noqa: E402
import torch  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402
from torchrl.envs import GymEnv, GymWrapper, PettingZooWrapper  # noqa: E402
from torchrl.envs.utils import check_env_specs  # noqa: E402


def test_gym_env_makes_cartpole_by_its_name():
    env = GymEnv("flockstep/CartPole-v1")
    check_env_specs(env)
    env.set_seed(1)
    rollout = env.rollout(20, break_when_any_done=False)
    assert rollout.shape == (20,) and rollout["next", "reward"].sum() == 20
    ours = env.reset()["observation"]
    assert ours.dtype == torch.float32 and ours.shape == (4,)


def test_gym_env_plays_pathfinding_with_forbidden_actions():
    env = GymEnv("flockstep/Pathfinding-v0", mask_obstacles=True)
    env.set_seed(1)
    assert env.rollout(100, break_when_any_done=False).shape == (100,)


def test_gym_env_sees_pixels():
    env = GymEnv("flockstep/CartPole-v1", from_pixels=True)
    rollout = env.rollout(3)
    assert rollout["pixels"].dtype == torch.uint8 and rollout["pixels"].shape[-1] == 3 and rollout["pixels"].min() < 255


def test_gym_wrapper_takes_vectors():
    env = GymWrapper(gymnasium.make_vec("flockstep/CartPole-v1", num_envs=3, vectorization_mode="vector_entry_point", autoreset_mode=AutoresetMode.SAME_STEP))
    rollout = env.rollout(40, break_when_any_done=False)
    assert rollout.shape == (3, 40) and rollout["next", "terminated"].any()


def test_pettingzoo_wrapper_takes_parallel_environments():
    for settings in ({"on_target": "restart"}, {"on_target": "finish", "mask_obstacles": True}):
        env = PettingZooWrapper(flockstep.parallel_env("pathfinding", num_agents=3, max_episode_steps=20, **settings))
        check_env_specs(env)
        rollout = env.rollout(50, break_when_any_done=False)
        assert rollout.shape == (50,) and rollout["agent", "observation"].shape == (50, 3, 3, 11, 11)
    tag = PettingZooWrapper(flockstep.parallel_env("mpe_tag"))
    check_env_specs(tag)
    assert tag.rollout(5)["adversary", "observation"].shape[:2] == (5, 3)
