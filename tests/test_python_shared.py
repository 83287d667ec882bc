"""Data that all worlds share, from Python: loaded once, and replaced while worlds run."""

import threading

import numpy as np
import pytest

import flockstep

ROOM = "....\n....\n"


def make(**options):
    return flockstep.make("pathfinding", **{"num_envs": 4, "num_agents": 2, "max_episode_steps": 20, "device": "cpu", **options})


def walls(env):
    return env.get_field("walls")


def test_a_pool_is_replaced_and_worlds_begin_on_it():
    settings = dict(generator="maze", size=11, num_maps=2)
    env, fresh = make(**settings), make(**settings, map_seed=9)
    observation, _ = env.reset(seed=3)
    for _ in range(5):
        env.step(env.act())
    again, info = env.replace_shared(map_seed=9)
    assert again is observation or np.shares_memory(again, observation)
    assert info["episode_start"].all() and (env.get_field("elapsed") == 0).all()
    assert env.settings["map_seed"] == 9 and env.settings == fresh.settings
    assert env.statistics()["num_episodes"] == 0
    fresh.reset(seed=3), fresh.reset()
    assert (walls(env) == walls(fresh)).all()
    for _ in range(30):
        action = env.act().copy()
        for mine, other in zip(env.step(action)[:4], fresh.step(action)[:4]):
            assert (mine == other).all()

def test_a_changed_file_is_taken_up_by_the_same_call(tmp_path):
    path = tmp_path / "room.txt"
    path.write_text(ROOM)
    env, other = make(map=str(path)), make(map=str(path))
    before = walls(env)
    path.write_text("..#.\n....\n")
    env.replace_shared()
    assert (walls(env) != before).any() and (walls(other) == before).all()


def test_a_state_names_the_pool_that_it_is_of():
    env = make(generator="maze", size=11, num_maps=2)
    state = env.state_dict()
    env.replace_shared(map_seed=5)
    with pytest.raises(ValueError, match="state: map_seed: got 0, want 5"):
        env.load_state_dict(state)
    env.replace_shared(map_seed=0)
    env.load_state_dict(state)
    assert all((env.state_dict()["fields"][name] == value).all() for name, value in state["fields"].items())


@pytest.mark.parametrize(
    "changed, sentence",
    [
        ({"num_agents": 3}, "replacing shared data: num_agents: got 3, want 2 as the worlds have it; these may change with the data: map, "),
        ({"map": "...\n..."}, "replacing shared data: width: got 3, want 4 as the worlds have it"),
        ({"map": "...."}, "replacing shared data: height: got 1, want 2 as the worlds have it"),
        ({"map": "no/such.map"}, "no/such.map: got no such file or directory, want a regular file that can be read"),
        ({"maps": "...."}, "maps"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(changed, sentence):
    env, twin = make(map=ROOM), make(map=ROOM)
    with pytest.raises(ValueError) as caught:
        env.replace_shared(**changed)
    assert sentence in str(caught.value)
    assert env.settings == twin.settings
    env.reset(seed=1), twin.reset(seed=1)
    for _ in range(10):
        action = env.act().copy()
        assert (env.step(action)[0] == twin.step(action)[0]).all()


def test_a_closed_environment_says_so():
    env = make(map=ROOM)
    env.close()
    with pytest.raises(ValueError, match="batch: it is closed"):
        env.replace_shared()


def test_pools_are_replaced_beside_steps_of_another_thread():
    env = make(generator="maze", size=11, num_maps=2, num_envs=64)
    errors = []

    def step():
        try:
            for _ in range(100):
                env.step(np.zeros((64, 2), np.int32))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=step)
    thread.start()
    for seed in range(20):
        env.replace_shared(map_seed=seed)
    thread.join()
    assert not errors


def test_sizes_that_contradict_each_other_are_refused_and_saved_settings_leave_size_free():
    with pytest.raises(ValueError, match="size: got 40, want 12, the larger of height and width, or height and width 0"):
        make(size=40, height=12, width=12)
    env = make(size=12)
    assert (env.settings["size"], env.settings["height"]) == (12, 0)
    larger = make(**{**env.settings, "size": 40})
    assert (larger.get_field("map_size") == 40).all()
    assert (make(height=9, width=12).get_field("map_size") == [9, 12]).all()


def test_given_agents_make_the_number_of_agents_without_changing_the_setting():
    env = make(map="aA..\n.bB.\n", num_agents=1)
    assert env.num_agents == 2 and env.settings["num_agents"] == 1
    assert make(**env.settings).num_agents == 2
