"""Includes go one way: the engine and the environments know neither LibTorch nor Python. The README shows what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".h", ".cuh", ".cpp", ".cu"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)


def includes(folder):
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in SUFFIXES:
            for header in INCLUDE.findall(path.read_text()):
                yield path.relative_to(ROOT), header


@pytest.mark.parametrize(
    "folder, forbidden",
    [
        ("io", ("torch/", "pybind11/", "sim/", "replay/", "envs/", "trainer/", "bindings/", "benchmarks/", "cli/")),
        ("sim", ("torch/", "ATen/", "c10/", "pybind11/", "Python.h", "replay/", "envs/", "trainer/", "bindings/", "benchmarks/", "cli/")),
        ("replay", ("torch/", "pybind11/", "envs/", "trainer/", "bindings/", "benchmarks/", "cli/")),
        ("envs", ("torch/", "ATen/", "c10/", "pybind11/", "Python.h", "trainer/", "bindings/", "benchmarks/", "cli/")),
        ("tests/envs", ("torch/", "pybind11/", "trainer/", "bindings/", "benchmarks/", "cli/")),
        ("benchmarks", ("torch/", "pybind11/", "replay/", "envs/", "trainer/", "bindings/", "cli/")),
        ("trainer", ("pybind11/", "envs/", "bindings/", "benchmarks/", "cli/")),
        ("cli", ("torch/", "pybind11/", "envs/", "bindings/")),
        ("bindings", ("envs/", "benchmarks/", "cli/")),
    ],
)
def test_includes_go_one_way(folder, forbidden):
    found = list(includes(folder))
    wrong = [f"{path} includes {header}" for path, header in found if header.startswith(forbidden)]
    assert found and not wrong


def test_no_source_file_is_included():
    wrong = [f"{path} includes {header}" for folder in ("io", "sim", "replay", "envs", "benchmarks", "trainer", "cli", "bindings", "tests")
             for path, header in includes(folder) if header.endswith((".cpp", ".cu"))]
    assert not wrong


def test_every_source_of_a_room_has_its_header():
    """What a source file defines is declared in the header of its name; each command of the command line in cli/cli.h."""
    rooms = ("io", "replay", "benchmarks", "trainer/run", "cli")
    alone = {path.relative_to(ROOT) for room in rooms for path in (ROOT / room).glob("*.cpp") if not path.with_suffix(".h").exists()}
    commands = {"bench", "evaluate", "list", "main", "tool", "train"}
    assert alone == {Path(f"cli/{name}.cpp") for name in commands} | {Path("benchmarks/bench_environment_main.cpp")}


def test_the_benchmarks_link_no_libtorch():
    cmake = (ROOT / "cmake/benchmarks.cmake").read_text()
    assert "flockstep_bench" in cmake and "trainer" not in cmake and "torch" not in cmake.lower().replace("without libtorch", "")


@pytest.mark.parametrize(
    "room, known",
    [
        ("contract", {"contract"}),
        ("engine", {"contract", "engine"}),
        ("host", {"contract", "engine", "host"}),
        ("cuda", {"contract", "engine", "cuda"}),
    ],
)
def test_the_engines_rooms_know_each_other_one_way(room, known):
    """Headers alone: a source file may use what stands above its header."""
    rooms = {path.name for path in (ROOT / "sim").iterdir() if path.is_dir()}
    assert rooms == {"contract", "engine", "host", "cuda"}
    forbidden = tuple(f"sim/{other}/" for other in rooms - known)
    headers = [(path, header) for path, header in includes(f"sim/{room}") if path.suffix in {".h", ".cuh"}]
    assert headers
    assert not [f"{path} includes {header}" for path, header in headers if header.startswith(forbidden)]


TRAINER_ROOMS = ("device", "data", "policy", "learn", "algorithm", "run")  # each may include those before it


@pytest.mark.parametrize("room", TRAINER_ROOMS)
def test_the_trainers_rooms_know_each_other_one_way(room):
    """Headers alone, as in the engine: device/kernels.cu instantiates the items of every room."""
    assert {path.name for path in (ROOT / "trainer").iterdir() if path.is_dir()} == set(TRAINER_ROOMS)
    forbidden = tuple(f"trainer/{other}/" for other in TRAINER_ROOMS[TRAINER_ROOMS.index(room) + 1 :])
    headers = [(path, header) for path, header in includes(f"trainer/{room}") if path.suffix == ".h"]
    assert headers
    assert not [f"{path} includes {header}" for path, header in headers if header.startswith(forbidden)]


def test_environments_know_the_contract_alone():
    """Rules are compiled by the CPU's compiler and by nvcc: what they include costs every user of them."""
    wrong = [f"{path} includes {header}" for path, header in includes("envs")
             if path.suffix == ".h" and header.startswith("sim/") and not header.startswith("sim/contract/")]
    assert not wrong


