# goipvsadm: what a person or a build machine runs.
#
#   make demo     see it balance real connections, on a throwaway kernel
#   make test     everything that is tested, on a throwaway kernel where it needs one
#   make help     the rest

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.ONESHELL:
.DELETE_ON_ERROR:

GO := scripts/go
PREFIX := /usr/local
DESTDIR :=
export CGO_ENABLED := 0

# A release is a tag; other builds keep the version that stands in the source.
VERSION := $(shell git describe --tags --dirty 2>/dev/null | sed 's/^v//')
LDFLAGS = -s -w $(if $(VERSION),-X goipvsadm/cmd/goipvsadm/internal/help.Version=$(VERSION))

PROGRAM := build/goipvsadm

# The program under test, as the tests want to have it.
under_test := GOIPVSADM='$(CURDIR)/build/goipvsadm'

.PHONY: build
build: ## the program, as build/goipvsadm
	$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(PROGRAM) ./cmd/goipvsadm

processors := 386 amd64 arm arm64 ppc64le riscv64 s390x

.PHONY: cross
cross: ## the program for each of several processors, and everything vetted for it
	export GOOS=linux
	for GOARCH in $(processors); do
		export GOARCH
		$(MAKE) --no-print-directory build PROGRAM=build/goipvsadm-linux-$$GOARCH
		$(GO) build ./...
		$(GO) vet ./...
		$(GO) vet -tags kernel ./...
	done
	unset GOARCH
	(cd scripts/bench/codec && ../../go vet .) # a module of its own

# Of the emulated ones one is big-endian.
.PHONY: cross-test
cross-test: ## the tests that need no kernel, as for other processors, emulated (installs what is missing)
	@scripts/setup cross
	for arch in s390x:s390x arm64:aarch64; do
		echo "== $${arch%:*}"
		GOOS=linux GOARCH=$${arch%:*} GOIPVSADM_EMULATOR=qemu-$${arch#*:} \
			$(GO) test -count=1 -exec "qemu-$${arch#*:}" ./...
	done

.PHONY: demo
demo: ## the classic set-ups with real traffic (installs what is missing)
	@scripts/setup demo
	$(MAKE) --no-print-directory build
	$(GO) build -trimpath -buildvcs=false -o build/demo ./scripts/demo
	$(under_test) scripts/kernel -t 120 build/demo

.PHONY: test
test: ## all tests (installs what is missing)
	@scripts/setup test
	@scripts/promtool --version >/dev/null
	$(MAKE) --no-print-directory build check test-unit test-kernel

.PHONY: check
check: lint-man lint-shell # formatting and vet
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l cmd ipvs netlinkmsg sched scripts)
	if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags kernel ./...

