# Two commands matter: `make run` and `make test`. `make help` lists the others.

PORT ?= 8700
DATA ?= .data
JSON ?=
# Beside what `make run` keeps there, unless a folder was named.
STACK_DATA = $(if $(filter file,$(origin DATA)),$(DATA)/stack,$(DATA))
WORKERS ?= 3
KILLS ?= 1000
SEED ?=
MUTANT ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet
# Compiled when first imported: most of it never is.
INSTALL := $(PIP) install --no-compile --require-hashes

# What is installed is known by a stamp named after everything that decides it, the place included:
# scripts in a virtual environment hold its path.
STATE := $(shell (echo "$(CURDIR)"; cat pyproject.toml requirements/*.lock) | cksum | tr -d ' ')
RUN_STAMP := $(VENV)/.run-$(STATE)
DEV_STAMP := $(VENV)/.dev-$(STATE)
ASSETS := services/projections/pages/built/manifest.json

LOCK := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help run stack install assets messages walk screenshots check check-manifests test test-slow chaos chaos-mutants bench docs shapes lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) $(ASSETS) ## everything in one process with the demonstration tenant (PORT=8700 DATA=.data)
	@exec $(VENV)/bin/pulsetrail --data "$(DATA)" serve --demo --port "$(PORT)"

stack: $(DEV_STAMP) $(ASSETS) ## the scaled system on real Kafka and PostgreSQL, each part a process (PORT, DATA)
	@exec $(PY) -m stack --port "$(PORT)" --data "$(STACK_DATA)"

install: $(DEV_STAMP) $(ASSETS) ## the .venv with everything, nothing started

assets: $(ASSETS) ## what the boards bring to a browser, built by npm

messages: $(DEV_STAMP) ## bring the catalogues of the pages up to date
	@$(PY) -m tests.services.page_messages

check: $(DEV_STAMP) ## lint, format, types, import contracts
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --cache-dir $(VENV)/.import-linter

check-manifests: $(DEV_STAMP) ## manifests and metrics by kubeconform and promtool, where these are installed
	@$(PY) -m stack.check_manifests

test: check $(ASSETS) ## check, then every test that is not slow (WORKERS=3 at once: many of them wait)
	@$(VENV)/bin/pytest -q --durations=40 --durations-min=3 -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not slow"

test-slow: $(DEV_STAMP) $(ASSETS) ## the tests that take longer than `make test` may
	@$(VENV)/bin/pytest -q -m slow

walk: $(DEV_STAMP) $(ASSETS) ## every story in a browser: both languages, phone and desk, embedded and scaled
	@WALK=all $(VENV)/bin/pytest -q -m browser tests/browser

screenshots: $(DEV_STAMP) $(ASSETS) ## pictures of every page, into build/screenshots
	@$(PY) -m tests.browser.screenshots

chaos: $(DEV_STAMP) ## faults under load until so many kills are survived (KILLS=1000 SEED=); repeated, it goes on
	@REQUIRE_SERVICES=1 $(PY) -m tests.system.chaos --kills "$(KILLS)" $(if $(SEED),--seed "$(SEED)")

chaos-mutants: $(DEV_STAMP) ## faults of ours that the crash suite must catch (MUTANT=: only this one)
	@$(PY) -m tests.system.chaos.mutants $(MUTANT)

bench: $(DEV_STAMP) $(ASSETS) ## all benchmarks, one table (JSON=FILE writes the figures too)
	@$(PY) -m benchmarks $(if $(JSON),--json "$(JSON)")

docs: $(DEV_STAMP) ## write the generated documents anew
	@$(PY) -m docs.generate

shapes: $(DEV_STAMP) ## freeze the shapes of new events and fields
	@$(PY) -m tests.architecture.test_event_shapes

lock: $(DEV_STAMP) ## renew the lock files (UPGRADE=1: to the newest versions)
	@$(LOCK) requirements/node.in -o requirements/node.lock >/dev/null
	@$(LOCK) requirements/build.in -o requirements/build.lock >/dev/null
	@$(LOCK) pyproject.toml -c requirements/constraints.in -o requirements/run.lock >/dev/null
	@$(LOCK) pyproject.toml --extra scale --extra scoring -c requirements/run.lock -o requirements/scale.lock >/dev/null
	@$(LOCK) pyproject.toml --extra dev -c requirements/run.lock -c requirements/build.lock \
		-o requirements/dev.lock >/dev/null

clean: ## remove .venv and caches; data folders stay
	@rm -rf $(VENV) web/node_modules $(dir $(ASSETS)) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find services shared stack tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is missing: install it, or name one with PYTHON=/path/to/python3" >&2; exit 4; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python lacks the venv module: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 4; \
	fi; \
	"$$python" -m venv --clear $(VENV)

$(RUN_STAMP): | $(PY)
	@echo "installing what running needs into $(VENV) (once)" >&2
	@rm -f $(VENV)/.run-* $(VENV)/.dev-*
	@$(PIP) --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
	@$(INSTALL) -r requirements/run.lock -r requirements/build.lock
	@$(PIP) install --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "installing what developing needs into $(VENV) (once)" >&2
	@$(INSTALL) -r requirements/dev.lock
	@touch $@

# Where the machine has no npm, a wheel brings one.
$(ASSETS): web/package-lock.json web/build.mjs $(wildcard web/source/*) | $(RUN_STAMP)
	@echo "building what the boards bring to a browser" >&2
	@command -v npm >/dev/null 2>&1 || $(INSTALL) -r requirements/node.lock
	@cd web && PATH="$$PATH:$(CURDIR)/$(VENV)/bin" && npm ci --ignore-scripts --silent && node build.mjs
