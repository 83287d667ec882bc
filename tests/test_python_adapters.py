"""What clients of Gymnasium and PettingZoo count on: keywords, limits, options, rows, metrics and forbidden actions."""

import itertools

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("pettingzoo")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402
from gymnasium.wrappers.vector import RecordEpisodeStatistics  # noqa: E402

CARTPOLE, PATHFINDING, LIFELONG = "flockstep/CartPole-v1", "flockstep/Pathfinding-v0", "flockstep/PathfindingLifelong-v0"
if "pathfinding" not in flockstep.environments():
    pytest.skip("pathfinding is not built", allow_module_level=True)


def make_vec(id, num_envs, mode=AutoresetMode.NEXT_STEP, **config):
    return gymnasium.make_vec(id, num_envs=num_envs, vectorization_mode="vector_entry_point", autoreset_mode=mode, **config)


# Keywords


@pytest.mark.parametrize(
    "make",
    [
        lambda **config: flockstep.make("cartpole", device="cpu", **config),
        lambda **config: gymnasium.make(CARTPOLE, **config),
        lambda **config: make_vec(CARTPOLE, 2, **config),
        lambda **config: flockstep.parallel_env("cartpole", **config),
    ],
)
def test_unknown_keywords_are_type_errors_and_value_errors(make):
    for kind in (TypeError, ValueError, flockstep.UnknownKeyword):
        with pytest.raises(kind, match=r"""^cartpole: unknown key "frameskip".*unexpected keyword argument 'frameskip'"""):
            make(frameskip=1)
    with pytest.raises(flockstep.UnknownKeyword, match="did you mean"):
        make(max_episode_step=5)
    with pytest.raises(ValueError) as known:
        make(max_episode_steps=0)
    assert not isinstance(known.value, TypeError)


@pytest.mark.parametrize("key, value", [("array", "torch"), ("num_envs", 3)])
def test_keywords_that_adapters_set_themselves_are_refused(key, value):
    for make in (lambda **config: gymnasium.make(CARTPOLE, **config), lambda **config: flockstep.parallel_env("cartpole", **config)):
        with pytest.raises(flockstep.UnknownKeyword, match=f"{key}: got {value!r}, want none here"):
            make(**{key: value})


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_every_combination_of_options_steps(mode):
    finals = [None, "all", "truncated", "none"]
    outputs = [None, ["windows"], ["windows", "reward", "terminated", "truncated"], ["windows", "active"]]
    others = [{}, {"statistics": False}, {"dtypes": {"*": "float32"}}, {"mask_obstacles": True}]
    for final, written, other, agents in itertools.product(finals, outputs, others, (1, 3)):
        env = make_vec(PATHFINDING, 2, mode, final_observation=final, outputs=written, num_agents=agents, max_episode_steps=3, **other)
        env.action_space.seed(1)
        observation, _ = env.reset(seed=1)
        ends = 0
        for _ in range(7):
            observation, _, terminated, truncated, infos = env.step(env.action_space.sample())
            assert env.observation_space.contains(observation)
            ends += (terminated | truncated).sum()
            if mode == AutoresetMode.DISABLED and env._ended.any():
                env.reset(options={"reset_mask": np.repeat(env._ended, agents)})
            if mode == AutoresetMode.SAME_STEP and (terminated | truncated).any():
                shown = final in (None, "all") or (final == "truncated" and (truncated & ~terminated).any())
                assert ("final_obs" in infos) == shown and "final_info" in infos
        assert ends >= 2 * agents


def test_options_that_numpy_or_an_agent_cannot_use_are_refused():
    with pytest.raises(ValueError, match="dtypes: got bfloat16 for windows, want uint8, int8 or float32"):
        make_vec(PATHFINDING, 2, dtypes={"windows": "bfloat16"})
    with pytest.raises(ValueError, match="outputs: got no part of the observation, want one of: windows"):
        make_vec(PATHFINDING, 2, outputs=["reward"])


# Time limits


def balance(env, steps):
    observation, _ = env.reset(seed=0)
    for t in range(1, steps + 1):
        x, dx, angle, spin = observation
        observation, _, terminated, truncated, _ = env.step(int(angle + 0.3 * spin + 0.05 * x + 0.1 * dx > 0))
        if terminated or truncated:
            return t, terminated, truncated
    return None


