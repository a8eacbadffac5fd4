/*-------------------------------------------------------------------------
 *
 * citus.c
 *		What Citus says of a relation: is it distributed, is it a shard?
 *
 * Citus keeps the rows of a distributed table in shards: tables named
 * "name_<shard id>" on the nodes of a cluster.  The table that users name
 * holds no rows.  Citus' own catalogs say which is which, on every node.
 *
 * Nothing of Citus is linked.  Its catalogs are found by name, and read like
 * PostgreSQL's under the reader's snapshot.  They count only as members of the
 * extension "citus" that a superuser owns: anybody can create a table that has
 * the name of one.  Without Citus, a reader makes one cache lookup.
 *
 * Note: Citus writes its catalogs in other connections than those that create
 * the shards.  A verdict in one of the latter may not see yet that a relation
 * is a shard: see tg_citus_is_calling().
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "guard.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define CITUS "citus"			/* the extension */

/* Its catalogs that are read, in pg_catalog. */
static const struct
{
	const char *name;
	const char *index;
	const char *key;
}			catalogs[CITUS_CATALOGS] =

{
	[CITUS_TABLES] = {"pg_dist_partition",
	"pg_dist_partition_logical_relid_index", "logicalrelid"},
	[CITUS_SHARDS] = {"pg_dist_shard", "pg_dist_shard_shardid_index",
	"shardid"},
	[CITUS_SHARDS_OF] = {"pg_dist_shard", "pg_dist_shard_logical_relid_index",
	"logicalrelid"},
	[CITUS_PLACEMENTS] = {"pg_dist_placement",
	"pg_dist_placement_shardid_index", "shardid"},
	[CITUS_NODES] = {"pg_dist_node", NULL, NULL},
	[CITUS_OBJECTS] = {"pg_dist_object", NULL, NULL},
	[CITUS_LOCAL_GROUP] = {"pg_dist_local_group", NULL, NULL},
};

/* What connections of Citus to its nodes call themselves. */
static const char *const internal_names[] = {
	"citus_internal gpid=",
	"citus_rebalancer gpid=",
	"citus_shard_"
};

/* The group of the coordinator, in Citus' words. */
#define COORDINATOR_GROUP 0

/* Is an object a member of Citus, as a superuser has installed it? */
static bool
belongs_to_citus(FactsReader *reader, Oid class, Oid object)
{
	List	   *extensions = tg_reader_referenced(reader, ExtensionRelationId,
												  DEPENDENCY_EXTENSION,
												  class, object);
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result;

	if (extensions == NIL)
		return false;
	scan = tg_reader_scan(reader, CAT_EXTENSION, ExtensionOidIndexId,
						  Anum_pg_extension_oid, linitial_oid(extensions));
	tuple = systable_getnext(scan);
	result = HeapTupleIsValid(tuple) &&
		strcmp(NameStr(((Form_pg_extension) GETSTRUCT(tuple))->extname),
			   CITUS) == 0 &&
		superuser_arg(((Form_pg_extension) GETSTRUCT(tuple))->extowner);
	systable_endscan(scan);
	return result;
}

/* Scans a catalog for a key, or all of it.  Ended by end_scan(). */
static SysScanDesc
begin_scan(FactsReader *reader, CitusCatalog which, Relation *catalog,
		   RegProcedure equality, Datum key)
{
	Oid			index = InvalidOid;
	ScanKeyData scankey;

	*catalog = table_open(reader->citus_catalogs[which], AccessShareLock);
	if (catalogs[which].key == NULL)
		return systable_beginscan(*catalog, index, false, reader->snapshot,
								  0, NULL);
	index = get_relname_relid(catalogs[which].index, PG_CATALOG_NAMESPACE);
	ScanKeyInit(&scankey,
				get_attnum(RelationGetRelid(*catalog), catalogs[which].key),
				BTEqualStrategyNumber, equality, key);
	return systable_beginscan(*catalog, index, OidIsValid(index),
							  reader->snapshot, 1, &scankey);
}

static void
end_scan(SysScanDesc scan, Relation catalog)
{
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* A column that is never null. */
static Datum
column_of(HeapTuple tuple, Relation catalog, const char *name)
{
	bool		isnull;

	return heap_getattr(tuple, get_attnum(RelationGetRelid(catalog), name),
						RelationGetDescr(catalog), &isnull);
}

/* The number of this node's group. */
static int
read_group(FactsReader *reader)
{
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_LOCAL_GROUP, &catalog,
								  InvalidOid, (Datum) 0);
	HeapTuple	tuple = systable_getnext(scan);
	int			result = COORDINATOR_GROUP;

	if (HeapTupleIsValid(tuple))
		result = DatumGetInt32(column_of(tuple, catalog, "groupid"));
	end_scan(scan, catalog);
	return result;
}

bool
tg_citus_may_be_there(void)
{
	return OidIsValid(get_relname_relid(catalogs[CITUS_TABLES].name,
										PG_CATALOG_NAMESPACE));
}

