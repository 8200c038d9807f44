# Every target makes its own set-up in .venv first; the second time that takes no time.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
OUT ?= build/kit
VOC ?= 2000
HEAVY := server or browser or kit
DEV := .venv/.ready-dev

# A workshop kit replaces the package index, too.
ifdef BOOTCAMP_KIT
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(BOOTCAMP_KIT)/wheels
endif

.PHONY: lab app run test test-kit test-server test-browser lint bench notebooks kit lock clean

lab: $(READY)  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --config=jupyter_server_config.json notebooks

app: $(READY)  ## serve the search page on http://127.0.0.1:8866
	$(BIN)/voila --Voila.ip=127.0.0.1 --port=8866 --no-browser notebooks/app.ipynb

run: $(READY)  ## execute every notebook without a browser, into build/
	$(BIN)/python -m helpers.course.run_notebooks

test: $(DEV)  ## unit tests, then the slow ones, then every notebook through nbval
	$(BIN)/python -m pytest -m "not ($(HEAVY) or slow or weights)" tests
	$(BIN)/python -m pytest -m "(slow or weights) and not ($(HEAVY))" tests
	BOOTCAMP_DATASET=sample BOOTCAMP_DATA=build/test-data $(BIN)/python -m pytest \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=900 notebooks

test-kit: $(DEV)  ## build a workshop kit and install from it, without any network
	$(BIN)/python -m pytest -m kit tests

test-server: $(DEV)  ## the same answers from a real Milvus server
	$(BIN)/python -m pytest -m server tests

test-browser: $(DEV)  ## JupyterLab and Voila in a real Chromium
	$(BIN)/python -m pytest -m browser tests

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: $(READY)  ## execute the notebooks on the sample and store their outputs
	BOOTCAMP_DATASET=sample BOOTCAMP_DATA=build/notebook-data $(BIN)/python -m helpers.course.run_notebooks --save

bench: $(DEV)  ## side-by-side measurements, each a table and a file in build/bench/
	for script in bench/*.py; do $(BIN)/python $$script || exit 1; done

kit: $(READY)  ## a folder for a USB stick that replaces the internet: make kit OUT=/media/usb VOC=2000
	$(BIN)/python -m helpers.course.kit $(OUT) --voc $(VOC)

lock:  ## write the lock files anew (needs uv)
	.ci/lock

clean:
	rm -rf build .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed; name it: make PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(DEV): $(READY) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@
