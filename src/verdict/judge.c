/*-------------------------------------------------------------------------
 *
 * judge.c
 *		What does a verdict say about one relation, or about the database?
 *
 * The relation is judged as it is after the transaction, and compared with what
 * it was before.  What the allowlist waives is left out.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "rules/workschemas.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "verdict/attempt.h"

/*
 * Notes that the verdict relies on an allowlist entry, by the names of a
 * relation or of a table that it is a partition of.  Nobody else can remove
 * an entry that the transaction has written itself.
 */
static void
rely_on_entry(Attempt *attempt, const AllowlistEntry *entry,
			  const RelationFacts *facts)
{
	if (!attempt->locks->wanted)
		return;
	if (!entry->fresh)
		tg_lock_read(attempt->locks, tg_allowlist_oid(),
					 tg_allowlist_key(entry));

	/* ... nor may anybody open a sealed table */
	if (entry->sealed)
	{
		tg_lock_read(attempt->locks, RelationRelationId, facts->relid);
		tg_lock_sealed(attempt->locks, facts->schema_oid);
	}
	for (; facts != NULL;
		 facts = tg_facts_partitioned_table(attempt->after, facts))
		tg_lock_read(attempt->locks, NamespaceRelationId, facts->schema_oid);
}

/*
 * Marks the findings that the allowlist waives.  An exemption that a table has
 * taken over does not waive the finding that says so.
 */
static void
mark_waived(Attempt *attempt, List *findings, const RelationFacts *facts,
			bool is_after)
{
	FactsReader *reader = is_after ? attempt->after : attempt->before;
	bool		explained = false;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		const Allowlist *allowlist = tg_attempt_allowlist(attempt, is_after);
		const AllowlistEntry *entry = NULL;

		if (finding->waivable_by == TG_WAIVABLE_BY_NONE)
			continue;
		if (finding->rule->check != tg_check_exemption_taken_over)
			entry = tg_allowlist_match(allowlist, reader, facts,
									   finding->rule->name, finding->object,
									   finding->other_relid);
		if (entry != NULL && finding->waivable_by == TG_WAIVABLE_BY_ITS_RULE &&
			strcmp(entry->rule, finding->rule->name) != 0)
			entry = NULL;
		if (entry == NULL)
			entry = tg_allowlist_match_other(allowlist, reader,
											 finding->other_relid);
		if (entry == NULL)
		{
			if (!is_after)
				continue;
			if (tg_allowlist_broken_seal(allowlist, reader, facts, finding,
										 !explained) != NULL)
				explained = true;
			tg_allowlist_explain_void(allowlist, reader, facts, finding);
			continue;
		}
		finding->waived_by = entry->reason;
		if (is_after)
			rely_on_entry(attempt, entry, facts);
	}
}

/*
 * Was a finding said when it was new, so that it need not be said each time that
 * somebody touches the table?  A debt was not: whoever takes it off the list is
 * told.
 */
static bool
was_said(Attempt *attempt, const Finding *finding, const RelationFacts *before)
{
	return finding->was_there && finding->rule->once &&
		tg_allowlist_debt(tg_attempt_allowlist(attempt, false),
						  attempt->before, before, finding->rule->name,
						  finding->object) == NULL;
}

/*
 * The findings that no entry waives, and that are worth saying.  Pre-existing
 * ones may be listed as debts ("before" is NULL if the relation is new, which owes
 * nothing but on a worker of Citus).  A
 * finding that got worse is new, and no debt covers it.  Debts are looked up also
 * while a decision hides them, because they end or follow meanwhile.
 */
static List *
without_waived(Attempt *attempt, List *findings, const RelationFacts *facts,
			   const RelationFacts *before)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		const AllowlistEntry *debt = before == NULL ?
			tg_debt_of_new(attempt, finding, facts) :
			tg_debt_of(attempt, finding, facts, before);

		if (finding->waived_by != NULL ||
			was_said(attempt, finding, before))
			continue;
		if (debt == NULL)
			result = lappend(result, finding);
		else
			rely_on_entry(attempt, debt, facts);
	}
	return result;
}

