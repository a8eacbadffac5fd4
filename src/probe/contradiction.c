/*-------------------------------------------------------------------------
 *
 * contradiction.c
 *		Rows that cross although the policies are proven.
 *
 * Either the prover or the trial is wrong then, and no answer of ours is worth
 * much until it is known which.  So this is an error; it comes last, so that it
 * names all tables.
 *
 * Notes:
 *
 * 1. What a user's function returns the proof takes on trust: that it does is what
 * trials are for.  So a policy that calls one, or reads a view, contradicts nothing.
 *
 * 2. A trial sees the policies as they are when it runs, a proof as its snapshot
 * does.  Somebody may have changed them in between: they are proven once more.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "probe/probe.h"
#include "report/audit.h"
#include "scope/scope.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

/* As many scripts go to the client; the server log gets all. */
#define MAX_SCRIPTS 5

/* One table and role. */
typedef struct Contradiction
{
	Oid			relid;
	Oid			role;
	CommandSet	commands;
	bool		bound;			/* by a statement of the user */
	const char *script;			/* of the first command */
} Contradiction;

static CommandSet
command_named(const char *name)
{
	CommandSet	command = TG_SELECT;

	while (strcmp(tg_probe_command_name(command), name) != 0)
		command <<= 1;
	return command;
}

/* Does what a policy says rest on the code of users? */
static bool
trusts_code(const PolicyFacts *policy)
{
	List	   *relations = list_concat(tg_facts_relations_in(policy->qual),
										tg_facts_relations_in(policy->with_check));
	ListCell   *lc;

	if (tg_facts_functions_of(policy) != NIL)
		return true;
	foreach(lc, relations)
	{
		char		kind = get_rel_relkind(lfirst_oid(lc));

		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			return true;
	}
	return false;
}

/* The commands of which it is proven that no row crosses, without trust. */
static CommandSet
proven_commands(FactsReader *reader, const RelationFacts *facts, Oid role)
{
	CommandSet	result = TG_ALL_COMMANDS;
	ListCell   *lc;

	if (!facts->rls_enabled ||
		check_enable_rls(facts->relid, role, true) != RLS_ENABLED)
		return TG_NO_COMMAND;
	foreach(lc, facts->policies)
	{
		PolicyFacts *policy = lfirst(lc);

		if (trusts_code(policy))
			result &= ~policy->commands;
	}
	foreach(lc, tg_scope_issues(reader, facts))
		result &= ~((ScopeIssue *) lfirst(lc))->commands;
	return result;
}

static Contradiction *
find_contradiction(const List *contradictions, Oid relid, Oid role)
{
	ListCell   *lc;

	foreach(lc, contradictions)
	{
		Contradiction *contradiction = lfirst(lc);

		if (contradiction->relid == relid && contradiction->role == role)
			return contradiction;
	}
	return NULL;
}

void
tg_note_contradictions(Contradictions *found, const Probe *probe, Oid role,
					   const List *results)
{
	MemoryContext caller = CurrentMemoryContext;
	CommandSet	proven = TG_NO_COMMAND;
	bool		asked = false;
	ListCell   *lc;

	foreach(lc, results)
	{
		const ProbeResult *result = lfirst(lc);
		CommandSet	command = command_named(result->command);
		Contradiction *contradiction;

		if (result->outcome != OUTCOME_LEAKS)
			continue;
		if (!asked)
			proven = proven_commands(probe->reader, probe->facts, role);
		asked = true;
		if ((proven & command) == 0)
			continue;
		contradiction = find_contradiction(found->list,
										   probe->facts->relid, role);
		if (contradiction != NULL)
		{
			contradiction->commands |= command;
			continue;
		}
		MemoryContextSwitchTo(found->context);
		contradiction = palloc0(sizeof(Contradiction));
		contradiction->relid = probe->facts->relid;
		contradiction->role = role;
		contradiction->commands = command;
		contradiction->bound = probe->bind != NULL;
		contradiction->script = pstrdup(result->evidence);
		found->list = lappend(found->list, contradiction);
		MemoryContextSwitchTo(caller);
	}
}

/* Note 2 */
static bool
still_contradicts(Contradiction *contradiction)
{
	Audit	   *audit = tg_audit_begin(&contradiction->relid);
	FactsReader *reader = tg_audit_reader(audit);
	const RelationFacts *facts = tg_facts_read(reader, contradiction->relid);

	contradiction->commands &=
		facts == NULL || facts->tenant == NULL ? TG_NO_COMMAND :
		proven_commands(reader, facts, contradiction->role);
	tg_audit_end(audit);
	return contradiction->commands != TG_NO_COMMAND;
}

static void
append_contradiction(StringInfo detail, const Contradiction *contradiction)
{
	bool		first = true;

	appendStringInfo(detail, "\n\nTable %s, role %s, ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(contradiction->relid)),
												get_rel_name(contradiction->relid)),
					 quote_identifier(GetUserNameFromId(contradiction->role,
														false)));
	for (CommandSet command = TG_SELECT; command <= TG_DELETE; command <<= 1)
	{
		if ((contradiction->commands & command) == 0)
			continue;
		appendStringInfo(detail, "%s%s", first ? "" : ", ",
						 tg_probe_command_name(command));
		first = false;
	}
	appendStringInfo(detail, ":\n%s", contradiction->script);
}

/* The order in which tables are read is that of pg_class: any. */
static int
compare_relids(const ListCell *one, const ListCell *other)
{
	Oid			a = ((const Contradiction *) lfirst(one))->relid;
	Oid			b = ((const Contradiction *) lfirst(other))->relid;

	return a < b ? -1 : a > b;
}

void
tg_raise_contradictions(const Contradictions *found)
{
	const Contradiction *first = NULL;
	StringInfoData detail;
	StringInfoData detail_log;
	int			count = 0;
	ListCell   *lc;

	list_sort(found->list, compare_relids);
	initStringInfo(&detail_log);
	initStringInfo(&detail);
	foreach(lc, found->list)
	{
		Contradiction *contradiction = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!still_contradicts(contradiction))
			continue;
		if (count++ == 0)
		{
			first = contradiction;
			appendStringInfoString(&detail_log, first->bound ?
								   "Either the proof, the trial or the statement that binds a session to a tenant is wrong.  This shows it in psql:" :
								   "Either the proof or the trial is wrong.  This shows it in psql:");
			appendStringInfoString(&detail, detail_log.data);
		}
		append_contradiction(&detail_log, contradiction);
		if (count <= MAX_SCRIPTS)
			append_contradiction(&detail, contradiction);
	}
	if (first == NULL)
		return;
	if (count > MAX_SCRIPTS)
		appendStringInfo(&detail, "\n\nand %d more (see the server log)",
						 count - MAX_SCRIPTS);
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("rows of table \"%s.%s\" cross although its policies are proven%s",
					get_namespace_name(get_rel_namespace(first->relid)),
					get_rel_name(first->relid),
					count == 1 ? "" :
					psprintf(" (and %d more)", count - 1)),
			 errdetail_internal("%s", detail.data),
			 errdetail_log("%s", detail_log.data),
			 errhint("Please report it to %s, with the script and the versions from trovella_guard.status().  Meanwhile, probe the other tables one by one.",
					 TG_REPORT_TO)));
}
