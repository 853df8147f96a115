# make demo    a month of a patient's readings becomes qualifying days, with faults on the way
# make test    every test but the long ones
# make test-interop    the foreign consumers in docs/consumers against hub, broker and vectors
# make bench   every budget of the design against its peers (under 20 minutes); docs/performance.md
# make test-faults   the long tests, then faults injected and counted, over an hour; QUICK=1 in ten minutes
# make test-mutants    every small change to the billing rules, each held against their tests; MODULES="supply …" for some
# make test-install    office and hub installed in clean roots of Debian 12 by the README's own lines; as root
# make check   style, types, import rules, settings schema, systemd's verdict on the units
# make lock    renew requirements/*.txt from pyproject.toml
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(PATH):/usr/sbin:/sbin
# Else every process of a test compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env demo test test-interop test-faults test-install test-mutants bench check format lock broker analyze faketime dbusmock

env: .venv/stamp

.venv/stamp: pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Vitalpost needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q backend drivers gateway simulator uplink
	@touch $@

# $(call debian,TEST,PACKAGES,AFTER): where TEST fails, have Debian's packages; then AFTER.
define debian
	@if ! { $(1); } >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
			echo "$(2) is missing and this user may not install it: as root, run 'apt-get install $(2)'." >&2; exit 1; fi; \
		echo "Installing $(2) from Debian's packages"; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends $(2) >/dev/null || \
		{ echo "$(2) could not be installed: run 'apt-get install $(2)' and read what it says." >&2; exit 1; }; \
		$(3) \
	fi
endef

# The package would start a broker of its own: it is kept from it.
broker:
	$(call debian,command -v mosquitto,mosquitto,$$sudo systemctl disable --now mosquitto >/dev/null 2>&1 || true;)

# A hub's clock shows what it likes by libfaketime; no wheel holds it.
faketime:
	$(call debian,ls /usr/lib/*/faketime/libfaketimeMT.so.1,faketime)

# Stand-ins for ModemManager and NetworkManager, run by Debian's python: PyPI has python-dbusmock
# too, but what it needs, dbus-python and PyGObject, only as sources in C.
dbusmock:
	$(call debian,/usr/bin/python3 -c 'import dbusmock',python3-dbusmock)

demo: env broker
	@$(BIN)/vitalpost demo

test: env broker faketime dbusmock
	@$(BIN)/pytest -q -n 3 --dist worksteal -m 'not long'

# What npm installs is locked by hashes beside the consumer.
test-interop: env broker
	$(call debian,command -v npm && node -e 'process.exit(+(process.versions.node.split(".")[0] < 18))',nodejs npm)
	@cd docs/consumers/node && npm ci --omit=optional --ignore-scripts --silent
	@$(BIN)/pytest -q tests/interop

bench: env broker build/thingsboard/stamp build/bluetooth-sig/stamp
	@$(BIN)/python -m benchmarks

# The peers that are measured beside us, each in an environment of its own.
build/%/stamp: requirements/%.txt
	$(PYTHON) -m venv --clear build/$*
	build/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@touch $@

# By strace single system calls are made to fail.
test-faults: env broker faketime dbusmock
	$(call debian,command -v strace,strace)
	@$(if $(QUICK),,RADIO_DAYS=30) $(BIN)/pytest -q -n 3 --dist worksteal -m long -o faulthandler_timeout=900
	@$(BIN)/python -m tests.faults $(if $(QUICK),--quick) $(if $(SEED),--seed $(SEED))

# Beside other work: it has all the time in the world.
test-mutants: env
	@nice -n 10 $(BIN)/python -m tests.backend.billing.mutants $(MODULES)

# mmdebstrap, which makes a clean root; systemd runs in it as on a machine of its own.
test-install: env analyze
	@if [ "$$(id -u)" != 0 ]; then echo "A machine of its own is made by root only: run 'sudo make test-install'." >&2; exit 1; fi
	$(call debian,command -v mmdebstrap,mmdebstrap)
	@$(BIN)/python -m tests.install $(if $(MIRROR),--mirror $(MIRROR))

check: env analyze
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q tests/gateway/test_idle_imports.py tests/gateway/test_config.py \
		tests/systemd/test_units.py

# By systemd-analyze the units are judged.
analyze:
	$(call debian,command -v systemd-analyze,systemd)

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs uv (pip install uv); hashes and pins only, no registry's address.
lock:
	@set -e; lock() { uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 pyproject.toml "$$@"; }; \
	lock --extra hub -o requirements/hub.txt; \
	lock --extra light -o requirements/light.txt; \
	lock --extra backend -o requirements/backend.txt; \
	lock --extra hub --extra light --extra backend --extra simulator --extra dev -o requirements/dev.txt; \
	for peer in thingsboard bluetooth-sig; do \
		uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
			requirements/$$peer.in -o requirements/$$peer.txt; done
