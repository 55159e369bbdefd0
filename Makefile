# Everything a developer or a machine does with Breezeway. The work itself is in the scripts named here.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up down clean-local build test lint check bench

export EXCHANGE_PORT ?= 8080
export ADMIN_PORT ?= 8081
export ROTATOR_PORT ?= 8082
export PG_PORT ?= 54329
export JOBS ?= $(shell nproc)

help: ## show this list
	@echo 'Breezeway: sign in once, hold a session in every app of the workspace.'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo
	@echo 'Ports: EXCHANGE_PORT=$(EXCHANGE_PORT) ADMIN_PORT=$(ADMIN_PORT) ROTATOR_PORT=$(ROTATOR_PORT) PG_PORT=$(PG_PORT)'

up: ## build, start a private PostgreSQL and the three services with demo data, make one exchange
	@deploy/local/up.sh

down: ## stop what `make up` started, keeping the data
	@deploy/local/down.sh

clean-local: ## stop what `make up` started and delete its data
	@deploy/local/clean.sh

build: ## build the release programs
	@deploy/local/prerequisites.sh run
	swift build -c release -j $(JOBS)

test: ## run every test against a throw-away PostgreSQL; the last line counts them
	@Tests/run.sh

lint: ## check format, module edges, doc comments and the rules of the house
	@.ci/lint

check: lint test ## lint and test

bench: ## measure the bars of docs/benchmarks.md on a private PostgreSQL with fsync on
	@Benchmarks/run.sh
