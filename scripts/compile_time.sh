#!/bin/bash
# Prints what one registry line costs to compile: user seconds and memory of all files that it adds (host, glue, kernels,
# and the folder's own sources), one architecture, without ccache, the largest of three runs, one file at a time.
#   scripts/compile_time.sh [NAME...]    environments of envs/CMakeLists.txt; all of them by default
#   RUNS=1 ARCHITECTURE=90 BUILD=build-compile-time scripts/compile_time.sh mpe_spread
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
[ -x $python ] || python=python3
build=${BUILD:-build-compile-time}
cmake -S . -B "$build" -DFLOCKSTEP_CUDA=ON -DFLOCKSTEP_CUDA_ARCHITECTURES="${ARCHITECTURE:-90}" -DFLOCKSTEP_TRAINER=OFF -DFLOCKSTEP_BINDINGS=OFF \
    -DFLOCKSTEP_TESTS=OFF -DFLOCKSTEP_BENCHMARKS=OFF >"${build%/}.log" 2>&1 || { cat "${build%/}.log"; exit 1; }
rm "${build%/}.log"
RUNS=${RUNS:-3} CCACHE_DISABLE=1 "$python" - "$build" "$@" <<'PYTHON'
import json, os, re, shlex, sys
from pathlib import Path

build, wanted = Path(sys.argv[1]).resolve(), sys.argv[2:]
lines = re.findall(r"^flockstep_environment\((\w+) \w+ ?([\w/.]*)\)", Path("envs/CMakeLists.txt").read_text(), re.M)
folders = {name: Path("envs", header or f"{name}/{name}.h").resolve().parent for name, header in lines}
for name in wanted:
    if name not in folders:
        sys.exit(f'compile_time.sh: got "{name}", want some of: {", ".join(folders)}')
commands = {Path(line["file"]): line for line in json.loads((build / "compile_commands.json").read_text())}


def files_of(name):
    """Generated files whose name begins with this environment's and with no longer one's, and its folder's own."""
    def is_its(path):
        owners = [other for other in folders if path.name.startswith(other + "_")]
        return path.parent.name == "product" and owners and max(owners, key=len) == name
    return [path for path in commands if is_its(path) or path.parent == folders[name]]


def compile_once(path):
    """User seconds and GB of one compilation."""
    line = commands[path]
    process = os.posix_spawnp("sh", ["sh", "-c", f'cd {shlex.quote(line["directory"])} && exec {line["command"]}'], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"compile_time.sh: {path} does not compile")
    return usage.ru_utime, usage.ru_maxrss / 1e6


for name in wanted or folders:
    files = files_of(name)
    runs = [[compile_once(path) for path in files] for _ in range(int(os.environ["RUNS"]))]
    worst = max(runs, key=lambda run: sum(seconds for seconds, _ in run))
    print(f"{name}: {sum(seconds for seconds, _ in worst):.1f} user s, {max(memory for _, memory in worst):.2f} GB", flush=True)
    for path, (seconds, memory) in zip(files, worst, strict=True):
        print(f"    {path.name:32} {seconds:6.1f} s  {memory:.2f} GB", flush=True)
PYTHON
