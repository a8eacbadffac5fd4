/*-------------------------------------------------------------------------
 *
 * nulls.c
 *		Which expressions are never NULL, or NULL at the same time.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "scope/nodes.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Is it a column of the policy's row that is NOT NULL, also in the rows of
 * inheritance children?
 */
static bool
is_not_null_column(const Var *var, const ProofContext *context)
{
	const RelationFacts *facts = context->facts;
	const ColumnFacts *column;

	if (facts == NULL || !tg_is_row_var(var, context))
		return false;
	if (var->varattno == facts->tenant->attnum)
		return facts->tenant->not_null;
	column = tg_find_column(facts, var->varattno);
	return column != NULL && column->not_null &&
		!(facts->kind == RELKIND_RELATION && facts->may_have_children);
}

/* Input and output functions of built-in types return NULL only for NULL. */
static bool
keeps_null(const CoerceViaIO *cast)
{
	return tg_base_type(cast->resulttype) < FirstGenbkiObjectId &&
		tg_base_type(tg_expression_type((Node *) cast->arg)) <
		FirstGenbkiObjectId;
}

/* Without missing_ok, current_setting() returns a string or fails. */
static bool
is_setting_or_error(FuncExpr *expr, const ProofContext *context)
{
	Const	   *missing_ok;

	if (!tg_is_never_null(linitial(expr->args), context))
		return false;
	if (expr->funcid == F_CURRENT_SETTING_TEXT)
		return true;
	missing_ok = (Const *) tg_strip(lsecond(expr->args));
	return IsA(missing_ok, Const) && !missing_ok->constisnull &&
		!DatumGetBool(missing_ok->constvalue);
}

static bool
is_never_null_call(FuncExpr *expr, const ProofContext *context)
{
	switch (expr->funcid)
	{
		case F_CURRENT_SETTING_TEXT:
		case F_CURRENT_SETTING_TEXT_BOOL:
			return is_setting_or_error(expr, context);
		case F_ERROR_ON_NULL:
		case F_CURRENT_USER:
		case F_SESSION_USER:
			return true;
		default:
			return tg_is_lossless(expr->funcid) &&
				tg_is_never_null(linitial(expr->args), context);
	}
}

/*
 * Literals, NOT NULL columns, COALESCE(anything, literal), count(), EXISTS, and
 * casts of these that return NULL only for NULL.  Most functions, including
 * casts, may return NULL for any argument: ('infinity'::timestamp)::time is
 * NULL.
 */
bool
tg_is_never_null(Node *node, const ProofContext *context)
{
	List	   *args = NIL;
	ListCell   *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	node = tg_strip(node);
	if (node == NULL)
		return false;
	if (IsA(node, Const))
		return !((Const *) node)->constisnull;
	if (IsA(node, Var))
		return is_not_null_column((Var *) node, context);
	if (IsA(node, CoerceViaIO))
		return keeps_null((CoerceViaIO *) node) &&
			tg_is_never_null((Node *) ((CoerceViaIO *) node)->arg, context);
	if (IsA(node, FuncExpr))
		return is_never_null_call((FuncExpr *) node, context);
	if (IsA(node, SQLValueFunction))
		return ((SQLValueFunction *) node)->op != SVFOP_CURRENT_SCHEMA;
	if (IsA(node, Aggref))
		return ((Aggref *) node)->aggfnoid == F_COUNT_ ||
			((Aggref *) node)->aggfnoid == F_COUNT_ANY;
	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		Query	   *query = castNode(Query, sublink->subselect);
		ProofContext inner;

		if (sublink->subLinkType != EXPR_SUBLINK)
			return sublink->subLinkType == EXISTS_SUBLINK ||
				sublink->subLinkType == ARRAY_SUBLINK;
		if (!tg_always_yields(query))
			return false;
		inner = tg_enter_query(context, query);
		return tg_is_never_null((Node *) linitial_node(TargetEntry,
													   query->targetList)->expr,
								&inner);
	}
	if (IsA(node, CoalesceExpr))
		args = ((CoalesceExpr *) node)->args;
	else if (IsA(node, MinMaxExpr))
		args = ((MinMaxExpr *) node)->args;

	/* these skip NULL arguments */
	foreach(lc, args)
	{
		if (tg_is_never_null(lfirst(lc), context))
			return true;
	}
	return false;
}

static bool
is_volatile(Oid function)
{
	HeapTuple	tuple;
	bool		result = true;

	/* spares most policies the lookup */
	if (function == F_CURRENT_SETTING_TEXT ||
		function == F_CURRENT_SETTING_TEXT_BOOL)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_proc) GETSTRUCT(tuple))->provolatile ==
			PROVOLATILE_VOLATILE;
		ReleaseSysCache(tuple);
	}
	return result;
}

static bool is_fixed(Node *node, const ProofContext *context, bool columns);

static bool
are_fixed(List *nodes, const ProofContext *context, bool columns)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		if (!is_fixed(lfirst(lc), context, columns))
			return false;
	}
	return true;
}

/*
 * Has the expression one value for each row, wherever in the policy it stands?
 * "columns": may it contain columns of the policy's row?  In a sub-select, a Var
 * that looks the same is another column.
 */
static bool
is_fixed(Node *node, const ProofContext *context, bool columns)
{
	check_stack_depth();
	if (node == NULL || !tg_spend(context->budget, 1))
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
			return true;
		case T_SQLValueFunction:
			return true;
		case T_Var:
			return columns && ((Var *) node)->varlevelsup == 0 &&
				((Var *) node)->varattno != 0;
		case T_RelabelType:
			return is_fixed((Node *) ((RelabelType *) node)->arg, context,
							columns);
		case T_CoerceViaIO:
			return keeps_null((CoerceViaIO *) node) &&
				is_fixed((Node *) ((CoerceViaIO *) node)->arg, context,
						 columns);
		case T_FuncExpr:
			return !is_volatile(((FuncExpr *) node)->funcid) &&
				!((FuncExpr *) node)->funcretset &&
				are_fixed(((FuncExpr *) node)->args, context, columns);
		case T_OpExpr:
		case T_NullIfExpr:
			return !is_volatile(get_opcode(((OpExpr *) node)->opno)) &&
				are_fixed(((OpExpr *) node)->args, context, columns);
		case T_CoalesceExpr:
			return are_fixed(((CoalesceExpr *) node)->args, context, columns);
		default:
			return false;
	}
}

Node *
tg_null_core(Node *node, const ProofContext *context)
{
	bool		columns = context->queries == NIL;
	Node	   *value;

	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL || IsA(node, Const))
			return NULL;
		if (IsA(node, CoerceViaIO) && keeps_null((CoerceViaIO *) node))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) &&
				 tg_is_lossless(((FuncExpr *) node)->funcid))
			node = linitial(((FuncExpr *) node)->args);
		else if (IsA(node, SubLink) &&
				 (value = tg_bare_select((SubLink *) node)) != NULL)
		{
			columns = false;
			node = value;
		}
		else
			return is_fixed(node, context, columns) ? node : NULL;
	}
}
