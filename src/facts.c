/*-------------------------------------------------------------------------
 *
 * facts.c
 *		Reads RelationFacts from the catalogs under a given snapshot.
 *
 * Both the verdict and the audit read through here.  Catalogs are scanned by
 * index under the caller's snapshot, because the system caches and the
 * relation cache know only the present, and because the audit of 100,000
 * tables must neither lock them nor fill the caches of the backend.
 *
 * Notes:
 *
 * 1. An object may be visible to the snapshot and yet be gone from the system
 * caches: the "before" of a transaction that dropped it.  So what the caches
 * are asked for here (the access method of an operator class, whether a
 * namespace is temporary) is asked with a way out.
 *
 * 2. The depth of pg_depend that is followed to find out whether something
 * stands on a temporary object is small in practice: pinned objects have no
 * entries, and a relation ends the walk.  Even so the walk was a quarter of an
 * audit's time, and most policies and indexes mention nothing but PostgreSQL's
 * own functions and types: what names no other object is not followed at all.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "compat.h"
#include "facts.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* The catalogs that are kept open while a reader lives. */
typedef enum ReaderCatalog
{
	CAT_CLASS,
	CAT_ATTRIBUTE,
	CAT_POLICY,
	CAT_INDEX,
	CAT_CONSTRAINT,
	CAT_INHERITS,
	CAT_DEPEND,
	CAT_REWRITE,
	CAT_NAMESPACE,
	CAT_EXTENSION,
	CAT_PROC,
	CAT_COUNT
} ReaderCatalog;

static const Oid catalog_oids[CAT_COUNT] = {
	[CAT_CLASS] = RelationRelationId,
	[CAT_ATTRIBUTE] = AttributeRelationId,
	[CAT_POLICY] = PolicyRelationId,
	[CAT_INDEX] = IndexRelationId,
	[CAT_CONSTRAINT] = ConstraintRelationId,
	[CAT_INHERITS] = InheritsRelationId,
	[CAT_DEPEND] = DependRelationId,
	[CAT_REWRITE] = RewriteRelationId,
	[CAT_NAMESPACE] = NamespaceRelationId,
	[CAT_EXTENSION] = ExtensionRelationId,
	[CAT_PROC] = ProcedureRelationId,
};

/*
 * A policy's expression.  Those of a table, and often those of all tables,
 * are the same, and to make a tree of the stored text costs more than all else
 * that there is to a table.  So the trees are kept, up to a limit.
 */
typedef struct Expression
{
	uint64		hash;			/* of the text; hash key, must be first */
	char	   *text;			/* as it is stored, without locations */
	Node	   *tree;
	bool		names_user_object;
} Expression;

#define MAX_EXPRESSIONS_KEPT 64
#define MAX_LENGTH_KEPT 8192

/*
 * An outline.  Tables refer to the same few others, partitions to the same
 * parent, so these are kept, too.
 */
typedef struct Outline
{
	Oid			relid;			/* hash key, must be first */
	RelationFacts *facts;		/* may be NULL */
} Outline;

#define MAX_OUTLINES_KEPT 256

struct FactsReader
{
	Snapshot	snapshot;
	bool		detaching_counts;
	MemoryContext context;		/* of what is kept as long as the reader */
	Relation	catalogs[CAT_COUNT];	/* opened at first use */
	List	   *indexes;		/* Relations: those used so far, kept open */
	Oid			schema_oid;		/* of the schema that was read last */
	NameData	schema;			/* its name */
	HTAB	   *expressions;	/* of Expression */
	HTAB	   *outlines;		/* of Outline */
};

static void read_columns(FactsReader *reader, RelationFacts *facts);
static void read_parents(FactsReader *reader, RelationFacts *facts);
static void read_policies(FactsReader *reader, RelationFacts *facts);
static void read_indexes(FactsReader *reader, RelationFacts *facts);
static void read_constraints(FactsReader *reader, RelationFacts *facts);
static bool names_user_object(const char *tree);
static void read_rewrites(FactsReader *reader, RelationFacts *facts);
static bool column_stands_on_temporary(FactsReader *reader, Oid relid,
									   AttrNumber attnum);
static bool stands_on_temporary(FactsReader *reader, Oid classId,
								Oid objectId);

FactsReader *
tg_facts_begin(Snapshot snapshot, bool detaching_counts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard reader",
												  ALLOCSET_DEFAULT_SIZES);
	FactsReader *reader = MemoryContextAllocZero(context, sizeof(FactsReader));

	reader->snapshot = snapshot;
	reader->detaching_counts = detaching_counts;
	reader->context = context;
	return reader;
}

void
tg_facts_end(FactsReader *reader)
{
	ListCell   *lc;

	foreach(lc, reader->indexes)
		index_close((Relation) lfirst(lc), AccessShareLock);
	for (int i = 0; i < CAT_COUNT; i++)
	{
		if (reader->catalogs[i] != NULL)
			table_close(reader->catalogs[i], AccessShareLock);
	}
	MemoryContextDelete(reader->context);
}

Snapshot
tg_facts_snapshot(const FactsReader *reader)
{
	return reader->snapshot;
}

static Relation
catalog(FactsReader *reader, ReaderCatalog which)
{
	if (reader->catalogs[which] == NULL)
		reader->catalogs[which] = table_open(catalog_oids[which],
											 AccessShareLock);
	return reader->catalogs[which];
}

/*
 * Opens an index of a catalog, unless it is open.  A scan opens it again, but
 * to lock what we have locked already is cheap: that saves a fifteenth of a
 * verdict.
 */
