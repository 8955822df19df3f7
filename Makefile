# `make` alone lists what there is. Every target works on a fresh checkout and installs what it lacks.

PREFIX ?= /usr/local
DESTDIR ?=
RELEASE_FLAGS ?= -c release --static-swift-stdlib
export RELEASE_FLAGS

.DEFAULT_GOAL := help
.PHONY: help run build test lint fuzz bench install clean distclean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then run a local fleet of engine stand-ins with its status page
	.build/release/scale-agent demo $(ARGS)

build: ## build scale-agent and vllm-sim, optimised, into .build/release
	@scripts/install-deps --run
	@scripts/build release

test: ## run all tests, or with FILTER=name the Swift tests of that name
	@scripts/test $(if $(FILTER),--filter '$(FILTER)')

lint: ## check format, syntax, rules, dashboards, and count the lines
	@scripts/lint

fuzz: ## feed every parser with damaged inputs, FUZZ_SECONDS (600) each
	@scripts/fuzz

bench: build ## measure speed and decision quality
	@if [ -x Benchmarks/run ]; then Benchmarks/run $(ARGS); else echo 'no benchmarks in this checkout' && exit 1; fi

install: build ## build and install below PREFIX (/usr/local)
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 .build/release/scale-agent .build/release/vllm-sim '$(DESTDIR)$(PREFIX)/bin/'

clean: ## delete what was built
	rm -rf .build

distclean: clean ## and what was fetched for the tests
	rm -rf .cache
