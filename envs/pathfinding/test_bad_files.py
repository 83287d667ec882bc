"""Malformed maps and scenarios, and sizes that cannot be: one sentence, as ValueError in Python and with exit code 2 from the
program; and what a good scenario does."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", pathlib.Path(__file__).resolve().parents[2] / "build/flockstep"))

MAP = "type octile\nheight 3\nwidth 4\nmap\n....\n.@@.\n....\n"
PROBLEM = "0\troom.map\t4\t3\t{x}\t{y}\t{goal_x}\t{goal_y}\t3.5\n"
SCENARIO = "version 1\n" + PROBLEM.format(x=0, y=1, goal_x=3, goal_y=2) + PROBLEM.format(x=3, y=0, goal_x=0, goal_y=0)

# name of the file, what is in it, settings, what the sentence says ({} is the file)
BAD = [
    ("room.map", MAP.replace("octile", "tile"), {}, '{} line 1: got type "tile", want octile'),
    ("room.map", MAP.replace("height 3", "height three"), {}, '{} line 2: got height "three", want an integer from 1 to 4096'),
    ("room.map", MAP.replace("height 3", "height 99999"), {}, '{} line 2: got height "99999", want an integer from 1 to 4096'),
    ("room.map", MAP.replace("height 3", "height 4"), {}, "{}: got 3 rows, want 4 (the header's height)"),
    ("room.map", MAP.replace(".@@.", ".@@"), {}, "{} line 6: got 3 characters, want 4 (the header's width)"),
    ("room.map", MAP.replace(".@@.", ".@x."), {}, '{} line 6 column 3: got "x", want one of . G S E @ O T W'),
    ("room.map", "", {}, "{}: got no `map` line, want type, height, width, map, then the rows"),
    ("room.map", "\x00\xff\x00", {}, "{} line 1: got "),
    ("rooms.yaml", "room: |-\n  ...\n  ..\n", {}, "{} line 3: got "),
    ("rooms.yaml", "room:\n  ...\n", {}, '{} line 1: got "room:", want `name: |-` before indented rows'),
    ("rooms.yaml", "", {}, "{}: got no maps, want at least one `name: |-` with indented rows"),
    ("rooms.txt", "...\n.?.\n", {}, '{} line 2 column 2: got "?", want '),
    ("rooms.txt", ".#.\n", {"num_agents": 2}, "num_agents: got 2, want at most 0: that many agents fit the largest connected region of map \"rooms\""),
    ("room.map", MAP, {"num_agents": 11}, "num_agents: got 11, want at most 10: that many agents fit the largest connected region of map \"room\""),
    ("room.scen", SCENARIO.replace("version 1", "versions"), {}, '{} line 1: got "versions", want `version 1`'),
    ("room.scen", SCENARIO.replace("\t3.5", ""), {}, "{} line 2: got 8 fields, want 9"),
    ("room.scen", SCENARIO.replace("\t4\t3\t", "\t5\t3\t"), {}, "{} line 2: got a map of width 5 and height 3, want 4 and 3 (the map's)"),
    ("room.scen", SCENARIO.replace("\t0\t1\t", "\t1\t1\t"), {}, "{} line 2: got start x 1, y 1 on an obstacle, want a free cell"),
    ("room.scen", SCENARIO.replace("\t0\t1\t", "\t0\t7\t"), {}, '{} line 2: got start y "7", want an integer from 0 to 2'),
    ("room.scen", SCENARIO.replace("3.5", "far"), {}, '{} line 2: got optimal length "far", want a number'),
    ("room.scen", "version 1\n", {}, "{}: got no problems, want at least one line of 9 fields"),
    ("room.scen", SCENARIO, {"num_agents": 3}, "num_agents: got 3, want at most 2, the problems of {}"),
    ("room.scen", SCENARIO, {"targets_xy": "[[0, 0]]"}, "targets_xy: got a list, want nothing: the scenario in agents_xy has the goals"),
    ("room.scen", SCENARIO, {"map": "", "generator": "maze"}, 'agents_xy: got "{}" and 64 maps, want the one map that the scenario is for'),
]

# settings, what the sentence says
IMPOSSIBLE = [
    ({"num_agents": 17, "size": 4}, "num_agents: got 17, want at most 16: the map has 4 x 4 cells"),
    ({"num_agents": 9, "size": 4, "generator": "pogema"}, "num_agents: got 9, want at most 8: the map has 4 x 4 cells, two for each agent"),
    ({"num_agents": 0}, "num_agents: got 0, want an integer from 1 to 1048576"),
    ({"size": 1}, "size: got 1, want an integer from 2 to 4096"),
    ({"size": 5000}, "size: got 5000, want an integer from 2 to 4096"),
    ({"height": 5}, "width: got 0, want both height and width, or neither"),
    ({"density": 1.5}, "density: got 1.5, want a number from 0 to 1"),
    ({"map": "..\n..", "num_agents": 5}, "num_agents: got 5, want at most 4: that many agents fit the largest connected region of the map"),
    ({"map": "..\n.?"}, 'map line 2 column 2: got "?", want '),
    ({"map": "no/such.map"}, "no/such.map: got no such file or directory, want a regular file that can be read"),
    ({"map": "no/such"}, "map: got \"no/such\", want a path that ends in .yaml, .yml, .map or .txt, or a map's rows"),
    ({"map": "....", "agents_xy": "no/such.scen"}, "no/such.scen: got no such file or directory, want a regular file that can be read"),
    ({"agents_xy": "[[0, 0]]"}, "targets_xy: got nothing, want a list: agents_xy and targets_xy go together"),
    ({"agents_xy": "[[0, 0]", "targets_xy": "[[1, 1]]"}, 'agents_xy: got "[[0, 0]", want a list like [[0, 1], [2, 3]]'),
    ({"agents_xy": "[[0]]", "targets_xy": "[[1, 1]]"}, "agents_xy: got \"[0]\", want a pair [row, column]"),
    ({"agents_xy": "[[0, 70000]]", "targets_xy": "[[1, 1]]"}, "agents_xy: got \"[0,70000]\", want a cell of the map"),
    ({"agents_xy": "[[0, 9]]", "targets_xy": "[[1, 1]]"}, "agents_xy: got [0, 9] for agent 0, want a cell of the map of 8 x 8 cells"),
    ({"agents_xy": "[[0, 0]]", "targets_xy": "[[1, 1], [2, 2]]"}, "targets_xy: got 2 agents, want 1 as in agents_xy"),
    ({"observation": "window"}, 'observation: got "window", want a comma-separated list of windows, cost_to_go and intent'),
]


def settings_of(folder, name, text, settings):
    (folder / name).write_bytes(text.encode("latin-1"))
    if not name.endswith(".scen"):
        return {"map": str(folder / name), **settings}
    (folder / "room.map").write_text(MAP)
    return {"map": str(folder / "room.map"), "agents_xy": str(folder / name), **settings}


def refusals(settings):
    """The sentence of Python, and that of the program without what goes in front."""
    with pytest.raises(ValueError) as error:
        flockstep.make("pathfinding", device="cpu", **settings)
    yield str(error.value)
    if BINARY.is_file():
        words = [word for key, value in settings.items() for word in (f"--{key}={value}",)]
        result = subprocess.run([BINARY, "list", "pathfinding", *words], capture_output=True, text=True, timeout=60)
        assert result.returncode == 2 and result.stderr.startswith("flockstep: ")
        yield result.stderr.removeprefix("flockstep: ").removesuffix("\n")


@pytest.mark.parametrize(("name", "text", "settings", "says"), BAD, ids=[f"{name}-{says[:40]}" for name, _, _, says in BAD])
def test_a_malformed_file_gets_one_sentence(name, text, settings, says, tmp_path):
    for sentence in refusals(settings_of(tmp_path, name, text, settings)):
        assert sentence.startswith(says.replace("{}", str(tmp_path / name))) and "\n" not in sentence


@pytest.mark.parametrize(("settings", "says"), IMPOSSIBLE, ids=[says for _, says in IMPOSSIBLE])
def test_impossible_settings_get_one_sentence(settings, says):
    for sentence in refusals(settings):
        assert "\n" not in sentence
        assert sentence.replace('"', "").startswith(says.replace('"', ""))


def test_a_scenario_places_agents_and_goals(tmp_path):
    settings = settings_of(tmp_path, "room.scen", SCENARIO, {"num_agents": 2})
    env = flockstep.make("pathfinding", num_envs=3, device="cpu", **settings)
    env.reset(seed=1)
    np.testing.assert_array_equal(env.get_field("position"), [[[1, 0], [0, 3]]] * 3)
    np.testing.assert_array_equal(env.get_field("goal"), [[[2, 3], [0, 0]]] * 3)
    env = flockstep.make("pathfinding", device="cpu", **{**settings, "num_agents": 1})
    np.testing.assert_array_equal(env.get_field("position"), [[[1, 0]]])
