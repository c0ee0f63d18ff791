# What a contributor runs. `make demo` and `make test` need Python 3.11, pip and make, nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -X dev -m pytest
READY := $(VENV)/.ready
CHECKS := $(VENV)/.checks

.PHONY: demo test test-unit test-integration test-services check bench-smoke capabilities docs format clean

demo: $(READY)  ## serve the tour on http://127.0.0.1:8000
	@echo "The tour is at http://127.0.0.1:8000 - stop it with Ctrl+C."
	@$(BIN)/costrel dev examples/tour/app.py

test: test-unit test-integration  ## everything that needs no service and no browser, under five minutes

test-unit: $(READY)
	$(PYTEST) tests --ignore=tests/integration --ignore=tests/browser --numprocesses=auto --dist=worksteal

test-integration: $(READY)
	$(PYTEST) tests/integration

test-services: $(CHECKS)  ## a real browser; databases and Redis come with their rooms
	$(PYTEST) tests/browser

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

bench-smoke: $(READY)  ## CPU per request as ratios to bare uvloop + httptools, under a minute
	$(BIN)/python benchmarks/smoke.py

capabilities: $(READY)  ## which capabilities are proven by which tests
	$(BIN)/python scripts/capabilities.py

docs: $(CHECKS)  ## the documentation in site/, warnings are errors
	$(BIN)/python scripts/reference_pages.py
	$(BIN)/mkdocs build --strict

format: $(CHECKS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group test
	@touch $@

$(CHECKS): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group check --group browser
	@touch $@
