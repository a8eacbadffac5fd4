# trovella_guard: build, install and test with PGXS.
#
#   make && make install      build and install for the pg_config in PATH
#   make installcheck         pg_regress and isolation against a running server
#   make demo                 install missing packages, show the guard at work
#   make test                 install missing packages, run every test
#   make test-citus           run the tests of three clusters with Citus
#   make test-versions        run every test in a chroot per PostgreSQL release
#   make fuzz-scope N=20000   test the prover with random policies, on the server
#                             that psql connects to; SEED=1 J=2, P=5 percent of
#                             them by probe(), too; CLOSELY=1 to examine each
#                             doubt again (half an hour)
#   make lint                 run compilers and analyzers at their strictest
#   make format               format the C code with pgindent (or check-format)
#   make memcheck             run the regression tests under valgrind and sanitizers
#   make test-core            run PostgreSQL's own tests with the guard installed
#   make package              build the .deb and try it on a fresh Debian
#   make check-version dist   compare the version numbers; create the PGXN zip
#   make lab                  run random transactions for SECONDS=600 from SEED=...
#   make lab-faults           the same, disturbed in the middle of verdicts
#   make scale                measure how verdicts grow with what they judge; FACTOR=0.1
#   make mutants              remove one check at a time: do the tests notice?
#   make bench                measure what the guard costs (fifty minutes)

# These install what they need, so they must work without pg_config.
HARNESS = demo test test-citus test-versions lint format check-format \
	check-version dist package memcheck test-core lab \
	lab-faults scale mutants bench
ifneq (,$(filter $(HARNESS),$(MAKECMDGOALS)))

.PHONY: $(HARNESS)

demo:
	@test/demo/play

test:
	@test/run $(SUITES)

test-citus:
	@test/run citus

test-versions:
	@SUITES="$(SUITES)" test/versions $(RELEASES)

lint:
	@test/lint $(CHECKS)

format:
	@test/format

check-format:
	@test/format --check

check-version:
	@test/release --check

dist:
	@test/release --dist

package:
	@test/package $(RELEASES)

memcheck:
	@test/memcheck

test-core:
	@test/core

lab:
	@LAB_SECONDS=$(SECONDS) LAB_SEED=$(SEED) LAB_SESSIONS=$(SESSIONS) \
		test/lab/run

lab-faults:
	@LAB_SECONDS=$(SECONDS) LAB_SEED=$(SEED) test/lab/run faults

scale:
	@LAB_FACTOR=$(FACTOR) test/lab/run scale

mutants:
	@test/lab/mutants $(ONLY)

bench:
	@bench/run $(PARTS)

else

EXTENSION = trovella_guard trovella_guard_tap
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" trovella_guard.control)
MODULE_big = trovella_guard
OBJS = trovella_guard.o \
	$(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
DATA = $(wildcard trovella_guard--*.sql trovella_guard_tap--*.sql)

# A test of what came with PostgreSQL NN begins with geNN_, and runs from then on.
NEWS = $(patsubst sql/%.sql,%,$(wildcard sql/ge[0-9][0-9]_*.sql))
TOO_NEW = $(foreach test,$(NEWS),$(shell \
	[ $(MAJORVERSION) -ge $(patsubst ge%,%,$(firstword $(subst _, ,$(test)))) ] || echo $(test)))
REGRESS = $(filter-out $(TOO_NEW),$(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --encoding=UTF8 --load-extension=trovella_guard
ISOLATION_OPTS = --load-extension=trovella_guard
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))

# Ignore warnings about PostgreSQL's own headers.
PG_CPPFLAGS = -I$(srcdir)/src -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DTG_VERSION='"$(EXTVERSION)"'
# PostgreSQL 15's headers declare tree walkers in a way that C23, the default of
# newer compilers, no longer allows.  Those of 19 use what it brought.
PG_CFLAGS = $(if $(filter 15,$(MAJORVERSION)),-std=gnu11) -Wall -Wextra
# A server built with gcc passes options that clang does not know, and not the
# one that PostgreSQL's tree walkers need with clang.
ifneq (,$(findstring clang,$(CC)))
PG_CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument \
	-Wno-ignored-attributes -Wno-cast-function-type-strict
endif

# PGXS comes later, and the first target is what "make" makes.
all:

# The program trovella-guard, beside PostgreSQL's own.  WITHOUT_CLI=1 leaves it
# out: the packages of the library do, as it has a package of its own.
ifeq (,$(WITHOUT_CLI))
CLI_MODULES = $(wildcard $(srcdir)/lib/TrovellaGuard/*.pm)
install: install-cli
uninstall: uninstall-cli
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

.PHONY: fuzz-scope
N ?= 20000
SEED ?= 1
J ?= 2
P ?= 5
fuzz-scope:
	$(srcdir)/test/scope_fuzz/scope_fuzz.pl -n $(N) -s $(SEED) -j $(J) -p $(P) $(if $(CLOSELY),,-q)

.PHONY: install-cli uninstall-cli
CLI_SHARE = $(DESTDIR)$(bindir)/../share/trovella-guard
CLI_COMPLETION = $(DESTDIR)$(bindir)/../share/bash-completion/completions
install-cli:
	$(MKDIR_P) '$(DESTDIR)$(bindir)' '$(CLI_SHARE)/TrovellaGuard' \
		'$(CLI_COMPLETION)' '$(DESTDIR)$(mandir)/man1'
	$(INSTALL_DATA) $(srcdir)/bin/trovella-guard.bash-completion \
		'$(CLI_COMPLETION)/trovella-guard'
	$(INSTALL_SCRIPT) $(srcdir)/bin/trovella-guard '$(DESTDIR)$(bindir)/'
	$(INSTALL_DATA) $(CLI_MODULES) '$(CLI_SHARE)/TrovellaGuard/'
	pod2man -c 'trovella_guard' -r '$(EXTVERSION)' $(srcdir)/bin/trovella-guard \
		'$(DESTDIR)$(mandir)/man1/trovella-guard.1'
uninstall-cli:
	rm -f '$(DESTDIR)$(bindir)/trovella-guard' '$(DESTDIR)$(mandir)/man1/trovella-guard.1' \
		'$(CLI_COMPLETION)/trovella-guard'
	rm -rf '$(CLI_SHARE)'

# Every object depends on every header; a full build takes only seconds.
$(OBJS): $(wildcard src/*.h src/*/*.h)

endif
