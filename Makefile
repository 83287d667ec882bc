# make          set up, build into build/, make `import flockstep` work in .venv
# make train    train pathfinding on the POGEMA benchmark's warehouse map; TRAIN="NAME --key value" trains another
# make test     every test that this machine can run     make golden   only those against recordings
# make bench    steps per second                         make compare  the same beside EnvPool and POGEMA
# make format   clang-format in place                    make clean    remove build/
# make docs     the documentation as pages for a browser: build/docs/index.html
# make sanitize    the engine's tests under compute-sanitizer, on a GPU
# make travel   copy header-only libraries into travel/, for a machine without packages
#
# FLOCKSTEP_PYTHON=python3           use this Python as it is, install nothing (default: a virtual environment, .venv)
# FLOCKSTEP_NVCC=pip                 compile CUDA with NVIDIA's compiler from PyPI, whatever toolkit is here
# FLOCKSTEP_CUDA=OFF                 CPU backend alone
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
TRAIN ?= pathfinding --config configs/pathfinding_warehouse.toml
BENCH ?= cartpole pathfinding

.PHONY: all setup setup-tests build train test golden bench compare docs sanitize format travel clean
all: build

setup:
	@scripts/setup.sh

setup-tests:
	@scripts/setup.sh tests

build: setup
	@scripts/build.sh $(PYTHON) $(BUILD) $(JOBS)

train: build
	$(BUILD)/flockstep train $(TRAIN)

test: setup-tests build
	@scripts/test.sh $(PYTHON) $(BUILD)

golden: build
	@PYTHONPATH=$(BUILD)/python $(PYTHON) -m pytest -m golden tests envs

bench: build
	$(BUILD)/flockstep bench $(BENCH)

compare: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) benchmarks/compare.py

docs: build
	@scripts/docs.sh $(PYTHON) $(BUILD)

sanitize: build
	@scripts/sanitize.sh $(BUILD) $(JOBS)

format:
	@scripts/check_format.sh --fix

travel:
	@scripts/travel.sh

clean:
	rm -rf $(BUILD)
