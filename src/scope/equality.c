/*-------------------------------------------------------------------------
 *
 * equality.c
 *		Which operators are the equality of the tenant column.
 *
 * proof.c asks here whether one side of a comparison is the tenant column and
 * whether the operator really keeps two tenants apart.  The name of an
 * operator says nothing: anybody may create another "=".  What counts is
 * membership in the default btree or hash operator family of the type whose
 * values are compared, which only a superuser can arrange.
 *
 * Notes:
 *
 * 1. A cast of the column is looked through where no two different tenants
 * can become equal by it: uuid to text, integer to bigint, char(n) to text.
 * A relabel to another type is taken off too, but then the operator must still
 * belong to the family of the column's own type: text relabelled as citext and
 * compared by citext's equality takes "Acme" and "acme" for one tenant.
 *
 * 2. Equality under a nondeterministic collation is not the identity of
 * strings either.  Composite types and ranges compare by the collations of
 * what they consist of, and nobody has one as a tenant: they are left alone.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "scope/equality.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/*
 * The comparison that the operator is in the btree or hash family given;
 * either may be InvalidOid.  With neither, any family will do.
 */
static Comparison
comparison_in(Oid operator, Oid btree_family, Oid hash_family)
{
	bool		any = !OidIsValid(btree_family) && !OidIsValid(hash_family);
	Comparison	comparison = COMPARES_NOT;
	CatCList   *members;

	members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(operator));
	for (int i = 0; i < members->n_members; i++)
	{
		Form_pg_amop form = (Form_pg_amop)
			GETSTRUCT(&members->members[i]->tuple);

		if (form->amoppurpose != AMOP_SEARCH)
			continue;
		if (form->amopmethod == BTREE_AM_OID &&
			(any || form->amopfamily == btree_family))
		{
			switch (form->amopstrategy)
			{
				case BTLessStrategyNumber:
					comparison = COMPARES_LESS;
					break;
				case BTLessEqualStrategyNumber:
					comparison = COMPARES_LESS_EQUAL;
					break;
				case BTEqualStrategyNumber:
					comparison = COMPARES_EQUAL;
					break;
				case BTGreaterEqualStrategyNumber:
					comparison = COMPARES_GREATER_EQUAL;
					break;
				case BTGreaterStrategyNumber:
					comparison = COMPARES_GREATER;
					break;
			}
			break;
		}
		if (form->amopmethod == HASH_AM_OID &&
			(any || form->amopfamily == hash_family) &&
			form->amopstrategy == HTEqualStrategyNumber)
		{
			comparison = COMPARES_EQUAL;
			break;
		}
	}
	ReleaseSysCacheList(members);
	return comparison;
}

/*
 * Is equality of this type that of parts, which go by a collation that the
 * operator is not given?
 */
static bool
compares_parts(Oid type)
{
	Oid			element = get_element_type(type);

	switch (get_typtype(OidIsValid(element) ? element : type))
	{
		case TYPTYPE_COMPOSITE:
		case TYPTYPE_RANGE:
		case TYPTYPE_MULTIRANGE:
			return true;
		case TYPTYPE_PSEUDO:
			return type == RECORDOID;
		default:
			return false;
	}
}

/* What the catalogs say of an operator and a type that is no domain. */
static Comparison
look_up_comparison(Oid operator, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type,
											  TYPECACHE_BTREE_OPFAMILY |
											  TYPECACHE_HASH_OPFAMILY);
	Comparison	comparison;
	Oid			negator;

	if ((!OidIsValid(entry->btree_opf) && !OidIsValid(entry->hash_opf)) ||
		compares_parts(type))
		return COMPARES_NOT;

	comparison = comparison_in(operator, entry->btree_opf, entry->hash_opf);
	if (comparison == COMPARES_NOT)
	{
		/*
		 * <> is in no family, but it is the negator of a member; and that
		 * one's negator it must be, too, for anybody may create an operator
		 * and call "=" its negator.
		 */
		negator = get_negator(operator);
		if (OidIsValid(negator) && get_negator(negator) == operator &&
			comparison_in(negator, entry->btree_opf,
						  entry->hash_opf) == COMPARES_EQUAL)
			comparison = COMPARES_UNEQUAL;
	}
	return comparison;
}

Comparison
tg_comparison(Oid operator, Oid type)
{
	static Oid	last_operator = InvalidOid;
	static Oid	last_type = InvalidOid;
	static Comparison last = COMPARES_NOT;
	Comparison	comparison;

	type = tg_base_type(type);
	if (!OidIsValid(type))
		return COMPARES_NOT;
	if (operator == last_operator && type == last_type)
		return last;

	/*
	 * Policies compare the same column by the same operator, which mostly is
	 * PostgreSQL's own.  Of what is pinned this cannot change; to look it up
	 * again after a flood of invalidations is a third of a conclusion.
	 */
	comparison = look_up_comparison(operator, type);
	if (operator < FirstUnpinnedObjectId && type < FirstUnpinnedObjectId)
	{
		last_operator = operator;
		last_type = type;
		last = comparison;
	}
	return comparison;
}

