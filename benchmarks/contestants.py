"""One contestant of compare.py: python contestants.py NAME. It prints its description as a line of JSON; then for each
input line {"size": {...}, "seconds": s} it steps for at least s seconds and prints the steps per second.

Actions are random and drawn before the clock starts. Ended episodes restart by autoreset, or by reset() if a peer has
none.
"""

import importlib.metadata
import json
import sys
import time

import numpy as np

ACTION_SETS = 64
PATHFINDING = {"num_agents": 64, "size": 32, "density": 0.3, "obs_radius": 5, "on_target": "restart", "collision_system": "soft", "max_episode_steps": 256}


def random_actions(choices, *shape):
    return list(np.random.default_rng(0).integers(0, choices, (ACTION_SETS, *shape), np.int32))


def facts_of(package):
    return {"name": package, "version": importlib.metadata.version(package)}


class Flockstep:
    """steps() runs whole rounds of the action sets; it returns the number of agent steps."""

    def __init__(self, name, choices, **config):
        import flockstep

        self._make = lambda num_envs: flockstep.make(name, num_envs=num_envs, device="cpu", stagger_episodes=True, **config)
        self._choices = choices
        self.facts = {"name": "flockstep"}

    def resize(self, num_envs):
        self._env = self._make(num_envs)
        self._env.reset()
        self._actions = random_actions(self._choices, num_envs, self._env.num_agents)

    def steps(self):
        step = self._env.step
        for action in self._actions:
            step(action)
        return len(self._actions) * self._env.num_envs * self._env.num_agents


class EnvPool:
    """CartPole-v1; asynchronous if batch_size < num_envs."""

    def __init__(self):
        import envpool

        self._make = lambda **size: envpool.make("CartPole-v1", env_type="gymnasium", seed=0, **size)
        self.facts = facts_of("envpool")

    def resize(self, num_envs, batch_size, num_threads):
        self._env = None  # ends its threads
        self._env = self._make(num_envs=num_envs, batch_size=batch_size, num_threads=num_threads)
        self._is_synchronous = batch_size == num_envs
        self._actions = random_actions(2, batch_size)
        if self._is_synchronous:
            self._env.reset()
        else:
            self._env.async_reset()

    def steps(self):
        if self._is_synchronous:
            step = self._env.step
            for action in self._actions:
                step(action)
        else:
            send, receive = self._env.send, self._env.recv
            for action in self._actions:
                send(action, receive()[-1]["env_id"])
        return len(self._actions) * len(self._actions[0])


class Pogema:
    """One world, as in POGEMA; whole episodes, including the reset that draws the next map."""

    def __init__(self):
        from pogema import GridConfig, pogema_v0

        self._env = pogema_v0(grid_config=GridConfig(**PATHFINDING))
        self._actions = [action.tolist() for action in random_actions(5, PATHFINDING["num_agents"])]
        self.facts = facts_of("pogema")

    def resize(self, num_envs):
        pass

    def steps(self):
        self._env.reset()
        count, truncated = 0, [False]
        while not all(truncated):
            _, _, _, truncated, _ = self._env.step(self._actions[count % ACTION_SETS])
            count += 1
        return count * PATHFINDING["num_agents"]


CONTESTANTS = {
    "flockstep_cartpole": lambda: Flockstep("cartpole", 2),
    "flockstep_pathfinding": lambda: Flockstep("pathfinding", 5, **PATHFINDING),
    "envpool_cartpole": EnvPool,
    "pogema": lambda: Pogema(),
}


def rate(contestant, seconds):
    begin, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - begin) < seconds:
        count += contestant.steps()
    return count / spent


def main():
    contestant = CONTESTANTS[sys.argv[1]]()
    print(json.dumps(contestant.facts), flush=True)
    size = None
    for line in sys.stdin:
        wanted = json.loads(line)
        if wanted["size"] != size:
            size = wanted["size"]
            contestant.resize(**size)
            contestant.steps()  # warm-up
        print(json.dumps(rate(contestant, wanted["seconds"])), flush=True)


if __name__ == "__main__":
    main()
