/*-------------------------------------------------------------------------
 *
 * facts.c
 *		Reads RelationFacts from the catalogs under a given snapshot.
 *
 * Both the verdict and the audit read through here.
 *
 * Note: an object may be visible to the snapshot and yet be gone from the
 * system caches: the "before" of a transaction that dropped it.  So what the
 * caches are asked for here (the access method of an operator class) is asked
 * with a way out.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "compat.h"
#include "facts/expression.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

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

static void read_columns(FactsReader *reader, RelationFacts *facts);
static void read_policies(FactsReader *reader, RelationFacts *facts);
static void read_indexes(FactsReader *reader, RelationFacts *facts);
static void read_constraints(FactsReader *reader, RelationFacts *facts);
static void read_rewrites(FactsReader *reader, RelationFacts *facts);

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

#ifdef TG_NOT_NULL_CAN_BE_NOT_VALID
/* Is a column NOT NULL for new rows only? */
static bool
not_null_is_not_valid(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_CONSTRAINT,
									  ConstraintRelidTypidNameIndexId,
									  Anum_pg_constraint_conrelid, relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_CONSTRAINT));
	bool		result = false;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (form->contype == CONSTRAINT_NOTNULL && !form->convalidated)
		{
			int			count;
			AttrNumber *keys = attnum_array(tuple, Anum_pg_constraint_conkey,
											descriptor, &count);

			if (count == 1 && keys[0] == attnum)
				result = true;
		}
	}
	systable_endscan(scan);
	return result;
}
#else
#define not_null_is_not_valid(reader, relid, attnum) false
#endif

/*
 * Can a column be null in an inheritance child?  Temporary children are left
 * out: nobody but their session reads them.
 */
static bool
is_nullable_in_child(FactsReader *reader, Oid relid, const char *name)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		nullable = true;
	RelationPlace place;

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_ATTRIBUTE),
							  AttributeRelidNameIndexId, true,
							  reader->snapshot, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		nullable = !form->attnotnull ||
			not_null_is_not_valid(reader, relid, form->attnum);
	}
	systable_endscan(scan);
	tg_facts_note_read(reader, RelationRelationId, relid);

	return nullable && (!tg_facts_place(reader, relid, &place) ||
						place.persistence != RELPERSISTENCE_TEMP);
}

#define MAX_HEIRS_ASKED 10000

/* Can the column be null in no row of the inheritance children, either? */
static bool
ask_heirs(FactsReader *reader, Oid relid, const char *name)
{
	OidSet		heirs = {0};
	int			next = 0;

	for (;;)
	{
		List	   *children = tg_facts_children(reader, relid);
		ListCell   *lc;

		foreach(lc, children)
		{
			CHECK_FOR_INTERRUPTS();
			if (tg_oidset_add(&heirs, lfirst_oid(lc)) &&
				(list_length(heirs.oids) > MAX_HEIRS_ASKED ||
				 is_nullable_in_child(reader, lfirst_oid(lc), name)))
				return false;
		}
		list_free(children);
		if (next >= list_length(heirs.oids))
			return true;
		relid = list_nth_oid(heirs.oids, next++);
	}
}

/*
 * The answer is kept: a parent is read once more for each of its children, and
 * would ask all of them each time.
 */
typedef struct HeirsAnswer
{
	Oid			relid;			/* hash key, must be first */
	bool		not_null;
} HeirsAnswer;

