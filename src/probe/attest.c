/*-------------------------------------------------------------------------
 *
 * attest.c
 *		attest(): a policy that is not proven was tried, and isolates tenants.
 *
 * probe() notes what it has found of each table and role, with the fingerprint of
 * what the policies rest on (fingerprint.c).  attest() looks there, and writes an
 * entry of the allowlist with that fingerprint.
 *
 * Notes:
 *
 * 1. What was found lives as long as the transaction, and is forgotten with the
 * subtransaction that called probe().  What probe() does in its own subtransactions
 * is rolled back, but not what it has learned.
 *
 * 2. All memory is in TopTransactionContext, which PostgreSQL frees.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "allowlist/allowlist.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "probe/attest.h"
#include "probe/probe.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* What was found of a table, as one role. */
typedef struct Found
{
	Oid			relid;
	Oid			role;
	char	   *fingerprint;	/* NULL: there is none */
	SubTransactionId subid;
	bool		isolated;		/* a row is */
	bool		leaks;			/* a row does, of the table or a view of it */
	bool		unclear;		/* a row of the table is neither isolated nor
								 * denied */
} Found;

static List *found = NIL;

PG_FUNCTION_INFO_V1(trovella_guard_attest_1_0);

/*
 * What probe() notes
 */

static Found *
find(Oid relid, Oid role)
{
	ListCell   *lc;

	foreach(lc, found)
	{
		Found	   *one = lfirst(lc);

		if (one->relid == relid && one->role == role)
			return one;
	}
	return NULL;
}

void
tg_attest_begin(FactsReader *reader, const RelationFacts *facts, Oid role)
{
	Found	   *one = find(facts->relid, role);
	MemoryContext old;
	List	   *objects;
	bool		busy;
	char	   *fingerprint;

	if (tg_apply_check(reader, facts, tg_check_policy_unproven) == NIL)
		return;
	fingerprint = tg_facts_fingerprint(reader, facts, &objects, &busy);
	old = MemoryContextSwitchTo(TopTransactionContext);
	if (one == NULL)
	{
		one = palloc(sizeof(Found));
		found = lappend(found, one);
	}
	memset(one, 0, sizeof(Found));
	one->relid = facts->relid;
	one->role = role;
	one->subid = GetCurrentSubTransactionId();
	if (fingerprint != NULL)
		one->fingerprint = pstrdup(fingerprint);
	MemoryContextSwitchTo(old);
}

void
tg_attest_note(Oid relid, Oid role, bool of_table, ProbeOutcome outcome)
{
	Found	   *one = find(relid, role);

	if (one == NULL)
		return;
	one->leaks = one->leaks || outcome == OUTCOME_LEAKS;
	if (!of_table)
		return;
	one->isolated = one->isolated || outcome == OUTCOME_ISOLATED;
	one->unclear = one->unclear || (outcome != OUTCOME_ISOLATED &&
									outcome != OUTCOME_DENIED);
}

static void
forget_at_end(XactEvent event, void *arg pg_attribute_unused())
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			found = NIL;
			break;
		default:
			break;
	}
}

static void
forget_subtransaction(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid,
					  void *arg pg_attribute_unused())
{
	ListCell   *lc;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(lc, found)
	{
		Found	   *one = lfirst(lc);

		if (one->subid != mySubid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			one->subid = parentSubid;
		else
			found = foreach_delete_current(found, lc);
	}
}

void
tg_attest_init(void)
{
	RegisterXactCallback(forget_at_end, NULL);
	RegisterSubXactCallback(forget_subtransaction, NULL);
}

/*
 * The function
 */

static const PolicyFacts *
find_policy(const RelationFacts *facts, const char *name)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		if (strcmp(policy->name, name) == 0)
			return policy;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("policy \"%s\" for table \"%s\" does not exist", name,
					facts->name)));
}

static bool
is_found(FactsReader *reader, const RelationFacts *facts, RuleCheck check,
		 Oid policy)
{
	ListCell   *lc;

	foreach(lc, tg_apply_check(reader, facts, check))
	{
		if (((const Finding *) lfirst(lc))->object_oid == policy)
			return true;
	}
	return false;
}

/* There must be something to attest, and nothing that no trial excuses. */
static void
require_unproven(FactsReader *reader, const RelationFacts *facts,
				 const PolicyFacts *policy)
{
	if (is_found(reader, facts, tg_check_policy_unscoped, policy->oid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("policy \"%s\" for table \"%s\" cannot be attested",
						policy->name, facts->name),
				 errdetail("It can admit rows of other tenants (policy_unscoped).")));
	if (!is_found(reader, facts, tg_check_policy_unproven, policy->oid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("policy \"%s\" for table \"%s\" needs no attestation",
						policy->name, facts->name),
				 errdetail("It does not break rule policy_unproven.")));
}

