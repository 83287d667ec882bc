"""The documentation: its examples run, its tables are what the program declares, and its links lead somewhere."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import examples
import pytest
from safetensors import safe_open

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("FLOCKSTEP_BINARY", ROOT / "build" / "flockstep")).resolve()
RUN = "runs/cartpole-20260101-120000"  # what pages call a run of CartPole; there is one when their examples run
CLIENTS = ROOT / "docs/clients.md"  # test_clients_docs.py runs it
NEEDS = {"onnx.md": ["onnx", "onnxruntime"]}  # pages that are skipped where a module is not installed
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "envs").glob("*/README.md"))]

# Commands that the pages show and the tests do not run.
NOT_RUN = {
    "make": "builds everything",
    "make train": "builds everything, then trains for a minute or two",
    "make test": "runs these tests",
    "make compare": "installs EnvPool and POGEMA",
    "make wheel": "builds everything",
    "pip install .": "builds everything",
    "pip install '.[train]'": "builds everything",
    "scripts/test_wheel.sh dist/flockstep-*.whl": "needs a wheel; .ci/run does it",
    "cmake --preset cpu && cmake --build build-cpu --target flockstep_tests _flockstep": "builds everything",
    'build-cpu/flockstep_tests "every environment*"': "plays every environment's cases for minutes; `make test` does",
    "PYTHONPATH=build-cpu/python .venv/bin/python -m pytest envs/mpe": "runs tests of its own",
    "scripts/compile_time.sh mpe_spread": "compiles an environment three times over",
    "tensorboard --logdir runs": "serves until it is stopped",
    "python3 benchmarks/solve_cartpole.py --device cpu": "trains three times; times a machine",
}
# What is added to commands that would take long.
LONGER = {
    "flockstep train": "--device cpu --max_seconds 1 --evaluate_episodes 4",
    "flockstep train --config": "--update_epochs 1",
    "flockstep train pathfinding": "--hidden_sizes 32 --num_envs 4 --update_epochs 1",
    "flockstep train mpe_": "--num_envs 16 --update_epochs 1",
    "flockstep bench": "--device cpu --seconds 0.05 --repeats 1 --num_envs 64",
}


def name_of(page):
    return str(page.relative_to(ROOT))


needs_program = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built")


def commands_shown():
    blocks = [block for page in PAGES for block in examples.blocks_of(page.read_text())]
    return {command for block in blocks if block.language in ("bash", "console") for command, _ in examples.commands_of(block)}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A short training run on CartPole."""
    folder = tmp_path_factory.mktemp("run")
    words = ["train", "cartpole", "--total_steps", "8192", "--device", "cpu", "--evaluate_episodes", "20", "--baseline", "random"]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([BINARY, *words], cwd=folder, env=environment, check=True, capture_output=True)
    (run,) = (folder / "runs").iterdir()
    return run


def run_example_page(page, folder, run=None):
    """Runs a page's examples in an empty folder, where `run` goes by the name of RUN."""
    environment = examples.make_folder(folder, ROOT, BINARY)
    if run:
        shutil.copytree(run, folder / RUN)
    rules = json.dumps({"not_run": list(NOT_RUN), "longer": LONGER})
    words = [sys.executable, ROOT / "tests/examples.py", page, rules]
    result = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr


@needs_program
@pytest.mark.parametrize("page", [page for page in PAGES if page != CLIENTS], ids=name_of)
def test_every_example_of_a_page_runs(page, tmp_path, run_folder):
    for module in NEEDS.get(page.name, []):
        pytest.importorskip(module)
    run_example_page(page, tmp_path, run_folder)


def test_examples_are_found():
    languages = Counter(block.language for page in PAGES for block in examples.blocks_of(page.read_text()))
    assert languages["python"] > 30 and languages["pycon"] > 8 and languages["toml"] > 0
    assert len(commands_shown() - set(NOT_RUN)) > 20


def test_what_is_not_run_is_still_shown_somewhere():
    shown = commands_shown()
    assert not set(NOT_RUN) - shown
    assert not [start for start in LONGER if not any(command.startswith(start) for command in shown)]


# Faults that the examples' runner must see


