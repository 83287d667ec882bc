"""Distributions, log-probabilities, entropies and values of trained policies in Python, against policy_reference.py."""

import numpy as np
import pytest
from command import needs_test_program
from conftest import require_device, to_numpy

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")
from policy_cases import EXACT, copied, play  # noqa: E402
from policy_reference import ReferencePolicies, deviations  # noqa: E402

pytestmark = needs_test_program


def on(device, tree):
    """A tree of numpy arrays where a policy on `device` wants it."""
    return tree if device == "cpu" else copied(tree, lambda array: torch.from_numpy(array).to(device))


def by_role(policy, tree):
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


@pytest.mark.parametrize("case", EXACT)
def test_distributions_are_those_of_the_networks(policy_run, case, device):
    policy, reference = flockstep.load_policy(policy_run(case), device=device), ReferencePolicies(policy_run(case))
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


@pytest.mark.parametrize("case", EXACT)
def test_values_and_entropies_are_those_of_the_networks(policy_run, case, device):
    policy, reference = flockstep.load_policy(policy_run(case), device=device), ReferencePolicies(policy_run(case))
    _, observation, mask = play(policy)
    value, entropy = policy.value(on(device, observation)), policy.entropy(on(device, observation), on(device, mask))
    assert tuple(value.shape) == tuple(entropy.shape) == (5, reference.num_agents)
    assert "float32" in str(value.dtype) and isinstance(value, torch.Tensor) == (device != "cpu")
    close(value, reference.value(observation, mask))
    close(entropy, reference.entropy(observation, mask))


@pytest.mark.parametrize("case", EXACT)
def test_log_probs_of_sampled_actions_are_those_of_the_networks(policy_run, case, device):
    policy, reference = flockstep.load_policy(policy_run(case), device=device), ReferencePolicies(policy_run(case))
    _, observation, mask = play(policy)
    given = on(device, observation), on(device, mask)
    action, log_prob = policy.act(*given, clip=False, return_log_prob=True)
    want = reference.log_prob(observation, mask, as_action_tree(policy, reference, copied(action, to_numpy)))
    again = policy.log_prob(given[0], action, given[1])
    if not reference.policies[0].head.is_squashed:
        close(again, want)
        close(log_prob, want)
        return
    # An action close to the bound that squashes it does not tell its number to all digits.
    close(again, want, 1e-3)
    assert np.isclose(to_numpy(log_prob), want, rtol=1e-3, atol=1e-3).mean() > 0.9


@pytest.mark.parametrize("case", EXACT)
def test_one_pass_gives_all_three(policy_run, case, device):
    policy = flockstep.load_policy(policy_run(case), device=device)
    _, observation, mask = play(policy)
    observation, mask = on(device, observation), on(device, mask)
    action = policy.act(observation, mask)
    value, log_prob, entropy = (to_numpy(array) for array in policy.evaluate_actions(observation, action, mask))
    np.testing.assert_array_equal(value, to_numpy(policy.value(observation)))
    np.testing.assert_array_equal(log_prob, to_numpy(policy.log_prob(observation, action, mask)))
    np.testing.assert_array_equal(entropy, to_numpy(policy.entropy(observation, mask)))


@pytest.mark.parametrize("case", EXACT)
def test_the_most_probable_action_has_the_highest_log_prob(policy_run, case):
    policy = flockstep.load_policy(policy_run(case), device="cpu")
    if any(action["kind"] == "box" for role in policy.roles.values() for action in role["action"].values()):
        pytest.skip("a density, which squashing moves")
    _, observation, mask = play(policy)
    best = policy.log_prob(observation, policy.act(observation, mask, deterministic=True), mask)
    assert all((policy.log_prob(observation, policy.act(observation, mask), mask) <= best).all() for _ in range(5))


# Actions that no policy took


