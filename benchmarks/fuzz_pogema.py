"""Random episodes of pathfinding on the CPU against POGEMA, step by step, from the same seeds; prints any difference.

Usage: PYTHONPATH=build/python python benchmarks/fuzz_pogema.py [--seconds S] [--seed N]

POGEMA is installed in .venv-compare, as for compare.py. Settings are drawn for every episode: modes, collision systems,
sizes, densities, radii, time limits, seeds, noise outside, maps as lists and strings, letters, pools, explicit cells.
Compared after every step: observations (default, POMAPF, MAPF), positions, goals, rewards, flags; at the end the metrics. Exit code 1
after a difference.
"""

import argparse
import json
import os
import string
import sys
import time

import flockstep
import numpy as np

MOVES = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])


def draw_settings(rng):
    """Settings of POGEMA's GridConfig."""
    settings = {
        "on_target": str(rng.choice(["finish", "nothing", "restart"])),
        "collision_system": str(rng.choice(["priority", "block_both", "soft"])),
        "observation_type": str(rng.choice(["default", "default", "POMAPF", "MAPF"])),
        "obs_radius": int(rng.choice([1, 2, 3, 4, 5, 7, 9, 12])),
        "max_episode_steps": int(rng.choice([1, 2, 5, 17, 40, 80])),
        "seed": int(rng.integers(rng.choice([100, 2**40, 2**62]))),
        "empty_outside": bool(rng.random() < 0.85),
    }
    kind = str(rng.choice(["random", "random", "random", "list", "text", "letters", "pools", "by hand"]))
    if kind == "letters" and settings["on_target"] == "restart":
        settings["on_target"] = "nothing"  # POGEMA 1.4.0 raises TypeError at the first arrival
    if kind == "random":
        settings["density"] = float(rng.choice([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]))
        settings["num_agents"] = int(rng.choice([1, 2, 3, 4, 8, 16, 32, 64, 100]))
        if rng.random() < 0.5:
            return settings | {"size": int(rng.integers(2, 28))}
        return settings | {"width": int(rng.integers(2, 34)), "height": int(rng.integers(2, 34))}
    return settings | draw_map(rng, kind, settings["on_target"] == "restart")


