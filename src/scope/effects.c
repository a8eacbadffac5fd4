/*-------------------------------------------------------------------------
 *
 * effects.c
 *		Side effects that an expression does not show.
 *
 * A cast to a domain evaluates the domain's constraints, and a sub-select on a
 * view runs the view's query.  Neither changes where a value comes from, but
 * either may call a function, such as set_config(), that changes the session
 * while rows are read.
 *
 * Notes:
 *
 * 1. The declared volatility of a user's function is trusted in views, as it
 * is in policies, but not in domains: a cast does not look like a function
 * call, and the constraint of a tenant's domain needs no function but
 * PostgreSQL's own immutable ones.
 *
 * 2. Domains that are reached by the input function of a composite type, or by
 * jsonb_populate_record() and the like, are not examined.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/origin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Reading this much of a tree takes as long as one step. */
#define BYTES_A_STEP	20

#define ORIGIN_EFFECTS	(ORIGIN_SET_CONFIG | ORIGIN_VOLATILE | ORIGIN_TOO_DEEP)

/* What counts of a relation's row of pg_class. */
typedef struct RelationRow
{
	Oid			owner;
	bool		view;
	bool		security_invoker;
	bool		rls;
	bool		rls_forced;
} RelationRow;

/* What is known of a type or a view. */
typedef struct KnownOrigin
{
	Oid			classId;
	Oid			objectId;
	Oid			reads_as;		/* of a view */
	Origin		origin;
} KnownOrigin;

/* Sets *found if the type or view was examined before, or is being examined. */
static KnownOrigin *
find_known(Oid classId, Oid objectId, Oid reads_as, ProofBudget *budget,
		   bool *found)
{
	KnownOrigin *known;
	ListCell   *lc;

	*found = true;
	foreach(lc, budget->known)
	{
		known = (KnownOrigin *) lfirst(lc);
		if (known->classId == classId && known->objectId == objectId &&
			known->reads_as == reads_as)
			return known;
		(void) tg_spend(budget, 1);
	}
	*found = false;
	known = palloc(sizeof(KnownOrigin));
	known->classId = classId;
	known->objectId = objectId;
	known->reads_as = reads_as;
	known->origin = ORIGIN_TOO_DEEP;	/* in case it reads itself */
	budget->known = lappend(budget->known, known);
	return known;
}

/* The expression trees in a column of the rows that an index finds by OID. */
static List *
read_trees(Oid catalog, Oid index, AttrNumber key, Oid value,
		   AttrNumber column, ProofBudget *budget)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	List	   *trees = NIL;
	ScanKeyData keys[1];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], key, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	scan = systable_beginscan(relation, index, true, NULL, 1, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, column,
										 RelationGetDescr(relation), &isnull);

		if (!isnull)
		{
			char	   *string = TextDatumGetCString(datum);

			if (tg_spend(budget, 1 + strlen(string) / BYTES_A_STEP))
				trees = lappend(trees, stringToNode(string));
		}
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return trees;
}

static bool
is_untrusted(Oid function, void *unused pg_attribute_unused())
{
	return function >= FirstNormalObjectId ||
		func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

static bool
calls_untrusted(Node *node, void *unused)
{
	return node != NULL &&
		(tg_check_functions_in_node(node, is_untrusted, unused) ||
		 expression_tree_walker(node, calls_untrusted, unused));
}

/* Side effects of a constraint of a domain. */
static Origin
constraint_effects(Node *node, const ProofContext *context)
{
	return tg_dependencies(node, context) |
		(calls_untrusted(node, NULL) ? ORIGIN_VOLATILE : 0);
}

static Origin
constraints_of_type_effects(Oid type, const ProofContext *context)
{
	Origin		origin = 0;

	/* the chain of a domain may be long */
	while (OidIsValid(type) && tg_spend(context->budget, 1))
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;
		Oid			next;
		bool		domain;

		if (!HeapTupleIsValid(tuple))
			break;
		form = (Form_pg_type) GETSTRUCT(tuple);
		domain = form->typtype == TYPTYPE_DOMAIN;
		next = domain ? form->typbasetype :
			form->typsubscript == F_ARRAY_SUBSCRIPT_HANDLER ? form->typelem :
			InvalidOid;
		ReleaseSysCache(tuple);
		if (domain)
			origin |= tg_list_origin(read_trees(ConstraintRelationId,
												ConstraintTypidIndexId,
												Anum_pg_constraint_contypid,
												type,
												Anum_pg_constraint_conbin,
												context->budget),
									 context, constraint_effects);
		type = next;
	}
	if (context->budget->steps < 0)
		origin |= ORIGIN_TOO_DEEP;
	return origin & ORIGIN_EFFECTS;
}