static void
keep_open(FactsReader *reader, Oid index)
{
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, reader->indexes)
	{
		if (RelationGetRelid((Relation) lfirst(lc)) == index)
			return;
	}
	old = MemoryContextSwitchTo(reader->context);
	reader->indexes = lappend(reader->indexes,
							  index_open(index, AccessShareLock));
	MemoryContextSwitchTo(old);
}

/*
 * Begins an index scan of a catalog for rows whose column "attnum" is the
 * OID "value".
 */
static SysScanDesc
scan_by_oid(FactsReader *reader, ReaderCatalog which, Oid index,
			AttrNumber attnum, Oid value)
{
	ScanKeyData key;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	keep_open(reader, index);
	return systable_beginscan(catalog(reader, which), index, true,
							  reader->snapshot, 1, &key);
}

/* The same for rows of pg_depend or the like that name an object. */
static SysScanDesc
scan_by_address(FactsReader *reader, Oid index,
				AttrNumber class_attnum, Oid classId,
				AttrNumber object_attnum, Oid objectId)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], class_attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(classId));
	ScanKeyInit(&keys[1], object_attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(objectId));
	keep_open(reader, index);
	return systable_beginscan(catalog(reader, CAT_DEPEND), index, true,
							  reader->snapshot, 2, keys);
}

bool
tg_facts_place(FactsReader *reader, Oid relid, RelationPlace *place)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_CLASS, ClassOidIndexId,
								   Anum_pg_class_oid, relid);
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		place->schema_oid = form->relnamespace;
		place->name = form->relname;
		place->kind = form->relkind;
		place->persistence = form->relpersistence;
		place->partition = form->relispartition;
	}
	systable_endscan(scan);
	return HeapTupleIsValid(tuple);
}

/*
 * The name of a schema.  The caches know only the present name; a schema that
 * was dropped or renamed in this transaction is read under the snapshot.
 */
char *
tg_facts_schema_name(FactsReader *reader, Oid schema_oid)
{
	SysScanDesc scan;
	HeapTuple	tuple;

	if (reader->schema_oid == schema_oid)
		return pstrdup(NameStr(reader->schema));

	scan = scan_by_oid(reader, CAT_NAMESPACE, NamespaceOidIndexId,
					   Anum_pg_namespace_oid, schema_oid);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		reader->schema_oid = schema_oid;
		reader->schema = ((Form_pg_namespace) GETSTRUCT(tuple))->nspname;
	}
	systable_endscan(scan);
	return HeapTupleIsValid(tuple) ? pstrdup(NameStr(reader->schema)) : NULL;
}

char *
tg_facts_qualified_name(FactsReader *reader, Oid relid)
{
	RelationPlace place;
	char	   *schema;

	if (!tg_facts_place(reader, relid, &place))
		return NULL;
	schema = tg_facts_schema_name(reader, place.schema_oid);
	return schema != NULL ?
		quote_qualified_identifier(schema, NameStr(place.name)) : NULL;
}

char *
tg_facts_column_name(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *name = NULL;

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber,
				F_INT2EQ, Int16GetDatum(attnum));
	scan = systable_beginscan(catalog(reader, CAT_ATTRIBUTE),
							  AttributeRelidNumIndexId, true,
							  reader->snapshot, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		!((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
		name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
	systable_endscan(scan);
	return name;
}

bool
tg_facts_name_is_taken(FactsReader *reader, Oid schema_oid, const char *name)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	bool		taken;

	ScanKeyInit(&keys[0], Anum_pg_class_relname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	ScanKeyInit(&keys[1], Anum_pg_class_relnamespace, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schema_oid));
	scan = systable_beginscan(catalog(reader, CAT_CLASS),
							  ClassNameNspIndexId, true, NULL, 2, keys);
	taken = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return taken;
}

/*
 * Was anything granted to a role other than the owner?
 */
static bool
acl_opens_to_others(Datum acl_datum, Oid owner)
{
	Acl		   *acl = DatumGetAclP(acl_datum);
	AclItem    *items = ACL_DAT(acl);
	bool		opens = false;

	for (int i = 0; i < ACL_NUM(acl) && !opens; i++)
		opens = items[i].ai_grantee != owner &&
			ACLITEM_GET_PRIVS(items[i]) != ACL_NO_RIGHTS;

	if ((Pointer) acl != DatumGetPointer(acl_datum))
		pfree(acl);
	return opens;
}

/*
 * Do the options of a view say security_invoker?
 */
static bool
is_security_invoker(Datum reloptions)
{
	ListCell   *lc;
	bool		result = false;

	foreach(lc, untransformRelOptions(reloptions))
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "security_invoker") == 0)
			(void) parse_bool(defGetString(option), &result);
	}
	return result;
}

