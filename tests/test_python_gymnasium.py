"""The Gymnasium surface: check_env, and VectorEnvironment beside Gymnasium's own SyncVectorEnv, step by step."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import require_device

gymnasium = pytest.importorskip("gymnasium")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402

ID, NUM_ENVS, TOLERANCE = "flockstep/CartPole-v1", 6, 2e-6
ONLY_PATHFINDING = pytest.mark.skipif("pathfinding" not in flockstep.environments(), reason="pathfinding is not built")
MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]


def make_ours(mode, num_envs=NUM_ENVS, **config):
    return gymnasium.make_vec(ID, num_envs=num_envs, vectorization_mode="vector_entry_point", autoreset_mode=mode, **config)


def make_theirs(mode, max_episode_steps=500):
    make_one = lambda: gymnasium.make("CartPole-v1", max_episode_steps=max_episode_steps)  # noqa: E731
    return SyncVectorEnv([make_one] * NUM_ENVS, autoreset_mode=mode)


def inject(ours, theirs):
    """Gives our worlds the states of theirs, in float32; theirs take that rounding too."""
    states = np.array([env.unwrapped.state for env in theirs.envs], np.float32)
    for env, state in zip(theirs.envs, states, strict=True):
        env.unwrapped.state = state.astype(np.float64)
    fields = {"body": states, "elapsed": np.array([[env._elapsed_steps] for env in theirs.envs], np.int32)}
    if ours.autoreset_mode == AutoresetMode.NEXT_STEP:
        fields["ended"] = theirs._autoreset_envs.astype(np.uint8)[:, None]
    ours.set_fields(fields)


def assert_same_form(ours, theirs):
    """Equal types, keys, shapes and dtypes, at every depth."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same_form(ours[key], theirs[key])
    elif isinstance(theirs, np.ndarray):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        if theirs.dtype == object:
            for a, b in zip(ours, theirs, strict=True):
                assert_same_form(a, b)


