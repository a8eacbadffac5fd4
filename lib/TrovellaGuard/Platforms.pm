#-------------------------------------------------------------------------
#
# Platforms.pm
#		What managed services put into a database, and Debian's packages of extensions.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Platforms;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT_OK = qw(platforms_of debian_package);

# signs: one such role says that the database is there.  roles and schemas are
# the platform's own; app_roles are those that serve tenants by its conventions.
my @platforms = (
	{
		name => 'Supabase',
		signs => qr/^supabase_(?:admin|auth_admin)$/,
		roles => qr/^(?:supabase_.*|dashboard_user|pgbouncer|authenticator|service_role|pgsodium_key(?:holder|iduser|maker)|pgtle_admin)$/,
		schemas => qr/^(?:auth|storage|_?realtime|supabase_(?:functions|migrations)|graphql|graphql_public|vault|pgsodium|pgsodium_masks|extensions|net|cron|pgbouncer|_analytics|_supavisor|pgtle|pgmq|pgmq_public|tiger|tiger_data|topology)$/,
		app_roles => [qw(anon authenticated)],
	},
	{
		name => 'Neon',
		signs => qr/^(?:neon_superuser|cloud_admin)$/,
		roles => qr/^(?:neon_.*|cloud_admin|web_access|authenticator)$/,
		schemas => qr/^(?:neon|neon_auth|neon_migration|pgrst)$/,
	},
	{
		name => 'Amazon RDS',
		signs => qr/^(?:rdsadmin|rds_superuser)$/,
		roles => qr/^rds(?:admin|repladmin|topmgr|writeforwarduser|proxyadmin|_.*)$/,
		schemas => qr/^(?:rds_tools|apg_plan_mgmt|aws_(?:commons|lambda|s3|ml))$/,
	},
	{
		name => 'Google Cloud SQL',
		signs => qr/^(?:cloudsql(?:admin|superuser)|alloydb(?:admin|superuser))$/,
		roles => qr/^(?:cloudsql|alloydb).*$/,
		schemas => qr/^(?:google_ml|google_vacuum_mgmt|google_db_advisor.*)$/,
	},
	{
		name => 'Azure Database for PostgreSQL',
		signs => qr/^(?:azure_pg_admin|azuresu|azure_superuser)$/,
		roles => qr/^azure(?:su|_.*)$/,
		schemas => qr/^(?:azure_sys|azure_ai|azure_storage|azure_maintenance)$/,
	});

# The platforms of a database with these roles and schemas: a list of hashes of
# name, roles, schemas, app_roles, with those that are there.
sub platforms_of
{
	my ($roles, $schemas) = @_;
	my @found;

	foreach my $platform (@platforms)
	{
		next if !grep { $_ =~ $platform->{signs} } @$roles;
		my %has = map { $_ => 1 } @$roles;
		push @found, {
			name => $platform->{name},
			roles => [ grep { $_ =~ $platform->{roles} } @$roles ],
			schemas => [ grep { $_ =~ $platform->{schemas} } @$schemas ],
			app_roles => [ grep { $has{$_} } @{ $platform->{app_roles} // [] } ],
		};
	}
	return @found;
}

# Where the name of the package is not that of the extension.
my %package = (
	vector => 'pgvector', pg_cron => 'cron', pg_partman => 'partman',
	postgis => 'postgis-3', postgis_topology => 'postgis-3', postgis_raster => 'postgis-3',
	postgis_sfcgal => 'postgis-3', postgis_tiger_geocoder => 'postgis-3', address_standardizer => 'postgis-3',
	pg_repack => 'repack', pgrouting => 'pgrouting', pg_similarity => 'similarity',
	pg_rational => 'rational', pg_hint_plan => 'pg-hint-plan', pgq => 'pgq3', rdkit => 'rdkit');
my %language = (plpython3u => 'plpython3', plperl => 'plperl', plperlu => 'plperl',
	pltcl => 'pltcl', pltclu => 'pltcl');
my %packaged = map { $_ => 1 } qw(asn1oid debversion decoderbufs dirtyread
  extra_window_functions first_last_agg h3 hll hypopg icu_ext ip4r jsquery mimeo mysql_fdw
  numeral ogr_fdw orafce periods pg_qualstats pg_stat_kcache pg_track_settings
  pg_wait_sampling pgaudit pgauditlogtofile pgfincore pgl_ddl_deploy pglogical pgmemcache
  pgmp pgpcre pgsphere pgtap pldebugger pllua plpgsql_check plproxy plr plsh pointcloud powa
  prefix q3c rum semver set_user squeeze tablelog tdigest tds_fdw toastinfo unit);
my %contrib = map { $_ => 1 } qw(amcheck bloom btree_gin btree_gist citext cube dblink
  dict_int earthdistance file_fdw fuzzystrmatch hstore intarray isn lo ltree moddatetime
  pageinspect pg_buffercache pg_prewarm pg_stat_statements pg_trgm pg_visibility
  pgcrypto pgrowlocks pgstattuple postgres_fdw seg sslinfo tablefunc tcn unaccent
  uuid-ossp xml2);

# The Debian package of an extension for a major version, or undef.
sub debian_package
{
	my ($extension, $major) = @_;

	return "postgresql-$major" if $contrib{$extension};
	return "postgresql-$language{$extension}-$major" if $language{$extension};
	my $name = $package{$extension}
	  // ($packaged{$extension} ? $extension =~ tr/_/-/r : undef);
	return defined $name ? "postgresql-$major-$name" : undef;
}

1;
