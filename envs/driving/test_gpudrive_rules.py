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


@pytest.mark.parametrize("path", FILES)
def test_a_rollout_is_what_the_rules_say(path):
    recording = load_golden(path, "driving")
    name, config = path.stem.split("__")[0], json.loads(str(recording["config"]))
    json_scene = json.loads((GOLDEN / f"driving/scenes/tfrecord-{name}.json").read_text())
    roads = load_golden(GOLDEN / f"driving/{name}__load.npz", "driving")[f"map_{config['thr']:g}"]
    scene = rules.Scene(json_scene, recording, config, roads)
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
