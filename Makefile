# What a user calls: run, install, test, check, bench. `make pin` renews deploy/requirements*.txt.
PYTHON ?= python3
VENV := .venv
# Two cores are a quarter idle with two: tests wait for processes, timers and disks.
TESTS_AT_ONCE ?= 3
BIN := $(VENV)/bin
KERNEL := deploy/compile_kernel.py $(wildcard service/matching/kernel/*)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := $(PIP) --require-hashes --only-binary :all: -r

.PHONY: run install test check bench bench-ai bench-api bench-quality fake-ai chaos fuzz format \
	pin clean

run: $(VENV)/.runtime
	@exec $(BIN)/matchstream demo

install: $(VENV)/.everything

test: $(VENV)/.everything
	@rm -rf .coverage && mkdir .coverage
	$(BIN)/coverage run -m pytest -n $(TESTS_AT_ONCE) --dist worksteal $(PYTEST)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='service/domain/*,service/matching/*'

check: $(VENV)/.everything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry service

bench: $(VENV)/.everything
	$(BIN)/python -m tests.benchmarks $(ONLY)

# SECONDS: how long each measurement takes.
SECONDS ?= 60
bench-ai: $(VENV)/.everything
	$(BIN)/python -m tests.benchmarks.bench_ai --seconds $(SECONDS)

fake-ai: $(VENV)/.everything
	@exec $(BIN)/python -m tests.fake_ai

bench-quality: $(VENV)/.everything
	$(BIN)/python -m tests.benchmarks.bench_quality

# SEED: which of all campaigns; a random one where it is not given.
KILLS ?= 100
chaos: $(VENV)/.everything
	$(BIN)/python -m tests.acceptance.chaos $(KILLS) $(SEED)

# ROUND_SECONDS: how long each side is asked in a round.
ROUND_SECONDS ?= 2
bench-api: $(VENV)/.everything
	$(BIN)/python -m tests.benchmarks.bench_api --seconds $(ROUND_SECONDS)

# EXAMPLES: requests per operation and kind.
EXAMPLES ?= 100
fuzz: $(VENV)/.everything
	$(BIN)/python -m tests.fuzz --examples $(EXAMPLES)

format: $(VENV)/.everything
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
	@$(PINNED) deploy/requirements-dev.txt
	@$(PINNED) deploy/requirements-client.txt --upgrade --target $(VENV)/client-tools
	@touch $@

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make pin' \
	--only-binary :all:

pin: $(VENV)/.runtime
	$(PIP) uv
	$(UV_COMPILE) --extra embedded --group build pyproject.toml -o deploy/requirements.txt
	$(UV_COMPILE) --extra embedded --group dev -c deploy/requirements.txt pyproject.toml \
		-o deploy/requirements-dev.txt
	$(UV_COMPILE) --group pyproject.toml:client -o deploy/requirements-client.txt

clean:
	rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
