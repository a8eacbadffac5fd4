/*-------------------------------------------------------------------------
 *
 * hint.c
 *		The HINT of a verdict: what to do about its findings.
 *
 * Whoever reads it wants to go on, and pastes what is easiest.  So it says first
 * which statement to leave out, if the transaction took protection away; then
 * the SQL that repairs; and an exemption last, as narrow as the finding, and
 * only where the rule may be broken on purpose.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "verdict/raise.h"
#include "verdict/verdict.h"
#include "watch/touched.h"

/* How many roles that may make exceptions are named. */
#define MAX_ROLES_NAMED 3

/* Does the client send each statement as a transaction of its own? */
bool
tg_is_autocommit(void)
{
	return !IsTransactionBlock() && tg_touched_statements() <= 1;
}

/*
 * Does somebody restore a dump statement by statement?  pg_restore says who it
 * is; a script of pg_dump sets all these.
 */
bool
tg_is_restore_in_parts(void)
{
	return !IsTransactionBlock() &&
		(strcmp(application_name, "pg_restore") == 0 ||
		 (!row_security && !check_function_bodies &&
		  namespace_search_path[0] == '\0'));
}

/* Adds a text to a list, once. */
static List *
add_once(List *texts, const char *text)
{
	ListCell   *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return texts;
	}
	return lappend(texts, unconstify(char *, text));
}

static void
append_paragraph(StringInfo text, const char *paragraph)
{
	appendStringInfo(text, "%s%s", text->len > 0 ? "\n" : "", paragraph);
}

/* "a", "a or b", "a, b or c" */
static char *
join(const List *texts, const char *last)
{
	StringInfoData result;
	const ListCell *lc;
	int			left = list_length(texts);

	initStringInfo(&result);
	foreach(lc, texts)
	{
		if (result.len > 0)
			appendStringInfoString(&result, left == 1 ? last : ", ");
		appendStringInfoString(&result, lfirst(lc));
		left--;
	}
	return result.data;
}

/* What to leave out, if some statement took protection away. */
static void
add_undos(StringInfo text, const RelationVerdict *first, const List *findings)
{
	List	   *undos = NIL;
	const ListCell *lc;

	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->took_away && finding->rule->undo != NULL)
			undos = add_once(undos, finding->rule->undo);
		if (finding->breaks_seal && tg_refuses(finding))
			undos = add_once(undos, psprintf("what opens the %s to others than its owner",
											 tg_kind_name(first->kind)));
	}
	foreach(lc, undos)
		append_paragraph(text, psprintf("Leave out %s.", (char *) lfirst(lc)));
}

/*
 * Does the hint repair it?  Nobody drops an index, by a statement of its own, to
 * create it again.  What only warns may be meant as it is: a refusal of something
 * else is no reason to take a privilege or the words of a policy away.
 */
static bool
has_repair(HintKind kind, const Finding *finding)
{
	if (finding->repair_sql == NULL)
		return false;
	if (kind == HINT_REFUSAL && !tg_refuses(finding) &&
		!finding->rule->repair_adds)
		return false;
	return !(finding->took_away && finding->rule->undo_only &&
			 tg_is_autocommit());
}

/* The statements that repair the findings. */
static List *
repairs(HintKind kind, const List *findings)
{
	List	   *result = NIL;
	const ListCell *lc;

	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (has_repair(kind, finding))
			result = add_once(result, finding->repair_sql);
	}
	return result;
}

static void
add_repairs(StringInfo text, const RelationVerdict *first,
			const List *statements, HintKind kind)
{
	const char *lead;
	const ListCell *lc;

	if (statements == NIL)
		return;
	if (first->on_worker && first->sent_by_citus)
		lead = "Execute this on the coordinator:";
	else if (kind == HINT_WARNING)
		lead = "To repair it:";
	else if (tg_is_autocommit())
		lead = "Execute this in one transaction with the statement itself:";
	else if (!IsTransactionBlock())
		lead = "Add this to the migration:";
	else
		lead = "Add this to the migration, before COMMIT:";
	append_paragraph(text, text->len > 0 ? psprintf("Or: %s", lead) : lead);
	foreach(lc, statements)
		append_paragraph(text, lfirst(lc));
}

/*
 * Says how to get the repairs of findings that the client is not shown: of a
 * refusal those that refuse.
 */
