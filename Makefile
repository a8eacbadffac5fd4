# trovella_guard: build, install and test with PGXS.
#
#   make && make install      build and install for the pg_config in PATH
#   make installcheck         pg_regress and isolation against a running server
#   make demo                 install what is missing, and play the main job
#   make test                 install what is missing, and run every test
#   make test-versions        the same in a chroot for each PostgreSQL release
#   make bench                measure what the guard costs (a quarter of an hour)

# These bring what they need, and must work where there is no pg_config yet.
HARNESS = demo test test-versions bench
ifneq (,$(filter $(HARNESS),$(MAKECMDGOALS)))

.PHONY: $(HARNESS)

demo:
	@test/demo/play

test:
	@test/run $(SUITES)

test-versions:
	@SUITES="$(SUITES)" test/versions $(RELEASES)

bench:
	@bench/run $(PARTS)

else

EXTENSION = trovella_guard
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" trovella_guard.control)
MODULE_big = trovella_guard
OBJS = trovella_guard.o \
	$(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/rules/*.c)))
DATA = $(wildcard trovella_guard--*.sql)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --encoding=UTF8 --load-extension=trovella_guard
ISOLATION_OPTS = --load-extension=trovella_guard
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))

# PostgreSQL's own headers are not ours to keep free of warnings.
PG_CPPFLAGS = -I$(srcdir)/src -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DTG_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wall -Wextra
# A server that was built with gcc hands clang options that it does not know.
ifneq (,$(findstring clang,$(CC)))
PG_CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument \
	-Wno-ignored-attributes
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Every object depends on every header: the build takes seconds.
$(OBJS): $(wildcard src/*.h)

endif
