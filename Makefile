# make demo   set up, build, fit, export, run in OpenMM, LAMMPS and ASE, write out/demo/report.html
# make test   set up if missing, then the test suite
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
LATEST := .venv-latest
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
# Two threads unless the user says otherwise: libraries that each take all cores slow each other.
export OMP_NUM_THREADS ?= 2
# Threads that wait must not spin: next to other work a spinning pair takes ten times as long.
export OMP_WAIT_POLICY ?= PASSIVE
# Python keeps what it compiles, whatever the environment says (images of containers forbid it):
# a program that imports torch then starts in 2 s instead of 4, a fit in 5 s instead of 16.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup latest test-latest demo test test-slow cases docs thesis-tables reliability-tables bench cuda lint format clean requirements

help:
	@echo "make setup      create $(VENV) with pinned packages and build the LAMMPS plugin"
	@echo "make demo       fit, export, run in OpenMM, LAMMPS and ASE; writes out/demo/report.html"
	@echo "make test       the test suite (at most 15 minutes on 2 cores)"
	@echo "make latest     create $(LATEST): the newest torch, no openmmtorch"
	@echo "make test-latest  engines against each other and physics of the models there (slow)"
	@echo "make test-slow  the tests that take longer: MD of tens of picoseconds, long fits"
	@echo "make cases      the inputs that once failed for users, each with what it must give"
	@echo "make docs       the documentation site, build/site/index.html"
	@echo "make thesis-tables  the thesis' variants with equal time: runs/thesis-tables (hours)"
	@echo "make reliability-tables  objectives and models compared on QM9 (hours)"
	@echo "make bench      speed compared with other codes, each in its own environment (an hour)"
	@echo "make cuda       compile the operators for GPUs with nvcc, without running them (docs/operators.md)"
	@echo "make lint       style, types, spelling: ruff, mypy, clang-format, codespell, actionlint"
	@echo "make format     repair what ruff and clang-format can repair"
	@echo "make clean      remove $(VENV), $(LATEST), .peers, build/ and out/"

setup: $(VENV)/.native
	@echo "setup: ready. Use $(BIN)/physrep, or 'source $(BIN)/activate'."

latest: $(LATEST)/.native
	@echo "latest: ready. Use $(LATEST)/bin/physrep."

# % is $(VENV) or $(LATEST), each with requirements of its own.
.PRECIOUS: %/.packages %/.package %/.native
$(VENV)/.packages: requirements.txt
$(LATEST)/.packages: requirements-latest.txt
%/.packages:
	@echo "setup: creating $* with the packages of $< (about 7 GB)"
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet "uv==$(UV_VERSION)"
	$*/bin/uv pip install --quiet --python $*/bin/python --requirements $<
	@touch $@

# Installed in place: Python files are read from plugin/ and training/.
%/.package: %/.packages pyproject.toml hatch_build.py
	@echo "setup: installing physrep in place"
	$*/bin/uv pip install --quiet --python $*/bin/python --no-deps --editable .
	@touch $@

NATIVE := $(shell find plugin/native lammps -name '*.cpp' -o -name '*.h' -o -name '*.cu*' -o -name CMakeLists.txt)
%/.native: %/.package $(NATIVE)
	@echo "setup: compiling the operators and the LAMMPS plugin (2 to 4 minutes)"
	$*/bin/physrep build --objects build/native/$(notdir $*)
	@touch $@

demo: setup
	$(BIN)/python md_examples/demo/run.py
	@echo "demo: done, open out/demo/report.html"

# Two workers of one thread each. worksteal gives each worker whole files, so fixtures are shared.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist worksteal
	@echo "test: passed"

test-slow: setup
	$(BIN)/python -m pytest -m slow
	@echo "test-slow: passed"

cases: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m case --numprocesses 2 --dist worksteal
	@echo "cases: each gives what it must"

# The variable silences an advertisement of mkdocs-material.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "docs: done, open build/site/index.html"

# Hours; goes on where it was interrupted. THESIS="--minutes 2 --only models" makes it short.
reliability-tables: setup
	$(BIN)/python training/tables.py --plan training/configs/reliability/tables.yaml \
		-o runs/reliability-tables $(RELIABILITY)
	@echo "reliability-tables: done, runs/reliability-tables"

thesis-tables: setup
	$(BIN)/python training/tables.py $(THESIS)
	@echo "thesis-tables: done, runs/thesis-tables"

# All tools run, so that one call tells everything. actionlint is on no package index as a program.
CPP := $(shell git ls-files "*.cpp" "*.h" "*.cu" "*.cuh" 2>/dev/null)
lint: $(VENV)/.package
	@failed=; run() { echo "lint: $$1"; shift; "$$@" || failed=1; }; \
	run "ruff check" $(BIN)/ruff check --quiet --no-cache .; \
	run "ruff format" $(BIN)/ruff format --quiet --check --diff .; \
	run mypy $(BIN)/mypy --no-error-summary; \
	run clang-format $(BIN)/clang-format --dry-run -Werror $(CPP); \
	run codespell $(BIN)/codespell; \
	if command -v actionlint > /dev/null; then run actionlint actionlint; \
	else echo "lint: actionlint is not installed; the workflows are not checked"; fi; \
	if [ "$$failed" ]; then \
	  echo "lint: failed. 'make format' repairs style; repair the rest by hand"; exit 1; fi
	@echo "lint: clean"

format: $(VENV)/.package
	$(BIN)/ruff check --quiet --fix --exit-zero .
	$(BIN)/ruff format --quiet .
	$(BIN)/clang-format -i $(CPP)
	@echo "format: done; make lint says what remains"

# What needs openmmtorch, and so torch 2.9, skips there.
test-latest: latest
	OMP_NUM_THREADS=1 $(LATEST)/bin/python -m pytest -m "not slow" --numprocesses 2 --dist worksteal \
	  tests/engines tests/lammps tests/models tests/ops tests/install/test_library.py
	@echo "test-latest: passed"

# After a change of pyproject.toml: pins everything below it, and writes the README's table of
# versions. No package addresses are written.
PIN := $(BIN)/uv pip compile --quiet --no-emit-index-url --no-header --python-version 3.11
requirements:
	$(PIN) --extra dev --extra openmmtorch --output-file requirements.txt pyproject.toml
	$(PIN) --upgrade --extra dev --output-file requirements-latest.txt pyproject.toml
	$(BIN)/python tools/compatibility_table.py
	@echo "requirements: written; run make setup and make latest"

# Ours, the thesis' JAX code and peers side by side: an hour; environments of 13 GB on first use.
bench: setup
	$(BIN)/python benchmarks/speed.py $(BENCH)
	$(BIN)/python benchmarks/figure.py
	@echo "bench: done, benchmarks/results"

# Needs nvcc (in PATH or CUDA_HOME) and no GPU: object files, which show that the source compiles.
CUDA_HOME ?= /usr/local/cuda
cuda: $(VENV)/.package
	PATH="$$PATH:$(CUDA_HOME)/bin" $(BIN)/cmake -S plugin/native -B build/cuda -DPHYSREP_CUDA=ON \
	  -DPython_EXECUTABLE=$(abspath $(BIN)/python)
	$(BIN)/cmake --build build/cuda --target physrep_cuda
	@echo "cuda: compiled for sm_80, sm_90 and later (PTX); not run on a GPU"

clean:
	rm -rf $(VENV) $(LATEST) .peers build out .pytest_cache .ruff_cache .mypy_cache
	@echo "clean: done"
