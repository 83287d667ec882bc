"""GPUDrive's rules as gpudrive_rules.py reads them, against every recording of GPUDrive's own simulator."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN, count_golden, golden_files, load_golden

sys.path.insert(0, str(Path(__file__).parent))
import gpudrive_rules as rules

NOT_A_ROLLOUT = ("__load", "__flat_", "__puffer", "__lidar_reset_delete", "puffer_jerk")
FILES = [p for p in golden_files("driving") if p.values[0] is None or not any(part in p.values[0].stem for part in NOT_A_ROLLOUT)]
AT_CONTACT = 0.01  # m: the original's separating axes come from float32 corners
pytestmark = pytest.mark.golden


def scene_of(recording, name):
    config = json.loads(str(recording["config"]))
    json_scene = json.loads((GOLDEN / f"driving/scenes/tfrecord-{name}.json").read_text())
    roads = load_golden(GOLDEN / f"driving/{name}__load.npz", "driving")[f"map_{config['thr']:g}"]
    return rules.Scene(json_scene, recording, config, roads)


def recorded_world(recording, t):
    return rules.World(recording["pos"][t].astype(float), recording["yaw"][t].astype(float), recording["vel"][t].astype(float),
                       recording["collided"][t] != 0, None, None, None)


def rows_in_order(rows):
    return rows[np.lexsort(np.round(rows, 2).T[::-1])]


@pytest.mark.parametrize("path", FILES)
def test_observations_are_what_the_rules_say(path):
    recording = load_golden(path, "driving")
    scene = scene_of(recording, path.stem.split("__")[0])
    in_order = rows_in_order if scene.config["knn"] else np.asarray
    for s, t in enumerate(recording["obs_steps"]):
        world, where = recorded_world(recording, t), f"row {t}"
        np.testing.assert_allclose(recording["self_obs"][s], rules.observe_self(scene, world), rtol=1e-5, atol=1e-3, err_msg=where)
        for b, i in enumerate(recording["obs_agents"]):
            partners, roads = rules.observe_partners(scene, world, i), rules.observe_roads(scene, world, i)
            np.testing.assert_allclose(recording["partner_obs"][s, b], partners, rtol=1e-5, atol=1e-3, err_msg=where)
            np.testing.assert_allclose(in_order(recording["road_obs"][s, b]), in_order(roads), rtol=1e-5, atol=1e-3, err_msg=where)


@pytest.mark.parametrize("path", golden_files("driving", "*__flat_*.npz"))
def test_the_flat_observation_is_what_the_rules_say(path):
    flat, recording = load_golden(path, "driving"), load_golden(path.with_name(path.name.replace("__flat_", "__")), "driving")
    for a, t in enumerate(flat["steps"]):
        s = list(recording["obs_steps"]).index(t)
        for b, i in enumerate(flat["agents"]):
            seen = list(recording["obs_agents"]).index(i)
            rows = (recording["self_obs"][s, i], recording["partner_obs"][s, seen], recording["road_obs"][s, seen])
            np.testing.assert_allclose(flat["flat"][a, b], rules.flat_observation(*(row.astype(float) for row in rows)), atol=2e-6)


@pytest.mark.parametrize("path", FILES)
def test_a_rollout_is_what_the_rules_say(path):
    recording = load_golden(path, "driving")
    scene = scene_of(recording, path.stem.split("__")[0])
    config = scene.config
    fast = np.hypot(*recording["vel"][0].T) > 1000  # starts in an invalid frame, at 14 km/s
    unsure = fast.copy()  # agents that came within AT_CONTACT of something: their flags may be either from then on
    compared = 0
    for t, world in enumerate(rules.play(scene)):
        if config["dyn"] == rules.STATE:  # given heights decide which pairs the original looks at
            unsure[:] = True
        unsure |= world.least_gap < AT_CONTACT
        unsure |= np.abs(np.hypot(*(scene.goal - world.position).T) - config["goalThr"]) < 1e-4
        same = ~unsure
        where = f"row {t}"
        np.testing.assert_array_equal(recording["collided"][t][same] != 0, world.collided[same], where)
        np.testing.assert_array_equal(recording["info"][t, same, :4] != 0, world.info[same], where)
        np.testing.assert_array_equal(recording["done"][t][same] != 0, world.done[same], where)
        np.testing.assert_allclose(recording["reward"][t][same], world.reward[same], rtol=1e-5, atol=2e-4, err_msg=where)
        there = same & ~world.removed
        np.testing.assert_array_equal((recording["pos"][t][same] == rules.AWAY).all(1), world.removed[same], where)
        # float64 here, float32 there; a steering angle of 90 degrees, which the grid has, makes the most of it
        tolerance = 1e-2 if path.stem.endswith("grid_ignore_knn_r25_t1") else 5e-4
        np.testing.assert_allclose(recording["pos"][t][there], world.position[there], atol=tolerance, err_msg=where)
        np.testing.assert_allclose(recording["vel"][t][there], world.velocity[there], rtol=1e-4, atol=4 * tolerance, err_msg=where)
        assert np.abs(rules.wrap(recording["yaw"][t][there] - world.heading[there])).max(initial=0) < tolerance, where
        compared += int(same.sum())
    assert compared > 0 or config["dyn"] == rules.STATE or fast.all()
    count_golden("driving", "rules", path.name, compared)