# Whether this machine has the manuals that it refers to does not matter.
.PHONY: lint-man
lint-man: # its mistakes
	@mistakes=$$(mandoc -T lint docs/*.8 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db\|operating system explicitly specified' || true)
	if [ -n "$$mistakes" ]; then echo "$$mistakes" >&2; exit 1; fi

# Every limit of time in the tests is multiplied by this.
GOIPVSADM_PATIENCE ?= 1
export GOIPVSADM_PATIENCE

.PHONY: test-unit
test-unit: ## the tests that need no kernel
	@echo 'Tests that need no kernel: a line for each package'
	$(GO) test -timeout $$((600 * GOIPVSADM_PATIENCE))s ./...

.PHONY: test-kernel
test-kernel: build ## the tests that need one; PACKAGE=… and RUN=… (a test's name) for some of them
	@$(under_test) scripts/kernel-tests $(PACKAGE) $(if $(RUN),-- -run '$(RUN)')

.PHONY: kernels
kernels: build ## all kernel tests on several kernels; KERNELS='6.12 newest' picks some of them
	@scripts/setup test kernels
	$(under_test) scripts/kernels $(KERNELS)

.PHONY: demo-ptrace
demo-ptrace: # the demo with the library that processors with AMX need, on any processor
	@GOIPVSADM_PTRACE=yes $(MAKE) --no-print-directory demo

.PHONY: test-all
test-all: test demo-ptrace kernels cross cross-test package-tests ## what takes longer too: kernels, processors, packages, faults
	@$(MAKE) --no-print-directory faults N=5

.PHONY: differential
differential: build ## N random command lines (50000) from SEED (1) against the real ipvsadm
	@scripts/setup test
	GOIPVSADM_DIFF_N=$(or $(N),50000) GOIPVSADM_DIFF_SEED=$(or $(SEED),1) $(under_test) \
		scripts/kernel-tests -l 36000 scripts/difftest -- -run TestRandom

.PHONY: faults
faults: build ## kills, small buffers, closed descriptors, crowds: N times (1) what the tests do, from SEED
	@scripts/setup test
	GOIPVSADM_FAULTS=$(or $(N),1) GOIPVSADM_FAULTS_SEED=$(SEED) $(under_test) \
		scripts/kernel-tests -l 36000 scripts/faulttest

.PHONY: bench
bench: ## ours beside ipvsadm on a distribution's kernel; ROWS=… for some rows, MEMORY=1 for the memory rows
	@scripts/bench/run $(if $(MEMORY),-memory) $(if $(ROWS),-only '$(ROWS)') $(if $(ROUNDS),-rounds $(ROUNDS))

.PHONY: docs-chart
docs-chart: ## docs/how-fast.svg, of the table in README.md
	$(GO) run ./scripts/docimages chart README.md docs/how-fast.svg

.PHONY: docs-images
docs-images: docs-chart build ## that, and docs/watch.svg, from a run on a throwaway kernel
	@scripts/setup demo
	$(GO) build -trimpath -buildvcs=false -o build/docimages ./scripts/docimages
	$(under_test) scripts/kernel build/docimages watch docs/watch.svg

.PHONY: fuzz
fuzz: ## each fuzz target for TIME (30s)
	@scripts/fuzz $(TIME)

.PHONY: lint
lint: ## staticcheck (fetched by the go command)
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags kernel ./...

sbin := $(DESTDIR)$(PREFIX)/sbin
lib := $(DESTDIR)$(PREFIX)/lib/goipvsadm
names := ipvsadm ipvsadm-save ipvsadm-restore

# What the program is made of: it is built again when that is newer.
sources := go.mod go.sum $(shell find cmd ipvs netlinkmsg sched -type f ! -name '*_test.go')

$(PROGRAM): $(sources)
	$(MAKE) --no-print-directory build
	touch $@

# What else is installed, as SOURCE:TARGET. Paths in it get PREFIX.
extras := \
	docs/goipvsadm.8:share/man/man8/goipvsadm.8 \
	docs/ipvsadm-save.8:share/goipvsadm/ipvsadm-save.8 \
	docs/ipvsadm-restore.8:share/goipvsadm/ipvsadm-restore.8 \
	docs/goipvsadm.schema.json:share/goipvsadm/goipvsadm.schema.json \
	docs/METRICS.md:share/goipvsadm/METRICS.md \
	scripts/completion/goipvsadm.bash:share/bash-completion/completions/goipvsadm \
	scripts/completion/_goipvsadm:share/zsh/site-functions/_goipvsadm \
	scripts/completion/goipvsadm.fish:share/fish/vendor_completions.d/goipvsadm.fish

# The program, its manual and its completions under the other names, as LINK:TARGET.
aliases := \
	$(names:%=sbin/%:goipvsadm) \
	share/man/man8/ipvsadm.8:goipvsadm.8 \
	share/man/man8/ipvsadm-save.8:../../goipvsadm/ipvsadm-save.8 \
	share/man/man8/ipvsadm-restore.8:../../goipvsadm/ipvsadm-restore.8 \
	share/bash-completion/completions/ipvsadm:goipvsadm \
	share/fish/vendor_completions.d/ipvsadm.fish:goipvsadm.fish

init := $(DESTDIR)/etc/init.d/goipvsadm
unit := $(DESTDIR)$(PREFIX)/lib/systemd/system/goipvsadm.service
prefixed := sed 's,/usr/local/,$(PREFIX)/,g'

# Files of the system's own packages are not replaced, nor removed: the system would not
# know, and put its own back one day.
owner := scripts/package-of -r '$(DESTDIR)'
foreign = package=$$($(owner) $(1)); if [ -n "$$package" ]; then \
	echo "$(1) belongs to the package $$package: $(2)" >&2; exit 1; fi

.PHONY: install
install: $(PROGRAM) ## into PREFIX (/usr/local) below DESTDIR; does not take the name ipvsadm
	@$(call foreign,$(PREFIX)/sbin/goipvsadm,install a newer package instead)
	install -d '$(sbin)' '$(lib)'
	install -m 755 $(PROGRAM) '$(sbin)/goipvsadm'
	for name in $(names); do ln -sf ../../sbin/goipvsadm "$(lib)/$$name"; done
	for pair in $(extras); do
		install -D -m 644 /dev/null "$(DESTDIR)$(PREFIX)/$${pair#*:}"
		$(prefixed) "$${pair%%:*}" >"$(DESTDIR)$(PREFIX)/$${pair#*:}"
	done

# What was there under one of the names waits for uninstall as this.
replaced := before-goipvsadm

.PHONY: install-compat
install-compat: install ## also as ipvsadm, ipvsadm-save and ipvsadm-restore; FORCE=1 replaces what belongs to no package
	@for pair in $(aliases); do
		file=$(PREFIX)/$${pair%%:*}
		$(call foreign,$$file,take another PREFIX or the package goipvsadm-ipvsadm)
		if [ -e "$(DESTDIR)$$file" ] && [ "$$(readlink "$(DESTDIR)$$file")" != "$${pair#*:}" ] && [ -z '$(FORCE)' ]; then
			echo "$(DESTDIR)$$file is not goipvsadm's; FORCE=1 replaces it until uninstall" >&2
			exit 1
		fi
	done
	for pair in $(aliases); do
		link="$(DESTDIR)$(PREFIX)/$${pair%%:*}"
		if [ -e "$$link" ] && [ "$$(readlink "$$link")" != "$${pair#*:}" ]; then mv "$$link" "$$link.$(replaced)"; fi
		ln -sf "$${pair#*:}" "$$link"
	done

.PHONY: install-service
install-service: install ## also the init script and the systemd unit (neither is enabled)
	@$(call foreign,/etc/init.d/goipvsadm,it is the service already)
	install -m 755 scripts/service/service '$(lib)/service'
	install -D -m 755 /dev/null '$(init)'
	$(prefixed) scripts/init.d/goipvsadm >'$(init)'
	install -D -m 644 /dev/null '$(unit)'
	$(prefixed) scripts/systemd/goipvsadm.service >'$(unit)'

.PHONY: uninstall
uninstall: ## what the three put there, and nothing else
	@$(call foreign,$(PREFIX)/sbin/goipvsadm,remove that)
	for pair in $(aliases); do
		link="$(DESTDIR)$(PREFIX)/$${pair%%:*}"
		if [ "$$(readlink "$$link")" = "$${pair#*:}" ]; then
			rm -f "$$link"
			if [ -e "$$link.$(replaced)" ]; then mv "$$link.$(replaced)" "$$link"; fi
		fi
	done
	rm -f '$(sbin)/goipvsadm' $(names:%='$(lib)/%') '$(lib)/service'
	for pair in $(extras); do rm -f "$(DESTDIR)$(PREFIX)/$${pair#*:}"; done
	# The service, and the links that enable it.
	if [ -e '$(unit)' ]; then
		for link in '$(DESTDIR)'/etc/systemd/system/*.wants/goipvsadm.service; do
			case $$(readlink "$$link") in *'$(PREFIX)/lib/systemd/system/goipvsadm.service') rm -f "$$link" ;; esac
		done
		rm -f '$(unit)'
	fi
	if grep -q '^service=$(PREFIX)/lib/goipvsadm/service$$' '$(init)' 2>/dev/null; then
		rm -f '$(init)' '$(DESTDIR)'/etc/rc?.d/[SK][0-9][0-9]goipvsadm
	fi
	for directory in '$(lib)' '$(DESTDIR)$(PREFIX)/share/goipvsadm'; do
		[ ! -d "$$directory" ] || rmdir --ignore-fail-on-non-empty "$$directory"
	done

.PHONY: packages
packages: ## .deb, .rpm and .apk for all processors, in build/packages
	@scripts/setup build
	scripts/packaging/packages $(processors)

.PHONY: package-tests
package-tests: ## the packages in roots of their distributions, with traffic (installs what is missing)
	@scripts/packaging/test

# shellcheck follows no sourced files: they are the system's.
.PHONY: lint-shell
lint-shell: # of what runs at boot, and of the scripts that packages have
	@shellcheck -e SC1091 scripts/service/service scripts/init.d/goipvsadm scripts/package-of \
		scripts/packaging/{packages,test,debian,debian-steps,openrc} scripts/packaging/deb/*.post*
	shellcheck -s sh -e SC2034 scripts/openrc/goipvsadm scripts/packaging/settings scripts/packaging/rpm/*
	mkdir -p build/units
	for unit in goipvsadm ipvsadm; do
		sed 's,/usr/local/lib/goipvsadm/,$(CURDIR)/scripts/service/,' "scripts/systemd/$$unit.service" >"build/units/$$unit.service"
		complaint=$$(systemd-analyze verify --man=no "build/units/$$unit.service" 2>&1 | grep "$$unit.service" || true)
		if [ -n "$$complaint" ]; then echo "$$complaint" >&2; exit 1; fi
	done

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 24
