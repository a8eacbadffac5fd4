/*-------------------------------------------------------------------------
 *
 * calls.c
 *		Where the result of a function or an operator comes from.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "scope/origin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

bool
tg_is_literal(Node *node, Origin origin)
{
	return origin != 0 && tg_is_only_literal(origin) &&
		!tg_is_no_tenant_constant(node) && !tg_is_json_path(node);
}

/*
 * Is this a prefix such as 'org_', or a suffix, that is no tenant by itself?
 * The concatenation is just this if the setting is ''.
 */
static bool
is_affix(Node *node, bool suffix)
{
	char	   *text = tg_constant_text(node);

	return text != NULL && text[0] != '\0' &&
		strchr("_-:/.|#@,", text[suffix ? 0 : strlen(text) - 1]) != NULL;
}

static Origin
concatenation_origin(List *args, const ProofContext *context,
					 OriginFunction recurse)
{
	Origin		origin = 0;
	bool		literal = false;
	bool		alone = false;
	ListCell   *lc;

	foreach(lc, args)
	{
		Origin		one = recurse(lfirst(lc), context);

		origin |= one;
		if (tg_is_literal(lfirst(lc), one))
		{
			literal = true;
			alone |= !is_affix(lfirst(lc), foreach_current_index(lc) > 0);
		}
	}
	if (recurse == tg_dependencies || !literal || tg_is_only_literal(origin))
		return origin;
	return origin | ORIGIN_CONCAT |
		(alone || (origin & ORIGIN_CUT) ? ORIGIN_MIXED : 0);
}

/* Does the JSON that is made of a value contain the names of columns? */
static bool
has_column_names(Node *node)
{
	Oid			type = tg_expression_type(node);
	Oid			element = OidIsValid(type) ? get_element_type(type) : InvalidOid;

	if (OidIsValid(element))
		type = element;
	type = tg_base_type(type);
	return !OidIsValid(type) || type_is_rowtype(type) ||
		type == RECORDARRAYOID;
}

static bool
makes_json(Oid function)
{
	switch (function)
	{
		case F_ARRAY_TO_JSON_ANYARRAY:
		case F_JSONB_BUILD_ARRAY_ANY:
		case F_JSON_BUILD_ARRAY_ANY:
		case F_TO_JSON:
		case F_TO_JSONB:
			return true;
		default:
			return false;
	}
}

Origin
tg_made_origin(Origin contents, bool literal, Origin parameters)
{
	if (tg_is_only_literal(contents))
	{
		if (parameters & ORIGIN_MAY_CHOOSE)
			contents |= ORIGIN_CHOSEN;
	}
	else if (literal)
		contents |= ORIGIN_MIXED;
	return contents | (parameters & ~(ORIGIN_LITERAL | ORIGIN_FROZEN |
									  ORIGIN_CONCAT | ORIGIN_FALLBACK |
									  ORIGIN_MIXED | ORIGIN_CUT));
}

/* The result may be a literal argument alone: concat(setting, 'acme'). */
static Origin
made_of(Oid function, List *args, const ProofContext *context,
		OriginFunction recurse)
{
	const KeepingFunction *known = tg_find_keeping_function(function);
	int			contents = known != NULL ? known->contents : ~0;
	Origin		content = 0;
	Origin		parameters = 0;
	bool		literal = false;
	ListCell   *lc;

	foreach(lc, args)
	{
		Origin		one = recurse(lfirst(lc), context);

		if ((contents >> Min(foreach_current_index(lc), 30)) & 1)
		{
			content |= one;
			literal |= tg_is_literal(lfirst(lc), one) ||
				(makes_json(function) && has_column_names(lfirst(lc)));
		}
		else
			parameters |= one;
	}
	if (recurse == tg_dependencies)
		return content | parameters;
	if (!tg_is_only_literal(content))
	{
		if (known == NULL)
			return content | ORIGIN_CHOSEN;
		if (known->cuts)
			content = tg_parts_origin(content) | ORIGIN_CUT;
	}
	return tg_made_origin(content, literal, parameters);
}

/* What the functions of a user's aggregate may do. */
static Origin
aggregate_effects(Oid aggregate, const ProofContext *context)
{
	Origin		origin = 0;
	ListCell   *lc;

	foreach(lc, tg_aggregate_functions(aggregate))
		origin |= tg_function_origin(lfirst_oid(lc), NIL, context,
									 tg_dependencies);
	return origin & (ORIGIN_SIDE_EFFECTS | ORIGIN_RANDOM);
}

