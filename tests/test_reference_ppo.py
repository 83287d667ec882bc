"""`flockstep train` against the independent PPO of reference_ppo.py: the same run, weight for weight.

A run with learning rate 0 gives the first weights; the reference repeats the run from them, and after some 40 optimiser
steps weights, Adam's moments, logged losses and normalisers must agree to what float32 leaves of float64.
"""

import json

import pytest
from command import metric_lines, needs_test_program, train_here

torch = pytest.importorskip("torch")
safe_open = pytest.importorskip("safetensors").safe_open
pytest.importorskip("flockstep", reason="the Python module is not built")
import numpy as np
from reference_ppo import ReferencePpo

pytestmark = needs_test_program

TRAINING = dict(num_envs=8, num_steps=24, update_epochs=3, num_minibatches=4, learning_rate=3e-3, seed=5)
TRAINING |= dict(hidden_sizes="32,16", ent_coef=0.02, ent_coef_end=0.005, clip_vloss=0.1, stagger_episodes=False, log_every=3600)
SMALL = dict(num_envs=6, num_steps=20, ent_coef_end=0.01, hidden_sizes="16,16", seed=4, clip_vloss=0)
SHARED = dict(share_layers=True, activation="relu")
NORMALISED = dict(norm_obs=True, norm_reward=True)
ODD = dict(num_envs=7, num_steps=9, num_minibatches=5, norm_adv=False, max_grad_norm=0, anneal_lr=False, ent_coef_end=-1)

WIDE = dict(num_envs=64, num_steps=50, hidden_sizes="256,256")

VANISHING = dict(num_agents=5, min_agents=2, on_target="finish", max_episode_steps=9, size=8, mask_obstacles=True)
VANISHING |= dict(observation="windows,cost_to_go,intent", obs_radius=2, distance_reward=0.1)
PATHFINDING = dict(num_envs=6, num_steps=20)
CHAIN = dict(max_episode_steps=9, num_agents=5, num_places=6, arrival_interval=1)
HERD = dict(max_episode_steps=9, num_sheep=4, num_marks=3)
TUG = dict(max_episode_steps=9)
ROVERS = dict(max_episode_steps=9, reverse=0.5)
SPREAD = dict(max_episode_steps=9, action_type="continuous")
DRIVING = dict(max_episode_steps=9, num_scenes=20, active_agents=3, parked_agents=4)
WORLD_SEQUENCE = dict(minibatch_unit="world_sequence", sequence_length=6)
# Adam divides by the deviation of a gradient, and what float32 rounds off if that is tiny: a larger epsilon evens that out.
EVEN = dict(adam_eps=1e-3)
FEW = dict(num_envs=1, num_steps=2, num_minibatches=2, norm_adv=False, groups="agent")  # rollouts, minibatches without samples
MAPPO = dict(norm_value=True, critic_input="joint", minibatch_unit="world")
BY_STATE, SQUASHED = dict(state_dependent_std=True, init_std=0.6), dict(squash_output=True, min_std=0.05)


def own(group, **settings):
    """Settings of one group."""
    return {f"groups.{group}.{key}": value for key, value in settings.items()}


OWN_NETWORKS = own("adversary", hidden_sizes="24", activation="relu", learning_rate=1e-2, norm_obs=True, share_layers=True)
OWN_NETWORKS |= own("agent", critic_input="joint", norm_value=True, adam_eps=1e-3)
OWN_LOSSES = dict(groups="a=0+4-5,b=left[1-2]+right[0]", clip_vloss=0.1)
OWN_LOSSES |= own("a", gamma=0.9, gae_lambda=0.8, clip_coef=0.05, clip_vloss=0, vf_coef=1.0, ent_coef=0, norm_reward=True, adam_eps=1e-4)
OWN_LOSSES |= own("b", update_epochs=2, num_minibatches=5, max_grad_norm=0, anneal_lr=False, norm_adv=False, ent_coef_end=0.1)
OWN_BOXES = dict(groups="left=1-2,right=0") | own("left", init_std=0.6, state_dependent_std=True)
OWN_BOXES |= own("right", squash_output=True, min_std=0.05)
OWN_TURNS = dict(groups="a=0,b=1-2") | own("a", train_waiting=True, minibatch_unit="sequence", sequence_length=5) | own("b", minibatch_unit="world")


