"""ONNX models of trained policies: onnxruntime computes what the policy does. Skipped without onnx and onnxruntime."""

import json
import re

import numpy as np
import pytest
from command import needs_test_program

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")
safe_open = pytest.importorskip("safetensors").safe_open
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")
from flockstep import onnx_export  # noqa: E402
from policy_cases import EXACT, play  # noqa: E402
from policy_reference import ReferencePolicies  # noqa: E402

pytestmark = needs_test_program


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def names_and_types(arguments):
    return {argument.name: (argument.type, argument.shape) for argument in arguments}


def rows_of(array, size):
    """[rows, ...] of [num_envs, agents, ...] of one agent's size."""
    return array.reshape(-1, *array.shape[array.ndim - size :])


def branch_of(tree, policy, role):
    return tree[role] if len(policy.roles) > 1 else tree


def inputs_of(policy, role, observation, mask):
    """What a model wants, of all agents of a role."""
    spec = policy.roles[role]
    feed = {}
    for part, shape in spec["observation"].items():
        branch = branch_of(observation, policy, role)
        feed[part] = rows_of(branch[part] if isinstance(branch, dict) else branch, len(shape))
    several = len(spec["action"]) > 1
    for name, action in spec["action"].items():
        if action.get("has_mask"):
            branch = branch_of(mask, policy, role)
            feed[f"action_mask.{name}" if several else "action_mask"] = rows_of(branch[name] if several else branch, 1).astype(bool)
    return feed


def wanted_of(policy, role, observation, mask):
    """The same outputs from the policy itself, [num_envs, agents of the role, ...]."""
    parts, first, count = policy.roles[role]["action"], 0, None
    for name in policy.roles:
        branch = branch_of(observation, policy, name)
        count = (next(iter(branch.values())) if isinstance(branch, dict) else branch).shape[1]
        if name == role:
            break
        first += count
    agents = slice(first, first + count)
    action = policy.act(observation, mask, deterministic=True)
    if len(policy.roles) > 1 and not isinstance(action, dict):
        action = {role: action[:, agents]}
    wanted = {"value": policy.value(observation)[:, agents]}
    for output, tree in {"action": action, **policy.distribution(observation, mask)._asdict()}.items():
        for name, part in parts.items():
            if output == "action" or (part["kind"] == "box") == (output != "logits"):
                branch = branch_of(tree, policy, role)
                wanted[f"{output}.{name}" if len(parts) > 1 else output] = branch[name] if len(parts) > 1 else branch
    return wanted


@pytest.mark.parametrize("case", EXACT)
def test_a_model_computes_what_the_policy_does(policy_run, case, tmp_path):
    policy = flockstep.load_policy(policy_run(case), device="cpu")
    _, observation, mask = play(policy, num_envs=9)
    for name in policy.policies:
        policy.export_onnx(tmp_path / f"{name}.onnx", policy=name)
        session = session_of(tmp_path / f"{name}.onnx")
        for role, agents in members_of(policy_run(case), name):
            outputs = [output.name for output in session.get_outputs()]
            got = dict(zip(outputs, session.run(None, inputs_of(policy, role, observation, mask)), strict=True))
            wanted = wanted_of(policy, role, observation, mask)
            assert set(got) == set(wanted)
            for output, want in wanted.items():
                own = (slice(None), agents or slice(None))
                assert got[output].dtype == want.dtype
                np.testing.assert_allclose(got[output].reshape(want.shape)[own], want[own], rtol=1e-5, atol=1e-5, err_msg=output)


def members_of(run, policy):
    """Roles whose agents a policy plays, and which of them; empty: all."""
    with safe_open(run / "checkpoint.safetensors", "numpy") as file:
        specs = json.loads(file.metadata()["policies"])
    (spec,) = (spec for spec in specs if spec["name"] == policy)
    return [(member["role"], member["agents"]) for member in spec["members"]]


def test_inputs_and_outputs_have_names_shapes_and_types(policy_run, tmp_path):
    file = tmp_path / "model.onnx"
    flockstep.load_policy(policy_run("masked"), device="cpu").export_onnx(file)
    session = session_of(file)
    assert names_and_types(session.get_inputs()) == {
        "windows": ("tensor(uint8)", ["rows", 3, 5, 5]),
        "cost_to_go": ("tensor(int8)", ["rows", 5, 5]),
        "intent": ("tensor(uint8)", ["rows", 5, 5]),
        "action_mask": ("tensor(bool)", ["rows", 5]),
    }
    assert names_and_types(session.get_outputs()) == {
        "logits": ("tensor(float)", ["rows", 5]),
        "action": ("tensor(int32)", ["rows"]),
        "value": ("tensor(float)", ["rows"]),
    }
    model = onnx.load(file)
    assert {each.key: each.value for each in model.metadata_props} == {"environment": "pathfinding", "policy": "agent"}
    assert (model.opset_import[0].version, model.ir_version, model.producer_name) == (17, 8, "flockstep")


