# `make` alone lists what there is. Everything goes into .venv and the user's cache; nothing else is written.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Where it is set, each process would compile all that it imports anew: half of the time that a command takes.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/installed: requirements.lock pyproject.toml
	@echo "environment: .venv (first time about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Phoenix needs Python 3.11 or newer; try make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: help install collector demo up test soak check format bench bench-load lock

install: .venv/installed ## make the environment in .venv

collector: install ## build the collector into the user's cache, unless it is there
	@$(BIN)/phoenix collector install

demo: collector ## a real experiment on this machine, to its verdict
	@$(BIN)/phoenix experiment run -f catalog/experiments/topk-on-this-host.yaml

up: collector ## the Prefect server with its UI, a worker and the deployments, until Ctrl-C
	@$(BIN)/phoenix up

test: .venv/installed-dev collector ## everything, real parts included
	@$(BIN)/python -m pytest -m "not soak" $(TESTS)

soak: .venv/installed-dev collector ## the full counts of kill, fuzz and soak cases
	@$(BIN)/python -m pytest -m soak $(TESTS)

check: .venv/installed-dev ## format, lint, types, imports, spelling
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/codespell

format: .venv/installed-dev ## mend what can be mended by itself
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/installed-dev collector ## performance, as ratios against a named peer
	@$(BIN)/python -m benchmarks

bench-load: .venv/installed-dev ## the load generator against a bare loop (and stress-ng where it is installed)
	@$(BIN)/python -m benchmarks.load

lock: .venv/installed-dev ## resolve the dependencies anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock
