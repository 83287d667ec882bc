#!/bin/bash
# Runs the tests with client libraries (tests/test_clients_*.py) in a virtual environment, .venv-clients, that adds
# scripts/requirements-clients.txt to the packages of PYTHON's environment. Creates it if it is missing or outdated.
# Usage: scripts/test_clients.sh PYTHON BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 build=$(realpath "$2")
wanted=scripts/requirements-clients.txt stamp=.venv-clients/.requirements

if ! cmp -s "$wanted" "$stamp"; then
    echo "== making .venv-clients"
    rm -rf .venv-clients
    "$python" -m venv .venv-clients
    base=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$base" > "$(.venv-clients/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
    .venv-clients/bin/pip install --quiet --no-deps --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$stamp"
fi
export FLOCKSTEP_REQUIRE="${FLOCKSTEP_REQUIRE:+$FLOCKSTEP_REQUIRE,}clients"
export PYTHONPATH="$build/python${PYTHONPATH:+:$PYTHONPATH}"
exec .venv-clients/bin/python -m pytest -q tests/test_clients_*.py
