/*-------------------------------------------------------------------------
 *
 * origin.c
 *		Where the value of an expression in a policy comes from.
 *
 * A policy isolates tenants where it compares the tenant column with a value
 * that comes from the session: not from the row, not the same for everybody,
 * and not changing while the rows are read.  proof.c finds the comparisons;
 * this file judges the other side of them, and says of expressions that are
 * no such comparison what they depend on.  Sub-selects are subselect.c's.
 *
 * Notes:
 *
 * 1. Nothing is executed or simplified, and no table is read.  What is known
 * about a function of PostgreSQL's own is known by its OID; of a user's
 * function nothing is known but its declared volatility and its arguments.
 *
 * 2. Two questions are asked, which differ for CASE, COALESCE and NULLIF.
 * tg_dependencies() wants everything the result depends on.
 * tg_value_origin() wants the origins of the possible values only:
 * "CASE WHEN is_public THEN x ELSE y END" is always x or y, so where both
 * come from the session it does no harm that the row chooses between them.
 *
 * 3. The expression may be one that was read under an older snapshot, and a
 * function, operator or table in it may be gone.  Such a thing is
 * ORIGIN_UNKNOWN, never an error.
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
#include "equality.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "compat.h"
#include "origin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

typedef Origin (*OriginFunction) (Node *node, const Place *place);

/* For expression_tree_walker(): ORs the origins of the children. */
typedef struct OriginWalk
{
	const Place *place;
	OriginFunction function;
	Origin		origin;
} OriginWalk;

/* For tg_culprit(). */
typedef struct CulpritWalk
{
	Origin		origin;
	Oid			function;
} CulpritWalk;

/* What is left of a value when side effects alone matter. */
#define ORIGIN_SIDE_EFFECTS	(ORIGIN_UNKNOWN | ORIGIN_VOLATILE | ORIGIN_SETS)

static bool
collect_origin(Node *node, OriginWalk *walk)
{
	if (node == NULL)
		return false;
	if (IsA(node, List))
		return expression_tree_walker(node, collect_origin, (void *) walk);
	walk->origin |= walk->function(node, walk->place);
	return false;
}

static Origin
children_origin(Node *node, const Place *place, OriginFunction function)
{
	OriginWalk	walk = {place, function, 0};

	(void) expression_tree_walker(node, collect_origin, (void *) &walk);
	return walk.origin;
}

static Origin
list_origin(List *list, const Place *place, OriginFunction function)
{
	Origin		origin = 0;
	ListCell   *lc;

	foreach(lc, list)
	{
		if (lfirst(lc) != NULL)
			origin |= function((Node *) lfirst(lc), place);
	}
	return origin;
}

Node *
tg_strip(Node *node)
{
	for (;;)
	{
		if (node == NULL)
			return NULL;
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, NamedArgExpr))
			node = (Node *) ((NamedArgExpr *) node)->arg;
		else
			return node;
	}
}

bool
tg_is_row_var(const Var *var, const Place *place)
{
	return (int) var->varlevelsup == list_length(place->queries);
}

bool
tg_is_tenant_var(const Var *var, const Place *place)
{
	return tg_is_row_var(var, place) &&
		var->varattno == place->facts->tenant->attnum;
}

/* ----------------------------------------------------------------
 *		Literals
 * ----------------------------------------------------------------
 */

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
static bool
is_nobody(Node *node)
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
			if (IS_HIGHBIT_SET(*c) || (isalnum((unsigned char) *c) && *c != '0'))
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
static bool
is_constant(Node *node, bool *isnull)
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
	bool		isnull;

	if (is_constant(node, &isnull))
		return !isnull;
	node = tg_strip(node);
	return node != NULL && IsA(node, CoalesceExpr) &&
		tg_is_never_null(llast(((CoalesceExpr *) node)->args));
}

/* ----------------------------------------------------------------
 *		Functions
 * ----------------------------------------------------------------
 */

/* What we know of one of PostgreSQL's own functions. */
typedef enum FunctionClass
{
	FUNCTION_PLAIN,				/* its value depends on its arguments */
	FUNCTION_SETTING,			/* current_setting() */
	FUNCTION_SESSION,			/* reads who or where the session is */
	FUNCTION_SETS,				/* set_config() */
	FUNCTION_RANDOM,			/* volatile, and changes nothing that matters */
	FUNCTION_GLUE,				/* concatenates */
	FUNCTION_VOLATILE,
	FUNCTION_UNKNOWN
} FunctionClass;

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
 * current_setting(name): a custom setting, or one of the server's own that
 * sessions really have for themselves.  data_directory is the same for all.
 */
