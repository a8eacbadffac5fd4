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

#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
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
	List	   *findings;		/* those that the client sees */
	List	   *hidden;			/* those that it does not see */
	const RelationVerdict *verdict; /* if all are about one relation */
} VerdictMessage;

/* 'table "public.report"' */
static const char *
what_is_judged(const RelationVerdict *verdict)
{
	if (verdict->schema == NULL)
		return _("the database");
	return psprintf("%s \"%s.%s\"", tg_kind_name(verdict->kind),
					verdict->schema, verdict->name);
}

static bool
every_finding(const Finding *finding pg_attribute_unused())
{
	return true;
}

static bool
is_new(const Finding *finding)
{
	return !finding->was_there;
}

static bool
is_old(const Finding *finding)
{
	return finding->was_there;
}

/* What a refused transaction has done besides, and would be told next. */
static bool
warns(const Finding *finding)
{
	return !tg_refuses(finding) && !finding->was_there;
}

/* The rules of the findings that pass the filter. */
static List *
rules_of(const RelationVerdict *verdict, FindingFilter filter)
{
	List	   *rules = NIL;
	ListCell   *lc;

	foreach(lc, verdict->findings)
	{
		Finding    *finding = lfirst(lc);

		/* Findings come in the order of the rules */
		if (filter(finding) &&
			(rules == NIL || llast(rules) != (void *) finding->rule))
			rules = lappend(rules, unconstify(Rule *, finding->rule));
	}
	return rules;
}

/* "rls_disabled, policy_missing", each rule once. */
static char *
names_of(const List *rules)
{
	StringInfoData names;
	const ListCell *lc;

	initStringInfo(&names);
	foreach(lc, rules)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 ((const Rule *) lfirst(lc))->name);
	return names.data;
}

static char *
rule_list(const RelationVerdict *verdict, FindingFilter filter)
{
	return names_of(rules_of(verdict, filter));
}

static void
begin_message(VerdictMessage *message)
{
	memset(message, 0, sizeof(VerdictMessage));
	initStringInfo(&message->detail);
	initStringInfo(&message->detail_log);
}

/* "public.report: rls_disabled: row-level security is not enabled" */
static void
append_line(StringInfo text, const RelationVerdict *verdict,
			const Finding *finding, bool name_table, bool name_level)
{
	if (text->len > 0)
		appendStringInfoChar(text, '\n');
	if (name_table && verdict->schema != NULL)
		appendStringInfo(text, "%s.%s: ", verdict->schema, verdict->name);
	appendStringInfo(text, "%s%s: %s%s", finding->rule->name,
					 name_level ? " (warning)" : "", finding->message,
					 finding->was_there ? " (pre-existing)" : "");
}

/* Adds the findings of a relation that pass the filter. */
static void
add_to_message(VerdictMessage *message, const RelationVerdict *verdict,
			   FindingFilter filter, bool name_table)
{
	bool		name_level = filter == warns;
	ListCell   *lc;

	foreach(lc, verdict->findings)
	{
		Finding    *finding = lfirst(lc);

		if (!filter(finding))
			continue;
		message->verdict = message->findings == NIL ||
			message->verdict == verdict ? verdict : NULL;
		append_line(&message->detail_log, verdict, finding, name_table,
					name_level);
		if (list_length(message->findings) < MAX_FINDINGS_SHOWN)
		{
			append_line(&message->detail, verdict, finding, name_table,
						name_level);
			message->findings = lappend(message->findings, finding);
		}
		else
			message->hidden = lappend(message->hidden, finding);
	}
}

static void
end_message(VerdictMessage *message)
{
	int			more = list_length(message->hidden);

	if (more > 0)
		appendStringInfo(&message->detail,
						 ngettext("\nand %d more finding (see the server log)",
								  "\nand %d more findings (see the server log)",
								  more), more);
}

/*
 * Fills the structured fields of the error under construction: the relation if
 * there is only one, and the rule likewise.
 */
static int
errfindings(const VerdictMessage *message)
{
	const Rule *rule = ((Finding *) linitial(message->findings))->rule;
	ListCell   *lc;

	foreach(lc, message->findings)
	{
		if (((Finding *) lfirst(lc))->rule != rule)
			rule = NULL;
	}
	if (message->verdict == NULL)
		return 0;
	if (message->verdict->schema != NULL)
	{
		err_generic_string(PG_DIAG_SCHEMA_NAME, message->verdict->schema);
		err_generic_string(PG_DIAG_TABLE_NAME, message->verdict->name);
	}
	if (rule != NULL)
		err_generic_string(PG_DIAG_CONSTRAINT_NAME, rule->name);
	return 0;
}