def test_choices_that_are_illegal_or_none_have_no_probability(policy_run, device):
    policy = flockstep.load_policy(policy_run("masked"), device=device)
    _, observation, mask = play(policy)
    mask[:] = [True, False, True, True, True]
    given = on(device, observation), on(device, mask)
    by_choice = [to_numpy(policy.log_prob(given[0], on(device, np.full((5, 3), k)), given[1])) for k in range(5)]
    close(np.exp(by_choice).sum(0), np.ones((5, 3)))
    for k in (1, -1, 5, 2**40):
        assert np.isneginf(to_numpy(policy.log_prob(given[0], on(device, np.full((5, 3), k)), given[1]))).all()
    nothing = on(device, np.zeros_like(mask))
    assert (to_numpy(policy.log_prob(given[0], on(device, np.zeros((5, 3), int)), nothing)) == 0).all()
    assert np.isneginf(to_numpy(policy.log_prob(given[0], on(device, np.ones((5, 3), int)), nothing))).all()
    assert np.isneginf(to_numpy(policy.distribution(given[0], nothing).logits)).all()
    assert (to_numpy(policy.entropy(given[0], nothing)) == 0).all()


def test_unclipped_actions_keep_their_log_prob(policy_run):
    """A deviation of 2 leaves the bounds often."""
    policy = flockstep.load_policy(policy_run("box_clipped"), device="cpu")
    _, observation, _ = play(policy, num_envs=200)
    action, log_prob = policy.act(observation, seed=1, clip=False, return_log_prob=True)
    clipped, same = policy.act(observation, seed=1, return_log_prob=True)
    np.testing.assert_array_equal(clipped, np.clip(action, -2, 2))
    np.testing.assert_array_equal(log_prob, same)
    assert 0.2 < (action != clipped).mean() < 0.9
    np.testing.assert_allclose(policy.log_prob(observation, action), log_prob, rtol=1e-5, atol=1e-5)
    inside = (action == clipped).all(-1)
    clipped_log_prob = policy.log_prob(observation, clipped)
    np.testing.assert_allclose(clipped_log_prob[inside], log_prob[inside], rtol=1e-5, atol=1e-5)
    assert (clipped_log_prob[~inside] > log_prob[~inside]).all()  # the bound is nearer to the mean


def test_squashed_actions_at_their_bound_have_a_finite_log_prob(policy_run):
    policy = flockstep.load_policy(policy_run("box_wide"), device="cpu")
    _, observation, _ = play(policy)
    for bound in (-2.0, 2.0, -3.0):
        assert np.isfinite(policy.log_prob(observation, np.full((5, 1, 1), bound, np.float32))).all()


def test_densities_are_of_the_number_between_minus_one_and_one(policy_run):
    """The integral over the bounds, -2 .. 2, of exp(log_prob) is 2: half the distance of the bounds."""
    policy = flockstep.load_policy(policy_run("box_wide"), device="cpu")
    grid = np.linspace(-2, 2, 40_001, dtype=np.float32)[:, None, None]
    _, observation, _ = play(policy, num_envs=1)
    density = np.exp(policy.log_prob(np.repeat(observation, len(grid), 0), grid))
    assert density[1:-1].sum() * 1e-4 == pytest.approx(2, abs=2e-3)


# Arguments


def test_leading_axes_are_kept(policy_run):
    policy = flockstep.load_policy(policy_run("mlp"), device="cpu")
    observation = np.random.default_rng(0).normal(size=(6, 1, 4)).astype(np.float32)
    whole = policy.value(observation)
    close(policy.value(observation[:, 0]), whole[:, 0], 0)
    assert policy.value(observation[0, 0]).shape == () and policy.entropy(observation[0, 0].tolist()).shape == ()
    assert policy.distribution(observation[:, 0]).logits.shape == (6, 2)
    assert policy.log_prob(observation[0, 0], 1).shape == () and policy.log_prob(observation[:, 0], [0, 1] * 3).shape == (6,)
    assert policy.distribution(observation).mean is None
    assert policy.calls == 0


def test_predict_is_that_of_stable_baselines3(policy_run):
    policy = flockstep.load_policy(policy_run("mlp"), device="cpu")
    observation = np.zeros((6, 4), np.float32)
    state = policy.initial_state(6)
    action, state = policy.predict(observation, state=state, episode_start=np.ones(6, bool), deterministic=True)
    np.testing.assert_array_equal(action, policy.act(observation, deterministic=True))
    assert state is None
    sentence = "state: got ndarray, want None: the networks of this checkpoint carry no state"
    assert refusal(lambda: policy.predict(observation, state=np.zeros(3))) == sentence
    assert refusal(lambda: policy.initial_state(0)) == "num_envs: got 0, want an integer from 1 to 2147483647"


def refusal(f):
    with pytest.raises(ValueError) as error:
        f()
    return str(error.value)


