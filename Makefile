# What a user calls; `make help` lists it.
PYTHON ?= python3
VENV := .venv
# Two cores are a quarter idle with two: tests wait for processes, timers and disks.
TESTS_AT_ONCE ?= 3
BIN := $(VENV)/bin
KERNEL := deploy/compile_kernel.py $(wildcard service/matching/kernel/*)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := $(PIP) --require-hashes --only-binary :all: -r

.PHONY: help run install test check bench bench-ai bench-api bench-quality fake-ai chaos fuzz format \
	pin clean

run: $(VENV)/.runtime ## starts the service with the sample
	@exec $(BIN)/matchstream demo

help: ## lists these
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / {printf "%-15s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.everything ## makes .venv with everything

test: $(VENV)/.everything ## runs the whole test suite
	@rm -rf .coverage && mkdir .coverage
	$(BIN)/coverage run -m pytest -n $(TESTS_AT_ONCE) --dist worksteal $(PYTEST)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='service/domain/*,service/matching/*'

check: $(VENV)/.everything ## checks format, lint, types, layers and dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry service

bench: $(VENV)/.everything ## runs the benchmarks (ONLY="search index" for some)
	$(BIN)/python -m tests.benchmarks $(ONLY)

# SECONDS: how long each measurement takes.
SECONDS ?= 60
bench-ai: $(VENV)/.everything ## measures the AI pass against the stand-in (SECONDS=60)
	$(BIN)/python -m tests.benchmarks.bench_ai --seconds $(SECONDS)

fake-ai: $(VENV)/.everything ## starts the stand-in for the Anthropic API
	@exec $(BIN)/python -m tests.fake_ai

bench-quality: $(VENV)/.everything ## measures accuracy by scorer and option
	$(BIN)/python -m tests.benchmarks.bench_quality

# SEED: which of all campaigns; a random one where it is not given.
KILLS ?= 100
chaos: $(VENV)/.everything ## kills processes while runs are under way (KILLS=100)
	$(BIN)/python -m tests.acceptance.chaos $(KILLS) $(SEED)

# ROUND_SECONDS: how long each side is asked in a round.
ROUND_SECONDS ?= 2
bench-api: $(VENV)/.everything ## measures polling and reading (ROUND_SECONDS=2)
	$(BIN)/python -m tests.benchmarks.bench_api --seconds $(ROUND_SECONDS)

# EXAMPLES: requests per operation and kind.
EXAMPLES ?= 100
fuzz: $(VENV)/.everything ## sends the API what its description allows, and what not (EXAMPLES=100)
	$(BIN)/python -m tests.fuzz --examples $(EXAMPLES)

format: $(VENV)/.everything ## writes all code in one form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 \
	or newer, or name one with 'make PYTHON=python3.12 run'." >&2; exit 1; }
	@$(PYTHON) deploy/make_venv.py $(VENV)

$(VENV)/.runtime: deploy/requirements.txt pyproject.toml $(KERNEL) | $(BIN)/python
	@echo "Installing the pinned dependencies into $(VENV) (once) ..."
	@$(PINNED) deploy/requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@test -e service/matching/_kernel.so || echo "There is no working C compiler here, so matching is far \
	slower on large tables: install one (on Debian and Ubuntu: 'apt install gcc libc6-dev') and run \
	'make clean run'." >&2
	@touch $@

$(VENV)/.everything: deploy/requirements-dev.txt deploy/requirements-client.txt $(VENV)/.runtime
	@echo "Installing the tools for tests and checks into $(VENV) (once, about a minute) ..."
	@$(PINNED) deploy/requirements-dev.txt
	@$(PINNED) deploy/requirements-client.txt --upgrade --target $(VENV)/client-tools
	@touch $@

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make pin' \
	--only-binary :all:

pin: $(VENV)/.runtime ## renews the pinned dependencies
	$(PIP) uv
	$(UV_COMPILE) --extra embedded --group build pyproject.toml -o deploy/requirements.txt
	$(UV_COMPILE) --extra embedded --group dev -c deploy/requirements.txt pyproject.toml \
		-o deploy/requirements-dev.txt
	$(UV_COMPILE) --group pyproject.toml:client -o deploy/requirements-client.txt

clean: ## removes what the other targets have made, not your data
	rm -rf $(VENV) .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		build dist *.egg-info service/matching/_kernel.so service/matching/_kernel.unfinished
	find deploy service tests -name __pycache__ -exec rm -rf {} +
