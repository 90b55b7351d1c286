# Vigie. `make` lists the targets. Each installs into .venv what it needs, once, and nothing more.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
.DEFAULT_GOAL := help

# What installs a set of extras again: the list of packages, their pins, or which extras these are.
PINS := pyproject.toml constraints.txt Makefile
INSTALL = $(PY) -m tools.repo.pip_install -c constraints.txt

.PHONY: help demo demo-board smoke chaos test test-long lint prove bench-edge bench-detect bench-plant bench-alerts bench-cloud bench-fleet bench-dashboard plan train lock clean doctor flash deploy provision model repl logs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/local ## all of Vigie on this machine: three boards, one fails, an e-mail, a dashboard; SENSOR=coldroom or SENSOR=replay:FILE.csv
	@$(PY) -m tools demo

demo-board: $(VENV)/local ## a real board joins the demo that runs with LISTEN=0.0.0.0: DEVICE=C004
	@$(PY) -m tools demo-board

smoke: $(VENV)/local ## the demo for 90 s, then every reading is accounted for; its last line is JSON
	@$(PY) -m tools smoke

chaos: $(VENV)/local ## faults of every kind on the real parts, then every reading is accounted for: FAULTS=200 SEED=7 BROKER=hivemq
	@$(PY) -m tools chaos $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) $(if $(BROKER),--broker $(BROKER))

# Bytecode is kept: otherwise each of some hundred processes compiles what it imports.
ONE_PYTEST = MAKEFLAGS= PYTHONDONTWRITEBYTECODE= $(PY) -m pytest
PYTEST = $(ONE_PYTEST) -n auto --dist loadscope --no-loadscope-reorder

# The lint runs beside the tests.
test: $(VENV)/local ## the tests: CPython, MicroPython, real broker and database; and lint
	@make -s lint & linted=$$!; $(PYTEST) -m "not long"; passed=$$?; wait $$linted && exit $$passed

# Each of these fills a machine with processes of its own, so fewer run beside each other.
test-long: $(VENV)/local ## the tests that `make test` leaves out, because they take long
	@$(PYTEST) --maxprocesses 3 -m "long and not alone"
	@$(ONE_PYTEST) -m alone

lint: $(VENV)/local ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m mypy

prove: $(VENV)/local ## the heavy proofs at full size; writes their tables into docs/
	@$(PY) -m tools.proofs

bench-edge: $(VENV)/local ## size and speed of the forest's forms under MicroPython
	@$(PY) -m tools.bench.edge

bench-detect: $(VENV)/local ## what the detectors find, and how often they cry wolf
	@$(PY) -m tools.bench.detect

bench-plant: $(VENV)/bench ## how soon a mail tells that a room's plant fails, beside what others use: SEED=1 ROOMS=2 PERIOD=30
	@$(PY) -m tools.bench.plant

bench-alerts: $(VENV)/local ## seconds from the reading that opens an episode to its mail; JSON on the last line
	@$(PY) -m tools.bench.alerts

doctor: $(VENV)/tools ## look at the plugged-in board, its cable and port; changes no file. PORT=… chooses one, here and below
	@$(PY) -m tools doctor

flash: $(VENV)/tools ## MicroPython onto the board, then deploy; FIRMWARE=file.bin offline, ERASE=1 for a clean flash
	@$(PY) -m tools flash

deploy: $(VENV)/tools ## Vigie onto the board: only what changed; then watch it start. ARGS=--dry-run only tells
	@$(PY) -m tools deploy $(ARGS)

provision: $(VENV)/tools ## tell the board its name, Wi-Fi, broker, sensor: DEVICE=C001 [FILE=c001.toml]; ARGS=--show reads back
	@$(PY) -m tools provision $(ARGS)

model: $(VENV)/tools ## a model onto the board, tested there first: DEVICE=C001 BUNDLE=file
	@$(PY) -m tools model $(ARGS)

repl: $(VENV)/tools ## talk to the board: Ctrl-C, then status(), last(5), inject("spike") …
	@$(PY) -m tools repl

logs: $(VENV)/tools ## follow what the board says
	@$(PY) -m tools logs

bench-cloud: $(VENV)/local ## bytes a reading, readings a core-second, a day's query; READINGS=50000 for a quick look
	@$(PY) -m tools.bench.cloud

bench-fleet: $(VENV)/local ## what a growing fleet costs: 100, 1,000, 5,000 boards, one worker and three; BOARDS=100 SECONDS=60 for a quick look
	@$(PY) -m tools.bench.fleet

bench-dashboard: $(VENV)/local ## seconds to each page's first paint with 10 million readings; READINGS=100000 for a quick look
	@$(PY) -m tools.bench.dashboard

plan: $(VENV)/local ## what the free plans carry, and which limit comes first: DEVICES=10 PERIOD=10; METRICS=http://… of a running backend
	@$(PY) -m tools.plan

train: $(VENV)/local ## train a board's model on its own history: ARGS="--device C001"
	@$(PY) -m cloud train $(ARGS)

lock: $(VENV)/local ## pin what is installed now into constraints.txt
	@$(PY) -m tools.repo.lock

clean: ## delete what the targets made: var/, .venv and the package's own notes
	@$(PYTHON) -m tools.repo.clean

# An environment with pip in it. `pip` is a mark that only a whole one has.
$(VENV)/pip:
	@$(PYTHON) -m tools.repo.preflight $(VENV)
	@touch $@

# Everything for one laptop, tests included.
$(VENV)/local: $(PINS) | $(VENV)/pip
	@echo 'installing the pinned packages into $(VENV): a minute or two, once'
	@$(INSTALL) -e '.[cloud,local,tools,dev]'
	@$(PY) -m tools.virtual_board.umqtt
	@$(PY) -m tools.local.database.mongod
	@touch $@

# What make bench-plant compares with: nothing else needs it.
$(VENV)/bench: $(VENV)/local
	@$(INSTALL) -e '.[bench]'
	@touch $@

# Only what speaks to a board over USB: no scikit-learn, no database, no Streamlit.
$(VENV)/tools: $(PINS) | $(VENV)/pip
	@echo 'installing the tools for boards into $(VENV), once'
	@$(INSTALL) -e '.[tools]'
	@touch $@
