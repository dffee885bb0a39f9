# Everything a contributor runs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.requirements
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Some images set it for their own small size: here every process of a test would compile the product again.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest
# Four processes share two cores, since many tests wait for processes that they started; each has its own data folder,
# database and broker (tests/settings.py).
WORKERS ?= 4
# Module by module and in order: tests/conftest.py has the browser flows together at the beginning.
PARALLEL := -n $(WORKERS) --dist loadscope --no-loadscope-reorder
LONG := faults or hostile or replay
# Where the long suites find a PostgreSQL; they make and drop a database of their own there.
POSTGRES ?= postgres://postgres@127.0.0.1:5432/postgres
POSTGRES_AT = $(subst :, ,$(firstword $(subst /, ,$(lastword $(subst @, ,$(POSTGRES))))))

.PHONY: help setup demo test on-postgres slow e2e lint bench bench-peers budget-race spike-sim faults hostile mcp-replay chromium lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with the pinned dependencies (the other targets call it)

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else \
		"Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: make setup PYTHON=python3.12" % sys.version_info[:2])'
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { echo "Python's venv is missing: apt install python3-venv"; exit 1; }
	@echo "Installing the pinned dependencies (about half a minute) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

demo: setup ## start the whole product on this machine; PORT=9000 chooses another port
	@exec $(BIN)/python manage.py demo

test: setup chromium ## what to run before a commit: unit tests, short faults, a few browser flows (about 5 min)
	$(PYTEST) -q $(PARALLEL) -m "smoke or not (browser or slow or $(LONG))"

on-postgres: setup ## the unit tests on POSTGRES, and the slow ones that may end otherwise there (about 8 min)
	DATABASE_URL=$(POSTGRES) $(PYTEST) -q $(PARALLEL) -m "both_databases or not (browser or slow or $(LONG))"

slow: setup ## the unit tests that `make test` has no time for
	$(PYTEST) -q $(PARALLEL) -m "slow and not (browser or $(LONG))"

e2e: setup chromium ## every browser flow
	$(PYTEST) -q -m "browser and not ($(LONG))"

faults: setup ## long: everything killed, cut, emptied, full; on SQLite and on POSTGRES where it answers (< 15 min)
	$(PYTEST) -q -s -m faults
	@if (exec 3<>"/dev/tcp/$(word 1,$(POSTGRES_AT))/$(word 2,$(POSTGRES_AT))") 2>/dev/null; \
	then DATABASE_URL=$(POSTGRES) $(PYTEST) -q -s -m faults; \
	else echo "No PostgreSQL answers at $(POSTGRES): make faults POSTGRES=postgres://user@host:port/name"; fi

budget-race: setup ## 64 processes race for the last micro-unit, on SQLite and on POSTGRES where it answers (< 6 min)
	@$(BIN)/python -m tests.race
	@if (exec 3<>"/dev/tcp/$(word 1,$(POSTGRES_AT))/$(word 2,$(POSTGRES_AT))") 2>/dev/null; \
	then DATABASE_URL=$(POSTGRES) $(BIN)/python -m tests.race; \
	else echo "No PostgreSQL answers at $(POSTGRES): make budget-race POSTGRES=postgres://user@host:port/name"; fi

hostile: setup ## long: models that attack us, and honest ones that must still get through (< 10 min)
	$(PYTEST) -q -n $(WORKERS) -m hostile tests/hostile

mcp-replay: setup ## long: 114 tasks of a public benchmark's shop through the gate, and what nobody may do (< 15 min)
	$(PYTEST) -q -m replay tests/replay

lint: setup ## style, types, import rules, missing migrations, system checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy supportagent agents approvals audit
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING

bench: setup ## CPU, latency and throughput of the agent loop against a local fake model
	@$(BIN)/python -m tests.bench

bench-peers: setup ## the same workflow in LangGraph and here, in turns, on POSTGRES (< 10 min)
	@DATABASE_URL=$(POSTGRES) $(BIN)/python -m tests.bench.peers

spike-sim: setup ## 200 simulated weeks: how soon a spike of cost is seen, and how often falsely
	@$(BIN)/python -m tests.agents.costs.simulation

chromium:
	@command -v chromium >/dev/null || echo "chromium is not on PATH: browser tests are skipped (apt install chromium)"

# For maintainers: needs uv. The lock files name no index and hold for Python 3.11 to 3.13 on every platform.
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url
lock:
	$(UV_COMPILE) pyproject.toml -o requirements.lock
	$(UV_COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