def test_the_time_limit_of_make_is_obeyed():
    for limit in (10, 700):
        env = gymnasium.make(CARTPOLE, max_episode_steps=limit)
        assert balance(env, 1500) == (limit, False, True) and env.spec.max_episode_steps == limit
        assert env.unwrapped._environment.settings["max_episode_steps"] == limit
    assert balance(gymnasium.make(CARTPOLE, max_episode_steps=-1), 1500) is None
    assert balance(gymnasium.make(CARTPOLE), 1500) == (500, False, True)


def test_another_limit_leaves_spaces_and_seeds_alone():
    actions, starts = [], []
    for limit in (None, 700, -1):
        env = gymnasium.make(CARTPOLE, max_episode_steps=limit)
        env.action_space.seed(3)
        space = env.action_space
        env.reset(seed=2)
        starts.append(env.reset()[0].tolist())
        assert env.action_space is space
        actions.append([int(env.action_space.sample()) for _ in range(20)])
    assert actions[0] == actions[1] == actions[2] and starts[0] == starts[1] == starts[2]


def test_the_spec_knows_the_limit():
    assert gymnasium.spec(CARTPOLE).max_episode_steps == gymnasium.make(CARTPOLE).spec.max_episode_steps == 500
    assert gymnasium.spec(PATHFINDING).max_episode_steps == 64 and gymnasium.spec(LIFELONG).max_episode_steps == 256
    wrapped = gymnasium.wrappers.TimeAwareObservation(gymnasium.make(CARTPOLE))
    assert wrapped.reset(seed=1)[0].shape == (5,)
    again = gymnasium.make(gymnasium.make(LIFELONG, max_episode_steps=9).spec)
    again.reset(seed=1)
    assert [again.step(0)[3] for _ in range(9)] == [False] * 8 + [True]
    vector = make_vec(CARTPOLE, 2, max_episode_steps=7)
    assert vector.spec.kwargs["max_episode_steps"] == 7


# Reset options


def test_cartpole_begins_between_low_and_high():
    options = {"low": 0.04, "high": 0.05}
    env = gymnasium.make(CARTPOLE)
    starts = np.array([env.reset(seed=seed, options=options)[0] for seed in range(50)])
    assert starts.min() >= np.float32(0.04) and starts.max() <= np.float32(0.05) and np.ptp(starts) > 0.009
    np.testing.assert_array_equal(env.reset(seed=3, options=options)[0], starts[3])
    vector = make_vec(CARTPOLE, 64, AutoresetMode.DISABLED)
    first = vector.reset(seed=1, options=options)[0]
    assert first.min() >= np.float32(0.04) and first.max() <= np.float32(0.05)
    mask = np.arange(64) < 5
    after = vector.reset(options={"low": -0.5, "high": -0.4, "reset_mask": mask})[0]
    assert after[mask].max() <= np.float32(-0.4)
    np.testing.assert_array_equal(after[~mask], first[~mask])
    assert vector.reset(seed=1)[0].min() < 0
    only_low = env.reset(seed=1, options={"low": 0.049})[0]
    assert only_low.min() >= np.float32(0.049)
    parallel = flockstep.parallel_env("cartpole")
    assert parallel.reset(seed=1, options=options)[0]["agent_0"].min() >= np.float32(0.04)


