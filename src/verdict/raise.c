/*-------------------------------------------------------------------------
 *
 * raise.c
 *		Raises the error or the warnings of a verdict.
 *
 * The text is written for a developer at a terminal.  Several migration tools
 * print the primary message alone, so it names the table and the rules.  DETAIL
 * has a line for each finding.  HINT is SQL that can be pasted into the
 * migration.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "settings.h"
#include "verdict/raise.h"
#include "verdict/verdict.h"

/* As many as fit a terminal; the server log has them all. */
#define MAX_FINDINGS_SHOWN 20
#define MAX_WARNINGS_SHOWN 20

/* Which findings of a verdict are reported? */
typedef bool (*FindingFilter) (const Finding *finding);

/* The parts of a message under construction. */
typedef struct VerdictMessage
{
	StringInfoData detail;		/* for the client, capped */
	StringInfoData detail_log;	/* for the server log, complete */
	StringInfoData repair;		/* for the client, capped */
	int			findings;
	const Finding *only;		/* the finding, if there is only one */
} VerdictMessage;

static bool
every_finding(const Finding *finding pg_attribute_unused())
{
	return true;
}

/* "rls_disabled, policy_missing", each rule once. */
static char *
rule_list(const RelationVerdict *verdict, FindingFilter filter)
{
	StringInfoData names;
	const Rule *last = NULL;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, verdict->findings)
	{
		Finding    *finding = lfirst(lc);

		/* Findings come in the order of the rules */
		if (!filter(finding) || finding->rule == last)
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 finding->rule->name);
		last = finding->rule;
	}
	return names.data;
}

static void
begin_message(VerdictMessage *message)
{
	initStringInfo(&message->detail);
	initStringInfo(&message->detail_log);
	initStringInfo(&message->repair);
	message->findings = 0;
	message->only = NULL;
}

/*
 * Adds the findings of a relation that pass the filter.
 */
static void
add_to_message(VerdictMessage *message, const RelationVerdict *verdict,
			   FindingFilter filter, bool name_table)
{
	const char *last_repair = "";
	ListCell   *lc;

	foreach(lc, verdict->findings)
	{
		Finding    *finding = lfirst(lc);
		StringInfoData line;

		if (!filter(finding))
			continue;

		initStringInfo(&line);
		if (name_table)
			appendStringInfo(&line, "%s.%s: ", verdict->schema,
							 verdict->name);
		appendStringInfo(&line, "%s: %s%s", finding->rule->name,
						 finding->message,
						 finding->was_there ?
						 " (pre-existing)" : "");

		if (message->findings > 0)
			appendStringInfoChar(&message->detail_log, '\n');
		appendStringInfoString(&message->detail_log, line.data);

		if (message->findings < MAX_FINDINGS_SHOWN)
		{
			if (message->findings > 0)
				appendStringInfoChar(&message->detail, '\n');
			appendStringInfoString(&message->detail, line.data);

			/* One statement may repair two successive findings */
			if (finding->repair_sql != NULL &&
				strcmp(finding->repair_sql, last_repair) != 0)
			{
				appendStringInfo(&message->repair, "\n%s",
								 finding->repair_sql);
				last_repair = finding->repair_sql;
			}
		}
		message->findings++;
		message->only = message->findings == 1 ? finding : NULL;
		pfree(line.data);
	}
}

static void
end_message(VerdictMessage *message)
{
	int			more = message->findings - MAX_FINDINGS_SHOWN;

	if (more > 0)
		appendStringInfo(&message->detail,
						 ngettext("\nand %d more finding (see the server log)",
								  "\nand %d more findings (see the server log)",
								  more), more);
}

/* Fills the structured fields of the error under construction. */
static int
errfinding(const VerdictMessage *message)
{
	if (message->only != NULL)
	{
		err_generic_string(PG_DIAG_SCHEMA_NAME, message->only->schema);
		err_generic_string(PG_DIAG_TABLE_NAME, message->only->table);
		err_generic_string(PG_DIAG_CONSTRAINT_NAME,
						   message->only->rule->name);
	}
	return 0;
}

/*
 * May a tenant table have a reason to break the rule?  A table that breaks what
 * the checklist demands, whatever the profile, should be on the allowlist as a
 * global table instead.
 */
static bool
may_be_waived_alone(const Rule *rule)
{
	return rule->levels[TG_PROFILE_CHECKLIST] < TG_LEVEL_ERROR;
}

/*
 * The statements that allow what the findings are about, each on a line.  Sets
 * *is_global if that makes the relation a global one.
 */
static char *
waivers(const RelationVerdict *verdict, FindingFilter filter, bool *is_global)
{
	StringInfoData sql;
	const Rule *last = NULL;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, verdict->findings)
	{
		Finding    *finding = lfirst(lc);

		if (!filter(finding) || finding->rule == last)
			continue;
		last = finding->rule;
		*is_global = !may_be_waived_alone(finding->rule);
		if (*is_global)
			return tg_remedy_allow(verdict->schema, verdict->name, NULL);
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? "\n" : "",
						 tg_remedy_allow(verdict->schema, verdict->name,
										 finding->rule->name));
	}
	return sql.data;
}

