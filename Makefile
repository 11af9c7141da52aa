# make perform   play: makes an environment, installs, starts the bundled scene on the bundled model
# make test      the tests
# make explore   the property tests on examples never tried before, for ever: make explore ROUNDS=5
# make check     lint and types
# make pictures  of the rehearsal screen, for docs/
# make bench     what is claimed, measured: make bench ARGS=jitter (ARGS=--help lists them)
# make soak      the promises under random faults: make soak MINUTES=10; needs JACK
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: perform test explore check bench pictures soak wheel clean

perform: $(VENV)/installed
	$(BIN)/livevae serve $(ARGS)

test: $(VENV)/developing
	$(BIN)/python -m pytest $(ARGS)

explore: $(VENV)/developing
	for round in $$(seq $(or $(ROUNDS),1000000)); do \
		LIVEVAE_EXPLORE=1 $(BIN)/python -m pytest -q -m "hypothesis and not real" $(ARGS) || exit 1; done

check: $(VENV)/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/developing
	$(BIN)/python -m benchmarks $(or $(ARGS),--help)

pictures: $(VENV)/developing
	$(BIN)/python -m benchmarks pictures

soak: $(VENV)/developing
	$(BIN)/python -m benchmarks soak --minutes $(or $(MINUTES),10) $(ARGS)

wheel: $(VENV)/developing
	$(BIN)/python -m build --wheel

$(VENV)/pip:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else \
		"livevae needs Python 3.11 or 3.12, and this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	touch $@

$(VENV)/installed: $(VENV)/pip pyproject.toml constraints.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/developing: $(VENV)/pip pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[data]" --group dev
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist *.egg-info