static RelationFacts *
read_relation(FactsReader *reader, Oid relid, bool whole)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	RelationFacts *facts = NULL;
	bool		has_rewrites = false;

	/* System catalogs, and those of the information schema */
	if (relid < FirstNormalObjectId)
		return NULL;

	scan = scan_by_oid(reader, CAT_CLASS, ClassOidIndexId,
					   Anum_pg_class_oid, relid);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		bool		isnull;
		Datum		acl;

		switch (form->relkind)
		{
			case RELKIND_RELATION:
			case RELKIND_PARTITIONED_TABLE:
			case RELKIND_VIEW:
			case RELKIND_MATVIEW:
			case RELKIND_FOREIGN_TABLE:
				facts = palloc0(sizeof(RelationFacts));
				facts->relid = relid;
				facts->schema_oid = form->relnamespace;
				facts->name = pstrdup(NameStr(form->relname));
				facts->kind = form->relkind;
				facts->temporary =
					form->relpersistence == RELPERSISTENCE_TEMP;
				facts->partition = form->relispartition;
				facts->rls_enabled = form->relrowsecurity;
				facts->rls_forced = form->relforcerowsecurity;
				facts->owner = form->relowner;
				acl = heap_getattr(tuple, Anum_pg_class_relacl,
								   RelationGetDescr(catalog(reader, CAT_CLASS)),
								   &isnull);
				facts->granted = !isnull &&
					acl_opens_to_others(acl, facts->owner);
				facts->acls = list_make1(isnull ?
										 acldefault(OBJECT_TABLE,
													facts->owner) :
										 DatumGetAclPCopy(acl));
				has_rewrites = form->relhasrules;
				if (facts->kind == RELKIND_VIEW)
				{
					Datum		reloptions;

					reloptions = heap_getattr(tuple, Anum_pg_class_reloptions,
											  RelationGetDescr(catalog(reader, CAT_CLASS)),
											  &isnull);
					facts->security_invoker = !isnull &&
						is_security_invoker(reloptions);
				}
				break;
			default:
				break;
		}
	}
	systable_endscan(scan);
	if (facts == NULL)
		return NULL;

	facts->schema = tg_facts_schema_name(reader, facts->schema_oid);
	if (facts->schema == NULL)
		return NULL;
	if (facts->temporary)
		return facts;

	read_columns(reader, facts);
	if (facts->kind == RELKIND_RELATION ||
		facts->kind == RELKIND_PARTITIONED_TABLE ||
		facts->kind == RELKIND_FOREIGN_TABLE)
		read_parents(reader, facts);
	if (!whole)
		return facts;

	if (facts->kind == RELKIND_RELATION ||
		facts->kind == RELKIND_PARTITIONED_TABLE)
	{
		if (facts->tenant != NULL || facts->rls_enabled)
			read_policies(reader, facts);
		if (facts->tenant != NULL)
		{
			read_indexes(reader, facts);
			read_constraints(reader, facts);
		}
	}
	if (has_rewrites)
		read_rewrites(reader, facts);
	return facts;
}

RelationFacts *
tg_facts_read(FactsReader *reader, Oid relid)
{
	return read_relation(reader, relid, true);
}

const RelationFacts *
tg_facts_outline(FactsReader *reader, Oid relid)
{
	Outline    *kept;
	bool		found;
	RelationFacts *facts;
	MemoryContext old;

	if (reader->outlines == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(Outline);
		ctl.hcxt = reader->context;
		reader->outlines = hash_create("trovella_guard outlines",
									   MAX_OUTLINES_KEPT, &ctl,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	kept = hash_search(reader->outlines, &relid, HASH_FIND, NULL);
	if (kept != NULL)
		return kept->facts;
	if (hash_get_num_entries(reader->outlines) >= MAX_OUTLINES_KEPT)
		return read_relation(reader, relid, false);

	old = MemoryContextSwitchTo(reader->context);
	facts = read_relation(reader, relid, false);
	MemoryContextSwitchTo(old);
	kept = hash_search(reader->outlines, &relid, HASH_ENTER, &found);
	kept->facts = facts;
	return facts;
}

/*
 * The live columns, and among them the tenant column: the first that
 * trovella_guard.tenant_columns names.
 */
static void
read_columns(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_ATTRIBUTE,
								   AttributeRelidNumIndexId,
								   Anum_pg_attribute_attrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(catalog(reader, CAT_ATTRIBUTE));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);
		ColumnFacts *column;
		Datum		acl;
		bool		isnull;

		if (form->attnum <= 0 || form->attisdropped)
			continue;

		column = palloc(sizeof(ColumnFacts));
		column->attnum = form->attnum;
		column->name = pstrdup(NameStr(form->attname));
		column->type = form->atttypid;
		column->typmod = form->atttypmod;
		column->collation = form->attcollation;
		column->not_null = form->attnotnull;
		column->temporary =
			(form->atttypid >= FirstNormalObjectId ||
			 form->attcollation >= FirstNormalObjectId ||
			 form->attgenerated != '\0') &&
			column_stands_on_temporary(reader, facts->relid, form->attnum);
		facts->columns = lappend(facts->columns, column);

		acl = heap_getattr(tuple, Anum_pg_attribute_attacl, descriptor,
						   &isnull);
		if (!isnull)
		{
			if (acl_opens_to_others(acl, facts->owner))
				facts->granted = true;
			facts->acls = lappend(facts->acls, DatumGetAclPCopy(acl));
		}
	}
	systable_endscan(scan);

	for (const char *name = tg_tenant_column_names();
		 *name != '\0' && facts->tenant == NULL;
		 name = tg_next_name(name))
	{
		ListCell   *lc;

		foreach(lc, facts->columns)
		{
			ColumnFacts *column = lfirst(lc);

			if (strcmp(column->name, name) == 0)
				facts->tenant = column;
		}
	}
}

static void
read_parents(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_INHERITS,
								   InheritsRelidSeqnoIndexId,
								   Anum_pg_inherits_inhrelid, facts->relid);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!form->inhdetachpending || reader->detaching_counts)
			facts->parents = lappend_oid(facts->parents, form->inhparent);
	}
	systable_endscan(scan);
}

