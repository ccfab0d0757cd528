# Two commands for a newcomer: `make demo` and `make test`. Both need only make and Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Two workers a core: a part of the tests waits for servers, clocks and signals.
CI_JOBS ?= $(shell $(PYTHON) -c "import os; print(2 * os.cpu_count())")
# Each worker begins with a stretch of files, so that what the tests of a file share is started once.
PYTEST = $(BIN)/python -m pytest -n $(CI_JOBS) --dist worksteal

# The tests' two tools from npm; without npm, those tests skip and say so.
NODE_MODULES := tests/node/node_modules/.installed

# What fuzzes, and what writes the bill of materials: fetched once, when one of them is first asked for.
MORE := $(VENV)/.more-installed

# What builds the documentation site: fetched once, when it is first asked for. From npm come what draws diagrams, and
# what lets a page's search work when it is opened from the disk: else a browser would fetch both from elsewhere.
DOCS := $(VENV)/.docs-installed

# Containers often forbid Python to keep what it has compiled. Then each process would compile the program anew, and each
# worker all tests: six seconds of every worker.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo docs test test-slow fuzz audit sbom coverage lint types contract golden translations screenshots torture torture-workers bench-editions bench-links bench-preview bench-send bench-serve bench-sign-up bench-sizes bench-limits bench-scale proof clean

demo: $(INSTALLED)
	$(BIN)/newsletter demo

test: lint types contract $(NODE_MODULES)
	$(PYTEST)

# Whole programs over and over: further trials of the torture, the outbox as a process, packages, real Postfix.
test-slow: $(INSTALLED) $(MORE)
	$(PYTEST) -m slow

# The same tests with a look at what they reach, which takes half as long again.
coverage: $(INSTALLED) $(NODE_MODULES)
	$(PYTEST) --cov --cov-report=term

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

contract: $(INSTALLED)
	$(BIN)/lint-imports

# Other people's text, guided by the code that it reaches. A part of it runs in `make test-slow`.
fuzz: $(MORE)
	for target in mail richtext smtp imap maillog; do $(BIN)/python tests/fuzz/run.py $$target $(FUZZ) || exit 1; done

# What is installed, pinned, allowed and known to be broken: without a network, and with ADVISORIES=FILE if you have one.
audit: $(INSTALLED)
	$(BIN)/python tools/audit.py $(if $(ADVISORIES),--advisories $(ADVISORIES))

# What the program is made of, for those who have to know: build/sbom.cdx.json.
sbom: $(MORE)
	$(BIN)/python tools/sbom.py

# The emails that test_html.py compares with: read the difference before you commit it.
golden: $(INSTALLED)
	WRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/editions/test_html.py -k looked_at

# The template of the catalogues from templates and code, and what it brings to each language's: newsletter/translation/.
translations: $(INSTALLED)
	$(BIN)/python tools/translations.py

# Every edition of every sample, as pictures, and one sheet of them all: build/screenshots/.
screenshots: $(INSTALLED)
	$(BIN)/python tools/screenshots.py

# The pages as a site with search, and the references of commands and of Python, every link followed: build/docs/.
docs: $(DOCS)
	$(BIN)/python tools/docs_site.py

# What independent judges say of the editions, on one page: build/proof/index.html.
proof: $(INSTALLED)
	$(BIN)/python tools/proof/run.py $(PROOF)

# Beside npm's mjml with WeasyPrint, which wants Debian's libpango-1.0-0, libpangoft2-1.0-0, libharfbuzz-subset0.
# BENCH=--quick makes fewer rounds, as of the other benchmarks.
bench-editions: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group bench
	npm install --prefix benchmarks --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python benchmarks/editions.py $(BENCH)
	$(BIN)/python benchmarks/inliners.py $(BENCH)

# Freezing, the inbox and the counting of lists of 10,000, 100,000 and 1,000,000; BENCH=--quick leaves out the last.
bench-sizes: $(INSTALLED)
	$(BIN)/python benchmarks/list_sizes.py $(BENCH)

# Asks 200 links of a server on this machine that takes 100 ms for each answer.
bench-links: $(INSTALLED)
	$(BIN)/python benchmarks/links.py

# Beside the development servers of Maizzle and of React Email; wants Debian's chromium.
bench-preview: $(INSTALLED)
	npm install --prefix benchmarks/preview-peers --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python benchmarks/preview.py $(BENCH)

# Whatever breaks, at any moment: nobody gets two copies, nobody is lost. A part of it runs in `make test`.
torture: $(INSTALLED)
	$(BIN)/python tests/torture/run.py $(TORTURE)

# Workers beside one another on one PostgreSQL: killed, stopped, cut off from it, with clocks that differ;
# it is restarted, and standbys take over. Rates and connections are counted at the mail server.
torture-workers: $(INSTALLED)
	$(BIN)/python tests/torture/run_workers.py $(TORTURE)

# Beside Postfix's smtp-source, nodemailer and aiosmtplib; wants Debian's postfix. BENCH=--quick takes some minutes.
bench-send: $(INSTALLED)
	npm install --prefix benchmarks/send-peers --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python benchmarks/send.py $(BENCH)

# How near a send comes to what a server's limit allows; BENCH=--quick takes fewer readers, BENCH="--only NAMES" some servers.
bench-limits: $(INSTALLED)
	$(BIN)/python benchmarks/limits/run.py $(BENCH)

# Claims and records a second on PostgreSQL by 1, 2, 4 and 8 workers, and what larger lists take.
bench-scale: $(INSTALLED)
	$(BIN)/python benchmarks/scale.py $(BENCH)

# Unsubscribes a second on both databases; wants Debian's wrk and postgresql. BENCH=--quick takes a minute.
bench-serve: $(INSTALLED)
	$(BIN)/python benchmarks/serve.py $(BENCH)

# What ten thousand sign-ups do to the service, and whether its answers' times tell who is on the list.
bench-sign-up: $(INSTALLED)
	$(BIN)/python benchmarks/sign_up.py $(BENCH)

$(MORE): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group fuzz --group sbom
	@touch $@

$(DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group docs
	@mkdir -p $(VENV)/site-scripts
	npm pack --silent --pack-destination $(VENV)/site-scripts mermaid@11.17.2 iframe-worker@1.0.4
	tar -xzOf $(VENV)/site-scripts/mermaid-11.17.2.tgz package/dist/mermaid.min.js > $(VENV)/site-scripts/mermaid.js
	tar -xzOf $(VENV)/site-scripts/iframe-worker-1.0.4.tgz package/shim/index.js > $(VENV)/site-scripts/iframe-worker.js
	@rm $(VENV)/site-scripts/*.tgz
	@touch $@

$(NODE_MODULES): tests/node/package.json
	@if command -v npm >/dev/null; then \
		npm install --prefix tests/node --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
		&& touch $@; \
	else echo "npm is not there: the tests with axe-core and the HTML checker will be skipped" >&2; fi

# The stamp is newer than what decides what is installed, so nothing unchanged is installed again.
$(INSTALLED): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . --group dev
	@touch $@

clean:
	rm -rf $(VENV) tests/node/node_modules benchmarks/node_modules benchmarks/preview-peers/node_modules benchmarks/send-peers/node_modules \
		benchmarks/preview-peers/build build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
