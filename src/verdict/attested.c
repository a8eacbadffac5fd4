/*-------------------------------------------------------------------------
 *
 * attested.c
 *		Attestations that a transaction voids.
 *
 * An attestation holds while the policies of its table, and what they rest on, are
 * as they were when it was made.  What they rest on may be far from the table: a
 * function that a function calls, the policies of a table that a view reads.
 * No dependencies lead from there to the table.  So a verdict looks at each
 * attestation; there are few.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "verdict/attempt.h"

static bool
same_rewrites(const List *one, const List *other)
{
	const ListCell *lc;
	const ListCell *lc2;

	if (list_length(one) != list_length(other))
		return false;
	forboth(lc, one, lc2, other)
	{
		if (((const RewriteFacts *) lfirst(lc))->fingerprint !=
			((const RewriteFacts *) lfirst(lc2))->fingerprint)
			return false;
	}
	return true;
}

static bool
same_column(const ColumnFacts *one, const ColumnFacts *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return one->type == other->type && strcmp(one->name, other->name) == 0;
}

/* Has the transaction changed anything of a relation that a fingerprint has? */
static bool
relation_changed(Attempt *attempt, Oid relid)
{
	const RelationFacts *after = tg_facts_read(attempt->after, relid);
	const RelationFacts *before = tg_facts_read(attempt->before, relid);

	if (after == NULL || before == NULL)
		return after != before;
	return after->schema_oid != before->schema_oid ||
		strcmp(after->name, before->name) != 0 ||
		after->kind != before->kind ||
		after->owner != before->owner ||
		after->rls_enabled != before->rls_enabled ||
		after->rls_forced != before->rls_forced ||
		after->security_invoker != before->security_invoker ||
		after->security_barrier != before->security_barrier ||
		!same_column(after->tenant, before->tenant) ||
		!tg_same_privileges(after->acls, before->acls) ||
		!same_rewrites(after->rewrites, before->rewrites) ||
		!tg_facts_policies_are_those_of(attempt->before, after);
}

static bool
has_object(const List *objects, const ObjectKey *object)
{
	const ListCell *lc;

	foreach(lc, objects)
	{
		const ObjectKey *other = lfirst(lc);

		if (other->classId == object->classId &&
			other->objectId == object->objectId)
			return true;
	}
	return false;
}

/*
 * Was this a function or a relation of another name?  A body may have meant it by
 * that name.  (A relation that is dropped is not among those touched.)
 */
static bool
had_other_name(Attempt *attempt, const ObjectKey *touched)
{
	FunctionFacts function_before;
	FunctionFacts function;
	RelationPlace place_before;
	RelationPlace place;

	if (touched->classId == ProcedureRelationId)
		return tg_facts_function(attempt->before, touched->objectId,
								 &function_before) &&
			(!tg_facts_function(attempt->after, touched->objectId, &function) ||
			 function.schema_oid != function_before.schema_oid ||
			 namestrcmp(&function.name, NameStr(function_before.name)) != 0);
	return tg_facts_place(attempt->before, touched->objectId, &place_before) &&
		tg_facts_place(attempt->after, touched->objectId, &place) &&
		(place.schema_oid != place_before.schema_oid ||
		 namestrcmp(&place.name, NameStr(place_before.name)) != 0);
}

/* Does what was touched change what the objects are, or what names mean? */
static bool
object_changed(Attempt *attempt, const List *objects, const ObjectKey *touched)
{
	switch (touched->classId)
	{
		case ProcedureRelationId:
			return tg_touched_how(touched) != TG_GRANTED &&
				(has_object(objects, touched) ||
				 had_other_name(attempt, touched));
		case RelationRelationId:
			return had_other_name(attempt, touched);
		case AuthIdRelationId:
			return has_object(objects, touched);
		case NamespaceRelationId:
			return true;
		default:
			return false;
	}
}

static bool
any_changed(Attempt *attempt, const List *objects)
{
	const ListCell *lc;

	foreach(lc, tg_touched_objects())
	{
		CHECK_FOR_INTERRUPTS();
		if (object_changed(attempt, objects, lfirst(lc)))
			return true;
	}
	foreach(lc, objects)
	{
		const ObjectKey *object = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (object->classId == RelationRelationId &&
			relation_changed(attempt, object->objectId))
			return true;
	}
	return false;
}

/* Nothing can be printed as it was, but what has changed can be told. */
AttestedState
tg_attested_before(const AllowlistEntry *entry, Oid relid, void *arg)
{
	Attempt    *attempt = arg;

	if (entry->attested == TG_ATTESTED_UNKNOWN)
	{
		List	   *rests_on;
		AttestedState now = tg_allowlist_compare(attempt->after, entry, relid,
												 &rests_on);

		if (now != TG_ATTESTED_HOLDS && any_changed(attempt, rests_on))
			now = TG_ATTESTED_HOLDS;
		((AllowlistEntry *) entry)->attested = now;
	}
	return entry->attested;
}

/*
 * Reads by a reader of its own, because a verdict that does not rely on an
 * attestation need not lock what it rests on.
 */
void
tg_queue_attested(Attempt *attempt)
{
	const Allowlist *allowlist = tg_attempt_allowlist(attempt, true);
	FactsReader *reader;
	ListCell   *lc;

	if (!tg_allowlist_has_attestations(allowlist))
		return;
	reader = tg_facts_begin(attempt->after_snapshot, false);
	foreach(lc, tg_allowlist_entries(allowlist))
	{
		const AllowlistEntry *entry = lfirst(lc);
		List	   *rests_on;
		Oid			schema_oid;
		Oid			relid = InvalidOid;

		CHECK_FOR_INTERRUPTS();
		if (entry->fingerprint == NULL || entry->expired)
			continue;
		schema_oid = get_namespace_oid(NameStr(entry->schema), true);
		if (OidIsValid(schema_oid))
			relid = get_relname_relid(NameStr(entry->table), schema_oid);
		if (!OidIsValid(relid))
			continue;
		if (tg_allowlist_compare(reader, entry, relid, &rests_on) !=
			TG_ATTESTED_HOLDS && any_changed(attempt, rests_on))
			tg_queue_covered(attempt, entry);
	}
	tg_facts_end(reader);
}
