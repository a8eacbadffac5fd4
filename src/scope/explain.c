/*-------------------------------------------------------------------------
 *
 * explain.c
 *		The reason for a conclusion, in words.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

typedef struct FunctionWalk
{
	Origin		origin;
	Oid			function;
	bool		of_columns;		/* is the function given any column? */
} FunctionWalk;

static bool
has_column(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (IsA(node, Var))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_column, unused, 0);
	return expression_tree_walker(node, has_column, unused);
}

static bool
find_function_behind(Node *node, FunctionWalk *walk)
{
	Oid			function = InvalidOid;

	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_function_behind, walk, 0);
	if (IsA(node, FuncExpr))
		function = ((FuncExpr *) node)->funcid;
	else if (IsA(node, OpExpr))
		function = get_opcode(((OpExpr *) node)->opno);
	if (OidIsValid(function))
	{
		ProofBudget budget = {.steps = PROOF_BUDGET_SINGLE};
		ProofContext nowhere = {.budget = &budget};
		Origin		origin = tg_function_origin(function, NIL, &nowhere,
												tg_dependencies);

		if ((origin & walk->origin) ||
			((walk->origin & ORIGIN_OPAQUE) &&
			 function >= FirstGenbkiObjectId))
		{
			walk->function = function;
			walk->of_columns = expression_tree_walker(node, has_column, NULL);
			return true;
		}
	}
	return expression_tree_walker(node, find_function_behind, (void *) walk);
}

/*
 * The name of a function in the expression that has one of these flags, or
 * NULL.
 */
static char *
function_name(const Conclusion *conclusion, Origin origin)
{
	FunctionWalk walk = {origin, InvalidOid, false};

	(void) find_function_behind(conclusion->arm, &walk);
	return OidIsValid(walk.function) ? get_func_name(walk.function) : NULL;
}

char *
tg_forgotten_stable(const Conclusion *conclusion)
{
	FunctionWalk walk = {ORIGIN_VOLATILE, InvalidOid, false};

	if (conclusion->reason != REASON_VOLATILE)
		return NULL;
	(void) find_function_behind(conclusion->arm, &walk);
	if (walk.function < FirstNormalObjectId || walk.of_columns)
		return NULL;
	return format_procedure_extended(walk.function,
									 FORMAT_PROC_INVALID_AS_NULL | FORMAT_PROC_FORCE_QUALIFY);
}

