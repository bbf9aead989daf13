# SPDX-License-Identifier: MIT
# Every command that a person types. `make help` lists them.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin/python
SCHEMAS := lib/capnrpc_micro/vat/*.capnp lib/capnrpc_micro/device/*.capnp examples/*/*.capnp
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint format schema size bench interpreters test-interpreters \
  firmware test-boards setup clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## a board serves its network interface to pycapnp: five pings cross it
	@$(RUN) tools/demo/demo.py

test: $(READY) ## all tests that need no root and no compiler, on CPython and MicroPython
	@$(RUN) -m pytest

soak: $(READY) ## random messages, vats beside a model, a malicious peer, MINUTES=10 each
	@$(RUN) host_tests/crosscheck/soak.py --minutes $(MINUTES)
	@$(RUN) host_tests/model_soak.py --minutes $(MINUTES) --seed $$(date +%s)
	@$(RUN) host_tests/malicious_soak.py --minutes $(MINUTES) --seed $$(date +%s)

lint: $(READY) ## check style, formatting and that generated modules are up to date
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@PYTHONPATH=tools $(RUN) -m capnpc_micropython --check $(SCHEMAS)

format: $(READY) ## format the sources
	@$(RUN) -m ruff check --fix-only --quiet .
	@$(RUN) -m ruff format .

schema: $(READY) ## generate the modules of the .capnp files
	@PYTHONPATH=tools $(RUN) -m capnpc_micropython $(SCHEMAS)

size: $(READY) ## how much flash and heap the library takes
	@$(RUN) tools/size.py

bench: $(READY) ## how fast it is, as ratios to other servers on this machine
	@$(RUN) tools/bench/bench.py

interpreters: ## build board-like interpreters from Debian's sources (apt and root, 3 minutes once)
	@$(PYTHON) tools/interpreters/build.py

test-interpreters: $(READY) interpreters ## the library's tests on those, in a board's heap
	@$(RUN) -m pytest -n 2 host_tests/on_interpreters
	@$(RUN) tools/size.py --check

firmware: ## build the emulated Pico's firmware (apt and root, 3 minutes once)
	@$(PYTHON) tools/interpreters/build.py rp2 rp2-ppp rp2-ppp-frozen

test-boards: $(READY) firmware ## the tests on an emulated Pico, called over PPP (root, Node.js)
	@$(PYTHON) tools/emulator/setup.py >/dev/null
	@$(RUN) -m pytest -s host_tests/on_boards

setup: $(READY) ## make the virtual environment that the other commands use

$(READY): requirements.txt
	@echo "setting up $(VENV) (once, about half a minute)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is %s" % sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing: on Debian, apt-get install python3-venv"; exit 1; }
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

clean: ## remove everything that these commands made
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
