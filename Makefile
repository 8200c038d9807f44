# Every target sets up .venv first if it has to; from the second time on, that takes no time.
# `make help` lists the targets. Another Python: make lab PYTHON=python3.13. A second environment
# beside the first: make run PYTHON=python3.13 VENV=.venv-3.13.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SCALE := $(VENV)/.ready-scale
DEV := $(VENV)/.ready-dev
BOOK := $(VENV)/.ready-book
HOST ?= 127.0.0.1
PORT ?= 8866
ADDRESS ?= local
OUT ?= build/kit
VOC ?= 2000
FOR ?=
PYTHONS ?=
HEAVY := server or browser or kit
SLOW := slow or weights
TWO := -n 2 --dist loadgroup
MINOR := import sys; print("%d.%d" % sys.version_info[:2])

# A workshop kit replaces the package index, too.
ifdef BOOTCAMP_KIT
export PIP_NO_INDEX := 1
# pip separates places by spaces, so a space in the kit's path is written as in an address.
space := $(subst ,, )
export PIP_FIND_LINKS := file://$(subst $(space),%20,$(if $(filter /%,$(BOOTCAMP_KIT)),,$(CURDIR)/)$(BOOTCAMP_KIT))/wheels
endif

# An environment keeps the Python that it was made with, so don't pretend to use another.
ifneq ($(origin PYTHON),file)
ifneq ($(wildcard $(BIN)/python),)
ifeq ($(filter help lock clean,$(MAKECMDGOALS)),)
ifneq ($(shell $(BIN)/python -c '$(MINOR)'),$(shell $(PYTHON) -c '$(MINOR)'))
$(error $(VENV) has another Python than $(PYTHON). Run `make clean` first, or add VENV=.venv-new)
endif
endif
endif
endif

.DELETE_ON_ERROR:
.PHONY: lab check app run setup unit test test-kit test-server test-browser lint bench book notebooks editions results extract-cluster backup restore kit lock clean help

lab: $(READY)  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --config=jupyter_server_config.json notebooks

check: $(READY)  ## is this computer ready for the course? what to mend, and a line for the teacher
	$(BIN)/python -m helpers.course.check_setup

app: $(READY)  ## serve the search page; for others on the network, too: make app HOST=0.0.0.0
	$(BIN)/python -m search_app --host=$(HOST) --port=$(PORT)

run: $(READY)  ## execute every notebook without a browser, into build/
	$(BIN)/python -m helpers.course.run_notebooks

setup: $(DEV)  ## install everything, including what the tests need

unit: $(DEV)  ## the unit tests alone, for the inner loop (about a minute)
	$(BIN)/python -m pytest $(TWO) -m "not ($(HEAVY) or $(SLOW))" tests

test: unit  ## the unit tests, the slow ones, then every notebook through nbval
	$(BIN)/python -m pytest $(TWO) -m "($(SLOW)) and not ($(HEAVY))" tests
	BOOTCAMP_DATASET=sample BOOTCAMP_DATA=build/test-data $(BIN)/python -m pytest \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=900 notebooks

test-kit: $(DEV)  ## build a workshop kit and install from it, without any network
	$(BIN)/python -m pytest -m kit tests

test-server: $(DEV)  ## the same answers from a real Milvus server
	$(BIN)/python -m pytest -m server tests

test-browser: $(DEV)  ## JupyterLab and the search page in a real Chromium
	$(BIN)/python -m pytest -m browser tests

lint: $(DEV)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

book: $(BOOK)  ## the course as a site, from the stored outputs: build/book/index.html
	$(BIN)/python -m sphinx -q -W --keep-going -b html -c docs/book -d build/book-cache . build/book

notebooks: $(READY)  ## execute the notebooks on the sample and store their outputs
	BOOTCAMP_DATASET=sample BOOTCAMP_DATA=build/notebook-data $(BIN)/python -m helpers.course.run_notebooks --save

editions: $(READY)  ## build/learner/ without solutions, to hand out; build/instructor/ with all, executed
	$(BIN)/python -m helpers.course.editions

results: $(READY)  ## how good the search is on BOOTCAMP_DATASET, as a table and build/results.json
	$(BIN)/python -m helpers.course.results $(if $(ALSO),--also $(ALSO))

backup: $(READY)  ## keep all collections as Parquet files: make backup TO=/media/usb/backup
	$(BIN)/python -m helpers.index.backup save $(or $(TO),$(error Say where: make backup TO=folder))

restore: $(READY)  ## and bring them back, on any Milvus: make restore FROM=/media/usb/backup
	$(BIN)/python -m helpers.index.backup restore $(or $(FROM),$(error Say from where: make restore FROM=folder))

extract-cluster: $(SCALE)  ## extract on all machines of a Ray cluster: make extract-cluster ADDRESS=auto
	$(BIN)/python -m helpers.scale.ray_extract --address $(ADDRESS)

bench: $(DEV)  ## side-by-side measurements, each a table and a file in build/bench/
	for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

kit: $(READY)  ## a folder that replaces the internet: make kit OUT=/media/usb FOR="windows macos" (or here)
	$(BIN)/python -m helpers.course.kit '$(OUT)' --voc $(VOC) --for "$(FOR)" --pythons "$(PYTHONS)"

lock:  ## re-lock the versions (needs uv; .ci/lock --upgrade takes newer ones)
	.ci/lock

clean:  ## delete build/ and the environment; downloads in data/ stay
	rm -rf build $(VENV)

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' Makefile

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and 'Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)

$(READY): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(SCALE): $(READY) requirements-scale.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-scale.lock
	touch $@

$(BOOK): requirements-book.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-book.lock
	touch $@

$(DEV): $(READY) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@
