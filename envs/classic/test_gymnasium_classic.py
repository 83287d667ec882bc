"""Gymnasium's own classic environments beside ours: one step from random states, how episodes begin, spaces and limits."""

import numpy as np
import pytest
from conftest import to_device, to_numpy

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

IDS = {"pendulum": "Pendulum-v1", "acrobot": "Acrobot-v1", "mountain_car_continuous": "MountainCarContinuous-v0"}
COUNT = 10_000
TOLERANCE = 1e-5  # for a float32 step against a float64 step
DOUBTFUL = 1e-5  # a next state this close to a threshold may or may not end the episode
GOAL = 0.45  # of the car
TURN = 2 * np.pi
ANGLES = {"pendulum": [0], "acrobot": [0, 1], "mountain_car_continuous": []}  # equal up to whole turns

each = pytest.mark.parametrize("name", IDS)


def make_theirs(name, **settings):
    env = gymnasium.make(IDS[name], disable_env_checker=True, **settings)
    env.reset(seed=1)
    return env


def random_states(name, random):
    """float32 [COUNT, numbers]: from all that an environment allows; the pendulum's angles also from turns before."""
    uniform = lambda *limits: np.stack([random.uniform(-limit, limit, COUNT) for limit in limits], 1)
    if name == "pendulum":
        return uniform(25 * TURN, 8).astype(np.float32)
    if name == "acrobot":
        return uniform(np.pi, np.pi, 4 * np.pi, 9 * np.pi).astype(np.float32)
    return np.stack([random.uniform(-1.2, 0.6, COUNT), random.uniform(-0.07, 0.07, COUNT)], 1).astype(np.float32)


def random_actions(name, random):
    """As both take them: integers [COUNT], or float32 [COUNT, 1] with a fifth of them at a bound."""
    if name == "acrobot":
        return random.integers(0, 3, COUNT)
    bound = {"pendulum": 2, "mountain_car_continuous": 1}[name]
    return np.clip(random.uniform(-1.25 * bound, 1.25 * bound, (COUNT, 1)), -bound, bound).astype(np.float32)


def get_states(name, env):
    fields = ("position", "velocity") if name == "mountain_car_continuous" else ("angle", "velocity")
    return np.concatenate([env.get_field(field) for field in fields], 1)


def set_states(name, env, states, steps):
    first = "position" if name == "mountain_car_continuous" else "angle"
    half = states.shape[1] // 2
    env.set_fields({first: states[:, :half].copy(), "velocity": states[:, half:].copy(), "elapsed": steps.astype(np.int32)[:, None]})


def step_theirs(name, states, actions, steps, **settings):
    """One step from each state: arrays of next states, observations, rewards, terminated, truncated."""
    env, results = make_theirs(name, **settings), []
    inner = env.unwrapped
    for state, action, step in zip(states, actions, steps, strict=True):
        inner.state = state if name == "mountain_car_continuous" else state.astype(np.float64)  # as it keeps them itself
        env._elapsed_steps = int(step)
        observation, reward, terminated, truncated, _ = env.step(action)
        results.append((np.array(inner.state), observation, reward, terminated, truncated))
    return [np.array(column) for column in zip(*results, strict=True)]


def step_ours(name, states, actions, steps, device, **settings):
    env = flockstep.make(name, num_envs=COUNT, device=device, autoreset_mode="disabled", **settings)
    env.reset(seed=1)
    set_states(name, env, states, steps)
    given = actions.astype(np.int32)[:, None] if actions.ndim == 1 else actions[:, None]
    observation, reward, terminated, truncated, _ = env.step(to_device(given, device))
    env.check()
    return [get_states(name, env)] + [to_numpy(array)[:, 0] for array in (observation, reward, terminated, truncated)]


def doubtful(name, states, goal_velocity=0.0, **_):
    """Next states so close to a threshold that float32 may put them on the other side."""
    if name == "pendulum":
        return np.zeros(len(states), bool)
    if name == "acrobot":
        return np.abs(-np.cos(states[:, 0]) - np.cos(states[:, 0] + states[:, 1]) - 1) < DOUBTFUL
    return (np.abs(states[:, 0] - GOAL) < DOUBTFUL) | (np.abs(states[:, 1] - goal_velocity) < DOUBTFUL) & (states[:, 0] > GOAL - DOUBTFUL)


