# Developers' commands: `make` lists them. Each does all of its own set-up, once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate
COMPILED := $(wildcard rings/*.pxd detection/*.pxd agent/*/*.pxd)
COMPILED += $(wildcard $(COMPILED:.pxd=.py))
BENCHMARKS := $(patsubst benchmarks/%/__main__.py,%,$(wildcard benchmarks/*/__main__.py))
BENCHMARKS += $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[a-z]*.py))
BENCHMARKS := $(filter-out vocabulary,$(BENCHMARKS))
PROTOS := $(wildcard proto/v1/*.proto)
PROTOC = $(BIN)/python -m grpc_tools.protoc -I. --python_out=$(1) --mypy_out=quiet:$(1) \
	--grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $(PROTOS)
PYTEST = $(BIN)/python -m pytest $(PYTEST_ARGS)
part = @printf '\n== %s\n' '$@' >&2

##@ Use
.PHONY: demo image
demo: .venv/installed ## the whole line on real traffic; ARGS="--duration 15 --json"
	@exec $(BIN)/vethscope demo $(ARGS)
image: ## the container image vethscope:dev; BASE=debian needs no image registry
	@.ci/image vethscope:dev

##@ Test
.PHONY: test check lint types contracts proto-fresh test-plain fuzz test-image load bench
test: servers apiserver ## every test that this machine can run, with the compiled modules
	$(part)
	@$(PYTEST) --ignore=tests/image --ignore=tests/load tests
check: lint types contracts proto-fresh test-plain test fuzz test-image ## all that CI runs
lint: .venv/dev ## layout and rules (ruff)
	$(part)
	@ruff format --check .
	@ruff check .
types: .venv/dev ## mypy, strict
	$(part)
	@mypy
contracts: .venv/dev ## which package may import which (import-linter)
	$(part)
	@lint-imports --no-logo
proto-fresh: .venv/dev ## the generated code belongs to the .proto files
	$(part)
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(call PROTOC,"$$fresh") \
	&& for file in "$$fresh"/proto/v1/*; do diff -u "proto/v1/$${file##*/}" "$$file" \
	|| { echo 'stale; run make proto' >&2; exit 1; }; done
test-plain: .venv/dev ## rings and detection without compiled modules, with coverage
	$(part)
	@$(PYTEST) -p tests.plain tests/rings tests/detection --cov=rings --cov=detection \
	--cov-branch --cov-report=term-missing:skip-covered
fuzz: .venv/dev ## a million mutated segments and messages, then a minute with atheris
	$(part)
	@$(BIN)/python -m benchmarks.capture.mutate
	@$(BIN)/python -m benchmarks.records
	@found=$$(mktemp -d) && trap 'rm -rf "$$found"' EXIT \
	&& $(BIN)/python -m benchmarks.capture.fuzz -max_total_time=60 -verbosity=0 \
	-print_final_stats=1 -artifact_prefix="$$found/"
test-image: servers ## builds the image and looks inside
	$(part)
	@$(PYTEST) tests/image
load: servers ## replays captures at speed (tcpreplay)
	$(part)
	@$(PYTEST) -s tests/load
bench: .venv/dev ## prints ratios of speed
	$(part)
	@for name in $(BENCHMARKS); do $(BIN)/python -m "benchmarks.$$name"; done

##@ One folder of tests: make rings, make agent, make netns …
FOLDERS := $(filter-out __pycache__ image load,$(notdir $(wildcard tests/[a-z]*[a-z])))
FOLDERS := $(filter-out %.py,$(FOLDERS))
.PHONY: $(FOLDERS)
kubernetes: apiserver
$(FOLDERS): servers
	$(part)
	@$(PYTEST) tests/$@

##@ Change
.PHONY: format proto lock clean
format: .venv/dev ## rewrites the layout (ruff)
	@ruff format .
	@ruff check --fix .
proto: .venv/dev ## generates code from the .proto files
	@$(call PROTOC,.)
lock: .venv/venv ## new versions of all dependencies, with hashes
	@$(PIP) uv
	@$(LOCK) --upgrade --extra dev pyproject.toml -o requirements-dev.lock
	@$(LOCK) -c requirements-dev.lock pyproject.toml -o requirements.lock
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", \
	"rb"))["build-system"]["requires"], sep="\n")' \
	| $(LOCK) -c requirements-dev.lock - -o requirements-build.lock
clean: ## removes all that was built
	@rm -rf .venv build dist *.egg-info .coverage .*_cache .hypothesis
	@find $(sort $(dir $(COMPILED))) -name '*.so' -delete -o -name '*.c' -delete
	@find . -name __pycache__ -prune -exec rm -rf {} +

##@ Set-up (by the others)
.PHONY: servers apiserver
servers: .venv/dev ## programs that the integration tests run (Debian packages)
	@.ci/setup servers .venv
apiserver: servers ## kube-apiserver, built once: minutes
	@$(BIN)/python -m tests.kubernetes.building
.venv/venv: .ci/setup
	@.ci/setup venv .venv
	@touch $@
.venv/runtime: requirements.lock requirements-build.lock .venv/venv
	@echo 'set-up: Python packages' >&2
	@$(PIP) --no-deps --require-hashes -r requirements.lock -r requirements-build.lock
	@touch $@
.venv/compiled: setup.py $(COMPILED) .venv/runtime
	@echo 'set-up: compiling' >&2
	@$(if $(and $(wildcard $@),$(filter setup.py,$?)),CYTHON_FORCE_REGEN=1) \
	$(BIN)/python setup.py -q build_ext --inplace \
	$(if $(and $(wildcard $@),$(filter setup.py,$?)),--force) >&2
	@touch $@
.venv/installed: pyproject.toml .venv/runtime | .venv/compiled
	@PREBUILT=1 $(PIP) --no-deps --no-build-isolation -e . >&2
	@touch $@
.venv/dev: requirements-dev.lock .venv/venv | .venv/installed
	@echo 'set-up: Python packages for development' >&2
	@$(PIP) --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: help
help:
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} \
	/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