static bool
heirs_are_not_null(FactsReader *reader, Oid relid, const char *name)
{
	HeirsAnswer *answer;
	bool		not_null;
	bool		found;

	if (reader->heirs == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(HeirsAnswer);
		ctl.hcxt = reader->context;
		reader->heirs = hash_create("trovella_guard heirs", 16, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	answer = hash_search(reader->heirs, &relid, HASH_FIND, NULL);
	if (answer != NULL)
		return answer->not_null;
	not_null = ask_heirs(reader, relid, name);
	answer = hash_search(reader->heirs, &relid, HASH_ENTER, &found);
	answer->not_null = not_null;
	return not_null;
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

	scan = tg_reader_scan(reader, CAT_CLASS, ClassOidIndexId,
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
				facts->may_have_children = form->relhassubclass;
				facts->rls_enabled = form->relrowsecurity;
				facts->rls_forced = form->relforcerowsecurity;
				facts->owner = form->relowner;
				acl = heap_getattr(tuple, Anum_pg_class_relacl,
								   RelationGetDescr(tg_reader_catalog(reader, CAT_CLASS)),
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
											  RelationGetDescr(tg_reader_catalog(reader, CAT_CLASS)),
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
		facts->parents = tg_facts_parents(reader, relid);
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
	if (facts->tenant != NULL && facts->tenant->not_null &&
		facts->policies != NIL && facts->kind == RELKIND_RELATION &&
		facts->may_have_children)
		facts->tenant->not_null = heirs_are_not_null(reader, relid,
													 facts->tenant->name);
	if (has_rewrites)
		read_rewrites(reader, facts);
	return facts;
}

RelationFacts *
tg_facts_read(FactsReader *reader, Oid relid)
{
	tg_facts_note_read(reader, RelationRelationId, relid);
	return read_relation(reader, relid, true);
}

const RelationFacts *
tg_facts_outline(FactsReader *reader, Oid relid)
{
	Outline    *kept;
	bool		found;
	RelationFacts *facts;
	MemoryContext old;

	tg_facts_note_read(reader, RelationRelationId, relid);
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
	SysScanDesc scan = tg_reader_scan(reader, CAT_ATTRIBUTE,
									  AttributeRelidNumIndexId,
									  Anum_pg_attribute_attrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_ATTRIBUTE));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);
		ColumnFacts *column;
		Datum		acl;
		bool		isnull;

		if (form->attnum <= 0 || form->attisdropped)
			continue;

		column = palloc0(sizeof(ColumnFacts));
		column->attnum = form->attnum;
		column->name = pstrdup(NameStr(form->attname));
		column->type = form->atttypid;
		column->typmod = form->atttypmod;
		column->collation = form->attcollation;
		column->not_null = form->attnotnull;
		column->temporary =
			tg_reader_attribute_may_vanish(form) &&
			tg_part_vanishes(reader, RelationRelationId, facts->relid,
							 form->attnum, facts->relid);
		facts->columns = lappend(facts->columns, column);

		acl = heap_getattr(tuple, Anum_pg_attribute_attacl, descriptor,
						   &isnull);
		if (!isnull)
		{
			if (acl_opens_to_others(acl, facts->owner))
				facts->granted = true;
			column->acl = DatumGetAclPCopy(acl);
			facts->acls = lappend(facts->acls, column->acl);
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

			if (facts->tenant == NULL && strcmp(column->name, name) == 0)
			{
				facts->tenant = palloc(sizeof(ColumnFacts));
				*facts->tenant = *column;
			}
		}
	}
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

	/* To hash it takes ten times as long as to see that it is the same */
	if (reader->last_expression != NULL &&
		strcmp(reader->last_expression->text, result.text) == 0)
		return *reader->last_expression;
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
	{
		reader->last_expression = kept;
		return *kept;
	}

	result.names_user_object = tg_names_user_object(result.text);
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
	reader->last_expression = kept;
	return result;
}

static bool
any_column_vanishes(const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		if (((ColumnFacts *) lfirst(lc))->temporary)
			return true;
	}
	return false;
}

static void
read_policies(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_POLICY,
									  PolicyPolrelidPolnameIndexId,
									  Anum_pg_policy_polrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_POLICY));
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
		bool		may_vanish = any_column_vanishes(facts);

		policy->oid = form->oid;
		policy->tid = tuple->t_self;
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
			may_vanish = may_vanish || expression.names_user_object;
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
		policy->temporary = may_vanish &&
			tg_part_vanishes(reader, PolicyRelationId, policy->oid, 0,
							 facts->relid);
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

