"""One environment in several Python threads: calls run one after the other, and closing it under them is a ValueError."""

import threading

import numpy as np
import pytest

import flockstep


def make(num_envs=64, **options):
    return flockstep.make("pathfinding", num_envs=num_envs, num_agents=4, size=12, device="cpu", **options)


def run(*works):
    """Runs each of them in a thread; the exceptions that they raised."""
    errors = []

    def guarded(work):
        try:
            work()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_two_threads_step_one_environment():
    env = make(256, max_episode_steps=100)
    env.reset(seed=0)

    def step(seed):
        random = np.random.default_rng(seed)
        for _ in range(200):  # each with an array of its own that goes as soon as the call returns
            env.step(random.integers(0, 5, (256, 4)).astype(np.int32))

    assert run(lambda: step(1), lambda: step(2)) == []
    assert env.statistics()["num_episodes"] == 256 * 4


def test_reset_act_and_state_beside_steps():
    env = make()
    env.reset(seed=0)
    zeros = np.zeros((64, 4), np.int32)

    def steps():
        for _ in range(200):
            env.step(zeros)

    def others():
        for _ in range(50):
            env.act("random")
            env.set_fields({"elapsed": env.get_field("elapsed")})
            env.load_state_dict(env.state_dict())
            env.reset(options={"reset_mask": np.arange(64) % 2 == 0})
            env.statistics(), env.first_episodes(), env.check()

    assert run(steps, others) == []


def test_each_of_two_threads_resets_the_worlds_of_its_own_mask(device):
    env = flockstep.make("pathfinding", num_envs=256, num_agents=8, size=24, device=device)
    env.reset(seed=0)
    is_even = np.arange(256) % 2 == 0

    def reset(mask):
        for _ in range(100):
            env.reset(options={"reset_mask": mask})

    assert run(lambda: reset(is_even), lambda: reset(~is_even)) == []
    assert (env.get_field("episode") == 100).all()


@pytest.mark.parametrize("delay", [0, 0.001, 0.003])
@pytest.mark.parametrize("callers", [1, 2])  # of two, one waits for the other
def test_close_beside_other_calls_ends_them_in_a_sentence(callers, delay):
    """Without views: the memory is nobody's but the calls' own."""
    for _ in range(20):
        batch = flockstep._flockstep.Batch("pathfinding", num_envs=512, device="cpu", settings={"num_agents": 4, "size": 12})
        elapsed, zeros = batch.get_field("elapsed"), np.zeros((512, 4), np.int32)
        begun = threading.Event()

        def work():
            for _ in range(50):
                begun.set()
                batch.set_fields({"elapsed": elapsed})
                batch.step([zeros])

        def close():
            begun.wait()
            threading.Event().wait(delay)
            batch.close()

        errors = run(*[work] * callers, close)
        assert len(errors) <= callers and {str(error) for error in errors} <= {"batch: it is closed"}