def test_the_bounds_follow_cartpole_on_the_device(device):
    env = flockstep.make("cartpole", num_envs=5, device=device)
    mask = [False, True, True, False, False]
    env.reset(seed=1)
    env.reset(options={"low": 1.0, "high": 2.0, "reset_mask": mask})
    body = env.get_field("body")
    assert (body[1:3] >= 1).all() and (abs(body[[0, 3, 4]]) <= 0.05).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda id: flockstep.make(id, num_envs=2, device="cpu"),
        lambda id: gymnasium.make(f"flockstep/{'CartPole-v1' if id == 'cartpole' else 'Pathfinding-v0'}"),
        lambda id: make_vec(f"flockstep/{'CartPole-v1' if id == 'cartpole' else 'Pathfinding-v0'}", 2),
    ],
)
def test_reset_options_that_are_not_understood_are_refused(make):
    env = make("cartpole")
    for options, sentence in [
        ({"lo": 0.1}, 'options: unknown key "lo", want reset_mask or low or high'),
        ({"low": 0.2, "high": 0.1}, "options: low: got 0.2, want at most high, 0.1"),
        ({"low": "left"}, "options: low: got 'left', want a finite number"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            env.reset(seed=1, options=options)
    with pytest.raises(ValueError, match='options: unknown key "low", want reset_mask'):
        make("pathfinding").reset(seed=1, options={"low": 0.1})
    env.reset(seed=1, options={})


def test_parallel_environments_pass_over_options_that_they_do_not_know():
    """PettingZoo's parallel_api_test wants that of every environment."""
    env = flockstep.parallel_env("cartpole")
    observations, _ = env.reset(seed=1, options={"options": 1, "low": 0.04, "high": 0.05})
    assert observations["agent_0"].min() >= np.float32(0.04)
    with pytest.raises(ValueError, match="options: low: got 0.2, want at most high, 0.05"):
        env.reset(options={"low": 0.2})


# Rows of several agents

FINISH = {"num_agents": 8, "size": 8, "density": 0.1, "on_target": "finish", "collision_system": "soft", "distances": True}


def expert_play(mode, steps=300, num_envs=4, **settings):
    """(step's results, who was active before it, whether it was a mere reset) of worlds that PIBT plays."""
    settings = {**FINISH, **settings}
    env = make_vec(PATHFINDING, num_envs, mode, **settings)
    twin = flockstep.make("pathfinding", num_envs=num_envs, device="cpu", autoreset_mode=mode, **settings)
    env.reset(seed=3), twin.reset(seed=3)
    active, resets = np.ones(env.num_envs, bool), np.zeros(env.num_envs, bool)
    for _ in range(steps):
        action = np.asarray(twin.act("pibt")).reshape(-1).astype(np.int64)
        _, _, terminated, truncated, info = twin.step(twin.act("pibt"))
        result = env.step(action)
        starts = np.asarray(info["episode_start"]).reshape(-1).copy()
        yield result, active, starts & (mode == AutoresetMode.NEXT_STEP), np.asarray(terminated).reshape(-1), np.asarray(truncated).reshape(-1)
        active = result[4]["active"].copy()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_row_ends_once_with_its_world(mode):
    worlds, agents = 4, FINISH["num_agents"]
    lengths, ends, left_early = np.zeros(worlds, int), 0, 0
    for (_, reward, terminated, truncated, info), active, is_reset, own_terminated, own_truncated in expert_play(mode):
        ended = (terminated | truncated).reshape(worlds, agents)
        assert (ended.all(1) == ended.any(1)).all()  # all rows of a world at once
        lengths += ~is_reset.reshape(worlds, agents)[:, 0]
        np.testing.assert_array_equal(terminated[ended.reshape(-1)], (own_terminated | ~own_truncated)[ended.reshape(-1)])
        np.testing.assert_array_equal(truncated, own_truncated)
        assert (reward[~active] == 0).all()
        for world in np.flatnonzero(ended[:, 0]):
            assert lengths[world] <= 64 and (truncated.reshape(worlds, agents)[world].all() == (lengths[world] == 64) or terminated.reshape(worlds, agents)[world].all())
        lengths[ended[:, 0]] = 0
        ends += ended[:, 0].sum()
        left_early += (~info["active"] & ~(terminated | truncated)).sum()
    assert ends > 20 and left_early > 100


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_recorded_statistics_are_one_episode_per_row_and_world(mode):
    settings = dict(FINISH, max_episode_steps=40)
    env = RecordEpisodeStatistics(make_vec(PATHFINDING, 4, mode, **settings), 10**6)
    twin = flockstep.make("pathfinding", num_envs=4, device="cpu", autoreset_mode=mode, **settings)
    env.reset(seed=3), twin.reset(seed=3)
    for _ in range(300):
        action = np.asarray(twin.act("pibt")).reshape(-1).astype(np.int64)
        twin.step(twin.act("pibt"))
        env.step(action)
    statistics = twin.statistics()
    assert env.episode_count == statistics["num_episodes"] * 8 > 300
    assert np.mean(env.length_queue) == pytest.approx(statistics["mean"]["episode_length"], abs=1e-5)
    assert np.mean(env.return_queue) == pytest.approx(statistics["mean"]["episode_return"], abs=1e-5)


def test_worlds_without_agents_end_their_rows():
    env = make_vec(PATHFINDING, 64, AutoresetMode.SAME_STEP, num_agents=2, size=8, min_size=2, density=0.5)
    env.reset(seed=1)
    empty = env.get_field("num_present")[:, 0] == 0
    assert empty.any()
    _, reward, terminated, truncated, infos = env.step(np.zeros(128, int))
    rows = np.repeat(empty, 2)
    assert terminated[rows].all() and not truncated.any() and (reward[rows] == 0).all()
    assert not infos["final_info"].get("_metrics", np.zeros(128, bool))[rows].any()


# Metrics


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_metrics_of_an_episode_are_told_at_its_end(mode):
    settings = {"num_agents": 3, "size": 8, "on_target": "finish", "max_episode_steps": 20, "distances": True}
    env, twin = make_vec(PATHFINDING, 6, mode, **settings), flockstep.make("pathfinding", num_envs=6, device="cpu", autoreset_mode=mode, **settings)
    env.reset(seed=2), twin.reset(seed=2)
    told = {name: np.full(6, np.nan) for name in ("ISR", "CSR", "ep_length")}
    count = 0
    for _ in range(120):
        action = np.asarray(twin.act("pibt")).reshape(-1).astype(np.int64)
        twin.step(twin.act("pibt"))
        _, _, terminated, truncated, infos = env.step(action)
        ended = (terminated | truncated)[::3]
        place = infos.get("final_info", {}) if mode == AutoresetMode.SAME_STEP else infos
        assert ("metrics" in place) == ended.any()
        if not ended.any():
            continue
        np.testing.assert_array_equal(place["_metrics"], np.repeat(ended, 3))
        for name, first in told.items():
            values = place["metrics"][name].reshape(6, 3)
            assert (values == values[:, :1]).all() and place["metrics"]["_" + name][::3].tolist() == ended.tolist()
            new = ended & np.isnan(first)
            first[new] = values[new, 0]
        count += ended.sum()
        if mode == AutoresetMode.DISABLED:
            env.reset(options={"reset_mask": np.repeat(ended, 3)}), twin.reset(options={"reset_mask": np.ascontiguousarray(ended)})
    firsts = twin.first_episodes()
    assert count == twin.statistics()["num_episodes"] > 20
    for name, first in told.items():
        np.testing.assert_array_equal(first, firsts[name])


def test_metrics_reach_single_and_parallel_environments():
    env = gymnasium.make(PATHFINDING, max_episode_steps=6, size=4, density=0.0)
    results = []
    for seed in range(8):
        env.reset(seed=seed)
        env.action_space.seed(seed)
        while True:
            *_, terminated, truncated, info = env.step(env.action_space.sample())
            assert ("metrics" in info) == (terminated or truncated)
            if terminated or truncated:
                break
        assert info["metrics"]["ISR"] == info["metrics"]["CSR"] == float(terminated)
        results.append(terminated)
    assert 0 < sum(results) < 8
    parallel = flockstep.parallel_env("pathfinding", num_agents=3, on_target="restart", max_episode_steps=5)
    parallel.reset(seed=1)
    while parallel.agents:
        *_, infos = parallel.step({agent: 0 for agent in parallel.agents})
        assert all(("metrics" in info) == (not parallel.agents) for info in infos.values())
    assert infos["agent_2"]["metrics"] == {"avg_throughput": 0.0}
    assert "metrics" not in gymnasium.make(CARTPOLE, max_episode_steps=1).reset(seed=1)[1]


def test_statistics_may_be_cleared_between_episodes():
    env = make_vec(LIFELONG, 2, AutoresetMode.SAME_STEP, num_agents=2, max_episode_steps=3)
    env.reset(seed=1)
    for t in range(1, 10):
        infos = env.step(np.zeros(4, int))[4]
        assert ("final_info" in infos and "metrics" in infos["final_info"]) == (t % 3 == 0)
        if t == 4:
            assert env.statistics(clear=True)["num_episodes"] == 2


# Forbidden actions

WALLED = {"map": "a#\nA.", "mask_obstacles": True}  # right is forbidden, down is allowed; 0 waits


def test_a_forbidden_action_is_replaced_and_named_by_every_adapter():
    env = gymnasium.make(PATHFINDING, **WALLED)
    env.reset(seed=1)
    forbidden = int(np.flatnonzero(env.reset(seed=1)[1]["action_mask"] == 0)[0])
    assert forbidden > 0
    *_, info = env.step(forbidden)
    assert info["illegal_action"] == forbidden
    assert env.unwrapped._environment.get_field("position").tolist() == [[[0, 0]]]
    assert "illegal_action" not in env.step(0)[4]

    vector = make_vec(PATHFINDING, 3, **WALLED)
    vector.reset(seed=1)
    infos = vector.step(np.array([0, forbidden, 0]))[4]
    assert infos["illegal_action"].tolist() == [0, forbidden, 0] and infos["_illegal_action"].tolist() == [False, True, False]
    assert "illegal_action" not in vector.step(np.zeros(3, int))[4]

    parallel = flockstep.parallel_env("pathfinding", **WALLED)
    parallel.reset(seed=1)
    *_, infos = parallel.step({"agent_0": forbidden})
    assert infos["agent_0"]["illegal_action"] == forbidden
    assert "illegal_action" not in parallel.step({"agent_0": 0})[4]["agent_0"]


def test_samples_of_the_action_space_never_raise(device):
    settings = {"num_agents": 5, "mask_obstacles": True, "on_target": "restart", "max_episode_steps": 20}
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        env = make_vec(PATHFINDING, 3, mode, device=device, **settings)
        env.action_space.seed(1)
        _, infos = env.reset(seed=1)
        named = 0
        for _ in range(60):
            action, mask = env.action_space.sample(), infos["action_mask"]
            infos = env.step(action)[4]
            illegal = mask[np.arange(15), action] == 0
            np.testing.assert_array_equal(infos.get("_illegal_action", np.zeros(15, bool)), illegal)
            named += illegal.sum()
        assert named > 50


def test_values_outside_the_space_are_still_refused():
    vector = make_vec(PATHFINDING, 3, **WALLED)
    vector.reset(seed=1)
    with pytest.raises(ValueError, match="action of world 2, agent 0 at step 0: got 5, want an integer from 0 to 4"):
        vector.step(np.array([0, 4, 5]))


def test_forbidden_parts_of_a_multi_discrete_action_are_replaced():
    from flockstep.host import is_forbidden

    part = {"n": [2, 3], "default_choice": [0, 2]}
    mask = np.array([[[1, 0, 0, 1, 0]]], bool)  # of the first integer 0 alone, of the second 1 alone
    for chosen, forbidden in [((0, 1), (0, 0)), ((1, 0), (1, 1)), ((1, 2), (1, 0)), ((7, -1), (0, 0))]:
        np.testing.assert_array_equal(is_forbidden(np.array([[chosen]]), part, mask), np.array([[forbidden]], bool))


def test_the_default_choice_of_each_role_is_played():
    """Whoever is not to act may only pass, which is choice 3 of takers and 2 of the dealer."""
    env, twin = (flockstep.parallel_env("test_stones") for _ in range(2))
    env.reset(seed=1), twin.reset(seed=1)
    turn = [agent for agent, info in env.reset(seed=1)[1].items() if info["acts"]]
    *told, infos = env.step(dict.fromkeys(env.agents, 0))
    *same, _ = twin.step({agent: 0 if agent in turn else 2 if agent.startswith("dealer") else 3 for agent in twin.agents})
    np.testing.assert_equal(told, same)
    assert {agent for agent, info in infos.items() if "illegal_action" in info} == set(env.possible_agents) - set(turn)
    defined = flockstep.parallel_env("test_stones", illegal_actions="pass")
    defined.reset(seed=1)
    assert not any("illegal_action" in info for info in defined.step(dict.fromkeys(defined.agents, 0))[4].values())


def test_flockstep_make_reports_a_forbidden_action():
    env = flockstep.make("pathfinding", device="cpu", **WALLED)
    _, info = env.reset()
    with pytest.raises(ValueError, match="want one that the action mask allows"):
        env.step(np.array([[int(np.flatnonzero(~info["action_mask"][0, 0])[0])]]))


# Seeds


def test_vectors_take_a_seed_for_each_world():
    env = make_vec(PATHFINDING, 3, AutoresetMode.DISABLED, num_agents=2, max_episode_steps=4)
    observation, _ = env.reset(seed=[5, 6, 5])
    rows = observation.reshape(3, 2, -1)
    np.testing.assert_array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])
    single = make_vec(PATHFINDING, 1, AutoresetMode.DISABLED, num_agents=2, max_episode_steps=4)
    np.testing.assert_array_equal(single.reset(seed=6)[0], observation[2:4])
    env.step(np.zeros(6, int))
    mask = np.arange(6) >= 4
    again, _ = env.reset(seed=[0, 0, 6], options={"reset_mask": mask})
    np.testing.assert_array_equal(again[4:], observation[2:4])
    with pytest.raises(ValueError, match="seed: got a list of 6, want 3, one for each world"):
        env.reset(seed=[1] * 6)
    cartpole = make_vec(CARTPOLE, 2)
    theirs = SyncVectorEnv([lambda: gymnasium.make(CARTPOLE)] * 2)
    np.testing.assert_array_equal(cartpole.reset(seed=[3, 4])[0], theirs.reset(seed=[3, 4])[0])


