/*-------------------------------------------------------------------------
 *
 * audit.c
 *		Applies the rules to all relations, outside of any verdict.
 *
 * Like the verdict, an audit reads facts, applies rules, and consults the
 * allowlist; but for all relations, and under one snapshot.  It locks no
 * relation, and frees memory after every few relations, so that a database of
 * 100,000 tables costs time but not memory.
 *
 * Notes:
 *
 * 1. Anybody who may create a table can create one whose expressions are too
 * large to process.  The error must not hide findings about other relations: it
 * becomes a finding (audit_failed), and the audit continues.
 *
 * 2. Errors are caught by subtransactions.  Ending one is expensive in a
 * transaction that has created many relations, so a batch of relations shares
 * one.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "subtransaction.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Limits of a batch. */
#define BATCH_RELATIONS 64
#define BATCH_BYTES ((Size) 256 * 1024)

/* A relation and its findings. */
typedef struct AuditedRelation
{
	const RelationFacts *facts;
	List	   *findings;
} AuditedRelation;

struct Audit
{
	Snapshot	snapshot;
	FactsReader *reader;
	Allowlist  *allowlist;
	Oid		   *relids;
	int			count;
	int			next;
	MemoryContext batch_context;	/* reset for each batch */
	List	   *batch;			/* of AuditedRelation */
	int			given;			/* how many of them tg_audit_next() has
								 * returned */
};

/* The argument of what tg_audit_attempt() calls. */
typedef struct AuditTask
{
	Audit	   *audit;
	const RelationFacts *facts; /* NULL: the database */
	int			rule;			/* the number of the rule to apply */
	List	   *findings;		/* the result */
} AuditTask;

static bool
rules_are_about(Form_pg_class form)
{
	return form->oid >= FirstNormalObjectId &&
		form->relpersistence != RELPERSISTENCE_TEMP &&
		(form->relkind == RELKIND_RELATION ||
		 form->relkind == RELKIND_PARTITIONED_TABLE ||
		 form->relkind == RELKIND_VIEW ||
		 form->relkind == RELKIND_MATVIEW ||
		 form->relkind == RELKIND_FOREIGN_TABLE);
}