def assert_same_step(ours, theirs, restarted):
    """Worlds that restarted in this step drew new states, which are not compared."""
    for a, b in zip(ours, theirs, strict=True):
        assert_same_form(a, b)
    np.testing.assert_allclose(ours[0][~restarted], theirs[0][~restarted], rtol=0, atol=TOLERANCE)
    for a, b in zip(ours[1:4], theirs[1:4], strict=True):
        np.testing.assert_array_equal(a, b)
    for key, mask in theirs[4].items():
        if key.startswith("_"):
            np.testing.assert_array_equal(ours[4][key], mask)
    for a, b in zip(ours[4].get("final_obs", []), theirs[4].get("final_obs", []), strict=True):
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kwargs", [{}, {"max_episode_steps": 7}])
def test_check_env_passes(kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(infinity|render).*")
        env = gymnasium.make(ID, **kwargs)
        check_env(env.unwrapped)


def test_the_single_environment_has_the_spaces_of_cartpole():
    ours, theirs = gymnasium.make(ID), gymnasium.make("CartPole-v1")
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    observation, info = ours.reset(seed=3)
    assert observation.shape == (4,) and observation.dtype == np.float32 and info == {}
    first = ours.step(1)
    assert [type(value) for value in first[1:]] == [float, bool, bool, dict]
    assert not np.shares_memory(first[0], ours.step(1)[0])


@pytest.mark.parametrize("mode", MODES)
def test_spaces_equal_those_of_sync_vector_env(mode):
    ours, theirs = make_ours(mode), make_theirs(mode)
    for name in ("observation_space", "action_space", "single_observation_space", "single_action_space"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.num_envs == theirs.num_envs
    assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"]
    for a, b in zip(ours.reset(seed=1), theirs.reset(seed=1), strict=True):
        assert_same_form(a, b)


@pytest.mark.parametrize("limit", [500, 12])
@pytest.mark.parametrize("mode", MODES)
def test_steps_equal_those_of_sync_vector_env(mode, limit):
    ours, theirs = make_ours(mode, max_episode_steps=limit), make_theirs(mode, limit)
    ours.reset(seed=5), theirs.reset(seed=5)
    random = np.random.default_rng(7)
    endings = 0
    for _ in range(120):
        inject(ours, theirs)
        waiting = theirs._autoreset_envs.copy()
        actions = random.integers(0, 2, NUM_ENVS)
        mine, other = ours.step(actions), theirs.step(actions)
        ended = other[2] | other[3]
        restarted = {AutoresetMode.NEXT_STEP: waiting, AutoresetMode.SAME_STEP: ended}.get(mode, np.zeros(NUM_ENVS, bool))
        assert_same_step(mine, other, restarted)
        endings += ended.sum()
        if mode == AutoresetMode.DISABLED and ended.any():
            kept = mine[0][~ended]
            a, b = ours.reset(options={"reset_mask": ended}), theirs.reset(options={"reset_mask": ended})
            for x, y in zip(a, b, strict=True):
                assert_same_form(x, y)
            np.testing.assert_array_equal(a[0][~ended], kept)
            assert (np.abs(a[0][ended]) <= 0.05).all()
    assert endings > 20


def test_a_disabled_world_that_ended_wants_a_reset():
    ours = make_ours(AutoresetMode.DISABLED, max_episode_steps=1)
    ours.reset(seed=1)
    ours.step(np.zeros(NUM_ENVS, np.int64))
    with pytest.raises(ValueError, match="world 0 has ended, want a reset"):
        ours.step(np.zeros(NUM_ENVS, np.int64))


def test_reset_masks_are_checked():
    ours = make_ours(AutoresetMode.DISABLED)
    ours.reset(seed=1)
    for mask in (np.zeros(NUM_ENVS, bool), np.ones(NUM_ENVS, int), np.ones(NUM_ENVS + 1, bool)):
        with pytest.raises(ValueError, match="reset_mask: got"):
            ours.reset(options={"reset_mask": mask})


def test_arrays_are_copies_and_seeds_repeat():
    ours = make_ours(AutoresetMode.SAME_STEP)
    first, _ = ours.reset(seed=9)
    kept = first.copy()
    actions = ours.action_space.sample()
    out = ours.step(actions)
    np.testing.assert_array_equal(first, kept)
    again, _ = ours.reset(seed=9)
    np.testing.assert_array_equal(again, kept)
    np.testing.assert_array_equal(ours.step(actions)[0], out[0])
    unseeded, _ = ours.reset()
    assert not np.array_equal(unseeded, kept)


@pytest.mark.parametrize("actions", [np.zeros(NUM_ENVS), np.zeros(NUM_ENVS + 1, int), np.zeros((NUM_ENVS, 1), int), np.full(NUM_ENVS, 2), "no"])
def test_wrong_actions_are_refused_in_one_sentence(actions):
    ours = make_ours(AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="^action.*: got .*, want .*$") as error:
        ours.step(actions)
    assert "\n" not in str(error.value)


def test_the_same_works_on_the_gpu():
    device = require_device("cuda")
    one, other = gymnasium.make(ID, device=device), gymnasium.make(ID)
    np.testing.assert_array_equal(one.reset(seed=2)[0], other.reset(seed=2)[0])
    np.testing.assert_array_equal(one.step(1)[0], other.step(1)[0])
    on_gpu, on_cpu = make_ours(AutoresetMode.SAME_STEP, device=device), make_ours(AutoresetMode.SAME_STEP)
    for a, b in zip(on_gpu.reset(seed=2), on_cpu.reset(seed=2), strict=True):
        assert_same_form(a, b)
    random = np.random.default_rng(1)
    for _ in range(50):
        actions = random.integers(0, 2, NUM_ENVS)
        a, b = on_gpu.step(actions), on_cpu.step(actions)
        assert_same_step(a, b, np.zeros(NUM_ENVS, bool))


def test_another_kind_of_array_is_refused():
    with pytest.raises(ValueError, match="array: got 'torch', want none here"):
        make_ours(AutoresetMode.SAME_STEP, array="torch")


def test_the_ids_are_those_that_environments_declare():
    declared = {f"flockstep/{id}": (name, settings) for name, line in flockstep.environments().items() for id, settings in line["gymnasium_ids"].items()}
    registered = {id: spec for id, spec in gymnasium.registry.items() if id.startswith("flockstep/")}
    assert {id: (spec.kwargs["name"], {**spec.kwargs, "name": None}) for id, spec in registered.items()} == {
        id: (name, {"name": None, **settings}) for id, (name, settings) in declared.items()
    }
    assert {ID, "flockstep/Pathfinding-v0", "flockstep/PathfindingLifelong-v0", "flockstep/MpeSpread-v0", "flockstep/MpeTag-v0", "flockstep/Pendulum-v1", "flockstep/Acrobot-v1"} <= set(registered)


@pytest.mark.parametrize("id", sorted(id for id in gymnasium.registry if id.startswith("flockstep/")))
def test_every_id_makes_worlds_with_its_settings(id):
    settings = {name: value for name, value in gymnasium.spec(id).kwargs.items() if name != "name"}
    if id == "flockstep/MpeTag-v0":
        with pytest.raises(ValueError, match="mpe_tag: got an environment of 2 roles, want one of one role"):
            gymnasium.make_vec(id, num_envs=2)
        return
    env = gymnasium.make_vec(id, num_envs=2)
    assert settings.items() <= env._environment.settings.items()
    observation, _ = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    env.close()


@ONLY_PATHFINDING
def test_an_ids_settings_apply_and_keywords_win_over_them():
    env = gymnasium.make("flockstep/PathfindingLifelong-v0")
    assert env.spec.kwargs == {"name": "pathfinding", "on_target": "restart", "collision_system": "soft", "max_episode_steps": 256}
    env.reset(seed=1)
    ends = [env.step(0)[2:4] for _ in range(256)]
    assert ends == [(False, False)] * 255 + [(False, True)]
    again = gymnasium.make(env.spec)
    np.testing.assert_array_equal(again.reset(seed=2)[0], env.reset(seed=2)[0])
    other = gymnasium.make("flockstep/PathfindingLifelong-v0", on_target="nothing")
    assert other.unwrapped._environment.settings["on_target"] == "nothing"
    many = gymnasium.make_vec("flockstep/PathfindingLifelong-v0", num_envs=3, num_agents=2, max_episode_steps=5)
    assert (many._environment.settings["max_episode_steps"], many._environment.settings["on_target"]) == (5, "restart")
    with pytest.raises(ValueError, match='unknown key "on_targt", did you mean "on_target"?'):
        gymnasium.make("flockstep/PathfindingLifelong-v0", on_targt="finish")


def make_pathfinding(mode, **settings):
    settings = {"num_agents": 4, "max_episode_steps": 5, **settings}
    return gymnasium.make_vec("flockstep/Pathfinding-v0", num_envs=3, autoreset_mode=mode, **settings)


@ONLY_PATHFINDING
def test_rows_are_agents_where_there_are_several():
    env = make_pathfinding(AutoresetMode.SAME_STEP)
    observation, info = env.reset(seed=1)
    assert env.num_envs == 12 and env.num_worlds == 3 and observation.shape[0] == 12
    assert env.observation_space.contains(observation) and info["_active"].all()
    for _ in range(5):
        observation, reward, terminated, truncated, info = env.step(np.zeros(12, np.int32))
    assert reward.shape == terminated.shape == truncated.shape == (12,)
    assert truncated.all() and info["_final_obs"].all() and info["episode_start"].all()
    assert all(np.shape(row) == observation.shape[1:] for row in info["final_obs"])


@ONLY_PATHFINDING
def test_masks_are_what_sample_wants():
    env = make_pathfinding(AutoresetMode.NEXT_STEP, mask_obstacles=True)
    _, info = env.reset(seed=1)
    assert info["action_mask"].dtype == np.int8 and info["_action_mask"].all()
    for _ in range(12):
        masks = tuple(info["action_mask"])
        info = env.step(np.array([env.single_action_space.sample(mask=mask) for mask in masks]))[4]


@ONLY_PATHFINDING
def test_a_world_resets_with_all_its_agents():
    env = make_pathfinding(AutoresetMode.DISABLED)
    env.reset(seed=1)
    for _ in range(5):
        truncated = env.step(np.zeros(12, int))[3]
    assert truncated.all()
    mask = np.arange(12) < 6
    with pytest.raises(ValueError, match="a part of a world's agents"):
        env.reset(options={"reset_mask": mask})
    _, info = env.reset(options={"reset_mask": np.arange(12) < 4})
    np.testing.assert_array_equal(info["episode_start"], np.arange(12) < 4)


@ONLY_PATHFINDING
def test_a_single_environment_of_several_agents_says_what_to_use():
    with pytest.raises(ValueError, match="want one; use flockstep.parallel_env"):
        gymnasium.make("flockstep/Pathfinding-v0", num_agents=4)


def test_an_old_gymnasium_costs_the_adapters_alone(tmp_path):
    (tmp_path / "gymnasium").mkdir()
    (tmp_path / "gymnasium/__init__.py").write_text("")
    (tmp_path / "gymnasium/vector.py").write_text("")  # as before AutoresetMode
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import flockstep as f; f.make('cartpole', num_envs=2).reset()"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "UserWarning: flockstep needs gymnasium 1.2 or newer" in result.stderr
