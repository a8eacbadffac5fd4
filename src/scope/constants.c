/*-------------------------------------------------------------------------
 *
 * constants.c
 *		Constants in a policy.
 *
 * PostgreSQL stores a policy's expression as the parser made it, so a constant
 * may be hidden below casts.  Nothing is evaluated here.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "scope/nodes.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/*
 * COALESCE(setting, '') and the nil UUID are how policies say "no tenant".
 * With COALESCE(setting, 'acme'), a session without a setting reads acme's
 * rows.
 */
bool
tg_is_no_tenant_text(const char *text)
{
	static const char *const no_tenant[] = {
		"none", "null", "nil", "no", "nobody", "nothing", "invalid", "unset",
		"undefined", "unknown", "missing", "empty", "n/a", "not-set",
		"not_set", "no-tenant", "no_tenant", "no-org", "no_org",
		"no-organization", "no_organization"
	};
	const char *c;

	for (c = text; *c != '\0'; c++)
	{
		if (*c != '0' && (IS_HIGHBIT_SET(*c) || isalnum((unsigned char) *c)))
			break;
	}
	if (*c == '\0')
		return true;			/* '', '-', '0', '00000000-0000-...' */
	if (text[0] == '-' && text[1 + strspn(text + 1, "0123456789")] == '\0')
		return true;			/* '-1' */
	for (int i = 0; i < (int) lengthof(no_tenant); i++)
	{
		if (pg_strcasecmp(text, no_tenant[i]) == 0)
			return true;
	}
	return false;
}

bool
tg_is_no_tenant_constant(Node *node)
{
	char	   *text = tg_constant_text(node);
	Const	   *constant;

	if (text != NULL)
		return tg_is_no_tenant_text(text);

	node = tg_strip(node);
	while (node != NULL && IsA(node, FuncExpr) &&
		   ((FuncExpr *) node)->funcid < FirstGenbkiObjectId &&
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

bool
tg_is_null_constant(Node *node)
{
	node = tg_strip(node);
	return node != NULL && IsA(node, Const) && ((Const *) node)->constisnull;
}

/*
 * "$.org": a path that begins with the document and calls no method, whose
 * result is something else, like that of .size() or .keyvalue().
 */
bool
tg_is_json_path(Node *node)
{
	Const	   *constant = (Const *) node;
	char	   *path;

	if (!IsA(node, Const) || constant->consttype != JSONPATHOID ||
		constant->constisnull)
		return false;
	path = DatumGetCString(DirectFunctionCall1(jsonpath_out,
											   constant->constvalue));
	if (path[0] != '$')
		return false;
	for (char *c = path; (c = strchr(c, '(')) != NULL; c++)
	{
		if (c[-1] != '?')		/* a filter */
			return false;
	}
	return true;
}

bool
tg_literal_count(Node *node, int64 *count)
{
	node = tg_strip(node);
	if (node != NULL && IsA(node, FuncExpr) &&
		((FuncExpr *) node)->funcid == F_INT8_INT4)
		node = tg_strip(linitial(((FuncExpr *) node)->args));
	if (node == NULL || !IsA(node, Const) || ((Const *) node)->constisnull)
		return false;
	switch (((Const *) node)->consttype)
	{
		case INT4OID:
			*count = DatumGetInt32(((Const *) node)->constvalue);
			return true;
		case INT8OID:
			*count = DatumGetInt64(((Const *) node)->constvalue);
			return true;
		default:
			return false;
	}
}

bool
tg_compare_constants(const Const *one, const Const *other,
					 Comparison comparison, int *order)
{
	if (one->consttype != other->consttype)
		return false;
	switch (one->consttype)
	{
		case BOOLOID:
			*order = (int) DatumGetBool(one->constvalue) -
				(int) DatumGetBool(other->constvalue);
			return true;
		case INT2OID:
			*order = (int) DatumGetInt16(one->constvalue) -
				(int) DatumGetInt16(other->constvalue);
			return true;
		case INT4OID:
			*order = (DatumGetInt32(one->constvalue) >
					  DatumGetInt32(other->constvalue)) -
				(DatumGetInt32(one->constvalue) <
				 DatumGetInt32(other->constvalue));
			return true;
		case INT8OID:
			*order = (DatumGetInt64(one->constvalue) >
					  DatumGetInt64(other->constvalue)) -
				(DatumGetInt64(one->constvalue) <
				 DatumGetInt64(other->constvalue));
			return true;
		case TEXTOID:
		case VARCHAROID:
		case UUIDOID:
			if (comparison != COMPARES_EQUAL &&
				comparison != COMPARES_UNEQUAL)
				return false;
			*order = datumIsEqual(one->constvalue, other->constvalue,
								  one->constbyval, one->constlen) ? 0 : 1;
			return true;
		default:
			return false;
	}
}