@pytest.mark.parametrize(
    "page, complaint",
    [
        ("```python\nx = 1\n```\n```python\nassert x == 2\n```\n", "AssertionError"),
        ("```pycon\n>>> 1 + 1\n3\n```\n", "Expected:"),
        ("```bash\nfalse\n```\n", "exit code 1, want 0"),
        ("```console\n$ echo one\ntwo\n```\n", "where the page shows"),
        ("```console\n$ echo flockstep: no\nflockstep: no\n```\n", "exit code 0, want 2"),
    ],
)
def test_an_example_that_is_wrong_fails(page, complaint, tmp_path):
    (tmp_path / "page.md").write_text(page)
    words = [sys.executable, ROOT / "tests/examples.py", "page.md", '{"not_run": [], "longer": {}}']
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode != 0 and complaint in result.stderr and "page.md" in result.stderr


# Tables


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_environment_has_a_page_with_its_tables():
    for name in flockstep.environments():
        page = generator().page_of(name)
        assert f"<!-- generated: spaces {name}" in page.read_text()
        assert f"[`{name}`](environments/{page.parent.name}.md)" in generator().environments()


def test_the_table_of_an_environment_is_what_it_declares():
    text = generator().spaces("cartpole")
    assert "| `observation` | float32 | [4] | -4.8 to 4.8; -inf to inf; -0.4189 to 0.4189; -inf to inf |" in text
    assert "| `action` | Discrete | 1 | 0 to 1 |" in text
    assert "| `reward` | float32 | [num_envs, 1] |" in text
    assert "Metrics: `episode_return`, `episode_length`. Policies: `random`." in text
    assert "| `body` | float32 | [num_envs, 4] | no |" in text
    limit = "| `max_episode_steps` | `500` | an integer from 1 to 8388608 | steps until truncation |"
    assert limit in generator().settings("cartpole")


def test_the_tables_follow_the_settings():
    text = generator().spaces("pathfinding", "num_agents=5", "observation=windows,cost_to_go", "obs_radius=2", "mask_obstacles=true")
    assert "| `windows` | uint8 | [3, 5, 5] | 0 to 1 |" in text and "| `cost_to_go` | int8 | [5, 5] | -10 to 11 |" in text
    assert "| `intent` | disabled by these settings |" in text
    assert "| `action_mask` | bool | [num_envs, 5, 5] |" in text and "**Role `agent`**, 5 agents." in text
    tag = generator().spaces("mpe_tag", "action_type=continuous")
    assert "**Role `adversary`**, 3 agents." in tag and "| Box, float32 | 5 | 0 to 1 |" in tag


@needs_program
def test_the_table_of_training_has_every_key_that_a_run_records(run_folder):
    section = (run_folder / "config.toml").read_text().split("[trainer]\n")[1]
    recorded = set(re.findall(r"^(\w+) = ", section, re.MULTILINE))
    table = generator().options(BINARY, "train")
    shown = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert recorded == shown and len(shown) > 35
    assert re.search(r"\| `clip_coef` \| `0.2` \| .* \| clipping range of the probability ratio \|", table)
    assert re.search(r"\| `ent_coef_end` .* negative: it stays as it is \|", table)  # a help text of two lines


def test_every_marker_is_filled_in_and_a_wrong_one_is_refused():
    module = generator()
    assert "[`cartpole`](environments/cartpole.md)" in module.fill_in("<!-- generated: environments -->\n", BINARY)
    with pytest.raises(SystemExit, match="got .*nonsense.*, want one of: environments"):
        module.fill_in("<!-- generated: nonsense -->\n", BINARY)
    for page in PAGES:
        for line in page.read_text().splitlines():
            assert "generated:" not in line or module.MARKER.match(line), (page, line)


# Formats


