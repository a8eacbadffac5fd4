# source.sh: PostgreSQL built from Debian's source package, with assertions.
#
# Sourced by `make memcheck` and `make test-core`.  Assertions, memory that is
# wiped when it is freed, valgrind's knowledge of memory contexts, the setting
# debug_discard_caches and PostgreSQL's own test suites are all things that a
# packaged server cannot have.  The source is not part of this repository; it
# comes from the package archive that the machine already uses, and is kept,
# built, beside the chroots of test/versions.

# need_source_build: sets $source and $assert, the built tree and its
# installation.  For the major version of pg_config_path.
need_source_build()
{
	local major lists kept

	need_postgres valgrind dpkg-dev bison flex bzip2 zlib1g-dev libicu-dev \
		pkg-config
	major=$(version_of "$(pg_config_path)")
	kept=${TG_CHROOTS:-$top/.chroots}/source-$major
	assert=$kept/installed
	source=$kept/source
	[ ! -e "$kept/done" ] || return 0

	say "building PostgreSQL $major from source; this takes some minutes, once"
	rm -rf "$kept"
	mkdir -p "$kept/lists/partial" "$source"

	# The machine's own list of sources, for source packages: in a list of our
	# own, so that nothing of the machine changes.
	lists=(-o "Dir::Etc::sourcelist=$kept/sources.list"
		-o "Dir::Etc::sourceparts=$kept/sources.list.d"
		-o "Dir::State::lists=$kept/lists")
	mkdir "$kept/sources.list.d"
	{ cat /etc/apt/sources.list 2>/dev/null || true; } |
		sed -n 's/^deb /deb-src /p' >"$kept/sources.list"
	if [ -e /etc/apt/sources.list.d/debian.sources ]; then
		sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources \
			>"$kept/sources.list.d/debian.sources"
	fi
	(fetch_and_build) >"$kept/log" 2>&1 ||
		{ tail -n 30 "$kept/log" >&2; die "cannot build PostgreSQL from source"; }
	touch "$kept/done"
}

# fetch_and_build: what takes the time.  Its caller asks how it went, and a
# function that is asked is not stopped by set -e: so each step is chained.
fetch_and_build()
{
	local version

	cd "$kept" && apt-get "${lists[@]}" update -qq || return 1

	# A mirror may name a security release that it does not hold
	for version in $(apt-cache "${lists[@]}" showsrc "postgresql-$major" |
		sed -n 's/^Version: //p' | sort -uVr)
	do
		apt-get "${lists[@]}" source -qq --download-only \
			"postgresql-$major=$version" && break
	done
	tar -C "$source" --strip-components=1 -xf postgresql-"$major"_*.orig.tar.* &&
		cd "$source" &&
		./configure -q --prefix="$assert" --enable-cassert --enable-debug \
			--without-readline --with-icu \
			CFLAGS='-O1 -g -fno-omit-frame-pointer' CPPFLAGS=-DUSE_VALGRIND &&
		make -s -j"$(nproc)" &&
		make -s install &&
		make -s -C src/test/isolation all install &&
		make -s -C src/test/regress all &&
		make -s -C contrib/spi install &&
		make -s -C contrib/citext install
}
