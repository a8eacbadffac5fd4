/*-------------------------------------------------------------------------
 *
 * expression.c
 *		What expressions are and name, even if that is gone.
 *
 * Note: we read what a policy said before the transaction when the transaction
 * may have dropped the types and functions that the policy names.  And an audit
 * locks nothing, so others may drop them meanwhile.  Some of PostgreSQL's
 * functions for expressions fail then.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "facts/expression.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

uint64
tg_add_to_fingerprint(uint64 fingerprint, const char *data, int length)
{
	return hash_combine64(fingerprint,
						  hash_bytes_extended((const unsigned char *) data,
											  length, 0));
}

/* Sets the numbers that follow a label to 0. */
static void
strip_numbers(char *text, const char *label)
{
	const char *from = text;
	char	   *to = text;
	const char *hit;

	/* No name looks like a label: a name's spaces have backslashes */
	while ((hit = strstr(from, label)) != NULL)
	{
		size_t		length = hit + strlen(label) - from;

		memmove(to, from, length);
		to += length;
		from += length + strspn(from + length, "-0123456789");
		*to++ = '0';
	}
	memmove(to, from, strlen(from) + 1);
}

/* PostgreSQL itself no longer stores most positions since version 17. */
void
tg_strip_locations(char *text)
{
	strip_numbers(text, ":location ");
	strip_numbers(text, ":stmt_location ");
	strip_numbers(text, ":stmt_len ");
}

/*
 * It names none if none of its numbers is as large as the OID of a user's
 * object, and none is the OID of a type whose constants name objects (such
 * constants are stored byte by byte).  A number that is no OID does no harm: it
 * costs a look into pg_depend.
 */
bool
tg_names_user_object(const char *tree)
{
	for (const char *c = tree; *c != '\0';)
	{
		uint64		number = 0;

		if (*c < '0' || *c > '9')
		{
			c++;
			continue;
		}
		for (; *c >= '0' && *c <= '9'; c++)
		{
			if (number < FirstNormalObjectId)
				number = number * 10 + (*c - '0');
		}
		if (number >= FirstNormalObjectId)
			return true;

		/* The types that find_expr_references_walker() knows (dependency.c) */
		switch (number)
		{
			case REGPROCOID:
			case REGPROCEDUREOID:
			case REGOPEROID:
			case REGOPERATOROID:
			case REGCLASSOID:
			case REGTYPEOID:
			case REGCOLLATIONOID:
			case REGCONFIGOID:
			case REGDICTIONARYOID:
			case REGNAMESPACEOID:
				return true;
			default:
				break;
		}
	}
	return false;
}

/*
 * exprType() takes every type from the tree itself, except for the array type
 * of a sub-select's column.
 */
Oid
tg_expression_type(Node *node)
{
	for (;;)
	{
		if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else if (IsA(node, NamedArgExpr))
			node = (Node *) ((NamedArgExpr *) node)->arg;
		else if (IsA(node, SubLink))
		{
			SubLink    *sublink = (SubLink *) node;
			Query	   *query;

			if (sublink->subLinkType == ARRAY_SUBLINK)
				return InvalidOid;
			if (sublink->subLinkType != EXPR_SUBLINK)
				return BOOLOID;
			query = castNode(Query, sublink->subselect);
			node = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
		}
		else
			return exprType(node);
	}
}

Oid
tg_base_type(Oid type)
{
	for (;;)
	{
		HeapTuple	tuple;
		Form_pg_type form;
		Oid			base = InvalidOid;
		bool		usable;

		tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		if (!HeapTupleIsValid(tuple))
			return InvalidOid;
		form = (Form_pg_type) GETSTRUCT(tuple);
		usable = form->typisdefined;
		if (form->typtype == TYPTYPE_DOMAIN)
			base = form->typbasetype;
		ReleaseSysCache(tuple);
		if (!usable)
			return InvalidOid;
		if (!OidIsValid(base))
			return type;
		type = base;
	}
}

static bool
type_exists(Oid type)
{
	return OidIsValid(type) &&
		SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type));
}

