"""Driving scenes as they are loaded, against recordings of GPUDrive and PufferLib: means, road boxes, tracks, marks, which
agents are there and which are controlled, experts' actions.

Recordings: $FLOCKSTEP_GOLDEN/driving. All float32 numbers are equal bit by bit but for headings of road boxes (the
original reads them back from quaternions: 5e-7) and experts' actions (its own atan2 and rotations).
Needs the program built from tests/tools/scenes_main.cpp: $FLOCKSTEP_SCENES, or flockstep_scenes under build*/.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN, REPOSITORY, count_golden, miss

FOLDER = GOLDEN / "driving"
SCENES = sorted(path.stem.removeprefix("tfrecord-") for path in (FOLDER / "scenes").glob("*.json"))
IS_SDC, IS_OF_INTEREST, IS_TO_PREDICT = 2, 4, 8
CONTROLLED, PARKED = 0, 2
pytestmark = pytest.mark.golden


def find_program():
    given = os.environ.get("FLOCKSTEP_SCENES")
    found = [Path(given)] if given else sorted(REPOSITORY.glob("build*/**/flockstep_scenes"))
    if not found or not found[0].exists():
        miss("golden", "flockstep_scenes is not built; set FLOCKSTEP_SCENES to it")
    return found[0]


def load(scene, *jobs):
    """What the program makes of a scene, a dict per job."""
    if scene is None:
        miss("golden", f"no recordings of driving under {GOLDEN}")
    path = str(FOLDER / "scenes" / f"tfrecord-{scene}.json")
    lines = "".join(json.dumps({"path": path, **job}) + "\n" for job in jobs)
    run = subprocess.run([find_program()], input=lines, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def floats(rows):
    return np.array(rows, np.float64).astype(np.float32)


def recording(scene, name):
    path = FOLDER / f"{scene}__{name}.npz"
    with np.load(path) as arrays:
        count_golden("driving", "cpu", path, 0)
        return {key: arrays[key] for key in arrays.files}


def recorded(names):
    """Scenes with such recordings, as pytest parameters."""
    found = [(scene, name) for scene in SCENES for name in names if (FOLDER / f"{scene}__{name}.npz").exists()]
    return [pytest.param(*pair, id="-".join(pair)) for pair in found] or [pytest.param(None, None, id="no-recordings")]


def chosen(made):
    """Rows of the agents that are there, their roles, and which are parked."""
    rows = np.array(made["selection"]["agents"], int).reshape(-1, 3)
    return rows[:, 0], rows[:, 1], rows[:, 2]


def compare_counts(made, wanted):
    got = [len(made["selection"]["agents"]), made["num_boxes"], made["selection"]["num_controlled"], made["num_objects"],
           made["num_roads"], made["num_road_segments"]]
    np.testing.assert_array_equal(got, wanted, err_msg="counts")


@pytest.mark.parametrize("scene", SCENES or [None])
def test_roads_and_tracks_are_those_of_the_recording(scene):
    thresholds = {"0": 0.0, "0.1": 0.1, "1": 1.0}
    made = load(scene, *({"threshold": value, "parts": ["boxes", "states", "inverse"]} for value in thresholds.values()))
    wanted = recording(scene, "load")
    for name, each in zip(thresholds, made):
        compare_counts(each, wanted[f"counts_{name}"])
        boxes, rows = floats(each["boxes"]), wanted[f"map_{name}"]
        np.testing.assert_array_equal(boxes[:, :4], rows[:, :4], err_msg=f"boxes at threshold {name}")
        np.testing.assert_array_equal(np.where(rows[:, 6] == 6, 1.0, np.float32(0.1)), rows[:, 4], err_msg="half heights, of no use in the plane")
        turn = np.abs(boxes[:, 4] - rows[:, 5])
        assert np.minimum(turn, 2 * np.pi - turn).max() < 5e-7
        np.testing.assert_array_equal(boxes[:, 5:8], rows[:, 6:9], err_msg=f"type, id and element at threshold {name}")
        np.testing.assert_allclose(boxes[:, 8:10], np.stack([np.cos(boxes[:, 4]), np.sin(boxes[:, 4])], 1), atol=2e-7)
    compare_tracks(made[1], wanted)


def compare_tracks(made, wanted):
    np.testing.assert_array_equal(floats(made["mean"]), wanted["world_mean"][:2])
    for name in ("name", "scenario_id"):
        text = bytes(wanted["map_name" if name == "name" else name])
        assert made[name].encode()[:32].ljust(32, b"\0") == text
    rows, _, _ = chosen(made)
    np.testing.assert_array_equal([made["agents"][row][0] for row in rows], wanted["agent_id"])
    states = floats([made["states"][row] for row in rows])
    np.testing.assert_array_equal(states[..., 0:2], wanted["traj_pos"])
    np.testing.assert_array_equal(states[..., 2:4], wanted["traj_vel"])
    np.testing.assert_array_equal(states[..., 4], wanted["traj_yaw"])
    np.testing.assert_array_equal(states[..., 5], wanted["traj_valid"])
    inverse = floats([made["inverse"][row] for row in rows])
    bicycle, delta = wanted["inverse_bicycle"], wanted["inverse_delta"]
    assert not bicycle[:, -1].any() and not delta[:, -1].any() and not bicycle[..., 2].any()
    np.testing.assert_array_equal(inverse[..., 0], bicycle[:, :-1, 0], err_msg="acceleration")
    speed = np.linalg.norm(states[:, :-1, 2:4].astype(float), axis=-1)
    way = 0.1 * speed + 0.005 * bicycle[:, :-1, 0]
    moves = np.abs(way) > 1e-4  # below, the curvature is a quotient of rounding errors
    turn = np.abs(inverse[..., 1] - bicycle[:, :-1, 1]) * np.abs(way)
    assert turn[moves].max(initial=0) < 1e-6 + 1e-6 * np.abs(bicycle[:, :-1, 1] * way)[moves].max(initial=0)
    np.testing.assert_allclose(inverse[..., 2:4], delta[:, :-1, :2], rtol=1e-5, atol=2e-5, err_msg="displacement")
    turn = np.abs(inverse[..., 4] - delta[:, :-1, 2])
    assert np.minimum(turn, 2 * np.pi - turn).max() < 1.1e-3  # -10000 rad is a multiple of 1/1024


CONFIGS = ("all_objects", "bicycle_ignore_knn", "classic_ignore_linear", "classic_remove_knn", "classic_stop_linear", "delta_remove_linear",
           "grid_ignore_knn_r25_t1", "lidar_reset_delete", "options", "replay_ignore", "replay_remove", "state_stop_knn", "ttp", "zero_ignore")


@pytest.mark.parametrize("scene, name", recorded(CONFIGS))
def test_agents_are_those_of_the_recording(scene, name):
    wanted = recording(scene, name)
    config = json.loads(str(wanted["config"]))
    select = {"controlled": 2 if config["ttp"] else 0, "ignore_non_vehicles": bool(config["ignoreNonVeh"]),
              "only_valid_at_start": bool(config["initValid"]), "control_parked": bool(config["staticCtl"]),
              "max_controlled": config["maxCtl"]}
    job = {"threshold": config["thr"], "select": select}
    removed = {"removed": wanted["deleted_ids"].tolist()} if "deleted_ids" in wanted else {}
    made, after = load(scene, job, {**job, **removed})
    compare_counts(made, wanted["counts"])
    np.testing.assert_array_equal(floats(made["mean"]), wanted["world_mean"][:2])
    rows, role, is_parked = chosen(made)
    agents = np.array(made["agents"], object)[rows]
    np.testing.assert_array_equal(agents[:, 0].astype(int), wanted["agent_id"])
    np.testing.assert_array_equal(agents[:, 1].astype(int) + 6, wanted["agent_type"])
    np.testing.assert_array_equal(role == CONTROLLED, wanted["controlled"] != 0)
    np.testing.assert_array_equal(2 * is_parked, wanted["response"])
    flags = agents[:, 2].astype(int)
    marks = [(flags & bit != 0).astype(int) for bit in (IS_SDC, IS_OF_INTEREST, IS_TO_PREDICT)]
    np.testing.assert_array_equal(np.stack([*marks, agents[:, 3].astype(int)], 1), wanted["metadata"])
    if removed:
        rows, role, _ = chosen(after)
        np.testing.assert_array_equal([after["agents"][row][0] for row in rows], wanted["after_delete_id"])
        np.testing.assert_array_equal(role == CONTROLLED, wanted["after_delete_controlled"] != 0)


@pytest.mark.parametrize("scene, name", recorded(("pufferca7", "puffer300")))
def test_pufferlibs_scenes_are_those_of_the_recording(scene, name):
    wanted = recording(scene, name)
    (made,) = load(scene, {"rules": "pufferlib", "parts": ["states", "boxes"]})
    np.testing.assert_array_equal(floats(made["mean"]), wanted["world_mean"])
    rows, role, _ = chosen(made)
    objects = np.array([made["agents"][row][4] for row in rows])
    np.testing.assert_array_equal(objects[role == CONTROLLED], wanted["active_idx"])
    np.testing.assert_array_equal(objects[role != CONTROLLED], wanted["static_idx"])
    boxes = floats(made["boxes"])
    got = [(role == CONTROLLED).sum(), (role != CONTROLLED).sum(), (role == 1).sum(), len(rows), made["num_objects"], made["num_roads"]]
    np.testing.assert_array_equal(got, wanted["counts"][:6])
    lines = boxes[boxes[:, 5] <= 3]
    half = lines[:, 2:3] * lines[:, 8:10]
    ends = np.concatenate([lines[:, :2] - half, lines[:, :2] + half])
    size = np.ceil((ends.max(0) - ends.min(0)) / 5)
    np.testing.assert_allclose(size, wanted["counts"][6:], err_msg="cells of 5 m")
    states = floats(made["states"])
    there = np.array(sorted(objects))
    start = states[there, 0, :2]
    at_start = np.stack([wanted["x"][0], wanted["y"][0]], 1)[there]
    is_there = at_start[:, 0] > -9000  # some parked ones are taken away at once, by memory that is not initialised
    np.testing.assert_array_equal(start[is_there], at_start[is_there])
