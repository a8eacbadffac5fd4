# lib.sh: functions for `make demo`, `make test` and the other scripts.
#
# Bash scripts source it.  Nothing here touches an existing PostgreSQL
# installation or cluster: the extension is installed into a copy of the
# installation (PostgreSQL finds its files relative to its programs, see
# make_relative_path in src/port/path.c), and the cluster is a temporary one
# that listens only on a Unix socket in a temporary directory.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The Debian releases to test on, and the PostgreSQL of each.  experimental is
# sid, and from Debian experimental only what belongs to the next PostgreSQL.
# shellcheck disable=SC2034
all_releases="bookworm trixie sid experimental"
declare -A major_of=([bookworm]=15 [trixie]=17 [sid]=18 [experimental]=19)
declare -A base_of=([experimental]=sid)

# add_experimental ROOT: lets apt in a chroot of sid take the newest PostgreSQL,
# and nothing else that another package offers as well, from there.
add_experimental()
{
	sed "s/ ${base_of[experimental]} / experimental /" \
		"$1/etc/apt/sources.list" \
		>"$1/etc/apt/sources.list.d/experimental.list"
	cat >"$1/etc/apt/preferences.d/experimental" <<-EOT
		Package: src:postgresql-${major_of[experimental]}
		Pin: release a=experimental
		Pin-Priority: 990
	EOT
}

# Runs a command as root, with sudo if necessary.
as_root()
{
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else die "this needs root or sudo: $*"
	fi
}

# Runs a command as the server's user: PostgreSQL refuses to run as root.
as_user()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups -- \
			env HOME="$work" USER=postgres LOGNAME=postgres "$@"
	else
		"$@"
	fi
}

# The pg_config to use: PG_CONFIG, else the newest one on this machine.
pg_config_path()
{
	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG" || die "no such program: PG_CONFIG=$PG_CONFIG"
	else
		ls -v /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | tail -n 1
	fi
}

# version_of PG_CONFIG: its major version.
version_of()
{
	"$1" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'
}

