#!/bin/bash
# Makes this machine able to build: system packages (Debian 12 as root), then the virtual environment .venv with pinned
# packages. Returns at once if that was done before. If it cannot install, it prints what to install and exits with 2.
# FLOCKSTEP_PYTHON=python3 uses that Python as it is and only checks.
# Usage: scripts/setup.sh [tests|fuzz]      with `tests`, also a browser for the test of the replay; with `fuzz`, also clang
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${FLOCKSTEP_PYTHON:-}" ]; then
    python=$FLOCKSTEP_PYTHON
elif [ -x .venv/bin/python ]; then
    python=.venv/bin/python
elif [ -x /usr/bin/python3 ]; then
    python=/usr/bin/python3  # the one that python3-dev belongs to
else
    python=python3
fi

# NVIDIA's compiler is installed from PyPI if CUDA is built without a toolkit, or on request.
have_toolkit() { command -v nvcc || [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ]; }
have_gpu() { [ -e /dev/nvidia0 ] || [ -e /dev/dxg ] || nvidia-smi -L 2> /dev/null | grep -q '^GPU '; }
wants_cuda=no
case ${FLOCKSTEP_CUDA:-AUTO} in
    ON) wants_cuda=yes ;;
    AUTO) ! have_gpu || wants_cuda=yes ;;
esac
pip_nvcc=no
if [ $wants_cuda = yes ] && { [ "${FLOCKSTEP_NVCC:-}" = pip ] || ! have_toolkit > /dev/null; }; then
    pip_nvcc=yes
fi

needs_clang=no
if [ "${1:-}" = fuzz ] && ! command -v clang++-14 > /dev/null && ! command -v clang++ > /dev/null; then
    needs_clang=yes
fi

stamp=.venv/.flockstep-setup
contents=$(cat scripts/setup.sh scripts/requirements*.txt | cksum)
wanted="$contents nvcc=$pip_nvcc browser=$([ "${1:-}" = tests ] && echo yes || echo no)"
if [ $needs_clang = no ] && [ -z "${FLOCKSTEP_PYTHON:-}" ] && [ -x .venv/bin/python ] && grep -qxF "$wanted" "$stamp" 2> /dev/null; then
    exit 0
fi

# --- System packages: what is missing, by Debian's name for it ---
has_header() { echo "#include <$1>" | g++ -std=c++20 -Itravel/include -E -x c++ - > /dev/null 2>&1; }
python_says() { "$python" -c "$1" > /dev/null 2>&1; }

missing=()
command -v g++ > /dev/null || missing+=(g++)
if ! command -v "$python" > /dev/null; then
    missing+=(python3-venv python3-dev)
else
    [ -n "${FLOCKSTEP_PYTHON:-}" ] || python_says 'import venv, ensurepip' || missing+=(python3-venv)
    python_says 'import sysconfig, os, sys
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || missing+=(python3-dev)
fi
has_header catch2/catch.hpp || has_header catch2/catch_all.hpp || missing+=(catch2)
has_header CLI/CLI.hpp || missing+=(libcli11-dev)
has_header nlohmann/json.hpp || missing+=(nlohmann-json3-dev)
has_header toml++/toml.h || missing+=(libtomlplusplus-dev)
has_header pugixml.hpp || missing+=(libpugixml-dev)
[ $needs_clang = no ] || missing+=(clang-14 libclang-rt-14-dev)

may_install=no
if [ "$(id -u)" = 0 ] && [ -z "${FLOCKSTEP_PYTHON:-}" ] && grep -qs '^ID=debian' /etc/os-release &&
    grep -qs '^VERSION_ID="12"' /etc/os-release; then
    may_install=yes
fi
apt_install() {
    echo "setup: apt-get install $*"
    local log status=0
    log=$(mktemp)
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > "$log" 2>&1 || status=$?
    [ $status = 0 ] || tail -5 "$log" >&2
    rm -f "$log"
    return $status
}

if [ $may_install = yes ]; then
    optional=()
    command -v ccache > /dev/null || optional+=(ccache)
    [ "${1:-}" != tests ] || command -v chromium > /dev/null || optional+=(chromium)
    if [ $((${#missing[@]} + ${#optional[@]})) -gt 0 ]; then
        apt-get update -qq || echo "setup: apt-get update failed; going on with the package lists that are here"
    fi
    if [ ${#missing[@]} -gt 0 ] && ! apt_install "${missing[@]}"; then
        echo "setup: Debian's packages could not be installed: ${missing[*]}" >&2
        exit 2
    fi
    for package in "${optional[@]}"; do
        apt_install "$package" || echo "setup: going on without $package"
    done
    missing=()
fi

# --- Python packages ---
pip_line="-r scripts/requirements.txt"
[ $pip_nvcc = no ] || pip_line+=" -r scripts/requirements-nvcc.txt"
pip_missing=()
if [ -n "${FLOCKSTEP_PYTHON:-}" ]; then
    for module in torch pybind11; do
        python_says "import importlib.util as u, sys; sys.exit(u.find_spec('$module') is None)" || pip_missing+=("$module")
    done
    command -v ninja > /dev/null || pip_missing+=(ninja)
    version=$(cmake --version 2> /dev/null | head -1 | grep -oE '[0-9.]+$' || echo 0)
    printf '3.26\n%s\n' "$version" | sort -V -C || pip_missing+=(cmake)
fi

if [ $((${#missing[@]} + ${#pip_missing[@]})) -gt 0 ]; then
    {
        echo "setup: something is missing, and may not be installed from here" \
            "(that takes root on Debian 12, and no FLOCKSTEP_PYTHON)."
        [ ${#missing[@]} = 0 ] || echo "  Debian, Ubuntu:  apt-get install ${missing[*]}    (elsewhere: the same by another name)"
        [ -n "${FLOCKSTEP_PYTHON:-}" ] || echo "  then make again: it installs scripts/requirements.txt into .venv by itself"
        [ ${#pip_missing[@]} = 0 ] || echo "  for $python:  $python -m pip install $pip_line    (missing: ${pip_missing[*]})"
    } >&2
    exit 2
fi
[ -z "${FLOCKSTEP_PYTHON:-}" ] || exit 0

# Debian 12's own Python may only just have arrived.
[ -x "$(command -v "$python")" ] || python=/usr/bin/python3
if ! python_says 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
    echo "setup: $("$python" --version): want Python 3.11, 3.12 or 3.13; set PATH to one that is, or FLOCKSTEP_PYTHON" >&2
    exit 2
fi
if [ ! -x .venv/bin/pip ]; then
    echo "setup: making .venv"
    "$python" -m venv .venv
fi
echo "setup: pip install $pip_line (LibTorch and its CUDA libraries are 4.6 GB on disk; once)"
# shellcheck disable=SC2086
if ! .venv/bin/python -m pip install -q --disable-pip-version-check $pip_line; then
    echo "setup: pip could not install into .venv; by hand: .venv/bin/python -m pip install $pip_line" >&2
    exit 2
fi

# Next time, anything up to what is installed now counts as installed; other versions of this script do not count.
{
    grep -sF "$contents " "$stamp" || true
    printf '%s\n' "$wanted" "${wanted/browser=yes/browser=no}" "${wanted/nvcc=yes/nvcc=no}" "$contents nvcc=no browser=no"
} | sort -u > "$stamp.new"
mv "$stamp.new" "$stamp"