static void
refuse(const RelationFacts *facts, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" has not been found isolated in this transaction",
					facts->name),
			 errdetail_internal("%s", detail),
			 errhint("Run this first, in the same transaction:\n%s",
					 tg_remedy_probe(facts->schema, facts->name))));
}

/*
 * All that the table itself shows must be isolated or denied, to all roles of the
 * application, and something must be isolated.  A view or a function that leaks
 * is not for the policy to repair, but shows that the trial failed.
 */
static void
require_isolated(FactsReader *reader, const RelationFacts *facts,
				 const char *fingerprint)
{
	List	   *roles = tg_app_roles(reader);
	bool		isolated = false;
	ListCell   *lc;

	if (roles == NIL)
		refuse(facts, "There is no application role.");
	foreach(lc, roles)
	{
		const Found *one = find(facts->relid, lfirst_oid(lc));
		const char *role = tg_role_name(lfirst_oid(lc));

		if (one == NULL)
			refuse(facts, psprintf("It has not been tried as role \"%s\".",
								   role));
		else if (one->fingerprint == NULL ||
				 strcmp(one->fingerprint, fingerprint) != 0)
			refuse(facts, psprintf("Its policies, or what they rest on, have changed since it was tried as role \"%s\".",
								   role));
		else if (one->leaks)
			refuse(facts, psprintf("Rows leak to role \"%s\".", role));
		else if (one->unclear)
			refuse(facts, psprintf("Not all that was tried as role \"%s\" is isolated or denied.",
								   role));
		else
			isolated = isolated || one->isolated;
	}
	if (!isolated)
		refuse(facts, "Everything is denied to the roles of the application, so nothing was shown.");
}

static const Decisions *
decisions_of(void *allowlist)
{
	return tg_allowlist_decisions(allowlist);
}

static char *
fingerprint_of(FactsReader *reader, const RelationFacts *facts)
{
	List	   *objects;
	bool		busy;
	char	   *fingerprint = tg_facts_fingerprint(reader, facts, &objects,
												   &busy);

	if (busy)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not read what the policies for table \"%s\" rest on",
						facts->name),
				 errdetail("Somebody holds a lock on a relation that they read.")));
	if (fingerprint == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the policies for table \"%s\" rest on too much to attest them",
						facts->name),
				 errhint("Set the search_path of the functions that they call, so that the names in their bodies mean less.")));
	return fingerprint;
}

/* What the policy is attested by: refused unless it may be. */
static char *
tried_fingerprint(Oid relid, const char *policy, AllowlistEntry *entry)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);
	Allowlist  *allowlist = tg_allowlist_read(reader, GetCurrentTimestamp());
	const RelationFacts *facts;
	char	   *fingerprint;

	tg_facts_set_decisions(reader, decisions_of, allowlist);
	facts = tg_facts_read(reader, relid);
	if (facts == NULL || !tg_is_tenant_table(facts))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a tenant table", get_rel_name(relid))));
	namestrcpy(&entry->schema, facts->schema);
	namestrcpy(&entry->table, facts->name);
	require_unproven(reader, facts, find_policy(facts, policy));
	fingerprint = fingerprint_of(reader, facts);
	require_isolated(reader, facts, fingerprint);
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
	return fingerprint;
}

/* attest(relation regclass, policy name, reason text) */
Datum
trovella_guard_attest_1_0(PG_FUNCTION_ARGS)
{
	AllowlistEntry entry = {.kind = TG_ENTRY_RELATION,.rule = "policy_unproven"};

	for (int i = 0; i < 2; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null",
							i == 0 ? "relation" : "policy")));
	}
	PreventCommandIfReadOnly("attest()");
	tg_allowlist_require_coordinator();
	entry.object = pstrdup(NameStr(*PG_GETARG_NAME(1)));
	entry.reason = tg_allowlist_reason(fcinfo, 2,
									   psprintf("attest policy \"%s\"",
												entry.object),
									   "what makes you trust the policy");
	entry.fingerprint = tried_fingerprint(PG_GETARG_OID(0), entry.object,
										  &entry);
	tg_allowlist_insert(&entry, (Datum) 0, 'n');
	PG_RETURN_VOID();
}
