# Every target sets up what it needs by itself; a second run finds it done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= epam-bench-out
# Test processes side by side; each of them computes with one thread.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup reproduce ablation test lint format bench calibrate clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## create .venv and install everything (about 5 GB the first time)

# The marker is written last: an interrupted installation is simply done again.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (PyTorch is large; a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fast]'
	@touch $(READY)

reproduce: $(READY) ## count, time, compare and judge: the whole table, into $(OUT)
	@$(BIN)/epam-bench reproduce --output $(OUT)

ablation: $(READY) ## pose, RGB, fused, without attention, without shift, three seeds (takes hours, says how long)
	@$(BIN)/epam-bench ablation --output $(OUT)

test: $(READY) ## the test suite (offline, two cores, minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(READY) ## ruff (format and rules) and mypy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY) ## let ruff rewrite what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## micro-benchmarks: shift, block, attention, heatmaps, network
	@$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only --benchmark-columns=min,median,iqr,rounds

calibrate: $(READY) ## put the timing to the test for an hour; writes reports/calibration, goes on with what is there
	@$(BIN)/epam-bench calibrate --minutes 60 --output reports/calibration

clean: ## remove caches and builds; .venv and measurements stay
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .benchmarks
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
