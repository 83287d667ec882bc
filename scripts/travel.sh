#!/bin/bash
# Collects dependencies for a machine without package indices in travel/: libraries (travel/include and travel/lib,
# which CMake searches), and wheels for scripts/wheel.sh and scripts/test_wheel.sh. Copy that folder together with the sources.
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

# pugixml: two headers beside each other, and a static library.
archive=$(g++ -print-file-name=libpugixml.a)
if [ ! -f "$archive" ] || ! echo '#include <pugixml.hpp>' | g++ -E -x c++ - > /dev/null 2>&1; then
    echo "travel: pugixml.hpp and libpugixml.a are not installed here; scripts/setup.sh installs them" >&2
    exit 2
fi
mkdir -p travel/lib
cp -L "$archive" travel/lib/
for header in pugixml.hpp pugiconfig.hpp; do
    cp -L "$(echo "#include <$header>" | g++ -M -x c++ - | tr ' \\' '\n\n' | grep -m 1 "/$header\$")" travel/include/
done
echo "travel: pugixml from $(dirname "$archive")"

# Wheels of pure Python, for any version of it: the build backend, the packages that Flockstep and its tests import.
python=.venv/bin/python
[ -x $python ] || python=python3
names='scikit_build_core|packaging|pathspec|gymnasium|cloudpickle|Farama-Notifications|pettingzoo|pytest|pluggy|iniconfig|Pygments'
mapfile -t wheels < <(grep -E "^($names)==" scripts/requirements.txt)
$python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d travel/wheels "${wheels[@]}"
echo "travel: ${wheels[*]}"
