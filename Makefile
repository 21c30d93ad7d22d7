# `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SERVICES := token-registry policy-evaluator session-issuer notifier admin-api edge-gateway
TARGET := $(or $(CARGO_TARGET_DIR),target)
PACKAGES := -p sallyport $(addprefix -p ,$(SERVICES))

.PHONY: help run run-distributed build build-debug servers clients proxies toolchain test lint unit scenarios conformance losses edges simulate prove prove-short fuzz bench bench-instructions clean ci

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: toolchain ## Build, and run everything in one process with a sample application
	cargo build --release --locked -p sallyport
	exec $(TARGET)/release/sallyport dev

run-distributed: build servers ## The same as separate processes, with real PostgreSQL, Redis and NATS
	exec $(TARGET)/release/sallyport dev --distributed --data-dir .data-distributed

build: toolchain ## Release binaries: sallyport and each service
	cargo build --release --locked $(PACKAGES)

build-debug: toolchain
	cargo build --locked $(PACKAGES)

servers: ## Install PostgreSQL, Redis and NATS if they are missing, or say what to install
	deploy/dev/install-servers

clients: ## Also install other people's clients, for the conformance tests
	deploy/dev/install-servers --with-clients

proxies: ## Also install other people's proxies, for the tests of attacks
	deploy/dev/install-servers --with-edges

toolchain: ## Check what the build needs, and install it on Debian
	deploy/dev/check-toolchain

test: toolchain clients lint unit scenarios conformance losses edges ## Everything: format, lints, unit, conformance, scenarios in both topologies

lint: toolchain ## Format and clippy, warnings refused
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

unit: clients proxies ## Unit, property and conformance tests of every crate
	cargo test --workspace --locked --no-fail-fast --exclude tests
	cargo test --locked -p tests --test architecture

scenarios: clients build-debug ## The main job through the gateway, in both topologies, and other people's clients
	cargo test --locked -p tests --test scenarios

# CLOUDFLARED and TERRAFORM_PROVIDER: those programs, to be run beside their replayed exchanges.
conformance: clients build-debug ## Other people's clients: SDKs, validators of sessions, Terraform, cloudflared
	cargo test --locked -p tests --test conformance -- --nocapture

losses: servers build-debug ## What is away, row by row of the table in the edge gateway's README
	cargo test --locked -p tests --test losses

edges: proxies build-debug ## Attacks through real edges: our gateway, Envoy, nginx, Caddy, HAProxy and Traefik
	cargo test --locked -p tests --test edges
	cargo test --locked -p edge-gateway --test gateway passed::proxies -- --ignored

simulate: toolchain ## The change feed's own code in a simulated world of faults: make simulate SEEDS=10000
	cargo run --release --locked -p feed-simulation -- --seeds $(or $(SEEDS),10000)

prove: build servers ## The live proof: everything is broken in turn while 100,000 tokens are revoked; half an hour
	cargo build --release --locked -p prove
	$(TARGET)/release/prove $(ARGUMENTS)

prove-short: build-debug servers ## The same in five minutes, with the faults that say most
	cargo build --locked -p prove
	$(TARGET)/debug/prove --short --minutes 4 --revocations 2000 --lives 24 --pause 200 $(ARGUMENTS)

fuzz: toolchain ## Search for inputs that break a parser, guided by coverage: make fuzz TARGET=canonical SECONDS=600
	crates/fuzz/search $(or $(SECONDS),60) $(if $(filter command,$(origin TARGET)),$(TARGET))

bench: toolchain ## Each path beside its floor, in one run
	cargo build --profile dist --locked -p bench -p sallyport
	$(TARGET)/dist/bench

bench-instructions: toolchain ## Instructions, allocations and bytes of one decision: the same on a busy machine; needs valgrind
	cargo build --release --locked -p bench --bin decisions
	crates/bench/instructions.sh $(TARGET)/release/decisions
	$(TARGET)/release/decisions

ci: test

clean: ## Remove builds, tools and data directories
	rm -rf $(TARGET) .tools .data .data-distributed