/* The hint: SQL that repairs the findings, and SQL that allows them. */
static char *
hint(const VerdictMessage *message, const RelationVerdict *first,
	 FindingFilter filter, bool refused)
{
	bool		is_global = true;
	char	   *allow = waivers(first, filter, &is_global);
	StringInfoData text;

	initStringInfo(&text);
	if (message->repair.len > 0)
		appendStringInfo(&text, "%s:%s",
						 refused ? "Add this to the migration, before COMMIT" :
						 "To repair it", message->repair.data);
	if (strstr(message->repair.data, allow) == NULL)
	{
		if (text.len > 0)
			appendStringInfoChar(&text, '\n');
		if (is_global)
			appendStringInfo(&text, "If the %s is meant to be global, add this instead:\n%s",
							 tg_kind_name(first->kind), allow);
		else
			appendStringInfo(&text, "If this is intended, add this instead:\n%s",
							 allow);
	}
	return text.data;
}

/* Refuses the commit, or warns that mode "enforce" would refuse it. */
static void
raise_refusal(List *refused, bool enforce)
{
	const RelationVerdict *first = linitial(refused);
	int			others = list_length(refused) - 1;
	bool		autocommit = !IsTransactionBlock() && first->created;
	VerdictMessage message;
	StringInfoData more;
	ListCell   *lc;

	begin_message(&message);
	foreach(lc, refused)
		add_to_message(&message, lfirst(lc), tg_refuses, others > 0);
	end_message(&message);

	initStringInfo(&more);
	if (others > 0)
		appendStringInfo(&more, ngettext(" (and %d more table)",
										 " (and %d more tables)", others),
						 others);
	if (autocommit)
		appendStringInfoString(&more,
							   "; create and protect it in the same transaction");

	ereport(enforce ? ERROR : WARNING,
			(errcode(enforce ? ERRCODE_TENANT_TABLE_UNPROTECTED :
					 ERRCODE_WARNING_TENANT_TABLE),
			 enforce ?
			 errmsg("commit refused: %s \"%s.%s\" breaks %s%s",
					tg_kind_name(first->kind), first->schema, first->name,
					rule_list(first, tg_refuses), more.data) :
			 errmsg("commit would be refused: %s \"%s.%s\" breaks %s%s",
					tg_kind_name(first->kind), first->schema, first->name,
					rule_list(first, tg_refuses), more.data),
			 errdetail_internal("%s", message.detail.data),
			 errdetail_log("%s", message.detail_log.data),
			 errhint("%s", hint(&message, first, tg_refuses, true)),
			 errfinding(&message)));
}

static void
raise_warning(const RelationVerdict *verdict)
{
	VerdictMessage message;
	bool		all_old = true;
	ListCell   *lc;

	foreach(lc, verdict->findings)
		all_old = all_old && ((Finding *) lfirst(lc))->was_there;

	begin_message(&message);
	add_to_message(&message, verdict, every_finding, false);
	end_message(&message);

	ereport(WARNING,
			(errcode(ERRCODE_WARNING_TENANT_TABLE),
			 all_old ?
			 errmsg("%s \"%s.%s\" still breaks %s",
					tg_kind_name(verdict->kind), verdict->schema,
					verdict->name, rule_list(verdict, every_finding)) :
			 errmsg("%s \"%s.%s\" breaks %s",
					tg_kind_name(verdict->kind), verdict->schema,
					verdict->name, rule_list(verdict, every_finding)),
			 errdetail_internal("%s", message.detail.data),
			 errdetail_log("%s", message.detail_log.data),
			 errhint("%s", hint(&message, verdict, every_finding, false)),
			 errfinding(&message)));
}

static bool
is_refused(const RelationVerdict *verdict)
{
	ListCell   *lc;

	foreach(lc, verdict->findings)
	{
		if (tg_refuses(lfirst(lc)))
			return true;
	}
	return false;
}

void
tg_log_what_went_through(List *verdicts)
{
	/* The session's role may have been dropped */
	const char *role = GetUserNameFromId(GetSessionUserId(), true);
	StringInfoData tables;
	ListCell   *lc;

	initStringInfo(&tables);
	foreach(lc, verdicts)
	{
		RelationVerdict *verdict = lfirst(lc);

		if (is_refused(verdict))
			appendStringInfo(&tables, "%s%s \"%s.%s\" breaks %s",
							 tables.len > 0 ? "; " : "",
							 tg_kind_name(verdict->kind),
							 verdict->schema, verdict->name,
							 rule_list(verdict, tg_refuses));
	}
	if (tables.len > 0)
		ereport(LOG_SERVER_ONLY,
				(errcode(ERRCODE_WARNING_TENANT_TABLE),
				 errmsg("trovella_guard.mode = %s lets role \"%s\" commit: %s",
						tg_mode == TG_MODE_WARN ? "warn" : "off",
						role != NULL ? role : "?", tables.data)));
}

void
tg_raise(List *verdicts)
{
	List	   *refused = NIL;
	int			warned = 0;
	ListCell   *lc;

	foreach(lc, verdicts)
	{
		if (is_refused(lfirst(lc)))
			refused = lappend(refused, lfirst(lc));
	}
	if (refused != NIL)
		raise_refusal(refused, tg_mode == TG_MODE_ENFORCE);

	foreach(lc, verdicts)
	{
		RelationVerdict *verdict = lfirst(lc);

		if (is_refused(verdict))
			continue;
		if (warned++ < MAX_WARNINGS_SHOWN)
			raise_warning(verdict);
	}
	if (warned > MAX_WARNINGS_SHOWN)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING_TENANT_TABLE),
				 errmsg_plural("%d more table breaks rules",
							   "%d more tables break rules",
							   warned - MAX_WARNINGS_SHOWN,
							   warned - MAX_WARNINGS_SHOWN),
				 errhint("SELECT * FROM trovella_guard.check() lists them all.")));
}