List *
tg_aggregate_functions(Oid aggregate)
{
	HeapTuple	tuple;
	Form_pg_aggregate form;
	List	   *result = NIL;

	if (aggregate < FirstGenbkiObjectId)
		return NIL;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	if (!HeapTupleIsValid(tuple))
		return NIL;				/* a window function, or gone */
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	{
		Oid			functions[] = {
			form->aggtransfn, form->aggfinalfn, form->aggcombinefn,
			form->aggserialfn, form->aggdeserialfn, form->aggmtransfn,
			form->aggminvtransfn, form->aggmfinalfn
		};

		for (int i = 0; i < (int) lengthof(functions); i++)
		{
			if (OidIsValid(functions[i]))
				result = list_append_unique_oid(result, functions[i]);
		}
	}
	ReleaseSysCache(tuple);
	return result;
}

bool
tg_check_functions_in_node(Node *node, check_function_callback checker,
						   void *context)
{
	/* Only the catalog row of a type tells which functions the cast calls */
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *cast = (CoerceViaIO *) node;

		if (!type_exists(cast->resulttype) ||
			!type_exists(tg_expression_type((Node *) cast->arg)))
			return false;
	}
	if (IsA(node, Aggref) || IsA(node, WindowFunc))
	{
		Oid			function = IsA(node, Aggref) ? ((Aggref *) node)->aggfnoid :
			((WindowFunc *) node)->winfnoid;
		ListCell   *lc;

		foreach(lc, tg_aggregate_functions(function))
		{
			if (checker(lfirst_oid(lc), context))
				return true;
		}
	}
	return check_functions_in_node(node, checker, context);
}

bool
tg_collect_relations(Node *node, NamedRelations *relations)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind != RTE_RELATION)
				continue;
			(void) tg_oidset_add(&relations->all, rte->relid);
			if (rte->inh)
				(void) tg_oidset_add(&relations->inherited, rte->relid);
		}
		return query_tree_walker((Query *) node, tg_collect_relations,
								 relations, 0);
	}
	return expression_tree_walker(node, tg_collect_relations, relations);
}

List *
tg_facts_relations_in(Node *node)
{
	NamedRelations relations = {0};

	(void) tg_collect_relations(node, &relations);
	return relations.all.oids;
}

static bool
note_user_function(Oid function, void *functions)
{
	if (function >= FirstNormalObjectId)
		(void) tg_oidset_add(functions, function);
	return false;
}

static bool
collect_functions(Node *node, OidSet *functions)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_functions, functions,
								 0);
	tg_check_functions_in_node(node, note_user_function, functions);
	return expression_tree_walker(node, collect_functions, functions);
}

List *
tg_facts_functions_of(const PolicyFacts *policy)
{
	OidSet		functions = {0};

	collect_functions(policy->qual, &functions);
	collect_functions(policy->with_check, &functions);
	return functions.oids;
}

/* Collects the types of users whose values occur in an expression. */
static bool
collect_types(Node *node, OidSet *types)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			return query_tree_walker((Query *) node, collect_types, types, 0);
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_FieldSelect:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
		case T_ArrayExpr:
			if (exprType(node) >= FirstNormalObjectId)
				(void) tg_oidset_add(types, exprType(node));
			break;
		default:
			break;
	}
	return expression_tree_walker(node, collect_types, types);
}

List *
tg_facts_types_in(const PolicyFacts *policy)
{
	OidSet		types = {0};

	(void) collect_types(policy->qual, &types);
	(void) collect_types(policy->with_check, &types);
	return types.oids;
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

char *
tg_constant_text(Node *node)
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

char *
tg_setting_name(Node *node)
{
	FuncExpr   *call = (FuncExpr *) node;

	if (!IsA(node, FuncExpr) ||
		(call->funcid != F_CURRENT_SETTING_TEXT &&
		 call->funcid != F_CURRENT_SETTING_TEXT_BOOL))
		return NULL;
	return tg_constant_text(linitial(call->args));
}
