# `make help` lists the targets.
#
# VENV    the virtual environment, created and filled when needed;
#         `make test VENV=` uses the activated environment as it is and
#         installs nothing
# PYTHON  the interpreter that creates it
# CONSTRAINTS  versions to install; empty for the newest that fit setup.py
# PARALLEL  how pytest spreads the tests over processes; empty for one
VENV ?= .venv
PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
PARALLEL ?= -n auto --maxprocesses 8 --dist loadfile

ifeq ($(strip $(VENV)),)
BIN :=
READY :=
DOCS_READY :=
else
BIN := $(VENV)/bin/
READY := $(VENV)/.deeprank-ready
DOCS_READY := $(VENV)/.docs-ready
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint format bench docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## create the virtual environment and install into it

# The stamp makes a second run install nothing.
$(VENV)/.deeprank-ready: setup.py constraints.txt
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install $(CONSTRAINTS) -e '.[lite,test]'
	@touch $@

demo: $(READY)  ## pretrain and evaluate on the embedded demo data
	$(BIN)python tools/demo.py

test: $(READY)  ## run the tests, but the slow ones
	$(BIN)python -m pytest $(PARALLEL) -m 'not slow'

test-all: $(READY)  ## run the slow tests, which `test` leaves out
	$(BIN)python -m pytest $(PARALLEL) -m slow

lint: $(READY)  ## check the code
	$(BIN)python -m ruff check .
	$(BIN)python -m ruff format --check .
	$(BIN)python -m codespell_lib
	$(BIN)python -m mypy

format: $(READY)  ## mend what the check can mend
	$(BIN)python -m ruff check --fix .
	$(BIN)python -m ruff format .

bench: $(READY)  ## measure speed and memory; work_dirs/bench
	set -e; \
	for name in head iteration step refresh contrast encoder data; do \
		$(BIN)python benchmarks/bench_$$name.py \
			--json work_dirs/bench/$$name.json; \
	done
	$(BIN)python tools/dev/performance_page.py --targets work_dirs/bench

docs: $(DOCS_READY)  ## build the documentation; build/docs/index.html
	$(BIN)python -m sphinx -W --keep-going -q -b html docs build/docs

$(VENV)/.docs-ready: $(READY)
	$(VENV)/bin/python -m pip install $(CONSTRAINTS) -e '.[docs]'
	@touch $@

clean:  ## remove caches and build leftovers; data and work_dirs stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache \
		.hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