CitusNode
tg_facts_citus_node(FactsReader *reader)
{
	if (reader->citus_known)
		return reader->citus;
	reader->citus_known = true;
	reader->citus = TG_NOT_CITUS;
	for (int i = 0; i < CITUS_CATALOGS; i++)
	{
		Oid			relid = get_relname_relid(catalogs[i].name,
											  PG_CATALOG_NAMESPACE);

		if (!OidIsValid(relid) ||
			!belongs_to_citus(reader, RelationRelationId, relid))
			return TG_NOT_CITUS;
		reader->citus_catalogs[i] = relid;
	}
	reader->citus_group = read_group(reader);
	reader->citus = reader->citus_group == COORDINATOR_GROUP ?
		TG_CITUS_COORDINATOR : TG_CITUS_WORKER;
	return reader->citus;
}

int
tg_facts_citus_workers(FactsReader *reader)
{
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_NODES, &catalog, InvalidOid,
								  (Datum) 0);
	HeapTuple	tuple;
	int			result = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (DatumGetInt32(column_of(tuple, catalog, "groupid")) != COORDINATOR_GROUP)
			result++;
	}
	end_scan(scan, catalog);
	return result;
}

bool
tg_facts_citus_knows_guard(FactsReader *reader)
{
	Oid			extension = get_extension_oid(TG_EXTENSION, true);
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_OBJECTS, &catalog, InvalidOid,
								  (Datum) 0);
	HeapTuple	tuple;
	bool		result = false;

	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = DatumGetObjectId(column_of(tuple, catalog, "classid")) ==
			ExtensionRelationId &&
			DatumGetObjectId(column_of(tuple, catalog, "objid")) == extension;
	end_scan(scan, catalog);
	return result;
}

char *
tg_facts_citus_coordinator(FactsReader *reader)
{
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_NODES, &catalog, InvalidOid,
								  (Datum) 0);
	HeapTuple	tuple;
	char	   *result = NULL;

	while (result == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (DatumGetInt32(column_of(tuple, catalog, "groupid")) == COORDINATOR_GROUP)
			result = psprintf("%s, port %d",
							  TextDatumGetCString(column_of(tuple, catalog, "nodename")),
							  DatumGetInt32(column_of(tuple, catalog, "nodeport")));
	}
	end_scan(scan, catalog);
	return result;
}

static bool
is_distributed(FactsReader *reader, Oid relid)
{
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_TABLES, &catalog, F_OIDEQ,
								  ObjectIdGetDatum(relid));
	bool		result = HeapTupleIsValid(systable_getnext(scan));

	end_scan(scan, catalog);
	return result;
}

/* The table that a shard belongs to, or InvalidOid. */
static Oid
table_of_shard(FactsReader *reader, int64 shard)
{
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_SHARDS, &catalog, F_INT8EQ,
								  Int64GetDatum(shard));
	HeapTuple	tuple = systable_getnext(scan);
	Oid			result = InvalidOid;

	if (HeapTupleIsValid(tuple))
		result = DatumGetObjectId(column_of(tuple, catalog, "logicalrelid"));
	end_scan(scan, catalog);
	return result;
}

/* Has Citus placed a shard on this node? */
static bool
is_placed_here(FactsReader *reader, int64 shard)
{
	Relation	catalog;
	SysScanDesc scan = begin_scan(reader, CITUS_PLACEMENTS, &catalog,
								  F_INT8EQ, Int64GetDatum(shard));
	HeapTuple	tuple;
	bool		result = false;

	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = DatumGetInt32(column_of(tuple, catalog, "groupid")) ==
			reader->citus_group;
	end_scan(scan, catalog);
	return result;
}

/* Could it be the name of a shard?  Then this is the shard's number. */
static bool
parse_shard_name(const char *name, int64 *shard)
{
	const char *digits = strrchr(name, '_');
	size_t		length;

	if (digits == NULL)
		return false;
	digits++;
	length = strlen(digits);
	if (length == 0 || length > 18 || *digits == '0' ||
		strspn(digits, "0123456789") != length)
		return false;
	*shard = strtoi64(digits, NULL, 10);
	return true;
}

/* The name that Citus gives to a shard of a table: AppendShardIdToName(). */
static char *
shard_name(const char *table, int64 shard)
{
	char	   *suffix = psprintf("_" INT64_FORMAT, shard);
	int			length = strlen(table);
	int			room = NAMEDATALEN - strlen(suffix);
	int			clipped;

	if (length < room)
		return psprintf("%s%s", table, suffix);
	clipped = pg_mbcliplen(table, length, room - 10);
	return psprintf("%.*s_%.8x%s", clipped, table,
					DatumGetUInt32(hash_any((const unsigned char *) table,
											length)), suffix);
}

/* The table that a relation is a shard of, on this node; or InvalidOid. */
static Oid
shard_of(FactsReader *reader, Oid schema_oid, const char *name)
{
	RelationPlace table;
	int64		shard;
	Oid			relid;

	if (!parse_shard_name(name, &shard))
		return InvalidOid;
	relid = table_of_shard(reader, shard);
	if (!OidIsValid(relid) || !tg_facts_place(reader, relid, &table) ||
		table.schema_oid != schema_oid ||
		strcmp(shard_name(NameStr(table.name), shard), name) != 0 ||
		!is_placed_here(reader, shard))
		return InvalidOid;
	return relid;
}

