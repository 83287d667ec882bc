"""Seeds of each world by itself: world i of reset(seed=[...]) is the world of a batch of one with the i-th seed."""

import copy

import numpy as np
import pytest
from conftest import to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

CASES = {
    "cartpole": ("cartpole", {"max_episode_steps": 15}),
    "random": ("pathfinding", {"num_agents": 3, "max_episode_steps": 15, "on_target": "restart", "min_agents": 1}),
    "pogema": ("pathfinding", {"num_agents": 3, "max_episode_steps": 15, "on_target": "restart", "generator": "pogema"}),
    "pool": ("pathfinding", {"num_agents": 3, "max_episode_steps": 15, "generator": "maze", "size": 9, "num_maps": 5}),
    "pogema pool": ("pathfinding", {"num_agents": 2, "generator": "pogema", "map": "...\n.#.\n...", "max_episode_steps": 15}),
    "spread": ("mpe_spread", {"max_episode_steps": 15}),
    "scenes": ("test_scenes", {}),
}
CASES = {key: case for key, case in CASES.items() if case[0] in flockstep.environments() or case[0].startswith("test_")}
SEEDS = [7, 2**64 - 1, 0, 7, 123456789012]


def play(env, steps=40):
    """Random play, told by all outputs of every step, [steps, num_envs, ...]."""
    history = []
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(env.act("random"))
        parts = observation.values() if isinstance(observation, dict) else [observation]
        history.append([to_numpy(array) for array in (*parts, reward, terminated, truncated, info["active"])])
    return [np.stack(column) for column in zip(*history, strict=True)]


def make(case, num_envs, device="cpu", **options):
    name, settings = CASES[case]
    return flockstep.make(name, num_envs=num_envs, device=device, **settings, **options)


@pytest.mark.parametrize("mode", ["same_step", "next_step"])
@pytest.mark.parametrize("case", CASES)
def test_a_world_with_a_seed_of_its_own_is_that_of_a_batch_of_one(case, mode, device):
    many = make(case, len(SEEDS), device, autoreset_mode=mode, seed=99, first_env=40)
    many.reset(seed=SEEDS)
    together = play(many)
    for i, seed in enumerate(SEEDS):
        one = make(case, 1, device, autoreset_mode=mode)
        one.reset(seed=seed)
        for a, b in zip(play(one), together, strict=True):
            np.testing.assert_array_equal(a[:, 0], b[:, i])


def test_large_batches_take_them_too():
    """So many worlds that the CPU steps them in tiles, until one seed for all ends it."""
    many = flockstep.make("cartpole", num_envs=200, device="cpu")
    many.reset(seed=np.arange(200))
    together = play(many)
    one = flockstep.make("cartpole", num_envs=1, device="cpu")
    one.reset(seed=150)
    np.testing.assert_array_equal(play(one)[0][:, 0], together[0][:, 150])
    many.reset(seed=3)
    plain = flockstep.make("cartpole", num_envs=200, device="cpu")
    plain.reset(seed=3)
    np.testing.assert_array_equal(play(plain)[0], play(many)[0])


@pytest.mark.parametrize("case", CASES)
def test_seeds_beside_a_mask_begin_those_worlds_alone(case, device):
    env, twin = (make(case, 4, device, seed=5) for _ in range(2))
    env.reset(), twin.reset()
    play(env, 10), play(twin, 10)
    mask = np.array([True, False, False, True])
    env.reset(seed=[11, 0, 0, 12], options={"reset_mask": mask})
    together = play(env)
    apart = [play(twin)]
    for seed in (11, 12):
        one = make(case, 1, device)
        one.reset(seed=seed)
        apart.append(play(one))
    for k, column in enumerate(together):
        np.testing.assert_array_equal(column[:, 1:3], apart[0][k][:, 1:3])
        np.testing.assert_array_equal(column[:, 0], apart[1][k][:, 0])
        np.testing.assert_array_equal(column[:, 3], apart[2][k][:, 0])


def test_one_seed_beside_a_mask_is_that_seeds_worlds():
    env, seeded = (flockstep.make("cartpole", num_envs=4, device="cpu") for _ in range(2))
    env.reset()
    play(env, 5)
    seeded.reset(seed=8)
    env.reset(seed=8, options={"reset_mask": np.array([False, True, False, True])})
    a, b = play(env)[0], play(seeded)[0]
    np.testing.assert_array_equal(a[:, 1::2], b[:, 1::2])
    assert not np.array_equal(a[:, 0], b[:, 0])


def test_seeds_are_part_of_the_state(device):
    env = make("random", len(SEEDS), device)
    env.reset(seed=SEEDS)
    play(env, 10)
    state, copied = env.state_dict(), copy.deepcopy(env)
    assert state["fields"]["own_seeds"].shape == (len(SEEDS), 2)
    other = make("random", len(SEEDS), "cpu")
    other.load_state_dict(state)
    expected = play(env)
    for again in (other, copied):
        for a, b in zip(play(again), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    other.reset(seed=1)
    assert "own_seeds" not in other.state_dict()["fields"]
    other.reset(seed=SEEDS)
    other.load_state_dict(make("random", len(SEEDS), "cpu").state_dict())
    assert "own_seeds" not in other.state_dict()["fields"]
    state["fields"]["own_seeds"] = state["fields"]["own_seeds"][:2]
    with pytest.raises(ValueError, match=r"state: own_seeds: got uint64 \[2, 2\], want uint64 \[5, 2\]"):
        other.load_state_dict(state)


@pytest.mark.parametrize(
    "seed, sentence",
    [
        ([1, 2], "seed: got a list of 2, want 3, one for each world"),
        ([1, None, 2], r"seed\[1\]: got None, want an integer from 0 to"),
        ([1, -1, 2], r"seed\[1\]: got -1, want an integer from 0 to"),
        (np.array([0.5, 1, 2]), r"seed\[0\]: got 0.5, want an integer from 0 to"),
        ("12", "seed: got '12', want an integer from 0 to"),
    ],
)
def test_other_seeds_are_refused(seed, sentence):
    env = flockstep.make("cartpole", num_envs=3, device="cpu")
    with pytest.raises(ValueError, match=sentence):
        env.reset(seed=seed)