/*
 * Refuses the commit, or warns that mode "enforce" would refuse it.  Says as well
 * what the transaction will be warned of once it is not refused any more.
 */
static void
raise_refusal(const List *verdicts, const List *refused, bool enforce)
{
	const RelationVerdict *first = linitial(refused);
	int			others = list_length(refused) - 1;
	int			tables = others;
	VerdictMessage message;
	StringInfoData more;
	const ListCell *lc;

	begin_message(&message);
	foreach(lc, refused)
		add_to_message(&message, lfirst(lc), tg_refuses,
					   list_length(verdicts) > 1);
	foreach(lc, verdicts)
		add_to_message(&message, lfirst(lc), warns, list_length(verdicts) > 1);
	end_message(&message);

	/* The database comes last */
	if (others > 0 && ((RelationVerdict *) llast(refused))->schema == NULL)
		tables--;
	initStringInfo(&more);
	if (tables > 0)
		appendStringInfo(&more, ngettext(" (and %d more table)",
										 " (and %d more tables)", tables),
						 tables);
	if (tables < others)
		appendStringInfoString(&more, " (and the database breaks rules)");
	if (tg_is_restore_in_parts())
		appendStringInfoString(&more,
							   "; this looks like a restore, which must be one transaction");
	else if (tg_is_autocommit() && first->created &&
			 first->is_tenant_table && first->tool == NULL)
		appendStringInfoString(&more,
							   "; create and protect it in the same transaction");

	ereport(enforce ? ERROR : WARNING,
			(errcode(enforce ? ERRCODE_TENANT_TABLE_UNPROTECTED :
					 ERRCODE_WARNING_TENANT_TABLE),
			 enforce ?
			 errmsg("commit refused: %s breaks %s%s", what_is_judged(first),
					rule_list(first, tg_refuses), more.data) :
			 errmsg("commit would be refused: %s breaks %s%s",
					what_is_judged(first),
					rule_list(first, tg_refuses), more.data),
			 errdetail_internal("%s", message.detail.data),
			 errdetail_log("%s", message.detail_log.data),
			 errhint("%s", tg_hint(HINT_REFUSAL, first, message.findings,
								   message.hidden)),
			 errfindings(&message)));
}

static void
raise_warning(const RelationVerdict *verdict)
{
	VerdictMessage message;
	const char *what = what_is_judged(verdict);
	List	   *new_rules = rules_of(verdict, is_new);
	List	   *old_rules = list_difference_ptr(rules_of(verdict, is_old),
												new_rules);

	begin_message(&message);
	add_to_message(&message, verdict, every_finding, false);
	end_message(&message);

	ereport(WARNING,
			(errcode(ERRCODE_WARNING_TENANT_TABLE),
			 new_rules == NIL ?
			 errmsg("%s still breaks %s", what, names_of(old_rules)) :
			 old_rules == NIL ?
			 errmsg("%s breaks %s", what, names_of(new_rules)) :
			 errmsg("%s breaks %s, still breaks %s", what,
					names_of(new_rules), names_of(old_rules)),
			 errdetail_internal("%s", message.detail.data),
			 errdetail_log("%s", message.detail_log.data),
			 errhint("%s", tg_hint(HINT_WARNING, verdict, message.findings,
								   message.hidden)),
			 errfindings(&message)));
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
			appendStringInfo(&tables, "%s%s breaks %s",
							 tables.len > 0 ? "; " : "",
							 what_is_judged(verdict),
							 rule_list(verdict, tg_refuses));
	}
	if (tables.len > 0)
		ereport(LOG_SERVER_ONLY,
				(errcode(ERRCODE_WARNING_TENANT_TABLE),
				 tg_mode() == TG_MODE_ENFORCE ?
				 errmsg("trovella_guard lets Citus commit as role \"%s\": %s",
						role != NULL ? role : "?", tables.data) :
				 errmsg("trovella_guard.mode = %s lets role \"%s\" commit: %s",
						tg_mode() == TG_MODE_WARN ? "warn" : "off",
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
		raise_refusal(verdicts, refused, tg_mode() == TG_MODE_ENFORCE);

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