def case(name, environment, settings, *training, agents=1, iterations=3, has=()):
    """has: what the last rollout must have for the case to test what it is for."""
    training = {key: value for part in (TRAINING, *training) for key, value in part.items()}
    training["total_steps"] = iterations * training["num_envs"] * agents * training["num_steps"]
    return pytest.param(environment, settings, training, iterations, has, id=name)


CASES = [
    case("plain", "cartpole", dict(max_episode_steps=500)),
    case("trunc", "cartpole", dict(max_episode_steps=10), has=["truncated", "terminated"]),
    case("stagger", "cartpole", dict(max_episode_steps=10), dict(stagger_episodes=True, clip_vloss=0), has=["truncated"]),
    case("odd", "cartpole", dict(max_episode_steps=11), ODD),
    case("wide", "cartpole", dict(max_episode_steps=10), WIDE),  # minibatches in slices
    case("shared", "cartpole", dict(max_episode_steps=10), SHARED),
    case("norm", "cartpole", dict(max_episode_steps=13), NORMALISED, iterations=4),
    case("clip", "cartpole", dict(max_episode_steps=10), dict(clip_coef=0.05, learning_rate=1e-2), has=["clip_fraction"]),
    case("mapf", "pathfinding", VANISHING, PATHFINDING, SHARED, agents=5, has=["inactive"]),
    case("mapf_norm", "pathfinding", VANISHING, PATHFINDING, NORMALISED, dict(clip_vloss=0), agents=5, has=["inactive"]),
    case("cnn", "pathfinding", VANISHING, PATHFINDING, dict(encoder="cnn", channels="8,8"), agents=5, has=["inactive"]),
    case("roles", "test_roles", dict(max_episode_steps=9), SMALL, agents=5, has=["truncated"]),
    case("roles_norm", "test_roles", dict(max_episode_steps=9), SMALL, SHARED, dict(norm_reward=True), agents=5),
    case("arrivals", "test_chain", CHAIN, SMALL, NORMALISED, agents=5, has=["inactive", "terminated", "truncated"]),
    case("herd", "test_herd", HERD, SMALL, dict(norm_reward=True), agents=5, has=["inactive", "terminated", "truncated"]),
    case("cards", "test_cards", {}, SMALL, agents=3, has=["waiting", "terminated"]),
    case("waiting", "test_cards", {}, SMALL, dict(train_waiting=True), agents=3, has=["waiting", "terminated"]),
    case("turns", "test_stones", dict(max_episode_steps=9), SMALL, NORMALISED, agents=3, has=["waiting", "truncated"]),
    case("few", "test_cards", {}, SMALL, FEW, agents=3, iterations=18, has=["waiting"]),
    case("scenes", "test_scenes", {}, SMALL, agents=64, has=["inactive", "terminated"]),
    case("driving", "test_driving", DRIVING, SMALL, EVEN, dict(num_envs=4, num_steps=12), agents=64, has=["inactive"]),
    # actions of several parts, of several numbers, of floats
    case("masked_integers", "test_teams", TUG, SMALL, agents=6, has=["truncated"]),
    case("parts", "test_mixed", ROVERS, SMALL, agents=3, has=["truncated"]),
    case("parts_by_state", "test_mixed", ROVERS, SMALL, BY_STATE, SHARED, agents=3),
    case("parts_squashed", "test_mixed", ROVERS, SMALL, SQUASHED, SHARED, agents=3),
    case("parts_both", "test_mixed", ROVERS, SMALL, SQUASHED, BY_STATE, NORMALISED, agents=3),
    case("box", "mpe_spread", SPREAD, SMALL, agents=3, has=["truncated"]),
    case("box_by_state", "mpe_spread", SPREAD, SMALL, BY_STATE, agents=3),
    case("box_squashed", "mpe_spread", SPREAD, SMALL, SQUASHED, NORMALISED, agents=3),
    case("box_both", "mpe_tag", SPREAD, SMALL, SQUASHED, BY_STATE, SHARED, agents=4),
    case("box_wide", "pendulum", dict(max_episode_steps=9), SMALL, SQUASHED, has=["truncated"]),
    # which agents a policy plays
    case("agents", "test_roles", dict(max_episode_steps=9), SMALL, dict(groups="agent"), agents=5),
    case("agents_box", "mpe_spread", SPREAD, SMALL, NORMALISED, dict(groups="agent"), agents=3),
    case("teams", "test_chain", CHAIN, SMALL, NORMALISED, dict(groups="even=0+2+4,odd=1+3"), agents=5, has=["inactive"]),
    case("some", "test_herd", HERD, SMALL, EVEN, dict(groups="dog=dog,old=sheep[0-1],lambs=sheep[2-3]"), agents=5, has=["inactive"]),
    case("two_roles", "test_teams", TUG, SMALL, NORMALISED, dict(groups="both=left+right"), agents=6),
    case("some_parts", "test_mixed", ROVERS, SMALL, dict(groups="left=1-2,right=0"), agents=3),
    case("players", "test_cards", {}, SMALL, dict(groups="agent"), agents=3, has=["waiting", "terminated"]),
    case("images", "pathfinding", VANISHING, PATHFINDING, dict(encoder="cnn", channels="8,8", groups="a=0-2,b=3-4"), agents=5),
    # critics of their own, normalised values
    case("values", "cartpole", dict(max_episode_steps=10), dict(norm_value=True), has=["truncated"]),
    case("values_shared", "test_roles", dict(max_episode_steps=9), SMALL, SHARED, dict(norm_value=True, clip_vloss=0.1), agents=5),
    case("joint_arrivals", "test_chain", CHAIN, SMALL, EVEN, MAPPO, agents=5, has=["inactive", "terminated", "truncated"]),
    case("joint", "test_roles", dict(max_episode_steps=9), SMALL, MAPPO, agents=5, has=["truncated"]),
    case("joint_inactive", "test_herd", HERD, SMALL, NORMALISED, EVEN, MAPPO, agents=5, has=["inactive", "truncated"]),
    case("joint_images", "pathfinding", VANISHING, PATHFINDING, dict(encoder="cnn", channels="8,8"), MAPPO, agents=5, has=["inactive"]),
    case("joint_agents", "test_teams", TUG, SMALL, NORMALISED, MAPPO, dict(groups="agent"), agents=6),
    case("joint_roles", "test_teams", TUG, SMALL, MAPPO, dict(groups="a=0+4-5,b=left[1-2]+right[0]"), agents=6),
    case("state", "test_stones", dict(max_episode_steps=9), SMALL, NORMALISED, dict(critic_input="state"), agents=3),
    case("state_groups", "test_stones", dict(max_episode_steps=9), SMALL, dict(critic_input="state", groups="agent"), agents=3),
    # groups with settings of their own
    case("own_networks", "mpe_tag", dict(max_episode_steps=9), SMALL, OWN_NETWORKS, agents=4, has=["truncated"]),
    case("own_losses", "test_teams", TUG, SMALL, OWN_LOSSES, agents=6, has=["truncated"]),
    case("own_boxes", "test_mixed", ROVERS, SMALL, OWN_BOXES, agents=3),
    case("own_turns", "test_cards", {}, SMALL, OWN_TURNS, agents=3, has=["waiting"]),
    # what stays together in a minibatch
    case("sequences", "cartpole", dict(max_episode_steps=10), dict(minibatch_unit="sequence", sequence_length=7)),
    case("rows", "test_roles", dict(max_episode_steps=9), SMALL, dict(minibatch_unit="sequence", num_minibatches=3), agents=5),
    case("worlds", "test_chain", CHAIN, SMALL, dict(minibatch_unit="world"), agents=5, has=["inactive"]),
    case("world_roles", "test_teams", TUG, SMALL, dict(minibatch_unit="world", groups="a=0+4-5,b=left[1-2]+right[0]"), agents=6),
    case("world_teams", "test_mixed", ROVERS, SMALL, dict(minibatch_unit="world", groups="left=0+2,right=1"), agents=3),
    case("world_turns", "test_cards", {}, SMALL, dict(minibatch_unit="world", groups="a=0,b=1-2"), agents=3, has=["waiting"]),
    case("world_sequences", "test_roles", dict(max_episode_steps=9), SMALL, WORLD_SEQUENCE, agents=5),
    case("short_sequences", "test_cards", {}, SMALL, dict(minibatch_unit="sequence", sequence_length=3), agents=3, has=["waiting"]),
    case("long_sequences", "pathfinding", VANISHING, PATHFINDING, WORLD_SEQUENCE, dict(sequence_length=0), agents=5),
]


