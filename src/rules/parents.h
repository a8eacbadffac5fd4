/*-------------------------------------------------------------------------
 *
 * parents.h
 *		Parents through which others may reach the rows of a child.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_PARENTS_H
#define TROVELLA_GUARD_PARENTS_H

#include "rules/rules.h"

/*
 * An ancestor through which roles other than the child's owner may reach the
 * child's rows.
 */
typedef struct ExposingParent
{
	const RelationFacts *facts; /* NULL if there are too many ancestors */
	const char *message;		/* why it does so whatever its policies say,
								 * or NULL if that depends on them */
	uint64		fingerprint;	/* of that reason */
	const struct Basis *basis;	/* what else the reason rests on */
	List	   *issues;			/* of ScopeIssue, about its policies */
	const char *repair_sql;		/* removes the child from it, or NULL */
} ExposingParent;

/*
 * All of them, as a List of ExposingParent.  NIL for a partition, which is
 * judged as a part of its parent, unless the transaction has attached it.
 */
extern List *tg_exposing_parents(const RuleSubject *subject);

/*
 * Has an extension made the child, with the privileges of its parents, which are
 * protected?  So timescaledb makes a chunk while somebody inserts a row.  Others
 * can read the chunk, but whoever inserts the row cannot help it, so it is no
 * reason to refuse the row: see seal_partitions().
 *
 * A user who makes such a child executes a statement: CREATE TABLE, perhaps
 * GRANT.  Default privileges make no difference to that.  Only C code makes a
 * table without any DDL statement in the whole transaction.
 */
extern bool tg_is_new_chunk(const RuleSubject *subject);

/*
 * Is that, or any other child without policies that an extension keeps in its own
 * schema, to be repaired by seal_partitions()?  timescaledb refuses rows for a
 * chunk with row-level security.
 */
extern bool tg_is_chunk(const RuleSubject *subject);

/* Does a policy let rows be read, changed or deleted? */
extern bool tg_admits_rows(const RelationFacts *parent);

/*
 * The ancestors and descendants whose findings depend on what the transaction
 * has changed of a relation, as OIDs.  "outline" is the relation before the
 * transaction, or NULL if it is new.
 */
extern List *tg_relatives_to_judge(FactsReader *reader,
								   const RelationFacts *facts,
								   FactsReader *before,
								   const RelationFacts *outline);

#endif							/* TROVELLA_GUARD_PARENTS_H */
