"""Trained checkpoints that act from Python: what they play, shapes, dtypes, randomness, and what is refused.

Trains tiny checkpoints with $FLOCKSTEP_BINARY, or build/flockstep; without one, everything here is skipped.
"""

import json
import os
import pathlib
import re
import subprocess

import numpy as np
import pytest
from conftest import require_device, to_device, to_numpy

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.numpy")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")

BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", pathlib.Path(__file__).resolve().parent.parent / "build/flockstep"))
pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built")


def run(*words):
    result = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def train(folder, *words):
    """The run folder of a short training run on the CPU."""
    small = ["--config", "none", "--num_envs", "32", "--num_steps", "16", "--hidden_sizes", "16", "--device", "cpu", "--replay", "false"]
    run("train", *words, *small, "--runs", folder)
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def cartpole_run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("cartpole"), "cartpole", "--total_steps", "20000")


@pytest.fixture(scope="module")
def pathfinding_run(tmp_path_factory):
    settings = ["--num_agents", "3", "--observation", "windows,cost_to_go", "--mask_obstacles", "true", "--size", "6"]
    return train(tmp_path_factory.mktemp("pathfinding"), "pathfinding", "--total_steps", "1", *settings)


def first_returns(env, policy, **options):
    """The return of each world's first episode."""
    observation, info = env.reset()
    while np.isnan(returns := env.first_episodes()["episode_return"]).any():
        observation, *_, info = env.step(policy.act(observation, info.get("action_mask"), **options))
    return returns


# Playing


@pytest.mark.parametrize("deterministic", [False, True])
def test_it_plays_as_flockstep_eval_does(cartpole_run, deterministic):
    policy = flockstep.load_policy(cartpole_run, device="cpu", seed=5)
    env = flockstep.make(policy.environment, num_envs=64, seed=5, device="cpu", **policy.settings)
    returns = first_returns(env, policy, deterministic=deterministic)
    words = ["--episodes", 64, "--seed", 5, "--device", "cpu", "--json", *(["--deterministic"] if deterministic else [])]
    evaluation = json.loads(run("eval", "--checkpoint", cartpole_run, *words))
    assert evaluation["metrics"]["episode_return"]["mean"] == pytest.approx(float(returns.mean()), rel=1e-6)
    assert returns.mean() > 30  # random play returns 22


def test_it_says_what_it_was_trained_in(cartpole_run, pathfinding_run):
    policy = flockstep.load_policy(cartpole_run / "checkpoint.safetensors", device="cpu")
    assert (policy.environment, policy.settings, policy.device) == ("cartpole", {"max_episode_steps": 500}, "cpu")
    push = {"kind": "discrete", "n": [2], "has_mask": False}
    assert policy.roles == {"agent": {"observation": {"observation": (4,)}, "action": {"action": push}}}
    role = flockstep.load_policy(str(pathfinding_run), device="cpu").roles["agent"]
    assert role == {
        "observation": {"windows": (3, 11, 11), "cost_to_go": (11, 11)},
        "action": {"action": {"kind": "discrete", "n": [5], "has_mask": True}},
    }


def test_parts_masks_and_other_numbers_of_agents_work(pathfinding_run):
    policy = flockstep.load_policy(pathfinding_run, device="cpu")
    for num_envs, num_agents in ((1, 3), (5, 1), (4, 7)):
        env = flockstep.make("pathfinding", num_envs=num_envs, device="cpu", **{**policy.settings, "num_agents": num_agents})
        observation, info = env.reset(seed=2)
        for _ in range(20):
            action = policy.act(observation, info["action_mask"])
            assert action.shape == (num_envs, num_agents) and action.dtype == np.int32
            assert np.take_along_axis(info["action_mask"], action[..., None], -1).all()
            observation, *_, info = env.step(action)


def test_leading_axes_are_kept(cartpole_run):
    policy = flockstep.load_policy(cartpole_run, device="cpu")
    observation = np.random.default_rng(0).normal(size=(6, 1, 4)).astype(np.float32)
    whole = policy.act(observation, deterministic=True)
    assert whole.shape == (6, 1)
    np.testing.assert_array_equal(policy.act(observation[:, 0], deterministic=True), whole[:, 0])
    for one, want in zip(observation[:, 0], whole[:, 0], strict=True):
        assert policy.act(one, deterministic=True).shape == () and policy.act(one, deterministic=True) == want
    assert policy.act(observation[0, 0].tolist(), deterministic=True) == whole[0, 0]
    assert policy.act(observation.reshape(2, 3, 4), deterministic=True).tolist() == whole.reshape(2, 3).tolist()


