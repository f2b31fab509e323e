# Every task of the project. `make` alone lists them; each installs what it needs first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

NODE_VERSION := 24.21.0
# The machine's own Node serves when it is new enough (package.json "engines"); else npm brings one into build/node.
NODE_FITS := $(shell node -p 'const [a, b] = process.versions.node.split(".").map(Number); a > 24 || (a === 24 && b >= 15)' 2>/dev/null)
ifeq ($(NODE_FITS),true)
NODE_BIN := $(shell dirname "$$(command -v node)")
NODE_READY :=
else
NODE_BIN := $(CURDIR)/build/node/node_modules/node/bin
NODE_READY := build/node/$(NODE_VERSION)
endif
export PATH := $(NODE_BIN):$(CURDIR)/node_modules/.bin:$(PATH)

MODULES := build/modules
TESTS := 'crds/**/*.test.ts' 'policies/**/*.test.ts' 'kube/**/*.test.ts' 'process/**/*.test.ts' 'operator/**/*.test.ts' \
         'webhook/**/*.test.ts' 'cli/**/*.test.ts' 'deploy/**/*.test.ts' 'docs/**/*.test.ts' 'test/**/*.test.ts'
# Exit is forced once all tests of a file are told: Node 24 was seen to spin for ever in its own clean-up after the last of them.
# Each test as it ends, and in the last line how many passed and failed.
REPORTERS := --test-reporter=spec --test-reporter-destination=stdout --test-reporter=./test/summary-reporter.ts --test-reporter-destination=stdout
# Every file is a process, and many start others: what Node makes of the sources is kept for the next. The API servers of tests
# live for a minute, and so collect their garbage more rarely than Go would.
TEST_ENV := NODE_COMPILE_CACHE=$(CURDIR)/build/compile-cache GOGC=400
ARGS ?=

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: modules control-plane ## watch the whole chain on a real API server; ARGS=--once ends instead of staying up
	@node cli/main.ts demo $(ARGS)

.PHONY: test
test: modules control-plane ## run every test on a real API server; FILES='a.test.ts b.test.ts' runs only those
	@$(TEST_ENV) node --test --test-concurrency=3 --test-timeout=600000 --test-force-exit $(REPORTERS) $(if $(FILES),$(FILES),$(TESTS))

.PHONY: bench
bench: modules control-plane bundle ## measure; prints a table and writes build/bench.json
	@node test/load/main.ts $(ARGS)

.PHONY: conformance
conformance: modules control-plane ## compare with Kubernetes' own CEL; ARGS='--evaluations 1000000 --seed 7' says how much
	@node test/conformance/main.ts $(ARGS)

.PHONY: fuzz
fuzz: modules ## hostile inputs for expressions and decisions; ARGS='--inputs 500000 --seed 7' says how many of each
	@node test/fuzz/main.ts $(ARGS)

.PHONY: soak
soak: modules ## kill the ledger of use 1,000 times and judge what it holds; ARGS='--kills 5000 --seed 7'
	@node test/usage/soak.ts $(ARGS)

.PHONY: billing-soak
billing-soak: modules ## simulate 1,000 months of reports and of changed orders to a failing Stripe; SEEDS=5000 says how many
	@WRIT_BILLING_SEEDS=$(or $(SEEDS),1000) node --test --test-force-exit test/billing/outbox.test.ts test/billing/subscription-seeds.test.ts

.PHONY: lint
lint: modules ## type check, lint, format check
	@echo "tsc";   tsc -p .
	@echo "oxlint"; oxlint --deny-warnings
	@echo "oxfmt"; oxfmt --check >/dev/null || { oxfmt --list-different; echo "run: make format"; exit 1; }

.PHONY: format
format: modules ## format the sources
	@oxfmt

.PHONY: cluster
cluster: modules control-plane ## start a control plane, print how to use it, stay until Ctrl-C
	@node test/cluster/serve.ts $(ARGS)

.PHONY: generate
generate: modules ## write what is generated: types and validators from the CRDs, docs/reference and deploy/monitoring from the code
	@node crds/generate.ts
	@node cli/schemas/generate.ts
	@node deploy/monitoring/generate.ts
	@node docs/generate/main.ts

.PHONY: bundle
bundle: modules ## make one file per process in build/bundle, as the images carry them
	@node deploy/bundle.ts

.PHONY: clean
clean: ## remove what was built here (the control plane's cache stays)
	@rm -rf build node_modules

# --- what the tasks need ---

.PHONY: tools
tools:
	@for tool in git npm; do command -v $$tool >/dev/null || { echo "$$tool is missing: install it with your package manager, then run make again" >&2; exit 1; }; done

build/node/$(NODE_VERSION): | tools
	@echo "Node $$(node --version 2>/dev/null || echo '(none)') is older than 24.15; npm brings $(NODE_VERSION) into build/node (about 10 s, once)"
	@npm install --prefix build/node --no-save --no-audit --no-fund --loglevel=error node@$(NODE_VERSION)
	@touch $@

.PHONY: modules
modules: $(MODULES) ## install Node's packages (and Node, if yours is too old), which cli/writ needs

# Not `npm ci`: it insists on the optional packages of every other platform, which a lock made on one may lack.
$(MODULES): package.json package-lock.json $(NODE_READY) | tools
	@echo "installing the packages that package-lock.json names (about 30 s, once)"
	@npm install --no-save --no-audit --no-fund --loglevel=error
	@mkdir -p build && touch $@

.PHONY: control-plane
control-plane: modules
	@node test/cluster/build.ts
