"""Small trained checkpoints of every kind of network and action, for the tests of policies in Python."""

import flockstep
import numpy as np
from command import train_here

SMALL = dict(num_envs=8, num_steps=16, hidden_sizes="16,12", learning_rate=2e-2, update_epochs=2, num_minibatches=2, total_steps=600)
PATHFINDING = dict(num_agents=3, size=8, mask_obstacles=True, observation="windows,cost_to_go,intent", obs_radius=2, on_target="restart")
ROVERS, SPREAD, TUG = dict(reverse=0.5), dict(action_type="continuous"), {}
SHARED, NORMALISED = dict(share_layers=True, activation="relu"), dict(norm_obs=True)
SQUASHED, BY_STATE = dict(squash_output=True, min_std=0.05), dict(state_dependent_std=True, init_std=0.6)
CNN = dict(encoder="cnn", channels="6,4")
OWN = {"groups.left.hidden_sizes": "8", "groups.left.activation": "relu", "groups.left.squash_output": True, "groups.left.norm_value": True}
OWN |= {"groups.right.share_layers": True, "groups.right.norm_obs": True, "groups.right.state_dependent_std": True}

CASES = {
    "mlp": ("cartpole", {}, NORMALISED),
    "shared": ("cartpole", {}, SHARED),
    "masked": ("pathfinding", PATHFINDING, {}),
    "cnn": ("pathfinding", PATHFINDING, CNN),
    "cnn_shared": ("pathfinding", PATHFINDING, CNN | SHARED),
    "integers_of_roles": ("test_teams", TUG, NORMALISED),
    "integers_of_one_policy": ("test_teams", TUG, dict(groups="both=left+right")),
    "parts": ("test_mixed", ROVERS, NORMALISED),
    "parts_shared": ("test_mixed", ROVERS, SHARED | SQUASHED),
    "parts_by_state": ("test_mixed", ROVERS, SHARED | BY_STATE),
    "parts_of_policies": ("test_mixed", ROVERS, SQUASHED | BY_STATE | dict(groups="left=1-2,right=0")),
    "box": ("mpe_spread", SPREAD, {}),
    "box_squashed": ("mpe_spread", SPREAD, SQUASHED | BY_STATE),
    "box_wide": ("pendulum", {}, SQUASHED),
    "box_clipped": ("pendulum", {}, dict(init_std=2.0)),
    "roles": ("test_roles", {}, {}),
    "policy_of_each_agent": ("test_roles", {}, dict(groups="agent")),
    "own_settings": ("test_mixed", ROVERS, dict(groups="left=1-2,right=0") | OWN),
    "normalised_values": ("cartpole", {}, dict(norm_value=True)),
    "normalised_values_shared": ("mpe_spread", SPREAD, SHARED | dict(norm_value=True)),
    "joint_critic": ("mpe_spread", SPREAD, dict(critic_input="joint")),
    "state_critic": ("test_stones", {}, dict(critic_input="state")),
    "bfloat16": ("cartpole", {}, dict(precision="bfloat16")),
}
OWN_CRITICS = "joint_critic", "state_critic"  # critics that see more than their agent's observation
EXACT = [case for case in CASES if case not in ("bfloat16", *OWN_CRITICS)]


def train(folder, case):
    """The run folder of a case."""
    environment, settings, training = CASES[case]
    return train_here(folder, environment, {**settings, **SMALL, **training})


def play(policy, num_envs=5, steps=7):
    """The environment, an observation and a mask from the middle of episodes, copied to numpy on the CPU."""
    env = flockstep.make(policy.environment, num_envs=num_envs, device="cpu", array="numpy", **policy.settings)
    observation, info = env.reset(seed=3)
    for _ in range(steps):
        observation, *_, info = env.step(env.act("random"))
    return env, copied(observation), copied(info.get("action_mask"))


def copied(tree, convert=np.array):
    if isinstance(tree, dict):
        return {key: copied(branch, convert) for key, branch in tree.items()}
    return None if tree is None else convert(tree)
