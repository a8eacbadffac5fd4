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
#include "facts/reader.h"
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

/* Reads a tree of pg_rewrite: which relations it names, and what it says. */
static void
read_tree(Datum value, RewriteFacts *rewrite, Oid relid,
		  NamedRelations *reads)
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
	(void) tg_collect_relations(tree, reads);
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
		NamedRelations reads = {0};
		bool		isnull;
		Datum		value;

		rewrite->oid = form->oid;
		rewrite->name = pstrdup(NameStr(form->rulename));
		rewrite->select = form->ev_type == '1';
		value = heap_getattr(tuple, Anum_pg_rewrite_ev_action, descriptor,
							 &isnull);
		read_tree(value, rewrite, facts->relid, &reads);
		value = heap_getattr(tuple, Anum_pg_rewrite_ev_qual, descriptor,
							 &isnull);
		read_tree(value, rewrite, facts->relid, &reads);
		rewrite->reads = list_delete_oid(reads.all.oids, InvalidOid);
		rewrite->inherited = list_delete_oid(reads.inherited.oids, InvalidOid);
		facts->rewrites = lappend(facts->rewrites, rewrite);
	}
	systable_endscan(scan);
}
