# Everything that people and CI run. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

STACK ?= dev
VENV := .venv
PYTHON := $(VENV)/bin/python
# Options of `make up`: APP=folder PORT=number KUBE_CONTEXT=name
UP_OPTIONS = $(if $(APP),--app '$(APP)') $(if $(PORT),--port '$(PORT)') $(if $(KUBE_CONTEXT),--kube-context '$(KUBE_CONTEXT)')
CONTEXT_OPTION = $(if $(KUBE_CONTEXT),--kube-context '$(KUBE_CONTEXT)')
# Where the dev stack's objects are, and how to ask the node of `make up` for them
NAMESPACE ?= pxl-dev
KUBECTL = $(PYTHON) -m local kubectl -- --namespace '$(NAMESPACE)'
NODE_KUBECONFIG = $$($(PYTHON) -c 'from local.paths import State; print(State.current().folder / "kubeconfig")')
# Compiled modules and rewritten assertions are kept: the next run of the tests takes half the time.
unexport PYTHONDONTWRITEBYTECODE

# Rooms of tests that mostly wait, each for something else: `make test` lets them wait at the same time.
WAITING = tests/process/promotion tests/process/traffic
# What puts a command behind the others: the runs of the engine, one after another, take longest.
LAST =
INTEGRATION = tests/integration/engine tests/integration/aws tests/integration/registry

.PHONY: $(WAITING) $(INTEGRATION) tests/process help up rehearse down status logs explain isolation orphans proof psql test unit process engine integration e2e fuzz kills node-kills lint check render preview comment verify-aws checkov schema requirements

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/installed ## the whole application on this machine, or on KUBE_CONTEXT=name; prints its URL
	@$(PYTHON) -m local up $(UP_OPTIONS)

rehearse: $(VENV)/installed ## STACK=staging or prod on this machine, with AWS played by it; prints its URL
	@$(PYTHON) -m local rehearse $(STACK) $(if $(APP),--app '$(APP)') $(if $(PORT),--port '$(PORT)')

down: $(VENV)/installed ## takes away all that `make up` made
	@$(PYTHON) -m local down $(CONTEXT_OPTION)

status: $(VENV)/installed ## what runs, and where
	@$(PYTHON) -m local status

logs: $(VENV)/installed ## the last lines that the app's pods wrote
	@$(KUBECTL) logs --selector app.kubernetes.io/name=pxl-app --all-containers --prefix --tail=30

orphans: $(VENV)/installed ## what killed runs left in the cluster and in no record, if anything
	@$(PYTHON) -m local orphans $(CONTEXT_OPTION)

explain: $(VENV)/installed ## why something of the dev stack is not ready: pod, probe, log, events
	@$(VENV)/bin/pxlctl explain '$(NAMESPACE)' --kubeconfig "$(NODE_KUBECONFIG)"

isolation: $(VENV)/installed ## tries every connection of the dev stack; MARKDOWN=docs/isolation.md writes the page
	@$(PYTHON) -m local isolation $(if $(MARKDOWN),--markdown '$(MARKDOWN)') $(CONTEXT_OPTION)

proof: $(VENV)/installed ## releases, kills and failures under load: what they drop, into docs/proof.md: 30 minutes, 10 more the first time; ONLY=release
	@$(PYTHON) -m local proof $(foreach name,$(ONLY),--only $(name)) --markdown docs/proof.md

psql: $(VENV)/installed ## a prompt of the dev stack's database
	@pod=$$($(KUBECTL) get pod --output name --selector app.kubernetes.io/name=postgres) && \
	  $(KUBECTL) exec -it "$$pod" -- psql -U pxl pxl

test: $(VENV)/installed ## style, types and tests, every stack on the real engine: no root, no cluster, a minute and a half
	@$(PYTHON) -m local engine >/dev/null
	@echo "style, types and tests, five at a time (a minute and a quarter on two cores)"
	@$(MAKE) --no-print-directory -j5 --output-sync=target LAST='nice -n 5' engine $(WAITING) tests/process lint unit

unit: $(VENV)/installed ## the tests that need nothing but Python, in a few seconds
	@$(LAST) $(PYTHON) -m pytest tests/unit

process: $(VENV)/installed ## the tests that start processes, two minutes one after another
	@$(PYTHON) -m pytest tests/process

tests/process: $(VENV)/installed
	@$(PYTHON) -m pytest $@ $(addprefix --ignore=,$(WAITING))

$(WAITING) $(INTEGRATION): $(VENV)/installed
	@$(PYTHON) -m pytest $@

