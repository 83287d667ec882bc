"""MPE against recordings of JaxMARL and mpe2, re-injected at every step: all transitions of a file at once, a world each.

Then what cannot be injected: how episodes begin, and what random play earns.
"""

import json

import numpy as np
import pytest
from conftest import GOLDEN, count_golden, golden_files, load_golden, miss, to_device, to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytestmark = pytest.mark.golden
POSITION, VELOCITY, REWARD = 3e-6, 2e-5, 2e-5  # ten times the difference to a float64 model of the same rules
SCENARIOS = ("spread", "tag")
STEPS = {"mpe": 26, "mpe2": 25}  # JaxMARL's time limit is one step more than max_steps
KEYWORDS = {"num_obs": "num_obstacles", "max_steps": None}
CHANCE = 4.5  # standard errors


def recordings(scenario):
    files = [param for suite in STEPS for param in golden_files(f"jaxmarl/{suite}", f"{scenario}_*.npz") if param.values[0]]
    files = [pytest.param(scenario, param.values[0], id=f"{param.values[0].parent.name}-{param.id}") for param in files]
    return files or [pytest.param(scenario, None, id=f"{scenario}-no-recordings")]


ALL_RECORDINGS = [param for scenario in SCENARIOS for param in recordings(scenario)]


def settings_of(path, meta):
    """The recording's constructor arguments as Flockstep settings."""
    given = meta.get("kwargs", {})
    settings = {KEYWORDS.get(name, name): value for name, value in given.items() if KEYWORDS.get(name, name)}
    settings["action_type"] = meta.get("action_type", "Discrete").lower()
    settings["max_episode_steps"] = given["max_steps"] + 1 if "max_steps" in given else STEPS[path.parent.name]
    return settings


def by_agent(recording, name):
    """Arrays of each agent, [episodes, time, ...], whether they were recorded together or separately."""
    agents = bytes(recording["agents"]).decode().split("\n")
    if name in recording:
        return [recording[name][:, :, i] for i in range(len(agents))]
    return [recording[f"{name}.{agent}"] for agent in agents]


def by_role(env, values):
    """One array [num_envs, agents of the role, ...] for each role, from one [num_envs, ...] for each agent."""
    roles = {role: np.stack([values[i] for i in agents], 1) for role, agents in env.roles.items()}
    return roles if len(roles) > 1 else next(iter(roles.values()))


def replay(scenario, path, recording, device):
    """One step of one world per transition; the environment, what the step gave, and the transitions' (episode, step)."""
    meta = json.loads(bytes(recording["meta_json"]))
    episode, step = np.nonzero(np.arange(recording["reward"].shape[1]) < recording["length"][:, None])
    env = flockstep.make(f"mpe_{scenario}", num_envs=len(step), device=device, autoreset_mode="disabled", **settings_of(path, meta))
    velocity = recording["state.p_vel"][episode, step]
    assert not velocity[:, env.num_agents:].any(), "landmarks do not move"
    elapsed = recording["state.step"][episode, step] if "state.step" in recording else step
    env.set_fields({"position": recording["state.p_pos"][episode, step], "velocity": velocity[:, : env.num_agents].copy(),
                    "elapsed": elapsed.astype(np.int32)[:, None]})
    actions = [action[episode, step] for action in by_agent(recording, "action")]
    if actions[0].ndim == 1:
        given = to_device(np.stack(actions, 1).astype(np.int32), device)
    else:
        given = by_role(env, actions)
        given = {k: to_device(v, device) for k, v in given.items()} if isinstance(given, dict) else to_device(given, device)
    result = env.step(given)
    env.check()
    return env, result, (episode, step)


