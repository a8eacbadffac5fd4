# trovella_guard: build, install and test with PGXS.
#
#   make && make install      build and install for the pg_config in PATH
#   make installcheck         pg_regress and isolation against a running server
#   make demo                 install what is missing, and play the main job
#   make test                 install what is missing, and run every test
#   make test-versions        the same in a chroot for each PostgreSQL release
#   make fuzz-scope N=20000   random policies against the proof, by way of the
#                             server that psql would connect to; SEED=1 J=2,
#                             CLOSELY=1 to look again at each doubt (half an hour)
#   make lint                 compilers and analyzers at their strictest
#   make format               lay the C code out by pgindent (check-format: is it?)
#   make memcheck             the regression tests under valgrind, with sanitizers
#   make test-core            PostgreSQL's own tests, with the guard installed
#   make package              build the .deb and try it on a fresh Debian
#   make check-version dist   is the version the same everywhere?  The PGXN zip
#   make lab                  walk at random for SECONDS=600 from SEED=...
#   make mutants              does the suite notice a check that is knocked out?
#   make bench                measure what the guard costs (fifty minutes)

# These bring what they need, and must work where there is no pg_config yet.
HARNESS = demo test test-versions lint format check-format check-version \
	dist package memcheck test-core lab mutants bench
ifneq (,$(filter $(HARNESS),$(MAKECMDGOALS)))

.PHONY: $(HARNESS)

demo:
	@test/demo/play

test:
	@test/run $(SUITES)

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

mutants:
	@test/lab/mutants $(ONLY)

bench:
	@bench/run $(PARTS)

else

EXTENSION = trovella_guard
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" trovella_guard.control)
MODULE_big = trovella_guard
OBJS = trovella_guard.o \
	$(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
DATA = $(wildcard trovella_guard--*.sql)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --encoding=UTF8 --load-extension=trovella_guard
ISOLATION_OPTS = --load-extension=trovella_guard
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))

# PostgreSQL's own headers are not ours to keep free of warnings.
PG_CPPFLAGS = -I$(srcdir)/src -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DTG_VERSION='"$(EXTVERSION)"'
# The walkers of PostgreSQL 15's headers are declared in a way that C23, the
# default of newer compilers, has done away with.
PG_CFLAGS = -std=gnu11 -Wall -Wextra
# A server that was built with gcc hands clang options that it does not know.
ifneq (,$(findstring clang,$(CC)))
PG_CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument \
	-Wno-ignored-attributes
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

.PHONY: fuzz-scope
N ?= 20000
SEED ?= 1
J ?= 2
fuzz-scope:
	$(srcdir)/test/scope_fuzz/scope_fuzz.pl -n $(N) -s $(SEED) -j $(J) $(if $(CLOSELY),,-q)

# Every object depends on every header: the build takes seconds.
$(OBJS): $(wildcard src/*.h src/*/*.h)

endif
