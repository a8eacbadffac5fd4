/*-------------------------------------------------------------------------
 *
 * views.c
 *		Rewrite rules: the queries of views, and what CREATE RULE says.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_rewrite.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/rel.h"

/*
 * The first two entries of a rule's range table may be OLD and NEW.  They are
 * not read from the relation: they come with the statement.
 */
static void
forget_old_and_new(Query *query, Oid relid)
{
	Query	   *source = query;
	ListCell   *lc;

	/* In INSERT ... SELECT they are in the range table of the SELECT */
	while (source != NULL)
	{
		int			varno = 0;
		Query	   *next = NULL;

		foreach(lc, source->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			varno++;
			if (rte->rtekind == RTE_RELATION && rte->relid == relid &&
				varno <= PRS2_NEW_VARNO &&
				(strcmp(rte->eref->aliasname, "old") == 0 ||
				 strcmp(rte->eref->aliasname, "new") == 0))
				rte->relid = InvalidOid;
			else if (rte->rtekind == RTE_SUBQUERY && next == NULL &&
					 source->commandType == CMD_INSERT)
				next = rte->subquery;
		}
		source = next;
	}
}

/* Adds the relations that a query names without ONLY. */
static bool
collect_inherited(Node *node, OidSet *relids)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_RELATION && rte->inh)
				(void) tg_oidset_add(relids, rte->relid);
		}
		return query_tree_walker((Query *) node, collect_inherited, relids, 0);
	}
	return expression_tree_walker(node, collect_inherited, relids);
}

/* Reads a tree of pg_rewrite: which relations it names, and what it says. */
static void
read_tree(Datum value, RewriteFacts *rewrite, Oid relid, OidSet *reads,
		  OidSet *inherited)
{
	char	   *stored = TextDatumGetCString(value);
	Node	   *tree = stringToNode(stored);
	ListCell   *lc;

	/* The action is a list of queries, the condition an expression or NULL */
	if (tree != NULL && IsA(tree, List))
	{
		foreach(lc, (List *) tree)
			forget_old_and_new(lfirst_node(Query, lc), relid);
	}
	tg_collect_relations(tree, reads);
	(void) collect_inherited(tree, inherited);
	tg_strip_locations(stored);
	rewrite->fingerprint = tg_add_to_fingerprint(rewrite->fingerprint, stored,
												 strlen(stored));
}

void
tg_read_rewrites(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_REWRITE,
									  RewriteRelRulenameIndexId,
									  Anum_pg_rewrite_ev_class, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_REWRITE));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);
		RewriteFacts *rewrite = palloc0(sizeof(RewriteFacts));
		OidSet		reads = {0};
		OidSet		inherited = {0};
		bool		isnull;
		Datum		value;

		rewrite->oid = form->oid;
		rewrite->name = pstrdup(NameStr(form->rulename));
		rewrite->select = form->ev_type == '1';
		value = heap_getattr(tuple, Anum_pg_rewrite_ev_action, descriptor,
							 &isnull);
		read_tree(value, rewrite, facts->relid, &reads, &inherited);
		value = heap_getattr(tuple, Anum_pg_rewrite_ev_qual, descriptor,
							 &isnull);
		read_tree(value, rewrite, facts->relid, &reads, &inherited);
		rewrite->reads = list_delete_oid(reads.oids, InvalidOid);
		rewrite->inherited = list_delete_oid(inherited.oids, InvalidOid);
		facts->rewrites = lappend(facts->rewrites, rewrite);
	}
	systable_endscan(scan);
}
