#!/bin/bash
# Builds a wheel for PYTHON with the packages that it has (torch 2.11, pybind11, scikit-build-core, cmake, ninja), into FOLDER:
# for the CPU, any x86-64 (no -march=native), and glibc as new as this machine's. FLOCKSTEP_CUDA=ON: with kernels for the GPU
# that is here, or for FLOCKSTEP_CUDA_ARCHITECTURES; its file name has the build tag 1cuda.
# Usage: scripts/wheel.sh PYTHON FOLDER [BUILD_FOLDER]
# With BUILD_FOLDER, what scripts/build.sh compiled there with the same options is taken instead of compiling again.
# scikit-build-core may also lie as wheels in travel/wheels (scripts/travel.sh), for a machine without the package index.
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