static Origin
setting_origin(Node *name, Origin arguments)
{
	static const char *const own[] = {
		"role", "session_authorization", "search_path", "application_name"
	};
	char	   *text = constant_text(name);

	if (text == NULL)
		return (arguments & ~ORIGIN_LITERAL) | ORIGIN_SESSION;
	if (strchr(text, '.') != NULL)
		return ORIGIN_SESSION;
	for (int i = 0; i < (int) lengthof(own); i++)
	{
		if (pg_strcasecmp(text, own[i]) == 0)
			return ORIGIN_SESSION;
	}
	return ORIGIN_UNKNOWN;
}

static Origin
function_origin(Oid function, List *args, const Place *place,
				OriginFunction recurse)
{
	Origin		origin = list_origin(args, place, recurse);
	HeapTuple	tuple;
	char		volatility;

	if (function < FirstGenbkiObjectId)
	{
		switch (classify_builtin(function))
		{
			case FUNCTION_SETTING:
				return args == NIL ? ORIGIN_SESSION :
					setting_origin(linitial(args), origin);
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
						if (is_constant(lfirst(lc), &isnull) && !isnull &&
							!is_nobody(lfirst(lc)))
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

static Origin
operator_origin(Oid operator, List *args, const Place *place,
				OriginFunction recurse)
{
	HeapTuple	tuple;
	Oid			function;

	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		return list_origin(args, place, recurse) | ORIGIN_UNKNOWN;
	function = ((Form_pg_operator) GETSTRUCT(tuple))->oprcode;
	ReleaseSysCache(tuple);
	return function_origin(function, args, place, recurse);
}

/*
 * What the node contributes by itself, below which "recurse" looks.  Serves
 * both questions; the kinds of node whose answers differ are the callers'.
 */
static Origin
plain_origin(Node *node, const Place *place, OriginFunction recurse)
{
	Origin		origin;

	switch (nodeTag(node))
	{
		case T_Const:
			return ((Const *) node)->constisnull ? 0 : ORIGIN_LITERAL;

		case T_Var:
			return tg_var_origin((Var *) node, place);

		case T_FuncExpr:
			return function_origin(((FuncExpr *) node)->funcid,
								   ((FuncExpr *) node)->args, place, recurse);

		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return operator_origin(((OpExpr *) node)->opno,
								   ((OpExpr *) node)->args, place, recurse);

		case T_ScalarArrayOpExpr:
			return operator_origin(((ScalarArrayOpExpr *) node)->opno,
								   ((ScalarArrayOpExpr *) node)->args, place,
								   recurse);

		case T_Aggref:
			origin = children_origin(node, place, recurse);
			if (((Aggref *) node)->aggfnoid >= FirstGenbkiObjectId)
				origin |= ORIGIN_OPAQUE;
			return origin != 0 ? origin : ORIGIN_UNKNOWN;	/* count(*) */

			/* of NULL, or of no elements, there is no value */
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CollateExpr:
		case T_CoerceToDomain:
		case T_NamedArgExpr:
		case T_ArrayExpr:
		case T_TargetEntry:
			return children_origin(node, place, recurse);

		case T_SQLValueFunction:
			switch (((SQLValueFunction *) node)->op)
			{
				case SVFOP_CURRENT_ROLE:
				case SVFOP_CURRENT_USER:
				case SVFOP_USER:
				case SVFOP_SESSION_USER:
				case SVFOP_CURRENT_SCHEMA:
					return ORIGIN_SESSION;
				default:
					/* the time and the database's name are everybody's */
					return ORIGIN_LITERAL;
			}

		case T_CaseTestExpr:
		case T_CoerceToDomainValue:
			/* stands for something that the parent has looked at */
			return 0;

		case T_Param:
		case T_CurrentOfExpr:
			return ORIGIN_UNKNOWN;

		case T_NextValueExpr:
			return ORIGIN_RANDOM;

		default:
			origin = children_origin(node, place, recurse);
			return origin != 0 ? origin : ORIGIN_UNKNOWN;
	}
}

static Origin
dependencies(Node *node, const Place *place)
{
	if (node == NULL)
		return 0;

	if (IsA(node, List))
		return list_origin((List *) node, place, tg_dependencies);
	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		Origin		origin = 0;

		if (sublink->testexpr != NULL)
			origin = tg_dependencies(sublink->testexpr, place);
		return origin | tg_query_dependencies((Query *) sublink->subselect,
											  place);
	}

	/* The Params of a test expression are looked at as the sub-select. */
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return 0;
	return plain_origin(node, place, tg_dependencies);
}

/*
 * Combines the possible values of a CASE, COALESCE, GREATEST or LEAST: where
 * some come from the session, a literal among them is a fallback.
 */
static Origin
choice_origin(List *values, const Place *place, Origin chosen_by,
			  bool in_order)
{
	Origin		origin = 0;
	bool		literal = false;
	bool		isnull;
	ListCell   *lc;

	foreach(lc, values)
	{
		Node	   *value = (Node *) lfirst(lc);
		Origin		one;

		if (value == NULL)
			continue;
		if (is_constant(value, &isnull))
		{
			if (!isnull && !is_nobody(value))
				literal = true;
			continue;
		}
		one = tg_value_origin(value, place);
		if (one == 0)
			continue;
		if ((one & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0)
		{
			/* COALESCE(now()::text, ...) is hardly ever anything else. */
			if (in_order && lc == list_head(values))
				one |= ORIGIN_UNKNOWN;
			literal = true;
		}
		origin |= one;
	}

	if (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN))
	{
		if (literal)
			origin |= ORIGIN_FALLBACK;
	}
	else if (chosen_by & ORIGIN_MAY_KNOW_SESSION)
		origin |= ORIGIN_MAPPED;
	else
		origin |= ORIGIN_LITERAL;
	return origin | (chosen_by & ORIGIN_SIDE_EFFECTS);
}

static Origin
value_origin(Node *node, const Place *place)
{
	if (node == NULL)
		return 0;

	switch (nodeTag(node))
	{
		case T_List:
			return list_origin((List *) node, place, tg_value_origin);

		case T_CoalesceExpr:
			{
				List	   *values = NIL;
				bool		isnull;
				ListCell   *lc;

				/* Nothing after a literal is ever reached. */
				foreach(lc, ((CoalesceExpr *) node)->args)
				{
					if (!is_constant(lfirst(lc), &isnull))
						values = lappend(values, lfirst(lc));
					else if (!isnull)
					{
						if (values == NIL)
							return ORIGIN_LITERAL;
						values = lappend(values, lfirst(lc));
						break;
					}
					if (tg_is_never_null(lfirst(lc)))
						break;
				}
				return choice_origin(values, place, 0, true);
			}

		case T_MinMaxExpr:
			return choice_origin(((MinMaxExpr *) node)->args, place, 0, false);

		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				List	   *values = NIL;
				Origin		chosen_by;
				ListCell   *lc;

				chosen_by = tg_dependencies((Node *) expr->arg, place);
				foreach(lc, expr->args)
				{
					CaseWhen   *when = lfirst_node(CaseWhen, lc);

					chosen_by |= tg_dependencies((Node *) when->expr, place);
					values = lappend(values, when->result);
				}
				values = lappend(values, expr->defresult);
				return choice_origin(values, place, chosen_by, false);
			}

		case T_NullIfExpr:
			{
				List	   *args = ((NullIfExpr *) node)->args;

				return tg_value_origin(linitial(args), place) |
					(tg_dependencies(lsecond(args), place) &
					 ORIGIN_SIDE_EFFECTS);
			}

		case T_SubLink:
			{
				SubLink    *sublink = (SubLink *) node;

				if (sublink->subLinkType == EXPR_SUBLINK ||
					sublink->subLinkType == ARRAY_SUBLINK)
					return tg_query_origin((Query *) sublink->subselect, 1,
										   place);

				/* a boolean: no origin of a tenant that anybody would use */
				return tg_dependencies(node, place) | ORIGIN_UNKNOWN;
			}

		default:
			return plain_origin(node, place, tg_value_origin);
	}
}

/* One element of a set: a literal there is served to everybody. */
static Origin
element_origin(Node *node, const Place *place)
{
	bool		isnull;
	Origin		origin;

	if (is_constant(node, &isnull))
		return isnull ? 0 : ORIGIN_LITERAL | ORIGIN_MEMBER;
	origin = tg_value_origin(node, place);
	if (origin != 0 && (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0)
		origin |= ORIGIN_MEMBER;
	return origin;
}

/* Is the expression an array?  (exprType() would fail where a type is gone.) */
static bool
is_array(Node *node)
{
	if (IsA(node, SubLink) &&
		((SubLink *) node)->subLinkType == ARRAY_SUBLINK)
		return true;
	return OidIsValid(get_element_type(tg_base_type(tg_expression_type(node))));
}

static Origin
member_origin(Node *node, const Place *place)
{
	Oid			function = InvalidOid;
	List	   *args = NIL;
	Origin		origin;

	node = tg_strip(node);
	if (node == NULL)
		return 0;

	if (IsA(node, FuncExpr))
	{
		function = ((FuncExpr *) node)->funcid;
		args = ((FuncExpr *) node)->args;
	}
	else if (IsA(node, OpExpr))
	{
		function = get_opcode(((OpExpr *) node)->opno);
		args = ((OpExpr *) node)->args;
	}
	if (function == F_ARRAY_CAT || function == F_ARRAY_APPEND ||
		function == F_ARRAY_PREPEND || function == F_UNNEST_ANYARRAY)
		return list_origin(args, place, tg_member_origin);

	if (!is_array(node))
	{
		/* "acme," || setting, taken apart again, has got a literal in it. */
		origin = element_origin(node, place);
		if ((origin & ORIGIN_GLUED) && IsA(node, FuncExpr) &&
			((FuncExpr *) node)->funcretset)
			origin |= ORIGIN_FALLBACK;
		return origin;
	}

	switch (nodeTag(node))
	{
		case T_Const:
			{
				ArrayType  *array;

				if (((Const *) node)->constisnull)
					return 0;
				array = DatumGetArrayTypeP(((Const *) node)->constvalue);
				if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == 0)
					return 0;
				return ORIGIN_LITERAL | ORIGIN_MEMBER;
			}

		case T_ArrayExpr:
			return list_origin(((ArrayExpr *) node)->elements, place,
							   ((ArrayExpr *) node)->multidims ?
							   tg_member_origin : element_origin);

		case T_ArrayCoerceExpr:
			return tg_member_origin((Node *) ((ArrayCoerceExpr *) node)->arg,
									place);

		case T_CoalesceExpr:
			return list_origin(((CoalesceExpr *) node)->args, place,
							   tg_member_origin);

		case T_CaseExpr:
			{
				ListCell   *lc;

				origin = tg_member_origin((Node *) ((CaseExpr *) node)->defresult,
										  place);
				foreach(lc, ((CaseExpr *) node)->args)
				{
					CaseWhen   *when = lfirst_node(CaseWhen, lc);

					origin |= tg_member_origin((Node *) when->result, place) |
						(tg_dependencies((Node *) when->expr, place) &
						 ORIGIN_SIDE_EFFECTS);
				}
				return origin;
			}

		case T_SubLink:
			return tg_query_origin((Query *) ((SubLink *) node)->subselect, 1,
								   place);

		default:
			origin = element_origin(node, place);
			if (origin & ORIGIN_GLUED)
				origin |= ORIGIN_FALLBACK;
			return origin;
	}
}

/* ----------------------------------------------------------------
 *		Not too deep
 * ----------------------------------------------------------------
 */

static Origin
go_deeper(OriginFunction function, Node *node, const Place *place)
{
	Origin		origin;

	if (place->budget->depth >= BUDGET_DEPTH)
		return ORIGIN_TOO_DEEP;
	place->budget->depth++;
	origin = function(node, place);
	place->budget->depth--;
	return origin;
}

Origin
tg_dependencies(Node *node, const Place *place)
{
	return go_deeper(dependencies, node, place);
}

Origin
tg_value_origin(Node *node, const Place *place)
{
	return go_deeper(value_origin, node, place);
}

Origin
tg_member_origin(Node *node, const Place *place)
{
	return go_deeper(member_origin, node, place);
}

/* ----------------------------------------------------------------
 *		For messages
 * ----------------------------------------------------------------
 */

static bool
find_culprit(Node *node, CulpritWalk *walk)
{
	Oid			function = InvalidOid;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_culprit, walk, 0);
	if (IsA(node, FuncExpr))
		function = ((FuncExpr *) node)->funcid;
	else if (IsA(node, OpExpr))
		function = get_opcode(((OpExpr *) node)->opno);
	if (OidIsValid(function))
	{
		Budget		budget = BUDGET_INIT;
		Place		nowhere = {NULL, NIL, 0, &budget};
		Origin		origin = function_origin(function, NIL, &nowhere,
											 tg_dependencies);

		if ((origin & walk->origin) ||
			((walk->origin & ORIGIN_OPAQUE) &&
			 function >= FirstGenbkiObjectId))
		{
			walk->function = function;
			return true;
		}
	}
	return expression_tree_walker(node, find_culprit, (void *) walk);
}

Oid
tg_culprit(Node *node, Origin origin)
{
	CulpritWalk walk = {origin, InvalidOid};

	(void) find_culprit(node, &walk);
	return walk.function;
}
