"""shared_reward against its definition, from the rewards of a twin environment without it."""

import numpy as np
import pytest
from conftest import to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
if "pathfinding" not in flockstep.environments():
    pytest.skip("pathfinding is not built", allow_module_level=True)

SETTINGS = {
    "crowded": {"size": 9, "num_agents": 24, "on_target": "restart", "collision_system": "soft"},
    "worlds of their own size": {"size": 14, "min_size": 5, "num_agents": 12, "min_agents": 2, "on_target": "restart"},
    "agents leave": {"size": 8, "num_agents": 12, "on_target": "finish"},
}


@pytest.mark.parametrize("radius", [1, 3])
@pytest.mark.parametrize("name", SETTINGS)
def test_an_agent_gets_a_share_of_the_mean_reward_nearby(name, radius, device):
    settings = {"density": 0.2, "distance_reward": 0.25, "max_episode_steps": 100, "obs_radius": 2, **SETTINGS[name]}
    plain = flockstep.make("pathfinding", num_envs=5, device=device, **settings)
    shared = flockstep.make(
        "pathfinding", num_envs=5, device=device, shared_reward=0.4, shared_reward_radius=radius, **settings
    )
    for env in (plain, shared):
        env.reset(seed=11)
    generator, mixed = np.random.default_rng(3), 0
    for _ in range(30):
        actions = generator.integers(0, 5, (5, settings["num_agents"]), dtype=np.int32)
        own = to_numpy(plain.step(actions)[1])
        got = to_numpy(shared.step(actions)[1])
        positions = to_numpy(plain.get_field("position")).astype(int)
        present = np.arange(settings["num_agents"]) < to_numpy(plain.get_field("num_present")).reshape(-1, 1)
        if settings["on_target"] == "finish":
            present &= to_numpy(plain.get_field("finished")).reshape(present.shape) == 0
        for world in range(5):
            for agent in range(settings["num_agents"]):
                near = [
                    other
                    for other in np.flatnonzero(present[world])
                    if other != agent and np.abs(positions[world, other] - positions[world, agent]).max() <= radius
                ]
                want = own[world, agent]
                if present[world, agent] and near:
                    want = 0.6 * want + 0.4 * own[world, near].mean()
                    mixed += 1
                assert got[world, agent] == pytest.approx(want, abs=1e-6)
    assert mixed > 500
