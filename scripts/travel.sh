#!/bin/bash
# Collects dependencies for a machine without package indices in travel/: header-only libraries (travel/include, which CMake
# searches), and wheels for scripts/wheel.sh and scripts/test_wheel.sh. Copy that folder together with the sources.
set -euo pipefail
cd "$(dirname "$0")/.."

for header in toml++/toml.h; do
    found=$(echo "#include <$header>" | g++ -std=c++20 -M -x c++ - | tr ' \\' '\n\n' | grep -m 1 "/$header\$" || true)
    if [ -z "$found" ]; then
        echo "travel: $header is not installed here; scripts/setup.sh installs it" >&2
        exit 2
    fi
    library=$(dirname "$header")
    mkdir -p travel/include
    rm -rf "travel/include/$library"
    cp -rL "$(dirname "$found")" "travel/include/$library"
    echo "travel: $library from $(dirname "$found")"
done

# Wheels of pure Python, for any version of it: the build backend, the packages that Flockstep and its tests import.
python=.venv/bin/python
[ -x $python ] || python=python3
names='scikit_build_core|packaging|pathspec|gymnasium|cloudpickle|Farama-Notifications|pettingzoo|pytest|pluggy|iniconfig|Pygments'
mapfile -t wheels < <(grep -E "^($names)==" scripts/requirements.txt)
$python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d travel/wheels "${wheels[@]}"
echo "travel: ${wheels[*]}"
