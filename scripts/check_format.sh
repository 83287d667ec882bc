#!/bin/bash
# Checks the format of all C++ and CUDA files against .clang-format; with --fix, rewrites them.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=.venv/bin/clang-format  # the pinned version: formats differ between versions
[ -x $tool ] || tool=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$tool" ]; then
    echo "format: no clang-format here, nothing checked"
    exit 0
fi
if [ "${1:-}" = --fix ]; then
    arguments=(-i)
else
    arguments=(--dry-run -Werror)
fi
git ls-files -z --cached --others --exclude-standard '*.h' '*.cuh' '*.cpp' '*.cu' | xargs -0 -r "$tool" "${arguments[@]}"
[ "${1:-}" = --fix ] || echo "format: every file is as .clang-format wants it"