# need_packages PACKAGE...: installs those that are missing, on Debian.
need_packages()
{
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null |
			grep -q '^install ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing: ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# need_postgres [PACKAGE...]: PostgreSQL with its server headers, and the rest.
# Names of packages may hold @PG@ for the major version.
need_postgres()
{
	local major extra=("$@")

	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		say "This is not Debian, so nothing can be installed for you.  Needed are:"
		say "  PostgreSQL 15 or later with its server headers (pg_config), make, gcc"
		say "  for \"make test\" also: pgTAP with pg_prove, perl with IPC::Run, PgBouncer, Node.js 18 or later with npm"
		say "Then build with: make && make install && make installcheck"
		exit 1
	fi

	if [ -z "$(pg_config_path)" ]; then
		need_packages postgresql-common
		major=$(apt-cache depends postgresql 2>/dev/null |
			sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
	else
		major=$(version_of "$(pg_config_path)")
	fi
	[ -n "$major" ] || die "apt offers no PostgreSQL"
	need_packages make gcc libc6-dev "postgresql-$major" \
		"postgresql-server-dev-$major" "${extra[@]//@PG@/$major}"
}

# need_extensions NAME...: packages of extensions of the server.  Not every Debian
# has them all (no pgvector for PostgreSQL 15, say): the tests skip those that are
# missing.
need_extensions()
{
	local major name offered=()

	major=$(version_of "$(pg_config_path)")
	for name in "$@"; do
		if apt-cache show "postgresql-$major-$name" >/dev/null 2>&1; then
			offered+=("postgresql-$major-$name")
		fi
	done
	need_packages "${offered[@]}"
}

# pgtap_package MAJOR: pgTAP for this PostgreSQL, or if there is none yet the
# newest one, which add_pgtap() makes do with.
pgtap_package()
{
	local package=postgresql-$1-pgtap newest=

	if ! apt-cache show "$package" >/dev/null 2>&1; then
		newest=$(apt-cache pkgnames postgresql- |
			grep -x 'postgresql-[0-9]*-pgtap' | sort -V | tail -n 1)
	fi
	echo "${newest:-$package}"
}

# add_pgtap DIRECTORY: takes the newest pgTAP of this machine into a directory
# of extensions that has none.  It is SQL alone, and knows no version.
add_pgtap()
{
	local control

	[ ! -e "$1/pgtap.control" ] || return 0
	control=$(ls -v /usr/share/postgresql/*/extension/pgtap.control 2>/dev/null |
		tail -n 1)
	[ -z "$control" ] || cp "$(dirname "$control")"/pgtap* "$1"
}

# need_test_packages: PostgreSQL, and what the suites of test/run need.
need_test_packages()
{
	need_postgres git perl libipc-run-perl pgbouncer \
		libtap-parser-sourcehandler-pgtap-perl
	need_packages "$(pgtap_package "$(version_of "$(pg_config_path)")")"
	need_extensions pgvector
}

# need_neighbours: the tools of the suite of that name.
need_neighbours()
{
	need_extensions cron partman pg-rewrite pgaudit pglogical pgtt repack set-user \
		squeeze timescaledb
}

# unpack_packages PACKAGE...: makes the programs of Debian packages available
# without installing them, because the packages would start services.  A program
# that cannot be had is reported; its tests skip themselves.
unpack_packages()
{
	local package dir=$work/tools

	for package in "$@"; do
		[ ! -x "/usr/bin/$package" ] || continue
		mkdir -p "$dir/$package"
		if (cd "$dir/$package" && apt-get download -qq "$package" &&
			dpkg-deb -x "$package"_*.deb "$dir") >/dev/null 2>&1
		then
			export PATH="$PATH:$dir/usr/bin"
		else
			say "cannot get the package $package: tests that need it are skipped"
		fi
		rm -rf "${dir:?}/$package"
	done
}

# copy_installation PG_CONFIG: copies a PostgreSQL installation to $work/pg.
copy_installation()
{
	local path

	for path in "$("$1" --bindir)" "$("$1" --pkglibdir)" "$("$1" --sharedir)"; do
		mkdir -p "$work/pg$(dirname "$path")"
		cp -a "$path" "$work/pg$(dirname "$path")/"
	done
	path=$("$1" --includedir)
	mkdir -p "$work/pg$(dirname "$path")"
	[ -e "$work/pg$path" ] || ln -s "$path" "$work/pg$path"
	[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$work/pg"
}

# Copies the checkout to $work/tree and the PostgreSQL installation to
# $work/pg; sets pg_config and puts the programs first in PATH.
make_work()
{
	local real

	work=$(mktemp -d "${TMPDIR:-/tmp}/trovella_guard.XXXXXX")
	chmod 755 "$work"
	trap 'stop_cluster; rm -rf "$work"' EXIT

	real=$(pg_config_path)
	copy_installation "$real"
	mkdir "$work/tree"
	tar -C "$top" --exclude=./.git --exclude='*.o' --exclude='*.bc' \
		--exclude='*.so' --exclude=./.chroots -cf - . | tar -C "$work/tree" -xf -
	add_pgtap "$work/pg$("$real" --sharedir)/extension"
	[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$work"

	pg_config="$work/pg$("$real" --bindir)/pg_config"
	export PATH="$work/pg$("$real" --bindir):$PATH"
	[ -x "$pg_config" ] || die "cannot copy the PostgreSQL installation of $real"
}

# Builds the copy and installs it into the private installation.
build()
{
	as_user make -s -C "$work/tree" -j"$(nproc)" with_llvm=no \
		PG_CONFIG="$pg_config" COPT=-Werror install >"$work/build.log" 2>&1 ||
		{ cat "$work/build.log" >&2; die "the build failed"; }
}

# build_older: the same for each older PostgreSQL on this machine that has its
# server headers; sets TG_OLD_BINDIRS to their program directories.
build_older()
{
	local path tree

	export TG_OLD_BINDIRS=""
	for path in /usr/lib/postgresql/*/bin/pg_config; do
		[ "$(version_of "$path")" -lt "$(version_of "$pg_config")" ] || continue
		[ -e "$("$path" --includedir-server)/postgres.h" ] || continue
		copy_installation "$path"
		tree=$work/tree-$(version_of "$path")
		mkdir "$tree"
		tar -C "$work/tree" --exclude='*.o' --exclude='*.so' -cf - . |
			tar -C "$tree" -xf -
		[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$tree"
		as_user make -s -C "$tree" -j"$(nproc)" with_llvm=no \
			PG_CONFIG="$work/pg$path" install >"$tree/build.log" 2>&1 ||
			{ cat "$tree/build.log" >&2; die "the build for $path failed"; }
		TG_OLD_BINDIRS+=" $work/pg$(dirname "$path")"
	done
}

# prove_files FILE...: runs TAP tests, with the modules of PostgreSQL.
prove_files()
{
	local pgxs

	pgxs=$(dirname "$("$pg_config" --pgxs)")/../..
	as_user mkdir -p "$work/tmp_check/log"
	as_user env PERL5LIB="$pgxs/src/test/perl" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		PG_CONFIG="$pg_config" TESTDIR="$work/tree" \
		TESTDATADIR="$work/tmp_check" TESTLOGDIR="$work/tmp_check/log" \
		npm_config_cache="$work/npm" prove -v "$@"
}

# Starts the temporary cluster and points PGHOST and PGUSER at it.
start_cluster()
{
	as_user mkdir "$work/socket"
	as_user initdb -D "$work/data" -A trust -U postgres -N --encoding=UTF8 \
		--locale=C >"$work/initdb.log" 2>&1 ||
		{ cat "$work/initdb.log" >&2; die "initdb failed"; }
	as_user tee -a "$work/data/postgresql.conf" >/dev/null <<-EOF
		port = 5432
		listen_addresses = ''
		unix_socket_directories = '$work/socket'
		fsync = off
		max_prepared_transactions = 20
		max_connections = 100
	EOF
	as_user pg_ctl -D "$work/data" -l "$work/server.log" -w start >/dev/null ||
		{ cat "$work/server.log" >&2; die "the cluster did not start"; }
	export PGHOST="$work/socket" PGUSER=postgres PGPORT=5432
	unset PGDATABASE PGOPTIONS PGSERVICE PGPASSWORD
}

stop_cluster()
{
	[ ! -f "${work:-}/data/postmaster.pid" ] ||
		as_user pg_ctl -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
}