char *
tg_explain(const Conclusion *conclusion, const ProofContext *context)
{
	const char *column = quote_identifier(context->facts->tenant->name);
	const char *what = conclusion->in_or ? _("this OR arm") :
		_("the expression");
	char	   *function;
	char	   *stable;

	switch (conclusion->reason)
	{
		case REASON_NONE:
			return pstrdup("");
		case REASON_ALWAYS:
			return psprintf(_("%s is true for every row"), what);
		case REASON_NOT_MENTIONED:
			return psprintf(_("%s does not mention %s"), what, column);
		case REASON_SESSION_ONLY:
			return psprintf(_("%s depends only on the session and does not mention %s"),
							what, column);
		case REASON_OTHER_COLUMN:
			return psprintf(_("%s compares %s with another column of the row"),
							what, column);
		case REASON_ITSELF:
			return psprintf(_("%s can compare %s with itself"), what, column);
		case REASON_LITERAL:
			return psprintf(_("%s compares %s with a value that is the same in every session"),
							what, column);
		case REASON_FROZEN:
			function = function_name(conclusion, ORIGIN_FROZEN);
			return psprintf(_("function %s is IMMUTABLE, so a cached plan may use its value for another tenant"),
							function ? quote_identifier(function) : "");
		case REASON_SET_CONFIG:
			return psprintf(_("%s changes a setting while rows are read"),
							what);
		case REASON_RANDOM:
			return psprintf(_("%s compares %s with a volatile value, not with one from the session"),
							what, column);
		case REASON_MEMBER:
			return psprintf(_("%s admits a literal tenant in every session"),
							what);
		case REASON_SAME_SET:
			return psprintf(_("%s compares %s with a sub-select that returns the same rows in every session"),
							what, column);
		case REASON_LOOSE_SET:
			return psprintf(_("the sub-select has an OR arm that admits all of its rows"));
		case REASON_NO_SESSION:
			return psprintf(_("%s mentions %s, but does not compare it with a value from the session"),
							what, column);
		case REASON_NULL_ROWS:
			return psprintf(_("%s admits rows whose %s is NULL"), what,
							column);
		case REASON_UNEQUAL:
			return psprintf(_("%s admits rows whose %s differs from the session's value"),
							what, column);
		case REASON_ORDER:
			return psprintf(_("%s compares %s by order, not by equality"),
							what, column);
		case REASON_NOT_TRUE:
			return psprintf(_("%s admits rows for which the comparison of %s is false or NULL, as when the setting is unset"),
							what, column);
		case REASON_EMPTY_SET:
			return psprintf(_("%s is true for every row if the set is empty"),
							what);
		case REASON_OPAQUE:
			function = function_name(conclusion, ORIGIN_OPAQUE);
			if (function != NULL)
				return psprintf(_("%s depends on what function %s does with the row"),
								what, quote_identifier(function));
			return psprintf(_("%s depends on what a sub-select does with the row"),
							what);
		case REASON_CORRELATED:
			return psprintf(_("%s depends on a sub-select that is correlated with the row"),
							what);
		case REASON_OTHER_TABLE:
			return psprintf(_("%s does not mention %s, but depends on the rows of another table"),
							what, column);
		case REASON_NEW_ROW:
			return psprintf(_("%s checks a new row by its other columns and does not mention %s, so the row can be of any tenant"),
							what, column);
		case REASON_TIED:
			return psprintf(_("%s does not mention %s, which is tied to the columns that it checks"),
							what, column);
		case REASON_OWN_ROW:
			return psprintf(_("%s does not mention %s: at best, the row is the session user's own, of whatever tenant"),
							what, column);
		case REASON_OWN_SET:
			return psprintf(_("%s does not mention %s: the row is one of those that the session names, of whatever tenant"),
							what, column);
		case REASON_THROUGH_COLUMN:
			return psprintf(_("%s ties %s to the session only through another column"),
							what, column);
		case REASON_NOT_EQUALITY:
			return psprintf(_("%s does not test %s itself for equality"),
							what, column);
		case REASON_LOOSE:
			return psprintf(_("%s compares a pattern or a part of %s, which several tenants can pass in one session"),
							what, column);
		case REASON_COLLATION:
			return psprintf(_("%s compares %s under a nondeterministic collation"),
							what, column);
		case REASON_VOLATILE:
			function = function_name(conclusion, ORIGIN_VOLATILE);
			stable = tg_forgotten_stable(conclusion);
			if (function != NULL && stable != NULL)
				return psprintf(_("function %s is VOLATILE, so its value may change from row to row; if it only reads, ALTER FUNCTION %s STABLE settles this"),
								quote_identifier(function), stable);
			if (function != NULL)
				return psprintf(_("function %s is VOLATILE, so its value may change from row to row"),
								quote_identifier(function));
			return psprintf(_("%s calls a function that may change the session, through a domain or a view"),
							what);
		case REASON_UNKNOWN:
			return psprintf(_("%s compares %s with a value that may not come from the session"),
							what, column);
		case REASON_TOO_DEEP:
			return psprintf(_("%s is too large or too deeply nested to be proven"),
							what);
		case REASON_FALLBACK:
			return psprintf(_("%s falls back to a literal tenant if the session has none"),
							what);
		case REASON_MIXED:
			return psprintf(_("%s compares %s with a value that may consist of a literal tenant alone"),
							what, column);
		case REASON_CHOSEN:
			return psprintf(_("%s compares %s with a literal that the session chooses, or with a count or a measure"),
							what, column);
		case REASON_RLS_SET:
			return psprintf(_("%s depends on the row-level security of a table in a sub-select"),
							what);
		case REASON_UNBOUND_SET:
			return psprintf(_("%s compares %s with a sub-select whose rows are not tied to the session by an equality"),
							what, column);
	}
	return pstrdup("");
}
