#!/bin/bash
# Builds a wheel into FOLDER with PYTHON's packages (torch 2.11, pybind11, scikit-build-core, cmake, ninja). It runs on any
# x86-64 CPU with at least this machine's glibc. With FLOCKSTEP_CUDA=ON it has kernels for the local GPU, or for
# FLOCKSTEP_CUDA_ARCHITECTURES, and the build tag 1cuda in its file name.
# Usage: scripts/wheel.sh PYTHON FOLDER [BUILD_FOLDER]
# With BUILD_FOLDER, it reuses what scripts/build.sh compiled there with the same options. scikit-build-core may also come
# from travel/wheels (scripts/travel.sh), for machines without a package index.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v "$1") out=$2
export FLOCKSTEP_CUDA="${FLOCKSTEP_CUDA:-OFF}"

options=()
if [ $# -gt 2 ]; then
    build=$3
    for name in CUDA NATIVE TESTS BENCHMARKS; do
        value=$(sed -n "s/^FLOCKSTEP_$name:STRING=//p" "$build/CMakeCache.txt")
        export "FLOCKSTEP_$name=$value"
        options+=(--config-settings "cmake.define.FLOCKSTEP_$name=$value")
    done
else
    build=build/wheel-cuda-$FLOCKSTEP_CUDA
    export FLOCKSTEP_NATIVE=OFF
fi
[ "$FLOCKSTEP_CUDA" != ON ] || options+=(--config-settings wheel.build-tag=1cuda)

if ! "$python" -c 'import scikit_build_core' 2> /dev/null && [ -d travel/wheels ]; then
    "$python" -m pip install --quiet --no-index --find-links travel/wheels --target "$build/tools" --upgrade scikit-build-core
    export PYTHONPATH="$PWD/$build/tools${PYTHONPATH:+:$PYTHONPATH}"
fi
"$python" -m pip wheel . --no-deps --no-build-isolation --disable-pip-version-check -w "$out" --config-settings build-dir="$build" "${options[@]}"
