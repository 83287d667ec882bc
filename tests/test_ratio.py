"""With unchanged weights the probability ratio is 1: what acting and learning compute of a sample is the same.

With learning rate 0 every minibatch meets the policy that acted, so the logged KL divergence is 0, and no ratio leaves a
clipping range of 1e-5. Rows, masks, normalisers or inputs that differ between the two show here, for any network: a new
one adds a line to NETWORKS.
"""

import pytest
from command import metric_lines, needs_test_program, train_here

pytestmark = needs_test_program

UNCHANGED = dict(learning_rate=0, anneal_lr=False, clip_coef=1e-5, num_envs=6, num_steps=20, update_epochs=2, num_minibatches=3, log_every=0.01)

NETWORKS = {
    "mlp": dict(hidden_sizes="32,16"),
    "mlp_shared": dict(hidden_sizes="32,16", share_layers=True, activation="relu"),
    "cnn": dict(encoder="cnn", channels="8,8", hidden_sizes="16"),
    "cnn_shared": dict(encoder="cnn", channels="8,8", hidden_sizes="16", share_layers=True, activation="relu"),
}

VANISHING = dict(num_agents=5, min_agents=2, on_target="finish", max_episode_steps=9, size=8, obs_radius=2, mask_obstacles=True)
PARTS = dict(observation="windows,cost_to_go,intent")

# environment, agents, settings
WORLDS = {
    "truncations": ("cartpole", 1, dict(max_episode_steps=7)),
    "staggered": ("cartpole", 1, dict(max_episode_steps=30, stagger_episodes=True)),
    "normalised": ("cartpole", 1, dict(max_episode_steps=30, norm_obs=True, norm_reward=True)),
    "odd minibatches": ("cartpole", 1, dict(num_envs=7, num_steps=9, num_minibatches=5)),
    "roles": ("test_roles", 5, dict(max_episode_steps=9)),
    "roles, normalised": ("test_roles", 5, dict(max_episode_steps=9, norm_obs=True)),
    "waiting agents": ("test_cards", 3, dict(max_episode_steps=15)),
    "arriving agents": ("test_chain", 5, dict(max_episode_steps=9, num_agents=5, num_places=6, arrival_interval=1, norm_obs=True)),
    "roles, masks": ("test_herd", 5, dict(max_episode_steps=9, num_sheep=4, num_marks=3)),
    "ragged scenes": ("test_scenes", 16, dict(num_agents=16)),
    "vanishing agents, masks": ("pathfinding", 5, VANISHING),
    "vanishing agents, parts": ("pathfinding", 5, {**VANISHING, **PARTS, "norm_obs": True}),
}


HAS_IMAGE = [worlds for worlds, (environment, *_) in WORLDS.items() if environment == "pathfinding"]
CASES = [(worlds, network) for network in NETWORKS for worlds in (HAS_IMAGE if "cnn" in network else WORLDS)]


@pytest.mark.parametrize("worlds, network", CASES)
def test_the_ratio_of_unchanged_weights_is_1(worlds, network, tmp_path):
    environment, agents, settings = WORLDS[worlds]
    settings = {**UNCHANGED, **NETWORKS[network], **settings}
    settings["total_steps"] = 3 * settings["num_envs"] * agents * settings["num_steps"]
    records = metric_lines(train_here(tmp_path, environment, settings))
    assert records[-1]["iterations"] == 3 and records[-1]["gradient_norm"] > 0
    for record in records:
        assert abs(record["approximate_kl"]) <= 1e-6 and record["clip_fraction"] == 0 and record["entropy"] > 0, record
