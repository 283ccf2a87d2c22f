# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Any Python 3.9 or later; it looks for the versions that the tools need by itself.
PYTHON ?= python3

# From here on: the Python of the controller, once it is set up.
PY := .lab/venv/bin/python

export PYTHONPATH := $(CURDIR)/tests
export PYTHONDONTWRITEBYTECODE := 1
LAB := $(PYTHON) -m lab

.DEFAULT_GOAL := help
.PHONY: help setup test quick lint unit integration e2e docker sanity demo demo-clean bench changelog guides site clean

help: ## Show what there is to make
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Install into .lab/ all that the tests need: tools, collections, Open WebUI, PostgreSQL
	@$(LAB) setup

test: ## Everything: set up, lint, unit, sanity, integration, e2e, docker
	@$(LAB) test

quick: ## Linters and unit tests side by side, in less than two minutes: what to run before a commit
	@$(LAB) setup quick

lint: ## mypy, ruff, yamllint, ansible-lint, antsibull-docs, antsibull-changelog, the documentation's site
	@$(LAB) setup lint

unit: ## Unit tests, also on Python 3.9 where there is one
	@$(LAB) setup unit

integration: ## Tests against real PostgreSQL, 18 and Debian's
	@$(LAB) setup integration

e2e: ## A real Open WebUI moved from SQLite to PostgreSQL, looked at over HTTP and in a browser
	@$(LAB) setup e2e

docker: ## The same with containers, in a Docker Engine of its own where none runs
	@$(LAB) setup docker

sanity: ## ansible-test sanity
	@$(LAB) setup sanity

demo: ## Watch a real Open WebUI move to PostgreSQL, and use it afterwards; RUNTIME=container for one in Docker
	@$(LAB) setup-demo
	@$(PY) demo/demo.py up --runtime $(or $(RUNTIME),command)

demo-clean: ## Stop the demo and remove what it made
	@if [ -x $(PY) ]; then $(PY) demo/demo.py clean; fi

bench: ## Measure the migration beside pg_restore and other tools; BENCH="--size 4096" for another size in MB
	@$(LAB) setup
	@$(PY) benchmarks/bench.py $(BENCH)

changelog: ## Rewrite CHANGELOG.md, with the modules and roles that are there now
	@$(LAB) setup
	@$(LAB) changelog

guides: ## Rewrite docs/docsite/rst from README.md, CONTRIBUTING.md and docs/*.md
	@$(LAB) setup
	@$(PY) -m lab guides

site: ## Write the documentation as HTML to .lab/site/html
	@$(LAB) setup
	@$(LAB) site

clean: demo-clean ## Remove all that was installed into this checkout
	@if [ -d .lab/docker ]; then $(LAB) engine stop; fi
	@rm -rf .lab .pytest_cache .ruff_cache .collections/ansible_collections/community
