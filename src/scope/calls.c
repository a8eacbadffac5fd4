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
#include "scope/origin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

bool
tg_is_literal(Node *node, Origin origin)
{
	return origin != 0 && (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0 &&
		!tg_is_no_tenant_constant(node) && !tg_is_json_path(node);
}

/*
 * The result may be a literal argument alone: jsonb_build_array(setting,
 * 'acme').  A concatenation is not, until it is taken apart again.
 */
static Origin
made_of(Oid function, bool concatenated, List *args,
		const ProofContext *context, OriginFunction recurse)
{
	int			contents = tg_contents_of(function);
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
			literal |= tg_is_literal(lfirst(lc), one);
		}
		else
			parameters |= one;
	}
	if (concatenated)
		return literal && (content & ORIGIN_SESSION) ?
			content | ORIGIN_CONCAT : content;
	if (recurse == tg_dependencies || list_length(args) < 2)
		return content | parameters;
	if ((content & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0)
	{
		if (parameters & ORIGIN_MAY_KNOW_SESSION)
			content |= ORIGIN_CHOSEN;
	}
	else if (literal || (content & ORIGIN_CONCAT))
		content |= ORIGIN_MIXED;
	return content | (parameters & ~(ORIGIN_LITERAL | ORIGIN_FROZEN |
									 ORIGIN_CONCAT | ORIGIN_FALLBACK |
									 ORIGIN_MIXED));
}

/*
 * current_setting(name, missing_ok): a custom setting, or one of the built-in
 * settings that differ between sessions; data_directory does not.  The second
 * argument is not part of the value, but may have side effects.
 */
static Origin
setting_origin(List *args, const ProofContext *context, OriginFunction recurse)
{
	static const char *const own[] = {
		"role", "session_authorization", "search_path", "application_name"
	};
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
	if (text == NULL || strchr(text, '.') != NULL)
		return origin | ORIGIN_SESSION;
	for (int i = 0; i < (int) lengthof(own); i++)
	{
		if (pg_strcasecmp(text, own[i]) == 0)
			return origin | ORIGIN_SESSION;
	}
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
		case FUNCTION_PLAIN:
		case FUNCTION_CONCAT:
			origin = made_of(function, class == FUNCTION_CONCAT, args, context,
							 recurse);

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
