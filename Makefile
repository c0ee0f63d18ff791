# What a contributor runs. `make demo` and `make test` need Python 3.11, pip and make, nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -X dev -m pytest
READY := $(VENV)/.ready
CHECKS := $(VENV)/.checks

.PHONY: autobahn fuzz demo test test-unit test-integration test-services check bench bench-profile bench-smoke capabilities docs faults format clean

demo: $(READY)  ## serve the tour on http://127.0.0.1:8000
	@echo "The tour is at http://127.0.0.1:8000 - stop it with Ctrl+C."
	@$(BIN)/costrel dev examples/tour/app.py

test: test-unit test-integration  ## everything that needs no service and no browser, under five minutes

test-unit: $(READY)
	$(PYTEST) tests --ignore=tests/integration --ignore=tests/browser --ignore=tests/deploy --ignore=tests/faults --ignore=tests/carry --ignore=tests/services --numprocesses=auto --dist=worksteal

test-integration: $(READY)
	$(PYTEST) tests/integration --numprocesses=auto --dist=loadfile

test-services: $(CHECKS)  ## a real browser, deployment guides, carried applications, Redis; databases come with their room
	$(PYTEST) tests/browser
	$(PYTEST) tests/carry --numprocesses=auto --dist=loadfile
	$(PYTEST) tests/services
	$(PYTEST) tests/deploy

faults: $(CHECKS)  ## what breaks in production, broken on purpose, in ten minutes; FAULTS=short in five
	FAULTS=$(FAULTS) $(BIN)/python -m pytest tests/faults -q -p no:randomly --show-capture=no

autobahn: $(READY)  ## five hundred conversations of Autobahn's suite, in half an hour; SECTIONS=1-7,10 in seconds
	$(BIN)/python tests/conformance/autobahn.py --sections "$(SECTIONS)"

fuzz: $(READY)  ## a million spoiled conversations with the server's protocol; FUZZ_INPUTS=20000 for a short run
	$(BIN)/python tests/fuzz/protocol.py --inputs $(or $(FUZZ_INPUTS),1000000)

check: $(CHECKS)  ## style, types, floors, docs and the wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_public_types.py
	$(BIN)/python scripts/security_rows.py --missing
	$(BIN)/python -m pytest --doctest-modules src/costrel -q -p no:randomly
	$(BIN)/python -m pytest tests/docs -q
	$(BIN)/mkdocs build --strict --quiet
	$(BIN)/python scripts/check_wheel.py
	$(BIN)/python benchmarks/instructions.py --check

bench-smoke: $(READY)  ## CPU per request as ratios to bare uvloop + httptools, under a minute
	$(BIN)/python benchmarks/smoke.py

bench: $(READY)  ## everything beside its peers, under half an hour; ONLY=text,json PEERS=fastify ROUNDS=3 for a part
	$(BIN)/python benchmarks/compare.py --only "$(ONLY)" --peers "$(PEERS)" --rounds $(or $(ROUNDS),5)

bench-profile: $(READY)  ## where the microseconds of one request go, stage by stage
	$(BIN)/python benchmarks/request_profile.py

capabilities: $(READY)  ## which capabilities are proven by which tests
	$(BIN)/python scripts/capabilities.py

docs: $(CHECKS)  ## the documentation in site/, warnings are errors
	$(BIN)/python scripts/reference_pages.py
	$(BIN)/mkdocs build --strict

format: $(CHECKS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .bench build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group test
	@touch $@

$(CHECKS): $(READY) tests/carry/constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --constraint tests/carry/constraints.txt --group check --group browser --group deploy --group carry --group services
	@touch $@
