"""Wrong types and values that only Python can give: ValueError in one readable sentence, whatever they are."""

import copy
import importlib.util
import os

import numpy as np
import pytest

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
N = 3


def make(name="cartpole", **options):
    return flockstep.make(name, num_envs=N, device="cpu", **options)


def refusal(call):
    with pytest.raises(ValueError) as error:
        call()
    sentence = str(error.value)
    assert sentence and sentence.isprintable() and len(sentence) < 1500
    return sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtypes": "float32"}, "dtypes: got 'float32', want a dict such as {\"*\": \"float32\"}"),
        ({"dtypes": ["float32"]}, "dtypes: got ['float32'], want a dict"),
        ({"dtypes": {"*": 32}}, 'dtype: got "32", want uint8, int8, bfloat16 or float32'),
        ({"scripted": "pibt"}, "scripted: got 'pibt', want a dict {role: policy}"),
        ({"outputs": 5}, "outputs: got 5, want a list of names"),
        ({"outputs": ["\ud800"]}, r"outputs: got '\ud800', want text that UTF-8 can hold"),
        ({"id": "\ud800"}, r"environment: got '\ud800', want text that UTF-8 can hold"),
        ({"device": "cpu\ud800"}, r"device: got 'cpu\ud800', want text that UTF-8 can hold"),
        ({"plan": "\0"}, r"plan: got '\x00', want text without zero bytes"),
        ({"max_episode_steps": "\ud800"}, r"max_episode_steps: got '\ud800', want text that UTF-8 can hold"),
        ({"max_episode_steps": 10**5000}, "max_episode_steps: got an integer of 16610 bits, want an integer from -9223372036854775808 to 9223372036854775807"),
        ({"max_episode_steps": "9" * 30}, f'max_episode_steps: got "{"9" * 30}", want an integer from 1 to 8388608'),
        ({"max_episode_steps": "1\x1b[2J\n"}, r'max_episode_steps: got "1\x1b[2J\n", want an integer from 1 to 8388608'),
        ({"\ud800": 1}, r"settings: got '\ud800', want text that UTF-8 can hold"),
        ({"\x1b[2J": 1}, r'cartpole: unknown key "\x1b[2J"'),
        ({"seed": 2**64}, "seed: got 18446744073709551616, want an integer from 0 to 18446744073709551615"),
        ({"seed": 10**5000}, "seed: got an integer of 16610 bits, want an integer from 0 to 18446744073709551615"),
        ({"num_envs": "x" * 100_000}, "num_envs: got 'xxx"),
    ],
)
def test_options(options, sentence):
    assert refusal(lambda: flockstep.make(**{"id": "cartpole", "num_envs": N, "device": "cpu", **options})).startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([1], "fields: got [1], want a dict {name: array}"),
        (None, "fields: got [], want a dict {name: array}"),
        ({"elapsed": [[2**40]] * N}, "field elapsed: got 1099511627776, want an integer from -2147483648 to 2147483647"),
        ({"elapsed": [[2**70]] * N}, "field elapsed: got 1180591620717411303424, want an integer from -2147483648 to 2147483647"),
        ({"elapsed": [[1.5]] * N}, "field elapsed: got 1.5, want an integer from -2147483648 to 2147483647"),
        ({"elapsed": [[float("nan")]] * N}, "field elapsed: got nan, want an integer"),
        ({"elapsed": [["1"]] * N}, "field elapsed: got '1', want an integer"),
        ({"elapsed": [[1], [1, 2], [3]]}, "field elapsed: got lists of different lengths, want an array"),
        ({"elapsed": None}, "field elapsed: got NoneType, want an array in host memory"),
        ({"elapsed": np.array([[1.5]] * N)}, "field elapsed: got float64 [3, 1], want int32 [3, 1]"),
        ({"body": [[1e39, 0, 0, 0]] * N}, "field body: got 1e+39, want a float32"),
        ({"body": [["a", 0, 0, 0]] * N}, "field body: got 'a', want a float32"),
        ({"body": [[10**400, 0, 0, 0]] * N}, "field body: got 1000000"),
        ({"\ud800": [1]}, r"field: got '\ud800', want text that UTF-8 can hold"),
        ({3: [1]}, 'field: got "3", want one of: elapsed, '),
    ],
)
def test_fields(fields, sentence):
    env = make()
    env.reset(seed=1)
    before = env.get_field("body")
    assert refusal(lambda: env.set_fields(fields)).startswith(sentence)
    np.testing.assert_array_equal(env.get_field("body"), before)


def test_integral_floats_are_integers_in_lists():
    env = make()
    env.reset(seed=1)
    env.set_fields({"elapsed": [[7.0], [np.float32(8)], [np.int64(9)]]})
    assert env.get_field("elapsed").tolist() == [[7], [8], [9]]


