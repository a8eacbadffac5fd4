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

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "rules/print.h"
#include "rules/texts.h"
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

/* How a cast, a call or a row is written, and what a column is called. */
static uint32
spelling_of(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
			return hash_combine(((Var *) node)->varnosyn,
								((Var *) node)->varattnosyn);
		case T_FuncExpr:
			return ((FuncExpr *) node)->funcformat;
		case T_RelabelType:
			return ((RelabelType *) node)->relabelformat;
		case T_CoerceViaIO:
			return ((CoerceViaIO *) node)->coerceformat;
		case T_ArrayCoerceExpr:
			return ((ArrayCoerceExpr *) node)->coerceformat;
		case T_ConvertRowtypeExpr:
			return ((ConvertRowtypeExpr *) node)->convertformat;
		case T_RowExpr:
			return ((RowExpr *) node)->row_format;
		case T_CoerceToDomain:
			return ((CoerceToDomain *) node)->coercionformat;
		default:
			return 0;
	}
}

static bool
is_too_large(Node *node, ExpressionShape *shape)
{
	bool		result;

	if (node == NULL)
		return false;
	if (++shape->nodes > MAX_NODES_PRINTED ||
		shape->depth >= MAX_DEPTH_PRINTED)
		return true;
	shape->spelling = hash_combine(shape->spelling, spelling_of(node));
	shape->depth++;
	result = IsA(node, Query) ?
		query_tree_walker((Query *) node, is_too_large, shape, 0) :
		expression_tree_walker(node, is_too_large, shape);
	shape->depth--;
	return result;
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
 * policies.  Expressions of parents are printed before those of the table.
 */
static bool
begin_printing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	RuleMemo   *memo = subject->memo;

	if (memo->printing_of == facts->relid)
		return memo->printed != NULL;
	tg_end_printing(memo);
	memo->printing_of = facts->relid;
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
	if (!tg_facts_policies_are_current(subject->reader, facts))
	{
		tg_end_printing(memo);
		memo->printing_of = facts->relid;
	}
	return memo->printed != NULL;
}

void
tg_end_printing(RuleMemo *memo)
{
	Oid			relid = memo->printing_of;

	memo->printing_of = InvalidOid;
	if (!RelationIsValid(memo->printed))
		return;
	RelationClose(memo->printed);
	memo->printed = NULL;
	RelationCacheInvalidateEntry(relid);
	UnlockRelationOid(relid, AccessShareLock);
}

/* deparse_expression() modifies sub-selects, and the tree is not ours. */
char *
tg_print_expression(const TextRequest *request, const char *table)
{
	return deparse_expression(copyObject(request->node),
							  deparse_context_for(table,
												  request->facts->relid),
							  false, false);
}

static char *
print(const RuleSubject *subject, Node *node, bool for_any_path)
{
	const RelationFacts *facts = subject->facts;
	TextRequest request = {facts, node, {0}, for_any_path};
	List	   *locked = NIL;
	ListCell   *lc;
	char	   *text;

	if (node == NULL || is_too_large(node, &request.shape))
		return NULL;
	text = tg_kept_text(subject->reader, &request);
	if (text != NULL || !begin_printing(subject))
		return text;

	if (lock_relations_in(node, &locked))
	{
		int			save_nestlevel = for_any_path ? tg_pin_search_path() : 0;

		text = tg_print_expression(&request, facts->name);
		tg_keep_text(subject->reader, &request,
					 RelationGetDescr(subject->memo->printed), text);
		if (for_any_path)
			AtEOXact_GUC(true, save_nestlevel);
	}
	foreach(lc, locked)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
	return text;
}

char *
tg_expression_text_for_any_path(const RuleSubject *subject, Node *node)
{
	return print(subject, node, true);
}

char *
tg_expression_excerpt(const RuleSubject *subject, Node *node)
{
	char	   *text = print(subject, node, false);
	int			length;

	if (text == NULL)
		return NULL;
	length = pg_mbcliplen(text, strlen(text), MAX_EXCERPT);
	if (text[length] == '\0')
		return text;
	return psprintf("%.*s ...", length, text);
}
