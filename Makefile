# `make` alone lists the targets. Python and the programs are built once, outside the work tree.
MODE ?= grpc-routing
OVERLAY ?=
PORT ?=
UI ?=
ONLY ?=
PY := tools/python
# The tests of a file share what they build, or a live cluster, which mostly waits and needs 2 GB of memory.
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder --durations 10 --durations-min 1
OFFLINE := -m pytest tests --ignore tests/live --ignore tests/peers --numprocesses auto $(SIDE_BY_SIDE)
MOST := --numprocesses $(shell echo $$(($$(nproc) < 4 ? $$(nproc) + 2 : 6))) $(SIDE_BY_SIDE)

.DEFAULT_GOAL := help
.PHONY: help up down status doctor test test-faults test-mesh test-ways test-rules test-ui test-sso test-upstream check lint verify-crds update-crds verify-reference update-reference bump history bench fuzz

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

up: ## start Argo CD behind Istio here: MODE=passthrough|termination|grpc-routing, or OVERLAY=DIR for your own; PORT=8443; UI=0 without UI
	@exec $(PY) -m live up $(if $(OVERLAY),--overlay "$(OVERLAY)",--mode "$(MODE)") $(if $(PORT),--port "$(PORT)") $(if $(filter 0,$(UI)),--no-ui)

down: ## stop what `make up` started
	@exec $(PY) -m live down

status: ## show what runs
	@exec $(PY) -m live status

doctor: ## list missing system packages, with the command that installs them
	@exec $(PY) -m live doctor

test: lint ## run make check, and test every mode with the real programs
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests --ignore tests/live/faults --ignore tests/live/mesh --ignore tests/live/all_ways \
	  --ignore tests/live/all_rules --ignore tests/live/ui --ignore tests/live/sso --ignore tests/peers $(MOST)

test-faults: ## test high availability while parts of it are killed, frozen and cut off
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/faults --numprocesses 2 --dist load --maxschedchunk 1 --durations 10 --durations-min 1

test-mesh: ## test every mode with Istio's sidecars, and what mistakes with them break; needs root
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/mesh

test-ways: ## test every row of the truth table in every way, and write results/ways.md
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/all_ways $(MOST)

test-rules: ## test the faults of rules on live clusters, and other tools on seeded ones; write results/rules-live.md, peers.md
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/all_rules tests/peers $(MOST)

test-ui: ## test Argo CD's own UI in a real browser, and write results/ui.md and ui-*.png
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/ui $(MOST)

test-sso: ## test single sign-on with a real provider, in each mode and way, and write results/sso.md
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/sso $(MOST)

test-upstream: ## run Argo CD's own end-to-end tests through each exposure, and write results/upstream.md: ONLY="--set sample --jobs 3"
	@$(PY) -m tests.upstream $(ONLY)

check: lint ## run everything that needs no running cluster
	@$(PY) $(OFFLINE)

lint:
	@$(PY) -m ruff check --quiet . && $(PY) -m ruff format --quiet --check . && $(PY) -m mypy

update-crds: ## generate base/crds from Argo CD's Go types
	@$(PY) -m tools.crds update

verify-crds: ## fail if base/crds is not what update-crds writes
	@$(PY) -m tools.crds verify

update-reference: ## write the JSON Schema, tables of pages and the library's reference from the code
	@$(PY) -m tools.reference update

verify-reference: ## fail if they are not what update-reference writes
	@$(PY) -m tools.reference verify

bump: ## update to another release of Argo CD: ARGOCD=vX.Y.Z, else the newest; RELEASE=vX.Y.Z ahead of its module
	@exec $(PY) -m tools.bump --argocd "$(if $(filter command%,$(origin ARGOCD)),$(ARGOCD))" --release "$(RELEASE)"

history: ## write into docs/releases.md what `make bump` does with past releases
	@exec $(PY) -m tools.bump.history

fuzz: ## give lint and probe 200000 broken inputs, and write results/fuzz.md
	@ARGOCD_ISTIO_FUZZ=30 $(PY) -m pytest tests/plugin/test_lint_fuzz.py tests/plugin/test_probe_fuzz.py $(MOST)

bench: ## compare our builds with upstream's install, as ratios
	@$(PY) -m bench