def test_it_acts_in_gymnasium_environments(cartpole_run):
    gymnasium = pytest.importorskip("gymnasium")
    policy = flockstep.load_policy(cartpole_run, device="cpu")
    env = gymnasium.make("CartPole-v1")  # Gymnasium's own
    observation, _ = env.reset(seed=0)
    for _ in range(20):
        observation, _, terminated, truncated, _ = env.step(int(policy.act(observation)))
        if terminated or truncated:
            break
    envs = gymnasium.make_vec("flockstep/CartPole-v1", num_envs=3, device="cpu")
    observation, _ = envs.reset(seed=0)
    assert envs.step(policy.act(observation))[0].shape == (3, 4)


def test_torch_comes_back_for_torch(cartpole_run, device):
    policy = flockstep.load_policy(cartpole_run, device=device)
    observation = np.random.default_rng(0).normal(size=(6, 1, 4)).astype(np.float32)
    action = policy.act(torch.from_numpy(observation).to(device), deterministic=True)
    assert action.dtype == torch.int32 and action.device == torch.device(device)
    cpu = flockstep.load_policy(cartpole_run, device="cpu")
    np.testing.assert_array_equal(to_numpy(action), cpu.act(observation, deterministic=True))


def test_it_follows_the_callers_stream(cartpole_run):
    device = require_device("cuda")
    policy = flockstep.load_policy(cartpole_run, device=device)
    observation = torch.randn((4096, 1, 4), device=device)
    want = policy.act(observation, deterministic=True)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        late = torch.zeros_like(observation)
        torch.cuda._sleep(50_000_000)
        late.copy_(observation)
        got = policy.act(late, deterministic=True)
    torch.cuda.synchronize()
    assert torch.equal(got, want)


# Randomness


def test_samples_are_a_function_of_seed_call_world_and_agent(cartpole_run):
    observation = np.zeros((256, 1, 4), np.float32)
    policy, other = (flockstep.load_policy(cartpole_run, device="cpu", seed=7) for _ in range(2))
    first, second = policy.act(observation), policy.act(observation)
    assert (first != second).any() and 0 < first.mean() < 1
    np.testing.assert_array_equal(other.act(observation[:100]), first[:100])
    np.testing.assert_array_equal(other.act(observation), second)
    policy.calls = 0
    np.testing.assert_array_equal(policy.act(observation), first)
    assert policy.calls == 1


def test_a_seed_of_a_call_repeats_it_and_changes_nothing_else(cartpole_run):
    observation = np.zeros((256, 1, 4), np.float32)
    policy = flockstep.load_policy(cartpole_run, device="cpu", seed=7)
    first = policy.act(observation, seed=3)
    np.testing.assert_array_equal(policy.act(observation, seed=3), first)
    assert (policy.act(observation, seed=4) != first).any() and policy.calls == 0


# Refusals


def refusal(f):
    with pytest.raises(ValueError) as error:
        f()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("observation", "sentence"),
    [
        (np.zeros((3, 1, 5), np.float32), "observation: got shape [3, 1, 5], want [num_envs, num_agents, 4]"),
        (np.zeros((2, 3, 1, 4), np.float32), "observation: got shape [2, 3, 1, 4], want [num_envs, num_agents, 4]"),
        (np.zeros((0, 1, 4), np.float32), "observation: got shape [0, 1, 4], want [num_envs, num_agents, 4]"),
        (np.zeros((3, 1, 4)), "observation: got float64 [3, 1, 4] on cpu, want float32 or uint8 or int8 or bfloat16 [3, 1, 4] on cpu"),
        (np.zeros((3, 1, 4), np.int64), "observation: got int64 [3, 1, 4] on cpu, want float32 or uint8 or int8 or bfloat16 [3, 1, 4] on cpu"),
        (np.zeros((3, 1, 8), np.float32)[:, :, ::2], "observation: got float32 [3, 1, 4] on cpu that is not contiguous, want float32 or uint8 or int8 or bfloat16 [3, 1, 4] on cpu"),
        (None, "observation: got NoneType, want an array"),
        ("left", "observation: got str, want an array"),
        ({"windows": 1}, "observation: got the keys windows, want a dict with the keys observation"),
    ],
)
def test_wrong_observations_get_one_sentence(cartpole_run, observation, sentence):
    policy = flockstep.load_policy(cartpole_run, device="cpu")
    assert refusal(lambda: policy.act(observation)) == sentence
    assert policy.act(np.zeros((3, 1, 4), np.float32)).shape == (3, 1)