/*
 * Does an expression of the relation mention a column that will vanish?  It
 * then vanishes, too.  (A column of another relation at the same level in a
 * sub-select may be taken for it: that errs on the safe side.)
 */
static bool
mentions_temporary_column(Node *node, void *context)
{
	RelationFacts *facts = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		ListCell   *lc;

		foreach(lc, facts->columns)
		{
			ColumnFacts *column = lfirst(lc);

			if (column->temporary &&
				column->attnum == ((Var *) node)->varattno)
				return true;
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, mentions_temporary_column,
								 context, 0);
	return expression_tree_walker(node, mentions_temporary_column, context);
}

/*
 * The part of a policy's fingerprint that one column of pg_policy makes.
 */
static uint64
mix(uint64 fingerprint, const char *data, int length)
{
	return hash_combine64(fingerprint,
						  hash_bytes_extended((const unsigned char *) data,
											  length, 0));
}

/*
 * Cuts out of a stored expression where its parts stood in the statement that
 * it came from.  PostgreSQL itself keeps this no more since version 17.
 */
static void
cut_locations(char *text)
{
	static const char label[] = ":location ";
	const char *from = text;
	char	   *to = text;
	const char *hit;

	/* A name cannot be taken for the label: its spaces have backslashes */
	while ((hit = strstr(from, label)) != NULL)
	{
		size_t		length = hit + strlen(label) - from;

		memmove(to, from, length);
		to += length;
		from += length + strspn(from + length, "-0123456789");
		*to++ = '0';
	}
	memmove(to, from, strlen(from) + 1);
}

/*
 * Reads a policy's expression.  The tree is for reading only: other policies
 * may have the same.
 */
static Expression
read_expression(FactsReader *reader, Datum value)
{
	Expression	result;
	Expression *kept;
	bool		found;
	MemoryContext old;

	result.text = TextDatumGetCString(value);
	cut_locations(result.text);
	result.hash = hash_bytes_extended((unsigned char *) result.text,
									  strlen(result.text), 0);

	if (reader->expressions == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(uint64);
		ctl.entrysize = sizeof(Expression);
		ctl.hcxt = reader->context;
		reader->expressions = hash_create("trovella_guard expressions",
										  MAX_EXPRESSIONS_KEPT, &ctl,
										  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	kept = hash_search(reader->expressions, &result.hash, HASH_FIND, NULL);
	if (kept != NULL && strcmp(kept->text, result.text) == 0)
		return *kept;

	result.names_user_object = names_user_object(result.text);
	if (kept != NULL || strlen(result.text) > MAX_LENGTH_KEPT ||
		hash_get_num_entries(reader->expressions) >= MAX_EXPRESSIONS_KEPT)
	{
		result.tree = stringToNode(result.text);
		return result;
	}

	old = MemoryContextSwitchTo(reader->context);
	result.text = pstrdup(result.text);
	result.tree = stringToNode(result.text);
	MemoryContextSwitchTo(old);
	kept = hash_search(reader->expressions, &result.hash, HASH_ENTER, &found);
	*kept = result;
	return result;
}

static void
read_policies(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_POLICY,
								   PolicyPolrelidPolnameIndexId,
								   Anum_pg_policy_polrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(catalog(reader, CAT_POLICY));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_policy form = (Form_pg_policy) GETSTRUCT(tuple);
		PolicyFacts *policy = palloc0(sizeof(PolicyFacts));
		bool		isnull;
		Datum		value;
		Expression	expression;
		ArrayType  *roles;
		int			nroles;
		Oid		   *role_oids;
		bool		may_vanish = false;

		policy->oid = form->oid;
		policy->name = pstrdup(NameStr(form->polname));
		policy->permissive = form->polpermissive;
		switch (form->polcmd)
		{
			case ACL_SELECT_CHR:
				policy->commands = TG_SELECT;
				break;
			case ACL_INSERT_CHR:
				policy->commands = TG_INSERT;
				break;
			case ACL_UPDATE_CHR:
				policy->commands = TG_UPDATE;
				break;
			case ACL_DELETE_CHR:
				policy->commands = TG_DELETE;
				break;
			default:
				policy->commands = TG_ALL_COMMANDS;
				break;
		}
		policy->fingerprint = mix(form->polpermissive, &form->polcmd, 1);

		/* polroles is never null; PUBLIC is stored as role 0 */
		value = heap_getattr(tuple, Anum_pg_policy_polroles, descriptor,
							 &isnull);
		roles = DatumGetArrayTypePCopy(value);
		nroles = ArrayGetNItems(ARR_NDIM(roles), ARR_DIMS(roles));
		role_oids = (Oid *) ARR_DATA_PTR(roles);
		for (int i = 0; i < nroles; i++)
			policy->roles = lappend_oid(policy->roles, role_oids[i]);
		policy->fingerprint = mix(policy->fingerprint, (char *) role_oids,
								  nroles * sizeof(Oid));

		value = heap_getattr(tuple, Anum_pg_policy_polqual, descriptor,
							 &isnull);
		if (!isnull)
		{
			expression = read_expression(reader, value);
			policy->qual = expression.tree;
			policy->fingerprint = hash_combine64(policy->fingerprint,
												 expression.hash);
			may_vanish = expression.names_user_object;
		}
		value = heap_getattr(tuple, Anum_pg_policy_polwithcheck, descriptor,
							 &isnull);
		if (!isnull)
		{
			expression = read_expression(reader, value);
			policy->with_check = expression.tree;
			policy->fingerprint = hash_combine64(policy->fingerprint + 1,
												 expression.hash);
			may_vanish = may_vanish || expression.names_user_object;
		}
		policy->temporary =
			(may_vanish && stands_on_temporary(reader, PolicyRelationId,
											   policy->oid)) ||
			mentions_temporary_column(policy->qual, facts) ||
			mentions_temporary_column(policy->with_check, facts);
		facts->policies = lappend(facts->policies, policy);
	}
	systable_endscan(scan);
}

/*
 * The access method of an operator class, even one that is gone by now:
 * then its index is gone with it, and what it was good for is of no
 * importance but that it was good.
 */
static Oid
opclass_access_method(Oid opclass)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Oid			method = BTREE_AM_OID;

	if (HeapTupleIsValid(tuple))
	{
		method = ((Form_pg_opclass) GETSTRUCT(tuple))->opcmethod;
		ReleaseSysCache(tuple);
	}
	return method;
}

