"""Maps, agents and scenarios as people have them: lists as in POGEMA, competition maps, byte order marks; and what is refused."""

import numpy as np
import pytest

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
if "pathfinding" not in flockstep.environments():
    pytest.skip("pathfinding is not built", allow_module_level=True)

MAP = "type octile\nheight 2\nwidth 5\nmap\n.....\n..T..\n"
PROBLEM = "0\t{map}\t5\t2\t{x}\t0\t4\t{y}\t4\n"


def make(**settings):
    env = flockstep.make("pathfinding", device="cpu", **settings)
    env.reset()
    return env


def walls(env):
    radius = env.settings.get("obs_radius", 5)
    (height, width), words = env.get_field("map_size").reshape(2), env.get_field("walls")[0]
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), axis=1, bitorder="little")
    return bits[radius : radius + height, radius : radius + width].tolist()


def places(env):
    return env.get_field("position")[0].tolist(), env.get_field("goal")[0].tolist()


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda cells: [np.array(cell) for cell in cells], lambda cells: [tuple(np.int64(n) for n in cell) for cell in cells]])
def test_agents_are_given_as_pogema_takes_them(kind):
    env = make(map="....\n....", agents_xy=kind([[0, 0], [1, 1]]), targets_xy=kind([[0, 2], [1, 3]]))
    assert env.num_agents == 2 and places(env) == ([[0, 0], [1, 1]], [[0, 2], [1, 3]])
    assert env.settings["agents_xy"] == "[[0, 0], [1, 1]]"


def test_lifelong_goals_are_lists_of_lists():
    env = make(map="....", agents_xy=[[0, 0]], targets_xy=[[[0, 1], (0, 3)]], on_target="restart")
    assert env.step(np.array([[4]], np.int32))[1][0, 0] == 1 and places(env)[1] == [[0, 3]]


def test_maps_are_lists_as_in_pogema():
    for rows in ([[0, 1, 0], [0, 0, 0]], np.array([[0, 1, 0], [0, 0, 0]]), "[[0, 1, 0], [0, 0, 0]]"):
        env = make(map=rows)
        assert walls(env) == [[0, 1, 0], [0, 0, 0]]
    for rows, sentence in [
        ([[0, 2]], "map row 0: got a cell that is neither, want a list of equally long rows of 0 and 1"),
        ([0, 1], "map row 0: got no list, want a list of equally long rows"),
        ([[0, 1], [0]], r"map line 2: got 1 characters, want 2 \(the first row's width\)"),
        ([], r'map: got "\[\]", want a list of equally long rows'),
    ]:
        with pytest.raises(ValueError, match=sentence):
            make(map=rows)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"agents_xy": [[0, object()]]}, "agents_xy: got a list of something else, want one of numbers"),
        ({"agents_xy": "[(0, 0)]"}, r'agents_xy: got "\[\(0, 0\)\]", want a list like \[\[0, 1\], \[2, 3\]\]'),
        ({"agents_xy": [[0, 0], [0, 0]], "targets_xy": [[0, 1], [0, 2]]}, r"agents_xy: got \[0, 0\] for agents 0 and 1, want a cell of its own for each agent"),
        ({"agents_xy": [[0, 0]], "on_target": "restart"}, "targets_xy: got one goal for an agent, want at least two for each agent where on_target is restart"),
        (
            {"agents_xy": [[0, 0]], "targets_xy": [[[0, 2], [0, 2], [0, 1]]], "on_target": "restart"},
            r"targets_xy: got \[0, 2\] twice in a row for agent 0, want consecutive goals that differ, the last and the first included, where on_target is restart",
        ),
        ({"agents_xy": [[0, 0]], "targets_xy": [[[0, 2], [0, 1], [0, 2]]], "on_target": "restart"}, r"targets_xy: got \[0, 2\] twice in a row for agent 0"),
        ({"map": "a.A.", "agents_xy": "", "targets_xy": "", "on_target": "restart"}, "map: got one goal for each agent, in letters, want lists of at least two in targets_xy"),
        ({"size": [3]}, r'size: got "\[3\]", want an integer'),
    ],
)
def test_agents_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(**{"map": "....", "targets_xy": [[0, 2]], **settings})


def test_a_size_beside_those_of_a_map_that_was_made_before_is_not_passed_over():
    settings = make(size=12).settings
    assert "height" not in settings or settings["height"] == 0
    assert make(**{**settings, "size": 20}).get_field("map_size").tolist() == [[[20, 20]]]
    with pytest.raises(ValueError, match="size: got 20, want 9, the larger of height and width, or height and width 0"):
        make(height=9, width=4, size=20)


def test_maps_of_the_competition_have_emitters(tmp_path):
    (tmp_path / "kit.map").write_text(MAP.replace(".....", ".E.S."))
    assert walls(make(map=tmp_path / "kit.map")) == [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]


@pytest.mark.parametrize("name, text", [("a.map", MAP), ("a.yaml", "room: |-\n  .....\n  ..#..\n"), ("a.txt", ".....\n..#..\n")])
def test_a_byte_order_mark_is_passed_over(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert walls(make(map=tmp_path / name)) == [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]


def scenario(folder, *problems, name="a.scen", encoding="utf-8"):
    (folder / "plain.map").write_text(MAP)
    (folder / name).write_text("version 1\n" + "".join(PROBLEM.format(**problem) for problem in problems), encoding=encoding)
    return {"map": folder / "plain.map", "agents_xy": folder / name}


@pytest.mark.parametrize("name", ["plain.map", "maps/of/plain.map", "C:\\maps\\plain.map", "plain"])
def test_a_scenario_may_name_its_map_with_folders(tmp_path, name):
    settings = scenario(tmp_path, {"map": name, "x": 0, "y": 0}, {"map": name, "x": 1, "y": 1})
    assert places(make(num_agents=2, **settings)) == ([[0, 0], [0, 1]], [[0, 4], [1, 4]])


def test_a_scenario_of_another_map_is_refused(tmp_path):
    settings = scenario(tmp_path, {"map": "plain.map", "x": 0, "y": 0}, {"map": "another.map", "x": 1, "y": 1})
    with pytest.raises(ValueError, match=r'a.scen line 3: got a problem of map "another.map", want one of "plain"$'):
        make(**settings)


def test_two_agents_in_one_cell_are_refused(tmp_path):
    settings = scenario(tmp_path, *({"map": "plain.map", "x": x, "y": y} for x, y in ((0, 0), (1, 1), (0, 1))))
    with pytest.raises(ValueError, match=r"a.scen line 4: got start x 0, y 0 as in line 2, want a cell of its own for each agent"):
        make(num_agents=3, **settings)
    assert make(num_agents=2, **settings).num_agents == 2  # the third problem is not asked for


def test_scenarios_may_be_written_in_capitals_and_with_a_mark(tmp_path):
    settings = scenario(tmp_path, {"map": "plain.map", "x": 3, "y": 0}, name="S.SCEN", encoding="utf-8-sig")
    assert places(make(**settings)) == ([[0, 3]], [[0, 4]])


def test_a_scenario_is_not_lifelong(tmp_path):
    settings = scenario(tmp_path, {"map": "plain.map", "x": 3, "y": 0})
    with pytest.raises(ValueError, match="on_target: got restart, want finish or nothing: a scenario has one goal for each agent"):
        make(on_target="restart", **settings)
