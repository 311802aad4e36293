# Owns the commands of the project. `make` alone lists them; the work is in scripts/.
# Set-up is part of every command: what is missing is installed, what is there is left alone.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help test test-boards test-superset test-random test-attack test-crash test-cluster-majors test-plans test-install matrix fuzz deb dist demo demo-git demo-cluster demo-stop psql bench bench-sketch bench-funnel bench-alert bench-packs bench-boards bench-rollup bench-experiment bench-growth bench-cluster bench-sizing bench-micro bench-privacy bench-hosted bench-rivals reference boards pictures freeze setup build clean

help: ## what one can do here
	@echo 'pg_tally: product analytics and SLOs inside PostgreSQL'; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

test: ## every test; TESTS="pg_test/stages/x.sql …" or TESTS=rust or TESTS=text for some; KERNEL=sql: the hosted edition
	@scripts/test.sh $(TESTS)

test-boards: ## the packs' boards in headless Chromium: HTML, accessibility, widths; Grafana's types, Metabase's schemas, then test-superset; needs chromium and npm; PACKS="awf …"
	@scripts/test-boards.sh
	@$(MAKE) --no-print-directory test-superset

test-superset: ## the same boards in a real Superset, every number against SQL; needs python3-venv, some minutes and 2 GB at first; PACKS="awf …"
	@scripts/test-superset.sh

test-random: ## random definitions × random operations, against plain SQL; SEQUENCES=2000 SEED=… OF=experiments
	@SEQUENCES=$${SEQUENCES:-2000} scripts/test.sh pg_test/random/$${OF:-equivalence}.sh

test-attack: ## a role without rights calls and writes all that it can, with hostile arguments; ROUNDS=200 SEED=…
	@ROUNDS=$${ROUNDS:-200} scripts/test.sh pg_test/random/attack.sh

test-crash: ## SIGKILL at random points under concurrent writers; ROUNDS=200 SEED=…
	@ROUNDS=$${ROUNDS:-200} scripts/test.sh pg_test/crash/rounds.sh

test-cluster-majors: ## cluster rollups whose second node has another version of PostgreSQL, in a bare root; MAJORS=17
	@MAJORS=$${MAJORS:-17} scripts/test.sh pg_test/cluster/majors.sh

test-plans: ## the pgTAP suites with parallel, partitionwise, compiled and memory-starved plans
	@FILES="$${FILES:-$$(ls pg_test/{contract,packs,stages}/*.sql 2>/dev/null | xargs)}" scripts/test.sh pg_test/plans/plans.sh

test-install: ## the package and the image's steps in bare roots of Debian; needs root and debootstrap
	@scripts/setup.sh && scripts/setup.sh roots && TEST_JOBS=1 perl scripts/test/harness.pl $${TESTS:-$$(ls pg_test/install/*.sh)}

matrix: ## every test on other versions of PostgreSQL, in bare roots; VERSIONS="17 18" TESTS=…
	@scripts/matrix.sh $${VERSIONS:-17 18}

fuzz: ## libFuzzer over decoders and texts, more property cases; SECONDS_EACH=20 CASES=2000 TARGETS="hll …"
	@scripts/fuzz.sh

demo: ## the whole arrow on a private PostgreSQL; EVENTS=1000000 PACK=awf TCP_PORT=5433 KERNEL=sql
	@scripts/demo.sh

demo-git: ## the history of a git repository as events; REPO=path
	@scripts/demo-git.sh

demo-cluster: ## three servers: events on two, one incident at the third
	@scripts/demo-cluster.sh

demo-stop: ## end the demos' servers
	@scripts/demo-stop.sh

psql: ## psql on the demo's server (PURPOSE=demo-git for the other)
	@scripts/psql.sh

bench: ## speed: first build, refresh, capture, as ratios; EVENTS=10000000
	@scripts/bench.sh bench/run.sh

bench-sketch: ## speed and accuracy of the sketches
	@scripts/bench.sh bench/sketch/run.sh

bench-funnel: ## speed of the funnels
	@scripts/bench.sh bench/funnel/run.sh

bench-alert: ## speed of evaluation: 1,000 thresholds, 10,000 label sets
	@scripts/bench.sh bench/alert/run.sh

bench-growth: ## what grows: 500 rollups, 2,000 thresholds, 50,000 incidents, 2,000 partitions, beside the aims; PARTS="status …"
	@scripts/bench.sh bench/growth/run.sh

bench-cluster: ## cluster rollups: a question beside the slowest node's own, growth with nodes, pulls; EVENTS=200000 NODES="1 2 4"
	@scripts/bench.sh bench/cluster/run.sh

bench-sizing: ## what a rollup costs in disk, WAL, memory and planning: docs/sizing.md; EVENTS=1000000
	@scripts/bench.sh bench/sizing/run.sh

bench-packs: ## speed of the packs: every view and question; EVENTS=10000000 PACKS="awf operator_dashboard"
	@scripts/bench.sh bench/packs.sh $(PACKS)

bench-boards: ## each board as a whole page: first, warm, its drawing, under ten viewers; EVENTS=10000000 PACKS="awf operator_dashboard"
	@scripts/bench.sh bench/boards.sh $(or $(PACKS),$(shell sed -n 's|^packs/\(.*\)/pack\.sql$$|\1|p' sql/order))

bench-rollup: ## refresh against history and rivals, capture, writers beside refreshes; SIZES="1000000 10000000"
	@scripts/bench.sh bench/rollup/run.sh

bench-rivals: ## beside plain SQL, materialized views, the extensions tdigest and hll, pg_ivm, DuckDB and chDB; EVENTS=10000000 ROUNDS=3
	@scripts/bench.sh bench/rivals/run.sh

bench-privacy: ## the price of hiding on generated tables, and the speed of a release of awf's daily table; EVENTS=10000000
	@cargo run --quiet --locked --release --package tally-core --example suppress_price
	@scripts/bench.sh bench/privacy.sh

bench-hosted: ## processor time of the hosted edition beside the library edition and PostgreSQL alone; EVENTS=10000000 ROUNDS=3
	@scripts/bench.sh bench/hosted.sh

bench-experiment: ## statistics of experiments against what they promise, by simulation; ROUNDS=20000; PART=speed EVENTS=… against plain SQL
	@bench/experiment/run.sh

bench-micro: ## nanoseconds of processor time a row of the sketches' transitions, beside the crate tdigest
	@bench/micro/run.sh

freeze: ## sql/upgrade/frozen/<version>, the hashes of what databases of this version store
	@scripts/frozen.sh write

.PHONY: hosted
hosted: ## dist/pg_tally-hosted--<version>.sql, pg_tally for servers that load no shared library, the same over an older one, and packages (docs/supabase-hosted.md)
	@scripts/hosted.sh
	@scripts/hosted_packages.sh

reference: ## docs/reference.md, made from the COMMENTs of all public objects
	@scripts/reference.sh

boards: ## dashboards: the boards of all packs for Grafana, Superset and Metabase
	@scripts/boards.sh

pictures: ## docs/img, from the page of make demo and what make test-superset has seen; needs chromium and npm
	@scripts/pictures.sh

setup: ## only the set-up: apt packages and cargo-pgrx
	@scripts/setup.sh

build: ## only the build of the extension (release)
	@scripts/setup.sh && scripts/build.sh release

deb: ## target/deb/postgresql-<major>-pg-tally_<version>_<arch>.deb; PG_MAJOR=15
	@scripts/deb.sh

dist: ## target/dist/pg_tally-<version>.tar.gz, the source of HEAD
	@scripts/dist.sh

clean: ## stop our servers, remove their data and the build
	@scripts/clean.sh
