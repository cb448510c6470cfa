# The commands people type. Everything but Python 3.11+ and make is set up here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
ROWS ?= 100000
N ?= 30
ARGS ?=
# Every process would compile all of Airflow again: seconds for each, minutes for the suite.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz crash lint format docs bench lock clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/.ready: requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Headwater needs Python 3.11 to 3.13; $(PYTHON) is {v[0]}.{v[1]}. Say which to use: make PYTHON=python3.12 …")'
	@echo "Setting up $(VENV) (once, a minute or two) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.ready ## Create .venv from the pinned, hashed requirements

demo: setup ## Run the main job: sample sources, Airflow, five dataflows (ARGS=--once ends by itself)
	@$(BIN)/python -m demo $(ARGS)

test: lint ## Run the whole suite, as CI does (ARGS go to pytest)
	$(BIN)/pytest -n $(WORKERS) --dist loadscope $(ARGS)

fuzz: setup ## Compare the row engine with its oracle on more schemas and records (ROWS=100000)
	@$(BIN)/python -m tests.unit.ingest.differential --rows $(ROWS)

crash: setup ## Kill dataflows at seeded points and compare with a model (N=30, or SEED=7 alone)
	@$(BIN)/python -m tests.crash --number $(N) --workers $(WORKERS) $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: setup ## ruff, mypy (strict), import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Build the documentation into build/docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

bench: setup ## Run every script in bench/
	@for script in bench/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script $(ARGS) || exit 1; done

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

lock: setup ## Lock the requirement files anew (UPGRADE=--upgrade for newer versions)
	$(COMPILE) $(UPGRADE) -o requirements/uv.txt requirements/uv.in
	$(COMPILE) $(UPGRADE) -o requirements/runtime.txt requirements/runtime.in
	$(COMPILE) $(UPGRADE) -o requirements/dev.txt requirements/dev.in
	$(COMPILE) $(UPGRADE) -o requirements/deploy.txt requirements/deploy.in

clean: ## Remove what the commands made (the demo's state too)
	rm -rf $(VENV) build .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
