"""flockstep.make: shapes and dtypes, memory without copies, refusals, seeds, state, autoreset. CartPole stands for all;
what needs several agents, roles or masks is tested on the environments that have them."""

import logging
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from conftest import require_device, to_device, to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
from flockstep import _flockstep  # noqa: E402

N = 6
HAS_PATHFINDING = "pathfinding" in flockstep.environments()


def make(**options):
    return flockstep.make("cartpole", **{"num_envs": N, "device": "cpu", **options})


def play(env, steps, seed=0):
    """Fixed actions; the bytes of everything that came back, [steps, num_envs, ...]."""
    random = np.random.default_rng(seed)
    actions = random.integers(0, 2, (steps, 4096, 1))
    history = []
    for action in actions:
        out = env.step(to_device(np.ascontiguousarray(action[: env.num_envs]), env.device))
        history.append([to_numpy(array) for array in out[:4]])
    return [np.stack(column) for column in zip(*history, strict=True)]


def assert_equal(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


# The package


def test_an_environments_own_module_is_there_when_it_is_asked_for():
    script = "import sys, flockstep as f; before = 'flockstep.pathfinding' in sys.modules; print(before, f.pathfinding.__name__)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert result.stdout.split() == ["False", "flockstep.pathfinding"], result.stderr
    with pytest.raises(AttributeError, match="module 'flockstep' has no attribute 'pathfindin'"):
        flockstep.pathfindin
    assert not hasattr(flockstep, "mpe")  # brings no Python


def test_the_package_has_the_python_of_every_environments_folder():
    package, environments = pathlib.Path(flockstep.__file__).parent, pathlib.Path(__file__).parents[1] / "envs"
    brought = {f"{script.parent.name}.py": script for script in environments.glob("*/python.py")}
    for script in environments.glob("*/python/**/*.py"):
        name, _, *inner = script.relative_to(environments).parts
        brought["/".join([name, *inner])] = script
    for name in flockstep.environments():
        brought |= {f"{name}.py": script for script in environments.glob(f"*/{name}.py")}
    assert {"pathfinding.py", "classic.py", "pendulum.py"} <= set(brought)
    for name, source in brought.items():
        assert (package / name).read_text() == source.read_text()


# Shapes, dtypes, spaces


def test_shapes_and_dtypes_are_the_documented_ones(device):
    env = make(device=device)
    observation, info = env.reset(seed=1)
    assert set(info) == {"active", "acts", "episode_start"}
    assert to_numpy(info["episode_start"]).all() and to_numpy(info["active"]).all()
    action = to_device(np.zeros((N, 1), np.int64), device)
    observation, reward, terminated, truncated, info = env.step(action)
    arrays = {"observation": observation, "reward": reward, "terminated": terminated, "truncated": truncated, **info}
    dtypes = {name: (to_numpy(array).shape, to_numpy(array).dtype.name) for name, array in arrays.items()}
    assert dtypes == {
        "observation": ((N, 1, 4), "float32"),
        "reward": ((N, 1), "float32"),
        **{name: ((N, 1), "bool") for name in ("terminated", "truncated", "active", "acts", "episode_start")},
        "final_observation": ((N, 1, 4), "float32"),
        "_final_observation": ((N, 1), "bool"),
    }
    assert env.observation_space.shape == (N, 1, 4) and env.single_observation_space.shape == (4,)
    assert env.action_space.shape == (N, 1) and env.single_action_space.n == 2
    assert env.observation_space.contains(to_numpy(observation))


def test_the_list_of_environments_names_settings_and_wishes():
    line = flockstep.environments()["cartpole"]["settings"][0]
    assert line == {
        "name": "max_episode_steps",
        "type": "integer",
        "default": "500",
        "want": "an integer from 1 to 8388608",
        "help": "steps until truncation",
    }
    assert make(max_episode_steps=np.int64(9)).settings == {"max_episode_steps": 9}


def test_outputs_that_nobody_asked_for_are_none_or_missing():
    env = make(outputs=["reward"], final_observation="none")
    observation, info = env.reset()
    assert observation is None and info == {}
    _, reward, terminated, truncated, info = env.step(env.act())
    assert reward.shape == (N, 1) and terminated is None and truncated is None and info == {}


# Memory


def test_outputs_are_views_at_fixed_addresses():
    env = make()
    first = env.reset()
    before = first[0].copy()
    out = env.step(np.ones((N, 1), np.int32))
    assert np.shares_memory(first[0], out[0]) and out[0].flags.writeable
    assert not np.array_equal(first[0], before)
    again = env.step(np.ones((N, 1), np.int32))
    for a, b in zip(out[:4], again[:4], strict=True):
        assert a.ctypes.data == b.ctypes.data


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_actions_are_read_in_place_and_let_go(dtype):
    import sys

    env = make()
    action = np.ones((N, 1), dtype)
    references = sys.getrefcount(action)
    env.step(action)
    assert sys.getrefcount(action) == references
    assert (env.get_field("elapsed") == 1).all()


def test_numpy_lists_torch_and_our_own_arrays_mean_the_same(device):
    torch = pytest.importorskip("torch")
    action = np.random.default_rng(3).integers(0, 2, (N, 1))
    results = []
    for given in (torch.from_numpy(action).to(device), *([action, action.tolist(), action.astype(np.int32)] if device == "cpu" else [])):
        env = make(device=device)
        env.reset(seed=4)
        results.append(to_numpy(env.step(given)[0]))
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    env = make(device=device, array="dlpack")
    env.step(env.act("random"))


def test_views_outlive_the_environment():
    env = make()
    observation, _ = env.reset(seed=1)
    kept = observation.copy()
    env.close()
    np.testing.assert_array_equal(observation, kept)
    with pytest.raises(ValueError, match="closed"):
        env.step(np.ones((N, 1), np.int32))
    del env
    np.testing.assert_array_equal(observation, kept)


def test_dlpack_exchanges_are_views_of_the_same_memory():
    array = _flockstep.Batch("cartpole", num_envs=N, device="cpu").observations[0]
    view = array.numpy()
    assert array.__dlpack_device__() == (1, 0) and array.shape == (N, 1, 4) and array.dtype == "float32"
    assert np.shares_memory(np.from_dlpack(array), view)
    assert not np.shares_memory(np.from_dlpack(array, copy=True), view)
    assert '"dltensor"' in repr(array.__dlpack__())
    assert '"dltensor"' in repr(array.__dlpack__(max_version=(0, 8)))
    assert '"dltensor_versioned"' in repr(array.__dlpack__(max_version=(1, 0)))
    with pytest.raises(BufferError, match="host memory only"):
        array.__dlpack__(dl_device=(2, 0))
    torch = pytest.importorskip("torch")
    tensor = torch.from_dlpack(array)
    assert tensor.data_ptr() == view.ctypes.data
    tensor[0, 0, 0] = 17
    assert view[0, 0, 0] == 17


def test_flags_cross_as_bool(device):
    torch = pytest.importorskip("torch")
    env = make(device=device, array="torch")
    observation, info = env.reset()
    assert info["active"].dtype == torch.bool and observation.dtype == torch.float32
    assert info["active"].all() and observation.device == torch.device(device)


def test_bfloat16_goes_to_torch():
    torch = pytest.importorskip("torch")
    env = make(dtypes={"observation": "bfloat16"}, array="torch")
    assert env.reset(seed=1)[0].dtype == torch.bfloat16
    env = make(dtypes={"*": torch.float32}, array="torch")
    assert env.reset(seed=1)[0].dtype == torch.float32


def test_steps_follow_the_callers_stream():
    device = require_device("cuda")
    torch = pytest.importorskip("torch")
    env, plain = make(device=device, num_envs=4096), make(device="cpu", num_envs=4096)
    plain.reset(seed=1)
    actions = torch.randint(0, 2, (20, 4096, 1), device=device)
    streams = [torch.cuda.Stream(), torch.cuda.current_stream(), torch.cuda.Stream()]
    torch.cuda.synchronize()
    env.reset(seed=1)
    for i, action in enumerate(actions):
        with torch.cuda.stream(streams[i % 3]):
            observation = env.step(action)[0].clone()
        expected = plain.step(action.cpu().numpy())[0]
        streams[i % 3].synchronize()
        np.testing.assert_array_equal(observation.cpu().numpy(), expected)


def test_a_step_can_be_captured_in_a_graph():
    device = require_device("cuda")
    torch = pytest.importorskip("torch")
    env, plain = make(device=device), make(device="cpu")
    action = torch.ones((N, 1), dtype=torch.int64, device=device)
    env.step(action)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        observation = env.step(action)[0]
    env.reset(seed=3), plain.reset(seed=3)
    for _ in range(5):
        graph.replay()
        expected = plain.step(np.ones((N, 1), np.int64))[0]
        np.testing.assert_array_equal(observation.cpu().numpy(), expected)


# Refusals


def strided():
    return np.zeros((N, 2), np.int64)[:, :1]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (np.zeros((N, 1), np.int8), f"action: got int8 [{N}, 1] on cpu, want int32 or int64 [{N}, 1] on cpu"),
        (np.zeros((N, 1)), f"action: got float64 [{N}, 1] on cpu, want int32 or int64 [{N}, 1] on cpu"),
        (np.zeros(N, int), f"action: got int64 [{N}] on cpu, want int32 or int64 [{N}, 1] on cpu"),
        (np.zeros((N, 1), ">i8"), f"action: got >i8 [{N}, 1] on cpu, want int32 or int64 [{N}, 1] on cpu"),
        (strided(), f"action: got int64 [{N}, 1] on cpu that is not contiguous, want int32 or int64 [{N}, 1] on cpu"),
        ([[0.5]] * N, f"action: got float64 [{N}, 1] on cpu, want int32 or int64 [{N}, 1] on cpu"),
        ("left", f"action: got str, want int32 or int64 [{N}, 1] on cpu"),
        (None, f"action: got NoneType, want int32 or int64 [{N}, 1] on cpu"),
        (np.array([["left"]] * N), f"action: got <U4 [{N}, 1] on cpu, want int32 or int64 [{N}, 1] on cpu"),
        ([[1]] * 2 + [[2]] + [[0]] * (N - 3), "action of world 2, agent 0 at step 0: got 2, want an integer from 0 to 1 (it counted as 0)"),
        ([[1]] * 3 + [[-1]] + [[0]] * (N - 4), "action of world 3, agent 0 at step 0: got -1, want an integer from 0 to 1 (it counted as 0)"),
    ],
)
def test_wrong_actions_get_one_sentence(action, sentence):
    env = make()
    with pytest.raises(ValueError) as error:
        env.step(action)
    assert str(error.value) == sentence
    env.step(np.zeros((N, 1), np.int64))


