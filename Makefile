# make demo    a month of a patient's readings becomes qualifying days, with faults on the way
# make test    every test
# make test-interop    the foreign consumers in docs/consumers against hub, broker and vectors
# make bench   every budget of the design against its peers (under 20 minutes); docs/performance.md
# make test-faults   faults injected and counted, under 15 minutes; QUICK=1 for the five-minute form
# make test-mutants    every small change to the billing rules, each held against their tests; MODULES="supply …" for some
# make check   style, types, import rules, settings schema
# make lock    renew requirements/*.txt from pyproject.toml
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(PATH):/usr/sbin:/sbin
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: env demo test test-interop test-faults test-mutants bench check format lock broker

env: .venv/stamp

.venv/stamp: pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Vitalpost needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Mosquitto from Debian's packages. The package would start a broker of its own: it is kept from it.
broker:
	@if ! command -v mosquitto >/dev/null; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
			echo "Mosquitto is missing and this user may not install it: as root, run 'apt-get install mosquitto'." >&2; exit 1; fi; \
		echo "Installing Mosquitto from Debian's packages"; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends mosquitto >/dev/null || \
		{ echo "Mosquitto could not be installed: run 'apt-get install mosquitto' and read what it says." >&2; exit 1; }; \
		$$sudo systemctl disable --now mosquitto >/dev/null 2>&1 || true; \
	fi

demo: env broker
	@$(BIN)/vitalpost demo

test: env broker
	@$(BIN)/pytest -q -n 3 --dist worksteal

# Node and npm from Debian's packages; what npm installs is locked by hashes beside the consumer.
test-interop: env broker
	@if ! command -v npm >/dev/null || ! node -e 'process.exit(+(process.versions.node.split(".")[0] < 18))'; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
			echo "Node 18 or npm is missing and this user may not install it: as root, run 'apt-get install nodejs npm'." >&2; exit 1; fi; \
		echo "Installing Node and npm from Debian's packages"; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nodejs npm >/dev/null || \
		{ echo "Node could not be installed: run 'apt-get install nodejs npm' and read what it says." >&2; exit 1; }; \
	fi
	@cd docs/consumers/node && npm ci --omit=optional --ignore-scripts --silent
	@$(BIN)/pytest -q tests/interop

bench: env broker build/thingsboard/stamp build/bluetooth-sig/stamp
	@$(BIN)/python -m benchmarks

# The peers that are measured beside us, each in an environment of its own.
build/%/stamp: requirements/%.txt
	$(PYTHON) -m venv --clear build/$*
	build/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@touch $@

# strace, by which single system calls are made to fail, from Debian's packages.
test-faults: env broker
	@if ! command -v strace >/dev/null; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
			echo "strace is missing and this user may not install it: as root, run 'apt-get install strace'." >&2; exit 1; fi; \
		echo "Installing strace from Debian's packages"; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends strace >/dev/null || \
		{ echo "strace could not be installed: run 'apt-get install strace' and read what it says." >&2; exit 1; }; \
	fi
	@$(BIN)/python -m tests.faults $(if $(QUICK),--quick) $(if $(SEED),--seed $(SEED))

# Beside other work: it has all the time in the world.
test-mutants: env
	@nice -n 10 $(BIN)/python -m tests.backend.billing.mutants $(MODULES)

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q tests/gateway/test_idle_imports.py tests/gateway/test_config.py

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs uv (pip install uv); hashes and pins only, no registry's address.
lock:
	@set -e; lock() { uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 pyproject.toml "$$@"; }; \
	lock --extra hub -o requirements/hub.txt; \
	lock --extra backend -o requirements/backend.txt; \
	lock --extra hub --extra backend --extra simulator --extra dev -o requirements/dev.txt; \
	for peer in thingsboard bluetooth-sig; do \
		uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
			requirements/$$peer.in -o requirements/$$peer.txt; done
