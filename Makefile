# Everything a newcomer needs: `make demo` and `make test` set up what they use. Python 3.11+, pip and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

QUESTIONS := 'How does person-2 feel, and when does it change?' 'What would you say to them when they are sad?'

.PHONY: demo test test-slow test-data lint docs wheel wheel-test format clean help

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	$(BIN)/affectus assets fetch default
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.core
	$(PIP) -e '.[train,ja,voice-out,dev]'
	@touch $@

# What the talk of the demo needs beyond the analysis: a language model and what runs it.
$(VENV)/.chat: pyproject.toml constraints.txt | $(VENV)/.core
	$(PIP) -e '.[chat]'
	$(BIN)/affectus assets fetch chat
	@touch $@

demo: $(VENV)/.core ## set up, analyse examples/, print a table, say where the report is, talk about one of the files
	$(BIN)/affectus analyze examples --out results/demo --formats parquet,csv,jsonl,eaf,textgrid,vtt
	@if $(MAKE) --no-print-directory $(VENV)/.chat; then \
		printf '%s\n' $(QUESTIONS) | $(BIN)/affectus chat --about results/demo --source call.flac --show-reasons; \
	else \
		echo "No talk about the files: what it needs could not be fetched (see above). All else is done; to try again:"; \
		echo "  make $(VENV)/.chat && $(BIN)/affectus chat --about results/demo --source call.flac"; \
	fi

test: $(VENV)/.dev ## set up and pass the unit tests
	$(BIN)/python -m pytest

test-slow: $(VENV)/.dev ## the long tests: fuzzing, training checks, kills and resumes
	$(BIN)/python -m pytest -m 'slow and not data' --timeout 3600

test-data: $(VENV)/.dev ## tests on the corpora in ../shared (skipped without them)
	$(BIN)/python -m pytest -m data --timeout 3600

lint: $(VENV)/.dev ## style, types, rooms, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src docs README.md CONTRIBUTING.md changelog.d

format: $(VENV)/.dev ## let ruff arrange the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## build the documentation site into site/
	$(BIN)/mkdocs build --strict --quiet

wheel: $(VENV)/.dev ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

wheel-test: wheel ## install the wheel in an empty environment and analyse a file offline
	$(BIN)/python -m pytest tests/install -m slow --timeout 3600

clean: ## remove what the targets made, except fetched models
	rm -rf $(VENV) build dist site results .pytest_cache .mypy_cache .ruff_cache
