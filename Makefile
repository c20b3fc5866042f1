# Developers' commands: `make` lists them. Each does all of its own set-up, once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Tests start hundreds of processes; each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate
COMPILED := $(wildcard rings/*.pxd rings/*/*.pxd detection/*.pxd detection/*/*.pxd agent/*/*.pxd \
	cloud/*/*.pxd cloud/*/*/*.pxd)
COMPILED += $(wildcard $(COMPILED:.pxd=.py))
BENCHMARKS := $(patsubst benchmarks/%/__main__.py,%,$(wildcard benchmarks/*/__main__.py))
BENCHMARKS += $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[a-z]*.py))
BENCHMARKS := $(filter-out vocabulary,$(BENCHMARKS))
PROTOS := $(wildcard proto/v1/*.proto) agent/demo/payroll/payroll.proto
PROTOC = $(BIN)/python -m grpc_tools.protoc -I. --python_out=$(1) --mypy_out=quiet:$(1) \
	--grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $(PROTOS)
PYTEST = $(BIN)/python -m pytest $(PYTEST_ARGS)
WORKERS ?= $(shell nproc)
# What measures time wants a machine that does nothing else.
MEASURING := tests/netns/test_delay.py tests/netns/test_overload.py
part = @printf '\n== %s\n' '$@' >&2

##@ Use
.PHONY: demo image
demo: .venv/installed ## the whole line on real traffic; ARGS="--duration 15 --json"
	@exec $(BIN)/vethscope demo $(ARGS)
image: ## the container image vethscope:dev; BASE=debian needs no image registry
	@.ci/image vethscope:dev

##@ Test
.PHONY: test check lint types contracts audit proto-fresh test-plain fuzz test-image reproducible arm64 cluster load screenshots pictures bench
test: servers apiserver ## every test that this machine can run, with the compiled modules
	$(part)
	@status=0; \
	$(PYTEST) -n $(WORKERS) --ignore=tests/cluster --ignore=tests/image --ignore=tests/load \
	$(MEASURING:%=--ignore=%) tests || status=$$?; \
	$(PYTEST) $(MEASURING) || status=$$(($$? > status ? $$? : status)); \
	exit $$status
check: lint types contracts audit proto-fresh test-plain test fuzz test-image ## all that CI runs
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
audit: .venv/dev ## hashes and licences of what we run with; vulnerabilities by pip-audit
	$(part)
	@$(BIN)/python -m tests.audit
proto-fresh: .venv/dev ## the generated code belongs to the .proto files
	$(part)
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(call PROTOC,"$$fresh") \
	&& cd "$$fresh" && for file in $(PROTOS:.proto=_pb2*); do diff -u "$(CURDIR)/$$file" "$$file" \
	|| { echo 'stale; run make proto' >&2; exit 1; }; done
test-plain: .venv/dev ## rings and detection without compiled modules, with coverage
	$(part)
	@$(PYTEST) -n $(WORKERS) -p tests.plain tests/rings tests/detection --cov=rings --cov=detection \
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
reproducible: servers ## builds the image twice: both must be the same
	$(part)
	@.ci/reproducible
arm64: .venv/dev ## every pinned package has a wheel for arm64 too
	$(part)
	@$(PIP) --dry-run --ignore-installed --target build/arm64 --no-deps --require-hashes \
	--only-binary=:all: --python-version 3.11 --platform manylinux2014_aarch64 \
	--platform manylinux_2_28_aarch64 -r requirements.lock -r requirements-build.lock
cluster: node ## a Kubernetes node for real, Vethscope and a shop on it
	$(part)
	@$(PYTEST) -p no:randomly tests/cluster
load: servers ## replays captures at speed (tcpreplay)
	$(part)
	@$(PYTEST) -s tests/load
screenshots: .venv/dev ## every page at two widths, light and dark; TO=folder
	@$(BIN)/python -m tests.browser.screenshots $(or $(TO),build/screenshots)
pictures: .venv/dev ## those of the README
	@$(BIN)/python -m tests.browser.pictures docs/pictures
bench: .venv/dev ## prints ratios of speed
	$(part)
	@for name in $(BENCHMARKS); do $(BIN)/python -m "benchmarks.$$name"; done

##@ One folder of tests: make rings, make agent, make netns …
FOLDERS := $(filter-out __pycache__ cluster image load,$(notdir $(wildcard tests/[a-z]*[a-z])))
FOLDERS := $(filter-out %.py,$(FOLDERS))
.PHONY: $(FOLDERS)
kubernetes: apiserver
$(FOLDERS): servers
	$(part)
	@$(PYTEST) tests/$@

##@ Change
.PHONY: format proto rules lock clean
format: .venv/dev ## rewrites the layout (ruff)
	@ruff format .
	@ruff check --fix .
proto: .venv/dev ## generates code from the .proto files
	@$(call PROTOC,.)
rules: ## the alerts once more, as the Prometheus operator's object
	@cd kustomize/components && { sed '/^spec:/q' monitoring-operator/prometheusrule.yaml; \
	sed 's/^\(.\)/  \1/' monitoring/rules.yaml; } > monitoring-operator/new \
	&& mv monitoring-operator/new monitoring-operator/prometheusrule.yaml
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
.PHONY: servers apiserver node
servers: .venv/dev ## programs that the integration tests run (Debian packages)
	@.ci/setup servers .venv
apiserver: servers ## kube-apiserver, built once: minutes
	@$(BIN)/python -m tests.kubernetes.building
node: servers ## all of a node, and its images, built once: up to an hour
	@.ci/setup node .venv
	@$(BIN)/python -m tests.kubernetes.building kube-apiserver kubelet \
	kube-controller-manager kube-scheduler kube-proxy kubectl
	@$(BIN)/python -m tests.cluster.images
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
