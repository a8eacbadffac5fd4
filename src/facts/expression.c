/*-------------------------------------------------------------------------
 *
 * expression.c
 *		Questions about expressions whose objects may be gone.
 *
 * What a policy said before the transaction is read when the transaction may
 * have dropped the types and functions that it names; and an audit locks
 * nothing, so that others may drop them meanwhile.  Some of PostgreSQL's
 * functions that answer questions about expressions fail there.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "utils/syscache.h"

/*
 * exprType() knows everything from the tree itself, but for the array type of
 * a sub-select's column.
 */
Oid
tg_expression_type(Node *node)
{
	for (;;)
	{
		if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else if (IsA(node, NamedArgExpr))
			node = (Node *) ((NamedArgExpr *) node)->arg;
		else if (IsA(node, SubLink))
		{
			SubLink    *sublink = (SubLink *) node;
			Query	   *query;

			if (sublink->subLinkType == ARRAY_SUBLINK)
				return InvalidOid;
			if (sublink->subLinkType != EXPR_SUBLINK)
				return BOOLOID;
			query = castNode(Query, sublink->subselect);
			node = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
		}
		else
			return exprType(node);
	}
}

Oid
tg_base_type(Oid type)
{
	for (;;)
	{
		HeapTuple	tuple;
		Form_pg_type form;
		Oid			base = InvalidOid;
		bool		usable;

		tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		if (!HeapTupleIsValid(tuple))
			return InvalidOid;
		form = (Form_pg_type) GETSTRUCT(tuple);
		usable = form->typisdefined;
		if (form->typtype == TYPTYPE_DOMAIN)
			base = form->typbasetype;
		ReleaseSysCache(tuple);
		if (!usable)
			return InvalidOid;
		if (!OidIsValid(base))
			return type;
		type = base;
	}
}

static bool
type_exists(Oid type)
{
	return OidIsValid(type) &&
		SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type));
}

bool
tg_check_functions_in_node(Node *node, check_function_callback checker,
						   void *context)
{
	/* Only the type tells which functions read and write its values */
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *cast = (CoerceViaIO *) node;

		if (!type_exists(cast->resulttype) ||
			!type_exists(tg_expression_type((Node *) cast->arg)))
			return false;
	}
	return check_functions_in_node(node, checker, context);
}
