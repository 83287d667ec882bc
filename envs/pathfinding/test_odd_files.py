"""Files that are odd rather than malformed: bytes that no text has, names that no terminal should see, things that are no files,
lists without end. One readable sentence for each, at once, and nothing that a terminal would obey."""

import os
import pathlib
import subprocess
import time

import pytest

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", pathlib.Path(__file__).resolve().parents[2] / "build/flockstep"))
MAP = b"type octile\nheight 2\nwidth 4\nmap\n....\n.@@.\n"
SCENARIO = b"version 1\n0\troom.map\t4\t2\t0\t0\t3\t1\t4\n"
CLEAR = b"\x1b]0;owned\x07\x1b[2J"  # a title, and an empty screen


def refusal(**settings):
    began = time.monotonic()
    with pytest.raises(ValueError) as error:
        flockstep.make("pathfinding", device="cpu", **settings)
    sentence = str(error.value)
    assert sentence.isprintable() and 0 < len(sentence) < 2500 and time.monotonic() - began < 20
    return sentence


def write(folder, name, content):
    path = os.fsencode(folder) + b"/" + name
    with open(path, "wb") as file:
        file.write(content)
    return os.fsdecode(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (b"a.map", MAP.replace(b"@", b"\xff", 1), r' line 6 column 2: got "\xff", want one of . G S E @ O T W'),
        (b"a.map", MAP.replace(b".@@.", ".é@".encode()), ' line 6 column 2: got "é", want one of . G S E @ O T W'),
        (b"a.map", CLEAR + MAP, r' line 1: got "\x1b]0;owned\x07\x1b[2Jtype", want type, height, width or map'),
        (b"a.map", MAP.replace(b"octile", b"\xe4" * 1000), " line 1: got type \"" + r"\xe4" * 200 + '...", want octile'),
        (b"a.map", MAP.replace(b"height 2", b"height \xc2\x9b2J"), r' line 2: got height "\xc2\x9b2J", want an integer from 1 to 4096'),
        (b"a.txt", b"..\n.\xff", r' line 2 column 2: got "\xff", want one of . # @ $ ! a-z A-Z'),
        (b"a.txt", b"..\n.\x00", r' line 2 column 2: got "\x00", want one of . # @ $ ! a-z A-Z'),
        (b"a.yaml", b"r\xff\x1b[2J\n", r' line 1: got "r\xff\x1b[2J", want `name: |-` before indented rows'),
        (b"a.yaml", b"r\xff: |-\n", r' line 1: got no rows of "r\xff", want indented rows below it'),
        (b"a.yaml", b"r\x07: |-\n  ..\nr\x07: |-\n  ..\n", r' line 3: got a second map "r\x07", want each name once'),
        (b"a\x1b[2J\xff.map", b"", ": got no `map` line, want type, height, width, map, then the rows"),
    ],
)
def test_bytes_are_quoted_so_that_they_can_be_read(tmp_path, name, content, says):
    shown = name.decode("latin-1").replace("\n", r"\n").replace("\x1b", r"\x1b").replace("\xff", r"\xff")
    assert refusal(map=write(tmp_path, name, content)) == f"{tmp_path}/{shown}{says}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CLEAR, r' line 1: got "\x1b]0;owned\x07\x1b[2J", want `version 1`'),
        (SCENARIO.replace(b"room.map", b"\xff\x1b.map"), r' line 2: got a problem of map "\xff\x1b.map", want one of "room"'),
        (SCENARIO.replace(b"\t4\n", b"\t\x1b\n"), r' line 2: got optimal length "\x1b", want a number'),
        (SCENARIO.replace(b"\t0\t0\t", b"\t0\t\xff\t"), r' line 2: got start y "\xff", want an integer from 0 to 1'),
        (SCENARIO + SCENARIO[10:].replace(b"\t0\t0\t", b"\t1\t0\t"), " line 3: got goal x 3, y 1 as in line 2, want a cell of its own for each agent"),
    ],
)
def test_scenarios_are_quoted_like_maps(tmp_path, content, says):
    plain, scenario = write(tmp_path, b"room.map", MAP), write(tmp_path, b"a.scen", content)
    assert refusal(map=plain, agents_xy=scenario, num_agents=content.count(b"room.map") or 1) == scenario + says


def test_a_path_is_on_one_line(tmp_path):
    scenario = write(tmp_path, b"a\n\x1b[2J\xff.scen", b"")
    assert refusal(map="..", agents_xy=scenario) == rf"{tmp_path}/a\n\x1b[2J\xff.scen line 1: got nothing, want `version 1`"


