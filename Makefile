# SPDX-License-Identifier: MIT

# goipvsadm
#
#   make demo     run the LVS demo on a throwaway kernel
#   make test     run the unit tests and the kernel tests
#   make help     list the targets

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.ONESHELL:
.DELETE_ON_ERROR:

GO := scripts/go
PREFIX := /usr/local
DESTDIR :=
export CGO_ENABLED := 0

# The go command and the caches of downloads need a home directory.
ifeq ($(HOME),)
export HOME := $(or $(shell getent passwd "$$(id -u)" | cut -d : -f 6),$(CURDIR)/build/home)
endif

# The version is that of the git tag; without tags it is the default in package help. git is run only
# if .git exists here, since an unpacked archive may be inside another repository.
VERSION := $(if $(wildcard .git),$(shell git describe --tags --dirty 2>/dev/null | sed 's/^v//'))
LDFLAGS = -s -w $(if $(VERSION),-X goipvsadm/cmd/goipvsadm/internal/help.Version=$(VERSION))

PROGRAM := build/goipvsadm

# Tests expect the path of the program under test in the environment.
under_test := GOIPVSADM='$(CURDIR)/build/goipvsadm'

.PHONY: build
build: ## build the program as build/goipvsadm
	$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(PROGRAM) ./cmd/goipvsadm

architectures := 386 amd64 arm arm64 ppc64le riscv64 s390x

.PHONY: cross
cross: ## cross-compile for all supported architectures, and the library for macOS
	for GOARCH in $(architectures); do
		GOOS=linux GOARCH=$$GOARCH $(MAKE) --no-print-directory build PROGRAM=build/goipvsadm-linux-$$GOARCH
	done
	GOOS=linux GOARCH=386 $(GO) vet -tags kernel ./... # constants that overflow 32 bits
	GOOS=darwin GOARCH=arm64 $(GO) build ./ipvs/...
	(cd scripts/bench/codec && ../../go vet .) # a separate module

# s390x is big-endian.
.PHONY: cross-test
cross-test: ## run the unit tests for s390x and arm64 under qemu-user (installs dependencies)
	@scripts/setup cross
	for arch in s390x:s390x arm64:aarch64; do
		echo "== $${arch%:*}"
		GOOS=linux GOARCH=$${arch%:*} GOIPVSADM_EMULATOR=qemu-$${arch#*:} \
			$(GO) test -count=1 -exec "qemu-$${arch#*:}" ./...
	done

# Printed before the first build.
announce_build = [ -e build ] || echo 'Downloading and compiling takes a few minutes the first time.'

.PHONY: demo
demo: ## run the LVS demo on a throwaway kernel (installs dependencies)
	@$(announce_build)
	scripts/setup demo
	$(MAKE) --no-print-directory build
	$(GO) build -trimpath -buildvcs=false -o build/demo ./scripts/demo
	$(under_test) scripts/kernel -t 120 build/demo

.PHONY: test
test: ## run the checks, the unit tests and the kernel tests (installs dependencies)
	@$(announce_build)
	scripts/setup test
	scripts/promtool --version >/dev/null
	$(MAKE) --no-print-directory build check test-unit test-kernel

.PHONY: check
check: lint-man lint-shell lint-prose ## run gofmt, go vet and the linters of manuals, scripts and prose
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l cmd ipvs netlinkmsg sched scripts)
	if [ -n "$$unformatted" ]; then echo "gofmt required: $$unformatted" >&2; exit 1; fi
	$(GO) vet -tags kernel ./...

