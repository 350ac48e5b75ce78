# One environment in .venv serves every target; it is set up again only when its recipe changes.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
WORKERS ?= 2
# Its German order differs: the verb of the subordinate clause goes last.
SENTENCE ?= Peter is staying at home because he is tired.

# The first interpreter that runs, is of a supported version and can make environments.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$name && break; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test quick check style scripts types layers format bench clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY)  ## Train a small model on the built-in phrasebook, score it and use it (minutes)
	@echo "== Unpacking the phrasebook to data/demo: 18,000 pairs to learn from, 1,000 dev, 1,000 test"
	$(BIN)/python -m zipfile -e data/phrasebook/phrasebook.zip data/demo
	@echo "== Training a small model: checkpoints/demo"
	rm -rf checkpoints/demo
	$(BIN)/mt train configs/demo.yaml
	@echo "== Scoring it on sentences it has never seen"
	$(BIN)/mt evaluate checkpoints/demo --source data/demo/test.en --reference data/demo/test.de
	@echo "== Translating the first of them"
	head -n 6 data/demo/test.en | $(BIN)/mt translate checkpoints/demo | head -n 6 \
		| paste -d '\n' data/demo/test.en - | head -n 12
	@echo "== Explaining a translation: checkpoints/demo/explain.html, attention.svg and .png"
	$(BIN)/mt explain checkpoints/demo "$(SENTENCE)" --output checkpoints/demo/explain.html \
		--output checkpoints/demo/attention.svg --output checkpoints/demo/attention.png
	@echo "This was a demonstration: a phrasebook is learnt almost perfectly, real text is not."

test: $(READY)  ## Run all tests
	$(BIN)/python -m pytest -n $(WORKERS)

quick: $(READY)  ## Run the tests of which all cases take no longer than a few seconds
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

check: style scripts types layers test  ## Run everything that CI runs

style: $(READY)  ## Check format and lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check

scripts: $(READY)  ## Check the script of the page that explains a translation
	$(BIN)/python -m tests.page_scripts

types: $(READY)  ## Check types
	$(BIN)/mypy

layers: $(READY)  ## Check that imports go only downward
	$(BIN)/lint-imports

format: $(READY)  ## Format the code and mend what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY)  ## Measure what each speed lever brings (benchmarks/README.md has the others)
	$(BIN)/python -m benchmarks.levers

clean:  ## Remove caches and the demo; runs, corpora and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
	rm -rf data/demo checkpoints/demo
	find . -path ./$(VENV) -prune -o -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: expected Python 3.11, 3.12 or 3.13 with the venv module," \
		"but found none; install one or run: make PYTHON=/path/to/python" >&2; exit 2; }
	@echo "== Setting up $(VENV) with $(PYTHON)"
	test -x $(BIN)/python || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
