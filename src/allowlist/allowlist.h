/*-------------------------------------------------------------------------
 *
 * allowlist.h
 *		Which findings are waived, by whom and why.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ALLOWLIST_H
#define TROVELLA_GUARD_ALLOWLIST_H

#include "facts/facts.h"
#include "fmgr.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* A row of trovella_guard.allowlist. */
typedef struct AllowlistEntry
{
	NameData	schema;
	NameData	table;			/* "*": the whole schema */
	char	   *rule;			/* "*": every rule; the table is global */
	char	   *reason;
	bool		adopted;		/* written by adopt(): an old debt */
	bool		expired;
	bool		fresh;			/* written by the current transaction */
	bool		used;			/* see tg_allowlist_mark_used() */
	ItemPointerData tid;
} AllowlistEntry;

typedef struct Allowlist Allowlist;

/*
 * Reads the entries that a registered snapshot sees.  Those that have expired
 * at the given time are matched by nothing; tg_allowlist_entries() lists them.
 * Memory is taken from the current context.
 */
extern Allowlist *tg_allowlist_read(Snapshot snapshot, TimestampTz now);

/*
 * The entry that waives a rule for a relation, or NULL.  A partition of a
 * global table is global, too: it holds that table's rows.
 */
extern const AllowlistEntry *tg_allowlist_match(const Allowlist *allowlist,
												FactsReader *reader,
												const RelationFacts *facts,
												const char *rule);

/*
 * The entry by which adopt() has listed a finding of this rule as a debt, or
 * NULL.  It quietens what was there before, in audits and at commit; it lets
 * nothing new pass.
 */
extern const AllowlistEntry *tg_allowlist_debt(const Allowlist *allowlist,
											   FactsReader *reader,
											   const RelationFacts *facts,
											   const char *rule);

/*
 * Notes that an audit has found something for the entry to do.  What is left
 * unused at the end of an audit of the whole database is stale.
 */
extern void tg_allowlist_mark_used(const AllowlistEntry *entry);

/* All entries, also those that have expired, as a List of AllowlistEntry. */
extern List *tg_allowlist_entries(const Allowlist *allowlist);

/*
 * The entry that makes a finding about a relation void because the rows at
 * stake are those of a global table, or NULL.
 */
extern const AllowlistEntry *tg_allowlist_match_other(const Allowlist *allowlist,
											   FactsReader *reader,
											   Oid other_relid);

/*
 * Which entry covers a relation only because it came under a name (or under a
 * parent) that it did not have before?  Returns the entry as "schema.table",
 * or NULL.  An entry that the transaction itself has written was made for the
 * relation as it is now.
 */
extern const char *tg_allowlist_taken_over(const Allowlist *after,
									   FactsReader *after_reader,
									   const RelationFacts *after_facts,
									   const Allowlist *before,
									   FactsReader *before_reader,
									   const RelationFacts *before_facts);

/*
 * What a verdict that relies on an entry locks, and what its change touches:
 * the table of the allowlist (InvalidOid in a database without the extension),
 * and a number for the names of the entry.
 */
extern Oid	tg_allowlist_oid(void);
extern uint32 tg_allowlist_key(const AllowlistEntry *entry);

/*
 * Runs one statement with the rights of the extension's owner, for functions
 * that write the allowlist for roles that may do no more than call them.
 * Returns the number of rows, and puts what the statement returns into
 * "returned", if there is that.
 */
extern uint64 tg_allowlist_write(const char *sql, int nargs, Oid *types,
								 Datum *values, const char *nulls,
								 Tuplestorestate *returned);

/*
 * Argument number "n" of a function that writes entries: the time when they
 * expire, which must be in the future.  Sets *null to 'n' if they do not.
 */
extern Datum tg_allowlist_expiry(FunctionCallInfo fcinfo, int n, char *null);

/* The session user, who answers for what is written. */
extern Datum tg_allowlist_author(void);

#endif							/* TROVELLA_GUARD_ALLOWLIST_H */
