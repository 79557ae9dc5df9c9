# arbkit: `make` lists what there is. Everything runs inside .venv, which is made when it is missing.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Without compiled bytecode each start of Python with numba and polars takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first interpreter that runs and is new enough; `make PYTHON=...` overrides it.
PYTHON ?= $(shell for p in python3 python python3.12 python3.11 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
# One test process more than there are cores: some wait for a server, a browser, or a kernel that another compiles.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); echo $$((n > 7 ? 8 : n + 1)))
PYTEST_ARGS ?=
BENCH_ARGS ?=
TRUTH_ARGS ?=
SOAK_ARGS ?=

.PHONY: help
help:  ## Show this list
	@echo "arbkit, a research toolkit for cross-exchange arbitrage"; echo
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# The lock holds exact versions and no addresses; the stamp makes later runs free.
$(READY): requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" tools/setup_environment
	@touch $@

.PHONY: env
env: $(READY)  ## Make or update the environment in .venv

.PHONY: demo
demo: $(READY)  ## Main job on the built-in market: data, study, validation, report
	@$(BIN)/python tools/demo.py

.PHONY: test
test: lint types pytest  ## Everything that must pass: lint, format, types, tests, notebooks

.PHONY: pytest
pytest: $(READY)  ## Only the tests (PYTEST_ARGS="tests/cli -x" narrows them)
	@tools/find_chromium
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

.PHONY: lint
lint: $(READY)  ## Check style, format and spelling; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell arbkit tools docs benchmarks README.md CHANGELOG.md Makefile
	@$(BIN)/python tools/strip_notebooks.py --check

.PHONY: types
types: $(READY)  ## Check types (mypy, strict)
	@$(BIN)/mypy

.PHONY: format
format: $(READY)  ## Format the code, mend what ruff can, clear notebook outputs
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python tools/strip_notebooks.py

.PHONY: bench
bench: $(READY)  ## Measure everything in one run (BENCH_ARGS="--only trials --huge" changes what)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: truth
truth: $(READY)  ## Claims on 2,700 markets of known truth, minutes (TRUTH_ARGS="--seeds 20" shortens it)
	@$(BIN)/python -m benchmarks.truth --page $(TRUTH_ARGS)
	@$(BIN)/python -m benchmarks.bench_evidence --histories 60 --repetitions 400

.PHONY: soak
soak: $(READY)  ## Run live trading against the practice exchange in faults for an hour (SOAK_ARGS="--minutes 5")
	@$(BIN)/python -m benchmarks.soak $(SOAK_ARGS)

.PHONY: bench-peers
bench-peers: $(READY)  ## Time other engines on the same data, each in an environment of its own
	@$(BIN)/python -m benchmarks.peers $(BENCH_ARGS)

.PHONY: docs
docs: $(READY)  ## Build the site of the documentation (docs/_build/index.html)
	@$(BIN)/python -m sphinx -b html -q -W --keep-going docs docs/_build
	@echo "docs/_build/index.html"

.PHONY: lab
lab: $(READY)  ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab $$( [ "$$(id -u)" = 0 ] && echo --allow-root ) --notebook-dir=. notebooks/01_dataset.ipynb

.PHONY: lock
lock: $(READY)  ## Resolve requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --all-extras --group dev \
		--no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.lock

.PHONY: hooks
hooks: $(READY)  ## Install the pre-commit hooks into this clone
	@$(BIN)/pre-commit install

.PHONY: clean
clean:  ## Remove the environment and every cache; keeps datasets, studies and reports
	rm -rf $(VENV) benchmarks/peers/.environments .arbkit-cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find arbkit tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