engine: $(VENV)/installed ## every stack, and the plugin of the components, on the real engine
	@$(PYTHON) -m local engine >/dev/null
	@$(PYTHON) -m pytest tests/engine

integration: $(VENV)/installed ## what meets AWS as moto plays it, registries, and what the engine makes: no root, some 2 minutes
	@$(PYTHON) -m local engine >/dev/null
	@echo "AWS, registries and the engine, at the same time (two minutes on two cores)"
	@$(MAKE) --no-print-directory -j3 --output-sync=target $(INTEGRATION)

e2e: integration ## the tests on a real node, after `make integration`: root, 45 minutes; LONG=1 for every case
	@PXL_LONG='$(LONG)' $(PYTHON) -m pytest tests/e2e

fuzz: $(VENV)/installed ## FUZZ=2000 generated settings on a real API server: root, some 5 minutes; SEED=n for the same again
	@PXL_FUZZ='$(or $(FUZZ),2000)' PXL_FUZZ_SEED='$(or $(SEED),$(shell date +%s))' PXL_FUZZ_CRDS='$(CRDS)' \
	  $(PYTHON) -m pytest -s tests/e2e/test_fuzz.py

node-kills: $(VENV)/installed ## kills every process of a node, one after another; prints how it came back: root, 15 minutes
	@PXL_LONG=1 PXL_NODE_KILLS=all $(PYTHON) -m pytest tests/e2e/test_node_recovery.py -s

kills: $(VENV)/installed ## kills `up` at KILLS=30 random moments on a real node, prints what the next one did: root, 40 minutes
	@PXL_KILLS='$(or $(KILLS),30)' $(PYTHON) -m pytest tests/e2e/test_recovery.py -s

lint: $(VENV)/installed ## style and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(LAST) $(VENV)/bin/pyright

check: $(VENV)/installed ## every mistake in the settings of STACK
	@$(VENV)/bin/pxlctl check $(STACK)

render: $(VENV)/installed ## the Kubernetes manifests of STACK, into build/manifests
	@$(VENV)/bin/pxlctl render $(STACK)

preview: $(VENV)/installed ## what `up` would change in STACK; MARKDOWN=file: in its own state (`pulumi login`), as a page
	@$(if $(MARKDOWN),PATH="$$($(PYTHON) -m local engine):$$PATH" $(VENV)/bin/pxlctl preview '$(STACK)' \
	  --markdown '$(MARKDOWN)',$(PYTHON) -m local preview $(STACK))

comment: $(VENV)/installed ## puts the page of `make preview` under the pull request PR=n, with gh
	@$(PYTHON) -m operations.preview.posting '$(or $(MARKDOWN),build/preview/$(STACK).md)' --pull-request '$(PR)'

verify-aws: $(VENV)/installed ## what was never run here, in your account: a throw-away stack like STACK; DRY_RUN=1 says the plan
	@PATH="$$($(PYTHON) -m local engine):$$PATH" $(PYTHON) -m operations.verify_aws '$(STACK)' $(if $(DRY_RUN),--dry-run)

checkov: $(VENV)/installed $(VENV)-checkov/installed ## a security scan of the manifests of STACK; FILE=settings instead of its own
	@$(VENV)/bin/pxlctl render $(STACK) $(if $(FILE),--file '$(FILE)')
	@$(VENV)-checkov/bin/checkov --quiet --compact --skip-download --framework kubernetes -d build/manifests/$(STACK)

schema: $(VENV)/installed ## writes the config schema into Pulumi.yaml, and the pages that are made of the code
	@$(PYTHON) -m infra.settings.schema --write
	@$(PYTHON) -m infra.settings.reference --write
	@$(PYTHON) -m infra.settings.differences --write
	@$(PYTHON) -m operations.costs --write
	@$(PYTHON) -m operations.access --write

requirements: $(VENV)/installed ## compiles the requirements again, hashed, without any address
	@for name in requirements requirements-dev requirements-checkov; do \
	  env -u PIP_FIND_LINKS $(VENV)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras -o $$name.txt $$name.in || exit 1; \
	done

$(VENV)/installed: requirements-dev.txt pyproject.toml components/pyproject.toml
	@./local/install.sh $(VENV) requirements-dev.txt
	@PYTHONWARNINGS=ignore $(VENV)/bin/pip install --quiet --no-deps --no-build-isolation -e . -e components
	@touch $@

$(VENV)-checkov/installed: requirements-checkov.txt
	@./local/install.sh $(VENV)-checkov requirements-checkov.txt
	@touch $@