def draw_map(rng, kind, restart):
    shape = rng.integers(2, 18, 2)
    grid = np.where(rng.random(shape) < rng.choice([0, 0.1, 0.25, 0.4]), "#", ".")
    free = [tuple(cell) for cell in np.argwhere(grid == ".").tolist()]
    rng.shuffle(free)
    some = int(rng.integers(1, max(2, len(free) // 3)))
    if kind == "by hand":
        pairs = min(some, len(free) // 2)
        goals = [list(cell) for cell in free[pairs : 2 * pairs]]
        if restart:  # repeated goals, for which POGEMA rewards standing still, are rejected here
            goals = [[list(free[i]) for i in rng.permutation(len(free))[: rng.integers(2, 5)]] for _ in range(pairs)]
        cells = {"agents_xy": [list(cell) for cell in free[:pairs]], "targets_xy": goals, "num_agents": pairs}
        return {"map": (grid == "#").astype(int).tolist(), **cells}
    if kind == "list":
        return {"map": (grid == "#").astype(int).tolist(), "num_agents": some}
    if kind == "pools":
        for cell in free[1:]:  # "." is in both pools; POGEMA ignores the pools if one is empty
            if rng.random() < 0.6:
                grid[cell] = rng.choice(list("@$!"))
    if kind == "letters":
        some = min(26, len(free) // 2, some)
        for k, letter in enumerate(rng.permutation(26)[:some]):
            grid[free[2 * k]], grid[free[2 * k + 1]] = string.ascii_lowercase[letter], string.ascii_uppercase[letter]
    return {"map": "\n".join("".join(row) for row in grid), "num_agents": some}


def make_ours(settings):
    ours = {key: value for key, value in settings.items() if key != "observation_type"}
    if isinstance(ours.get("map"), list):
        ours["map"] = "\n".join("".join(".#"[cell] for cell in row) for row in ours["map"])
    for key in ("agents_xy", "targets_xy"):
        if key in ours:
            ours[key] = json.dumps(ours[key])
    return flockstep.make("pathfinding", num_envs=1, device="cpu", generator="pogema", soft_occupancy="legacy",
                          autoreset_mode="disabled", **ours)


def check(what, ours, theirs):
    if not np.array_equal(ours, theirs):
        raise AssertionError(f"{what}: {np.asarray(ours).tolist()} here, {np.asarray(theirs).tolist()} there")


def check_observations(kind, env, ours, theirs):
    if kind == "default":
        return check("observation", ours[0], np.array(theirs))
    for agent, (mine, other) in enumerate(zip(flockstep.pathfinding.pogema_observation(env, kind)[0], theirs, strict=True)):
        for key in other:
            check(f"{key} of agent {agent}", mine[key], other[key])


def choose(rng, to_goal, greed):
    """[num_agents]: with probability greed a step that gets closer to the goal, otherwise any step."""
    action = rng.integers(5, size=len(to_goal))
    for agent in np.flatnonzero(rng.random(len(to_goal)) < greed):
        nearer = [move for move in range(1, 5) if MOVES[move] @ to_goal[agent] > 0]
        action[agent] = rng.choice(nearer) if nearer else 0
    return action


def play(rng, settings, env, observation, peer, peer_observation):
    """Plays one episode, both after their reset; returns the agent-steps."""
    grid, radius, kind = peer.unwrapped.grid, settings["obs_radius"], settings["observation_type"]
    greed, steps, done = rng.choice([0, 0.5, 0.9]), 0, False
    while True:
        position, goal = (np.array(cells) - radius for cells in (grid.positions_xy, grid.finishes_xy))
        check_observations(kind, env, observation, peer_observation)
        check("position", env.get_field("position")[0], position)
        check("goal", env.get_field("goal")[0], goal)
        if done:
            break
        action = choose(rng, goal - position, greed)
        peer_observation, reward, terminated, truncated, peer_info = peer.step(action.tolist())
        observation, *flags, info = env.step(action.astype(np.int32)[None])
        for name, ours, theirs in zip(("reward", "terminated", "truncated"), flags, (reward, terminated, truncated), strict=True):
            check(name, ours[0], np.array(theirs))
        check("active", info["active"][0], [one["is_active"] for one in peer_info])
        steps += len(action)
        done = all(terminated) or all(truncated)
    metrics = env.first_episodes()
    for name, value in peer_info[0]["metrics"].items():
        if name != "runtime" and not np.isclose(float(metrics[name][0]), value, rtol=1e-5):
            raise AssertionError(f"metric {name}: {float(metrics[name][0])} here, {value} there")
    return steps


def begin(make, errors):
    """The environment and the result of its first reset, or None and the error."""
    try:
        env = make()
        return env, env.reset()
    except errors as error:
        return None, error


def fuzz(seconds, seed):
    from pogema import GridConfig, pogema_v0

    rng, until = np.random.default_rng(seed), time.monotonic() + seconds
    episodes = agent_steps = differences = refused = 0
    while time.monotonic() < until:
        settings = draw_settings(rng)
        env, first = begin(lambda: make_ours(settings), ValueError)
        peer, peer_first = begin(lambda: pogema_v0(grid_config=GridConfig(**settings)), Exception)
        if env is None or peer is None:
            refused += 1
            # if not all agents fit, POGEMA fails; here the others are inactive
            no_room = env is not None and not first[1]["active"].all()
            if (env is None) != (peer is None) and not no_room:
                differences += 1
                print(f"only one refuses: {first if env is None else peer_first}: {json.dumps(settings)}")
            continue
        try:
            agent_steps += play(rng, settings, env, first[0], peer, peer_first[0])
            episodes += 1
        except AssertionError as error:
            differences += 1
            print(f"{error}: {json.dumps(settings)}")
    print(f"{episodes} episodes of {agent_steps} agent-steps equal, {differences} differ, {refused} settings refused by one or both")
    return 1 if differences or not episodes else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from compare import PEERS, install_peers

    python = install_peers()
    if not PEERS.samefile(sys.prefix):
        os.execv(python, [python, "-W", "ignore", *sys.argv])  # POGEMA's gymnasium is older and prints a warning
    return fuzz(options.seconds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
