#!/bin/sh
# Creates the extension in the databases that TROVELLA_GUARD_DB names, with
# blanks or commas between them, when the cluster is made.  In template1 it
# guards each database that is created later.
set -e

for database in $(echo "${TROVELLA_GUARD_DB:-}" | tr ',' ' '); do
	psql -X -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "$database" \
		-c 'CREATE EXTENSION IF NOT EXISTS trovella_guard'
done