Comparison
tg_commute(Comparison comparison)
{
	switch (comparison)
	{
		case COMPARES_LESS:
			return COMPARES_GREATER;
		case COMPARES_LESS_EQUAL:
			return COMPARES_GREATER_EQUAL;
		case COMPARES_GREATER_EQUAL:
			return COMPARES_LESS_EQUAL;
		case COMPARES_GREATER:
			return COMPARES_LESS;
		default:
			return comparison;
	}
}

bool
tg_is_some_equality(Oid operator)
{
	return comparison_in(operator, InvalidOid, InvalidOid) == COMPARES_EQUAL;
}

bool
tg_is_deterministic_collation(Oid collation)
{
	HeapTuple	tuple;
	Form_pg_collation form;
	bool		deterministic;

	/* The database's own is deterministic, whatever its locale */
	if (!OidIsValid(collation) || collation == DEFAULT_COLLATION_OID)
		return true;
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_collation) GETSTRUCT(tuple);
	deterministic = form->collisdeterministic;
	ReleaseSysCache(tuple);
	return deterministic;
}

/* Has the type an output function that writes different values differently? */
static bool
writes_unambiguously(Oid type)
{
	switch (type)
	{
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

bool
tg_is_lossless(Oid function)
{
	switch (function)
	{
		case F_INT8_INT4:
		case F_INT8_INT2:
		case F_INT4_INT2:
		case F_INT4_INT8:		/* out of range is an error */
		case F_INT2_INT4:
		case F_INT2_INT8:
		case F_NUMERIC_INT2:
		case F_NUMERIC_INT4:
		case F_NUMERIC_INT8:
		case F_FLOAT8_INT2:
		case F_FLOAT8_INT4:
		case F_INT8_OID:
		case F_TEXT_NAME:
		case F_TEXT_BPCHAR:		/* drops blanks that char(n) ignores */
			return true;
		default:
			return false;
	}
}

/*
 * What is under a lossless conversion, NULL if the expression is none.  *type
 * is what it converts to.  Where *trims is set, the conversion is lossless
 * only for a column that is char(n): a text column that is only called so
 * minds its blanks.
 */
static Node *
under_conversion(Node *node, Oid *type, bool *trims)
{
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *expr = (CoerceViaIO *) node;

		if ((expr->resulttype != TEXTOID && expr->resulttype != VARCHAROID) ||
			!writes_unambiguously(tg_base_type(tg_expression_type((Node *) expr->arg))))
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

Var *
tg_as_column(Node *node)
{
	bool		trims = false;
	Oid			type;

	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL)
			return NULL;
		if (IsA(node, Var))
			return trims && tg_base_type(((Var *) node)->vartype) !=
				BPCHAROID ? NULL : (Var *) node;
		if (IsA(node, NullIfExpr))
			node = linitial(((NullIfExpr *) node)->args);
		else
			node = under_conversion(node, &type, &trims);
	}
}

bool
tg_is_tenant_column(Node *node, const ProofContext *context, bool or_null, Oid *type)
{
	Oid			tenant_type = tg_base_type(context->facts->tenant->type);
	ProofContext		inner = *context;
	Oid			converted = InvalidOid;
	bool		trims = false;

	check_stack_depth();
	for (;;)
	{
		Node	   *under;
		Oid			to;

		node = tg_strip(node);
		if (node == NULL)
			return false;
		if (IsA(node, Var))
		{
			if (!tg_is_tenant_var((Var *) node, &inner) ||
				(trims && tenant_type != BPCHAROID))
				return false;
			*type = OidIsValid(converted) ? converted : tenant_type;
			return OidIsValid(*type);
		}
		else if ((under = under_conversion(node, &to, &trims)) != NULL)
		{
			/* They are met from the outside in: the outermost one decides. */
			if (!OidIsValid(converted))
				converted = to;
			node = under;
		}
		else if (IsA(node, NullIfExpr) && or_null)
			node = linitial(((NullIfExpr *) node)->args);
		else if (IsA(node, CoalesceExpr) && context->facts->tenant->not_null)
		{
			/* where the first argument can't be NULL, it is the value */
			node = linitial(((CoalesceExpr *) node)->args);
			or_null = false;
		}
		else if (IsA(node, SubLink) &&
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
				return false;
			inner = tg_enter_query(&inner, query);
			node = (Node *) linitial_node(TargetEntry,
										  query->targetList)->expr;
		}
		else
			return false;
	}
}
