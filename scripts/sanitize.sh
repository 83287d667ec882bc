#!/bin/bash
# Runs the engine's tests on the GPU under compute-sanitizer: bad accesses, races of shared memory, reads of what was
# never written. Prints one line for each tool; reports go to BUILD_FOLDER/sanitizer.
# Usage: scripts/sanitize.sh BUILD_FOLDER [TOOL...]
set -uo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "$1") status=0
shift
[ $# -gt 0 ] || set -- memcheck racecheck initcheck
if ! command -v compute-sanitizer > /dev/null; then
    echo "compute-sanitizer is not installed; it comes with the CUDA toolkit" >&2
    exit 2
fi
mkdir -p "$build/sanitizer"

export FLOCKSTEP_REQUIRE=gpu  # a GPU that the tests would skip is a failure
# Left out: worlds of a million agents and runs of a million steps, which add hours and no code.
examine() {
    local report="$build/sanitizer/$1.txt"
    compute-sanitizer --tool "$1" --report-api-errors no --error-exitcode 9 \
        "$build/flockstep_tests" "~pathfinding: CPU equals GPU over a million*" "~a million agents*" > "$report" 2>&1
    local code=$?
    echo "$1: exit code $code; $(grep -aE 'SUMMARY' "$report" | tail -1); $(grep -aE '^(All tests|test cases)' "$report" | tail -1)"
    return $code
}
jobs=()
for tool in "$@"; do
    examine "$tool" &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || status=1; done
exit $status