/*
 * A shard that is made on a worker is no worse for what its table was found to be
 * there before.
 */
static List *
without_those_of_table(Attempt *attempt, const QueueEntry *entry,
					   List *findings, Oid table_relid)
{
	const RelationFacts *table;
	List	   *result = NIL;
	ListCell   *lc;

	if (tg_facts_citus_node(attempt->before) != TG_CITUS_WORKER)
		return findings;
	table = tg_facts_read(attempt->before, table_relid);
	if (table == NULL)
		return findings;
	tg_mark_known_findings(entry, findings,
						   tg_apply_rules(attempt->before, table, NULL,
										  TG_LEVEL_WARNING, false));
	foreach(lc, findings)
	{
		if (!((const Finding *) lfirst(lc))->was_found)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/*
 * Did a tenant table have what a rule does not find any more?  A foreign key
 * that is new never had an index; a child that needed no row-level security had
 * none.
 */
static bool
had_it(const RelationFacts *before, const Finding *finding)
{
	RuleCheck	check = finding->rule->check;

	if (!tg_is_tenant_table(before))
		return false;
	if (check == tg_check_rls_disabled)
		return before->rls_enabled;
	if (check == tg_check_policy_missing)
		return before->policies != NIL;
	if (check == tg_check_fk_index_missing)
		return list_member_oid(before->constraints, finding->object_oid);
	return true;
}

static void
mark_losses(List *findings, const RelationFacts *before)
{
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		finding->took_away = !finding->was_found && had_it(before, finding);
	}
}

/*
 * Does it matter what the relation was before?  Not if all findings are waived and
 * none can be a debt.
 */
static bool
past_matters(Attempt *attempt, const List *findings)
{
	const ListCell *lc;

	foreach(lc, findings)
	{
		if (((const Finding *) lfirst(lc))->waived_by == NULL)
			return true;
	}
	return findings != NIL &&
		tg_allowlist_has_debts(tg_attempt_allowlist(attempt, true));
}

/* Copies a finding into the current memory context. */
static Finding *
copy_finding(const Finding *finding)
{
	Finding    *copy = palloc(sizeof(Finding));

	*copy = *finding;
	if (finding->schema != NULL)
		copy->schema = pstrdup(finding->schema);
	if (finding->table != NULL)
		copy->table = pstrdup(finding->table);
	copy->message = pstrdup(finding->message);
	if (finding->object != NULL)
		copy->object = pstrdup(finding->object);
	if (finding->repair_sql != NULL)
		copy->repair_sql = pstrdup(finding->repair_sql);
	if (finding->trial_sql != NULL)
		copy->trial_sql = pstrdup(finding->trial_sql);
	return copy;
}

/* Would a sealed entry for all rules waive any of the findings? */
static bool
seal_would_waive(const List *findings)
{
	const ListCell *lc;

	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->waivable_by == TG_WAIVABLE_BY_ANY_ENTRY &&
			!finding->rule->beyond_seal)
			return true;
	}
	return false;
}

/* May a sealed entry be offered for the relation, and what for? */
static void
note_seal(Attempt *attempt, RelationVerdict *verdict,
		  const RelationFacts *facts, const RelationFacts *before,
		  const List *findings)
{
	const char *tool = tg_tool_of_schema(facts->schema);
	bool		detached = before != NULL && before->parents != NIL &&
		facts->parents == NIL;
	SealBreach	breach;

	if ((tool == NULL && !detached) || !seal_would_waive(findings) ||
		!tg_is_sealed(attempt->after, facts, &breach))
		return;
	verdict->tool = tool;
	verdict->detached = detached;
}

/*
 * Records the findings about a relation, or (NULL) the database, in place of
 * earlier ones.  "before" is NULL if the relation was judged for nothing before.
 */
