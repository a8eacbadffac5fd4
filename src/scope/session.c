/*-------------------------------------------------------------------------
 *
 * session.c
 *		Which functions and constants tell one session from another.
 *
 * What is known about a function of PostgreSQL's own is known by its OID.  Of
 * a user's function nothing is known but its declared volatility, and whether
 * it is given something of the row.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "scope/equality.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

/* What we know of one of PostgreSQL's own functions. */
typedef enum FunctionClass
{
	FUNCTION_PLAIN,				/* its value depends on its arguments */
	FUNCTION_SETTING,			/* current_setting() */
	FUNCTION_SESSION,			/* reads who or where the session is */
	FUNCTION_SET_CONFIG,				/* set_config() */
	FUNCTION_RANDOM,			/* volatile, but does nothing that matters */
	FUNCTION_CONCAT,				/* concatenates */
	FUNCTION_MEASURE,			/* counts or classifies its argument */
	FUNCTION_VOLATILE,
	FUNCTION_UNKNOWN
} FunctionClass;

/* The text of a constant of a string type, or NULL. */
static char *
constant_text(Node *node)
{
	Const	   *constant;

	node = tg_strip(node);
	while (node != NULL && IsA(node, CoerceViaIO))
		node = tg_strip((Node *) ((CoerceViaIO *) node)->arg);
	if (node == NULL || !IsA(node, Const))
		return NULL;
	constant = (Const *) node;
	if (constant->constisnull)
		return NULL;
	if (constant->consttype == TEXTOID || constant->consttype == VARCHAROID ||
		constant->consttype == BPCHAROID)
		return TextDatumGetCString(constant->constvalue);
	if (constant->consttype == UNKNOWNOID)
		return pstrdup(DatumGetCString(constant->constvalue));
	return NULL;
}

/*
 * Is this constant meant to be no tenant at all?  COALESCE(setting, '') and
 * the nil UUID are how policies say "nobody"; with COALESCE(setting, 'acme')
 * a session that set nothing is served the rows of acme.
 */
bool
tg_is_no_tenant_constant(Node *node)
{
	static const char *const nobody[] = {
		"none", "null", "nil", "no", "nobody", "nothing", "invalid", "unset",
		"undefined", "unknown", "missing", "empty", "n/a", "not-set",
		"not_set", "no-tenant", "no_tenant", "no-org", "no_org",
		"no-organization", "no_organization"
	};
	char	   *text = constant_text(node);
	Const	   *constant;

	if (text != NULL)
	{
		char	   *c;

		for (c = text; *c != '\0'; c++)
		{
			if (*c != '0' &&
				(IS_HIGHBIT_SET(*c) || isalnum((unsigned char) *c)))
				break;
		}
		if (*c == '\0')
			return true;		/* '', '-', '0', '00000000-0000-...' */
		if (text[0] == '-' && text[1 + strspn(text + 1, "0123456789")] == '\0')
			return true;		/* '-1' */
		for (int i = 0; i < (int) lengthof(nobody); i++)
		{
			if (pg_strcasecmp(text, nobody[i]) == 0)
				return true;
		}
		return false;
	}

	node = tg_strip(node);
	while (node != NULL && IsA(node, FuncExpr) &&
		   list_length(((FuncExpr *) node)->args) == 1 &&
		   ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL)
		node = tg_strip(linitial(((FuncExpr *) node)->args));
	if (node == NULL || !IsA(node, Const))
		return false;
	constant = (Const *) node;
	if (constant->constisnull)
		return true;
	switch (constant->consttype)
	{
		case JSONBOID:
			return JB_ROOT_COUNT(DatumGetJsonbP(constant->constvalue)) == 0;
		case INT2OID:
			return DatumGetInt16(constant->constvalue) <= 0;
		case INT4OID:
			return DatumGetInt32(constant->constvalue) <= 0;
		case INT8OID:
			return DatumGetInt64(constant->constvalue) <= 0;
		case UUIDOID:
			{
				pg_uuid_t  *uuid = DatumGetUUIDP(constant->constvalue);

				for (int i = 0; i < UUID_LEN; i++)
				{
					if (uuid->data[i] != 0)
						return false;
				}
				return true;
			}
		default:
			return false;
	}
}

/*
 * A constant under relabels and casts, which the parser does not fold.  Where
 * *isnull is false, a cast may still make NULL of it.
 */