@pytest.mark.parametrize("scenario, path", ALL_RECORDINGS)
def test_every_recorded_transition_is_reproduced(scenario, path, device):
    recording = load_golden(path, "jaxmarl/mpe")
    env, (observation, reward, terminated, truncated, _), (episode, step) = replay(scenario, path, recording, device)
    close = lambda ours, theirs, atol: np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
    close(to_numpy(reward), recording["reward"][episode, step], REWARD)
    assert not to_numpy(terminated).any()
    ends = recording["trunc" if "trunc" in recording else "done"][episode, step].astype(bool)
    np.testing.assert_array_equal(to_numpy(truncated), ends)
    close(env.get_field("position"), recording["state.p_pos"][episode, step + 1], POSITION)
    close(env.get_field("velocity"), recording["state.p_vel"][episode, step + 1, : env.num_agents], VELOCITY)
    expected = by_role(env, [array[episode, step + 1] for array in by_agent(recording, "obs")])
    for role in env.roles:
        ours, theirs = (observation[role], expected[role]) if len(env.roles) > 1 else (observation, expected)
        close(to_numpy(ours), theirs, VELOCITY)
    count_golden(f"mpe_{scenario}", device, path, len(step))


def test_an_episode_ends_after_26_steps_and_the_next_begins(device):
    """autoreset_spread: the step that ends an episode is the 26th and has a reward; JaxMARL returns the new episode's observation with it."""
    path = GOLDEN / "jaxmarl/mpe/autoreset_spread.npz"
    recording = load_golden(path if path.exists() else None, "jaxmarl/mpe")
    env = flockstep.make("mpe_spread", num_envs=4, device=device)
    env.reset(seed=0)
    env.set_fields({"position": recording["state.p_pos"][:, 0], "velocity": recording["state.p_vel"][:, 0, :3].copy()})
    for step in range(recording["reward"].shape[1]):
        action = to_device(recording["action"][:, step].astype(np.int32), device)
        _, reward, _, truncated, info = env.step(action)
        np.testing.assert_array_equal(to_numpy(truncated), recording["done"][:, step])
        np.testing.assert_array_equal(to_numpy(info["episode_start"]), recording["done"][:, step])
        np.testing.assert_allclose(to_numpy(reward), recording["reward"][:, step], rtol=0, atol=1e-4)
        if truncated.any():
            break
    assert step == 25


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_episodes_begin_as_recorded(scenario, device):
    path = GOLDEN / f"jaxmarl/mpe/reset_stats_{scenario}.npz"
    stats = load_golden(path if path.exists() else None, "jaxmarl/mpe")
    count, resets = 1 << 15, json.loads(bytes(stats["meta_json"]))["resets"]
    env = flockstep.make(f"mpe_{scenario}", num_envs=count, device=device)
    observation, _ = env.reset(seed=3)
    ours = {"state.p_pos": env.get_field("position")}
    for role, agents in env.roles.items():
        values = to_numpy(observation[role] if len(env.roles) > 1 else observation)
        ours |= {f"obs.{role}_{i}": values[:, i] for i in range(len(agents))}
    for name, values in ours.items():
        mean, std, low, high = (stats[f"{name}.{what}"] for what in ("mean", "std", "min", "max"))
        error = std * np.sqrt(1 / resets + 1 / count)
        assert (np.abs(values.mean(0) - mean) <= CHANCE * error).all(), name
        assert (np.abs(values.std(0) - std) <= CHANCE * error).all(), name  # flatter than normal, so below that
        assert (np.abs(values.min(0) - low) <= 0.2).all() and (np.abs(values.max(0) - high) <= 0.2).all(), name


@pytest.mark.parametrize("action_type", ["discrete", "continuous"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_random_play_earns_what_it_earned_there(scenario, action_type, device):
    path = GOLDEN / "jaxmarl/random_policy.json"
    if not path.exists():
        miss("golden", f"no {path}")
    expected = json.loads(path.read_text())[f"mpe/{scenario}_{action_type}"]
    count = 1 << 14
    env = flockstep.make(f"mpe_{scenario}", num_envs=count, device=device, action_type=action_type)
    env.reset(seed=5)
    total = np.zeros((count, env.num_agents))
    for _ in range(26):
        _, reward, _, truncated, _ = env.step(env.act())
        total += to_numpy(reward)
    assert truncated.all()
    names = [f"{role}_{i}" for role, agents in env.roles.items() for i in range(len(agents))]
    for agent, name in enumerate(names):
        error = np.hypot(expected["return_se"][name], total[:, agent].std() / np.sqrt(count))
        assert abs(total[:, agent].mean() - expected["return_mean"][name]) < CHANCE * error, name