/* Is one of the OIDs that of an object that a user has made? */
static bool
any_user_object(const oidvector *oids)
{
	for (int i = 0; i < oids->dim1; i++)
	{
		if (oids->values[i] >= FirstNormalObjectId)
			return true;
	}
	return false;
}

/* Does the tenant column take part in what a unique index compares? */
static bool
names_tenant_column(const RelationFacts *facts, const IndexFacts *index,
					List *expressions)
{
	Bitmapset  *attnums = NULL;

	for (int i = 0; i < index->nkeys; i++)
	{
		if (index->keys[i] == facts->tenant->attnum)
			return true;
	}
	pull_varattnos((Node *) expressions, 1, &attnums);
	return bms_is_member(facts->tenant->attnum -
						 FirstLowInvalidHeapAttributeNumber, attnums);
}

static bool
keys_are_temporary(const RelationFacts *facts, const IndexFacts *index)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		ColumnFacts *column = lfirst(lc);

		for (int i = 0; column->temporary && i < index->nkeys; i++)
		{
			if (index->keys[i] == column->attnum)
				return true;
		}
	}
	return false;
}

static void
read_indexes(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_INDEX, IndexIndrelidIndexId,
								   Anum_pg_index_indrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(catalog(reader, CAT_INDEX));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
		IndexFacts *index = palloc0(sizeof(IndexFacts));
		List	   *expressions = NIL;
		bool		isnull;
		Datum		value;
		oidvector  *vector;
		Oid			method;
		bool		may_vanish;

		index->oid = form->indexrelid;
		index->nkeys = form->indnkeyatts;
		index->keys = palloc(index->nkeys * sizeof(AttrNumber));
		memcpy(index->keys, form->indkey.values,
			   index->nkeys * sizeof(AttrNumber));

		value = heap_getattr(tuple, Anum_pg_index_indcollation, descriptor,
							 &isnull);
		vector = (oidvector *) DatumGetPointer(value);
		index->collations = palloc(index->nkeys * sizeof(Oid));
		memcpy(index->collations, vector->values, index->nkeys * sizeof(Oid));
		may_vanish = any_user_object(vector);

		value = heap_getattr(tuple, Anum_pg_index_indclass, descriptor,
							 &isnull);
		vector = (oidvector *) DatumGetPointer(value);
		method = opclass_access_method(vector->values[0]);
		index->equality = method == BTREE_AM_OID || method == HASH_AM_OID;
		may_vanish = may_vanish || any_user_object(vector);

		value = heap_getattr(tuple, Anum_pg_index_indpred, descriptor,
							 &isnull);
		if (!isnull)
		{
			char	   *tree = TextDatumGetCString(value);

			index->predicate = make_ands_implicit(stringToNode(tree));
			may_vanish = may_vanish || names_user_object(tree);
		}
		value = heap_getattr(tuple, Anum_pg_index_indexprs, descriptor,
							 &isnull);
		if (!isnull)
		{
			char	   *tree = TextDatumGetCString(value);

			expressions = stringToNode(tree);
			may_vanish = may_vanish || names_user_object(tree);
		}

		index->unique = form->indisunique;
		index->primary = form->indisprimary;
		index->names_tenant = names_tenant_column(facts, index, expressions);

		index->usable = form->indisvalid && form->indisready &&
			form->indislive &&
			!keys_are_temporary(facts, index) &&
			!mentions_temporary_column((Node *) expressions, facts) &&
			!mentions_temporary_column((Node *) index->predicate, facts) &&
			!(may_vanish &&
			  stands_on_temporary(reader, RelationRelationId, index->oid));
		facts->indexes = lappend(facts->indexes, index);
	}
	systable_endscan(scan);
}

/* An array of pg_constraint as an array of column numbers. */
static AttrNumber *
attnum_array(HeapTuple tuple, AttrNumber attnum, TupleDesc descriptor,
			 int *count)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);
	ArrayType  *array;

	*count = 0;
	if (isnull)
		return NULL;
	array = DatumGetArrayTypePCopy(value);
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (AttrNumber *) ARR_DATA_PTR(array);
}

