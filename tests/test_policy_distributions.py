"""Distributions, log-probabilities, entropies and values of trained policies in Python, against policy_reference.py."""

import numpy as np
import pytest
from command import needs_test_program
from conftest import to_numpy

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")
from policy_cases import copied, play, trained_case  # noqa: E402, F401
from policy_reference import ReferencePolicies, deviations  # noqa: E402

pytestmark = needs_test_program


def on(device, tree):
    """A tree of numpy arrays where a policy on `device` wants it."""
    return tree if device == "cpu" else copied(tree, lambda array: torch.from_numpy(array).to(device))


def by_role(policy, tree, part_of_one=None):
    """A result as a tree with all levels, {role: {part: array}}."""
    tree = tree if len(policy.roles) > 1 else {next(iter(policy.roles)): tree}
    return {
        role: branch if isinstance(branch, dict) else {next(iter(policy.roles[role]["action"])): branch} for role, branch in tree.items()
    }


def as_action_tree(policy, reference, action):
    """Actions as the reference reads trees; one array for all agents is split by roles."""
    if len(policy.roles) == 1 or isinstance(action, dict):
        return action
    return {name: action[:, role["first"] : role["first"] + role["count"]] for name, role in reference.roles.items()}


def close(got, want, tolerance=2e-5):
    np.testing.assert_allclose(to_numpy(got) if hasattr(got, "cpu") else got, want, rtol=tolerance, atol=tolerance)


def test_distributions_are_those_of_the_networks(trained_case, device):  # noqa: F811
    policy, reference = flockstep.load_policy(trained_case, device=device), ReferencePolicies(trained_case)
    _, observation, mask = play(policy)
    distribution = policy.distribution(on(device, observation), on(device, mask))
    trees = {name: by_role(policy, tree) for name, tree in distribution._asdict().items() if tree is not None}
    seen = set()
    for one, action, outputs, raw in reference.columns(observation, mask):
        for role, agents in one.members:
            own = outputs[:, [i for i, each in enumerate(one.agents) if each in reference.roles[role]["first"] + agents]]
            if action["kind"] == "box":
                close(trees["mean"][role][action["name"]][:, agents], own)
                close(trees["std"][role][action["name"]][:, agents], deviations(one, raw)[:, : len(agents)])
                seen |= {"mean", "std"}
                continue
            if action["has_mask"]:
                branch = mask[role] if len(reference.roles) > 1 else mask
                own = np.where((branch[action["name"]] if isinstance(branch, dict) else branch)[:, agents], own, -np.inf)
            close(trees["logits"][role][action["name"]][:, agents], own)
            seen.add("logits")
    assert seen == set(trees)


def test_values_and_entropies_are_those_of_the_networks(trained_case, device):  # noqa: F811
    policy, reference = flockstep.load_policy(trained_case, device=device), ReferencePolicies(trained_case)
    _, observation, mask = play(policy)
    value, entropy = policy.value(on(device, observation)), policy.entropy(on(device, observation), on(device, mask))
    assert tuple(value.shape) == tuple(entropy.shape) == (5, reference.num_agents)
    assert "float32" in str(value.dtype) and isinstance(value, torch.Tensor) == (device != "cpu")
    close(value, reference.value(observation, mask))
    close(entropy, reference.entropy(observation, mask))


def test_log_probs_of_sampled_actions_are_those_of_the_networks(trained_case, device):  # noqa: F811
    policy, reference = flockstep.load_policy(trained_case, device=device), ReferencePolicies(trained_case)
    _, observation, mask = play(policy)
    given = on(device, observation), on(device, mask)
    action, log_prob = policy.act(*given, clip=False, return_log_prob=True)
    want = reference.log_prob(observation, mask, as_action_tree(policy, reference, copied(action, to_numpy)))
    # An action close to the bound that squashes it does not tell its number to all digits.
    is_precise = np.isclose(to_numpy(log_prob), want, rtol=1e-3, atol=1e-3)
    assert is_precise.mean() > 0.9
    close(policy.log_prob(given[0], action, given[1]), want, 1e-3)
    np.testing.assert_allclose(to_numpy(log_prob)[is_precise], want[is_precise], rtol=1e-3, atol=1e-3)


def test_one_pass_gives_all_three(trained_case, device):  # noqa: F811
    policy = flockstep.load_policy(trained_case, device=device)
    _, observation, mask = play(policy)
    observation, mask = on(device, observation), on(device, mask)
    action = policy.act(observation, mask)
    value, log_prob, entropy = (to_numpy(array) for array in policy.evaluate_actions(observation, action, mask))
    np.testing.assert_array_equal(value, to_numpy(policy.value(observation)))
    np.testing.assert_array_equal(log_prob, to_numpy(policy.log_prob(observation, action, mask)))
    np.testing.assert_array_equal(entropy, to_numpy(policy.entropy(observation, mask)))


def test_the_most_probable_action_has_the_highest_log_prob(trained_case):  # noqa: F811
    policy = flockstep.load_policy(trained_case, device="cpu")
    if any(action["kind"] == "box" for role in policy.roles.values() for action in role["action"].values()):
        pytest.skip("a density, which squashing moves")
    _, observation, mask = play(policy)
    best = policy.log_prob(observation, policy.act(observation, mask, deterministic=True), mask)
    assert all((policy.log_prob(observation, policy.act(observation, mask), mask) <= best).all() for _ in range(5))
