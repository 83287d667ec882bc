#!/bin/bash
# Copies the header-only libraries that a machine without packages may lack into travel/include, where CMake looks for
# them: take that folder along with the sources.
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