def load(run):
    """A checkpoint's arrays and its metadata."""
    with safe_open(run / "checkpoint.safetensors", "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
        metadata = {name: json.loads(text) if text[:1] in "[{" else text for name, text in file.metadata().items()}
    return arrays, metadata


def largest_difference(arrays, prefix, tensors, scales=None):
    """Between arrays of a checkpoint and the reference's tensors, relative to the largest number of each one's scale."""
    differences = []
    for name, tensor in tensors.items():
        scale = scales[name].abs().max().clamp(min=1e-30).item() if scales else 1.0
        differences.append(np.abs(arrays[prefix + name] - tensor.detach().numpy()).max() / scale)
    return max(differences)


def log_record(logs):
    """The record of metrics.jsonl over these iterations of the reference."""
    count = sum(log.count for log in logs)
    record = {name: sum(log.sums[name] for log in logs) / count for name in logs[0].sums}
    record["gradient_norm"] = np.mean([norm for log in logs for norm in log.gradient_norms])
    return record | {name: getattr(logs[-1], name) for name in ("explained_variance", "learning_rate", "entropy_weight")}


@pytest.mark.parametrize("environment, settings, training, iterations, has", CASES)
def test_a_training_run_is_that_of_the_reference(environment, settings, training, iterations, has, tmp_path):
    torch.set_num_threads(1)
    nothing = dict(learning_rate=0, anneal_lr=False, norm_value=False, total_steps=1)
    nothing |= {key: nothing[name] for key in training if (name := key.rpartition(".")[2]) in nothing}
    first, _ = load(train_here(tmp_path / "first", environment, {**settings, **training, **nothing}))
    run = train_here(tmp_path / "run", environment, {**settings, **training})
    trained, metadata = load(run)
    reference = ReferencePpo(metadata, first)
    logs = [reference.iterate() for _ in range(iterations)]
    assert reference.total_iterations == metadata["progress"]["iterations"] == iterations
    assert all((logs[-1].has | logs[-1].sums)[name] > 0 for name in has), logs[-1]

    for policy in reference.policies:
        parameters, inputs = policy.name + ".parameter.", policy.inputs
        first_moment, second_moment = policy.moments("exp_avg"), policy.moments("exp_avg_sq")
        deviations = {name: tensor.sqrt() for name, tensor in second_moment.items()}
        found = dict(
            moved=max(np.abs(trained[name] - first[name]).max() for name in first if name.startswith(parameters)),
            weights=largest_difference(trained, parameters, policy.network.weights),
            first=largest_difference(trained, policy.name + ".first_moment.", first_moment, deviations),
            second=largest_difference(trained, policy.name + ".second_moment.", second_moment, second_moment),
        )
        print(policy.name, {name: f"{number:.1e}" for name, number in found.items()})
        assert found["moved"] > 0.03 and found["weights"] < 5e-6 and found["first"] < 1e-4 and found["second"] < 1e-4
        # Actions that are floats carry their rounding into the worlds.
        rounding = 1e-6 if any(action["kind"] == "box" for action in policy.head.actions) else 1e-7
        for name in ("input", "critic_input") if policy.critic_inputs is not inputs else ("input",):
            ours = inputs if name == "input" else policy.critic_inputs
            shift, scale = trained[f"{policy.name}.{name}.shift_and_scale"][:, : len(ours.shift)]
            np.testing.assert_allclose(shift, ours.shift, rtol=rounding, atol=rounding if rounding > 1e-7 else 1e-9)
            np.testing.assert_allclose(scale, ours.scale, rtol=rounding)
        if policy.config.norm_value:
            norm = policy.value_norm
            np.testing.assert_allclose(trained[policy.name + ".value.norm"][:2], (norm.mean, norm.deviation), rtol=1e-5, atol=1e-6)
        assert trained[policy.name + ".optimiser_steps"] == policy.optimiser_steps
        if policy.config.norm_reward:
            np.testing.assert_allclose(trained[policy.name + ".reward.scale"], policy.reward_scale, rtol=1e-6)
    assert trained["trainer.agent_steps"] == sum(log.has["agent_steps"] for log in logs)

    records = metric_lines(run)
    begins = [0, *(record["iterations"] for record in records)]
    assert begins[-1] == iterations
    for record, begin in zip(records, begins):
        for name, value in log_record(logs[begin : record["iterations"]]).items():
            rounding = 2e-5 if name == "explained_variance" else 1e-6  # 1 - a ratio of variances
            assert record[name] == pytest.approx(value, rel=1e-4, abs=rounding), name
