/*-------------------------------------------------------------------------
 *
 * print.c
 *		Prints expressions of policies, for messages and repair SQL.
 *
 * Printing needs the relation cache entries of the table and of the relations
 * in sub-selects.  A rule neither waits for a lock on them nor fails because
 * one is just being dropped: then there is no text.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "rules/print.h"
#include "settings.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* The largest expression that is printed. */
#define MAX_NODES_PRINTED 5000
#define MAX_DEPTH_PRINTED 200

/* In bytes.  A longer excerpt makes a message unreadable. */
#define MAX_EXCERPT 1000

typedef struct ExpressionSize
{
	int			nodes;
	int			depth;
} ExpressionSize;

static bool
is_too_large(Node *node, ExpressionSize *size)
{
	bool		result;

	if (node == NULL)
		return false;
	if (++size->nodes > MAX_NODES_PRINTED ||
		size->depth >= MAX_DEPTH_PRINTED)
		return true;
	size->depth++;
	result = IsA(node, Query) ?
		query_tree_walker((Query *) node, is_too_large, size, 0) :
		expression_tree_walker(node, is_too_large, size);
	size->depth--;
	return result;
}

static bool
is_printable(Node *node)
{
	ExpressionSize size = {0};

	return !is_too_large(node, &size);
}

/*
 * Locks the relations that sub-selects of an expression name, because printing
 * looks up their columns in the relation cache.  Waits for none of them: false
 * if one cannot be locked.  Appends the locked ones to the list.
 */
static bool
lock_relations_in(Node *node, List **locked)
{
	ListCell   *lc;

	foreach(lc, tg_facts_relations_in(node))
	{
		Oid			relid = lfirst_oid(lc);

		if (!ConditionalLockRelationOid(relid, AccessShareLock))
			return false;
		*locked = lappend_oid(*locked, relid);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			return false;
	}
	return true;
}

/*
 * Printing needs the table's relation cache entry.  It is held from the first
 * expression to the last, because building it is slow where there are many
 * policies.
 */
static bool
begin_printing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	RuleMemo   *memo = subject->memo;

	if (memo->printing != PRINTING_NOT_BEGUN)
		return memo->printing == PRINTING_POSSIBLE;
	memo->printing = PRINTING_IMPOSSIBLE;
	if (!ConditionalLockRelationOid(facts->relid, AccessShareLock))
		return false;
	memo->printed = RelationIdGetRelation(facts->relid);
	if (!RelationIsValid(memo->printed))
	{
		UnlockRelationOid(facts->relid, AccessShareLock);
		return false;
	}

	/*
	 * The functions and types that the policies name exist as long as the
	 * policies do, and nobody can drop these while the table is locked.
	 */
	if (tg_facts_policies_are_current(subject->reader, facts))
		memo->printing = PRINTING_POSSIBLE;
	return memo->printing == PRINTING_POSSIBLE;
}

void
tg_end_printing(RuleMemo *memo)
{
	Oid			relid;

	if (!RelationIsValid(memo->printed))
		return;
	relid = RelationGetRelid(memo->printed);
	RelationClose(memo->printed);
	memo->printed = NULL;
	RelationCacheInvalidateEntry(relid);
	UnlockRelationOid(relid, AccessShareLock);
}

char *
tg_expression_text(const RuleSubject *subject, Node *node)
{
	const RelationFacts *facts = subject->facts;
	List	   *locked = NIL;
	ListCell   *lc;
	char	   *text = NULL;

	if (node == NULL || !is_printable(node) || !begin_printing(subject))
		return NULL;

	/* deparse_expression() modifies sub-selects, and the tree is not ours */
	if (lock_relations_in(node, &locked))
		text = deparse_expression(copyObject(node),
								  deparse_context_for(facts->name,
													  facts->relid),
								  false, false);
	foreach(lc, locked)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
	return text;
}

char *
tg_expression_text_for_any_path(const RuleSubject *subject, Node *node)
{
	int			save_nestlevel = tg_pin_search_path();
	char	   *text;

	text = tg_expression_text(subject, node);
	AtEOXact_GUC(true, save_nestlevel);
	return text;
}

char *
tg_expression_excerpt(const RuleSubject *subject, Node *node)
{
	char	   *text = tg_expression_text(subject, node);
	int			length;

	if (text == NULL)
		return NULL;
	length = pg_mbcliplen(text, strlen(text), MAX_EXCERPT);
	if (text[length] == '\0')
		return text;
	return psprintf("%.*s ...", length, text);
}
