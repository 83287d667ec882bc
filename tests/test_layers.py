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
        ("sim", ("torch/", "ATen/", "c10/", "pybind11/", "Python.h", "envs/", "trainer/", "bindings/")),
        ("envs", ("torch/", "ATen/", "c10/", "pybind11/", "Python.h", "trainer/", "bindings/")),
        ("tests/envs", ("torch/", "pybind11/", "trainer/", "bindings/")),
        ("trainer", ("pybind11/", "envs/", "bindings/")),
        ("bindings", ("envs/",)),
    ],
)
def test_includes_go_one_way(folder, forbidden):
    wrong = [f"{path} includes {header}" for path, header in includes(folder) if header.startswith(forbidden)]
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
