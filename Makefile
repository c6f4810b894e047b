# `make` alone lists the targets. Python and the programs are made once, outside the work tree.
MODE ?= grpc-routing
OVERLAY ?=
PORT ?=
PY := tools/python
# A file's tests share what they build.
OFFLINE := -m pytest tests --ignore tests/live --numprocesses auto --dist loadfile --durations=10 --durations-min=1

.DEFAULT_GOAL := help
.PHONY: help up down status doctor test test-faults test-mesh check lint verify-crds update-crds verify-reference update-reference bump history bench

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

up: ## start Argo CD behind Istio here: MODE=passthrough|termination|grpc-routing, or OVERLAY=DIR for your own; PORT=8443
	@exec $(PY) -m live up $(if $(OVERLAY),--overlay "$(OVERLAY)",--mode "$(MODE)") $(if $(PORT),--port "$(PORT)")

down: ## stop what `make up` started
	@exec $(PY) -m live down

status: ## what runs
	@exec $(PY) -m live status

doctor: ## what this system lacks, with the line that installs it
	@exec $(PY) -m live doctor

test: lint ## make check, and every mode on the real programs
	@$(PY) -m live doctor --install
	@$(PY) $(OFFLINE)
	@$(PY) -m pytest tests/live --ignore tests/live/faults --ignore tests/live/mesh

test-faults: ## high availability on the real programs while parts of it are killed, frozen and cut off
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/faults

test-mesh: ## the whole truth table with Istio's sidecars, and what mistakes with them break; needs root
	@$(PY) -m live doctor --install
	@$(PY) -m pytest tests/live/mesh

check: lint ## everything that needs no running cluster
	@$(PY) $(OFFLINE)

lint:
	@$(PY) -m ruff check --quiet . && $(PY) -m ruff format --quiet --check . && $(PY) -m mypy

update-crds: ## generate base/crds from Argo CD's Go types
	@$(PY) -m tools.crds update

verify-crds: ## fail where base/crds is not what update-crds writes
	@$(PY) -m tools.crds verify

update-reference: ## write the JSON Schema and the tables of docs/plugin.md from the code
	@$(PY) -m tools.reference update

verify-reference: ## fail where they are not what update-reference writes
	@$(PY) -m tools.reference verify

bump: ## to another release of Argo CD: ARGOCD=vX.Y.Z, else the newest; RELEASE=vX.Y.Z ahead of its module
	@exec $(PY) -m tools.bump --argocd "$(if $(filter command%,$(origin ARGOCD)),$(ARGOCD))" --release "$(RELEASE)"

history: ## what `make bump` does with the releases of the past, into docs/releases.md
	@exec $(PY) -m tools.bump.history

bench: ## our builds beside upstream's install, as ratios
	@$(PY) -m bench