def compare(name, device, seed, **settings):
    random = np.random.default_rng(seed)
    states, actions = random_states(name, random), random_actions(name, random)
    steps = random.integers(0, gymnasium.spec(IDS[name]).max_episode_steps, COUNT)
    steps[: COUNT // 4] = gymnasium.spec(IDS[name]).max_episode_steps - 1
    theirs = step_theirs(name, states, actions, steps, **settings)
    ours = step_ours(name, states, actions, steps, device, **settings)
    difference = ours[0] - theirs[0]
    for k in ANGLES[name]:
        difference[:, k] -= TURN * np.round(difference[:, k] / TURN)
    sure = ~doubtful(name, theirs[0], **settings)
    assert sure.mean() > 0.999
    print(f"{name}: next state within {np.abs(difference).max():.1e}, observation {np.abs(ours[1] - theirs[1]).max():.1e}, "
          f"reward {np.abs(ours[2] - theirs[2])[sure].max():.1e}, {theirs[3].sum()} terminated, {theirs[4].sum()} truncated")
    assert np.abs(difference).max() <= TOLERANCE
    np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours[2][sure], theirs[2][sure], rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(ours[3][sure], theirs[3][sure])
    np.testing.assert_array_equal(ours[4], theirs[4])
    assert theirs[4].sum() > COUNT / 5 and (theirs[3].sum() > COUNT / 100) == (name != "pendulum")


@each
def test_a_step_from_each_of_10000_random_states_is_gymnasiums(name, device):
    compare(name, device, 1)


@pytest.mark.parametrize("name, settings", [("pendulum", {"g": 9.81}), ("mountain_car_continuous", {"goal_velocity": 0.02})])
def test_the_parameters_are_gymnasiums(name, settings, device):
    compare(name, device, 2, **settings)


def test_the_car_stops_at_the_left_wall_and_the_goal_is_inclusive(device):
    """Exact positions: at the wall and pushed into it, past the right end, just at the goal."""
    name = "mountain_car_continuous"
    states = np.array([[-1.2, -0.07], [-1.2, 0.0], [-1.19, -0.07], [0.6, 0.07], [0.59, 0.07], [0.45, 0.0], [0.38, 0.07]], np.float32)
    states = np.resize(states, (COUNT, 2))
    actions, steps = np.resize(np.float32([-1, 1, 0]), (COUNT, 1)), np.zeros(COUNT, int)
    theirs, ours = step_theirs(name, states, actions, steps), step_ours(name, states, actions, steps, device)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-7)
    sure = ~doubtful(name, theirs[0])
    np.testing.assert_array_equal(ours[3][sure], theirs[3][sure])
    assert (ours[0][:, 1] == 0).any() and theirs[3].any() and not theirs[3].all()


@each
def test_episodes_begin_like_gymnasiums(name, device):
    """Two samples of each number of the first state differ less than all but one pair in 10,000 would (Kolmogorov, Smirnov)."""
    count, resets = 1 << 15, 4000
    theirs, samples = make_theirs(name), []
    for seed in range(resets):
        theirs.reset(seed=seed)
        samples.append(np.array(theirs.unwrapped.state, np.float64))
    env = flockstep.make(name, num_envs=count, device=device)
    env.reset(seed=3)
    ours, expected = get_states(name, env).astype(np.float64), np.array(samples)
    for k in range(ours.shape[1]):
        grid = np.sort(np.concatenate([ours[:, k], expected[:, k]]))
        share = lambda sample: np.searchsorted(np.sort(sample), grid, "right") / len(sample)
        assert np.abs(share(ours[:, k]) - share(expected[:, k])).max() < 2.23 * np.sqrt(1 / count + 1 / resets)
        assert abs(ours[:, k].min() - expected[:, k].min()) < 2e-3 * np.ptp(expected[:, k]) + 1e-7
        assert abs(ours[:, k].max() - expected[:, k].max()) < 2e-3 * np.ptp(expected[:, k]) + 1e-7
    varies = ours[:, ours.std(0) > 0]
    correlation = np.atleast_2d(np.corrcoef(varies.T)) - np.eye(varies.shape[1])
    assert np.abs(correlation).max() < 4.5 / np.sqrt(count)


