#!/bin/bash
# Measures the build of `make train` on a machine without a GPU: user + system seconds of configuring, compiling and linking
# in a fresh folder, without ccache, and the slowest files. Downloads and training are not included.
#   scripts/build_time.sh              LIMIT=340 fails above that; BUILD=build-time JOBS=2 PYTHON=.venv/bin/python
set -euo pipefail
cd "$(dirname "$0")/.."

[ ! -d .venv/bin ] || export PATH="$PWD/.venv/bin:$PATH"  # cmake and ninja
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3
rm -rf "${BUILD:=build-time}"
mkdir -p "$BUILD"
build=$(realpath "$BUILD")

# Compiler launcher that records user seconds, system seconds and the file.
cat > "$build/clock" << 'CLOCK'
#!/bin/bash
TIMEFORMAT="%U %S"
exec 3>&2
seconds=$({ time "$@" 2>&3 3>&-; } 2>&1) || exit $?
echo "$seconds ${*: -1}" >> "${0%/clock}/seconds"
CLOCK
chmod +x "$build/clock"

export FLOCKSTEP_CUDA=OFF FLOCKSTEP_NATIVE=ON FLOCKSTEP_TESTS=OFF FLOCKSTEP_BENCHMARKS=OFF CCACHE_DISABLE=1
whole() {
    cmake -S . -B "$build" -G Ninja -DFLOCKSTEP_PYTHON="$(command -v "$python")" -DFLOCKSTEP_CCACHE= \
        -DCMAKE_CXX_COMPILER_LAUNCHER="$build/clock" &&
        cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target flockstep_product
}
TIMEFORMAT="%U %S"
seconds=$({ time whole > "$build/log" 2>&1; } 2>&1) || { tail -20 "$build/log"; exit 1; }
sort -rn "$build/seconds" | head -20 | sed "s|$PWD/||" | awk '{printf "%7.1f s  %s\n", $1 + $2, $3}'
awk -v limit="${LIMIT:-0}" '{
    printf "build: %.0f core-seconds, %.0f user and %.0f system\n", $1 + $2, $1, $2
    exit limit > 0 && $1 + $2 > limit
}' <<< "$seconds"
