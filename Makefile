# Every target sets up what it misses and stops what it started; what runs already is used and left alone.
# FASTBUILD_KEEP_LAB=1 keeps the lab for the next command.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test torture fuzz bench check fmt clippy doc sqlx deny prepare lab-up lab-down

with_lab := scripts/with-lab.sh
step := scripts/step.sh

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## the service with config.toml
	cargo run --release --locked -- serve --config config.toml

demo: ## one request from nothing to a running container
	cargo build --release --locked
	$(with_lab) --bases "debian entrypoint" scripts/demo.sh

test: ## all tests, against a real daemon and a real registry
	$(with_lab) --tls scripts/test.sh

torture: ## the tests that are too long for every day
	$(with_lab) --tls bash -c 'FASTBUILD_TORTURE=1 FASTBUILD_CPYTHON_SOURCE=$$(scripts/cpython-source.sh) cargo test --release --locked -- --include-ignored'

fuzz: ## every fuzz target for ten minutes (needs cargo-fuzz); FUZZ_SECONDS changes that
	scripts/fuzz.sh $${FUZZ_SECONDS:-600}

bench: ## ratios measured side by side, as a table and as JSON; ROWS="cold warm" for some, BENCH_OPTIONS=--short for few
	$(with_lab) --bases "debian localpython" --bench cargo bench --locked --bench ratios -- $(ROWS) $(BENCH_OPTIONS)
	cargo bench --locked --bench hot

check: ## exactly what CI runs: fmt, clippy, doc, sqlx, deny, tests, and a short bench as information
	@$(step) fmt cargo fmt --check
	@$(step) clippy cargo clippy --locked --all-targets -- -D warnings
	@$(step) doc env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	@$(step) sqlx scripts/sqlx.sh check
	@$(step) deny scripts/deny.sh
	@$(with_lab) --tls bash -c 'scripts/test.sh && $(step) bench cargo bench --locked --profile dev --bench ratios -- --short'

prepare: ## the offline query data in .sqlx
	scripts/sqlx.sh prepare

lab-up: ## daemon, registry and base images, and leave them running
	scripts/lab.sh up
	@scripts/lab.sh env

lab-down: ## stop what lab-up started
	scripts/tls-daemon.sh down
	scripts/lab.sh down