bool
tg_is_constant(Node *node, bool *isnull)
{
	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL)
			return false;
		if (IsA(node, Const))
		{
			*isnull = ((Const *) node)->constisnull;
			return true;
		}
		if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) &&
				 ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL &&
				 ((FuncExpr *) node)->funcid < FirstGenbkiObjectId &&
				 list_length(((FuncExpr *) node)->args) == 1)
			node = linitial(((FuncExpr *) node)->args);
		else
			return false;
	}
}

/*
 * Certainly not NULL: a literal, COALESCE(anything, literal), and a cast of
 * these that returns NULL for nothing but NULL.  Most functions may return
 * NULL for whatever they like, casts among them: ('infinity'::timestamp)::time
 * is NULL.
 */
bool
tg_is_never_null(Node *node)
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
	if (IsA(node, CoerceViaIO))
	{
		/* input and output functions of PostgreSQL's own types */
		Node	   *arg = (Node *) ((CoerceViaIO *) node)->arg;

		return tg_base_type(((CoerceViaIO *) node)->resulttype) <
			FirstGenbkiObjectId &&
			tg_base_type(tg_expression_type(arg)) < FirstGenbkiObjectId &&
			tg_is_never_null(arg);
	}
	if (IsA(node, FuncExpr))
		return tg_is_lossless(((FuncExpr *) node)->funcid) &&
			tg_is_never_null(linitial(((FuncExpr *) node)->args));
	if (IsA(node, CoalesceExpr))
		args = ((CoalesceExpr *) node)->args;
	else if (IsA(node, MinMaxExpr))
		args = ((MinMaxExpr *) node)->args;

	/* these pass over the NULLs among their arguments */
	foreach(lc, args)
	{
		if (tg_is_never_null(lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * Functions of which only some arguments are what the result is made of; the
 * others are parameters: a separator, a key, a position, a pattern.
 */
#define ARG_1	(1 << 0)
#define ARG_2	(1 << 1)
#define ARG_3	(1 << 2)

static const struct
{
	Oid			function;
	int			contents;		/* a bit for each argument */
}			parametrized[] =

{
	{F_ARRAY_REMOVE, ARG_1},
	{F_ARRAY_TO_STRING_ANYARRAY_TEXT, ARG_1},
	{F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT, ARG_1 | ARG_3},
	{F_BPCHAR_BPCHAR_INT4_BOOL, ARG_1},
	{F_BTRIM_TEXT_TEXT, ARG_1},
	{F_CONVERT, ARG_1},
	{F_CONVERT_FROM, ARG_1},
	{F_CONVERT_TO, ARG_1},
	{F_DECODE, ARG_1},
	{F_ENCODE, ARG_1},
	{F_JSONB_ARRAY_ELEMENT, ARG_1},
	{F_JSONB_ARRAY_ELEMENT_TEXT, ARG_1},
	{F_JSONB_DELETE_JSONB_INT4, ARG_1},
	{F_JSONB_DELETE_JSONB_TEXT, ARG_1},
	{F_JSONB_DELETE_JSONB__TEXT, ARG_1},
	{F_JSONB_DELETE_PATH, ARG_1},
	{F_JSONB_EXTRACT_PATH, ARG_1},
	{F_JSONB_EXTRACT_PATH_TEXT, ARG_1},
	{F_JSONB_OBJECT_FIELD, ARG_1},
	{F_JSONB_OBJECT_FIELD_TEXT, ARG_1},
	{F_JSONB_PATH_QUERY, ARG_1 | ARG_2 | ARG_3},
	{F_JSONB_PATH_QUERY_ARRAY, ARG_1 | ARG_2 | ARG_3},
	{F_JSONB_PATH_QUERY_FIRST, ARG_1 | ARG_2 | ARG_3},
	{F_JSON_ARRAY_ELEMENT, ARG_1},
	{F_JSON_ARRAY_ELEMENT_TEXT, ARG_1},
	{F_JSON_EXTRACT_PATH, ARG_1},
	{F_JSON_EXTRACT_PATH_TEXT, ARG_1},
	{F_JSON_OBJECT_FIELD, ARG_1},
	{F_JSON_OBJECT_FIELD_TEXT, ARG_1},
	{F_LEFT, ARG_1},
	{F_LPAD_TEXT_INT4, ARG_1},
	{F_LPAD_TEXT_INT4_TEXT, ARG_1 | ARG_3},
	{F_LTRIM_TEXT_TEXT, ARG_1},
	{F_NORMALIZE, ARG_1},
	{F_NUMERIC_NUMERIC_INT4, ARG_1},
	{F_REGEXP_MATCHES_TEXT_TEXT, ARG_1},
	{F_REGEXP_MATCHES_TEXT_TEXT_TEXT, ARG_1},
	{F_REGEXP_MATCH_TEXT_TEXT, ARG_1},
	{F_REGEXP_MATCH_TEXT_TEXT_TEXT, ARG_1},
	{F_REGEXP_REPLACE_TEXT_TEXT_TEXT, ARG_1 | ARG_3},
	{F_REGEXP_REPLACE_TEXT_TEXT_TEXT_TEXT, ARG_1 | ARG_3},
	{F_REGEXP_SPLIT_TO_ARRAY_TEXT_TEXT, ARG_1},
	{F_REGEXP_SPLIT_TO_ARRAY_TEXT_TEXT_TEXT, ARG_1},
	{F_REGEXP_SPLIT_TO_TABLE_TEXT_TEXT, ARG_1},
	{F_REGEXP_SPLIT_TO_TABLE_TEXT_TEXT_TEXT, ARG_1},
	{F_REPEAT, ARG_1},
	{F_REPLACE, ARG_1 | ARG_3},
	{F_RIGHT, ARG_1},
	{F_RPAD_TEXT_INT4, ARG_1},
	{F_RPAD_TEXT_INT4_TEXT, ARG_1 | ARG_3},
	{F_RTRIM_TEXT_TEXT, ARG_1},
	{F_SPLIT_PART, ARG_1},
	{F_STRING_TO_ARRAY_TEXT_TEXT, ARG_1},
	{F_STRING_TO_ARRAY_TEXT_TEXT_TEXT, ARG_1},
	{F_STRING_TO_TABLE_TEXT_TEXT, ARG_1},
	{F_STRING_TO_TABLE_TEXT_TEXT_TEXT, ARG_1},
	{F_SUBSTRING_TEXT_INT4, ARG_1},
	{F_SUBSTRING_TEXT_INT4_INT4, ARG_1},
	{F_SUBSTRING_TEXT_TEXT, ARG_1},
	{F_SUBSTRING_TEXT_TEXT_TEXT, ARG_1},
	{F_SUBSTR_TEXT_INT4, ARG_1},
	{F_SUBSTR_TEXT_INT4_INT4, ARG_1},
	{F_TO_NUMBER, ARG_1},
	{F_TRANSLATE, ARG_1 | ARG_3},
	{F_TRIM_ARRAY, ARG_1},
	{F_VARCHAR_VARCHAR_INT4_BOOL, ARG_1},
};

/* Which of its arguments may the result be made of? */
static int
contents_of(Oid function)
{
	for (int i = 0; i < (int) lengthof(parametrized); i++)
	{
		if (parametrized[i].function == function)
			return parametrized[i].contents;
	}
	return ~0;
}

/*
 * "$.org": a path that does not begin with a value of its own, nor ends with
 * one that tells how many there are, or of what kind.
 */
static bool
is_json_path(Node *node)
{
	Const	   *constant = (Const *) node;
	char	   *path;

	if (!IsA(node, Const) || constant->consttype != JSONPATHOID ||
		constant->constisnull)
		return false;
	path = DatumGetCString(DirectFunctionCall1(jsonpath_out,
											   constant->constvalue));
	return path[0] == '$' && strstr(path, ".size()") == NULL &&
		strstr(path, ".type()") == NULL;
}

bool
tg_is_literal(Node *node, Origin origin)
{
	return origin != 0 && (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0 &&
		!tg_is_no_tenant_constant(node) && !is_json_path(node);
}

/*
 * What a function of PostgreSQL's own makes of its arguments.  The value may
 * be no more than a literal among them: jsonb_build_array(setting, 'acme').
 * Where they are but concatenated together, it is not; until they are taken apart
 * again.
 */
static Origin
made_of(Oid function, bool concatenated, List *args, const ProofContext *context,
		OriginFunction recurse)
{
	int			contents = contents_of(function);
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

bool
tg_returns_an_argument(Oid function)
{
	static const char *const keeping[] = {
		"min", "max", "any_value", "array_agg", "string_agg", "xmlagg",
		"json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg",
		"json_agg_strict", "jsonb_agg_strict", "mode", "percentile_disc",
		"lag", "lead", "first_value", "last_value", "nth_value"
	};
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	for (int i = 0; i < (int) lengthof(keeping) && !result; i++)
		result = strcmp(NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname),
						keeping[i]) == 0;
	ReleaseSysCache(tuple);
	return result;
}

static bool
is_number(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case INT4ARRAYOID:
			return true;
		default:
			return false;
	}
}

/*
 * A number that is made of something else, other than by a cast, is a length,
 * a position, or the like: length(), array_position().  Sets of numbers, such
 * as that of generate_series(), count.
 */
static bool
is_measure(Form_pg_proc form)
{
	HeapTuple	cast;
	bool		casts;

	if (form->pronargs == 0 || !is_number(form->prorettype) ||
		form->oid == F_TO_NUMBER)
		return false;
	if (form->proretset)
		return true;
	if (is_number(form->proargtypes.values[0]))
		return false;
	cast = SearchSysCache2(CASTSOURCETARGET,
						   ObjectIdGetDatum(form->proargtypes.values[0]),
						   ObjectIdGetDatum(form->prorettype));
	casts = HeapTupleIsValid(cast) &&
		((Form_pg_cast) GETSTRUCT(cast))->castfunc == form->oid;
	if (HeapTupleIsValid(cast))
		ReleaseSysCache(cast);
	return !casts;
}

static FunctionClass
classify_builtin(Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	FunctionClass class = FUNCTION_PLAIN;

	switch (function)
	{
		case F_CURRENT_SETTING_TEXT:
		case F_CURRENT_SETTING_TEXT_BOOL:
			return FUNCTION_SETTING;
		case F_SET_CONFIG:
			return FUNCTION_SET_CONFIG;
		case F_CURRENT_USER:
		case F_SESSION_USER:
		case F_GETPGUSERNAME:
		case F_CURRENT_SCHEMA:
		case F_CURRENT_SCHEMAS:
		case F_INET_CLIENT_ADDR:
		case F_INET_CLIENT_PORT:
		case F_PG_BACKEND_PID:
			return FUNCTION_SESSION;
		case F_TEXTCAT:
		case F_TEXTANYCAT:
		case F_ANYTEXTCAT:
			return FUNCTION_CONCAT;	/* concat() is not: it passes over NULLs */
		case F_ENUM_FIRST:
		case F_ENUM_LAST:
		case F_ENUM_RANGE_ANYENUM:
		case F_ENUM_RANGE_ANYENUM_ANYENUM:
		case F_PG_TYPEOF:
		case F_JSON_TYPEOF:
		case F_JSONB_TYPEOF:
		case F_ARRAY_DIMS:
			return FUNCTION_MEASURE;
		case F_RANDOM:
		case F_CLOCK_TIMESTAMP:
		case F_TIMEOFDAY:
		case F_GEN_RANDOM_UUID:
		case F_NEXTVAL:
		case F_CURRVAL:
		case F_LASTVAL:
			return FUNCTION_RANDOM;
	}

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return FUNCTION_UNKNOWN;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->provolatile == PROVOLATILE_VOLATILE)
		class = FUNCTION_VOLATILE;

	/* What may the current user do?  has_table_privilege() and so on. */
	else if (strncmp(NameStr(form->proname), "has_", 4) == 0 ||
			 strcmp(NameStr(form->proname), "pg_has_role") == 0 ||
			 strcmp(NameStr(form->proname), "row_security_active") == 0)
		class = FUNCTION_SESSION;
	else if (is_measure(form))
		class = FUNCTION_MEASURE;
	ReleaseSysCache(tuple);
	return class;
}

/*
 * current_setting(name, missing_ok): a custom setting, or one of the server's
 * own that sessions really have for themselves.  data_directory is the same
 * for all.  The second argument is no part of the value, but may have side
 * effects.
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
	text = constant_text(linitial(args));
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
		classify_builtin(function) : FUNCTION_UNKNOWN;
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

			/* now(), version(), current_database(): everybody's */
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
	 * A planner may replace an IMMUTABLE function of constants by its value
	 * and keep that in a plan that serves another tenant tomorrow.
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
