# Every target works on a fresh clone; .ci/run calls the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One thread each: tests and training steps are small, and spinning threads slow each other down.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help install install-dev weights demo quick test test-all lint types packaging clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## Make .venv and install the package

install-dev: $(VENV)/.installed-dev  ## The same with everything that tests need

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml
	$(BIN)/pip install -q -e ".[postgres,train,studio,interop,dev]"
	touch $@ $(VENV)/.installed

weights: install  ## Fetch, check and convert the embedded weights once (120 MB)
	$(BIN)/vitron pull embedded

demo: weights  ## Segment, edit and follow up on real photos; pictures land in demo_output/
	$(BIN)/python examples/demo.py

quick: weights install-dev  ## All five training stages in miniature; models land in runs_output/quick
	PYTHON=$(BIN)/python runs/quick.sh

lint: install-dev  ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev  ## Strict types
	$(BIN)/mypy

packaging: install-dev  ## Wheel and sdist hold the package and nothing else; the Studio configuration is valid
	$(BIN)/python -m pytest tests/packaging
	$(BIN)/langgraph validate

test: lint types packaging install-dev  ## What every change must pass
	$(BIN)/vitron pull embedded
	$(BIN)/python -m pytest -m "not slow" --ignore=tests/packaging

test-all: install-dev  ## The slower suites: crashes at every point, many processes, big pictures
	$(BIN)/vitron pull embedded
	$(BIN)/python -m pytest -m slow --timeout=900

clean:  ## Remove what was built
	rm -rf build dist demo_output .pytest_cache .mypy_cache .ruff_cache .hypothesis