@pytest.mark.parametrize("make_tensor", ["torch.zeros((N, 1))", "torch.zeros((N, 1), requires_grad=True)", "torch.zeros((N, 1), dtype=torch.int64, device='meta')"])
def test_wrong_tensors_get_one_sentence(make_tensor):
    torch = pytest.importorskip("torch")
    env = make()
    before = env.get_field("elapsed")
    with pytest.raises(ValueError, match=r"^action: got .*, want int32 or int64 \[6, 1\] on cpu$"):
        env.step(eval(make_tensor, {"torch": torch, "N": N}))
    np.testing.assert_array_equal(env.get_field("elapsed"), before)


def test_arrays_on_the_wrong_device_get_one_sentence():
    device = require_device("cuda")
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="^action: got an array on cuda:0, want int32 or int64 .* on cpu$"):
        make().step(torch.zeros((N, 1), dtype=torch.int64, device=device))
    with pytest.raises(ValueError, match="^action: got int64 .* on cpu, want int32 or int64 .* on cuda:0$"):
        make(device=device).step(np.zeros((N, 1), np.int64))


def test_a_refused_value_on_the_gpu_is_told_at_the_next_read():
    device = require_device("cuda")
    env = make(device=device)
    env.step(to_device(np.full((N, 1), 5), device))
    with pytest.raises(ValueError, match="agent 0 at step .: got 5, want an integer from 0 to 1"):
        env.check()
    env.check()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"id": "cartpol"}, 'environment: got "cartpol", want one of: '),
        ({"num_envs": 0}, "num_envs: got 0, want an integer from 1 to 2147483647"),
        ({"num_envs": 2.5}, "num_envs: got 2.5, want an integer from 1 to 2147483647"),
        ({"num_envs": "many"}, "num_envs: got 'many', want an integer from 1 to 2147483647"),
        ({"seed": -1}, "seed: got -1, want an integer from 0 to 18446744073709551615"),
        ({"device": "tpu"}, 'device: got "tpu", want auto, cpu, cuda or cuda:N'),
        ({"device": "cuda:99"}, 'device: got "cuda:99", which cannot be used: '),
        ({"max_episode_step": 3}, 'cartpole: unknown key "max_episode_step", did you mean "max_episode_steps"?'),
        ({"max_episode_steps": 0}, "max_episode_steps: got 0, want an integer from 1 to 8388608"),
        ({"max_episode_steps": None}, "max_episode_steps: got None, want true or false, a number, a string or a list"),
        ({"max_episode_steps": 2**70}, "max_episode_steps: got 1180591620717411303424, want an integer from -9223372036854775808 to 9223372036854775807"),
        ({"autoreset_mode": "never"}, "autoreset_mode: got 'never', want one of: same_step, next_step, disabled"),
        ({"final_observation": "some"}, 'final_observation: got "some", want none, all or truncated'),
        ({"array": "list"}, "array: got 'list', want one of: numpy, torch, dlpack"),
        ({"outputs": ["rewards"]}, 'outputs: got "rewards", want some of: observation, '),
        ({"outputs": "reward"}, "outputs: got 'reward', want a list of names"),
        ({"dtypes": {"observation": "float16"}}, 'dtype: got "float16", want uint8, int8, bfloat16 or float32'),
        ({"dtypes": {"observation": "uint8"}}, "dtypes: got uint8 for observation, want float32 or bfloat16"),
        ({"dtypes": {"picture": "uint8"}}, 'dtypes: got "picture", which is no observation part of cartpole'),
        ({"dtypes": {"*": "bfloat16"}}, "array: numpy has no bfloat16"),
    ],
)
def test_wrong_options_get_one_sentence(options, sentence):
    options = {"id": "cartpole", "num_envs": 2, "device": "cpu", **options}
    with pytest.raises(ValueError) as error:
        flockstep.make(**options)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