def test_rules_use_no_bit_function_that_nvcc_gets_wrong():
    """nvcc 13.0 makes the constant 32 of std::countr_zero in device code: envs/common/bits.h has what rules need."""
    wrong = [f"{path}: {name}" for folder in ("sim", "envs", "tests/envs") for path in sorted((ROOT / folder).rglob("*.h"))
             for name in re.findall(r"std::(?:countr_zero|countl_zero|countr_one|countl_one|popcount|bit_width|bit_floor|bit_ceil)\(",
                                    path.read_text())]
    assert not wrong


def test_an_environment_knows_the_engine_itself_and_what_environments_share():
    wrong = []
    for path, header in includes("envs"):
        own = "/".join(path.parts[:2]) + "/"
        if header.startswith("envs/") and not header.startswith((own, "envs/common/")):
            wrong.append(f"{path} includes {header}")
    assert not wrong


def test_environments_are_found():
    assert any(path.name == "cartpole.h" for path, _ in includes("envs"))


def test_the_readme_shows_an_environment_of_the_tests_as_it_is():
    header = (ROOT / "tests/envs/test_roles.h").read_text()
    start, end = header.index("struct Harbour"), header.index("}  // namespace")
    readme = (ROOT / "README.md").read_text()
    assert f"```cpp\n{header[start:end].rstrip()}\n```" in readme
    assert f"`tests/envs/test_roles.h` ({len(header.splitlines())} lines)" in readme
    assert f"`envs/cartpole/cartpole.h` ({len((ROOT / 'envs/cartpole/cartpole.h').read_text().splitlines())} lines)" in readme


def test_the_page_for_authors_shows_mpe_as_it_is():
    page = (ROOT / "docs/environments.md").read_text()
    spread, particles = (ROOT / "envs/mpe" / name for name in ("spread.h", "particles.h"))
    assert f"`envs/mpe/spread.h` ({len(spread.read_text().splitlines())} lines" in page
    shown = [block for block in re.findall(r"```cpp\n(.*?)```", page, re.DOTALL) if block.startswith(("struct Particles", "static constexpr Observation"))]
    source = "\n".join(line.strip() for path in (spread, particles) for line in path.read_text().splitlines())
    assert len(shown) == 2
    for block in shown:
        assert "\n".join(line.strip() for line in block.splitlines()) in source


def test_the_page_for_authors_shows_the_ids_and_commands_of_pathfinding_as_they_are():
    page = (ROOT / "docs/environments.md").read_text()
    section = page[page.index("## Gymnasium, Python and commands") : page.index("## Tests")]
    source = "\n".join(line.strip() for name in ("pathfinding.h", "tools.cpp") for line in (ROOT / "envs/pathfinding" / name).read_text().splitlines())
    shown = re.findall(r"```cpp\n(.*?)```", section, re.DOTALL)
    assert len(shown) == 3
    for block in shown:
        assert "\n".join(line.strip() for line in block.splitlines()) in source
