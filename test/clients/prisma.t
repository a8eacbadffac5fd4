#!/usr/bin/env perl
#
# prisma.t
#	Prisma with a guarded database, and the snippet of docs/sessions.md behind
#	a pooler.

use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

use lib "$FindBin::RealBin/../perl";
use Client;

npm_project();
new_database('prisma');

# Nothing to download, nor to report to anybody
$ENV{DATABASE_URL} = 'postgresql://unused';
$ENV{PRISMA_QUERY_ENGINE_LIBRARY} = '/bin/true';
$ENV{CHECKPOINT_DISABLE} = 1;
$ENV{PRISMA_HIDE_UPDATE_MESSAGE} = 1;

sub prisma { return run(qw(node_modules/.bin/prisma), @_) }

mkdir $_ or die "$_: $!" foreach qw(migrations migrations/1_invoice);
spew('migrations/migration_lock.toml', qq(provider = "postgresql"\n));

sub deploy
{
	my ($script) = @_;

	spew('migrations/1_invoice/migration.sql', $script);
	return prisma(qw(migrate deploy));
}

# "migrate resolve --rolled-back" needs the engine that Prisma downloads
sub resolve
{
	return sql('UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL');
}

# What "prisma migrate dev" writes
my $create = <<'SQL';
-- CreateTable
CREATE TABLE "invoice" (
    "id" INTEGER NOT NULL,
    "organization_id" TEXT NOT NULL,
    "created_at" TIMESTAMP(3),
    "updated_at" TIMESTAMP(3),

    CONSTRAINT "invoice_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "invoice_organization_id_idx" ON "invoice"("organization_id");
SQL
my $protect = snippet('clients.md', 'Prisma', 'sql');
my ($allow) = $protect =~ /^(SELECT trovella_guard\.allow.*)$/m or die;
$protect = snippet('clients.md', 'In one transaction', 'sql');

# Statement by statement
sql($allow);
is($?, 0, 'the entry of clients.md');
my $output = deploy($create);
refused($output, 'public.invoice', 'a table without policies', 1);
like($output, qr/create and protect it in the same transaction/, '... says what is wrong with it');
is(sql("SELECT to_regclass('invoice')"), '', '... and leaves nothing behind');
$output = deploy($create . "SELECT trovella_guard.protect('public.invoice');\n");
isnt($?, 0, 'the next attempt fails');
like($output, qr/P3009/, '... with P3009');
resolve();
$output = deploy($create . "SELECT trovella_guard.protect('public.invoice');\n");
refused($output, 'public.invoice', 'protect() comes too late', 1);

# With BEGIN and COMMIT it passes
resolve();
$output = deploy($protect =~ s/^-- what prisma wrote\n/$create/mr);
is($?, 0, 'BEGIN, protect() and COMMIT') or diag($output);
is(sql(q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level IN ('error', 'warning')}), 0,
	'... protect the table');
is(sql(q{SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL}), 1, '... and Prisma knows it');

# Two tenants behind a pooler
$output = prisma('generate');
is($?, 0, 'prisma generate') or diag($output);
app_pooler();
spew('tenant.mjs', snippet('sessions.md', 'Prisma', 'js'));
takes_turns('Prisma', qw(node serve.mjs prisma));

done_testing();