static void
record(Attempt *attempt, QueueEntry *entry, const RelationFacts *facts,
	   const RelationFacts *before, bool created, List *findings)
{
	MemoryContext old = MemoryContextSwitchTo(attempt->context);
	RelationVerdict *verdict = entry->verdict;
	ListCell   *lc;

	if (verdict == NULL)
	{
		verdict = palloc(sizeof(RelationVerdict));
		attempt->verdicts = lappend(attempt->verdicts, verdict);
		entry->verdict = verdict;
	}
	memset(verdict, 0, sizeof(RelationVerdict));
	if (facts != NULL)
	{
		verdict->schema = pstrdup(facts->schema);
		verdict->name = pstrdup(facts->name);
		verdict->kind = facts->kind;
		verdict->is_tenant_table = tg_is_tenant_table(facts);
		verdict->is_child = facts->parents != NIL;
		verdict->on_worker =
			tg_facts_citus_node(attempt->after) == TG_CITUS_WORKER;
		verdict->sent_by_citus = facts->sent_by_citus;
		note_seal(attempt, verdict, facts, before, findings);
	}
	verdict->created = created;
	foreach(lc, findings)
		verdict->findings = lappend(verdict->findings,
									copy_finding(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

/* Notes the relations in an expression, and those that views among them read. */
static void
note_relations_read(Attempt *attempt, Node *expression)
{
	ListCell   *lc;

	foreach(lc, tg_facts_relations_in(expression))
	{
		ListCell   *lc2;

		tg_facts_note_read(attempt->after, RelationRelationId, lfirst_oid(lc));
		foreach(lc2, tg_facts_relations_below(attempt->after, lfirst_oid(lc)))
			tg_facts_note_read(attempt->after, RelationRelationId,
							   lfirst_oid(lc2));
	}
}

/*
 * Notes what the findings about a relation rest on and the rules do not read
 * by way of the reader: the proof asks the system caches, which a lock brings
 * up to date.
 */
static void
note_reads(Attempt *attempt, const RelationFacts *facts,
		   const RelationFacts *before)
{
	VerdictLocks *locks = attempt->locks;
	ListCell   *lc;

	if (!locks->wanted)
		return;
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, tg_facts_functions_of(policy))
			tg_lock_read(locks, ProcedureRelationId, lfirst_oid(lc2));
		note_relations_read(attempt, policy->qual);
		note_relations_read(attempt, policy->with_check);
		foreach(lc2, policy->roles)
			tg_facts_note_read(attempt->after, AuthIdRelationId,
							   lfirst_oid(lc2));
	}

	/* A new name is nobody's exemption as long as the schema keeps its name */
	if (before != NULL && facts->tenant != NULL &&
		strcmp(before->name, facts->name) != 0)
		tg_lock_read(locks, NamespaceRelationId, facts->schema_oid);
}

static bool
same_tenant_column(const ColumnFacts *one, const ColumnFacts *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return one->attnum == other->attnum && one->type == other->type &&
		one->collation == other->collation &&
		one->not_null == other->not_null &&
		one->temporary == other->temporary &&
		strcmp(one->name, other->name) == 0;
}

bool
tg_same_privileges(const List *one, const List *other)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (list_length(one) != list_length(other))
		return false;
	forboth(lc, one, lc2, other)
	{
		Acl		   *acl = lfirst(lc);

		if (VARSIZE(acl) != VARSIZE(lfirst(lc2)) ||
			memcmp(acl, lfirst(lc2), VARSIZE(acl)) != 0)
			return false;
	}
	return true;
}

/*
 * Has anything changed that rules read of a relation when they judge another
 * one?  They read it of parents and children, of the tables that policies and
 * views read.  An index, a constraint or another column is nobody else's
 * business: most ALTER TABLE commands need no lock.
 */
static bool
others_read_change(const QueueEntry *entry, const RelationFacts *facts,
				   const RelationFacts *before)
{
	/* Making a table a parent changes its row of pg_class, as GRANT does */
	if (facts->may_have_children &&
		(facts->granted != before->granted ||
		 (facts->kind != RELKIND_PARTITIONED_TABLE &&
		  !tg_same_privileges(facts->acls, before->acls))))
		return true;
	if (!entry->changed)
		return false;
	return facts->kind == RELKIND_VIEW || facts->kind == RELKIND_MATVIEW ||
		facts->may_have_rewrites ||
		facts->owner != before->owner ||
		facts->granted != before->granted ||
		facts->rls_enabled != before->rls_enabled ||
		facts->rls_forced != before->rls_forced ||
		facts->partition != before->partition ||
		facts->schema_oid != before->schema_oid ||
		strcmp(facts->name, before->name) != 0 ||
		!equal(facts->parents, before->parents) ||
		!same_tenant_column(facts->tenant, before->tenant) ||
		entry->policies_changed;
}