def test_wrong_tensors_get_one_sentence(cartpole_run):
    policy = flockstep.load_policy(cartpole_run, device="cpu")
    assert refusal(lambda: policy.act(torch.zeros((3, 1, 4), device="meta"))).startswith("observation: got ")
    with_gradient = torch.zeros((3, 1, 4), requires_grad=True)
    assert refusal(lambda: policy.act(with_gradient)).startswith("observation: got an array that cannot be shared")


def test_arrays_on_the_wrong_device_get_one_sentence(cartpole_run):
    device = require_device("cuda")
    on_cpu, on_gpu = (flockstep.load_policy(cartpole_run, device=name) for name in ("cpu", device))
    observation = np.zeros((3, 1, 4), np.float32)
    assert "got an array on cuda:0" in refusal(lambda: on_cpu.act(to_device(observation, device)))
    assert "want float32" in refusal(lambda: on_gpu.act(observation))


def test_parts_and_masks_that_are_missing_or_wrong_get_one_sentence(pathfinding_run):
    policy = flockstep.load_policy(pathfinding_run, device="cpu")
    env = flockstep.make("pathfinding", num_envs=2, device="cpu", **policy.settings)
    observation, info = env.reset()
    mask = info["action_mask"]
    windows = observation["windows"]
    assert refusal(lambda: policy.act(windows, mask)) == "observation: got one ndarray, want a dict with the keys windows, cost_to_go"
    assert refusal(lambda: policy.act({"windows": windows}, mask)) == "observation: got the keys windows, want a dict with the keys windows, cost_to_go"
    assert refusal(lambda: policy.act({**observation, "cost_to_go": observation["cost_to_go"][:1]}, mask)).startswith("cost_to_go: got int8 [1, 3, 11, 11] on cpu")
    assert refusal(lambda: policy.act(observation)) == "action_mask: got None, want the mask that the policy was trained with"
    assert refusal(lambda: policy.act(observation, mask[:1])) == "action_mask: got bool [1, 3, 5] on cpu, want uint8 [2, 3, 5] on cpu"
    assert refusal(lambda: policy.act(observation, mask.astype(np.float32))) == "action_mask: got float32 [2, 3, 5] on cpu, want uint8 [2, 3, 5] on cpu"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seed": -1}, "seed: got -1, want an integer from 0 to 18446744073709551615"),
        ({"device": "tpu"}, 'device: got "tpu", want auto, cpu, cuda or cuda:N'),
    ],
)
def test_wrong_options_get_one_sentence(cartpole_run, options, sentence):
    assert refusal(lambda: flockstep.load_policy(cartpole_run, **{"device": "cpu", **options})) == sentence


def test_a_gpu_that_is_not_there_gets_one_sentence(cartpole_run):
    assert refusal(lambda: flockstep.load_policy(cartpole_run, device="cuda:97")).startswith('device: got "cuda:97", which cannot be used')


def damaged(file, tmp_path, change):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(change(file.read_bytes()))
    return path


def without_array(data):
    """The file without its first array of weights."""
    arrays = safetensors.load(data)
    arrays.pop(next(name for name in sorted(arrays) if ".parameter." in name))
    size = int.from_bytes(data[:8], "little")
    return safetensors.save(arrays, json.loads(data[8 : 8 + size])["__metadata__"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: b"", "it has 0 bytes, too few for a safetensors file"),
        (lambda data: data[: len(data) // 2], "the file is cut short"),
        (lambda data: b"\xff" * 100, "no safetensors file"),
        (lambda data: data[:8] + b"#" * (len(data) - 8), "its header is not JSON"),
        (lambda data: data.replace(b"flockstep checkpoint", b"somebody's checkpint"), "want \"flockstep checkpoint\""),
        (lambda data: data.replace(b'\\"n\\":[2]', b'\\"n\\":[3]'), "want float32 [3, 16]"),
        (lambda data: data.replace(b'\\"actions\\":[', b'\\"axtions\\":['), 'policies[0]: got an object, want an object with "actions"'),
        (without_array, "is missing"),
    ],
)
def test_a_malformed_checkpoint_gets_one_sentence(cartpole_run, tmp_path, change, says):
    file = damaged(cartpole_run / "checkpoint.safetensors", tmp_path, change)
    sentence = refusal(lambda: flockstep.load_policy(file, device="cpu"))
    assert sentence.startswith("checkpoint") and says in sentence


def with_metadata(data, key, text):
    """The file with another text for a key of its metadata."""
    size = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + size])["__metadata__"]
    return safetensors.save(safetensors.load(data), {**metadata, key: text(metadata[key]) if callable(text) else text})