/* Is an OID in a sorted list? */
static bool
is_listed(const List *oids, Oid oid)
{
	int			low = 0;
	int			high = list_length(oids);

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		Oid			found = list_nth_oid(oids, middle);

		if (found == oid)
			return true;
		if (found < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Lists them before the first one is read, so that no scan stays open. */
static Oid *
list_relations(FactsReader *reader, int *count)
{
	List	   *members = tg_facts_trusted_members(reader);
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  tg_facts_snapshot(reader), 0, NULL);
	int			room = 1024;
	Oid		   *relids = palloc(room * sizeof(Oid));
	HeapTuple	tuple;

	*count = 0;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (!rules_are_about(form) || is_listed(members, form->oid) ||
			tg_facts_is_shard(reader, form->oid))
			continue;
		if (*count == room)
		{
			room *= 2;
			relids = repalloc(relids, room * sizeof(Oid));
		}
		relids[(*count)++] = form->oid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	list_free(members);
	return relids;
}

static const Decisions *
read_decisions(void *arg)
{
	return tg_allowlist_decisions(((Audit *) arg)->allowlist);
}

Audit *
tg_audit_begin(const Oid *relid)
{
	Audit	   *audit = palloc0(sizeof(Audit));

	audit->snapshot = RegisterSnapshot(GetLatestSnapshot());
	audit->reader = tg_facts_begin(audit->snapshot, false);
	audit->allowlist = tg_allowlist_read(audit->reader,
										 GetCurrentTimestamp());
	tg_facts_set_decisions(audit->reader, read_decisions, audit);
	audit->batch_context = AllocSetContextCreate(CurrentMemoryContext,
												 "trovella_guard batch",
												 ALLOCSET_DEFAULT_SIZES);
	if (relid == NULL)
		audit->relids = list_relations(audit->reader, &audit->count);
	else if (!tg_facts_is_trusted_member(audit->reader, *relid))
	{
		audit->relids = palloc(sizeof(Oid));
		audit->relids[audit->count++] = *relid;
	}
	return audit;
}

FactsReader *
tg_audit_reader(const Audit *audit)
{
	return audit->reader;
}

const Allowlist *
tg_audit_allowlist(const Audit *audit)
{
	return audit->allowlist;
}

const Oid  *
tg_audit_relations(const Audit *audit, int *count)
{
	*count = audit->count;
	return audit->relids;
}

void
tg_audit_end(Audit *audit)
{
	MemoryContextDelete(audit->batch_context);
	tg_facts_end(audit->reader);
	UnregisterSnapshot(audit->snapshot);
}

const char *
tg_audit_why_stale(Audit *audit, const AllowlistEntry *entry)
{
	return tg_why_stale(audit->reader, entry);
}

List *
tg_audit_entries(Audit *audit)
{
	return tg_allowlist_entries(audit->allowlist);
}

const AllowlistEntry *
tg_audit_global_entry(Audit *audit, const RelationFacts *facts)
{
	return tg_allowlist_match(audit->allowlist, audit->reader, facts, "*",
							  NULL, InvalidOid);
}

/*
 * Looks up the entry that waives a finding.  Returns false if there is no
 * finding, because it is about the rows of a global table.
 */
static bool
apply_allowlist(Audit *audit, const RelationFacts *facts, Finding *finding)
{
	const AllowlistEntry *entry = NULL;
	const AllowlistEntry *debt = NULL;

	/*
	 * A debt stands also while a decision hides it.  audit_failed is never a
	 * debt: see adopt().
	 */
	if (finding->rule->check != tg_check_audit_failed)
		debt = tg_allowlist_debt(audit->allowlist, audit->reader, facts,
								 finding->rule->name, finding->object);
	if (debt != NULL)
		tg_allowlist_mark_used(debt);

	entry = tg_allowlist_match_other(audit->allowlist, audit->reader,
									 finding->other_relid);
	if (entry != NULL)
	{
		tg_allowlist_mark_used(entry);
		return false;
	}

	entry = tg_allowlist_match(audit->allowlist, audit->reader, facts,
							   finding->rule->name, finding->object,
							   finding->other_relid);
	if (entry == NULL)
	{
		entry = debt;
		finding->is_debt = entry != NULL;
	}
	if (entry != NULL)
	{
		tg_allowlist_mark_used(entry);
		finding->waived_by = entry->reason;
	}
	else if (finding->rule->check != tg_check_audit_failed)
	{
		entry = tg_allowlist_overdue(audit->allowlist, audit->reader, facts,
									 finding->rule->name, finding->object);
		finding->is_debt = entry != NULL;
	}
	if (entry != NULL)
	{
		finding->reason = entry->reason;
		finding->author = NameStr(entry->author);
		finding->since = entry->added_at;
		finding->due = entry->expires_at;
	}
	return true;
}

/* Applies the allowlist to the findings. */
static List *
with_allowlist(Audit *audit, const RelationFacts *facts, List *findings)
{
	List	   *result = NIL;
	bool		explained = false;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!apply_allowlist(audit, facts, finding))
			continue;
		result = lappend(result, finding);

		/* One finding says why the seal does not hold */
		if (finding->waived_by == NULL)
		{
			const AllowlistEntry *broken =
				tg_allowlist_broken_seal(audit->allowlist, audit->reader,
										 facts, finding, !explained);

			tg_allowlist_explain_void(audit->allowlist, audit->reader, facts,
									  finding);
			if (broken == NULL)
				continue;
			tg_allowlist_mark_used(broken);
			explained = true;
		}
	}
	return result;
}

/*
 * A global table needs its entry even if it breaks no rule, because the entry
 * says why the table is global.
 */
static void
mark_global_entry(Audit *audit, const RelationFacts *facts)
{
	const AllowlistEntry *entry = tg_is_tenant_table(facts) ? NULL :
		tg_audit_global_entry(audit, facts);

	if (entry != NULL)
		tg_allowlist_mark_used(entry);
}

/* If a rule could not be applied, its entries may be needed. */
static void
mark_entries_for(Audit *audit, const RelationFacts *facts, int rule)
{
	tg_allowlist_mark_rule_used(audit->allowlist, audit->reader, facts,
								tg_rules[rule].name);
}

/*
 * Is an error about the session or its transaction, rather than about the
 * audited relation?
 */
static bool
ends_the_audit(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
			return true;
		default:
			return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	}
}

const char *
tg_audit_attempt(void (*action) (void *arg), void *arg)
{
	ErrorData  *error;

	if (tg_rule_level(tg_rule_by_check(tg_check_audit_failed)) == TG_LEVEL_OFF)
	{
		action(arg);
		return NULL;
	}

	error = tg_catch_error(action, arg);
	if (error == NULL)
		return NULL;
	if (ends_the_audit(error->sqlerrcode))
		ReThrowError(error);
	return error->message != NULL ? error->message : "unknown error";
}

