# What people type. Everything here installs what it needs first (deploy/dependencies.sh).

SHELL := /bin/sh
export PATH := $(CURDIR)/target/tools/bin:$(PATH)
FUZZ_SECONDS ?= 5
# A line of a comment beyond column 120, but for tables and drawings: rustfmt wraps none.
LONG_COMMENT := '^(?=\s*//)(?!\s*//[/!]? (\||.*──)).{121,}'

.PHONY: help run build test unit e2e check bench bench-peers instructions floods fuzz soak switches meetings handover screenshot dependencies test-dependencies web clean

help:
	@echo "make run         the demo: everything on this machine, with two synthetic speakers"
	@echo "make build       target/release/spillway, web pages in it"
	@echo "make test        all tests: unit, web, end to end, fuzzing for a moment"
	@echo "make unit        the quick ones alone"
	@echo "make e2e         all but the web's, with browsers and other clients"
	@echo "make check       formatting, lints, documentation, spelling, types"
	@echo "make bench       the figures of docs/figures.md, measured on this machine, and a spike of viewers plotted; nearly an hour"
	@echo "make bench-peers the same loads on Spillway and on LiveKit's server: ratios, and a spike of viewers on both, plotted; needs go"
	@echo "make instructions instructions a forwarded packet, by callgrind; BEFORE=binary compares; needs valgrind"
	@echo "make floods      what one attacker costs 200 innocent subscribers, by each flood; BEFORE=folder compares; an hour"
	@echo "make soak        five million steps of the simulated room; floods; lip sync, memory and latency over ten minutes"
	@echo "make switches    a thousand random switches between layers, each picture checked, in VP8, VP9 and AV1; twenty minutes"
	@echo "make meetings    browsers in meetings of a hundred, every way to join, ten rounds of comers, goers and switches; ten minutes"
	@echo "make handover    fifty moves each way between a seat and the broadcast, judged by picture and sound; half an hour"
	@echo "make screenshot  docs/watch.png anew"

dependencies:
	@deploy/dependencies.sh run

test-dependencies:
	@deploy/dependencies.sh test

web/dist/assets: $(shell find web/src web/index.html web/package-lock.json web/vite.config.ts web/compress.ts -type f)
	@echo "building the web pages"
	@cd web && npm run --silent build
	@touch web/dist/assets

web: dependencies
	@$(MAKE) --no-print-directory web/dist/assets

run: web
	@echo "building the server; the first time takes some minutes"
	cargo build --release --locked -p spillway
	target/release/spillway demo $(ARGS)

build: web
	cargo build --release --locked -p spillway

# One cargo command for everything: another choice of packages would unify features differently, and compile all of it again.
test: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cd web && npm run --silent check && npm test --silent
	cargo test --locked --workspace --no-fail-fast
	FUZZ_TARGET_DIR=$(CURDIR)/target/fuzz fuzz/run.sh $(FUZZ_SECONDS) quick

# The quick ones.
unit: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cd web && npm run --silent check && npm test --silent
	cargo test --locked --workspace --lib --bins

# The whole server, with browsers and other clients.
e2e: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo test --locked --workspace --tests --no-fail-fast

fuzz: test-dependencies
	FUZZ_TARGET_DIR=$(CURDIR)/target/fuzz fuzz/run.sh 300

check: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo fmt --all --check
	@! LC_ALL=C.UTF-8 grep -rnP --include='*.rs' --exclude-dir=target --exclude-dir=node_modules $(LONG_COMMENT) . || { echo 'comments end at column 120'; exit 1; }
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --workspace --no-deps --document-private-items
	target/tools/typos/bin/typos
	cd web && npm run --silent check

bench: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --release --locked -p spillway -p spillway-tests --bins
	tests/bench.sh

bench-peers: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --release --locked -p spillway -p spillway-tests --bins
	tests/bench-peers.sh

# Counts, so a busy machine does not matter.
instructions: dependencies
	tests/instructions.sh $(BEFORE)

floods: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --release --locked -p spillway -p spillway-tests --bins
	tests/floods.sh

soak: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	ROOM_STEPS=$${ROOM_STEPS:-5000000} cargo test --locked --workspace --lib whatever_people_do -- --nocapture
	cargo build --locked -p spillway
	FLOOD_SECONDS=$${FLOOD_SECONDS:-30} cargo test --locked --workspace --test floods -- --nocapture
	cargo build --release --locked -p spillway -p spillway-tests --bins
	GLASS_SECONDS=600 LADDERS=small tests/bench.sh glass

switches: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --locked -p spillway
	SWITCHES=1000 cargo test --locked --workspace --test livekit_layers random_switches -- --nocapture

# Long rounds: the seed is printed, SEED=n repeats it.
meetings: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --locked -p spillway
	PARTICIPANTS=$${PARTICIPANTS:-100} ROUNDS=$${ROUNDS:-10} WAYS=4 cargo test --locked --workspace --test meeting -- --nocapture

# MOVES=n for fewer; the seed is printed, SEED=n repeats it; ARGS for more: `--speakers 1`, or, as root, a bad network between
# server and browser: `--delay-ms 30 --loss-percent 2`.
handover: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --release --locked -p spillway -p spillway-tests --bins
	target/release/spillway-handover --moves $${MOVES:-50} $${SEED:+--seed $$SEED} --error-ms-max 300 --gap-ms-max 100 $(ARGS)

screenshot: test-dependencies
	@$(MAKE) --no-print-directory web/dist/assets
	cargo build --locked -p spillway -p spillway-tests --bins
	target/debug/spillway-glass screenshot --out docs/watch.png

clean:
	cargo clean
	rm -rf web/dist/assets
