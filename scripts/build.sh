#!/bin/bash
# Configures and builds, and makes `import flockstep` work in .venv.
# Usage: scripts/build.sh PYTHON BUILD_FOLDER JOBS [tests]. Builds the program and the Python package; with `tests`, also the
# tests and the benchmark programs. Options are environment variables, see cmake/options.cmake.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 build=$2 jobs=$3 target=flockstep_product
[ "${4:-}" != tests ] || target=all

# A folder that has tests keeps them, so that `make train` after `make test` has nothing to build.
if [ $target = all ] || grep -qs '^FLOCKSTEP_TESTS:STRING=ON' "$build/CMakeCache.txt"; then
    export FLOCKSTEP_TESTS="${FLOCKSTEP_TESTS:-ON}" FLOCKSTEP_BENCHMARKS="${FLOCKSTEP_BENCHMARKS:-ON}"
else
    export FLOCKSTEP_TESTS="${FLOCKSTEP_TESTS:-OFF}" FLOCKSTEP_BENCHMARKS="${FLOCKSTEP_BENCHMARKS:-OFF}"
fi

# With NVIDIA's compiler from PyPI, an installed toolkit must not interfere.
if [ "${FLOCKSTEP_NVCC:-}" = pip ]; then
    unset CUDA_HOME CUDA_PATH CUDACXX CPATH CPLUS_INCLUDE_PATH LIBRARY_PATH NVCC_APPEND_FLAGS NVCC_PREPEND_FLAGS
fi

# Reconfigures from scratch if options or compilers have changed: CMake cannot change a cached compiler.
options=$(env | grep -E '^(CXX|FLOCKSTEP_[A-Z_]+)=' | grep -v -E '^FLOCKSTEP_(PYTHON|GOLDEN|DATA|REQUIRE|INSTANCES|TEST_PROGRAM)=' | sort || true)
wanted=$(printf 'python=%s\n%s' "$(command -v "$python")" "$options")
if [ "$(cat "$build/configured" 2>/dev/null)" != "$wanted" ]; then
    cmake --fresh -S . -B "$build" -G Ninja -DFLOCKSTEP_PYTHON="$(command -v "$python")"
    printf '%s\n' "$wanted" > "$build/configured"
fi
cmake --build "$build" --parallel "$jobs" --target $target

if [ -d .venv ] && [ "$python" = "$PWD/.venv/bin/python" ] && [ -d "$build/python" ]; then
    packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$(realpath "$build")/python" > "$packages/flockstep.pth"
fi
