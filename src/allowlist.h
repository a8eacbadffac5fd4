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

#include "facts.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

/* A row of trovella_guard.allowlist. */
typedef struct AllowlistEntry
{
	NameData	schema;
	NameData	table;			/* "*": the whole schema */
	char	   *rule;			/* "*": every rule; the table is global */
	char	   *reason;
	bool		expired;
	bool		fresh;			/* written by the current transaction */
	ItemPointerData tid;
} AllowlistEntry;

typedef struct Allowlist Allowlist;

/*
 * Reads the entries that a registered snapshot sees and that have not expired
 * at the given time.  Memory is taken from the current context.
 */
extern Allowlist *tg_allowlist_read(Snapshot snapshot, TimestampTz now);

/* All entries, expired ones, too, as a List of AllowlistEntry. */
extern List *tg_allowlist_entries(Snapshot snapshot, TimestampTz now);

/*
 * The entry that waives a rule for a relation, or NULL.  A partition of a
 * global table is global, too: it holds that table's rows.
 */
extern const AllowlistEntry *tg_allowlist_match(const Allowlist *allowlist,
												FactsReader *reader,
												const RelationFacts *facts,
												const char *rule);

/*
 * The entry that makes a finding about a relation void because the rows at
 * stake are those of a global table, or NULL.
 */
extern const AllowlistEntry *tg_allowlist_void(const Allowlist *allowlist,
											   FactsReader *reader,
											   Oid other_relid);

/*
 * Which entry covers a relation only because it came under a name (or under a
 * parent) that it did not have before?  Returns the entry as "schema.table",
 * or NULL.  An entry that the transaction itself has written was made for the
 * relation as it is now.
 */
extern const char *tg_allowlist_gained(const Allowlist *after,
									   FactsReader *after_reader,
									   const RelationFacts *after_facts,
									   const Allowlist *before,
									   FactsReader *before_reader,
									   const RelationFacts *before_facts);

/*
 * Keeps an entry that the verdict relies on from being removed by others
 * until the transaction ends.  Returns false if somebody has been faster:
 * then the verdict has to be reached anew.
 */
extern bool tg_allowlist_hold(const AllowlistEntry *entry);

#endif							/* TROVELLA_GUARD_ALLOWLIST_H */
