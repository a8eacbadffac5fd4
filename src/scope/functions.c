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
#include "facts/expression.h"
#include "scope/nodes.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Functions whose value is one of their arguments, or a part of it, so that
 * sessions with different settings have different values.  The other arguments
 * are parameters: a key, a position, a pattern.  All functions that are not
 * listed may return the same value in all sessions: sign(setting::int) is 1
 * in most.
 */
#define ARG_1	(1 << 0)
#define ARG_2	(1 << 1)
#define ARG_3	(1 << 2)
#define ARGS	(~0)

static const KeepingFunction keeping[] = {
	/* casts */
	{F_BPCHAR_BPCHAR_INT4_BOOL, ARG_1, true},
	{F_BPCHAR_NAME, ARG_1, false},
	{F_INT2_NUMERIC, ARG_1, false},
	{F_INT2_JSONB, ARG_1, false},
	{F_INT4_JSONB, ARG_1, false},
	{F_INT4_NUMERIC, ARG_1, false},
	{F_INT8_JSONB, ARG_1, false},
	{F_INT8_NUMERIC, ARG_1, false},
	{F_NAME_BPCHAR, ARG_1, true},
	{F_NAME_TEXT, ARG_1, true},
	{F_NAME_VARCHAR, ARG_1, true},
	{F_NUMERIC_JSONB, ARG_1, false},
	{F_TEXT_BOOL, ARG_1, false},
	{F_VARCHAR_NAME, ARG_1, false},
	{F_VARCHAR_VARCHAR_INT4_BOOL, ARG_1, true},

	/* the value, or an error */
	{F_ERROR_ON_NULL, ARG_1, false},

	/* strings */
	{F_BTRIM_TEXT, ARG_1, true},
	{F_BTRIM_TEXT_TEXT, ARG_1, true},
	{F_CONCAT, ARGS, false},
	{F_CONCAT_WS, ARGS, false},
	{F_CONVERT, ARG_1, false},
	{F_CONVERT_FROM, ARG_1, false},
	{F_CONVERT_TO, ARG_1, false},
	{F_DECODE, ARG_1, true},
	{F_ENCODE, ARG_1, false},
	{F_INITCAP, ARG_1, false},
	{F_LEFT, ARG_1, true},
	{F_LOWER_TEXT, ARG_1, false},
	{F_LPAD_TEXT_INT4, ARG_1, true},
	{F_LPAD_TEXT_INT4_TEXT, ARG_1 | ARG_3, true},
	{F_LTRIM_TEXT, ARG_1, true},
	{F_LTRIM_TEXT_TEXT, ARG_1, true},
	{F_MD5_BYTEA, ARG_1, false},
	{F_MD5_TEXT, ARG_1, false},
	{F_NORMALIZE, ARG_1, false},
	{F_REGEXP_MATCHES_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_MATCHES_TEXT_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_MATCH_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_MATCH_TEXT_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_REPLACE_TEXT_TEXT_TEXT, ARG_1 | ARG_3, true},
	{F_REGEXP_REPLACE_TEXT_TEXT_TEXT_TEXT, ARG_1 | ARG_3, true},
	{F_REGEXP_SPLIT_TO_ARRAY_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_SPLIT_TO_ARRAY_TEXT_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_SPLIT_TO_TABLE_TEXT_TEXT, ARG_1, true},
	{F_REGEXP_SPLIT_TO_TABLE_TEXT_TEXT_TEXT, ARG_1, true},
	{F_REPEAT, ARG_1, true},
	{F_REPLACE, ARG_1 | ARG_3, true},
	{F_RIGHT, ARG_1, true},
	{F_RPAD_TEXT_INT4, ARG_1, true},
	{F_RPAD_TEXT_INT4_TEXT, ARG_1 | ARG_3, true},
	{F_RTRIM_TEXT, ARG_1, true},
	{F_RTRIM_TEXT_TEXT, ARG_1, true},
	{F_SPLIT_PART, ARG_1, true},
	{F_STRING_TO_TABLE_TEXT_TEXT, ARG_1, true},
	{F_STRING_TO_TABLE_TEXT_TEXT_TEXT, ARG_1, true},
	{F_SUBSTRING_TEXT_INT4, ARG_1, true},
	{F_SUBSTRING_TEXT_INT4_INT4, ARG_1, true},
	{F_SUBSTRING_TEXT_TEXT, ARG_1, true},
	{F_SUBSTRING_TEXT_TEXT_TEXT, ARG_1, true},
	{F_SUBSTR_TEXT_INT4, ARG_1, true},
	{F_SUBSTR_TEXT_INT4_INT4, ARG_1, true},
	{F_TRANSLATE, ARG_1 | ARG_3, true},
	{F_UPPER_TEXT, ARG_1, false},

	/* arrays */
	{F_ARRAY_APPEND, ARGS, false},
	{F_ARRAY_CAT, ARGS, false},
	{F_ARRAY_PREPEND, ARGS, false},
	{F_ARRAY_REMOVE, ARG_1, true},
	{F_ARRAY_REPLACE, ARG_1 | ARG_3, true},
	{F_ARRAY_TO_STRING_ANYARRAY_TEXT, ARGS, true},
	{F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT, ARGS, true},
	{F_STRING_TO_ARRAY_TEXT_TEXT, ARG_1, true},
	{F_STRING_TO_ARRAY_TEXT_TEXT_TEXT, ARG_1, true},
	{F_TRIM_ARRAY, ARG_1, true},
	{F_UNNEST_ANYARRAY, ARG_1, true},

	/* JSON */
	{F_ARRAY_TO_JSON_ANYARRAY, ARG_1, false},
	{F_JSONB_ARRAY_ELEMENT, ARG_1, true},
	{F_JSONB_ARRAY_ELEMENTS, ARG_1, true},
	{F_JSONB_ARRAY_ELEMENTS_TEXT, ARG_1, true},
	{F_JSONB_ARRAY_ELEMENT_TEXT, ARG_1, true},
	{F_JSONB_BUILD_ARRAY_ANY, ARGS, false},
	{F_JSONB_CONCAT, ARGS, false},
	{F_JSONB_DELETE_JSONB_INT4, ARG_1, true},
	{F_JSONB_DELETE_JSONB_TEXT, ARG_1, true},
	{F_JSONB_DELETE_JSONB__TEXT, ARG_1, true},
	{F_JSONB_DELETE_PATH, ARG_1, true},
	{F_JSONB_EACH, ARG_1, true},
	{F_JSONB_EACH_TEXT, ARG_1, true},
	{F_JSONB_EXTRACT_PATH, ARG_1, true},
	{F_JSONB_EXTRACT_PATH_TEXT, ARG_1, true},
	{F_JSONB_OBJECT_FIELD, ARG_1, true},
	{F_JSONB_OBJECT_FIELD_TEXT, ARG_1, true},
	{F_JSONB_OBJECT_KEYS, ARG_1, true},
	{F_JSONB_PATH_QUERY, ARGS, true},
	{F_JSONB_PATH_QUERY_ARRAY, ARGS, true},
	{F_JSONB_PATH_QUERY_FIRST, ARGS, true},
	{F_JSONB_TO_RECORD, ARG_1, true},
	{F_JSONB_TO_RECORDSET, ARG_1, true},
	{F_JSON_ARRAY_ELEMENT, ARG_1, true},
	{F_JSON_ARRAY_ELEMENTS, ARG_1, true},
	{F_JSON_ARRAY_ELEMENTS_TEXT, ARG_1, true},
	{F_JSON_ARRAY_ELEMENT_TEXT, ARG_1, true},
	{F_JSON_BUILD_ARRAY_ANY, ARGS, false},
	{F_JSON_EACH, ARG_1, true},
	{F_JSON_EACH_TEXT, ARG_1, true},
	{F_JSON_EXTRACT_PATH, ARG_1, true},
	{F_JSON_EXTRACT_PATH_TEXT, ARG_1, true},
	{F_JSON_OBJECT_FIELD, ARG_1, true},
	{F_JSON_OBJECT_FIELD_TEXT, ARG_1, true},
	{F_JSON_OBJECT_KEYS, ARG_1, true},
	{F_JSON_TO_RECORD, ARG_1, true},
	{F_JSON_TO_RECORDSET, ARG_1, true},
	{F_TO_JSON, ARG_1, false},
	{F_TO_JSONB, ARG_1, false},
};

