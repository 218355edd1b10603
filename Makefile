# Thin: every target calls a tool or a module of ci/. `make help` says what each does.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SOURCES := platform operators ci charts/davit_charts_tests e2e
PROVIDER ?= auto

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  \033[36m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): ci/requirements/dev.txt platform/pyproject.toml $(wildcard operators/*/pyproject.toml)
	@echo "== Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or later is needed, this is {v.major}.{v.minor}: install it, or say make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r ci/requirements/dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e platform -e operators/etcd -e operators/prometheus -e operators/alertmanager
	@touch $@

.PHONY: up
up: $(STAMP) ## A cluster, Davit on it, and a sample etcd that serves and is backed up (NODES=1..3, 1 by default, PROVIDER=auto|existing|kind|local)
	$(PY) -m ci.cluster up $(if $(NODES),--nodes $(NODES)) --provider $(PROVIDER)
	$(PY) -m ci.images load
	$(PY) -m ci.demo

.PHONY: down
down: $(STAMP) ## Remove everything that `up` started, but not the cache of builds
	$(PY) -m ci.cluster down

.PHONY: status
status: $(STAMP) ## What runs, and where its files are
	$(PY) -m ci.cluster status

.PHONY: metrics
metrics: $(STAMP) ## Add metrics-server to the local cluster, for `kubectl top`
	$(PY) -m ci.cluster metrics

.PHONY: images
images: $(STAMP) ## Build all images, and load them where a cluster is up
	$(PY) -m ci.images build

.PHONY: fmt
fmt: $(STAMP) ## Format the code
	$(VENV)/bin/ruff format $(SOURCES)
	$(VENV)/bin/ruff check --fix $(SOURCES)

.PHONY: lint
lint: $(STAMP) ## Format, rules, and which room may import which
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/lint-imports

.PHONY: type
type: $(STAMP) ## mypy, strict
	$(VENV)/bin/mypy

.PHONY: unit
unit: $(STAMP) ## Pure rooms and fakes, in random order; what takes a minute hangs
	$(PY) -m pytest platform operators ci e2e/support e2e/bench -m "not api and not differential" --timeout=60 -q

.PHONY: api
api: $(STAMP) ## Against a real kube-apiserver and etcd, without nodes
	$(PY) -m ci.tools build kubernetes etcd35 etcd36 etcd37 minio
	$(PY) -m pytest platform operators ci -m api --timeout=180 -q -n 2

.PHONY: differential
differential: $(STAMP) ## What Davit generates against what prometheus-operator does; its first build takes minutes
	$(PY) -m ci.tools build promtool245 promtool253 prometheus3 amtool025 amtool028 alertmanager prometheus-operator
	$(PY) -m pytest operators -m differential --timeout=300 -q

.PHONY: charts
charts: $(STAMP) ## The charts' rules and goldens, on Helm 3 and 4
	$(PY) -m ci.tools build helm3 helm4 kubeconform kubernetes etcd36
	$(PY) -m pytest charts -q -n 2

.PHONY: e2e
e2e: $(STAMP) ## Everything on a real cluster
	$(PY) -m ci.cluster up
	$(PY) -m ci.images load
	$(PY) -m pytest e2e -m "not serial" -p no:randomly -n 2 -v
	$(PY) -m pytest e2e -m serial -p no:randomly -v

.PHONY: e2e-ci
e2e-ci: $(STAMP)
	$(PY) -m ci.cluster up
	$(PY) -m ci.images load
	$(PY) -m pytest e2e -m "ci and not serial" -p no:randomly -n 2 -v
	$(PY) -m pytest e2e -m "ci and serial" -p no:randomly -v

.PHONY: test
test: lint type verify unit api charts e2e-ci ## All tests, with CI's slice of e2e

.PHONY: golden
golden: $(STAMP) ## Rewrite the golden files; look at the difference before you commit it
	DAVIT_GOLDEN=write $(PY) -m pytest operators charts -q -k golden

.PHONY: generate
generate: $(STAMP) ## Write all generated files
	$(PY) -m ci.generate

.PHONY: verify
verify: $(STAMP) ## Fail where a generated file is not what the generator writes
	$(PY) -m ci.generate --check

.PHONY: lock
lock: $(STAMP) ## Resolve the requirements anew
	cd ci/requirements && for f in etcd prometheus alertmanager dev; do ../../$(VENV)/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	  --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header -o $$f.txt $$f.in; done

.PHONY: bench
bench: $(STAMP) ## Timings, side by side with a bare StatefulSet and with prometheus-operator; WRITE=docs/figures.md keeps the table
	$(PY) -m ci.cluster up
	$(PY) -m ci.images load
	$(PY) -m ci.tools build kwok
	$(PY) -m ci.demo
	$(PY) -m e2e.bench $(if $(WRITE),--write $(WRITE))
