#!/bin/bash
# Builds tests/fuzz with clang and runs its targets, as many at a time as there are cores, each for its share of the
# time. A finding stays in build-fuzz/findings/TARGET/. New inputs that reach new code are merged into
# tests/fuzz/corpus/TARGET/, at most 160 kB each, smallest inputs first.
# Usage: scripts/fuzz.sh SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(map scenario yaml toml settings checkpoint xodr scene scene_pool)
build=build-fuzz cores=$(nproc)
[ ! -d .venv/bin ] || export PATH="$PWD/.venv/bin:$PATH"  # cmake and ninja
clang=$(command -v clang++-14 || command -v clang++ || true)
if [ -z "$clang" ]; then
    echo "fuzz: no clang++ here; want clang with libFuzzer" >&2
    exit 2
fi

mkdir -p $build
cmake -S tests/fuzz -B $build -G Ninja -DCMAKE_CXX_COMPILER="$clang" > $build/build.log || { cat $build/build.log; exit 2; }
cmake --build $build -j "$cores" >> $build/build.log || { tail -30 $build/build.log; exit 2; }

rounds=$(((${#targets[@]} + cores - 1) / cores))
share=$((seconds / rounds))
[ $share -ge 1 ] || share=1

fuzz_one() {
    local target=$1 work=$build/work/$1 findings=$build/findings/$1/ log=$build/$1.log
    mkdir -p "$work" "$findings"
    local status=0
    $build/fuzz_"$target" -max_total_time=$share -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -dict=tests/fuzz/words.dict -artifact_prefix="$findings" "$work" tests/fuzz/corpus/"$target" \
        > "$log" 2>&1 || status=1
    local units
    units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $status = 0 ]; then
        echo "fuzz: $target: ${units:-0} inputs in $share s, no finding"
    else
        echo "fuzz: $target: a finding after ${units:-?} inputs, in $findings; see $log"
    fi
    return $status
}
merge_one() {
    local target=$1 merged=$build/merged/$1 kept=tests/fuzz/corpus/$1 bytes=0 size file
    rm -rf "$merged" && mkdir -p "$merged"
    $build/fuzz_"$target" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$merged" "$kept" $build/work/"$target" >> $build/"$target".log 2>&1
    rm -f "$kept"/*
    while read -r size file; do
        bytes=$((bytes + size))
        [ $bytes -gt 160000 ] || cp "$file" "$kept"/
    done < <(stat -c '%s %n' "$merged"/* | sort -n)
}

status=0
running=()
for target in "${targets[@]}"; do
    fuzz_one "$target" &
    running+=($!)
    if [ ${#running[@]} -ge "$cores" ]; then
        for process in "${running[@]}"; do wait "$process" || status=1; done
        running=()
    fi
done
for process in "${running[@]}"; do wait "$process" || status=1; done
for target in "${targets[@]}"; do merge_one "$target"; done
exit $status