static void
read_constraints(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_CONSTRAINT,
								   ConstraintRelidTypidNameIndexId,
								   Anum_pg_constraint_conrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(catalog(reader, CAT_CONSTRAINT));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		facts->constraints = lappend_oid(facts->constraints, form->oid);
		if (form->contype == CONSTRAINT_FOREIGN)
		{
			ForeignKeyFacts *key = palloc0(sizeof(ForeignKeyFacts));
			int			count;

			key->oid = form->oid;
			key->name = pstrdup(NameStr(form->conname));
			key->inherited = OidIsValid(form->conparentid) && facts->partition;
			key->referenced = form->confrelid;
			key->on_update = form->confupdtype;
			key->on_delete = form->confdeltype;
			key->match = form->confmatchtype;
			key->deferrable = form->condeferrable;
			key->deferred = form->condeferred;
			key->validated = form->convalidated;
			key->enforced = TG_CONSTRAINT_IS_ENFORCED(form);
			key->temporal = TG_CONSTRAINT_IS_TEMPORAL(form);
			key->keys = attnum_array(tuple, Anum_pg_constraint_conkey,
									 descriptor, &key->nkeys);
			key->referenced_keys = attnum_array(tuple,
												Anum_pg_constraint_confkey,
												descriptor, &count);

			/*
			 * A foreign key to a partitioned table has one more row for each
			 * partition that it references, child of the row that says all.
			 */
			if (OidIsValid(form->conparentid) && !facts->partition)
				continue;
			facts->foreign_keys = lappend(facts->foreign_keys, key);
		}
#ifdef TG_NOT_NULL_CAN_BE_NOT_VALID
		else if (form->contype == CONSTRAINT_NOTNULL && !form->convalidated)
		{
			int			count;
			AttrNumber *keys = attnum_array(tuple, Anum_pg_constraint_conkey,
											descriptor, &count);
			ListCell   *lc;

			foreach(lc, facts->columns)
			{
				ColumnFacts *column = lfirst(lc);

				if (count == 1 && column->attnum == keys[0])
					column->not_null = false;
			}
		}
#endif
	}
	systable_endscan(scan);
}

static bool
collect_relations(Node *node, List **relids)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_RELATION)
				*relids = list_append_unique_oid(*relids, rte->relid);
		}
		return query_tree_walker((Query *) node, collect_relations, relids, 0);
	}
	return expression_tree_walker(node, collect_relations, relids);
}

List *
tg_facts_relations_in(Node *node)
{
	List	   *relids = NIL;

	collect_relations(node, &relids);
	return relids;
}

/*
 * The first two entries of a rule's range table may be OLD and NEW, which are
 * not read from the relation, but come with the statement.
 */
static void
forget_old_and_new(Query *query, Oid relid)
{
	Query	   *source = query;
	ListCell   *lc;

	/* In INSERT ... SELECT they are those of the SELECT */
	while (source != NULL)
	{
		int			varno = 0;
		Query	   *next = NULL;

		foreach(lc, source->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			varno++;
			if (rte->rtekind == RTE_RELATION && rte->relid == relid &&
				varno <= PRS2_NEW_VARNO &&
				(strcmp(rte->eref->aliasname, "old") == 0 ||
				 strcmp(rte->eref->aliasname, "new") == 0))
				rte->relid = InvalidOid;
			else if (rte->rtekind == RTE_SUBQUERY && next == NULL &&
					 source->commandType == CMD_INSERT)
				next = rte->subquery;
		}
		source = next;
	}
}

static void
read_rewrites(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_REWRITE,
								   RewriteRelRulenameIndexId,
								   Anum_pg_rewrite_ev_class, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(catalog(reader, CAT_REWRITE));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);
		RewriteFacts *rewrite = palloc0(sizeof(RewriteFacts));
		bool		isnull;
		Datum		value;
		Node	   *node;
		ListCell   *lc;

		rewrite->oid = form->oid;
		rewrite->name = pstrdup(NameStr(form->rulename));
		rewrite->select = form->ev_type == '1';

		value = heap_getattr(tuple, Anum_pg_rewrite_ev_action, descriptor,
							 &isnull);
		node = stringToNode(TextDatumGetCString(value));
		foreach(lc, castNode(List, node))
			forget_old_and_new(lfirst_node(Query, lc), facts->relid);
		collect_relations(node, &rewrite->reads);

		value = heap_getattr(tuple, Anum_pg_rewrite_ev_qual, descriptor,
							 &isnull);
		node = stringToNode(TextDatumGetCString(value));
		collect_relations(node, &rewrite->reads);

		rewrite->reads = list_delete_oid(rewrite->reads, InvalidOid);
		facts->rewrites = lappend(facts->rewrites, rewrite);
	}
	systable_endscan(scan);
}

/*
 * Does an object live in a temporary schema, or is it a temporary schema?
 * What the caches do not know any more was not temporary: temporary objects
 * of this session are dropped after its last transaction.
 */
static bool
is_temporary(Oid classId, Oid objectId)
{
	AttrNumber	namespace_attnum;
	HeapTuple	tuple;
	bool		isnull;
	Oid			schema_oid = InvalidOid;

	if (classId == NamespaceRelationId)
		return isAnyTempNamespace(objectId);
	if (!is_objectclass_supported(classId))
		return false;
	namespace_attnum = get_object_attnum_namespace(classId);
	if (namespace_attnum == InvalidAttrNumber ||
		get_object_catcache_oid(classId) < 0)
		return false;

	tuple = SearchSysCache1(get_object_catcache_oid(classId),
							ObjectIdGetDatum(objectId));
	if (!HeapTupleIsValid(tuple))
		return false;
	schema_oid = DatumGetObjectId(SysCacheGetAttr(get_object_catcache_oid(classId),
												  tuple, namespace_attnum,
												  &isnull));
	ReleaseSysCache(tuple);
	return isAnyTempNamespace(schema_oid);
}

/*
 * May a stored expression mention an object that a user has made?  Not if none
 * of its numbers is as large as the OID of one, and none is the OID of a type
 * whose constants name objects: those are stored byte by byte.  That some of
 * the numbers are no OIDs at all does no harm: then pg_depend is asked in vain.
 */
