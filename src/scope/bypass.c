/*-------------------------------------------------------------------------
 *
 * bypass.c
 *		Declared bypasses: switches by which administrators see all tenants.
 *
 * A switch is a session setting that is compared with a constant, or a
 * function without arguments, that somebody has declared by allow_bypass().
 * Where it is on, rows of all tenants are what the policy is meant to admit.
 * Where it is off, or not set, it must admit nothing: current_setting(...) IS
 * DISTINCT FROM 'off' is open to sessions that have never heard of it.
 *
 * What a setting does is found out by computing the condition for a session
 * that has not set it, and for one in which it is '', as it is after a
 * transaction that set it locally.  Only what needs no executor is computed.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef enum SwitchKind
{
	SWITCH_NULL,
	SWITCH_TEXT,
	SWITCH_BOOL,
	SWITCH_ERROR,				/* the session gets an error */
	SWITCH_UNKNOWN				/* it may be anything */
} SwitchKind;

/* The value of an expression over a setting. */
typedef struct SwitchValue
{
	SwitchKind	kind;
	const char *text;
	bool		on;
} SwitchValue;

/* For which session? */
typedef struct SwitchCase
{
	const char *setting;
	bool		is_set;			/* to '' */
	ProofBudget *budget;
} SwitchCase;

static SwitchValue
make_value(SwitchKind kind)
{
	SwitchValue value = {kind, NULL, false};

	return value;
}

static SwitchValue
make_text(const char *text)
{
	SwitchValue value = {SWITCH_TEXT, text, false};

	return value;
}

static SwitchValue
make_bool(bool on)
{
	SwitchValue value = {SWITCH_BOOL, NULL, on};

	return value;
}

static SwitchValue
value_of_constant(const Const *constant)
{
	if (constant->constisnull)
		return make_value(SWITCH_NULL);
	switch (constant->consttype)
	{
		case BOOLOID:
			return make_bool(DatumGetBool(constant->constvalue));
		case TEXTOID:
		case VARCHAROID:
			return make_text(TextDatumGetCString(constant->constvalue));
		default:
			return make_value(SWITCH_UNKNOWN);
	}
}

static SwitchValue
value_of_setting(FuncExpr *call, const SwitchCase *session)
{
	Node	   *missing_ok;

	if (session->is_set)
		return make_text(pstrdup(""));
	if (call->funcid == F_CURRENT_SETTING_TEXT)
		return make_value(SWITCH_ERROR);
	missing_ok = tg_strip(lsecond(call->args));
	if (!IsA(missing_ok, Const) || ((Const *) missing_ok)->constisnull)
		return make_value(SWITCH_UNKNOWN);
	return make_value(DatumGetBool(((Const *) missing_ok)->constvalue) ?
					  SWITCH_NULL : SWITCH_ERROR);
}

/* Of a function of one string or Boolean. */
static SwitchValue
value_of_function(Oid function, SwitchValue value)
{
	if (value.kind != SWITCH_TEXT && value.kind != SWITCH_BOOL)
		return value;
	switch (function)
	{
		case F_TEXT_BOOL:
			return value.kind == SWITCH_BOOL ?
				make_text(pstrdup(value.on ? "true" : "false")) :
				make_value(SWITCH_UNKNOWN);
		case F_LOWER_TEXT:
		case F_UPPER_TEXT:
			if (value.kind != SWITCH_TEXT)
				return make_value(SWITCH_UNKNOWN);
			for (const char *c = value.text; *c != '\0'; c++)
			{
				if (IS_HIGHBIT_SET(*c))
					return make_value(SWITCH_UNKNOWN);
			}
			return make_text(function == F_LOWER_TEXT ?
							 asc_tolower(value.text, strlen(value.text)) :
							 asc_toupper(value.text, strlen(value.text)));
		default:
			return make_value(SWITCH_UNKNOWN);
	}
}

static SwitchValue
value_of_cast(Oid type, SwitchValue value)
{
	bool		on;

	if (value.kind != SWITCH_TEXT)
		return value.kind == SWITCH_BOOL ? make_value(SWITCH_UNKNOWN) : value;
	switch (tg_base_type(type))
	{
		case TEXTOID:
		case VARCHAROID:
			return value;
		case BOOLOID:
			return parse_bool(value.text, &on) ? make_bool(on) :
				make_value(SWITCH_ERROR);
		default:
			return make_value(SWITCH_UNKNOWN);
	}
}

/* Of an equality of strings or Booleans: true, false or NULL. */
static SwitchValue
value_of_equality(Oid operator, Oid collation, Oid type, SwitchValue one,
				  SwitchValue other)
{
	if (one.kind == SWITCH_ERROR || other.kind == SWITCH_ERROR)
		return make_value(SWITCH_ERROR);
	if (operator >= FirstGenbkiObjectId ||
		tg_comparison(operator, type) != COMPARES_EQUAL ||
		!tg_is_deterministic_collation(collation) ||
		one.kind == SWITCH_UNKNOWN || other.kind == SWITCH_UNKNOWN)
		return make_value(SWITCH_UNKNOWN);
	if (one.kind == SWITCH_NULL || other.kind == SWITCH_NULL)
		return make_value(SWITCH_NULL);
	if (one.kind != other.kind)
		return make_value(SWITCH_UNKNOWN);
	return make_bool(one.kind == SWITCH_BOOL ? one.on == other.on :
					 strcmp(one.text, other.text) == 0);
}