def test_actions_of_several_parts_have_outputs_by_part(policy_run, tmp_path):
    flockstep.load_policy(policy_run("parts"), device="cpu").export_onnx(tmp_path / "model.onnx")
    outputs = names_and_types(session_of(tmp_path / "model.onnx").get_outputs())
    assert outputs == {
        "logits.gear": ("tensor(float)", ["rows", 3]),
        "action.gear": ("tensor(int32)", ["rows"]),
        "logits.switch": ("tensor(float)", ["rows", 9]),
        "action.switch": ("tensor(int32)", ["rows", 3]),
        "mean.motor": ("tensor(float)", ["rows", 2]),
        "std.motor": ("tensor(float)", ["rows", 2]),
        "action.motor": ("tensor(float)", ["rows", 2]),
        "value": ("tensor(float)", ["rows"]),
    }


def test_a_policy_trained_in_bfloat16_is_computed_in_float32(policy_run, tmp_path):
    run = policy_run("bfloat16")
    policy, reference = flockstep.load_policy(run, device="cpu"), ReferencePolicies(run)
    _, observation, mask = play(policy)
    policy.export_onnx(tmp_path / "model.onnx")
    value, logits = session_of(tmp_path / "model.onnx").run(["value", "logits"], inputs_of(policy, "agent", observation, mask))
    np.testing.assert_allclose(value[:, None], reference.value(observation, mask), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(logits[:, None], policy.distribution(observation, mask).logits, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("case", ["joint_critic"])
def test_a_critic_that_sees_more_is_left_out(policy_run, case, tmp_path):
    policy = flockstep.load_policy(policy_run(case), device="cpu")
    policy.export_onnx(tmp_path / "model.onnx")
    _, observation, _ = play(policy)
    session = session_of(tmp_path / "model.onnx")
    assert [output.name for output in session.get_outputs()] == ["mean", "std", "action"]
    (mean,) = session.run(["mean"], inputs_of(policy, "agent", observation, None))
    np.testing.assert_allclose(mean.reshape(5, -1, 5), policy.distribution(observation).mean, rtol=1e-5, atol=1e-5)


def test_a_mask_that_allows_nothing_gives_action_0(policy_run, tmp_path):
    policy = flockstep.load_policy(policy_run("masked"), device="cpu")
    policy.export_onnx(tmp_path / "model.onnx")
    _, observation, mask = play(policy)
    nothing = np.zeros_like(mask)
    (action,) = session_of(tmp_path / "model.onnx").run(["action"], inputs_of(policy, "agent", observation, nothing))
    assert (action == 0).all() and (policy.act(observation, nothing) == 0).all()


def refusal(f):
    with pytest.raises(ValueError) as error:
        f()
    return str(error.value)


def test_a_policy_that_is_not_there_gets_one_sentence(policy_run, tmp_path):
    policy = flockstep.load_policy(policy_run("roles"), device="cpu")
    assert policy.policies == ["keeper", "boat"]
    assert refusal(lambda: policy.export_onnx(tmp_path / "x")) == "policy: got none, want one of: keeper, boat"
    assert refusal(lambda: policy.export_onnx(tmp_path / "x", policy="agent")) == "policy: got 'agent', want one of: keeper, boat"
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_was_registered_gets_one_sentence(tmp_path):
    """The program's own encoders are mlp and cnn; others come with a build of one's own."""

    class Checkpoint:
        policies = ["agent"]

        def network(self, name):
            return {"name": name, "encoder": "transformer"}

    sentence = "encoder: got 'transformer', which export_onnx does not know; want mlp or cnn"
    assert refusal(lambda: onnx_export.export(Checkpoint(), None, tmp_path / "x")) == sentence


def test_a_path_that_cannot_be_written_is_named(policy_run, tmp_path):
    policy = flockstep.load_policy(policy_run("masked"), device="cpu")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "none" / "model.onnx"))):
        policy.export_onnx(tmp_path / "none" / "model.onnx")
