/*-------------------------------------------------------------------------
 *
 * equality.c
 *		Which operators and casts keep different values different.
 *
 * The name of an operator proves nothing: anybody may create another "=".
 * What counts is membership in the default btree or hash operator family of
 * the type that is compared; only a superuser can change that.
 *
 * A relabel to another type is ignored, but then the operator must belong to
 * the family of the column's own type: citext's equality takes "Acme" and
 * "acme" for the same tenant.  Under a nondeterministic collation, equal
 * strings need not be identical.  Composite types and ranges compare by the
 * collations of their parts; nobody uses one as a tenant, so they are not
 * supported.
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
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "scope/nodes.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/*
 * How the operator compares in these operator families; either may be
 * InvalidOid.
 */
static Comparison
comparison_in(Oid operator, Oid btree_family, Oid hash_family)
{
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
			form->amopfamily == btree_family)
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
			form->amopfamily == hash_family &&
			form->amopstrategy == HTEqualStrategyNumber)
		{
			comparison = COMPARES_EQUAL;
			break;
		}
	}
	ReleaseSysCacheList(members);
	return comparison;
}

/* Does equality of the type go by collations of its parts? */
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

/* "type" is not a domain. */
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
		 * <> is in no family, but is the negator of a member.  The member
		 * must name it as its negator, too: anybody may create an operator
		 * with "=" as its negator.
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
	 * Most policies of a table use the same built-in operator, and the answer
	 * for pinned objects cannot change.  Looking it up again after many
	 * invalidations takes a third of a verdict.
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

bool
tg_boolean_comparison(Oid operator, Comparison *comparison)
{
	switch (operator)
	{
		case BooleanEqualOperator:
			*comparison = COMPARES_EQUAL;
			return true;
		case BooleanNotEqualOperator:
			*comparison = COMPARES_UNEQUAL;
			return true;
		default:
			if (get_opcode(operator) >= FirstGenbkiObjectId)
				return false;
			*comparison = tg_comparison(operator, BOOLOID);
			return *comparison != COMPARES_NOT;
	}
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
tg_comparison_holds(Comparison comparison, int order)
{
	switch (comparison)
	{
		case COMPARES_EQUAL:
			return order == 0;
		case COMPARES_UNEQUAL:
			return order != 0;
		case COMPARES_LESS:
			return order < 0;
		case COMPARES_LESS_EQUAL:
			return order <= 0;
		case COMPARES_GREATER_EQUAL:
			return order >= 0;
		case COMPARES_GREATER:
			return order > 0;
		default:
			return false;
	}
}

bool
tg_is_deterministic_collation(Oid collation)
{
	HeapTuple	tuple;
	Form_pg_collation form;
	bool		deterministic;

	/* The default collation of a database is deterministic */
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