Origin
tg_aggregate_origin(Oid function, List *args, List *parameters,
					const ProofContext *context, OriginFunction recurse)
{
	Origin		origin = 0;
	Origin		chosen_by = tg_list_origin(parameters, context,
										   tg_dependencies);
	bool		literal = false;
	ListCell   *lc;

	foreach(lc, args)
	{
		Node	   *arg = (Node *) lfirst(lc);
		Origin		one = recurse(arg, context);

		origin |= one;
		literal |= tg_is_literal(arg, one) || has_column_names(arg);
	}
	if (function >= FirstGenbkiObjectId)
	{
		origin |= chosen_by | ORIGIN_OPAQUE |
			aggregate_effects(function, context);
		return recurse == tg_dependencies ? origin : origin | ORIGIN_UNKNOWN;
	}
	if (recurse == tg_dependencies)
		origin |= chosen_by;
	else if (tg_returns_an_argument(function))
		origin = tg_made_origin(origin, literal, chosen_by);
	else
		origin |= chosen_by | ORIGIN_CHOSEN;
	return origin != 0 ? origin : ORIGIN_UNKNOWN;	/* count(*), rank() */
}

/*
 * current_setting(name, missing_ok).  The second argument is not part of the
 * value, but may have side effects.
 */
static Origin
setting_origin(List *args, const ProofContext *context, OriginFunction recurse)
{
	char	   *text;
	Origin		origin;

	if (args == NIL)
		return ORIGIN_SESSION;
	text = tg_constant_text(linitial(args));
	origin = tg_list_origin(list_copy_tail(args, 1), context, tg_dependencies);
	if (origin & (ORIGIN_TENANT | ORIGIN_ROW))
		origin |= ORIGIN_OPAQUE;
	origin |= recurse(linitial(args), context);
	origin &= ~ORIGIN_LITERAL;
	if (recurse == tg_dependencies ||
		(text != NULL && tg_is_session_setting(text)))
		return origin | ORIGIN_SESSION;
	return origin | ORIGIN_UNKNOWN;
}

Origin
tg_function_origin(Oid function, List *args, const ProofContext *context,
				   OriginFunction recurse)
{
	FunctionClass class = function < FirstGenbkiObjectId ?
		tg_classify_function(function) : FUNCTION_UNKNOWN;
	Origin		origin;
	HeapTuple	tuple;
	char		volatility;

	switch (class)
	{
		case FUNCTION_SETTING:
			return setting_origin(args, context, recurse);
		case FUNCTION_MEASURE:
			origin = tg_list_origin(args, context, recurse);
			return recurse == tg_dependencies ? origin :
				tg_counter_origin(origin);
		case FUNCTION_CONCAT:
			origin = concatenation_origin(args, context, recurse);
			return origin != 0 ? origin : ORIGIN_LITERAL;
		case FUNCTION_PLAIN:
			origin = made_of(function, args, context, recurse);

			/* now(), version(), current_database() */
			return origin != 0 ? origin : ORIGIN_LITERAL;
		default:
			break;
	}

	origin = tg_list_origin(args, context, recurse);
	switch (class)
	{
		case FUNCTION_SESSION:
			return origin | ORIGIN_SESSION;
		case FUNCTION_ENVIRONMENT:
			return origin | ORIGIN_SESSION |
				(recurse == tg_dependencies ? 0 : ORIGIN_CHOSEN);
		case FUNCTION_SET_CONFIG:
			return origin | ORIGIN_SET_CONFIG;
		case FUNCTION_RANDOM:
			return origin | ORIGIN_RANDOM;
		case FUNCTION_VOLATILE:
			return origin | ORIGIN_VOLATILE;
		default:
			break;
	}

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return origin | ORIGIN_UNKNOWN;
	volatility = ((Form_pg_proc) GETSTRUCT(tuple))->provolatile;
	ReleaseSysCache(tuple);

	if (origin & (ORIGIN_TENANT | ORIGIN_ROW | ORIGIN_TABLE | ORIGIN_RLS_TABLE))
		origin |= ORIGIN_OPAQUE;
	if (volatility == PROVOLATILE_VOLATILE)
		return origin | ORIGIN_VOLATILE;

	/*
	 * The planner may replace a call of an IMMUTABLE function by its value,
	 * and a cached plan may serve another tenant later.
	 */
	if (volatility == PROVOLATILE_IMMUTABLE)
		return (origin & ~ORIGIN_LITERAL) != 0 ? origin :
			ORIGIN_LITERAL | ORIGIN_FROZEN;
	if (origin & ORIGIN_OPAQUE)
		return origin;
	return (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) | ORIGIN_SESSION;
}

Origin
tg_operator_origin(Oid operator, List *args, const ProofContext *context,
				   OriginFunction recurse)
{
	HeapTuple	tuple;
	Oid			function;

	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		return tg_list_origin(args, context, recurse) | ORIGIN_UNKNOWN;
	function = ((Form_pg_operator) GETSTRUCT(tuple))->oprcode;
	ReleaseSysCache(tuple);
	return tg_function_origin(function, args, context, recurse);
}