def test_more_memory_than_there_is_gets_one_sentence():
    with pytest.raises((RuntimeError, ValueError), match="needs .* MiB, free are"):
        make(num_envs=2**31 - 1)


def test_wrong_fields_get_one_sentence_and_change_nothing():
    env = make()
    env.reset(seed=1)
    before = env.get_field("body")
    good = np.zeros((N, 4), np.float32)
    for fields, sentence in [
        ({"bodies": good}, 'field: got "bodies", want one of: elapsed, '),
        ({"body": good.astype(float)}, rf"field body: got float64 \[{N}, 4\], want float32 \[{N}, 4\]"),
        ({"body": good[:2]}, rf"field body: got float32 \[2, 4\], want float32 \[{N}, 4\]"),
        ({"body": good.astype(np.float16)}, rf"field body: got float16 \[{N}, 4\], want "),
        ({"body": object()}, "field body: got object, want an array in host memory"),
        ({"body": good, "elapsed": good}, "field elapsed: got float32"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            env.set_fields(fields)
        np.testing.assert_array_equal(env.get_field("body"), before)


def test_wrong_resets_and_policies_get_one_sentence():
    env = make(autoreset_mode="disabled")
    for call, sentence in [
        (lambda: env.reset(seed=-3), "seed: got -3"),
        (lambda: env.reset(options={"mask": 1}), 'options: unknown key "mask", want reset_mask'),
        (lambda: env.reset(options={"reset_mask": np.ones(N + 1, bool)}), "reset_mask: got bool .7. on cpu, want uint8 .6. on cpu"),
        (lambda: env.act("expert"), 'policy: got "expert", want one of: random'),
        (lambda: env.act(draw=-1), "draw: got -1"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            call()


# Seeds, state, autoreset


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_worlds(device):
    few, many = make(num_envs=3, device=device), make(num_envs=257, device=device)
    for env in (few, many):
        env.reset(seed=11)
    a, b = play(few, 60), play(many, 60)
    assert_equal(a, [column[:, :3] for column in b])
    third = make(num_envs=1, first_env=2, device=device)
    third.reset(seed=11)
    action = to_device(np.zeros((1, 1), np.int64), device)
    few.reset(seed=11)
    np.testing.assert_array_equal(to_numpy(third.step(action)[0]), to_numpy(few.step(to_device(np.zeros((3, 1), np.int64), device))[0])[2:])


def test_resets_go_on_from_the_seed_of_make():
    first, again = make(seed=5), make(seed=0)
    start = first.reset()[0].copy()
    np.testing.assert_array_equal(again.reset(seed=5)[0], start)
    second = first.reset()[0].copy()
    assert not np.array_equal(second, start)
    np.testing.assert_array_equal(again.reset()[0], second)
    assert not np.array_equal(make(seed=6).reset()[0], start)


def test_random_actions_are_a_function_of_seed_step_and_draw(device):
    env, twin = make(num_envs=64, device=device, seed=2), make(num_envs=64, device=device, seed=2)
    first = to_numpy(env.act("random"))
    np.testing.assert_array_equal(first, to_numpy(twin.act("random")))
    assert set(np.unique(first)) == {0, 1} and first.shape == (64, 1)
    assert not np.array_equal(first, to_numpy(env.act("random", draw=1)))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_act_after_a_step_with_an_own_array_is_fresh_and_leaves_the_array_alone(dtype, device):
    """Expert labels beside a learner's actions: the labels are those of the present state, and nobody's array changes."""
    settings = dict(num_envs=4, num_agents=3, size=8, distances=True, device=device)
    env = flockstep.make("pathfinding", **settings)
    twin = flockstep.make("pathfinding", **settings)
    env.reset(seed=3), twin.reset(seed=3)
    for step in range(6):
        mine = to_device(np.full((4, 3), step % 5, dtype), device)
        env.step(mine), twin.step(to_device(np.full((4, 3), step % 5, np.int32), device))
        fresh = flockstep.make("pathfinding", **settings)
        fresh.load_state_dict(twin.state_dict())
        np.testing.assert_array_equal(to_numpy(env.act("pibt")), to_numpy(fresh.act("pibt")))
        np.testing.assert_array_equal(to_numpy(mine), np.full((4, 3), step % 5))


def test_act_after_the_own_array_is_gone():
    env = flockstep.make("cartpole", num_envs=1 << 20, device="cpu")
    env.step(np.zeros((1 << 20, 1), np.int32))
    assert set(np.unique(env.act("random"))) == {0, 1}


def test_a_world_that_has_ended_waits_for_its_reset_and_counts_once(device):
    env = make(num_envs=2, autoreset_mode="disabled", device=device, max_episode_steps=3)
    env.reset(seed=1)
    for step in range(7):
        observation, reward, terminated, truncated, _ = env.step(to_device(np.full((2, 1), step % 2, np.int32), device))
        assert to_numpy(reward).tolist() == [[float(step < 3)]] * 2
        assert to_numpy(truncated).tolist() == [[step >= 2]] * 2 and not to_numpy(terminated).any()
    statistics = env.statistics()
    assert statistics["num_episodes"] == 2 and statistics["mean"]["episode_length"] == 3


@pytest.mark.parametrize("mode", flockstep.environment.AUTORESET_MODES)
def test_a_saved_state_goes_on_identically(mode, device):
    env = make(autoreset_mode=mode, device=device)
    env.reset(seed=8)
    play(env, 30)
    state = env.state_dict()
    statistics = env.statistics()
    after = play(env, 40, seed=1)
    other = make(autoreset_mode=mode, device=device, seed=99)
    other.load_state_dict(state)
    assert other.statistics() == statistics
    assert_equal(play(other, 40, seed=1), after)


def test_a_state_crosses_devices_and_pickles():
    import pickle

    device = require_device("cuda")
    env, other = make(), make(device=device)
    env.reset(seed=8)
    play(env, 30)
    other.load_state_dict(pickle.loads(pickle.dumps(env.state_dict())))
    assert_equal(play(env, 40), play(other, 40))


def test_a_state_of_something_else_is_refused():
    state = make().state_dict()
    for options, sentence in [
        ({"max_episode_steps": 7}, "state: max_episode_steps: got 500, want 7"),
        ({"first_env": 3}, "state: first_env: got 0, want 3"),
        ({"autoreset_mode": "disabled"}, "state: autoreset_mode: got 'same_step', want 'disabled'"),
        ({"num_envs": N + 1}, r"field \w+: got .*, want "),
    ]:
        with pytest.raises(ValueError, match=sentence):
            make(**options).load_state_dict(state)
    for broken in ({}, None, {**state, "format": 99}):
        with pytest.raises(ValueError, match="state: got format"):
            make().load_state_dict(broken)
    for part in ("identity", "fields"):
        with pytest.raises(ValueError, match=f"state: {part}: got NoneType, want a dict"):
            make().load_state_dict({**state, part: None})
    short = {**state, "fields": {name: value for name, value in state["fields"].items() if name != "body"}}
    with pytest.raises(ValueError, match="body is missing"):
        make().load_state_dict(short)


def test_fields_can_be_set_and_are_observed():
    env = make()
    env.reset(seed=1)
    body = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
    env.set_fields({"body": body, "elapsed": [[7]] * N})
    np.testing.assert_array_equal(env._observation[:, 0], body)
    np.testing.assert_array_equal(env.get_field("body"), body)
    assert (env.get_field("elapsed") == 7).all() and env.fields["body"] == ("float32", (N, 4))


def falling(env):
    """Puts every other world beyond the limit's edge, so that the next step ends it."""
    body = np.zeros((env.num_envs, 4), np.float32)
    body[::2, 0], body[::2, 1] = 2.39, 5.0
    env.set_fields({"body": body})
    ended = np.zeros(env.num_envs, bool)
    ended[::2] = True
    return ended


def step_left(env):
    out = env.step(to_device(np.zeros((env.num_envs, 1), np.int64), env.device))
    return [to_numpy(array)[:, 0] for array in out[:4]], {key: to_numpy(array)[:, 0] for key, array in out[4].items()}


def test_same_step_restarts_at_once_and_keeps_the_final_observation(device):
    env = make(device=device, autoreset_mode="same_step")
    ended = falling(env)
    (observation, reward, terminated, truncated), info = step_left(env)
    np.testing.assert_array_equal(terminated, ended)
    np.testing.assert_array_equal(info["_final_observation"], ended)
    assert (info["final_observation"][ended, 0] > 2.4).all() and (np.abs(observation[ended]) <= 0.05).all()
    assert (reward == 1).all() and not truncated.any()


def test_next_step_restarts_in_the_step_after(device):
    env = make(device=device, autoreset_mode="next_step")
    ended = falling(env)
    (observation, _, terminated, _), info = step_left(env)
    np.testing.assert_array_equal(terminated, ended)
    assert (observation[ended, 0] > 2.4).all() and not info["episode_start"].any()
    (observation, reward, terminated, _), info = step_left(env)
    np.testing.assert_array_equal(info["episode_start"], ended)
    np.testing.assert_array_equal(reward, np.where(ended, 0, 1))
    assert (np.abs(observation[ended]) <= 0.05).all() and not terminated.any()


def test_disabled_restarts_what_the_mask_says(device):
    env = make(device=device, autoreset_mode="disabled")
    ended = falling(env)
    (observation, _, terminated, _), info = step_left(env)
    np.testing.assert_array_equal(terminated, ended)
    for mask in (ended, to_device(ended, device)):
        shown, info = env.reset(options={"reset_mask": mask})
        shown = to_numpy(shown)[:, 0]
        np.testing.assert_array_equal(shown[~ended], observation[~ended])
        assert (np.abs(shown[ended]) <= 0.05).all()
    assert (env.get_field("elapsed")[ended] == 0).all() and (env.get_field("elapsed")[~ended] > 0).all()


def test_statistics_come_lazily_with_info():
    env = make(max_episode_steps=10, final_observation="none")
    for _ in range(10):
        info = env.step(env.act())[4]
    assert "statistics" not in info
    statistics = info["statistics"]
    assert statistics["num_episodes"] >= N and statistics["mean"]["episode_length"] <= 10
    assert statistics == env.statistics(clear=True)
    assert env.statistics()["num_episodes"] == 0 and np.isnan(env.first_episodes()["episode_return"]).all()
    with pytest.raises(KeyError):
        info["nothing"]


def test_auto_says_in_the_log_where_it_runs(caplog):
    with caplog.at_level(logging.INFO, "flockstep"):
        env = flockstep.make("cartpole", num_envs=2, device="auto")
    assert env.device in caplog.text


# Several agents


@pytest.fixture
def pathfinding(device):
    if not HAS_PATHFINDING:
        pytest.skip("pathfinding is not built")
    return lambda **options: flockstep.make(
        "pathfinding", **{"num_envs": 3, "num_agents": 5, "mask_obstacles": True, "device": device, **options}
    )


def test_parts_of_an_observation_have_arrays_of_their_own(pathfinding):
    bare = pathfinding(obs_radius=2)
    observation, _ = bare.reset(seed=1)
    assert tuple(observation.shape) == (3, 5, 3, 5, 5) and bare.single_observation_space.shape == (3, 5, 5)
    env = pathfinding(obs_radius=2, observation="windows,cost_to_go,intent", dtypes={"windows": "float32"})
    observation, info = env.reset(seed=1)
    observation = {name: to_numpy(array) for name, array in observation.items()}
    types = {name: (array.dtype.name, array.shape[2:]) for name, array in observation.items()}
    assert types == {"windows": ("float32", (3, 5, 5)), "cost_to_go": ("int8", (5, 5)), "intent": ("uint8", (5, 5))}
    assert env.observation_space.contains(observation)
    assert set(env.single_observation_space) == {"windows", "cost_to_go", "intent"}


def test_action_masks_say_what_is_allowed(pathfinding):
    env = pathfinding(density=0.4)
    observation, info = env.reset(seed=1)
    for _ in range(10):
        mask, action = to_numpy(info["action_mask"]), to_numpy(env.act("random"))
        assert mask.dtype == bool and mask.shape == (3, 5, 5)
        assert np.take_along_axis(mask, action[..., None].astype(int), 2).all()
        observation, reward, terminated, truncated, info = env.step(env.act("random"))
    env.check()
    assert tuple(reward.shape) == tuple(terminated.shape) == (3, 5)
    world, agent, choice = (index[0] for index in (~to_numpy(info["action_mask"])).nonzero())
    action = np.zeros((3, 5), np.int64)
    action[world, agent] = choice
    with pytest.raises(ValueError, match=f"world {world}, agent {agent} .* got {choice}, want one that the action mask allows"):
        env.step(to_device(action, env.device))
        env.check()


def test_scripted_policies_act_for_every_agent(pathfinding):
    env = pathfinding(num_envs=16, on_target="restart", max_episode_steps=32, distances=True, mask_obstacles=False)
    assert "pibt" in env.policies
    means = {}
    for policy in ("random", "pibt"):
        env.reset(seed=1)
        for _ in range(64):
            env.step(env.act(policy))
        means[policy] = env.statistics(clear=True)["mean"]["avg_throughput"]
    assert means["pibt"] > 2 * means["random"]


def test_environments_of_every_kind(device):
    """The test build's environments: roles, turns, padding, mixed actions."""
    lines = [line for line in _flockstep.environments(tests=True) if line["is_test"]]
    if not lines:
        pytest.skip("this build has no test environments")
    for line in lines:
        if "million" in line["name"] or "crowd" in line["name"]:
            continue
        env = flockstep.make(line["name"], num_envs=4, device=device)
        env.reset(seed=1)
        for _ in range(3):
            observation, reward, terminated, truncated, info = env.step(env.act("random"))
        env.check()
        assert tuple(reward.shape) == (4, env.num_agents)
        if device == "cpu":
            env.action_space.sample(), env.single_action_space.sample()
            assert env.observation_space.contains(observation)
