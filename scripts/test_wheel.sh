#!/bin/bash
# Tests a wheel: installs it into a fresh virtual environment outside of the tree, first without torch, then with it, and
# runs a short training run and the Python tests on a copy of the tree without a build folder.
# Usage: scripts/test_wheel.sh WHEEL [PYTEST_ARGUMENT...]      default: tests envs
# With FLOCKSTEP_PYTHON=python3 nothing is downloaded: the environment uses the packages of this Python, and takes missing
# ones from travel/wheels (scripts/travel.sh).
set -euo pipefail
wheel=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
tree=$PWD
[[ ${FLOCKSTEP_PYTHON:-} != [!/]*/* ]] || FLOCKSTEP_PYTHON=$PWD/$FLOCKSTEP_PYTHON
[ $# -gt 0 ] || set -- tests envs
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=$folder/venv/bin/python

# The Python that the wheel was built for: cp311 is python3.11.
wanted=$(basename "$wheel" | grep -oE 'cp3[0-9]+' | head -1)
base=${FLOCKSTEP_PYTHON:-python3.${wanted#cp3}}
"$base" -m venv --without-pip "$folder/venv"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp -P --parents -t "$folder/" 2> /dev/null || true
pip() { "$base" -m pip --python "$python" install --quiet --disable-pip-version-check "$@"; }

# Links to the packages of FLOCKSTEP_PYTHON, in a folder on the environment's path.
borrow() {
    local site linked=$folder/borrowed
    mkdir -p "$linked"
    "$base" -c 'import site, sys, sysconfig; print(*dict.fromkeys([sysconfig.get_path("purelib"), *site.getsitepackages()]), sep="\n")' |
        while read -r site; do
            find "$site" -maxdepth 1 -mindepth 1 ! -name '*.pth' ! -iname 'flockstep*' "$@" -exec ln -s -t "$linked" {} + 2> /dev/null || true
        done
    echo "$linked" > "$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/borrowed.pth"
}

cd "$folder"
echo "== without torch"
if [ -n "${FLOCKSTEP_PYTHON:-}" ]; then
    borrow ! -name 'torch' ! -name 'torch-*'
    [ ! -d "$tree/travel/wheels" ] || pip --no-index --find-links "$tree/travel/wheels" gymnasium pettingzoo pytest
    pip --no-index --no-deps "$wheel"
else
    pip "$wheel"
fi
"$python" - << 'PYTHON'
import subprocess, sys
from pathlib import Path
import flockstep

env = flockstep.make("pathfinding", num_envs=4, num_agents=3)
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(env.act("random"))
assert observation.shape == (4, 3, 3, 11, 11) and reward.shape == (4, 3)
wanted = "pip install 'flockstep[train]'"
try:
    flockstep.load_policy("runs/none")
    sys.exit("load_policy works without torch")
except ImportError as error:
    assert str(error) == f"flockstep.load_policy needs torch: {wanted}", error
program = Path(sys.executable).parent / "flockstep"
result = subprocess.run([program, "train", "cartpole"], capture_output=True, text=True)
assert (result.returncode, result.stderr) == (2, f"flockstep: torch is not installed: {wanted}\n"), result
PYTHON

echo "== with torch"
if [ -n "${FLOCKSTEP_PYTHON:-}" ]; then
    borrow
else
    grep -v '^#' scripts/requirements.txt > requirements.txt
    pip -r requirements.txt
fi
export FLOCKSTEP_BINARY=$folder/venv/bin/flockstep PATH=$folder/venv/bin:$PATH
unset PYTHONPATH
flockstep train cartpole --total_steps 20480 --runs runs
cmp -s configs/cartpole.toml "$("$python" -c 'import flockstep; print(flockstep.__path__[0])')/configs/cartpole.toml"
"$python" -m pytest -q "$@"