def test_wrong_actions_get_one_sentence(policy_run):
    policy = flockstep.load_policy(policy_run("mlp"), device="cpu")
    observation = np.zeros((3, 1, 4), np.float32)
    for action, sentence in [
        (np.zeros((3, 1), np.float32), "action: got float32 [3, 1] on cpu, want int32 [3, 1] on cpu"),
        (np.zeros((3, 1), bool), "action: got bool [3, 1] on cpu, want int32 [3, 1] on cpu"),
        (np.zeros((3, 2), int), "action: got int64 [3, 2] on cpu, want int32 [3, 1] on cpu"),
        (torch.zeros((3, 1), dtype=torch.int32, device="meta"), "action: got int32 [3, 1] on meta, want int32 [3, 1] on cpu"),
        ("left", "action: got 'left', want an array of numbers"),
        (None, "action: got None, want an array of numbers"),
    ]:
        assert refusal(lambda: policy.log_prob(observation, action)) == sentence  # noqa: B023
    boxes = flockstep.load_policy(policy_run("box"), device="cpu")
    _, observation, _ = play(boxes)
    assert refusal(lambda: boxes.log_prob(observation, np.zeros((5, 3, 5), int))) == "action: got int64 [5, 3, 5] on cpu, want float32 [5, 3, 5] on cpu"


def test_wrong_trees_of_actions_get_one_sentence(policy_run):
    policy = flockstep.load_policy(policy_run("parts"), device="cpu")
    _, observation, _ = play(policy)
    action = policy.act(observation)
    assert refusal(lambda: policy.log_prob(observation, action["gear"])) == "action: got one ndarray, want a dict with the keys gear, switch, motor"
    sentence = "action.motor: got float32 [5, 2] on cpu, want float32 [5, 3, 2] on cpu"
    assert refusal(lambda: policy.log_prob(observation, {**action, "motor": action["motor"][:, 0]})) == sentence
    roles = flockstep.load_policy(policy_run("integers_of_roles"), device="cpu")
    _, observation, mask = play(roles)
    action = roles.act(observation, mask)
    assert refusal(lambda: roles.log_prob(observation, action["left"], mask)) == "action: got one ndarray, want a dict with the keys left, right"


def test_a_mask_is_wanted_where_it_matters(policy_run):
    policy = flockstep.load_policy(policy_run("masked"), device="cpu")
    _, observation, _ = play(policy)
    for f in (policy.distribution, policy.entropy, lambda observation: policy.log_prob(observation, np.zeros((5, 3), int))):
        assert refusal(lambda: f(observation)) == "action_mask: got None, want the mask that the policy was trained with"  # noqa: B023
    assert policy.value(observation).shape == (5, 3)


@pytest.mark.parametrize(
    ("case", "name", "seen"),
    [
        ("joint_critic", "agent", "the observations of all agents of the world (critic_input = joint)"),
        ("state_critic", "taker", "the environment's global state (critic_input = state)"),
    ],
)
def test_values_that_need_more_than_the_observation_get_one_sentence(policy_run, case, name, seen):
    policy, reference = flockstep.load_policy(policy_run(case), device="cpu"), ReferencePolicies(policy_run(case))
    _, observation, mask = play(policy)
    action = policy.act(observation, mask)
    sentence = f"value: the critic of policy {name} sees {seen}, want one that sees its agent's observation"
    assert refusal(lambda: policy.value(observation)) == sentence
    assert refusal(lambda: policy.evaluate_actions(observation, action, mask)) == sentence
    assert policy.log_prob(observation, action, mask).shape == policy.entropy(observation, mask).shape == (5, reference.num_agents)


def test_results_follow_the_callers_stream(policy_run):
    device = require_device("cuda")
    policy = flockstep.load_policy(policy_run("mlp"), device=device)
    observation = torch.randn((4096, 1, 4), device=device)
    want = policy.evaluate_actions(observation, torch.ones((4096, 1), device=device, dtype=torch.int32))
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        late = torch.zeros_like(observation)
        torch.cuda._sleep(50_000_000)
        late.copy_(observation)
        got = policy.evaluate_actions(late, torch.ones((4096, 1), device=device, dtype=torch.int32))
    torch.cuda.synchronize()
    assert all(torch.equal(*pair) for pair in zip(got, want, strict=True))
