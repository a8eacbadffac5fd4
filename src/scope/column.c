/*-------------------------------------------------------------------------
 *
 * column.c
 *		Is an expression the tenant column, or another column?
 *
 * Casts are ignored if they keep different tenants different: uuid to
 * text, integer to bigint, char(n) to text.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "scope/nodes.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

bool
tg_writes_unambiguously(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case NAMEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case UUIDOID:
		case BOOLOID:
		case DATEOID:
			return true;
		default:
			return get_typtype(type) == TYPTYPE_ENUM;
	}
}

/*
 * The argument of a lossless cast, or NULL.  *type is the result type of the
 * cast.  If *trims is set, the cast is lossless only for a char(n) column: a
 * text column keeps the trailing blanks that the cast drops.
 */
static Node *
under_conversion(Node *node, Oid *type, bool *trims)
{
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *expr = (CoerceViaIO *) node;

		if ((expr->resulttype != TEXTOID && expr->resulttype != VARCHAROID) ||
			!tg_writes_unambiguously(tg_base_type(tg_expression_type((Node *) expr->arg))))
			return NULL;
		*type = TEXTOID;
		return (Node *) expr->arg;
	}
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *expr = (FuncExpr *) node;

		if (!tg_is_lossless(expr->funcid))
			return NULL;
		if (expr->funcid == F_TEXT_BPCHAR)
			*trims = true;
		*type = expr->funcresulttype;
		return linitial(expr->args);
	}
	return NULL;
}

/*
 * The column below lossless casts and NULLIF, or NULL.  *type is the type whose
 * equality tells its values apart.  If *inner is a proof's context, looks also
 * for the tenant column below COALESCE and (SELECT column), and leaves in
 * *inner where that column stands.
 */
static Var *
find_column(Node *node, ProofContext *inner, bool or_null, Oid *type)
{
	Oid			converted = InvalidOid;
	bool		trims = false;

	for (;;)
	{
		Node	   *under;
		Oid			to;

		node = tg_strip(node);
		if (node == NULL)
			return NULL;
		if (IsA(node, Var))
		{
			*type = tg_base_type(((Var *) node)->vartype);
			if (trims && *type != BPCHAROID)
				return NULL;
			if (OidIsValid(converted))
				*type = converted;
			return (Var *) node;
		}
		if ((under = under_conversion(node, &to, &trims)) != NULL)
		{
			/* The outermost cast decides. */
			if (!OidIsValid(converted))
				converted = to;
			node = under;
		}
		else if (IsA(node, NullIfExpr) && or_null)
			node = linitial(((NullIfExpr *) node)->args);
		else if (inner != NULL && IsA(node, CoalesceExpr) &&
				 inner->facts->tenant->not_null)
		{
			/* if the first argument can't be NULL, it is the value */
			node = linitial(((CoalesceExpr *) node)->args);
			or_null = false;
		}
		else if (inner != NULL && IsA(node, SubLink) &&
				 ((SubLink *) node)->subLinkType == EXPR_SUBLINK)
		{
			/* (SELECT organization_id) */
			Query	   *query = (Query *) ((SubLink *) node)->subselect;

			if (query->setOperations != NULL ||
				query->jointree->fromlist != NIL ||
				query->hasAggs || query->hasTargetSRFs ||
				(!or_null && (query->jointree->quals != NULL ||
							  query->havingQual != NULL ||
							  query->limitCount != NULL ||
							  query->limitOffset != NULL)))
				return NULL;
			*inner = tg_enter_query(inner, query);
			node = (Node *) linitial_node(TargetEntry,
										  query->targetList)->expr;
		}
		else
			return NULL;
	}
}

Var *
tg_as_column(Node *node, Oid *type)
{
	return find_column(node, NULL, true, type);
}

bool
tg_is_tenant_column(Node *node, const ProofContext *context, bool or_null,
					Oid *type)
{
	ProofContext inner = *context;
	Var		   *var = find_column(node, &inner, or_null, type);

	return var != NULL && tg_is_tenant_var(var, &inner) && OidIsValid(*type);
}