static bool
names_user_object(const char *tree)
{
	for (const char *c = tree; *c != '\0';)
	{
		uint64		number = 0;

		if (*c < '0' || *c > '9')
		{
			c++;
			continue;
		}
		for (; *c >= '0' && *c <= '9'; c++)
		{
			if (number < FirstNormalObjectId)
				number = number * 10 + (*c - '0');
		}
		if (number >= FirstNormalObjectId)
			return true;

		/* those that find_expr_references_walker in dependency.c knows */
		switch (number)
		{
			case REGPROCOID:
			case REGPROCEDUREOID:
			case REGOPEROID:
			case REGOPERATOROID:
			case REGCLASSOID:
			case REGTYPEOID:
			case REGCOLLATIONOID:
			case REGCONFIGOID:
			case REGDICTIONARYOID:
			case REGNAMESPACEOID:
				return true;
			default:
				break;
		}
	}
	return false;
}

/*
 * Would the object vanish when a temporary object is dropped, as happens at
 * the end of its session without any DDL?
 */
static bool
stands_on_temporary(FactsReader *reader, Oid classId, Oid objectId)
{
	List	   *seen = NIL;
	ObjectAddress *start = palloc(sizeof(ObjectAddress));

	ObjectAddressSet(*start, classId, objectId);
	seen = lappend(seen, start);

	/* The list grows while we walk it */
	for (int i = 0; i < list_length(seen); i++)
	{
		ObjectAddress *object = list_nth(seen, i);
		SysScanDesc scan;
		HeapTuple	tuple;
		bool		found = false;

		scan = scan_by_address(reader, DependDependerIndexId,
							   Anum_pg_depend_classid, object->classId,
							   Anum_pg_depend_objid, object->objectId);
		while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
			bool		known = false;
			ObjectAddress *next;

			if (form->deptype == DEPENDENCY_EXTENSION)
				continue;
			if (is_temporary(form->refclassid, form->refobjid))
			{
				found = true;
				break;
			}
			/* A permanent relation cannot stand on a temporary object whole */
			if (form->refclassid == RelationRelationId ||
				form->refclassid == NamespaceRelationId)
				continue;

			for (int j = 0; j < list_length(seen) && !known; j++)
			{
				next = list_nth(seen, j);
				known = next->classId == form->refclassid &&
					next->objectId == form->refobjid;
			}
			if (known)
				continue;
			next = palloc(sizeof(ObjectAddress));
			ObjectAddressSet(*next, form->refclassid, form->refobjid);
			seen = lappend(seen, next);
		}
		systable_endscan(scan);
		if (found)
			return true;
	}
	return false;
}

/*
 * Would the column vanish when a temporary object is dropped: its type, its
 * collation, or what the expression of a generated column calls?  (Such an
 * expression is an internal part of its column, and takes it along.)
 */
static bool
column_stands_on_temporary(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	SysScanDesc scan = scan_by_address(reader, DependDependerIndexId,
									   Anum_pg_depend_classid,
									   RelationRelationId,
									   Anum_pg_depend_objid, relid);
	HeapTuple	tuple;
	bool		found = false;

	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->objsubid != attnum)
			continue;
		found = is_temporary(form->refclassid, form->refobjid) ||
			(form->refclassid != RelationRelationId &&
			 stands_on_temporary(reader, form->refclassid, form->refobjid));
	}
	systable_endscan(scan);
	if (found)
		return true;

	scan = scan_by_address(reader, DependReferenceIndexId,
						   Anum_pg_depend_refclassid, RelationRelationId,
						   Anum_pg_depend_refobjid, relid);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->refobjsubid == attnum &&
			form->deptype == DEPENDENCY_INTERNAL &&
			form->classid == AttrDefaultRelationId &&
			stands_on_temporary(reader, form->classid, form->objid);
	}
	systable_endscan(scan);
	return found;
}

/*
 * Reads one OID column of the catalog row that has the given OID.
 */
static Oid
oid_column(FactsReader *reader, ReaderCatalog which, Oid index,
		   AttrNumber oid_attnum, Oid oid, AttrNumber wanted)
{
	SysScanDesc scan = scan_by_oid(reader, which, index, oid_attnum, oid);
	HeapTuple	tuple = systable_getnext(scan);
	Oid			result = InvalidOid;
	bool		isnull;

	if (HeapTupleIsValid(tuple))
		result = DatumGetObjectId(heap_getattr(tuple, wanted,
											   RelationGetDescr(catalog(reader, which)),
											   &isnull));
	systable_endscan(scan);
	return result;
}

Oid
tg_facts_owning_relation(FactsReader *reader, Oid classId, Oid objectId)
{
	RelationPlace place;

	switch (classId)
	{
		case RelationRelationId:
			if (!tg_facts_place(reader, objectId, &place))
				return InvalidOid;
			if (place.kind != RELKIND_INDEX &&
				place.kind != RELKIND_PARTITIONED_INDEX)
				return objectId;
			return oid_column(reader, CAT_INDEX, IndexRelidIndexId,
							  Anum_pg_index_indexrelid, objectId,
							  Anum_pg_index_indrelid);
		case PolicyRelationId:
			return oid_column(reader, CAT_POLICY, PolicyOidIndexId,
							  Anum_pg_policy_oid, objectId,
							  Anum_pg_policy_polrelid);
		case ConstraintRelationId:
			return oid_column(reader, CAT_CONSTRAINT, ConstraintOidIndexId,
							  Anum_pg_constraint_oid, objectId,
							  Anum_pg_constraint_conrelid);
		case RewriteRelationId:
			return oid_column(reader, CAT_REWRITE, RewriteOidIndexId,
							  Anum_pg_rewrite_oid, objectId,
							  Anum_pg_rewrite_ev_class);
		default:
			return InvalidOid;
	}
}