const KeepingFunction *
tg_find_keeping_function(Oid function)
{
	static const KeepingFunction cast = {InvalidOid, ARG_1, false};

	for (int i = 0; i < (int) lengthof(keeping); i++)
	{
		if (keeping[i].function == function)
			return &keeping[i];
	}
	return tg_is_lossless(function) ? &cast : NULL;
}

bool
tg_input_keeps_value(Oid type)
{
	Oid			element = get_element_type(type);

	type = tg_base_type(OidIsValid(element) ? element : type);
	if (type >= FirstGenbkiObjectId)
		return true;
	switch (type)
	{
		case BOOLOID:
		case BPCHAROID:
		case BYTEAOID:
		case DATEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case JSONBOID:
		case JSONOID:
		case NAMEOID:
		case NUMERICOID:
		case OIDOID:
		case TEXTOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
		case VARCHAROID:
			return true;
		default:
			return false;
	}
}

/* The settings of the server and of its extensions are not the session's. */
bool
tg_is_session_setting(const char *name)
{
	static const char *const of_extensions[] = {
		"auth_delay.", "auto_explain.", "basic_archive.", "isn.",
		"pg_prewarm.", "pg_stat_statements.", "pg_trgm.", "plperl.",
		"plpgsql.", "pltcl.", "pltclu.", "postgres_fdw.", "sepgsql.",
		"trovella_guard."
	};

	if (strchr(name, '.') == NULL)
		return pg_strcasecmp(name, "role") == 0 ||
			pg_strcasecmp(name, "session_authorization") == 0;
	for (int i = 0; i < (int) lengthof(of_extensions); i++)
	{
		if (pg_strncasecmp(name, of_extensions[i],
						   strlen(of_extensions[i])) == 0)
			return false;
	}
	return true;
}

bool
tg_returns_an_argument(Oid function)
{
	static const char *const names[] = {
		"min", "max", "any_value", "array_agg", "string_agg",
		"json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg",
		"json_agg_strict", "jsonb_agg_strict", "mode", "percentile_disc",
		"lag", "lead", "first_value", "last_value", "nth_value"
	};
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	for (int i = 0; i < (int) lengthof(names) && !result; i++)
		result = strcmp(NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname),
						names[i]) == 0;
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

	if (form->pronargs == 0 || !is_number(form->prorettype))
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
			return FUNCTION_SESSION;
		case F_CURRENT_SCHEMA:
		case F_CURRENT_SCHEMAS:
		case F_INET_CLIENT_ADDR:
		case F_INET_CLIENT_PORT:
		case F_PG_BACKEND_PID:
			return FUNCTION_ENVIRONMENT;
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
