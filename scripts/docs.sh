#!/bin/bash
# Builds the documentation into BUILD_FOLDER/docs. docs/generate.py inserts the tables generated from the program; Sphinx,
# in a virtual environment (.venv-docs), renders the pages and fails on broken links.
# Usage: scripts/docs.sh PYTHON BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 build=$2
wanted=scripts/requirements-docs.txt stamp=.venv-docs/.requirements

if ! cmp -s "$wanted" "$stamp"; then
    echo "docs: making .venv-docs"
    rm -rf .venv-docs
    "$python" -m venv .venv-docs
    .venv-docs/bin/pip install --quiet --no-deps --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$stamp"
fi
PYTHONPATH="$build/python${PYTHONPATH:+:$PYTHONPATH}" "$python" docs/generate.py "$build/docs-src" --program "$build/flockstep"
rm -rf "$build/docs"
.venv-docs/bin/python -m sphinx -q -W --keep-going -b html -c docs -d "$build/docs-doctrees" "$build/docs-src" "$build/docs"
echo "docs: $build/docs/index.html"
