"""Runs the examples of a page: every block of code in it, in order, in one folder and one Python process.

    ```python    is executed; all blocks of a page share their variables, as in a notebook
    ```pycon     is executed, and must print what it shows (doctest; `...` stands for anything)
    ```bash      commands that must succeed
    ```console   lines that begin with `$ ` are commands, which must print what follows; where that is a refusal
                 (`flockstep: ...`) the exit code must be 2, else 0
    ```toml      is written to the file that its first line names, `# NAME.toml`
Blocks in other languages are not run. test_docs.py says how a command is shortened, or why it is not run.
"""

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*?(?:\\\n.*?)*)$", re.MULTILINE)
TOML_NAME = re.compile(r"# ([\w-]+\.toml)\b")
RUN = ("python", "pycon", "bash", "console", "toml")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    language: str
    line: int  # of the page, where its code begins
    code: str


def blocks_of(text):
    """The blocks of a page that are run."""
    found = [Block(match[1], text.count("\n", 0, match.start(2)) + 1, match[2]) for match in FENCE.finditer(text)]
    return [block for block in found if block.language in RUN]


def commands_of(block):
    """The shell commands of a block, without comments at their ends; those of console with what they print."""
    if block.language == "console":
        parts = COMMAND.split(block.code)[1:]
        return [(command, shown.strip()) for command, shown in zip(parts[::2], parts[1::2], strict=True)]
    lines = re.sub(r"\\\n\s*", "", block.code).splitlines()
    return [(line.split("  #")[0].strip(), None) for line in lines if line.strip() and not line.startswith("#")]


def run_command(place, command, wanted):
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    code = 2 if re.search(r"^flockstep: ", wanted or "", re.MULTILINE) else 0
    if result.returncode != code:
        sys.exit(f"{place}: exit code {result.returncode}, want {code}: {command}\n{result.stdout}")
    if wanted and not doctest.OutputChecker().check_output(wanted + "\n", result.stdout.strip() + "\n", FLAGS):
        sys.exit(f"{place}: {command}\nprints\n{result.stdout}\nwhere the page shows\n{wanted}")


def run_pycon(place, page, block, variables):
    test = doctest.DocTestParser().get_doctest(block.code, variables, place, page, block.line - 1)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report = []
    runner.run(test, out=report.append, clear_globs=False)
    if runner.failures:
        sys.exit("".join(report))
    variables.update(test.globs)


def run_page(page, rules):
    """Runs a page's examples in the current folder. rules: {"not_run": commands, "longer": {start of a command: what is added}}."""
    text, variables = Path(page).read_text(), {"__name__": "example"}
    for block in blocks_of(text):
        place = f"{page}:{block.line}"
        if block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.code, page, "exec"), variables)
        elif block.language == "pycon":
            run_pycon(place, page, block, variables)
        elif block.language == "toml":
            if name := TOML_NAME.match(block.code):
                Path(name[1]).write_text(block.code)
        else:
            for command, wanted in commands_of(block):
                if command not in rules["not_run"]:
                    added = [words for start, words in rules["longer"].items() if command.startswith(start)]
                    run_command(place, " ".join([command, *added]), wanted)


def make_folder(folder, repository, binary):
    """Fills a folder with what the pages' commands name, build/ and configs/; returns the variables that they run under, in
    which `flockstep` is the program and there is no GPU, as the pages show it."""
    links = {"build": binary.parent, "configs": repository / "configs", "bin/flockstep": binary}
    (folder / "bin").mkdir()
    for name, target in links.items():
        (folder / name).symlink_to(target)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}


if __name__ == "__main__":
    run_page(sys.argv[1], json.loads(sys.argv[2]))
