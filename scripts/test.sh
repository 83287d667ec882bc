#!/bin/bash
# Runs all test programs that were built, then pytest. Continues after failures, and fails at the end.
# Usage: scripts/test.sh PYTHON BUILD_FOLDER
set -uo pipefail
cd "$(dirname "$0")/.."
python=$1 build=$2 status=0
build=$(realpath "$build")
export PYTHONPATH="$build/python${PYTHONPATH:+:$PYTHONPATH}"
export FLOCKSTEP_INSTANCES="${FLOCKSTEP_INSTANCES:-$build/flockstep_instances}"
export FLOCKSTEP_ROAD_NETWORK="${FLOCKSTEP_ROAD_NETWORK:-$build/flockstep_road_network}"
export FLOCKSTEP_TEST_PROGRAM="${FLOCKSTEP_TEST_PROGRAM:-$build/flockstep_test_program}"
[ ! -x "$build/flockstep_tests" ] || export FLOCKSTEP_REPLAY_SAMPLE="${FLOCKSTEP_REPLAY_SAMPLE:-$build/flockstep_tests}"

for program in flockstep_tests flockstep_trainer_tests; do
    if [ -x "$build/$program" ]; then
        echo "== $program"
        "$build/$program" || status=1
    else
        echo "== $program was not built"
    fi
done
echo "== pytest"
"$python" -m pytest -q tests envs || status=1
exit $status
