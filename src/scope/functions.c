/*-------------------------------------------------------------------------
 *
 * functions.c
 *		What the functions of PostgreSQL itself do with their arguments.
 *
 * Built-in functions are known by their OIDs.  All that is known of a user's
 * function is its declared volatility.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "scope/nodes.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

/*
 * Functions of which only some arguments are what the result is made of; the
 * others are parameters: a separator, a key, a position, a pattern.
 */
#define ARG_1	(1 << 0)
#define ARG_2	(1 << 1)
#define ARG_3	(1 << 2)

/*
 * Functions whose result is taken from some of their arguments only.  The
 * others are parameters: a separator, a key, a position, a pattern.
 */
static const struct
{
	Oid			function;
	int			contents;		/* a bit for each argument */
}			parameter_functions[] =

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

int
tg_contents_of(Oid function)
{
	for (int i = 0; i < (int) lengthof(parameter_functions); i++)
	{
		if (parameter_functions[i].function == function)
			return parameter_functions[i].contents;
	}
	return ~0;
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
 * A function that returns a number for something else, and is not a cast,
 * returns a length, a position or the like: length(), array_position().  Sets
 * of numbers, such as generate_series(), count.
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

FunctionClass
tg_classify_function(Oid function)
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
			return FUNCTION_CONCAT; /* concat() is not: it skips NULLs */
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

	/* has_table_privilege() and so on ask about the current user */
	else if (strncmp(NameStr(form->proname), "has_", 4) == 0 ||
			 strcmp(NameStr(form->proname), "pg_has_role") == 0 ||
			 strcmp(NameStr(form->proname), "row_security_active") == 0)
		class = FUNCTION_SESSION;
	else if (is_measure(form))
		class = FUNCTION_MEASURE;
	ReleaseSysCache(tuple);
	return class;
}