static void
add_hidden_repairs(StringInfo text, HintKind kind,
				   const RelationVerdict *first, const List *hidden)
{
	int			more = 0;
	const ListCell *lc;

	foreach(lc, hidden)
	{
		const Finding *finding = lfirst(lc);

		if (finding->repair_sql != NULL &&
			(kind == HINT_WARNING || tg_refuses(finding)))
			more++;
	}
	if (more == 0)
		return;
	if (kind == HINT_REFUSAL)
	{
		append_paragraph(text,
						 psprintf(ngettext("and what repairs %d more finding that refuses; before COMMIT, this prints all:",
										   "and what repairs %d more findings that refuse; before COMMIT, this prints all:",
										   more), more));
		append_paragraph(text, "SELECT repair_sql FROM trovella_guard.pending() WHERE refused;");
		return;
	}
	append_paragraph(text,
					 psprintf(ngettext("and what repairs %d more finding; this prints all:",
									   "and what repairs %d more findings; this prints all:",
									   more), more));
	append_paragraph(text, first->schema == NULL ?
					 "SELECT repair_sql FROM trovella_guard.check() WHERE table_name IS NULL AND level <> 'info';" :
					 psprintf("SELECT repair_sql FROM trovella_guard.check(%s) WHERE level <> 'info';",
							  quote_literal_cstr(quote_qualified_identifier(first->schema,
																			first->name))));
}

/*
 * The row of pg_proc of a function that writes the allowlist, or NULL without the
 * extension.  allow(regclass, ...), which everybody may call, calls the one that
 * counts.
 */
static HeapTuple
find_writer(const char *name, CatCList **list)
{
	Oid			schema = get_namespace_oid(TG_EXTENSION, true);

	*list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < (*list)->n_members; i++)
	{
		HeapTuple	tuple = &(*list)->members[i]->tuple;
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

		if (form->pronamespace == schema && form->pronargs > 0 &&
			form->proargtypes.values[0] != REGCLASSOID)
			return tuple;
	}
	return NULL;
}

/*
 * Who may make exceptions, if the current user may not: roles that have
 * EXECUTE on the function, and superusers.  NULL: the user may.
 */
static char *
whom_to_ask(const char *function)
{
	CatCList   *list;
	HeapTuple	tuple = find_writer(function, &list);
	List	   *names = NIL;
	char	   *result = NULL;

	if (tuple != NULL &&
		!TG_MAY_EXECUTE(((Form_pg_proc) GETSTRUCT(tuple))->oid, GetUserId()))
	{
		bool		isnull;
		Datum		value = SysCacheGetAttr(PROCOID, tuple,
											Anum_pg_proc_proacl, &isnull);
		Oid			owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
		Acl		   *acl = isnull ? NULL : DatumGetAclP(value);

		for (int i = 0; acl != NULL && i < ACL_NUM(acl) &&
			 list_length(names) < MAX_ROLES_NAMED; i++)
		{
			const AclItem *item = &ACL_DAT(acl)[i];

			if ((ACLITEM_GET_PRIVS(*item) & ACL_EXECUTE) != 0 &&
				item->ai_grantee != owner &&
				item->ai_grantee != ACL_ID_PUBLIC)
				names = add_once(names, psprintf("\"%s\"",
												 tg_role_name(item->ai_grantee)));
		}
		names = lappend(names, "a superuser");
		result = join(names, " or ");
	}
	ReleaseCatCacheList(list);
	return result;
}

/*
 * The calls of allow() and allow_role() that waive the findings, or NIL if one
 * of these should not be waived.  Sets *is_global if they exempt the whole
 * table: that is offered only where it never had protection.
 */
static List *
waivers(const RelationVerdict *verdict, const List *findings, bool *is_global)
{
	List	   *calls = NIL;
	const ListCell *lc;

	*is_global = false;
	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		/* The rows of a tenant table's child are those of its parent */
		if (finding->rule->waiver == TG_WAIVE_TABLE && verdict->created &&
			!(verdict->is_tenant_table && verdict->is_child))
			*is_global = true;
	}
	if (*is_global)
		return list_make1(tg_remedy_allow(verdict->schema, verdict->name,
										  NULL, NULL));
	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->rule->waiver == TG_WAIVE_ROLE)
		{
			calls = add_once(calls, tg_remedy_allow_role(finding->object));
			continue;
		}
		if (finding->rule->waiver != TG_WAIVE_OBJECT)
			return NIL;
		calls = add_once(calls,
						 tg_remedy_allow(verdict->schema, verdict->name,
										 finding->rule->name,
										 finding->object));
	}
	return calls;
}

/* What must be true, so that the findings may be waived? */
static const char *
when_to_waive(const List *findings)
{
	const ListCell *lc;

	foreach(lc, findings)
	{
		if (((const Finding *) lfirst(lc))->rule->check !=
			tg_check_policy_unproven)
			return "If this is intended";
	}
	return "If it cannot be written so that it is proven, try it as two tenants; if neither reaches the other's rows";
}

/*
 * How to try and attest what is not proven.  That is narrower than any exemption,
 * so it comes before.  Returns false if other findings are left.
 */
