# The front door. `make` with no argument explains the targets; each sets up what it needs.

VENV := .venv
BIN := $(VENV)/bin
# Processes for the unit tests: one per core, unless told otherwise.
WORKERS ?= auto
# Your own wheels for the demonstration: make demo WHEELS="a.whl b.whl"
WHEELS ?=
# The long runs by chance: another seed; the steps of the state machine.
STEPS ?= 50000
SEED ?= 0
# Spoilt files.
CASES ?= 1000000
# Crash images of each file system.
IMAGES ?= 1000
# Mutants of each module.
EACH ?= 20
# Rounds of each measurement of the bench.
ROUNDS ?= 6
# Untidy environments, each with steps of its own.
SEEDS ?= 280

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit integration integration-slow lint types format docs-check sweeps model kill proof faults power compound images race interference untidy rivals fuzz real coverage mutants bench wine wine-all wine-quick clean

help: ## explain the targets
	@echo 'linkinstall: installs wheels by linking them out of a shared cache.'
	@echo
	@echo 'Start here:'
	@awk -F ' *## *' '/^(demo|test):.*##/ { sub(/:.*/, "", $$1); printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'All targets:'
	@awk -F ' *## *' '/^[a-z-]+:.*##/ { sub(/:.*/, "", $$1); printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with this package and its tools (quick the second time)
	@tools/setup

demo: setup ## install a real wheel twice, show the shared files, remove it (WHEELS="a.whl b.whl" for yours)
	@$(BIN)/python -m integration.demo $(WHEELS)

test: unit integration ## all tests that fit into some minutes: unit, then integration

unit: setup ## the tests of the modules
	$(BIN)/python -m pytest -n $(WORKERS) tests

integration: setup ## real wheels, processes and peers, without the long sweeps
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not slow' --dist worksteal integration

integration-slow: setup ## the integration tests that integration leaves out: large wheels, long sweeps
	$(BIN)/python -m pytest -n $(WORKERS) -m slow integration

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy

format: setup ## rewrite the files as lint wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs-check: setup ## run every example of README and docs
	$(BIN)/python -m pytest tests/test_docs.py

sweeps: setup ## kills and errors at every moment, in one process, all of them (half an hour)
	LINKINSTALL_SWEEP=full $(BIN)/python -m pytest -n $(WORKERS) tests/test_application_sweeps.py tests/test_settle_beside_others.py

model: setup ## random changes, faults and foreign edits against a simple model (STEPS=50000 SEED=0)
	LINKINSTALL_MODEL_STEPS=$(STEPS) $(BIN)/python -m pytest --hypothesis-seed=$(SEED) tests/test_transaction_model.py

kill: setup ## the kill sweep: SIGKILL before every call that changes the disk
	$(BIN)/python -m integration.faults.kill

power: setup ## a power cut before every call that changes the disk, on ext4, xfs and btrfs; and drives that lie
	$(BIN)/python -m integration.faults.power
	$(BIN)/python -m integration.faults.lying

compound: setup ## the recovery is killed, or loses its power, at each of its own calls, any number of times
	$(BIN)/python -m integration.faults.compound

images: setup ## a power cut at any moment, with any of the writes under way (IMAGES=1000 SEED=0)
	$(BIN)/python -m integration.faults.images --images $(IMAGES) --seed $(SEED)

race: setup ## many processes at once: 100 rounds of each contest, and 20 with calls that wait by chance
	$(BIN)/python -m integration.faults.race
	$(BIN)/python -m integration.faults.race --slowed --rounds 20

interference: setup ## pip, uv and people act between our crash and our recovery, at every kill point
	$(BIN)/python -m integration.faults.interference

untidy: setup ## commands by chance and kills, where pip, uv and people do what they like (SEEDS=280)
	$(BIN)/python -m integration.faults.untidy --seeds 0 $(SEEDS)

faults: setup ## an error of the operating system at every call that touches the disk; folders that may not be written
	$(BIN)/python -m integration.faults.errors
	$(BIN)/python -m integration.faults.errors --forks
	$(BIN)/python -m integration.faults.closed

rivals: setup ## the same sweep over pip, uv, installer, PDM and Poetry, beside ours
	$(BIN)/python -m integration.faults.rivals

fuzz: setup ## spoilt wheels, RECORDs, journals and settings, put to their readers (CASES=1000000 SEED=0)
	$(BIN)/python -m integration.faults.fuzz --cases $(CASES) --seed $(SEED)

coverage: setup ## the branches of the pure core that its own tests take, module by module
	$(BIN)/python -m tools.branches

mutants: setup ## the pure core with one small error each, put to its tests (EACH=20 of each module, SEED=0)
	$(BIN)/python -m integration.faults.mutants --each $(EACH) --seed $(SEED)

real: setup ## some 400 real wheels, each compared with what pip makes of it (740 MB to fetch)
	@$(BIN)/python -m integration.real

proof: setup ## every gate in full (hours; goes on where it was stopped), and one table of them
	$(BIN)/python -m integration.proof

bench: setup ## what an install costs beside uv, pip, installer and PDM, as ratios (ROUNDS=6)
	$(BIN)/python -m integration.bench --write --rounds $(ROUNDS)

wine: setup ## the tests that hold on Windows, with a Windows CPython 3.11 under Wine
	tools/wine-test 3.11

wine-all: setup ## the same, with CPython 3.11 and 3.13
	tools/wine-test 3.11 3.13

wine-quick: setup ## the same, with some modules of the unit tests only
	tools/wine-test --quick 3.11

clean: ## remove what the targets made: .venv, .cache and the tools' caches
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find src tests integration -name __pycache__ -type d -prune -exec rm -rf {} +