/* What an error in the verdict is about; nothing is looked up for it. */
typedef struct JudgedRelation
{
	Oid			relid;
	const RelationFacts *facts; /* NULL until they are read */
} JudgedRelation;

static void
add_judged_relation(void *arg)
{
	const JudgedRelation *judged = arg;

	if (judged->facts != NULL)
		errcontext("while trovella_guard judged relation \"%s.%s\"",
				   judged->facts->schema, judged->facts->name);
	else
		errcontext("while trovella_guard judged relation with OID %u",
				   judged->relid);
}

/*
 * What does the allowlist say about a table that has no tenant column, or has lost
 * it now?
 */
static void
note_lost_column(Attempt *attempt, RelationHistory *history,
				 const RelationFacts *facts, const RelationFacts *before)
{
	const AllowlistEntry *entry;

	if (!tg_is_table(facts))
		return;
	entry = tg_allowlist_of_rule(tg_attempt_allowlist(attempt, true), facts,
								 "tenant_column_lost");
	if (entry != NULL)
	{
		rely_on_entry(attempt, entry, facts);
		history->column_is_lost = true;
		return;
	}
	if (before->tenant == NULL)
		return;
	entry = tg_allowlist_match(tg_attempt_allowlist(attempt, false),
							   attempt->before, before, "*", NULL,
							   InvalidOid);
	history->was_exempt = entry != NULL && !entry->sealed;
}

/*
 * The waiver of a lost tenant column ends when the table has one again: the next
 * loss takes another decision.
 */
static void
end_waiver_of_lost_column(Attempt *attempt, const RelationFacts *before)
{
	ListCell   *lc;

	foreach(lc, tg_allowlist_old_entries(tg_attempt_allowlist(attempt, true),
										 before->schema, before->name))
	{
		const AllowlistEntry *entry = lfirst(lc);

		if (!entry->adopted && strcmp(entry->rule, "tenant_column_lost") == 0)
			tg_end_entry(attempt, entry);
	}
}

/*
 * Does the allowlist say of a table without a tenant column that it is meant to
 * have none?  Then nobody reads how to add one, and to say it takes a look at
 * other tables.
 */
static bool
is_meant_to_be_global(Attempt *attempt, const RelationFacts *facts)
{
	return facts->tenant == NULL &&
		tg_allowlist_match(tg_attempt_allowlist(attempt, true),
						   attempt->after, facts, "table_unclassified", NULL,
						   InvalidOid) != NULL;
}

