# Everything here works on a fresh machine that has Python 3.11 or later and make.

PYTHON ?= python3
BIN := .venv/bin
MINISTACK := .venv-ministack/bin/python
export AUTHSM_MINISTACK_PYTHON ?= $(abspath $(MINISTACK))
PYTEST := $(BIN)/python -m pytest

# The tests run in two halves at once, for there are two cores at least: these rooms, and all others.
HALF := tests/diagrams tests/examples tests/stores tests/testing tests/tla
TESTS := $(BIN)/coverage run --parallel-mode -m pytest -p no:cacheprovider -m "not soak"

.PHONY: help demo test one-half other-half check system-packages node-packages soak bench diagrams clean
.DELETE_ON_ERROR:

help:  ## List what there is to make.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/installed  ## Sign out in every way, against a stand-in of Cognito, and watch.
	@$(BIN)/authsm demo

test: check system-packages node-packages .venv-ministack/installed  ## Check the code and run the tests; a few minutes.
	$(BIN)/coverage erase
	@$(MAKE) --no-print-directory --jobs=2 --keep-going one-half other-half
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include 'authsm/core/*,authsm/flows/*' --fail-under 100
	$(BIN)/coverage report --skip-covered --sort cover | tail -n 40

one-half:
	$(TESTS) $(HALF)

other-half:
	$(TESTS) $(HALF:%=--ignore %)

check: .venv/installed  ## Lint, types, layers, and whether the diagrams are current.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/authsm diagram --check diagrams

# Programs that tests use: a Secret Service for the keyring store; Graphviz, Node.js with Mermaid, and a browser for the
# diagrams; Java for TLC, which checks the twin in TLA+. Without them, and without the right to install them, those tests
# are skipped by name; where CI is set, they fail.
PROGRAMS := gnome-keyring-daemon dbus-daemon dot node npm chromium java
system-packages:
	@( for program in $(PROGRAMS); do command -v $$program >/dev/null || exit 1; done ) || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
	        gnome-keyring dbus graphviz nodejs npm chromium default-jre-headless >/dev/null; \
	} || echo "Left out: tests that need one of $(PROGRAMS), which is not here and cannot be installed."

node-packages: system-packages
	@! command -v npm >/dev/null || $(MAKE) --no-print-directory .node/diagrams/installed .node/provider/installed

soak: system-packages .venv/installed  ## Long runs; SOAK=10 makes them ten times as long.
	AUTHSM_SOAK=$(or $(SOAK),1) $(PYTEST) -m soak

bench: .venv/installed  ## Measure against peers, in ratios; and every store beside the bare cost of its writes.
	$(BIN)/python -m tests.benchmarks

diagrams: .venv/installed  ## Draw the diagrams anew.
	$(BIN)/authsm diagram --all diagrams

clean:  ## Remove everything that make made.
	rm -rf .venv .venv-ministack .node .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("authsm needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[cli,django,encryption,flask,keyring,starlette,svg,testing]' --group dev
	touch $@

# The stand-in pins botocore, so it lives in an environment of its own.
.venv-ministack/installed:
	$(PYTHON) -m venv .venv-ministack
	$(MINISTACK) -m pip install --quiet 'ministack>=1.5,<1.6' cryptography
	touch $@

# Mermaid itself, which reads what we draw for it, and axe-core, which judges the pages.
.node/diagrams/installed: tests/diagrams/package.json
# A provider of OpenID Connect that somebody else wrote, to sign out of in a browser.
.node/provider/installed: tests/runners/hosted_ui/provider/package.json
.node/%/installed:
	@mkdir -p $(@D) && cp $< $(@D)
	cd $(@D) && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@