/* Audits relations until the batch is full. */
static void
fill_batch(void *arg)
{
	AuditTask  *task = arg;
	Audit	   *audit = task->audit;

	while (audit->next < audit->count &&
		   list_length(audit->batch) < BATCH_RELATIONS &&
		   MemoryContextMemAllocated(audit->batch_context, true) < BATCH_BYTES)
	{
		const RelationFacts *facts;

		CHECK_FOR_INTERRUPTS();
		facts = tg_facts_read(audit->reader, audit->relids[audit->next]);
		if (facts != NULL)
		{
			AuditedRelation *audited = palloc(sizeof(AuditedRelation));

			mark_global_entry(audit, facts);
			audited->facts = facts;
			audited->findings =
				with_allowlist(audit, facts,
							   tg_apply_rules(audit->reader, facts, NULL,
											  TG_LEVEL_INFO, true));
			audit->batch = lappend(audit->batch, audited);
		}
		audit->next++;
	}
}

static void
read_facts(void *arg)
{
	AuditTask  *task = arg;

	task->facts = tg_facts_read(task->audit->reader,
								task->audit->relids[task->audit->next]);
}

static void
apply_rule(void *arg)
{
	AuditTask  *task = arg;

	task->findings = tg_apply_rule(task->audit->reader, task->facts,
								   task->audit->allowlist, task->rule, NULL);
}

/* Reports that a rule failed, or (-1) all of them. */
static List *
failure(Audit *audit, const RelationFacts *facts, int rule,
		const char *message)
{
	RuleFailure failure = {rule < 0 ? NULL : &tg_rules[rule], message};

	return tg_apply_rule(audit->reader, facts, audit->allowlist,
						 tg_rule_by_check(tg_check_audit_failed), &failure);
}

/*
 * Applies the rules to a relation, or (NULL) to the database, one by one, so
 * that one that fails does not hide the findings of others.
 */
static List *
apply_rules_one_by_one(Audit *audit, const RelationFacts *facts)
{
	List	   *findings = NIL;

	for (int i = 0; i < tg_rules_count; i++)
	{
		AuditTask	task = {.audit = audit,.facts = facts,.rule = i};
		const char *message;

		CHECK_FOR_INTERRUPTS();
		message = tg_audit_attempt(apply_rule, &task);
		if (message == NULL)
			findings = list_concat(findings, task.findings);
		else
		{
			findings = list_concat(findings,
								   failure(audit, facts, i, message));
			if (facts != NULL)
				mark_entries_for(audit, facts, i);
		}
	}
	return findings;
}

/* Audits the relation that caused an error in a batch, rule by rule. */
static void
audit_rule_by_rule(Audit *audit)
{
	AuditTask	task = {.audit = audit};
	const char *message = tg_audit_attempt(read_facts, &task);
	const RelationFacts *facts = task.facts;
	List	   *findings;
	AuditedRelation *audited;

	if (message != NULL)
		facts = tg_facts_outline(audit->reader, audit->relids[audit->next]);
	audit->next++;
	if (facts == NULL)
		return;

	mark_global_entry(audit, facts);
	if (message == NULL)
		findings = apply_rules_one_by_one(audit, facts);
	else
	{
		findings = failure(audit, facts, -1, message);
		for (int i = 0; i < tg_rules_count; i++)
			mark_entries_for(audit, facts, i);
	}
	audited = palloc(sizeof(AuditedRelation));
	audited->facts = facts;
	audited->findings = with_allowlist(audit, facts, findings);
	audit->batch = lappend(audit->batch, audited);
}

const RelationFacts *
tg_audit_next(Audit *audit, List **findings)
{
	MemoryContext old = MemoryContextSwitchTo(audit->batch_context);
	const AuditedRelation *audited = NULL;

	while (audit->given == list_length(audit->batch) &&
		   audit->next < audit->count)
	{
		AuditTask	task = {.audit = audit};

		MemoryContextReset(audit->batch_context);
		audit->batch = NIL;
		audit->given = 0;
		if (tg_audit_attempt(fill_batch, &task) != NULL)
			audit_rule_by_rule(audit);
	}
	if (audit->given < list_length(audit->batch))
		audited = list_nth(audit->batch, audit->given++);
	MemoryContextSwitchTo(old);

	if (audited == NULL)
		return NULL;
	*findings = audited->findings;
	return audited->facts;
}

List *
tg_audit_database(Audit *audit)
{
	MemoryContext old = MemoryContextSwitchTo(audit->batch_context);
	List	   *findings;

	MemoryContextReset(audit->batch_context);
	audit->batch = NIL;
	audit->given = 0;
	findings = apply_rules_one_by_one(audit, NULL);
	MemoryContextSwitchTo(old);
	return findings;
}