static void
judge_relation(Attempt *attempt, QueueEntry *entry, JudgedRelation *judged)
{
	Oid			relid = entry->key.objectId;
	RelationFacts *facts;
	const RelationFacts *outline;
	RelationFacts *before = NULL;
	RelationHistory history = {0};
	RelationPlace place;
	bool		existed;
	List	   *findings;

	tg_facts_set_subject(attempt->after, relid);
	facts = tg_facts_read(attempt->after, relid);
	if (facts == NULL)
	{
		/* No table, but perhaps the index of one, altered by its name */
		tg_queue_table_of_index(attempt, relid);
		return;
	}
	if (facts->temporary)
		return;
	judged->facts = facts;
	tg_queue_skip_parts(attempt, facts);

	/*
	 * What the relation was before matters if it may have changed its class
	 * or its name, and if there is a finding.
	 */
	existed = tg_facts_place(attempt->before, relid, &place);
	outline = existed ? tg_facts_outline(attempt->before, relid) : NULL;
	note_reads(attempt, facts, outline);
	entry->policies_changed = entry->changed && outline != NULL &&
		!tg_facts_policies_are_those_of(attempt->before, facts);
	if (attempt->locks->wanted && outline != NULL &&
		others_read_change(entry, facts, outline))
		tg_lock_changed(attempt->locks, RelationRelationId, relid);
	if (outline != NULL && facts->granted && !outline->granted)
		tg_lock_opened(attempt->locks, facts->schema_oid);
	tg_queue_dependents(attempt, entry, facts, outline);
	history.no_statement = tg_touched_statements() == 0;
	if (existed)
	{
		history.reader = attempt->before;
		history.altered_functions = attempt->altered_functions;
	}
	if (existed &&
		(facts->tenant == NULL || facts->partition ||
		 attempt->schemas_altered ||
		 (outline != NULL &&
		  (outline->partition ||
		   list_difference_oid(outline->parents, facts->parents) != NIL)) ||
		 place.schema_oid != facts->schema_oid ||
		 strcmp(NameStr(place.name), facts->name) != 0))
	{
		before = tg_facts_read(attempt->before, relid);
		history.before = before;
		if (facts->tenant == NULL && before != NULL)
			note_lost_column(attempt, &history, facts, before);
		if (before != NULL && tg_is_tenant_table(before))
			history.gained_exemption =
				tg_allowlist_taken_over(tg_attempt_allowlist(attempt, true),
										attempt->after, facts,
										tg_attempt_allowlist(attempt, false),
										attempt->before, before, false);
	}

	if (tg_is_tenant_table(facts) && outline != NULL && outline->tenant == NULL)
		end_waiver_of_lost_column(attempt, outline);
	if (!existed || before != NULL)
		tg_keep_debts(attempt, facts, before);
	findings = tg_apply_rules(attempt->after, facts, &history,
							  TG_LEVEL_WARNING,
							  !is_meant_to_be_global(attempt, facts));
	mark_waived(attempt, findings, facts, true);
	if (!past_matters(attempt, findings) ||
		tg_facts_is_trusted_member(attempt->after, relid))
		return;

	if (!existed && OidIsValid(facts->shard_of))
		findings = without_those_of_table(attempt, entry, findings,
										  facts->shard_of);
	if (existed && before == NULL)
		before = tg_facts_read(attempt->before, relid);
	if (before != NULL && tg_facts_is_trusted_member(attempt->before, relid))
		before = NULL;
	if (before != NULL)
	{
		List	   *old_findings = tg_apply_rules(attempt->before, before, NULL,
												  TG_LEVEL_WARNING, false);

		mark_waived(attempt, old_findings, before, false);
		tg_mark_known_findings(entry, findings, old_findings);
	}
	findings = without_waived(attempt, findings, facts, before);
	if (before != NULL)
		mark_losses(findings, before);
	if (findings != NIL)
		record(attempt, entry, facts, before, !existed, findings);
}

/* Judging a relation may queue others: see judge_relation(). */
void
tg_judge_queue(Attempt *attempt)
{
	QueueEntry *entry;

	while ((entry = tg_queue_next(attempt)) != NULL)
	{
		JudgedRelation judged = {.relid = entry->key.objectId};
		ErrorContextCallback callback;

		CHECK_FOR_INTERRUPTS();
		callback.previous = error_context_stack;
		callback.callback = add_judged_relation;
		callback.arg = &judged;
		error_context_stack = &callback;
		entry->judged = true;
		judge_relation(attempt, entry, &judged);
		error_context_stack = callback.previous;
		MemoryContextReset(attempt->relation_context);
	}
}

/*
 * Judges what is nobody's relation: roles and settings.  Entries waive rules for
 * relations only, so none waives what is found here.
 */
void
tg_judge_database(Attempt *attempt)
{
	QueueEntry	entry = {.rests_on = RESTS_ON_WHAT_IT_WAS};
	List	   *findings;

	if (!attempt->database_changed)
		return;
	tg_facts_set_subject(attempt->after, InvalidOid);
	findings = tg_apply_database_rules(attempt->after, TG_LEVEL_WARNING);
	if (findings != NIL)
	{
		tg_mark_known_findings(&entry, findings,
							   tg_apply_database_rules(attempt->before,
													   TG_LEVEL_WARNING));
		record(attempt, &entry, NULL, NULL, false, findings);
	}
	MemoryContextReset(attempt->relation_context);
}
