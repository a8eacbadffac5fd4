/*-------------------------------------------------------------------------
 *
 * cluster.c
 *		What status() and check_nodes() ask about a cluster of Citus.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "facts/facts.h"
#include "fmgr.h"
#include "report/cluster.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(trovella_guard_is_citus_coordinator_1_0);

/* is_citus_coordinator() */
Datum
trovella_guard_is_citus_coordinator_1_0(PG_FUNCTION_ARGS)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);
	bool		result = tg_facts_citus_node(reader) == TG_CITUS_COORDINATOR;

	(void) fcinfo;
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
	PG_RETURN_BOOL(result);
}

const char *
tg_cluster_part(FactsReader *reader)
{
	switch (tg_facts_citus_node(reader))
	{
		case TG_CITUS_COORDINATOR:
			return "coordinator";
		case TG_CITUS_WORKER:
			return "worker";
		case TG_NOT_CITUS:
			break;
	}
	return NULL;
}

const char *
tg_cluster_complaint(FactsReader *reader)
{
	const char *propagate = GetConfigOption("citus.propagate_set_commands",
											true, false);

	if (tg_facts_citus_node(reader) == TG_CITUS_COORDINATOR &&
		!tg_facts_citus_knows_guard(reader))
		return "The extension is older than Citus, which does not create it on other nodes: CREATE EXTENSION IF NOT EXISTS trovella_guard;";
	if (propagate == NULL || strcmp(propagate, "local") != 0)
		return "The tenant of SET LOCAL does not reach the shards: ALTER DATABASE ... SET citus.propagate_set_commands = 'local'; (see docs/citus.md)";
	return NULL;
}