def test_what_is_no_file_is_refused_without_being_read(tmp_path):
    want = "want a regular file that can be read"
    for extension in ("map", "yaml", "txt"):
        (tmp_path / f"folder.{extension}").mkdir()
        os.mkfifo(tmp_path / f"pipe.{extension}")
        os.symlink("/dev/null", tmp_path / f"null.{extension}")
        os.symlink("nothing", tmp_path / f"gone.{extension}")
        for name, got in (("folder", "a folder"), ("pipe", "a pipe"), ("null", "a device"), ("gone", "no such file or directory")):
            path = tmp_path / f"{name}.{extension}"
            assert refusal(map=path) == f"{path}: got {got}, {want}"
            scenario = path.with_suffix(".scen")
            if not os.path.lexists(scenario):
                os.symlink(path, scenario)
            assert refusal(map="..", agents_xy=scenario) == f"{scenario}: got {got}, {want}"


LIST = 'want a list like [[0, 1], [2, 3]]'


@pytest.mark.parametrize("name", ["agents_xy", "targets_xy"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("[" * 300_000 + "]" * 300_000, f'got "{"[" * 200}...", {LIST}'),
        ("[[" + '{"a":' * 100_000, f'got "[[{("{" + chr(34) + "a" + chr(34) + ":") * 39}{{"a...", {LIST}'),
        ("\x1b[2J", rf'got "\x1b[2J", {LIST}'),
        ("[[[[0, 0]]]]", f'got "[[[[0, 0]]]]", {LIST}'),
        ("[[0, 1.5]]", 'got "[0,1.5]", want a pair [row, column]'),
        ("[[0, 18446744073709551615]]", 'got "[0,18446744073709551615]", want a cell of the map'),
        ("[[0, -1]]", 'got "[0,-1]", want a cell of the map'),
        ('[["\\u001b[2J", 0]]', 'got "["\\u001b[2J",0]", want a pair [row, column]'),
        ("[[" + "7," * 30_000 + "7]]", 'got "[7,7,'),
    ],
)
def test_lists_of_agents_are_judged_before_they_are_built(name, given, says):
    settings = {"agents_xy": "[[0, 0]]", "targets_xy": "[[1, 1]]", name: given}
    assert refusal(**settings).startswith(f"{name}: {says}")


def test_deep_lists_of_python_are_refused_too():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    for settings in ({"agents_xy": deep, "targets_xy": [[0, 0]]}, {"map": deep}):
        assert refusal(**settings).split(":")[0] == next(iter(settings))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"agents_xy": [[0, 1]], "targets_xy": [[0, 0]]}, "agents_xy: got [0, 1] for agent 0, an obstacle of the map, want a free cell"),
        ({"agents_xy": [[0, 0], [0, 2]], "targets_xy": [[1, 0], [0, 1]]}, "targets_xy: got [0, 1] for agent 1, an obstacle of the map, want a free cell"),
        ({"agents_xy": [[0, 0]], "targets_xy": [[[0, 2], [0, 1]]], "on_target": "restart"}, "targets_xy: got [0, 1] for agent 0, an obstacle of the map, want a free cell"),
        ({"agents_xy": [[0, 0], [1, 0], [0, 0]], "targets_xy": [[0, 2], [1, 2], [1, 1]]}, "agents_xy: got [0, 0] for agents 0 and 2, want a cell of its own for each agent"),
        ({"agents_xy": [[0, 0], [1, 0]], "targets_xy": [[0, 2], [0, 2]]}, "targets_xy: got [0, 2] for agents 0 and 1, want a cell of its own for each agent"),
        ({"agents_xy": [[2, 0]], "targets_xy": [[0, 2]]}, "agents_xy: got [2, 0] for agent 0, want a cell of the map of 2 x 3 cells"),
    ],
)
def test_agents_have_free_cells_of_their_own(settings, says):
    assert refusal(map=".#.\n...", **settings) == says


def test_agents_on_a_map_that_is_drawn_stand_on_cells_that_become_free():
    """As in POGEMA, which frees them; on a map that was given it warns, and here it is refused."""
    env = flockstep.make("pathfinding", num_envs=8, device="cpu", size=8, density=0.9, agents_xy=[[0, 0]], targets_xy=[[7, 7]])
    env.reset(seed=1)
    assert env.get_field("position").tolist() == [[[0, 0]]] * 8 and env.get_field("goal").tolist() == [[[7, 7]]] * 8


def test_lifelong_agents_may_want_one_cell_one_after_the_other():
    env = flockstep.make("pathfinding", device="cpu", map="....", on_target="restart", agents_xy=[[0, 0], [0, 3]], targets_xy=[[[0, 1], [0, 2]]] * 2)
    assert env.num_agents == 2