static void
read_indexes(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_INDEX, IndexIndrelidIndexId,
									  Anum_pg_index_indrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_INDEX));
	bool		any_may_vanish = tg_members_may_vanish(reader) ||
		any_column_vanishes(facts);
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
		may_vanish = any_may_vanish || any_user_object(vector);

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
			may_vanish = may_vanish || tg_names_user_object(tree);
		}
		value = heap_getattr(tuple, Anum_pg_index_indexprs, descriptor,
							 &isnull);
		if (!isnull)
		{
			char	   *tree = TextDatumGetCString(value);

			expressions = stringToNode(tree);
			may_vanish = may_vanish || tg_names_user_object(tree);
		}

		index->unique = form->indisunique;
		index->primary = form->indisprimary;
		index->names_tenant = names_tenant_column(facts, index, expressions);

		index->usable = form->indisvalid && form->indisready &&
			form->indislive &&
			!(may_vanish &&
			  tg_part_vanishes(reader, RelationRelationId, index->oid, 0,
							   facts->relid));
		facts->indexes = lappend(facts->indexes, index);
	}
	systable_endscan(scan);
}

static void
read_constraints(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_CONSTRAINT,
									  ConstraintRelidTypidNameIndexId,
									  Anum_pg_constraint_conrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_CONSTRAINT));
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
			if (count == 1 && facts->tenant->attnum == keys[0])
				facts->tenant->not_null = false;
		}
#endif
	}
	systable_endscan(scan);
}

static bool
collect_relations(Node *node, OidSet *relids)
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
				(void) tg_oidset_add(relids, rte->relid);
		}
		return query_tree_walker((Query *) node, collect_relations, relids, 0);
	}
	return expression_tree_walker(node, collect_relations, relids);
}

List *
tg_facts_relations_in(Node *node)
{
	OidSet		relids = {0};

	collect_relations(node, &relids);
	return relids.oids;
}

static bool
note_user_function(Oid function, void *functions)
{
	if (function >= FirstNormalObjectId)
		(void) tg_oidset_add(functions, function);
	return false;
}

static bool
collect_functions(Node *node, OidSet *functions)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_functions, functions,
								 0);
	tg_check_functions_in_node(node, note_user_function, functions);
	return expression_tree_walker(node, collect_functions, functions);
}

List *
tg_facts_functions_of(const PolicyFacts *policy)
{
	OidSet		functions = {0};

	collect_functions(policy->qual, &functions);
	collect_functions(policy->with_check, &functions);
	return functions.oids;
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
	SysScanDesc scan = tg_reader_scan(reader, CAT_REWRITE,
									  RewriteRelRulenameIndexId,
									  Anum_pg_rewrite_ev_class, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_REWRITE));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);
		RewriteFacts *rewrite = palloc0(sizeof(RewriteFacts));
		OidSet		reads = {0};
		bool		isnull;
		Datum		value;
		char	   *stored;
		Node	   *node;
		ListCell   *lc;

		rewrite->oid = form->oid;
		rewrite->name = pstrdup(NameStr(form->rulename));
		rewrite->select = form->ev_type == '1';

		value = heap_getattr(tuple, Anum_pg_rewrite_ev_action, descriptor,
							 &isnull);
		stored = TextDatumGetCString(value);
		node = stringToNode(stored);
		cut_locations(stored);
		rewrite->fingerprint = mix(0, stored, strlen(stored));
		foreach(lc, castNode(List, node))
			forget_old_and_new(lfirst_node(Query, lc), facts->relid);
		collect_relations(node, &reads);

		value = heap_getattr(tuple, Anum_pg_rewrite_ev_qual, descriptor,
							 &isnull);
		stored = TextDatumGetCString(value);
		node = stringToNode(stored);
		cut_locations(stored);
		rewrite->fingerprint = mix(rewrite->fingerprint, stored, strlen(stored));
		collect_relations(node, &reads);

		rewrite->reads = list_delete_oid(reads.oids, InvalidOid);
		facts->rewrites = lappend(facts->rewrites, rewrite);
	}
	systable_endscan(scan);
}

bool
tg_is_table(const RelationFacts *facts)
{
	return facts->kind == RELKIND_RELATION ||
		facts->kind == RELKIND_PARTITIONED_TABLE;
}

bool
tg_is_tenant_table(const RelationFacts *facts)
{
	return tg_is_table(facts) && !facts->temporary && facts->tenant != NULL;
}

const ColumnFacts *
tg_find_column(const RelationFacts *facts, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		ColumnFacts *column = lfirst(lc);

		if (column->attnum == attnum)
			return column;
	}
	return NULL;
}
