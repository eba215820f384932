# make serve   set up everything and serve the shipped model on http://127.0.0.1:8000
# make test    set up everything and run the tests
# make check   format, lint, types and the layer contract
# make model   train the shipped model from the labelled corpora ($FALSETRUE_CORPORA)
# make bench   compare with scikit-learn, a bare FastAPI app and others
# make help    the rest

# The first of these that is Python 3.11 or newer. A pyenv without the version that .python-version
# names answers nothing, so the system's own stands last.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python /usr/bin/python3; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)
VENV ?= .venv
VENV_DEV ?= .venv-dev
FALSETRUE_CORPORA ?= $(wildcard ../shared/data)
PYTEST_ARGS ?=
BENCH_ARGS ?=
TORTURE_ARGS ?=
export FALSETRUE_CORPORA

CORPORA = isot_partial_fulltext fakenewsnet_gossipcop fakenewsnet_politifact cs216_outlets2017 \
	buzzfeed_webis2016 fakenewsamt coaid spanish_fakenews_corpus liar2 covid19_fnir

.PHONY: help serve test check format native model select bench bench-monitor torture lock messages screenshots picture wheel clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo 'make select | bench-monitor | torture | format | lock | messages | screenshots | picture | wheel | clean'

# --- environments ------------------------------------------------------------------------------
# Debian's Python may lack ensurepip, without which `venv` cannot make an environment with pip;
# virtualenv can.

define environment
	@test -n "$(PYTHON)" || { echo "falsetrue needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3"; exit 2; }
	@rm -rf $(1)
	@mkdir -p $(1) || { echo "$(1) cannot be made here; name a folder that can: make VENV=/somewhere/else"; exit 2; }
	@$(PYTHON) -m venv $(1) >/dev/null 2>&1 || { \
		rm -rf $(1) $(1)-bootstrap && \
		$(PYTHON) -m pip install --quiet --require-hashes --target $(1)-bootstrap -r requirements-build.txt && \
		PYTHONPATH=$(1)-bootstrap $(PYTHON) -m virtualenv --quiet $(1) && rm -rf $(1)-bootstrap; }
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.txt -r $(2)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(1)/ready
endef

$(VENV)/ready: requirements.txt requirements-build.txt pyproject.toml setup.py
	$(call environment,$(VENV),requirements.txt)

$(VENV_DEV)/ready: requirements-dev.txt requirements-build.txt pyproject.toml setup.py
	$(call environment,$(VENV_DEV),requirements-dev.txt)

# --- what people run -----------------------------------------------------------------------------

serve: $(VENV)/ready
	$(VENV)/bin/falsetrue serve

test: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python -m pytest $(PYTEST_ARGS)

check: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/ruff check .
	$(VENV_DEV)/bin/ruff format --check .
	$(VENV_DEV)/bin/mypy
	$(VENV_DEV)/bin/lint-imports

format: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/ruff check --fix .
	$(VENV_DEV)/bin/ruff format .

# After a change of C.
native: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python setup.py --quiet build_ext --inplace

model: $(VENV_DEV)/ready
	@test -n "$(FALSETRUE_CORPORA)" || { echo "name the folder of the corpora: make model FALSETRUE_CORPORA=…"; exit 2; }
	$(VENV_DEV)/bin/falsetrue train $(CORPORA:%=$(FALSETRUE_CORPORA)/%.parquet) \
		-o src/falsetrue/shipped --replace --name news-en-es --language en --language es \
		--about training/corpora.toml --rows 6000

select: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python benchmarks/model_selection.py "$(FALSETRUE_CORPORA)"

bench: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python benchmarks/run.py $(BENCH_ARGS)

# Years of traffic, simulated: false alarms and delays of the monitor, beside others.
bench-monitor: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python benchmarks/monitor/run.py $(BENCH_ARGS)

# Two hours or more of everything that may break the service, and then the compiled kernel; needs Debian's postgresql
# and faketime, clang with libFuzzer, and gcc.
torture: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python -m tests.fire.torture $(TORTURE_ARGS)

# --- looking after the project ---------------------------------------------------------------------

lock:
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet $(LOCK) pyproject.toml -o requirements.txt
	.venv-lock/bin/uv pip compile --quiet $(LOCK) --group build -o requirements-build.txt
	.venv-lock/bin/uv pip compile --quiet $(LOCK) --all-extras --group dev --group build -c requirements.txt -c requirements-build.txt pyproject.toml -o requirements-dev.txt
LOCK = --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

messages: $(VENV_DEV)/ready
	@mkdir -p build
	$(VENV_DEV)/bin/pybabel -q extract -F babel.cfg -k mark --no-location --omit-header -o build/falsetrue.pot .
	$(VENV_DEV)/bin/pybabel -q update -i build/falsetrue.pot -d $(LOCALE) -D falsetrue -l es -N --ignore-obsolete --ignore-pot-creation-date -w 120
	$(VENV_DEV)/bin/pybabel -q compile -d $(LOCALE) -D falsetrue
LOCALE = src/falsetrue/service/locale

screenshots: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python docs/images/take_screenshots.py

# Needs Graphviz (`dot`).
picture:
	dot -Tsvg docs/images/architecture.dot -o docs/images/architecture.svg

wheel: $(VENV_DEV)/ready
	$(VENV_DEV)/bin/python -m build --wheel --no-isolation

clean:
	rm -rf .venv .venv-dev .venv-lock build dist src/*.egg-info
