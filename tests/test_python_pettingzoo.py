"""The PettingZoo surface: its own API and seed tests, and agents that leave. CartPole is the smallest case."""

import warnings

import numpy as np
import pytest

pytest.importorskip("pettingzoo")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

from pettingzoo.test import parallel_api_test, parallel_seed_test  # noqa: E402

CASES = {
    "cartpole": {},
    "finish": {"num_agents": 6, "on_target": "finish", "max_episode_steps": 40, "mask_obstacles": True},
    "nothing": {"num_agents": 6, "on_target": "nothing", "max_episode_steps": 40, "mask_obstacles": True},
    "lifelong": {"num_agents": 6, "on_target": "restart", "max_episode_steps": 40},
}
ONLY_PATHFINDING = pytest.mark.skipif("pathfinding" not in flockstep.environments(), reason="pathfinding is not built")


def make(case, **options):
    return flockstep.parallel_env("cartpole" if case == "cartpole" else "pathfinding", **CASES[case], **options)


def cases():
    return [pytest.param(case, marks=[] if case == "cartpole" else ONLY_PATHFINDING) for case in CASES]


@pytest.mark.parametrize("case", cases())
def test_the_parallel_api_test_passes(case, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(make(case), num_cycles=200)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize("case", cases())
def test_the_parallel_seed_test_passes(case):
    parallel_seed_test(lambda: make(case), num_cycles=100)


def sample(env, infos):
    return {agent: env.action_space(agent).sample(infos[agent].get("action_mask")) for agent in env.agents}


@pytest.mark.parametrize("case", cases())
def test_the_same_seed_plays_the_same_episode(case, device):
    first, second = make(case), make(case, device=device)
    histories = []
    for env in (first, second):
        observations, infos = env.reset(seed=3)
        for i, agent in enumerate(env.possible_agents):
            env.action_space(agent).seed(i)
        history = [observations]
        while env.agents:
            observations, rewards, terminations, truncations, infos = env.step(sample(env, infos))
            history += [observations, rewards, terminations, truncations]
        histories.append(history)
    assert len(histories[0]) == len(histories[1]) > 4
    for a, b in zip(*histories, strict=True):
        assert list(a) == list(b)
        for agent in a:
            np.testing.assert_array_equal(a[agent], b[agent])


def test_values_are_copies_in_python_types():
    env = make("cartpole")
    observations, infos = env.reset(seed=1)
    assert env.agents == env.possible_agents == ["agent_0"] and infos == {"agent_0": {}}
    kept = observations["agent_0"].copy()
    _, rewards, terminations, truncations, _ = env.step({"agent_0": 1})
    np.testing.assert_array_equal(observations["agent_0"], kept)
    assert type(rewards["agent_0"]) is float and terminations == truncations == {"agent_0": False}


def test_wrong_actions_get_one_sentence():
    env = make("cartpole")
    env.reset(seed=1)
    for actions, sentence in [
        ({}, "actions: got none for agent_0, want one for each of env.agents"),
        ({"agent_0": 1, "agent_7": 1}, "actions: got one for agent_7, want one for each of env.agents"),
        ({"agent_0": 2}, r"action of agent_0: got 2, want one of Discrete\(2\)"),
        ({"agent_0": "left"}, r"action of agent_0: got 'left', want one of Discrete\(2\)"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            env.step(actions)
    with pytest.raises(ValueError, match="render_mode: got 'human', want None or"):
        make("cartpole", render_mode="human")


def test_an_agent_leaves_when_its_episode_ends():
    env = make("cartpole", max_episode_steps=2)
    env.reset(seed=1)
    assert env.step({"agent_0": 0})[3] == {"agent_0": False} and env.agents == ["agent_0"]
    assert env.step({"agent_0": 0})[3] == {"agent_0": True} and env.agents == []
    assert env.step({}) == ({}, {}, {}, {}, {})
    env.reset()
    assert env.agents == ["agent_0"]


@ONLY_PATHFINDING
def test_agents_that_arrive_leave_and_the_others_go_on():
    env = flockstep.parallel_env("pathfinding", num_agents=8, on_target="finish", max_episode_steps=64, size=8, density=0.0)
    left = 0
    for seed in range(20):
        _, infos = env.reset(seed=seed)
        while env.agents:
            before = list(env.agents)
            observations, rewards, terminations, truncations, infos = env.step(sample(env, infos))
            assert list(observations) == list(rewards) == list(terminations) == list(truncations) == before
            gone = {agent for agent in before if terminations[agent] or truncations[agent]}
            assert set(env.agents) == set(before) - gone
            left += sum(terminations.values())
    assert left > 0


@ONLY_PATHFINDING
def test_a_saved_world_goes_on_identically():
    env, other = make("finish"), make("finish")
    _, infos = env.reset(seed=2)
    for _ in range(10):
        *_, infos = env.step(sample(env, infos))
    other.load_state_dict(env.state_dict())
    assert other.agents == env.agents
    actions = sample(env, infos)
    for a, b in zip(env.step(actions), other.step(actions), strict=True):
        assert list(a) == list(b)
        for agent in a:
            np.testing.assert_equal(a[agent], b[agent])
    state = env.state_dict()
    for broken in ({**state, "finished": [True]}, {name: state[name] for name in ("format", "identity", "fields")}, None):
        with pytest.raises(ValueError, match="state: finished: got .*, want one bool for each of"):
            other.load_state_dict(broken)


@ONLY_PATHFINDING
def test_a_forbidden_action_counts_as_waiting():
    env = make("nothing")
    _, infos = env.reset(seed=4)
    forbidden = {agent: int(np.argmin(infos[agent]["action_mask"])) for agent in env.agents}
    waiting, twin = make("nothing"), env
    _, infos = waiting.reset(seed=4)
    zeros = {agent: 0 if not infos[agent]["action_mask"][forbidden[agent]] else forbidden[agent] for agent in waiting.agents}
    *told, infos = twin.step(forbidden)
    named = {agent: info.pop("illegal_action") for agent, info in infos.items() if "illegal_action" in info}
    assert named == {agent: action for agent, action in forbidden.items() if zeros[agent] != action} and named
    for a, b in zip((*told, infos), waiting.step(zeros), strict=True):
        for agent in a:
            np.testing.assert_equal(a[agent], b[agent])


def test_infos_say_whose_turn_it_is_where_agents_wait():
    env = flockstep.parallel_env("test_stones")
    _, infos = env.reset(seed=1)
    assert sorted(info["acts"] for info in infos.values()) == [False] * (len(infos) - 1) + [True]
    assert "acts" not in flockstep.parallel_env("cartpole").reset(seed=1)[1]["agent_0"]
