#!/bin/bash
# Runs the engine's tests on the GPU under compute-sanitizer: bad accesses, races of shared memory, reads of what was
# never written. Each test case under each tool is a process of its own, JOBS at a time; prints those that failed and a
# line for each tool. Reports go to BUILD_FOLDER/sanitizer.
# Usage: scripts/sanitize.sh BUILD_FOLDER JOBS [TOOL...]; TESTS="GPU:*,fields:*" takes these test cases alone.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=$(realpath "$1")/flockstep_tests reports=$(realpath "$1")/sanitizer jobs=$2
shift 2
[ $# -gt 0 ] || set -- racecheck memcheck initcheck
if ! command -v compute-sanitizer > /dev/null; then
    echo "compute-sanitizer is not installed; it comes with the CUDA toolkit" >&2
    exit 2
fi
rm -rf "$reports"
mkdir -p "$reports"

# Left out: worlds of a million agents and runs of a million steps, which add hours and no code.
chosen=("~pathfinding: CPU equals GPU over a million*" "~a million agents*")
[ -z "${TESTS:-}" ] || chosen=("$TESTS")
"$tests" --list-test-names-only "${chosen[@]}" > "$reports/names" 2> /dev/null || true  # Catch2 2
[ -s "$reports/names" ] || "$tests" --list-tests --verbosity quiet "${chosen[@]}" > "$reports/names"
mapfile -t names < <(sed -E 's/[\\,["]/\\&/g' "$reports/names")

export FLOCKSTEP_REQUIRE=gpu  # a GPU that the tests would skip is a failure
export OMP_NUM_THREADS=2 tests
examine() {  # TOOL TEST REPORT
    local options=(--tool "$1" --report-api-errors no --error-exitcode 9 --require-cuda-init no)
    # racecheck's analysis runs on the CPU, on as many threads as it likes unless it is told
    [ "$1" != racecheck ] || options+=(--racecheck-num-workers 1)
    if compute-sanitizer "${options[@]}" "$tests" -d yes "$2" > "$3" 2>&1 && ! grep -q "No tests ran" "$3"; then
        echo passed >> "$3"
    fi
}
export -f examine
for tool in "$@"; do
    for i in "${!names[@]}"; do printf '%s\0' "$tool" "${names[i]}" "$reports/$tool.$i"; done
done | xargs -0 -n 3 -P "$jobs" bash -c 'examine "$@"' bash

status=0
for tool in "$@"; do
    failed=$(grep -L '^passed$' "$reports/$tool".* || true)
    echo "$tool: ${#names[@]} test cases, $(wc -w <<< "$failed") failed"
    for report in $failed; do
        status=1
        echo "    ${names[${report##*.}]}: $report"
    done
done
exit $status
