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

#include "catalog/pg_class.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
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

static CommandSet
command_of(Form_pg_rewrite form)
{
	static const CommandSet commands[] = {
		[CMD_SELECT] = TG_SELECT,
		[CMD_UPDATE] = TG_UPDATE,
		[CMD_INSERT] = TG_INSERT,
		[CMD_DELETE] = TG_DELETE
	};
	int			type = form->ev_type - '0';

	return type >= 0 && type < (int) lengthof(commands) ? commands[type] :
		TG_NO_COMMAND;
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
		rewrite->command = command_of(form);
		rewrite->select = rewrite->command == TG_SELECT;
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

/* What rules carry out instead, whatever the row. */
static CommandSet
commands_by_rules(FactsReader *reader, Oid relid, Query **query)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_REWRITE,
									  RewriteRelRulenameIndexId,
									  Anum_pg_rewrite_ev_class, relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_REWRITE));
	CommandSet	result = TG_NO_COMMAND;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);
		bool		isnull;
		Datum		value;

		if (command_of(form) == TG_SELECT)
		{
			value = heap_getattr(tuple, Anum_pg_rewrite_ev_action, descriptor,
								 &isnull);
			*query = linitial_node(Query,
								   (List *) stringToNode(TextDatumGetCString(value)));
			continue;
		}
		value = heap_getattr(tuple, Anum_pg_rewrite_ev_qual, descriptor,
							 &isnull);
		if (form->is_instead &&
			stringToNode(TextDatumGetCString(value)) == NULL)
			result |= command_of(form);
	}
	systable_endscan(scan);
	return result;
}

static CommandSet
commands_by_triggers(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_TRIGGER,
									  TriggerRelidNameIndexId,
									  Anum_pg_trigger_tgrelid, relid);
	CommandSet	result = TG_NO_COMMAND;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		int16		type = ((Form_pg_trigger) GETSTRUCT(tuple))->tgtype;

		if (!TRIGGER_FOR_INSTEAD(type))
			continue;
		if (TRIGGER_FOR_INSERT(type))
			result |= TG_INSERT;
		if (TRIGGER_FOR_UPDATE(type))
			result |= TG_UPDATE;
		if (TRIGGER_FOR_DELETE(type))
			result |= TG_DELETE;
	}
	systable_endscan(scan);
	return result;
}

/* The relation to which PostgreSQL passes what is written to a view. */
static Oid
base_of(const Query *query)
{
	const RangeTblRef *ref = linitial_node(RangeTblRef,
										   query->jointree->fromlist);

	return ((RangeTblEntry *) list_nth(query->rtable, ref->rtindex - 1))->relid;
}

CommandSet
tg_facts_possible_commands(FactsReader *reader, Oid relid)
{
	const CommandSet writes = TG_INSERT | TG_UPDATE | TG_DELETE;
	CommandSet	passed = writes;
	CommandSet	result = TG_SELECT;
	OidSet		seen = {0};
	RelationPlace place;

	while (passed != TG_NO_COMMAND && tg_oidset_add(&seen, relid) &&
		   tg_facts_place(reader, relid, &place))
	{
		Query	   *query = NULL;

		CHECK_FOR_INTERRUPTS();
		if (place.kind == RELKIND_MATVIEW)
			break;
		if (place.kind != RELKIND_VIEW)
			return result | passed;
		result |= passed & (commands_by_rules(reader, relid, &query) |
							commands_by_triggers(reader, relid));
		if (query == NULL ||
			view_query_is_auto_updatable(query, false) != NULL)
			break;

		/* Without a column that can be written, rows can only go */
		if (view_query_is_auto_updatable(query, true) != NULL)
			passed &= TG_DELETE;
		relid = base_of(query);
	}
	return result;
}
