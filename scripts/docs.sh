#!/bin/bash
# Builds the documentation into BUILD_FOLDER/docs, to be opened in a browser. docs/generate.py fills in the tables that the
# program declares; Sphinx, in an environment of its own (.venv-docs), makes the pages and fails for a link that is broken.
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
