# glbc: what a person types. Everything is installed into .venv from the registries.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
MINUTES ?= 10
UPGRADE ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" $(UPGRADE)

.PHONY: help demo up test check format lint types walls pages golden picture bench soak lock clean

help:            ## show this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ →/' | sort

.venv/installed: pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/installed    ## the walkthrough, step by step, then changes under load; exit 0 only if all of it held
	$(BIN)/python -m fakes demo
	$(BIN)/python -m pytest tests/e2e/test_wire.py tests/e2e/test_switch.py --capture=no --no-header

up: .venv/installed      ## the fakes and glbc, left running, with lines to try
	$(BIN)/python -m fakes up

test: .venv/installed    ## every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope

check: .venv/installed format lint types walls pages    ## format, lint, types, walls, generated pages

format: .venv/installed
	$(BIN)/ruff format --check .

lint: .venv/installed
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy

walls: .venv/installed
	$(BIN)/lint-imports --no-logo

pages: .venv/installed
	$(BIN)/python -m pytest -n $(JOBS) tests/walls

golden: .venv/installed  ## rewrite the golden files; review the diff
	$(BIN)/python -m pytest tests/golden --update-golden

picture: .venv/installed ## take the picture of the live page again (needs Chromium)
	$(BIN)/python -m tests.e2e.show

bench: .venv/installed   ## counts and ratios of one run, as a table
	$(BIN)/python -m tests.bench

soak: .venv/installed    ## random trouble and every crash point, for MINUTES=10
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

lock: .venv/installed    ## write the locks anew, at the versions they have; UPGRADE=--upgrade for newer ones
	$(COMPILE) pyproject.toml --group fakes --group dev --output-file requirements-dev.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock --output-file requirements.lock
	$(COMPILE) --group build --constraint requirements-dev.lock --output-file requirements-build.lock

clean:                   ## remove everything that was installed or made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .run