def section(page, heading):
    """The text below a heading of the second level."""
    return (ROOT / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def keys_of_table(text):
    """What stands as code in the first column of its tables."""
    return {key for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}


@needs_program
def test_the_page_on_files_names_every_key_of_the_log(run_folder):
    records = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    text = section("docs/formats.md", "metrics.jsonl")
    assert all(f"`{key}`" in text for key in records[0])
    assert keys_of_table(text) == {key for key in records[1] if not key.endswith("_standard_error")}
    result = json.loads((run_folder / "evaluation.jsonl").read_text().splitlines()[0])
    assert all(f"`{key}`" in section("docs/formats.md", "evaluation.jsonl") for key in [*result, *result["metrics"]["episode_return"]])


@needs_program
def test_the_page_on_files_names_every_file_of_a_run(run_folder):
    patterns = keys_of_table(section("docs/formats.md", "Run folder"))
    files = [path.name for path in run_folder.iterdir()]
    assert not [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)]
    unseen = {pattern for pattern in patterns if not any(fnmatch(file, pattern) for file in files)}
    assert unseen == {"checkpoint.previous.safetensors", "checkpoint-*.safetensors", "marl_eval.json"}  # not of every run


@needs_program
@pytest.mark.parametrize("extra", [[], ["--norm_obs", "--norm_reward"]])
def test_the_page_on_files_names_everything_in_a_checkpoint(extra, tmp_path):
    words = ["train", "cartpole", "--total_steps", "64", "--num_envs", "4", "--num_steps", "4", "--device", "cpu", "--replay", "false"]
    subprocess.run([BINARY, *words, *extra], cwd=tmp_path, check=True, capture_output=True)
    checkpoint = safe_open(next(tmp_path.glob("runs/*/checkpoint.safetensors")), "numpy")
    known = keys_of_table(section("docs/formats.md", "checkpoint.safetensors"))
    assert set(checkpoint.metadata()) <= known
    patterns = [re.sub(r"[A-Z]+", "*", key) for key in known if "." in key]
    assert not [name for name in checkpoint.keys() if not any(fnmatch(name, pattern) for pattern in patterns)]


@needs_program
def test_the_page_on_benchmarks_names_every_key():
    words = ["bench", "cartpole", "--json", "--device", "cpu", "--seconds", "0.02", "--repeats", "1", "--num_envs", "8"]
    result = json.loads(subprocess.run([BINARY, *words], check=True, capture_output=True, text=True).stdout)
    assert keys_of_table(section("docs/benchmarks.md", "Measuring")) == set(result)


# Excerpts


def squeezed(line):
    """A line of C++ or CMake without its comment and the blanks that do not matter."""
    return re.sub(r"\s+", " ", re.split(r"\s*(?://|  #)", line)[0].strip())


def test_every_line_of_code_for_authors_is_in_the_sources():
    """But for lines with `...` in them. That whole blocks are as they are is in test_layers.py."""
    folders = [ROOT / name for name in ("envs", "sim", "tests/envs")]
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".h", ".cpp", ".txt")]
    known = "\n".join(squeezed(line) for path in sources for line in path.read_text().splitlines())
    page = (ROOT / "docs/environments.md").read_text()
    shown = [line for code in re.findall(r"^```(?:cpp|cmake)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) for line in code.splitlines()]
    whole = [line for line in shown if line.strip() and "..." not in line]
    assert len(whole) > 40
    assert not [line for line in whole if squeezed(line) not in known]


# Links


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?:|#", link)]
    assert not [link for link in links if not (page.parent / link.split("#")[0]).exists()]


def test_every_link_of_the_built_pages_leads_to_a_page():
    """generate.py moves pages and puts sections of the README into them: links follow."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    readme = [generate.readme(heading) for heading in re.findall(r"<!-- generated: readme (.*) -->", "".join(p.read_text() for p in PAGES))]
    pages = {f"environments/{p.parent.name}.md" if p.parent.parent == ROOT / "envs" else p.name: generate.relinked(p.read_text()) for p in PAGES[1:]}
    assert readme and len(pages) > 8
    texts = [("README's section", Path(), text) for text in readme] + [(name, Path(name).parent, text) for name, text in pages.items()]
    for name, folder, text in texts:
        text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?:|#", link)]
        known = {*pages, *(picture.name for picture in (ROOT / "docs").glob("*.png"))}
        lost = [link for link in links if os.path.normpath(folder / link) not in known]
        assert not lost, name


def test_every_page_is_in_the_table_of_contents():
    contents = (ROOT / "docs/index.md").read_text()
    listed = set(re.findall(r"^([\w-]+)$", contents, re.MULTILINE))
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} <= listed
