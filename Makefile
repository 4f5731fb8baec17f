# What a person runs by hand. `make` alone lists it.
#
# HOURS=3              hours to generate, or to take from SOURCE_URL
# EVENTS=10000         events of a generated hour
# DATA=folder          real files named as in the archive, instead of generated hours
# SOURCE_URL=https://… an archive elsewhere; the demo also needs FROM=2025-11-21-0, its first hour
# PORT=4566            of local-up
# DIRECTORY=.local/aws what local-* and sql work on

HOURS      ?= 3
EVENTS     ?= 10000
DATA       ?=
SOURCE_URL ?=
FROM       ?=
PORT       ?= 4566
DIRECTORY  ?= .local/aws
PYTHON     ?= python3
export SQL

LOCAL  = .tools/local/bin/python sam/local/local.py --directory "$(DIRECTORY)"
SOURCE = --hours $(HOURS) --events $(EVENTS) --data "$(DATA)" --source-url "$(SOURCE_URL)"

.DEFAULT_GOAL := help
.PHONY: help tools tools-local local-up local-deploy local-down local-status sql demo

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@sed -n 's/^# \([A-Z_]*=.*\)/  \1/p' $(firstword $(MAKEFILE_LIST))

tools: ## Make the virtual environments of the tools, below .tools/ (once)
	@$(PYTHON) sam/local/tools.py

tools-local:
	@$(PYTHON) sam/local/tools.py local

demo: tools-local ## From nothing to answers: hours, a local AWS, the pipeline, SQL; stops everything at the end
	@.tools/local/bin/python sam/local/demo.py $(SOURCE) --from "$(FROM)"

local-up: tools-local ## Start the local AWS and a source of hours, and deploy; both stay
	@$(LOCAL) up $(SOURCE) --port $(PORT)

local-deploy: tools-local ## Build and bring the running local stack up to date
	@$(LOCAL) deploy

sql: tools-local ## Run SQL="SELECT …" on the running local stack, through Athena
	@$(LOCAL) sql "$$SQL"

local-status: tools-local ## What runs locally, and where everything is
	@$(LOCAL) status

local-down: tools-local ## Stop the local AWS; its data stays in .local/aws
	@$(LOCAL) down