def test_a_hundred_thousand_maps_are_read_in_seconds(tmp_path):
    path = write(tmp_path, b"many.yaml", b"".join(b"m%d: |-\n  ..\n" % i for i in range(100_000)))
    began = time.monotonic()
    assert refusal(map=path + "#no") == f'{path}: got map name "no", want one of its 100000 (the first is "m0")'
    assert time.monotonic() - began < 6


@pytest.mark.skipif(not BINARY.is_file(), reason="the program is not built")
class TestTheProgram:
    @staticmethod
    def refusal(*words):
        result = subprocess.run([BINARY, *words], capture_output=True, timeout=120)
        sentence = result.stderr.decode()  # UTF-8, always
        assert result.returncode == 2 and sentence.endswith("\n") and sentence[:-1].isprintable()
        return sentence.removeprefix("flockstep: ")[:-1]

    def test_a_terminal_gets_no_escape_codes(self, tmp_path):
        path = write(tmp_path, b"esc.map", CLEAR + MAP)
        assert self.refusal("list", "pathfinding", "--map", path) == rf'{path} line 1: got "\x1b]0;owned\x07\x1b[2Jtype", want type, height, width or map'
        assert self.refusal("list", b"\x1b[2J").startswith(r'environment: got "\x1b[2J", want one of: ')
        assert self.refusal("list", "cartpole", b"--\x1b[2J=1").startswith(r'command line: unknown key "\x1b[2J"')
        assert self.refusal(b"\x1b[2J\xff").startswith(r'command: got "\x1b[2J\xff", want list, ')

    def test_settings_are_utf8(self, tmp_path):
        assert self.refusal("list", "pathfinding", b"--map=\xff.map") == r'map: got "\xff.map", want UTF-8 text'
        assert self.refusal("list", "pathfinding", b"--m\xffp=1") == r'm\xffp: got "1", want UTF-8 text'

    def test_recipes(self, tmp_path):
        def says(content, name=b"a.toml"):
            path = write(tmp_path, name, content)
            return self.refusal("eval", "cartpole", "--config", path).removeprefix(str(tmp_path) + "/")

        assert says(b"\x1b[2J = 1\n").startswith("a.toml:1: ")
        assert says(b"seed = '\xff'\n").startswith("a.toml:1: seed: ")
        assert says(b'"\\u001b[2J" = 1\n') == r'a.toml:1: unknown key "\x1b[2J"'
        assert says(b'["\\u001b[2J"]\na = 1\n').startswith(r"a.toml:2: got table [\x1b[2J], want one of [")
        assert says(b"seed = x\n", b"\x1b[2J\n.toml").startswith(r"\x1b[2J\n.toml:1: seed: ")
        assert says(b"a" + b".a" * 100_000 + b" = 1\n") == "a.toml:1: got a key of more than 50 dots, want a key of a table"
        assert says(b"\n[" + b"a." * 100_000 + b"a]\n") == "a.toml:2: got a key of more than 50 dots, want a key of a table"
        assert says(b"a = " + b"[" * 100_000 + b"\n").startswith("a.toml:1: a: ")
        assert says(b"a = " + b"{a=" * 100_000 + b"\n").startswith("a.toml:1: a: ")
        assert says(b"".join(b"key_%d = 1\n" % i for i in range(60_000))) == 'a.toml:1: unknown key "key_0"'
        assert says(b"k" * 1_000_000 + b" = 1\n") == f'a.toml:1: unknown key "{"k" * 200}..."'

    def test_recipes_that_are_no_files(self, tmp_path):
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        for path, got in ((tmp_path / "folder", "a folder"), (tmp_path / "pipe", "a pipe"), ("/dev/null", "a device")):
            assert self.refusal("eval", "cartpole", "--config", path) == f"{path}: got {got}, want a regular file that can be read"

    def test_deep_lists_in_a_recipe(self, tmp_path):
        path = write(tmp_path, b"deep.toml", b'environment = "pathfinding"\nagents_xy = "' + b"[" * 300_000 + b'"\ntargets_xy = "[[0, 0]]"\n')
        assert self.refusal("eval", "--config", path, "--device", "cpu") == f'{path}:2: agents_xy: got "{"[" * 200}...", {LIST}'

    def test_integers_of_more_than_64_bits(self):
        for words in (["eval", "cartpole", "--seed"], ["train", "cartpole", "--seed"]):
            assert self.refusal(*words, "18446744073709551615") == 'seed: got "18446744073709551615", want an integer from 0 to 9223372036854775807'
