# Every target does its own set-up, once: `make demo` and `make test` work on a fresh clone.
#
#   PYTHON=   the interpreter to use (default: the first of 3.11 or newer that is found)
#   PORT=     where the product listens
#   ONCE=1    make demo: end after the report
#   PG_BIN=   make test: run on the PostgreSQL whose programs are in that directory

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

py := .venv/bin/python
pip := $(py) -m pip --disable-pip-version-check --quiet install --require-hashes
done := .venv/.done
tests := $(py) -m pytest -n 2 --dist loadgroup
uv_compile := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --quiet

$(foreach name,PORT ONCE PG_BIN,$(if $($(name)),$(eval export $(name))))

.PHONY: help setup demo run test test-full bench lint checks browser lock

help:
	@echo "make demo | run | test | test-full | bench | lint | setup | lock"

setup: $(done)/base $(done)/durable
	@test -n "$${DATABASE_URL:-}" || $(py) manage.py db start
	@$(py) manage.py migrate --no-input --verbosity 0
	@cat $(done)/durable

demo: $(done)/base $(done)/durable  # it brings a database of its own
	@cat $(done)/durable
	@$(py) manage.py demo

run: setup
	@exec $(py) manage.py up

bench: setup $(done)/dev  # DuckDB, which the counts are held against, is one of those packages
	@$(py) manage.py bench

test: lint browser
	$(tests) -m "not full"

test-full: lint browser
	$(tests)

lint: setup $(done)/dev checks

checks: export DJANGO_SETTINGS_MODULE := tests.settings
checks:
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(py) manage.py check
	$(py) manage.py makemigrations --check --dry-run

browser:
	@tools/browser

# Only on purpose: raises the locked versions that pyproject.toml allows.
lock: $(done)/dev
	$(uv_compile) pyproject.toml -o requirements/base.txt
	$(uv_compile) --group dev -c requirements/base.txt -o requirements/dev.txt
	$(uv_compile) --group durable -o requirements/durable.txt

.venv/pyvenv.cfg:
	@tools/environment $(PYTHON)

$(done)/base: .venv/pyvenv.cfg requirements/base.txt
	@echo "Installing the locked packages"
	@$(pip) -r requirements/base.txt
	@mkdir -p $(done) && touch $@

$(done)/durable: $(done)/base requirements/durable.txt tools/durable
	@tools/durable > $@.part
	@mv $@.part $@

$(done)/dev: $(done)/base requirements/dev.txt
	@echo "Installing the packages of the tests"
	@$(pip) -r requirements/dev.txt
	@touch $@
