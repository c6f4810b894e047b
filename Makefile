# `make` alone lists the targets. Python and the programs are made once, outside the work tree.
MODE ?= grpc-routing
PY := tools/python

.DEFAULT_GOAL := help
.PHONY: help check lint

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

check: lint ## everything that needs no live chain
	@$(PY) -m pytest tests/render

lint: ## Python style and types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
