/*-------------------------------------------------------------------------
 *
 * policies.c
 *		Row-level security policies.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_policy.h"
#include "common/hashfn.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/*
 * A policy's expression.  The policies of one table, and often those of all
 * tables, have the same expressions, and parsing the stored text costs more
 * than everything else about a table.  So the reader keeps the trees, up to a
 * limit.
 */
typedef struct KeptExpression
{
	uint64		hash;			/* of the text; hash key, must be first */
	char	   *text;			/* as it is stored, without locations */
	Node	   *tree;
	bool		names_user_object;
} KeptExpression;

#define MAX_EXPRESSIONS_KEPT 64
#define MAX_LENGTH_KEPT 8192

/*
 * Reads a policy's expression.  Do not modify the tree: other policies may
 * share it.
 */
static KeptExpression
read_expression(FactsReader *reader, Datum value)
{
	KeptExpression result;
	KeptExpression *kept;
	MemoryContext old;

	result.text = TextDatumGetCString(value);
	tg_strip_locations(result.text);

	/* Hashing takes ten times as long as a comparison */
	if (reader->last_expression != NULL &&
		strcmp(reader->last_expression->text, result.text) == 0)
		return *reader->last_expression;
	result.hash = hash_bytes_extended((unsigned char *) result.text,
									  strlen(result.text), 0);

	if (reader->expressions == NULL)
		reader->expressions = tg_hash_create("trovella_guard expressions",
											 sizeof(uint64),
											 sizeof(KeptExpression),
											 reader->context);
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
	kept = hash_search(reader->expressions, &result.hash, HASH_ENTER, NULL);
	*kept = result;
	reader->last_expression = kept;
	return result;
}

void
tg_read_policies(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_POLICY,
									  PolicyPolrelidPolnameIndexId,
									  Anum_pg_policy_polrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_POLICY));
	bool		column_is_temporary = tg_any_column_is_temporary(facts);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_policy form = (Form_pg_policy) GETSTRUCT(tuple);
		PolicyFacts *policy = palloc0(sizeof(PolicyFacts));
		bool		isnull;
		Datum		value;
		KeptExpression expression;
		ArrayType  *roles;
		int			nroles;
		Oid		   *role_oids;
		bool		may_be_temporary = column_is_temporary;

		policy->oid = form->oid;
		policy->tid = tuple->t_self;
		policy->name = pstrdup(NameStr(form->polname));
		policy->permissive = form->polpermissive || facts->distributed;
		policy->loses_restrictive = policy->permissive && !form->polpermissive;
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
		policy->fingerprint = tg_add_to_fingerprint(form->polpermissive,
													&form->polcmd, 1);

		/* polroles is never null; PUBLIC is stored as role 0 */
		value = heap_getattr(tuple, Anum_pg_policy_polroles, descriptor,
							 &isnull);
		roles = DatumGetArrayTypePCopy(value);
		nroles = ArrayGetNItems(ARR_NDIM(roles), ARR_DIMS(roles));
		role_oids = (Oid *) ARR_DATA_PTR(roles);
		for (int i = 0; i < nroles; i++)
			policy->roles = lappend_oid(policy->roles, role_oids[i]);
		policy->fingerprint = tg_add_to_fingerprint(policy->fingerprint,
													(char *) role_oids,
													nroles * sizeof(Oid));

		value = heap_getattr(tuple, Anum_pg_policy_polqual, descriptor,
							 &isnull);
		if (!isnull)
		{
			expression = read_expression(reader, value);
			policy->qual = expression.tree;
			policy->fingerprint = hash_combine64(policy->fingerprint,
												 expression.hash);
			may_be_temporary = may_be_temporary || expression.names_user_object;
		}
		value = heap_getattr(tuple, Anum_pg_policy_polwithcheck, descriptor,
							 &isnull);
		if (!isnull)
		{
			expression = read_expression(reader, value);
			policy->with_check = expression.tree;
			policy->fingerprint = hash_combine64(policy->fingerprint + 1,
												 expression.hash);
			may_be_temporary = may_be_temporary || expression.names_user_object;
		}
		policy->temporary = may_be_temporary &&
			tg_part_is_temporary(reader, PolicyRelationId, policy->oid, 0,
								 facts->relid);
		facts->policies = lappend(facts->policies, policy);
	}
	systable_endscan(scan);
}

/* Does a snapshot see the same rows of pg_policy that the facts come from? */
static bool
policies_are_seen_by(FactsReader *reader, Snapshot snapshot,
					 const RelationFacts *facts)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		same = true;
	int			n = 0;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(facts->relid));
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_POLICY),
							  PolicyPolrelidPolnameIndexId, true, snapshot, 1,
							  &key);

	/* The list of policies is in the order of the same index */
	while (same && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		same = n < list_length(facts->policies) &&
			ItemPointerEquals(&((PolicyFacts *) list_nth(facts->policies, n))->tid,
							  &tuple->t_self);
		n++;
	}
	systable_endscan(scan);
	return same && n == list_length(facts->policies);
}

bool
tg_facts_policies_are_current(FactsReader *reader, const RelationFacts *facts)
{
	return policies_are_seen_by(reader, NULL, facts);
}

bool
tg_facts_policies_are_those_of(FactsReader *other, const RelationFacts *facts)
{
	return policies_are_seen_by(other, other->snapshot, facts);
}