List *
tg_facts_relations_of_schema(FactsReader *reader, Oid schema_oid)
{
	/* pg_class has no index led by relnamespace: this reads all of it */
	SysScanDesc scan = systable_beginscan(catalog(reader, CAT_CLASS),
										  InvalidOid, false,
										  reader->snapshot, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relnamespace == schema_oid)
			result = lappend_oid(result, form->oid);
	}
	systable_endscan(scan);
	return result;
}

List *
tg_facts_children(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_INHERITS,
								   InheritsParentIndexId,
								   Anum_pg_inherits_inhparent, relid);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result,
							 ((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid);
	systable_endscan(scan);
	return result;
}

List *
tg_facts_readers(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = scan_by_address(reader, DependReferenceIndexId,
									   Anum_pg_depend_refclassid,
									   RelationRelationId,
									   Anum_pg_depend_refobjid, relid);
	HeapTuple	tuple;
	List	   *rewrites = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RewriteRelationId)
			rewrites = list_append_unique_oid(rewrites, form->objid);
	}
	systable_endscan(scan);

	foreach(lc, rewrites)
	{
		Oid			owner = tg_facts_owning_relation(reader, RewriteRelationId,
													 lfirst_oid(lc));

		if (OidIsValid(owner) && owner != relid)
			result = list_append_unique_oid(result, owner);
	}
	return result;
}

List *
tg_facts_relations_using_function(FactsReader *reader, Oid function_oid)
{
	SysScanDesc scan = scan_by_address(reader, DependReferenceIndexId,
									   Anum_pg_depend_refclassid,
									   ProcedureRelationId,
									   Anum_pg_depend_refobjid, function_oid);
	HeapTuple	tuple;
	List	   *policies = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == PolicyRelationId)
			policies = lappend_oid(policies, form->objid);
	}
	systable_endscan(scan);

	foreach(lc, policies)
	{
		Oid			relid = tg_facts_owning_relation(reader, PolicyRelationId,
													 lfirst_oid(lc));

		if (OidIsValid(relid))
			result = lappend_oid(result, relid);
	}
	list_sort(result, list_oid_cmp);
	list_deduplicate_oid(result);
	return result;
}

char
tg_facts_function_volatility(FactsReader *reader, Oid function_oid)
{
	SysScanDesc scan = scan_by_oid(reader, CAT_PROC, ProcedureOidIndexId,
								   Anum_pg_proc_oid, function_oid);
	HeapTuple	tuple = systable_getnext(scan);
	char		volatility = '\0';

	if (HeapTupleIsValid(tuple))
		volatility = ((Form_pg_proc) GETSTRUCT(tuple))->provolatile;
	systable_endscan(scan);
	return volatility;
}

static bool
is_trusted_extension(FactsReader *reader, Oid extension)
{
	Oid			owner = oid_column(reader, CAT_EXTENSION,
								   ExtensionOidIndexId,
								   Anum_pg_extension_oid, extension,
								   Anum_pg_extension_extowner);

	return OidIsValid(owner) && superuser_arg(owner);
}

List *
tg_facts_members(FactsReader *reader, Oid extension)
{
	SysScanDesc scan = scan_by_address(reader, DependReferenceIndexId,
									   Anum_pg_depend_refclassid,
									   ExtensionRelationId,
									   Anum_pg_depend_refobjid, extension);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RelationRelationId &&
			form->deptype == DEPENDENCY_EXTENSION)
			result = lappend_oid(result, form->objid);
	}
	systable_endscan(scan);
	return result;
}

bool
tg_is_temporary(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		temporary = false;

	if (HeapTupleIsValid(tuple))
	{
		temporary = ((Form_pg_class) GETSTRUCT(tuple))->relpersistence ==
			RELPERSISTENCE_TEMP;
		ReleaseSysCache(tuple);
	}
	return temporary;
}

bool
tg_facts_is_trusted_member(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = scan_by_address(reader, DependDependerIndexId,
									   Anum_pg_depend_classid,
									   RelationRelationId,
									   Anum_pg_depend_objid, relid);
	HeapTuple	tuple;
	Oid			extension = InvalidOid;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype == DEPENDENCY_EXTENSION)
			extension = form->refobjid;
	}
	systable_endscan(scan);
	if (!OidIsValid(extension))
		return false;

	return is_trusted_extension(reader, extension);
}

List *
tg_facts_trusted_members(FactsReader *reader)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;
	Oid			last = InvalidOid;
	bool		trusted = false;

	/* In the order of the index: the extensions come one after the other */
	ScanKeyInit(&key, Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ExtensionRelationId));
	scan = systable_beginscan(catalog(reader, CAT_DEPEND),
							  DependReferenceIndexId, true,
							  reader->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype != DEPENDENCY_EXTENSION ||
			form->classid != RelationRelationId)
			continue;
		if (form->refobjid != last)
		{
			last = form->refobjid;
			trusted = is_trusted_extension(reader, last);
		}
		if (trusted)
			result = lappend_oid(result, form->objid);
	}
	systable_endscan(scan);
	list_sort(result, list_oid_cmp);
	return result;
}