static SwitchValue
compute(Node *node, const SwitchCase *session)
{
	check_stack_depth();
	node = tg_strip(node);
	if (node == NULL || !tg_spend(session->budget, 1))
		return make_value(SWITCH_UNKNOWN);
	switch (nodeTag(node))
	{
		case T_Const:
			return value_of_constant((Const *) node);

		case T_FuncExpr:
			{
				FuncExpr   *call = (FuncExpr *) node;
				char	   *name = tg_setting_name(node);

				if (name != NULL)
					return pg_strcasecmp(name, session->setting) == 0 ?
						value_of_setting(call, session) :
						make_value(SWITCH_UNKNOWN);
				if (list_length(call->args) != 1)
					return make_value(SWITCH_UNKNOWN);
				return value_of_function(call->funcid,
										 compute(linitial(call->args), session));
			}

		case T_CoerceViaIO:
			return value_of_cast(((CoerceViaIO *) node)->resulttype,
								 compute((Node *) ((CoerceViaIO *) node)->arg,
										 session));

		case T_OpExpr:
		case T_NullIfExpr:
			{
				OpExpr	   *expr = (OpExpr *) node;
				SwitchValue one;
				SwitchValue same;

				if (list_length(expr->args) != 2)
					return make_value(SWITCH_UNKNOWN);
				one = compute(linitial(expr->args), session);
				same = value_of_equality(expr->opno, expr->inputcollid,
										 tg_expression_type(linitial(expr->args)),
										 one, compute(lsecond(expr->args),
													  session));
				if (IsA(node, OpExpr) || same.kind == SWITCH_ERROR ||
					same.kind == SWITCH_UNKNOWN)
					return same;
				return same.kind == SWITCH_BOOL && same.on ?
					make_value(SWITCH_NULL) : one;
			}

		case T_CoalesceExpr:
			{
				ListCell   *lc;

				foreach(lc, ((CoalesceExpr *) node)->args)
				{
					SwitchValue value = compute(lfirst(lc), session);

					if (value.kind != SWITCH_NULL)
						return value;
				}
				return make_value(SWITCH_NULL);
			}

		case T_SubLink:
			{
				Node	   *value = tg_bare_select((SubLink *) node);

				return value == NULL ? make_value(SWITCH_UNKNOWN) :
					compute(value, session);
			}

		default:
			return make_value(SWITCH_UNKNOWN);
	}
}

/* Does the condition know the setting, and is it off where that is not set? */
static bool
is_closed_by_default(Node *node, const char *setting, ProofBudget *budget)
{
	for (int is_set = 0; is_set <= 1; is_set++)
	{
		SwitchCase	session = {setting, is_set == 1, budget};
		SwitchValue value = compute(node, &session);

		if (value.kind == SWITCH_UNKNOWN || value.kind == SWITCH_TEXT ||
			(value.kind == SWITCH_BOOL && value.on))
			return false;
	}
	return true;
}

/* For find_setting(). */
typedef struct SettingWalk
{
	char	   *name;
	ProofBudget *budget;
} SettingWalk;

/* The first setting that the expression names, outside sub-selects with FROM. */
static bool
find_setting(Node *node, SettingWalk *walk)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (!tg_spend(walk->budget, 1))
		return true;
	if (IsA(node, SubLink))
		return find_setting(tg_bare_select((SubLink *) node), walk);
	walk->name = tg_setting_name(node);
	if (walk->name != NULL)
		return true;
	return expression_tree_walker(node, find_setting, (void *) walk);
}

/*
 * A function that is IMMUTABLE is computed when a query is planned, perhaps for
 * another session.
 */
static bool
is_declared_function(const FuncExpr *call, const DeclaredBypass *bypass)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID,
										ObjectIdGetDatum(call->funcid));
	Form_pg_proc form;
	char	   *schema;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	schema = get_namespace_name(form->pronamespace);
	result = schema != NULL && strcmp(schema, bypass->schema) == 0 &&
		strcmp(NameStr(form->proname), bypass->function) == 0 &&
		form->pronargs == 0 && form->prorettype == BOOLOID &&
		!form->proretset && form->provolatile != PROVOLATILE_IMMUTABLE;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Could it be a switch?  This is asked of every node, and most policies have
 * none: the decisions are read only if there could be one.
 */
static bool
may_be_switch(Node *node)
{
	if (IsA(node, FuncExpr))
		return ((FuncExpr *) node)->args == NIL &&
			((FuncExpr *) node)->funcid >= FirstGenbkiObjectId &&
			((FuncExpr *) node)->funcresulttype == BOOLOID;
	if (IsA(node, OpExpr))
		return list_length(((OpExpr *) node)->args) == 2 &&
			(IsA(tg_strip(linitial(((OpExpr *) node)->args)), Const) ||
			 IsA(tg_strip(lsecond(((OpExpr *) node)->args)), Const));
	return IsA(node, CoerceViaIO) &&
		((CoerceViaIO *) node)->resulttype == BOOLOID;
}

bool
tg_is_bypass(Node *node, const ProofContext *context)
{
	SettingWalk walk = {NULL, context->budget};
	ListCell   *lc;

	if (context->reader == NULL || !may_be_switch(node))
		return false;
	if (!IsA(node, FuncExpr))
	{
		/* What says the tenant can't be what tells administrators apart */
		(void) find_setting(node, &walk);
		if (walk.name == NULL || tg_tenant_expression_reads(walk.name))
			return false;
	}
	foreach(lc, tg_facts_decisions(context->reader)->bypasses)
	{
		const DeclaredBypass *bypass = lfirst(lc);

		if (!tg_spend(context->budget, 1))
			return false;
		if (walk.name == NULL)
		{
			if (bypass->setting == NULL &&
				is_declared_function((FuncExpr *) node, bypass))
				return true;
		}
		else if (bypass->setting != NULL &&
				 pg_strcasecmp(bypass->setting, walk.name) == 0)
			return is_closed_by_default(node, walk.name, context->budget);
	}
	return false;
}
