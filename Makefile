# The only place where a command is defined: README, CI and people call these targets.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON  ?= python3
BIN     := .venv/bin
CACHE   := .cache
CORE    := media/core
LOAD    := tests/load/client
STATIC  := room_server/http/static
DEMO    ?=
BENCH   ?= all
PYTEST_ARGS ?=
TARGETS ?=

CORE_SOURCES := $(shell find $(CORE) -path '*/target' -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -print 2>/dev/null)
WEB_SOURCES  := $(shell find web -path '*/node_modules' -prune -o -type f -print 2>/dev/null)

.PHONY: help demo test test-fast test-generated test-core test-load test-web test-python build bench soak fuzz network lint fmt docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: build ## start the server with a demo workspace and print its links: make demo DEMO="--port 9000"
	@exec $(BIN)/room-server demo $(DEMO)

build: $(CACHE)/core $(CACHE)/web $(CACHE)/film ## leave .venv/bin/room-server ready

test: build $(CACHE)/browsers $(CACHE)/peers ## everything, real browsers included
	@$(MAKE) --keep-going --jobs=2 --output-sync=target test-python lint test-generated test-core test-web \
		&& echo "✓ all green"

# What encodes film or starts the server as a process takes its time: `make test` has it.
UNHURRIED := tests/playback tests/cli tests/probe

test-fast: build ## what is quick and needs no browser, in a minute and a half
	@$(MAKE) --keep-going test-generated test-web test-python \
		PYTEST_ARGS='-m "not browser and not slow" $(addprefix --ignore=,$(UNHURRIED))'

test-generated: $(CACHE)/python
	@echo "── generated files"
	$(BIN)/python -m signaling.generate --check

test-core: $(CACHE)/core
	@echo "── media core (cargo test)"
	cargo test --quiet --release --locked --manifest-path $(CORE)/Cargo.toml --workspace

test-load: $(CACHE)/load ## the load client of the bench (cargo test, clippy)
	@echo "── load client (cargo test)"
	cargo test --quiet --release --locked --manifest-path $(LOAD)/Cargo.toml --workspace
	cargo clippy --quiet --release --locked --manifest-path $(LOAD)/Cargo.toml --workspace --all-targets -- -D warnings

test-web: $(CACHE)/node
	@echo "── web (vitest)"
	npm --prefix web run --silent test

test-python: $(CACHE)/core
	@echo "── python (pytest)"
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

bench: build $(CACHE)/load ## measure; ends with one line of JSON: BENCH=forward make bench
	@BENCH=$(BENCH) $(BIN)/python -m tests.load.bench

soak: build $(CACHE)/load ## people join and leave for ten minutes; does anything grow? SOAK_MINUTES=60 make soak
	@$(BIN)/python -m tests.load.soak

fuzz: $(CACHE)/core ## run every fuzz target, guided by coverage: make fuzz SECONDS=60 TARGETS="stun rtcp"
	@deploy/need g++
	echo "── fuzz targets (cargo build)"
	RUSTC_WORKSPACE_WRAPPER="$$PWD/$(CORE)/fuzz/rustc" cargo build --quiet --release --locked \
		--manifest-path $(CORE)/Cargo.toml --package room-fuzz --features guided --bin guided
	[ -d $(CACHE)/atheris ] || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--only-binary :all: --target $(CACHE)/atheris -r tests/fuzz/requirements.txt \
		|| { rm -rf $(CACHE)/atheris; echo "  Atheris was not installed: SDP is not fuzzed" >&2; }
	FUZZ_SECONDS=$(or $(SECONDS),60) $(BIN)/python -m tests.fuzz.guided $(TARGETS)

network: $(CACHE)/core ## what poor networks do to a viewer, in virtual time: a table
	@cargo test --quiet --release --locked --manifest-path $(CORE)/Cargo.toml --package room-core network_tests \
		-- --nocapture --test-threads=1 | grep '^|'

lint: $(CACHE)/core $(CACHE)/node ## formatting, lints, types, import rules
	@echo "── lint"
	$(BIN)/ruff format --quiet --check .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cargo fmt --manifest-path $(CORE)/Cargo.toml --all --check
	cargo clippy --quiet --release --locked --manifest-path $(CORE)/Cargo.toml --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path $(LOAD)/Cargo.toml --all --check
	npm --prefix web run --silent lint
	npm --prefix web run --silent typecheck

fmt: $(CACHE)/python $(CACHE)/node ## format all sources
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .
	cargo fmt --manifest-path $(CORE)/Cargo.toml --all
	cargo fmt --manifest-path $(LOAD)/Cargo.toml --all
	npm --prefix web run --silent format

docs: $(CACHE)/python ## regenerate docs/protocol.md and web/src/wire.ts
	@$(BIN)/python -m signaling.generate

lock: ## renew requirements.lock from pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-header --extra dev pyproject.toml -o requirements.lock

clean: ## remove everything that was built
	rm -rf .venv $(CACHE) $(STATIC) $(CORE)/target $(LOAD)/target web/node_modules media/*.so

# ---- what the targets stand on; each leaves a mark in .cache

$(CACHE)/python: requirements.lock pyproject.toml
	@echo "· Python environment"
	mkdir -p $(CACHE)
	deploy/need python3-venv
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	touch $@

$(CACHE)/core: $(CACHE)/python $(CORE_SOURCES)
	@echo "· media core (Rust; about a minute the first time)"
	deploy/need gcc
	VIRTUAL_ENV="$$PWD/.venv" $(BIN)/maturin develop --release --locked --quiet >$(CACHE)/core.log 2>&1 \
		|| { cat $(CACHE)/core.log; exit 1; }
	touch $@

$(CACHE)/node: web/package-lock.json
	@echo "· web packages"
	mkdir -p $(CACHE)
	npm --prefix web ci --silent --no-fund --no-audit
	touch $@

$(CACHE)/web: $(CACHE)/node $(WEB_SOURCES)
	@echo "· web client"
	npm --prefix web run --silent build
	touch $@

$(CACHE)/film: $(CACHE)/python $(wildcard playback/*.py)
	@echo "· demo film (prepared once; about three minutes the first time)"
	$(BIN)/python -m playback.demo_film $(CACHE)/demo-film
	touch $@

$(CACHE)/load: $(wildcard $(LOAD)/src/*.rs $(LOAD)/*/src/*.rs) $(wildcard $(LOAD)/Cargo.*)
	@echo "· load client (Rust)"
	mkdir -p $(CACHE)
	deploy/need gcc
	cargo build --release --locked --quiet --manifest-path $(LOAD)/Cargo.toml
	touch $@

$(CACHE)/peers: deploy/need
	@echo "· coturn and PostgreSQL, peers for tests"
	mkdir -p $(CACHE)
	deploy/need coturn postgresql
	touch $@

$(CACHE)/browsers:
	@echo "· Chromium, Firefox and a sound device for them"
	mkdir -p $(CACHE)
	deploy/need chromium chromium-driver firefox-esr pulseaudio
	touch $@