def first_policy(**changes):
    """The text of `policies` with other values in the first of them; those of its first observation part begin with part_, those of
    its first action part with action_."""

    def text(old):
        policies = json.loads(old)
        for name, value in changes.items():
            kind, _, key = name.partition("_")
            if kind in ("part", "action") and key:
                policies[0][f"{kind}s"][0][key] = value
            else:
                policies[0][name] = value
        return json.dumps(policies)

    return text


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("format_version", "9" * 5000 + "\x1b[2J", 'its format version is "' + "9" * 200 + '...", this Flockstep reads 4 and 5'),
        ("policies", "[]", "policies: got a list of 0, want a list of 1 to 16777216 items"),
        ("policies", "null", "policies: got null, want a list of 1 to 16777216 items"),
        ("policies", "{}", "policies: got an object, want a list of 1 to 16777216 items"),
        ("policies", "[" * 1_000_000, "policies: it is not JSON"),
        ("policies", "[" * 1_000_000 + "]" * 1_000_000, "policies[0]: got a list of 1, want an object"),
        ("policies", lambda old: json.dumps(json.loads(old) * 2), 'policies[1].name: got "agent", want a unique policy name'),
        ("policies", first_policy(action_n=[-1]), "policies[0].actions[0].n[0]: got -1, want an integer from 1 to 16777216"),
        ("policies", first_policy(action_n=[1e300]), "policies[0].actions[0].n[0]: got 1e+300, want an integer from 1 to 16777216"),
        ("policies", first_policy(action_n=[3]), "agent.parameter.actor.head.weight is float32 [2, 16], want float32 [3, 16]"),
        ("policies", first_policy(action_kind="word"), 'policies[0].actions[0].kind: got "word", want discrete, multi_discrete or box'),
        ("policies", first_policy(action_kind="box", action_n=[], action_low=[0], action_high=[1, 2]), "policies[0].actions[0].high: got a list of 2, want as many bounds as low"),
        ("policies", first_policy(action_low=[0]), "policies[0].actions[0].low: got a list of 1, want a list of 0 to 0 items"),
        ("policies", first_policy(members=[{"role": "x", "agents": []}]), 'policies[0].members[0].role: got "x", want one of the roles'),
        ("policies", first_policy(members=[{"role": "agent", "agents": [0, 0]}]), "policies[0].members[0].agents: got a list of 2, want a list of 0 to 1 items"),
        ("policies", first_policy(members=[{"role": "agent", "agents": [1]}]), "policies[0].members[0].agents[0]: got 1, want an integer from 0 to 0"),
        ("policies", first_policy(members=[{"role": "agent", "agents": []}] * 2), 'policies: got a list of 1, want one policy for every agent of role "agent"'),
        ("roles", '[{"name": "agent", "first": 0, "count": 18446744073709551615}]', "roles[0].count: got 18446744073709551615, want an integer from 1 to 16777216"),
        ("roles", '[{"name": "agent", "first": -1, "count": 1}]', "roles[0].first: got -1, want an integer from 0 to 0"),
        ("policies", first_policy(parts=[]), "policies[0].parts: got a list of 0, want a list of 1 to 16 items"),
        ("policies", first_policy(part_num_flags=17), "policies[0].parts[0].num_flags: got 17, want an integer from 0 to 16"),
        ("policies", first_policy(part_num_flags=-1), "policies[0].parts[0].num_flags: got -1, want an integer from 0 to 16"),
        ("policies", first_policy(part_scale="1"), 'policies[0].parts[0].scale: got "1", want a number from -1e+30 to 1e+30'),
        ("policies", first_policy(part_dtype="int64"), 'policies[0].parts[0].dtype: got "int64", want uint8, int8, bfloat16 or float32'),
        ("policies", first_policy(part_shape=[65536, 65536]), "policies[0].parts[0].shape: got a list of 2, want at most 16777216 numbers"),
        ("policies", first_policy(part_shape=[0]), "policies[0].parts[0].shape[0]: got 0, want an integer from 1 to 16777216"),
        ("progress", '{"iterations": 1e300, "seconds": 0}', "progress.iterations: got 1e+300, want an integer from 0 to 1099511627776"),
        ("progress", '{"iterations": 1, "seconds": -1}', "progress.seconds: got -1, want a number from 0 to 1e+10"),
        ("training_settings", '{"hidden_sizes": [65536, 65536]}', "agent.parameter.actor.hidden.0.weight is float32 [16, 8], want float32 [65536, 8]"),
        ("training_settings", json.dumps({"hidden_sizes": [16] * 65}), "training_settings.hidden_sizes: got 65 layers, want at most 64"),
        ("training_settings", '{"num_steps": 0}', "training_settings.num_steps: got 0, want an integer from 1 to 65536"),
        ("environment_settings", '{"size": {}}', "environment_settings.size: got an object, want true, false, a number, a string or a list of these"),
    ],
)
def test_every_value_of_the_metadata_is_checked(cartpole_run, tmp_path, key, text, says):
    file = damaged(cartpole_run / "checkpoint.safetensors", tmp_path, lambda data: with_metadata(data, key, text))
    sentence = f"checkpoint {file}: {says}"
    assert refusal(lambda: flockstep.load_policy(file, device="cpu")) == sentence
    result = subprocess.run([BINARY, "eval", "--checkpoint", file, "--episodes", "2", "--device", "cpu"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (2, f"flockstep: {sentence}\n")


def test_a_checkpoint_may_hold_a_policy_that_sees_flags(cartpole_run, tmp_path):
    """Flags of a part are columns of their own: 16 would need weights that are not there, and 1 needs just these."""
    for flags, says in (16, "is float32 [16, 8], want float32 [16, 64]"), (1, None):
        file = damaged(
            cartpole_run / "checkpoint.safetensors", tmp_path, lambda data: with_metadata(data, "policies", first_policy(part_num_flags=flags))
        )
        if says:
            assert says in refusal(lambda: flockstep.load_policy(file, device="cpu"))
        else:
            assert flockstep.load_policy(file, device="cpu").act(np.full((3, 1, 4), 1e38, np.float32)).shape == (3, 1)


def with_array(data, name, change):
    arrays = safetensors.load(data)
    arrays[name] = change(arrays[name].copy())
    size = int.from_bytes(data[:8], "little")
    return safetensors.save(arrays, json.loads(data[8 : 8 + size])["__metadata__"])


def put(value):
    def change(array):
        array.flat[-1] = value
        return array

    return change


def test_weights_that_are_not_finite_are_refused(cartpole_run, tmp_path):
    name = "agent.parameter.actor.head.weight"
    file = damaged(cartpole_run / "checkpoint.safetensors", tmp_path, lambda data: with_array(data, name, put(np.nan)))
    sentence = f"checkpoint {file}: {name}: number 31 is not finite; the file is damaged, or training diverged"
    assert refusal(lambda: flockstep.load_policy(file, device="cpu")) == sentence


def test_arrays_that_share_bytes_are_refused(cartpole_run, tmp_path):
    """Else a file of megabytes could claim terabytes."""

    def change(data):
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        header["again"] = header["agent.parameter.actor.hidden.0.weight"]
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + size :]

    sentence = refusal(lambda: flockstep.load_policy(damaged(cartpole_run / "checkpoint.safetensors", tmp_path, change), device="cpu"))
    assert re.search(r"the array [a-z0-9_.]+ begins at byte \d+ of the data, want \d+, where the one before it ends$", sentence)


def test_a_header_that_is_too_long_is_refused_before_it_is_read(tmp_path):
    file = tmp_path / "long.safetensors"
    with file.open("wb") as out:
        out.write((2**30).to_bytes(8, "little"))
        out.truncate(2**31)
    sentence = f"checkpoint {file}: its header has 1073741824 bytes, want at most 16777216"
    assert refusal(lambda: flockstep.load_policy(file, device="cpu")) == sentence


def test_a_checkpoint_that_is_not_there_gets_one_sentence(tmp_path):
    sentence = f'checkpoint: got "{tmp_path}", want a checkpoint.safetensors or a run folder; there is no {tmp_path}/checkpoint.safetensors'
    assert refusal(lambda: flockstep.load_policy(tmp_path)) == sentence


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_what_a_program_chose_for_torchs_products_stays_and_has_no_say(precision, cartpole_run):
    policy = flockstep.load_policy(cartpole_run, device="cpu")
    observation, _ = flockstep.make("cartpole", num_envs=4, device="cpu", array="numpy").reset(seed=1)
    before = policy.value(observation)

    def choices():
        backends = torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv
        return torch.get_float32_matmul_precision(), [backend.fp32_precision for backend in backends]

    try:
        torch.set_float32_matmul_precision(precision)
        chosen = choices()
        np.testing.assert_array_equal(policy.value(observation), before)
        assert choices() == chosen and chosen[0] == precision
    finally:
        torch.set_float32_matmul_precision("highest")