Origin
tg_type_effects(Oid type, const ProofContext *context)
{
	KnownOrigin *known;
	bool		found;

	if (type < FirstNormalObjectId)
		return 0;
	known = find_known(TypeRelationId, type, InvalidOid, context->budget,
					   &found);
	if (!found)
		known->origin = constraints_of_type_effects(type, context);
	return known->origin;
}

static Origin
query_of_view_origin(Oid relid, const ProofContext *context)
{
	Origin		origin = 0;
	List	   *actions;
	ListCell   *lc;

	check_stack_depth();
	actions = read_trees(RewriteRelationId, RewriteRelRulenameIndexId,
						 Anum_pg_rewrite_ev_class, relid,
						 Anum_pg_rewrite_ev_action, context->budget);
	foreach(lc, actions)
	{
		ListCell   *lc2;

		foreach(lc2, (List *) lfirst(lc))
		{
			Query	   *query = lfirst_node(Query, lc2);
			ListCell   *lc3;

			/* OLD and NEW are the view itself */
			foreach(lc3, query->rtable)
			{
				RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc3);

				if (rte->rtekind == RTE_RELATION && rte->relid == relid)
					rte->rtekind = RTE_RESULT;
			}
			origin |= tg_query_dependencies(query, context);
		}
	}
	if (context->budget->steps < 0)
		origin |= ORIGIN_TOO_DEEP;
	return origin;
}

/* What the query of a view depends on. */
static Origin
view_origin(Oid relid, const RelationRow *row, const ProofContext *context)
{
	ProofContext inner = *context;
	KnownOrigin *known;
	bool		found;

	if (!row->security_invoker)
		inner.reads_as = row->owner;
	known = find_known(RelationRelationId, relid, inner.reads_as,
					   context->budget, &found);
	if (!found)
		known->origin = query_of_view_origin(relid, &inner);
	return known->origin;
}

static bool
read_relation(Oid relid, RelationRow *row)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Datum		options;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	row->view = form->relkind == RELKIND_VIEW;
	row->owner = form->relowner;
	row->rls = form->relrowsecurity;
	row->rls_forced = form->relforcerowsecurity;
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions,
							  &isnull);
	row->security_invoker = row->view && !isnull &&
		tg_view_option(options, "security_invoker");
	ReleaseSysCache(tuple);
	return true;
}

/* Do the policies of a table apply to the role that a view reads it as? */
static bool
applies_rls(const RelationRow *row, Oid role)
{
	return row->rls &&
		(!OidIsValid(role) ||
		 (!has_bypassrls_privilege(role) &&
		  (row->rls_forced || !has_privs_of_role(role, row->owner))));
}

Origin
tg_relation_origin(Oid relid, const ProofContext *context)
{
	RelationRow row;

	if (!read_relation(relid, &row))
		return ORIGIN_TABLE | ORIGIN_UNKNOWN;
	if (!row.view)
		return applies_rls(&row, context->reads_as) ? ORIGIN_RLS_TABLE :
			ORIGIN_TABLE;

	/* the views of PostgreSQL itself show what the session may see */
	if (relid < FirstNormalObjectId)
		return ORIGIN_RLS_TABLE;
	return (view_origin(relid, &row, context) & ORIGIN_MAY_KNOW_SESSION) != 0 ?
		ORIGIN_RLS_TABLE : ORIGIN_TABLE;
}

Origin
tg_view_effects(Oid relid, const ProofContext *context)
{
	RelationRow row;

	if (relid < FirstNormalObjectId || !read_relation(relid, &row) || !row.view)
		return 0;
	return view_origin(relid, &row, context) & ORIGIN_EFFECTS;
}