def test_names_of_fields():
    env = make()
    assert refusal(lambda: env.get_field(None)).startswith("field: got None, want a name, one of: elapsed, ")
    assert refusal(lambda: env.get_field(["elapsed"])).startswith("field: got ['elapsed'], want a name, one of: ")
    assert refusal(lambda: env.get_field("\ud800")) == r"field: got '\ud800', want text that UTF-8 can hold"


def test_reset_options():
    env = make()
    assert refusal(lambda: env.reset(options=[1])) == "options: got [1], want a dict"
    assert refusal(lambda: env.reset(options={"\ud800\x1b": 1})).startswith(r'options: unknown key "\ud800\x1b", want reset_mask')
    assert refusal(lambda: env.reset(seed="\ud800")).startswith("seed: got '")


def test_states_with_a_seed_of_another_type_are_refused():
    env = make()
    env.reset(seed=5)
    state = env.state_dict()
    for seed in (np.array([5], np.int64), np.array([5.0]), np.array([[5]], np.uint64), np.array([5, 6], np.uint64)):
        wrong = copy.deepcopy(state)
        wrong["fields"]["seed"] = seed
        assert refusal(lambda: env.load_state_dict(wrong)) == f"state: seed: got {seed.dtype} {list(seed.shape)}, want uint64 [1]"
    env.load_state_dict(state)
    del state["fields"]["seed"]
    assert refusal(lambda: env.load_state_dict(state)) == "state: the seed is missing"


@pytest.mark.parametrize("function", [flockstep.find_device, flockstep.describe_device])
def test_names_of_devices(function):
    assert refusal(lambda: function(None)) == "device: got None, want a string"
    assert refusal(lambda: function(3)) == "device: got int, want a string"
    assert refusal(lambda: function("\ud800")) == r"device: got '\ud800', want text that UTF-8 can hold"
    assert refusal(lambda: function("\x1b")) == r'device: got "\x1b", want auto, cpu, cuda or cuda:N'


class Elsewhere:
    """An array that says that it lies somewhere."""

    def __init__(self, device):
        self.device = device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **_):
        raise BufferError("not here")


@pytest.mark.parametrize("device", [None, "cpu", (1,), (1, 0, 0), (2**40, 0), (1, "x"), 5])
def test_devices_that_are_no_pair_of_integers(device):
    env = make()
    says = f"got a DLPack device that is {type(device).__name__}, want a pair of integers, (type, index)"
    assert refusal(lambda: env.step(Elsewhere(device))) == f"action: {says}"
    assert refusal(lambda: env.reset(options={"reset_mask": Elsewhere(device)})) == f"reset_mask: {says}"
    assert refusal(lambda: make(array="dlpack").reset()[0].__dlpack__(dl_device=device or ())).startswith("dl_device: got a DLPack device")


def test_arguments_of_dlpack():
    array = make(array="dlpack").reset()[0]
    assert refusal(lambda: array.__dlpack__(max_version="1")) == "max_version: got str, want a pair of integers, (major, minor)"


@pytest.mark.parametrize("action", [[[0], [1, 2], [0]], [["a"]] * N, [[2**70]] * N, "left", object()])
def test_actions_that_are_no_arrays(action):
    assert refusal(lambda: make().step(action)).startswith("action: got ")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e38, 1.5, -1.25])
def test_a_refused_box_action_is_quoted_as_it_is(value):
    env = make("mpe_spread", action_type="continuous")
    env.reset(seed=1)
    action = np.zeros(env.action_space.shape, np.float32)
    action[1, 2, 0] = value  # its part of the space is 0..1
    sentence = refusal(lambda: env.step(action))
    assert sentence.startswith(f"action of world 1, agent 2 at step 0: got {value:g}, want a number from ")


@pytest.mark.parametrize("kind", [flockstep.Batch, flockstep.Array])
def test_objects_made_without_their_constructor_are_refused(kind):
    bare = kind.__new__(kind)
    for name in [name for name in dir(kind) if isinstance(getattr(kind, name), property)]:
        assert refusal(lambda: getattr(bare, name)) == "object: created without its constructor"


def test_files_whose_names_are_no_utf8(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")
    with open(name, "w") as file:
        file.write("..\n.#\n")
    env = flockstep.make("pathfinding", device="cpu", map=name)
    assert env.settings["map"] == name
    os.remove(name)
    again = refusal(lambda: flockstep.make("pathfinding", device="cpu", map=name))
    assert again == f"{tmp_path}/caf\\xe9.txt: got no such file or directory, want a regular file that can be read"


def test_policies_of_files_whose_names_are_no_utf8(tmp_path):
    pytest.importorskip("torch")
    if not importlib.util.find_spec("flockstep._flockstep_policy"):
        pytest.skip("the policy module is not built")  # one that is built but cannot be loaded fails
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.safetensors")
    for path, says in [(name, r"caf\xe9\n.safetensors"), ("\ud800", r"path: got '\ud800', want a path"), (None, "path: got None, want a path"), (3.5, "path: got 3.5, want a path")]:
        assert says in refusal(lambda: flockstep.load_policy(path, device="cpu"))