# PettingZoo's attributes


def test_parallel_environments_have_spaces_by_agent_and_a_state():
    env = flockstep.parallel_env("pathfinding", num_agents=4, size=8, density=0.0, max_episode_steps=60, distances=True)
    assert list(env.observation_spaces) == list(env.action_spaces) == env.possible_agents
    assert env.observation_spaces["agent_1"] is env.observation_space("agent_1") and env.action_spaces["agent_1"] is env.action_space("agent_1")
    observations, _ = env.reset(seed=1)
    assert env.state_space.contains(env.state()) and env.state().shape == (4, 3, 11, 11)
    np.testing.assert_array_equal(env.state(), np.stack([observations[agent] for agent in env.possible_agents]))
    while len(env.agents) == 4:
        expert = env._environment.act("pibt").copy()[0]
        env.step({agent: int(expert[i]) for i, agent in enumerate(env.possible_agents) if agent in env.agents})
    gone = [agent not in env.agents for agent in env.possible_agents]
    assert any(gone) and (env.state()[gone] == 0).all() and env.state()[np.invert(gone)].any()


def test_the_state_of_several_roles_is_by_role():
    env = flockstep.parallel_env("mpe_tag")
    env.reset(seed=1)
    state = env.state()
    assert set(state) == {"adversary", "agent"} and env.state_space.contains(state)
    assert state["adversary"].shape[0] == 3 and state["agent"].shape[0] == 1


def test_an_environments_own_state_is_the_state():
    env = flockstep.parallel_env("test_stones")
    names = [array.name for array in env._environment._batch.states]
    assert names
    env.reset(seed=1)
    state = env.state()
    assert env.state_space.contains(state)
    expected = env._environment._batch.states[0].copy()[0]
    np.testing.assert_array_equal(state if len(names) == 1 else state[names[0]], expected)


def test_sync_vector_env_runs_our_single_environments():
    env = SyncVectorEnv([lambda: gymnasium.make(LIFELONG, max_episode_steps=4)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=1)
    for _ in range(4):
        infos = env.step(np.zeros(2, int))[4]
    ours = make_vec(LIFELONG, 2, AutoresetMode.SAME_STEP, max_episode_steps=4)
    ours.reset(seed=1)
    for _ in range(4):
        mine = ours.step(np.zeros(2, int))[4]
    assert set(infos["final_info"]) == set(mine["final_info"]) == {"metrics", "_metrics"}
    assert set(infos["final_info"]["metrics"]) == set(mine["final_info"]["metrics"])
