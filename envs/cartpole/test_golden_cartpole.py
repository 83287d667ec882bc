"""CartPole against recordings of Gymnasium, re-injected at every step: all transitions of a file at once, a world each."""

import numpy as np
import pytest
from conftest import count_golden, golden_files, load_golden, to_device, to_numpy

pytestmark = pytest.mark.golden
POSITION_LIMIT, ANGLE_LIMIT = 2.4, 12 * 2 * np.pi / 360
TOLERANCE = 5e-6  # for a float32 step against a float64 step
DOUBTFUL = 1e-6   # a float64 next state this close to a limit may or may not end the episode


def replay(recording, device, autoreset_mode):
    """One step of one world per transition."""
    import flockstep

    count = len(recording["step"])
    env = flockstep.make("cartpole", num_envs=count, device=device, autoreset_mode=autoreset_mode)
    env.set_fields({"body": recording["state"].astype(np.float32), "elapsed": recording["step"].astype(np.int32)[:, None]})
    action = to_device(recording["action"].astype(np.int64)[:, None], device)
    observation, reward, terminated, truncated, info = env.step(action)
    env.check()
    return [to_numpy(array)[:, 0] for array in (observation, reward, terminated, truncated)], info, env


def is_doubtful(recording):
    position, angle = np.abs(recording["next_state"][:, 0]), np.abs(recording["next_state"][:, 2])
    return (np.abs(position - POSITION_LIMIT) < DOUBTFUL) | (np.abs(angle - ANGLE_LIMIT) < DOUBTFUL)


@pytest.mark.parametrize("path", golden_files("cartpole"))
def test_every_recorded_transition_is_reproduced(path, device):
    recording = load_golden(path, "cartpole")
    (observation, reward, terminated, truncated), _, env = replay(recording, device, "disabled")
    np.testing.assert_allclose(observation, recording["next_observation"], rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(reward, recording["reward"])
    sure = ~is_doubtful(recording)
    np.testing.assert_array_equal(terminated[sure], recording["terminated"].astype(bool)[sure])
    np.testing.assert_array_equal(truncated, recording["truncated"].astype(bool))
    np.testing.assert_array_equal(env.get_field("elapsed")[:, 0], recording["step"] + 1)
    count_golden("cartpole", device, path, len(sure))


@pytest.mark.parametrize("path", golden_files("cartpole"))
def test_the_final_observation_is_the_recorded_one(path, device):
    recording = load_golden(path, "cartpole")
    (_, _, terminated, truncated), info, _ = replay(recording, device, "same_step")
    ended = terminated | truncated
    np.testing.assert_array_equal(to_numpy(info["_final_observation"])[:, 0], ended)
    final = to_numpy(info["final_observation"])[:, 0]
    np.testing.assert_allclose(final[ended], recording["next_observation"][ended], rtol=0, atol=TOLERANCE)
