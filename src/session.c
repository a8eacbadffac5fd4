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
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "origin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
#include "utils/uuid.h"
/* What we know of one of PostgreSQL's own functions. */
typedef enum FunctionClass
{
	FUNCTION_PLAIN,				/* its value depends on its arguments */
	FUNCTION_SETTING,			/* current_setting() */
	FUNCTION_SESSION,			/* reads who or where the session is */
	FUNCTION_SETS,				/* set_config() */
	FUNCTION_RANDOM,			/* volatile, but does nothing that matters */
	FUNCTION_GLUE,				/* concatenates */
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
tg_is_nobody(Node *node)
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

/* A constant under relabels and casts, which the parser does not fold. */
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

/* Certainly not NULL: COALESCE(anything, literal), however deep. */
bool
tg_is_never_null(Node *node)
{
	List	   *args = NIL;
	bool		isnull;
	ListCell   *lc;

	if (tg_is_constant(node, &isnull))
		return !isnull;
	node = tg_strip(node);
	if (node != NULL && IsA(node, CoalesceExpr))
		args = ((CoalesceExpr *) node)->args;
	else if (node != NULL && IsA(node, MinMaxExpr))
		args = ((MinMaxExpr *) node)->args;

	/* these pass over the NULLs among their arguments */
	foreach(lc, args)
	{
		if (tg_is_never_null(lfirst(lc)))
			return true;
	}
	return false;
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
			return FUNCTION_SETS;
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
		case F_CONCAT:
		case F_CONCAT_WS:
		case F_FORMAT_TEXT:
		case F_FORMAT_TEXT_ANY:
		case F_JSONB_CONCAT:
			return FUNCTION_GLUE;
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
setting_origin(List *args, const Place *place, OriginFunction recurse)
{
	static const char *const own[] = {
		"role", "session_authorization", "search_path", "application_name"
	};
	char	   *text;
	Origin		origin;

	if (args == NIL)
		return ORIGIN_SESSION;
	text = constant_text(linitial(args));
	origin = tg_list_origin(list_copy_tail(args, 1), place, tg_dependencies);
	if (origin & (ORIGIN_TENANT | ORIGIN_ROW))
		origin |= ORIGIN_OPAQUE;
	origin |= recurse(linitial(args), place);
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
tg_function_origin(Oid function, List *args, const Place *place,
				   OriginFunction recurse)
{
	Origin		origin = tg_list_origin(args, place, recurse);
	HeapTuple	tuple;
	char		volatility;

	if (function < FirstGenbkiObjectId)
	{
		switch (classify_builtin(function))
		{
			case FUNCTION_SETTING:
				return setting_origin(args, place, recurse);
			case FUNCTION_SESSION:
				return origin | ORIGIN_SESSION;
			case FUNCTION_SETS:
				return origin | ORIGIN_SETS;
			case FUNCTION_RANDOM:
				return origin | ORIGIN_RANDOM;
			case FUNCTION_VOLATILE:
				return origin | ORIGIN_VOLATILE;
			case FUNCTION_UNKNOWN:
				return origin | ORIGIN_UNKNOWN;
			case FUNCTION_GLUE:
				if (origin & ORIGIN_SESSION)
				{
					ListCell   *lc;
					bool		isnull;

					foreach(lc, args)
					{
						if (tg_is_constant(lfirst(lc), &isnull) && !isnull &&
							!tg_is_nobody(lfirst(lc)))
							origin |= ORIGIN_GLUED;
					}
				}
				break;
			case FUNCTION_PLAIN:
				break;
		}

		/* now(), version(), current_database(): the same for everybody. */
		return origin != 0 ? origin : ORIGIN_LITERAL;
	}

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return origin | ORIGIN_UNKNOWN;
	volatility = ((Form_pg_proc) GETSTRUCT(tuple))->provolatile;
	ReleaseSysCache(tuple);

	if (origin & (ORIGIN_TENANT | ORIGIN_ROW | ORIGIN_TABLE | ORIGIN_GUARDED))
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
tg_operator_origin(Oid operator, List *args, const Place *place,
				   OriginFunction recurse)
{
	HeapTuple	tuple;
	Oid			function;

	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		return tg_list_origin(args, place, recurse) | ORIGIN_UNKNOWN;
	function = ((Form_pg_operator) GETSTRUCT(tuple))->oprcode;
	ReleaseSysCache(tuple);
	return tg_function_origin(function, args, place, recurse);
}