static bool
add_trials(StringInfo text, const List *findings)
{
	List	   *trials = NIL;
	bool		again = false;
	bool		all = true;
	const ListCell *lc;

	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->trial_sql != NULL)
			trials = add_once(trials, finding->trial_sql);
		else
			all = false;
		again = again || finding->void_attestation;
	}
	if (trials == NIL)
		return false;
	append_paragraph(text, again ?
					 "If the policy is to stay as it is now, try it again in one transaction, and attest it again if it is isolated:" :
					 "If the policy cannot be written so that it is proven, try it in one transaction, and attest it if it is isolated:");
	foreach(lc, trials)
		append_paragraph(text, lfirst(lc));
	return all;
}

static void
add_waivers(StringInfo text, const RelationVerdict *first,
			const List *findings)
{
	bool		is_global;
	List	   *calls = waivers(first, findings, &is_global);
	char	   *whom;
	const char *condition;
	ListCell   *lc;

	if (calls == NIL)
		return;
	condition = is_global ?
		psprintf("If the %s holds no tenant's rows", tg_kind_name(first->kind)) :
		when_to_waive(findings);
	whom = whom_to_ask(strncmp(linitial(calls), TG_ALLOW_CALL,
							   strlen(TG_ALLOW_CALL)) == 0 ?
					   "allow" : "allow_role");
	if (whom != NULL)
	{
		append_paragraph(text, psprintf("%s, ask %s for an exception.",
										condition, whom));
		return;
	}
	if (!is_global && add_trials(text, findings))
		condition = "If it cannot be tried";
	append_paragraph(text, psprintf("%s, add this instead:", condition));
	foreach(lc, calls)
		append_paragraph(text, lfirst(lc));
}

/*
 * The sealed entry for work tables of a tool, to which nobody can add what the
 * repair says; or for a table that was detached to be kept.
 */
static void
add_seal(StringInfo text, const RelationVerdict *first)
{
	char	   *whom = whom_to_ask("allow");
	const char *call = tg_remedy_seal(first->schema,
									  first->tool != NULL ? NULL : first->name);

	if (first->tool != NULL)
		append_paragraph(text, psprintf("%s keeps its work tables in schema \"%s\". An entry lets it, as long as nobody but their owner can reach them:",
										first->tool, first->schema));
	else
		append_paragraph(text, "If the table is to be kept for its owner only, an entry lets it, as long as nobody else can reach it:");
	append_paragraph(text, call);
	if (whom != NULL)
		append_paragraph(text, psprintf("Ask %s to run this.", whom));
}

/* A worker of Citus has the allowlist of its coordinator. */
static void
add_coordinator(StringInfo text, const RelationVerdict *first)
{
	if (!first->sent_by_citus)
		return;
	append_paragraph(text, "If an entry there waives this, commit it, and send it to the workers:");
	append_paragraph(text, "SELECT trovella_guard.send_allowlist();");
}

/* Where the rules are explained. */
static void
add_anchors(StringInfo text, const List *findings)
{
	List	   *anchors = NIL;
	const ListCell *lc;

	foreach(lc, findings)
		anchors = add_once(anchors,
						   psprintf("#%s", ((const Finding *) lfirst(lc))->rule->name));
	append_paragraph(text, psprintf("See docs/rules.md%s.",
									join(anchors, ", ")));
}

char *
tg_hint(HintKind kind, const RelationVerdict *first, const List *findings,
		const List *hidden)
{
	StringInfoData text;
	List	   *statements = repairs(kind, findings);
	List	   *waivable = NIL;
	const ListCell *lc;

	initStringInfo(&text);
	if (kind == HINT_REFUSAL && tg_is_restore_in_parts())
		return pstrdup("A dump creates policies and indexes after the tables, and with --clean drops them before. Stop, and restore it in one transaction (psql --single-transaction -v ON_ERROR_STOP=1, pg_restore --single-transaction), "
					   "or with PGOPTIONS='-c trovella_guard.mode=off'; see \"Dump and restore\" in docs/operating.md.");

	if (first->tool != NULL)
	{
		add_seal(&text, first);
		add_anchors(&text, findings);
		return text.data;
	}
	if (kind == HINT_REFUSAL)
		add_undos(&text, first, findings);
	add_repairs(&text, first, statements, kind);
	add_hidden_repairs(&text, kind, first, hidden);

	/* Only what the first relation is refused for, or warned of */
	foreach(lc, findings)
	{
		if (((const Finding *) lfirst(lc))->relid ==
			((const Finding *) linitial(first->findings))->relid &&
			(kind == HINT_WARNING || tg_refuses(lfirst(lc))))
			waivable = lappend(waivable, lfirst(lc));
	}
	if (first->on_worker)
		add_coordinator(&text, first);
	else if (first->detached)
		add_seal(&text, first);
	else if (strstr(text.data, TG_ALLOW_CALL) == NULL)
		add_waivers(&text, first, waivable);
	add_anchors(&text, findings);
	return text.data;
}
