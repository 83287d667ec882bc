"""With unchanged weights the probability ratio is 1: what acting and learning compute of a sample is the same.

With learning rate 0 every minibatch meets the policy that acted, so no ratio leaves a clipping range of 1e-6 (2e-2 with
bfloat16). Rows, masks, normalisers, inputs or densities that differ between the two show here, for any network and any
action: a new one adds a line to NETWORKS, WORLDS or HEADS.
"""

import pytest
from command import metric_lines, needs_test_program, train_here

pytestmark = needs_test_program

UNCHANGED = dict(learning_rate=0, anneal_lr=False, num_envs=6, num_steps=20, update_epochs=2, num_minibatches=3, log_every=0.01)
CLIP_COEF = {"float32": 1e-6, "bfloat16": 2e-2}

NETWORKS = {
    "mlp": dict(hidden_sizes="32,16"),
    "mlp_shared": dict(hidden_sizes="32,16", share_layers=True, activation="relu"),
    "mlp_bfloat16": dict(hidden_sizes="32,16", precision="bfloat16"),
    "cnn": dict(encoder="cnn", channels="8,8", hidden_sizes="16"),
    "cnn_shared": dict(encoder="cnn", channels="8,8", hidden_sizes="16", share_layers=True, activation="relu"),
}

VANISHING = dict(num_agents=5, min_agents=2, on_target="finish", max_episode_steps=9, size=8, obs_radius=2, mask_obstacles=True)
PARTS = dict(observation="windows,cost_to_go,intent")
HERD = dict(max_episode_steps=9, num_sheep=4, num_marks=3)
CHAIN = dict(max_episode_steps=9, num_agents=5, num_places=6, arrival_interval=1)
SPREAD = dict(max_episode_steps=9, action_type="continuous")
DRIVING = dict(max_episode_steps=9, num_scenes=20, active_agents=3, parked_agents=4, num_envs=3)

# environment, agents, settings
WORLDS = {
    "truncations": ("cartpole", 1, dict(max_episode_steps=7)),
    "staggered": ("cartpole", 1, dict(max_episode_steps=30, stagger_episodes=True)),
    "normalised": ("cartpole", 1, dict(max_episode_steps=30, norm_obs=True, norm_reward=True)),
    "normalised values": ("cartpole", 1, dict(max_episode_steps=30, norm_value=True)),
    "odd minibatches": ("cartpole", 1, dict(num_envs=7, num_steps=9, num_minibatches=5)),
    "roles": ("test_roles", 5, dict(max_episode_steps=9)),
    "roles, normalised": ("test_roles", 5, dict(max_episode_steps=9, norm_obs=True)),
    "waiting agents": ("test_cards", 3, dict(max_episode_steps=15)),
    "arriving agents": ("test_chain", 5, {**CHAIN, "norm_obs": True}),
    "roles, masks": ("test_herd", 5, HERD),
    "roles, masks, turns": ("test_stones", 3, dict(max_episode_steps=9)),
    "ragged scenes": ("test_scenes", 16, dict(num_agents=16)),
    "large observations": ("test_driving", 64, DRIVING),
    "vanishing agents, masks": ("pathfinding", 5, VANISHING),
    "vanishing agents, parts": ("pathfinding", 5, {**VANISHING, **PARTS, "norm_obs": True}),
    "a policy per agent": ("test_roles", 5, dict(max_episode_steps=9, groups="agent", norm_obs=True)),
    "parts of a role": ("test_herd", 5, {**HERD, "groups": "dog=dog,old=sheep[0-1],lambs=sheep[2-3]", "norm_obs": True}),
    "teams": ("pathfinding", 5, {**VANISHING, "groups": "a=0+2+4,b=1+3"}),
    "sequences": ("cartpole", 1, dict(max_episode_steps=7, minibatch_unit="sequence", sequence_length=6)),
    "minibatches of worlds": ("test_chain", 5, {**CHAIN, "minibatch_unit": "world"}),
    "sequences of worlds": ("test_herd", 5, {**HERD, "minibatch_unit": "world_sequence", "sequence_length": 7}),
    "parts of actions": ("test_mixed", 3, dict(max_episode_steps=9)),
    "critics of all agents": ("test_herd", 5, {**HERD, "critic_input": "joint", "share_layers": False, "norm_value": True}),
    "floats": ("mpe_spread", 3, SPREAD),
    "floats, roles": ("mpe_tag", 4, {**SPREAD, "norm_obs": True}),
}

# For worlds with Box actions.
HEADS = {
    "deviation": {},
    "wide": dict(init_std=1e5),
    "deviation by state": dict(state_dependent_std=True),
    "squashed": dict(squash_output=True),
    "squashed, by state": dict(squash_output=True, state_dependent_std=True, init_std=0.5),
}


def cases():
    for network in NETWORKS:
        for worlds, (environment, *_) in WORLDS.items():
            if "cnn" in network and environment != "pathfinding":
                continue
            has_box = environment in ("test_mixed", "mpe_spread", "mpe_tag")
            for head in HEADS if has_box else ["deviation"]:
                yield pytest.param(worlds, network, head, id="-".join([worlds, network, *([head] if has_box else [])]))


@pytest.mark.parametrize("worlds, network, head", list(cases()))
def test_the_ratio_of_unchanged_weights_is_1(worlds, network, head, tmp_path):
    environment, agents, settings = WORLDS[worlds]
    settings = {**UNCHANGED, **NETWORKS[network], **HEADS[head], **settings}
    settings["clip_coef"] = largest = CLIP_COEF[settings.get("precision", "float32")]
    settings["total_steps"] = 3 * settings["num_envs"] * agents * settings["num_steps"]
    records = metric_lines(train_here(tmp_path, environment, settings))
    assert records[-1]["iterations"] == 3 and records[-1]["gradient_norm"] > 0
    for record in records:
        assert abs(record["approximate_kl"]) <= largest**2 + 1e-6 and record["clip_fraction"] == 0 and record["entropy"] > 0, record