bool
tg_facts_is_shard(FactsReader *reader, Oid relid)
{
	RelationPlace place;

	return tg_facts_citus_node(reader) != TG_NOT_CITUS &&
		tg_facts_place(reader, relid, &place) &&
		OidIsValid(shard_of(reader, place.schema_oid, NameStr(place.name)));
}

Oid
tg_facts_citus_copy(FactsReader *reader, Oid relid)
{
	RelationPlace table;
	Relation	catalog;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	if (tg_facts_citus_node(reader) == TG_NOT_CITUS || !OidIsValid(relid) ||
		!tg_facts_place(reader, relid, &table))
		return InvalidOid;
	scan = begin_scan(reader, CITUS_SHARDS_OF, &catalog, F_OIDEQ,
					  ObjectIdGetDatum(relid));
	while (!OidIsValid(result) &&
		   HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		int64		shard = DatumGetInt64(column_of(tuple, catalog, "shardid"));

		if (is_placed_here(reader, shard))
			result = get_relname_relid(shard_name(NameStr(table.name), shard),
									   table.schema_oid);
	}
	end_scan(scan, catalog);
	return result;
}

bool
tg_facts_citus_made(FactsReader *reader, Oid class, Oid object)
{
	Relation	catalog;
	HeapTuple	tuple;
	bool		result;

	if (tg_facts_citus_node(reader) == TG_NOT_CITUS)
		return false;
	if (class == RelationRelationId)
		return tg_facts_is_shard(reader, object);
	if (class != TriggerRelationId)
		return false;
	catalog = table_open(TriggerRelationId, AccessShareLock);
	tuple = get_catalog_object_by_oid(catalog, Anum_pg_trigger_oid, object);
	result = HeapTupleIsValid(tuple) &&
		belongs_to_citus(reader, ProcedureRelationId,
						 ((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid);
	table_close(catalog, AccessShareLock);
	return result;
}

static bool
says_it_is_citus(void)
{
	for (int i = 0; i < (int) lengthof(internal_names); i++)
	{
		if (application_name != NULL &&
			strncmp(application_name, internal_names[i],
					strlen(internal_names[i])) == 0)
			return true;
	}
	return false;
}

bool
tg_citus_is_calling(FactsReader *reader)
{
	return says_it_is_citus() && tg_facts_citus_node(reader) != TG_NOT_CITUS;
}

/* Not of a long one, which Citus has shortened. */
char *
tg_facts_named_after(const RelationFacts *shard)
{
	return pnstrdup(shard->name, strrchr(shard->name, '_') - shard->name);
}

/*
 * The table of the same owner that a relation has the name of a shard of; or
 * InvalidOid.  On a worker it is a distributed one.  (The coordinator may be about
 * to distribute it.)
 */
static Oid
future_table(FactsReader *reader, const RelationFacts *facts, int64 shard)
{
	Oid			relid = table_of_shard(reader, shard);
	const RelationFacts *table;

	if (!OidIsValid(relid))
		relid = get_relname_relid(tg_facts_named_after(facts),
								  facts->schema_oid);
	if (!OidIsValid(relid) ||
		(reader->citus == TG_CITUS_WORKER && !is_distributed(reader, relid)))
		return InvalidOid;
	table = tg_facts_outline(reader, relid);
	if (table == NULL || table->schema_oid != facts->schema_oid ||
		table->owner != facts->owner ||
		strcmp(shard_name(table->name, shard), facts->name) != 0)
		return InvalidOid;
	return relid;
}

/*
 * A table that a connection of Citus creates may be a shard about to be: the
 * catalogs are written by another connection, or later.
 */
void
tg_read_citus(FactsReader *reader, RelationFacts *facts)
{
	int64		shard;
	Oid			table;

	facts->beside_citus = tg_facts_citus_node(reader) != TG_NOT_CITUS;
	if (!facts->beside_citus ||
		(!tg_is_table(facts) && facts->kind != RELKIND_FOREIGN_TABLE))
		return;
	facts->distributed = is_distributed(reader, facts->relid);
	if (!facts->distributed)
		facts->shard_of = shard_of(reader, facts->schema_oid, facts->name);
	facts->sent_by_citus = OidIsValid(facts->shard_of) ||
		(facts->distributed && reader->citus == TG_CITUS_WORKER);
	if (facts->sent_by_citus || facts->distributed ||
		!parse_shard_name(facts->name, &shard))
		return;
	table = future_table(reader, facts, shard);
	facts->detached_shard = reader->citus == TG_CITUS_WORKER &&
		OidIsValid(table) && !facts->partition &&
		tg_facts_outline(reader, table)->partition;
	if (!says_it_is_citus())
		return;
	facts->sent_by_citus = true;
	facts->future_shard = true;
	facts->shard_of = table;
}
