"""Outputs of an environment's own, global states, illegal actions and scripted roles, from Python."""

import numpy as np
import pytest

import flockstep


def make(**options):
    return flockstep.make("test_stones", num_envs=4, device="cpu", seed=3, **options)


def test_own_outputs_and_global_states_are_in_info():
    env = make()
    _, info = env.reset()
    assert info["shaped_reward"].shape == (4, 3) and info["shaped_reward"].dtype == np.float32
    assert info["passed"].shape == (4, 3) and info["passed"].dtype == bool
    assert info["moved"].shape == (4, 2) and info["moved"].dtype == np.int32
    assert info["winner"].shape == (4, 2)
    assert info["global_state"].shape == (4, 3) and info["taker.seat"].shape == (4, 2, 2)
    _, _, _, _, info = env.step(env.act())
    np.testing.assert_array_equal(info["global_state"][:, 0], env.get_field("heap")[:, 0].astype(np.float32) / 20)
    assert info["final_state"]["global_state"].shape == (4, 3)
    for _ in range(40):
        env.step(env.act())
    mean = env.statistics()["mean"]
    assert mean["moved.0"] > 0 and set(mean) >= {"shaped_reward.taker", "passed.dealer", "winner.1", "stones_per_agent"}


def test_global_states_are_no_part_of_an_observation():
    observation, _ = make().reset()
    assert set(observation["taker"]) == {"heap", "last"} and set(observation["dealer"]) == {"stock", "turn"}


def test_an_own_output_can_be_left_out():
    env = make(outputs=["moved", "reward"])
    _, info = env.reset()
    assert "moved" in info and "passed" not in info and "global_state" not in info
    with pytest.raises(ValueError, match='outputs: got "mooved", want some of: .*winner'):
        make(outputs=["mooved"])


def test_illegal_actions_are_refused_or_passed():
    action = {"taker": np.array([[2, 3]] * 4, np.int32), "dealer": np.array([[2]] * 4, np.int32)}
    envs = make(), make(illegal_actions="pass")
    for env in envs:
        env.set_fields({"heap": np.ones((4, 1), np.int32)})
    with pytest.raises(ValueError, match=r"got 2, want one that the action mask allows \(it counted as 3\)"):
        envs[0].step(action)
    envs[1].step(action)
    assert (envs[1].get_field("heap") == 1).all() and (envs[1].get_field("last")[:, 0] == 2).all()
    with pytest.raises(ValueError, match='illegal_actions: got "pass", want "refuse": the rules of test_cards'):
        flockstep.make("test_cards", illegal_actions="pass")
    with pytest.raises(ValueError, match='illegal_actions: got "ignore", want refuse or pass'):
        make(illegal_actions="ignore")


def test_a_scripted_role_has_no_tensors():
    env = make(scripted={"dealer": "careful"})
    observation, info = env.reset()
    assert env.num_agents == 2 and set(observation) == {"heap", "last"}
    assert info["action_mask"].shape == (4, 2, 4) and info["shaped_reward"].shape == (4, 2)
    _, reward, *_ = env.step(env.act())
    assert reward.shape == (4, 2)
    assert make(scripted={"dealer": None}).num_agents == 3
    with pytest.raises(ValueError, match='scripted: got role "banker", want one of: taker, dealer'):
        make(scripted={"banker": "careful"})
