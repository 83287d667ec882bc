# make          set up, build the program and the Python package into build/, make `import flockstep` work in .venv
# make train    train pathfinding on the POGEMA benchmark's warehouse map; TRAIN="NAME --key value" trains another
# make test     build the tests too, run every one that this machine can run     make golden   only those against recordings
# make wheel    dist/flockstep-*.whl for other machines' CPUs; FLOCKSTEP_CUDA=ON make wheel: with CUDA
# make bench    steps per second                         make compare  the same beside EnvPool and POGEMA
# make format   clang-format in place                    make clean    remove build/
# make docs     the documentation as pages for a browser: build/docs/index.html
# make sanitize    the engine's tests under compute-sanitizer, on a GPU
# make fuzz     the readers of files and settings under libFuzzer, SECONDS=600 in all; needs clang
# make travel   copy libraries into travel/, for a machine without packages
#
# FLOCKSTEP_PYTHON=python3           use this Python as it is, install nothing (default: a virtual environment, .venv)
# FLOCKSTEP_CUDA=ON, OFF             build the CUDA backend, or not (default: where a GPU is found)
# FLOCKSTEP_NVCC=pip                 compile CUDA with NVIDIA's compiler from PyPI, even where a toolkit is installed
# FLOCKSTEP_CUDA_ARCHITECTURES=90    instead of the GPU that is here, or of 80, 90, 100, 120 where there is none
SHELL := /bin/bash
ifdef FLOCKSTEP_PYTHON
PYTHON := $(FLOCKSTEP_PYTHON)
else
PYTHON := $(CURDIR)/.venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
endif
export FLOCKSTEP_NVCC
export FLOCKSTEP_NATIVE ?= ON
BUILD ?= build
JOBS ?= $(shell nproc)
TRAIN ?= pathfinding
SECONDS ?= 600
BENCH ?= cartpole pathfinding

.PHONY: all setup setup-tests build build-tests train test golden bench compare docs sanitize fuzz wheel format travel clean
all: build

setup:
	@scripts/setup.sh

setup-tests:
	@scripts/setup.sh tests

build: setup
	@scripts/build.sh $(PYTHON) $(BUILD) $(JOBS)

build-tests: setup
	@scripts/build.sh $(PYTHON) $(BUILD) $(JOBS) tests

train: build
	$(BUILD)/flockstep train $(TRAIN)

test: setup-tests build-tests
	@scripts/test.sh $(PYTHON) $(BUILD)

golden: build-tests
	@PYTHONPATH=$(BUILD)/python $(PYTHON) -m pytest -m golden tests envs

bench: build
	$(BUILD)/flockstep bench $(BENCH)

compare: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) benchmarks/compare.py

docs: build
	@scripts/docs.sh $(PYTHON) $(BUILD)

sanitize: build-tests
	@scripts/sanitize.sh $(BUILD) $(JOBS)

fuzz:
	@scripts/setup.sh fuzz
	@scripts/fuzz.sh $(SECONDS)

wheel: setup
	@scripts/wheel.sh $(PYTHON) dist

format:
	@scripts/check_format.sh --fix

travel:
	@scripts/travel.sh

clean:
	rm -rf $(BUILD)
