/*-------------------------------------------------------------------------
 *
 * attempt.h
 *		One attempt to reach a verdict: what it reads by, and what it keeps.
 *
 * Shared by the files of the verdict only; everybody else knows verdict.h.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ATTEMPT_H
#define TROVELLA_GUARD_ATTEMPT_H

#include "allowlist/allowlist.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "rules/rules.h"
#include "utils/hsearch.h"
#include "verdict/locks.h"
#include "verdict/verdict.h"
#include "watch/touched.h"

/*
 * Do the policies of a relation rest on something that has changed?  The proof
 * knows only the present, and finds the same before and after.
 */
typedef enum RestsOn
{
	RESTS_ON_WHAT_IT_WAS,
	RESTS_ON_OTHER_POLICIES,	/* of a table that they read: the proof does
								 * not look at these, so what it could not
								 * prove is new */
	RESTS_ON_OTHER_FACTS		/* a function that they call, row-level
								 * security of a table that they read: what is
								 * unscoped is new as well */
} RestsOn;

/* A relation on the queue, or a part of one that has been judged. */
typedef struct QueueEntry
{
	ObjectKey	key;			/* hash key, must be first */
	Oid			owner;			/* of a part: its relation */
	bool		changed;		/* by this transaction: it, or a part of it */
	bool		policies_changed;	/* known when it is judged */
	bool		judged;
	RestsOn		rests_on;
	RelationVerdict *verdict;	/* if it has findings */
} QueueEntry;

typedef struct Attempt
{
	Snapshot	after_snapshot;
	Snapshot	before_snapshot;
	FactsReader *after;
	FactsReader *before;
	TimestampTz now;
	Allowlist  *after_allowlist;	/* see tg_attempt_allowlist() */
	Allowlist  *before_allowlist;
	MemoryContext context;		/* of the attempt */
	MemoryContext relation_context; /* reset for each relation */
	VerdictLocks *locks;
	HTAB	   *seen;			/* of QueueEntry */
	List	   *queue;			/* QueueEntry of relations to judge */
	int			next;			/* how many of them have been judged */
	List	   *altered_functions;	/* OIDs of functions that policies call */
	OidSet		parents_joined; /* ancestors whose views are queued, as they
								 * got a child */
	bool		schemas_altered;
	bool		database_changed;	/* a role or a setting */
	OidSet		roles_compared; /* who acts as them before and after */
	List	   *verdicts;
} Attempt;

/* judge.c: judges what is on the queue, also what it puts there itself. */
extern void tg_judge_queue(Attempt *attempt);

/* judge.c: are two lists of Acl the same? */
extern bool tg_same_privileges(const List *one, const List *other);

/* judge.c: judges the database, if what rules say of it may have changed. */
extern void tg_judge_database(Attempt *attempt);

/*
 * known.c: sets "was_found", and if no entry waived them, "was_there" of the
 * findings "after" that are among those "before", and not worse.
 */
extern void tg_mark_known_findings(const QueueEntry *entry, List *after,
								   List *before);

/*
 * debts.c: keeps the debts of a relation true to its names, before and after
 * ("before" is NULL if it is new).
 */
extern void tg_keep_debts(Attempt *attempt, const RelationFacts *facts,
						  const RelationFacts *before);

/*
 * The debt that a finding about a new relation is, or NULL: what Citus makes on a
 * worker owes what its table owes on the coordinator, which judges whether that got
 * worse.
 */
extern const AllowlistEntry *tg_debt_of_new(Attempt *attempt,
											const Finding *finding,
											const RelationFacts *facts);

/*
 * The debt that a finding is, or NULL.  Notes what becomes of the debt: it ends if
 * the finding is new or worse, and follows the object to its new name.
 */
extern const AllowlistEntry *tg_debt_of(Attempt *attempt,
										const Finding *finding,
										const RelationFacts *facts,
										const RelationFacts *before);

/* debts.c: ends an entry of the allowlist with this transaction. */
extern void tg_end_entry(Attempt *attempt, const AllowlistEntry *entry);

/*
 * attested.c: what was an attestation before the transaction?  It did not hold if
 * it does not now, and the transaction has changed nothing that it rests on.  The
 * argument is the attempt: see tg_allowlist_ask_attested().
 */
extern AttestedState tg_attested_before(const AllowlistEntry *entry, Oid relid,
										void *arg);

/* attested.c: queues the relations whose attestations the transaction voids. */
extern void tg_queue_attested(Attempt *attempt);

/* verdict.c: judges what the transaction has touched, and what that leads to. */
extern void tg_judge_touched(Attempt *attempt);

/*
 * attempt.c: the snapshots, the readers and the allowlists.  The memory context
 * of the attempt, a child of that of the locks, becomes the current one.
 */
extern void tg_attempt_begin(Attempt *attempt, VerdictLocks *locks);
extern void tg_attempt_end(Attempt *attempt);

/* The allowlist as it is after or was before the transaction. */
extern const Allowlist *tg_attempt_allowlist(Attempt *attempt, bool is_after);

/* queue.c: which relations are judged? */

/*
 * Queues the relations that lose something when the session's temporary
 * objects are dropped: see tg_facts_relations_losing_parts().
 */
extern void tg_queue_losers(Attempt *attempt, List *objects);

/* Tells the reader of what was before: see tg_facts_demoted(). */
extern void tg_queue_note_demoted(Attempt *attempt, const List *objects);

/*
 * Queues the tables that the SECURITY DEFINER functions among the touched ones
 * expose; see tg_facts_limit_definers().
 */
extern void tg_queue_tables_of_functions(Attempt *attempt);

/* Queues the relations that a touched object leads to. */
extern void tg_queue_object(Attempt *attempt, const ObjectKey *object);

/*
 * Queues the relations whose findings depend on a relation, where it has
 * changed for the worse.  "before" is NULL if the relation is new.
 */
extern void tg_queue_dependents(Attempt *attempt, const QueueEntry *entry,
								const RelationFacts *facts,
								const RelationFacts *before);

/* Notes that the parts of a relation lead to nothing but the relation. */
extern void tg_queue_skip_parts(Attempt *attempt, const RelationFacts *facts);

/* Queues the table of an index. */
extern void tg_queue_table_of_index(Attempt *attempt, Oid index);

/*
 * Queues what an allowlist entry covers, or, if it is gone, covered: a relation
 * or those of a schema, their partitions, and the views over them.
 */
extern void tg_queue_covered(Attempt *attempt, const AllowlistEntry *entry);

/* Is or was a relation on the queue? */
extern bool tg_queue_has(Attempt *attempt, Oid relid);

/* The next relation to judge, or NULL. */
extern QueueEntry *tg_queue_next(Attempt *attempt);

#endif							/* TROVELLA_GUARD_ATTEMPT_H */