# Cross-referenced manual pages need not be installed.
.PHONY: lint-man
lint-man: # lint the manual pages
	@errors=$$(mandoc -T lint docs/*.8 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db\|operating system explicitly specified' || true)
	if [ -n "$$errors" ]; then echo "$$errors" >&2; exit 1; fi

.PHONY: lint-prose
lint-prose: # find banned words and spellings
	@$(GO) run ./scripts/prose

# Multiplies all timeouts in the tests; set it on slow machines.
GOIPVSADM_PATIENCE ?= 1
export GOIPVSADM_PATIENCE

.PHONY: test-unit
test-unit: ## run the unit tests, which need no throwaway kernel
	@echo 'Unit tests:'
	$(GO) test -vet=off -timeout $$((600 * GOIPVSADM_PATIENCE))s ./... # check runs go vet

.PHONY: test-kernel
test-kernel: build ## run the kernel tests; filter with PACKAGE=... RUN=...
	@$(under_test) scripts/kernel-tests $(PACKAGE) $(if $(RUN),-- -run '$(RUN)')

.PHONY: kernels
kernels: build ## run the kernel tests on several kernels; KERNELS='6.12 newest'
	@scripts/setup test kernels
	$(under_test) scripts/kernels $(KERNELS)

.PHONY: demo-ptrace
demo-ptrace: # run the demo with kernel-ptrace.c, which only CPUs with AMX need
	@GOIPVSADM_PTRACE=yes $(MAKE) --no-print-directory demo

.PHONY: test-all
test-all: test demo-ptrace kernels cross cross-test package-tests ## run all tests, including the kernel, architecture and package matrices
	@$(MAKE) --no-print-directory faults N=5

.PHONY: differential
differential: build ## compare with ipvsadm on N random command lines (default 50000); SEED=...
	@scripts/setup test
	GOIPVSADM_DIFF_N=$(or $(N),50000) GOIPVSADM_DIFF_SEED=$(or $(SEED),1) $(under_test) \
		scripts/kernel-tests -l 36000 scripts/difftest -- -run TestRandom

.PHONY: faults
faults: build ## run the fault-injection tests N times (default 1); SEED=...
	@scripts/setup test
	GOIPVSADM_FAULTS=$(or $(N),1) GOIPVSADM_FAULTS_SEED=$(SEED) $(under_test) \
		scripts/kernel-tests -l 36000 scripts/faulttest

.PHONY: bench
bench: ## benchmark against ipvsadm under QEMU; ROWS=..., ROUNDS=..., MEMORY=1, SCALE=1
	@scripts/bench/run $(if $(MEMORY),-memory) $(if $(SCALE),-scale) $(if $(ROWS),-only '$(ROWS)') $(if $(ROUNDS),-rounds $(ROUNDS))

.PHONY: docs-chart
docs-chart: ## generate docs/how-fast.svg from the table in docs/PERFORMANCE.md
	$(GO) run ./scripts/docimages chart docs/PERFORMANCE.md docs/how-fast.svg

.PHONY: docs-images
docs-images: docs-chart build ## generate docs/how-fast.svg and docs/watch.svg (on a throwaway kernel)
	@scripts/setup demo
	$(GO) build -trimpath -buildvcs=false -o build/docimages ./scripts/docimages
	$(under_test) scripts/kernel build/docimages watch docs/watch.svg

.PHONY: fuzz
fuzz: ## run each fuzz target for TIME (default 30s)
	@scripts/fuzz $(TIME)

# The go command downloads and builds these tools.
golangci_lint := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
govulncheck := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: lint
lint: ## run staticcheck, errcheck, misspell and other linters (see .golangci.yml)
	@if ! $(GO) list -m $(subst /cmd/golangci-lint,,$(golangci_lint)) >/dev/null; then
		echo 'golangci-lint cannot be downloaded: the Go code was not linted.'
		exit
	fi
	$(GO) run $(golangci_lint) run --max-issues-per-linter 0 --max-same-issues 0

.PHONY: vulnerabilities
vulnerabilities: ## look for known vulnerabilities in the code that the program calls
	@output=$$($(GO) run $(govulncheck) ./cmd/... 2>&1) && status=0 || status=$$?
	echo "$$output"
	if [[ $$output == *'fetching vulnerabilities'* ]]; then
		echo 'The vulnerability database is not reachable: not checked.'
		exit
	fi
	exit $$status

# The race detector requires cgo.
.PHONY: test-race
test-race: ## run the unit tests with the race detector (installs a C compiler)
	@scripts/setup race
	echo 'Unit tests with the race detector:'
	CGO_ENABLED=1 $(GO) test -race -vet=off -timeout $$((600 * GOIPVSADM_PATIENCE))s ./...

.PHONY: ci
ci: ## run what continuous integration runs: kernel tests, race detector, linters, cross-compilation
	@$(announce_build)
	scripts/setup test race
	scripts/promtool --version >/dev/null
	$(MAKE) --no-print-directory build
	# The kernel tests often wait, which leaves time for the other checks.
	$(MAKE) --no-print-directory -j 2 test-kernel ci-checks

.PHONY: ci-checks
ci-checks: # the checks and unit tests of "make ci", at a lower priority than the kernel tests
	@nice $(MAKE) --no-print-directory check test-race lint vulnerabilities cross

sbin := $(DESTDIR)$(PREFIX)/sbin
lib := $(DESTDIR)$(PREFIX)/lib/goipvsadm
names := ipvsadm ipvsadm-save ipvsadm-restore

# Sources of the program, which is rebuilt if one of them is newer.
sources := go.mod go.sum $(shell find cmd ipvs netlinkmsg sched -type f ! -name '*_test.go')

$(PROGRAM): $(sources)
	$(MAKE) --no-print-directory build
	touch $@

# Other installed files, as SOURCE:TARGET; /usr/local in them is replaced by PREFIX.
extras := \
	docs/goipvsadm.8:share/man/man8/goipvsadm.8 \
	docs/ipvsadm-save.8:share/goipvsadm/ipvsadm-save.8 \
	docs/ipvsadm-restore.8:share/goipvsadm/ipvsadm-restore.8 \
	docs/goipvsadm.schema.json:share/goipvsadm/goipvsadm.schema.json \
	docs/METRICS.md:share/goipvsadm/METRICS.md \
	docs/COMPATIBILITY.md:share/goipvsadm/COMPATIBILITY.md \
	docs/RELIABILITY.md:share/goipvsadm/RELIABILITY.md \
	scripts/completion/goipvsadm.bash:share/bash-completion/completions/goipvsadm \
	scripts/completion/_goipvsadm:share/zsh/site-functions/_goipvsadm \
	scripts/completion/goipvsadm.fish:share/fish/vendor_completions.d/goipvsadm.fish

# Symbolic links that provide the program, manual pages and completions under ipvsadm's names, as
# LINK:TARGET.
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

# $(call runs_service,PREFIX) matches the line of the init script or unit that names the service
# program below PREFIX.
runs_service = ^\(program\|service\|ExecStart\)=$(1)/lib/goipvsadm/service

# $(call check_unowned,FILE,ADVICE) fails if FILE belongs to an installed package. Such files are
# never replaced or removed, since an upgrade of the package would restore them.
check_unowned = package=$$(scripts/package-of -r '$(DESTDIR)' $(1)); if [ -n "$$package" ]; then \
	echo "$(1) belongs to package $$package: $(2)" >&2; exit 1; fi

.PHONY: install
install: $(PROGRAM) ## install to PREFIX (default /usr/local), without the name ipvsadm
	@$(call check_unowned,$(PREFIX)/sbin/goipvsadm,upgrade that package instead)
	install -d '$(sbin)' '$(lib)'
	install -m 755 $(PROGRAM) '$(sbin)/goipvsadm'
	for name in $(names); do ln -sf ../../sbin/goipvsadm "$(lib)/$$name"; done
	for pair in $(extras); do
		install -D -m 644 /dev/null "$(DESTDIR)$(PREFIX)/$${pair#*:}"
		$(prefixed) "$${pair%%:*}" >"$(DESTDIR)$(PREFIX)/$${pair#*:}"
	done

# Suffix of files that install-compat and install-service move aside.
replaced := before-goipvsadm

.PHONY: install-compat
install-compat: install ## also install ipvsadm* symlinks; FORCE=1 replaces files that no package owns
	@for pair in $(aliases); do
		file=$(PREFIX)/$${pair%%:*}
		$(call check_unowned,$$file,use another PREFIX or the package goipvsadm-ipvsadm)
		if [ -e "$(DESTDIR)$$file" ] && [ "$$(readlink "$(DESTDIR)$$file")" != "$${pair#*:}" ] && [ -z '$(FORCE)' ]; then
			echo "$(DESTDIR)$$file exists and was not installed by goipvsadm; use FORCE=1 to replace it (make uninstall restores it)" >&2
			exit 1
		fi
	done
	for pair in $(aliases); do
		link="$(DESTDIR)$(PREFIX)/$${pair%%:*}"
		if [ -e "$$link" ] && [ "$$(readlink "$$link")" != "$${pair#*:}" ]; then mv "$$link" "$$link.$(replaced)"; fi
		ln -sf "$${pair#*:}" "$$link"
	done

.PHONY: install-service
install-service: install ## also install the init script and the systemd unit, disabled; FORCE=1 replaces files that no package owns
	@$(call check_unowned,/etc/init.d/goipvsadm,the service is already installed)
	$(call check_unowned,$(PREFIX)/lib/systemd/system/goipvsadm.service,the service is already installed)
	for file in '$(init)' '$(unit)'; do
		if [ ! -e "$$file" ] && [ ! -L "$$file" ] || grep -q '$(call runs_service,.*)' "$$file" 2>/dev/null; then continue; fi
		if [ -z '$(FORCE)' ]; then
			echo "$$file exists and was not installed by goipvsadm; use FORCE=1 to replace it (make uninstall restores it)" >&2
			exit 1
		fi
		mv "$$file" "$$file.$(replaced)"
	done
	install -m 755 scripts/service/service '$(lib)/service'
	install -D -m 755 /dev/null '$(init)'
	$(prefixed) scripts/init.d/goipvsadm >'$(init)'
	install -D -m 644 /dev/null '$(unit)'
	$(prefixed) scripts/systemd/goipvsadm.service >'$(unit)'

.PHONY: uninstall
uninstall: ## remove all installed files
	@$(call check_unowned,$(PREFIX)/sbin/goipvsadm,remove the package instead)
	for pair in $(aliases); do
		link="$(DESTDIR)$(PREFIX)/$${pair%%:*}"
		if [ "$$(readlink "$$link")" = "$${pair#*:}" ]; then
			rm -f "$$link"
			if [ -e "$$link.$(replaced)" ]; then mv "$$link.$(replaced)" "$$link"; fi
		fi
	done
	rm -f '$(sbin)/goipvsadm' $(names:%='$(lib)/%') '$(lib)/service'
	for pair in $(extras); do rm -f "$(DESTDIR)$(PREFIX)/$${pair#*:}"; done
	# Remove the service and the links that enable it.
	if grep -q '$(call runs_service,$(PREFIX)) ' '$(unit)' 2>/dev/null; then
		rm -f '$(unit)'
		if [ -e '$(unit).$(replaced)' ]; then mv '$(unit).$(replaced)' '$(unit)'; else
			for link in '$(DESTDIR)'/etc/systemd/system/*.wants/goipvsadm.service; do
				case $$(readlink "$$link") in *'$(PREFIX)/lib/systemd/system/goipvsadm.service') rm -f "$$link" ;; esac
			done
		fi
	fi
	if grep -q '$(call runs_service,$(PREFIX))$$' '$(init)' 2>/dev/null; then
		rm -f '$(init)'
		if [ -e '$(init).$(replaced)' ]; then mv '$(init).$(replaced)' '$(init)'; else
			rm -f '$(DESTDIR)'/etc/rc?.d/[SK][0-9][0-9]goipvsadm
		fi
	fi
	for directory in '$(lib)' '$(DESTDIR)$(PREFIX)/share/goipvsadm'; do
		[ ! -d "$$directory" ] || rmdir --ignore-fail-on-non-empty "$$directory"
	done

.PHONY: packages
packages: ## build .deb, .rpm and .apk for all architectures in build/packages
	@scripts/setup build
	scripts/packaging/packages $(architectures)

.PHONY: package
package: ## build the packages for this machine (.deb, .rpm or .apk)
	@$(announce_build)
	scripts/setup build
	scripts/packaging/packages -n

.PHONY: package-tests
package-tests: ## test the packages, with live traffic (installs dependencies)
	@scripts/packaging/test

# SC1091 (a sourced file is missing) is excluded: the sourced files are part of the system.
.PHONY: lint-shell
lint-shell: # lint the shell scripts and the systemd units
	@shellcheck -e SC1091 .ci/run scripts/{setup,go,promtool,fuzz,bench/run,package-of} scripts/kernel{,s,-image,-init,-tests} \
		scripts/service/service scripts/init.d/goipvsadm scripts/packaging/{packages,test,debian,debian-steps,openrc} scripts/packaging/deb/*.p*
	shellcheck -s sh -e SC2034 scripts/openrc/goipvsadm scripts/packaging/settings scripts/packaging/rpm/*
	mkdir -p build/units
	for unit in goipvsadm ipvsadm; do
		sed 's,/usr/local/lib/goipvsadm/,$(CURDIR)/scripts/service/,' "scripts/systemd/$$unit.service" >"build/units/$$unit.service"
		errors=$$(systemd-analyze verify --man=no "build/units/$$unit.service" 2>&1 | grep "$$unit.service" || true)
		if [ -n "$$errors" ]; then echo "$$errors" >&2; exit 1; fi
	done

.PHONY: clean
clean: ## delete the build directory
	@[ ! -d build/home ] || chmod -R u+w build/home # its module cache is read-only
	rm -rf build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 24
