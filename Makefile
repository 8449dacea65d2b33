# `make demo` and `make test` do everything on a machine with Python 3.11+ and make.
.DEFAULT_GOAL := help
.PHONY: help demo example kafka test coverage test-long test-faults check names docs fix pins wheel bench bench-ingest bench-exposure bench-schema bench-analysis bench-collector bench-emitter clean

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin
# What is in the environment; each group of pins adds to the one before.
COMMAND := $(VENV)/build.installed
READY := $(VENV)/dev.installed
PEERS := $(VENV)/bench.installed
OUT ?= demo
# Nothing here talks to anybody but the package index.
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
# Ours is MkDocs 1: the theme's notice would be a line in every build.
export NO_MKDOCS_2_WARNING := 1

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 18

$(COMMAND): requirements/run.txt requirements/build.txt requirements/install.py pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "panelstream: no $(PYTHON) here; install Python 3.11 to 3.13, or name one: make PYTHON=python3.12 ..."; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "panelstream: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12 ..."; exit 3; }
	@$(PYTHON) -m requirements.install $(VENV) build

$(READY): requirements/dev.txt $(COMMAND)
	@$(PYTHON) -m requirements.install $(VENV) dev

$(PEERS): requirements/bench.txt $(READY)
	@$(PYTHON) -m requirements.install $(VENV) bench

demo: $(COMMAND)  ## simulate a study, run it through the whole path, show the report
	@$(RUN)/panelstream demo --out $(OUT)

example: $(COMMAND)  ## the real study of examples/lifesnaps, which is made of files only
	rm -rf build/lifesnaps && mkdir -p build && cp -R examples/lifesnaps build/lifesnaps
	$(RUN)/panelstream init build/lifesnaps
	$(RUN)/panelstream flows run study --study build/lifesnaps --out build/lifesnaps/results

kafka:  ## start a one-node Kafka on 127.0.0.1:9092 (Java 17, Maven); deploy/kafka/kafka stop ends it
	@$(PYTHON) deploy/kafka/kafka start

# A file stays together, for what its tests share; with more at once, waits grow past what tests grant.
SIDE_BY_SIDE := -n 3 --dist loadfile

test: $(READY)  ## every test but the long ones
	$(RUN)/python -m pytest $(SIDE_BY_SIDE) -m "not long"

coverage: $(READY)  ## the same, and the lines that no test reached
	$(RUN)/python -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term:skip-covered -m "not long"

test-long: $(READY)  ## coverage of planted effects over 200 seeds, long properties, fuzzing
	PANELSTREAM_EXAMPLES=500 $(RUN)/python -m pytest $(SIDE_BY_SIDE) -m "long or not long"

test-faults: $(READY)  ## Kafka, workers and warehouse hurt 69 times; a ledger of a million events and a panel of them
	$(RUN)/python -m tests.faults

check: $(READY)  ## pins, style, types, layers, names, SQL, links of the docs; changes nothing
	$(RUN)/python -m requirements.check
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python -m tests.checks.names
	$(RUN)/sqlfmt --check --quiet models/warehouse/sql
	$(RUN)/python -m docs.generator --check
	$(RUN)/mkdocs build --quiet

names: $(READY)  ## names that are pronouns or participles, and names that several modules define
	$(RUN)/python -m tests.checks.names

docs: $(READY)  ## the documentation as a site: build/docs/index.html, without a network
	$(RUN)/python -m docs.generator
	$(RUN)/mkdocs build
	@echo "open build/docs/index.html in a browser"

fix: $(READY)  ## fix style and format
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .
	$(RUN)/sqlfmt --quiet models/warehouse/sql

UPGRADE ?=
pins:  ## make requirements/ again; UPGRADE=all, or UPGRADE="name name", takes newer versions
	$(PYTHON) -m venv build/pins
	build/pins/bin/pip install --quiet --upgrade pip packaging uv
	build/pins/bin/python -m requirements.renew $(UPGRADE)

wheel: $(COMMAND)  ## build both wheels into dist/, with the constraints beside them
	rm -rf dist
	$(RUN)/python -m hatchling build --target wheel
	cd ingest/emitter && $(abspath $(RUN))/python -m hatchling build --target wheel --directory $(abspath dist)
	cp requirements/constraints.txt dist/

bench: bench-ingest bench-exposure bench-schema bench-analysis bench-collector bench-emitter  ## ratios against named peers, in one run on this machine

bench-ingest: $(READY)  ## files and Kafka against the engine's own insert and a bare loop; a worker's memory
	$(RUN)/python -m bench

EVENTS ?= 100000000
bench-exposure: $(PEERS)  ## measured use against Polars, DuckDB and GROUP BY; EVENTS=10000000 for a short run
	$(RUN)/python -m bench.exposure --events $(EVENTS)

bench-schema: $(READY)  ## what other keys, partitions and types of the log would cost
	$(RUN)/python -m bench.schema

bench-analysis: $(PEERS)  ## the same for fits of 24,000 people × 8 waves; pyfixest and R's lme4 if they are there
	$(RUN)/python -m bench.analysis

bench-emitter: $(READY)  ## the emitter: µs a call in both modes, events/s against bare kafka-python
	PYTHONPATH=ingest/emitter $(RUN)/python -m bench.emitter

bench-collector: $(READY)  ## events a second over HTTP, against an empty 202 (Java 17, Maven)
	$(RUN)/python -m bench.collector

clean:  ## remove what make made
	rm -rf $(VENV) build dist demo
