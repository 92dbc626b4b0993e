# The one front door: every command that matters is a target here.
SHELL := /bin/bash
.DEFAULT_GOAL := help
bin := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install what is missing: virtual environment, packages, browser, ffmpeg, Redis, fonts
	@dev/setup.sh

.PHONY: demo
demo: setup ## See it work: a screenshot (URL=https://... for a page of yours) and a probe
	@exec python -m dev.demo $(URL)

.PHONY: run
run: setup ## Run the farm here: API on 8000, Flower on 5555
	@exec python -m dev.stack

.PHONY: dev
dev: setup ## The same, reloading what changes
	@exec python -m dev.stack --reload

.PHONY: doctor
doctor: setup ## Say what this machine has, what is missing, and whether the browser works
	@farm doctor

.PHONY: check
check: setup lint types imports audit test-unit ## Lint, types, imports, known vulnerabilities, unit tests: about a minute

.PHONY: lint
lint: ## Lint and check the format
	ruff check
	ruff format --check

.PHONY: format
format: ## Format, and mend what can be mended
	ruff check --fix
	ruff format

.PHONY: types
types: ## Check the types
	mypy

.PHONY: imports
imports: ## Check who imports whom
	lint-imports

.PHONY: audit
audit: setup ## Ask what is known against the locked packages; says so where it cannot ask
	python -m dev.audit

.PHONY: test
test: setup lint types imports audit ## All checks, and all tests that need no container engine
	pytest tests/unit tests/contracts tests/fuzz tests/integration tests/e2e
	pytest tests/egress
	pytest tests/chaos -m "not long and not huge"

.PHONY: test-unit
test-unit: setup ## Tests that touch nothing outside their process
	pytest tests/unit tests/contracts -m "not redis"

.PHONY: test-fuzz
test-fuzz: setup ## Some thousand made-up requests and addresses, the same ones each time: about a minute
	pytest tests/fuzz

.PHONY: test-integration
test-integration: setup ## Tests with one real neighbour: Redis, Chromium or ffprobe
	pytest tests/contracts tests/integration

.PHONY: test-e2e
test-e2e: setup ## Tests on the whole farm, from outside
	pytest tests/e2e

.PHONY: test-containers
test-containers: setup ## Build the images, run the composed farm, kill a part (needs Docker)
	pytest tests/containers

.PHONY: test-egress
test-egress: setup ## Watch every packet of hostile pages and files, in a network of their own (Linux, root)
	pytest tests/egress

.PHONY: test-chaos
test-chaos: setup ## Break the farm in every way, and write what came of it into docs/reliability.md
	pytest tests/chaos -m "not huge" --chaos-table docs/reliability.md

.PHONY: test-batch
test-batch: setup ## Do 2,000 URLs while all sorts of parts are killed, and write what came of it into docs/reliability.md
	pytest tests/chaos/test_batch.py -m huge --batch-table docs/reliability.md

.PHONY: bench
bench: setup ## Measure the farm against the bare tools, and write it into docs/performance.md (ONLY=item, QUICK=1)
	python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

.PHONY: bench-probe
bench-probe: setup ## Measure many probes against xargs and the bare ffprobe
	python -m tests.bench --only probe

.PHONY: bench-gate
bench-gate: setup ## Measure what the gate costs a page of 150 pictures
	python -m tests.bench --only gate

.PHONY: bench-batch
bench-batch: setup ## Measure taking jobs, one by one and as a batch, against a loop of apply_async
	python -m tests.bench --only submission

.PHONY: bench-roundtrip
bench-roundtrip: setup ## Measure a job's round trip against the bare browser
	python -m tests.bench.roundtrip

.PHONY: bench-cpu
bench-cpu: setup ## Measure the CPU time of a probe, process by process
	python -m tests.bench.cpu

.PHONY: bench-page-cpu
bench-page-cpu: setup ## Measure the CPU time of a screenshot, process by process, and of browsers in other ways
	python -m tests.bench.page_cpu

.PHONY: bench-filing
bench-filing: setup ## Measure what it costs to move, keep and list a job
	python -m tests.bench.filing

.PHONY: bench-counts
bench-counts: setup ## Count commands, messages, copies and modules of a job, and write them into docs/performance.md
	python -m tests.bench.counts

.PHONY: image-sizes
image-sizes: setup ## Write how large the images are into docs/operations.md (needs Docker, after `make up`)
	python -m tests.bench.images

.PHONY: openapi
openapi: setup ## Write openapi.json anew
	python -m dev.openapi

.PHONY: names
names: setup ## Write the lists of devices and time zones anew
	python -m dev.names

.PHONY: docs
docs: setup ## Write the generated tables of docs/ anew
	python -m dev.docs

.PHONY: docs-pictures
docs-pictures: setup ## Take the pictures of the dashboard in docs/ anew
	@exec python -m dev.pictures

.PHONY: lock
lock: ## Write requirements/ anew (UPGRADE=1: with the newest versions)
	dev/lock.sh

.PHONY: up
up: ## Build and start the containers
	docker/up.sh

# Compose wants them to be set, and does nothing with them here.
PASSWORDS = FLOWER_BASIC_AUTH= GATE_SECRET= REDIS_PASSWORD= $(addprefix REDIS_PASSWORD_,API= WORKER= DISPATCHER= FLOWER=)

.PHONY: down
down: ## Stop the containers; what they keep stays
	cd docker && env $(PASSWORDS:=-) docker compose --profile flower --profile monitoring down
