/*-------------------------------------------------------------------------
 *
 * verdict.h
 *		May this transaction commit?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_VERDICT_H
#define TROVELLA_GUARD_VERDICT_H

#include "allowlist/allowlist.h"
#include "facts/facts.h"
#include "nodes/pg_list.h"

/*
 * The findings about one relation that the transaction touched, or (without
 * schema and name) about the database.
 */
typedef struct RelationVerdict
{
	const char *schema;
	const char *name;
	char		kind;			/* RELKIND_xxx */
	bool		created;		/* by this transaction */
	bool		is_tenant_table;
	bool		is_child;		/* of other tables */
	const char *tool;			/* that keeps its work tables in this schema,
								 * if nobody but its owner can reach this one;
								 * else NULL */
	bool		detached;		/* by this transaction, from its parents; and
								 * nobody but its owner can reach it */
	bool		on_worker;		/* of Citus */
	bool		sent_by_citus;
	List	   *findings;		/* of Finding, waived ones left out */
} RelationVerdict;

/* Registers the transaction callback; called once, from _PG_init. */
extern void tg_verdict_init(void);

/*
 * Judges what the current transaction has touched so far, as its commit would
 * now.  Returns a List of RelationVerdict, one for each relation that has a
 * finding of level warning or error, the database last, in the current memory
 * context.
 *
 * "lock": the commit relies on the answer, so nobody may change what it rests on
 * until the transaction ends (locks.h).
 *
 * "commits": unless the answer refuses it, the transaction commits now, so the
 * allowlist is brought up to date with what it has changed.
 */
extern List *tg_judge_transaction(bool lock, bool commits);

/* A relation, or (without facts) the database, before a transaction or after. */
typedef struct ComparedSide
{
	bool		is_after;
	FactsReader *reader;
	const Allowlist *allowlist;
	const RelationFacts *facts;
	bool		same_privileges;	/* on both sides */
	List	   *findings;		/* of Finding: those that the other side
								 * lacks, and that nothing waives */
} ComparedSide;

/*
 * Calls "visit" for both sides of each relation that the current transaction may
 * concern; for one side, where the relation is new or gone.  What it gets lives
 * until it returns.
 */
typedef void (*VisitSide) (const ComparedSide *side, void *arg);

extern void tg_compare_transaction(VisitSide visit, void *arg);

#endif							/* TROVELLA_GUARD_VERDICT_H */