@each
def test_random_play_earns_what_it_earns_there(name):
    """Mean returns of whole episodes, within 4.5 standard errors. The deviation is that of our many episodes: few of Gymnasium's
    show none of acrobot's rare successes."""
    episodes, count = 60, 4096
    theirs, returns = make_theirs(name), []
    theirs.action_space.seed(1)
    for seed in range(episodes):
        theirs.reset(seed=seed)
        total = 0.0
        while True:
            _, reward, terminated, truncated, _ = theirs.step(theirs.action_space.sample())
            total += reward
            if terminated or truncated:
                break
        returns.append(total)
    env = flockstep.make(name, num_envs=count, device="cpu", autoreset_mode="disabled")
    env.reset(seed=5)
    ours = np.zeros(count)
    for _ in range(gymnasium.spec(IDS[name]).max_episode_steps):
        ours += env.step(env.act("random"))[1][:, 0]
    assert abs(ours.mean() - np.mean(returns)) < 4.5 * ours.std() * np.sqrt(1 / episodes + 1 / count)


@each
def test_gymnasiums_id_has_its_spaces_and_time_limit(name):
    ours, theirs = gymnasium.make(f"flockstep/{IDS[name]}"), make_theirs(name)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps
    observation, _ = ours.reset(seed=1)
    assert observation in ours.observation_space
    assert len(ours.step(ours.action_space.sample())) == 5


BOUNDS = {  # reset options, and bounds of the first states under them
    "pendulum": ({"x_init": 0.5, "y_init": 0.25}, [0.5, 0.25]),
    "acrobot": ({"low": -0.4, "high": 0.4}, [0.4] * 4),
    "mountain_car_continuous": ({"low": -0.75, "high": 0.25}, None),
}


@each
def test_reset_options_are_gymnasiums(name, device):
    options, bounds = BOUNDS[name]
    theirs = make_theirs(name)
    expected = []
    for seed in range(500):
        theirs.reset(seed=seed, options=options)
        expected.append(theirs.unwrapped.state)
    env = flockstep.make(name, num_envs=500, device=device)
    env.reset(seed=1, options=options)
    ours, expected = get_states(name, env), np.array(expected)
    low, high = (np.array([-0.75, 0]), np.array([0.25, 0])) if bounds is None else (-np.array(bounds), np.array(bounds))
    for states in (ours, expected):
        assert (states >= np.float32(low)).all() and (states <= np.float32(high)).all()
        assert (np.ptp(states, 0) >= 0.97 * (high - low)).all()


@pytest.mark.parametrize("name, options, says", [
    ("pendulum", {"x_init": "far"}, "options: x_init: got 'far', want a finite number from 0 to 100000"),
    ("pendulum", {"y_init": 9}, "options: y_init: got 9, want a finite number from 0 to 8"),
    ("acrobot", {"low": 0.2}, "options: low: got 0.2, want at most high, 0.1"),
    ("acrobot", {"high": 4}, "options: high: got 4, want a finite number from -3.14159 to 3.14159"),
    ("mountain_car_continuous", {"low": np.nan}, "options: low: got nan, want a finite number from -1.2 to 0.6"),
    ("mountain_car_continuous", {"x_init": 0}, 'options: unknown key "x_init", want reset_mask or low or high'),
])
def test_a_reset_option_that_no_state_could_follow_is_refused(name, options, says):
    with pytest.raises(ValueError, match=says):
        flockstep.make(name, num_envs=2, device="cpu").reset(seed=1, options=options)


@pytest.mark.parametrize("name", ["acrobot", "pendulum"])
def test_the_widest_reset_options_are_accepted(name):
    env = flockstep.make(name, num_envs=1000, device="cpu")
    env.reset(seed=1, options={"low": -np.pi, "high": np.pi} if name == "acrobot" else {"x_init": 1e5, "y_init": 8})
    assert np.isfinite(env.step(env.act("random"))[0]).all()


@pytest.mark.parametrize("name, field, value", [
    ("pendulum", "velocity", 8.5), ("pendulum", "angle", np.nan), ("acrobot", "angle", 4.0), ("mountain_car_continuous", "position", 0.7),
])
def test_a_state_beyond_its_limits_is_refused(name, field, value):
    env = flockstep.make(name, num_envs=2, device="cpu")
    env.reset(seed=1)
    with pytest.raises(ValueError, match=field):
        env.set_fields({field: np.full_like(env.get_field(field), value)})


@pytest.mark.parametrize("name, settings", [("pendulum", {"g": -1.0}), ("mountain_car_continuous", {"goal_velocity": 2.0})])
def test_a_parameter_out_of_range_is_refused(name, settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))}: got"):
        flockstep.make(name, num_envs=2, device="cpu", **settings)
