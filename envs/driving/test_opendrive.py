"""The OpenDRIVE reader against an independent reader's numbers: roads, lanes, links and 11,000 points of lane centres.

Roads and references: $FLOCKSTEP_DATA/opendrive: NAME.xodr, NAME.esmini.npz (computed by esmini's RoadManager) and, where that
one is off, NAME.exact.npz (computed from the formulas).
Needs the program built from tests/tools/road_network_main.cpp: $FLOCKSTEP_ROAD_NETWORK, or flockstep_road_network under build/.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, data_files, miss

pytestmark = pytest.mark.golden

FILES = data_files("opendrive/*.esmini.npz")
TYPES = {"none": 1, "driving": 2, "stop": 4, "shoulder": 8, "biking": 16, "sidewalk": 32, "border": 64}
CONTACTS = {"start": 1, "end": 2, "": 3}
INEXACT = {("own_poly3", 1)}  # roads whose reference is the other file
MAX_DISTANCE, MAX_ANGLE = 0.02, 0.01


def run(jobs):
    """A line of JSON for each job."""
    given = os.environ.get("FLOCKSTEP_ROAD_NETWORK")
    found = [Path(given)] if given else sorted(REPOSITORY.glob("build*/**/flockstep_road_network"))
    if not found or not found[0].exists():
        miss("golden", "flockstep_road_network is not built; set FLOCKSTEP_ROAD_NETWORK to it")
    done = subprocess.run([found[0]], input=jobs, capture_output=True, text=True)
    if "a build without pugixml" in done.stderr:
        miss("golden", "flockstep_road_network was built without pugixml")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def link_row(link):
    return [-1, -1, -1] if link is None else [{"road": 1, "junction": 2}[link[0]], int(link[1]), CONTACTS[link[2]]]


def samples_of(path, keys, s):
    """x, y, z, heading of the road, width."""
    lines = "".join(f"{road} {section} {lane} {at!r}\n" for (road, section, lane), at in zip(keys.tolist(), s.tolist()))
    return np.array(run(f"samples {path} {len(keys)}\n{lines}")[0])


def angle_between(a, b):
    return np.abs(np.remainder(a - b + np.pi, 2 * np.pi) - np.pi)


@pytest.fixture(params=[pytest.param(path, id=path.name.split(".")[0]) for path in FILES] or [None])
def reference(request):
    """Name, road file, arrays."""
    if request.param is None:
        miss("golden", "no opendrive/*.esmini.npz under FLOCKSTEP_DATA")
    name = request.param.name.split(".")[0]
    with np.load(request.param) as arrays:
        return name, request.param.with_name(f"{name}.xodr"), dict(arrays)


def test_roads_lanes_and_links_are_the_references(reference):
    _, path, arrays = reference
    network = run(f"network {path}\n")[0]
    roads = [[int(road["id"]), road["length"], int(road["junction"]), *link_row(road["predecessor"]), *link_row(road["successor"])]
             for road in network["roads"]]
    np.testing.assert_allclose(roads, arrays["road"], rtol=0, atol=1e-6)  # the lengths are printed with six decimals

    def first(ids):
        return ids[0] if ids else 0

    lanes = [[int(lane["road"]), lane["section"], lane["lane"], TYPES[lane["type"]], int(lane["driving"]), first(lane["predecessor"]),
              first(lane["successor"])] for lane in network["lanes"]]
    np.testing.assert_array_equal(lanes, arrays["lane"])
    links = {(int(junction), int(incoming), int(connecting), CONTACTS[contact], start, end)
             for junction, incoming, connecting, contact, start, end in network["junction_links"]}
    assert links == {tuple(row) for row in arrays["junction_link"].tolist()}


def test_lane_centres_are_where_the_reference_has_them(reference):
    name, path, arrays = reference
    keys, samples = arrays["sample_key"], arrays["sample"]
    exact = np.array([(name, road) not in INEXACT for road in keys[:, 0].tolist()])
    keys, samples = keys[exact], samples[exact]
    found = samples_of(path, keys, samples[:, 0])
    apart = np.hypot(*(found[:, :2] - samples[:, 1:3]).T)
    turned = angle_between(found[:, 3], samples[:, 4])
    worst = f"{len(keys)} samples: {apart.max():.4f} m, z {np.abs(found[:, 2] - samples[:, 3]).max():.4f} m, {turned.max():.5f} rad"
    print(f"{name}: {worst}")
    assert apart.max() <= MAX_DISTANCE and turned.max() <= MAX_ANGLE, worst
    np.testing.assert_allclose(found[:, 2], samples[:, 3], rtol=0, atol=MAX_DISTANCE)
    np.testing.assert_allclose(found[:, 4], samples[:, 5], rtol=0, atol=MAX_DISTANCE)


@pytest.mark.parametrize("exact", data_files("opendrive/*.exact.npz") or [None], ids=lambda path: path and path.name)
def test_polynomials_are_where_their_formulas_say(exact):
    if exact is None:
        miss("golden", "no opendrive/*.exact.npz under FLOCKSTEP_DATA")
    with np.load(exact) as arrays:
        keys, samples = arrays["sample_key"], arrays["sample"]
    found = samples_of(exact.with_name(exact.name.replace(".exact.npz", ".xodr")), keys, samples[:, 0])
    apart, turned = np.hypot(*(found[:, :2] - samples[:, 1:3]).T), angle_between(found[:, 3], samples[:, 3])
    print(f"{exact.name}: {apart.max():.6f} m, {turned.max():.6f} rad")
    assert apart.max() <= MAX_DISTANCE and turned.max() <= MAX_ANGLE
    np.testing.assert_allclose(found[:, 4], samples[:, 4], rtol=0, atol=MAX_DISTANCE)
