/*-------------------------------------------------------------------------
 *
 * allowlist.h
 *		The allowlist: which findings are waived, by whom, and why.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ALLOWLIST_H
#define TROVELLA_GUARD_ALLOWLIST_H

#include "facts/facts.h"
#include "fmgr.h"
#include "rules/rules.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* What an entry is about. */
typedef enum AllowlistKind
{
	TG_ENTRY_RELATION,			/* a relation, or a whole schema */
	TG_ENTRY_ROLE,				/* an excused role */
	TG_ENTRY_BYPASS				/* a declared bypass */
} AllowlistKind;

/* Is what an attestation rests on as it was? */
typedef enum AttestedState
{
	TG_ATTESTED_UNKNOWN,		/* nobody has asked */
	TG_ATTESTED_HOLDS,
	TG_ATTESTED_VOID,
	TG_ATTESTED_UNREADABLE		/* it cannot be told now */
} AttestedState;

/* What an entry is about, by names. */
typedef struct EntryNames
{
	NameData	schema;
	NameData	table;
	char	   *object;
} EntryNames;

/* A row of trovella_guard.allowlist. */
typedef struct AllowlistEntry
{
	AllowlistKind kind;
	NameData	schema;			/* of a relation, else empty */
	NameData	table;			/* "*": the whole schema */
	char	   *rule;			/* "*": every rule, the table is global */
	char	   *object;			/* Finding.object, "*": any; or the name of
								 * the role; or the switch */
	char	   *reason;
	NameData	author;
	TimestampTz added_at;
	bool		adopted;		/* a debt, written by adopt() */
	bool		sealed;			/* counts only while its relation is sealed:
								 * see tg_is_sealed() */
	char	   *fingerprint;	/* of an attestation: what the policy rested
								 * on, see tg_facts_fingerprint(); else NULL */
	AttestedState attested;		/* see tg_allowlist_attested() */
	TimestampTz expires_at;		/* infinity: never */
	bool		expired;
	bool		fresh;			/* written by the current transaction */
	bool		used;			/* see tg_allowlist_mark_used() */
	bool		sent;			/* by the coordinator of Citus, to this worker */
	NameData	owner;			/* if sent: of the relation or schema on the
								 * coordinator */
	ItemPointerData tid;
	bool		ends;			/* see tg_allowlist_end() */
	EntryNames *follows;		/* see tg_allowlist_follow(), or NULL */
} AllowlistEntry;

typedef struct Allowlist Allowlist;

/*
 * Reads the entries that a reader's snapshot sees, into the current memory
 * context; on a worker of Citus also those of its coordinator.  Entries that
 * have expired at the given time never match, but tg_allowlist_entries() lists
 * them.
 */
extern Allowlist *tg_allowlist_read(FactsReader *reader, TimestampTz now);

/*
 * The entry that waives a rule for an object of a relation (Finding.object, or
 * NULL), or NULL.  A partition of a global table is global, too, because it holds
 * that table's rows.  An entry for a whole schema waives no finding about the rows
 * of another table (Finding.other_relid, or InvalidOid) that no entry covers.
 */
extern const AllowlistEntry *tg_allowlist_match(const Allowlist *allowlist,
												FactsReader *reader,
												const RelationFacts *facts,
												const char *rule,
												const char *object,
												Oid other_relid);

/*
 * The sealed entry that would waive a finding, but does not because the relation
 * is not sealed; or NULL.  Sets "breaks_seal" of the finding.  "explain": adds to
 * its message which entry that is, and why it does not count.
 */
extern const AllowlistEntry *tg_allowlist_broken_seal(const Allowlist *allowlist,
													  FactsReader *reader,
													  const RelationFacts *facts,
													  Finding *finding,
													  bool explain);

/*
 * Why a sealed entry does not count for a relation, in words; NULL if the
 * relation is sealed.
 */
extern char *tg_allowlist_why_open(FactsReader *reader,
								   const RelationFacts *facts);

/*
 * What has become of an attestation.  "facts" are those of the relation that it
 * names.
 */
extern AttestedState tg_allowlist_attested(const Allowlist *allowlist,
										   FactsReader *reader,
										   const AllowlistEntry *entry,
										   const RelationFacts *facts);

/*
 * The same, not kept with the entry.  Unless it holds, sets "rests_on" to what the
 * policies rest on now, a List of ObjectKey.
 */
extern AttestedState tg_allowlist_compare(FactsReader *reader,
										  const AllowlistEntry *entry,
										  Oid relid, List **rests_on);

/*
 * From now on asks this function what has become of an attestation: what was
 * before a transaction cannot be printed any more.
 */
typedef AttestedState (*AskAttested) (const AllowlistEntry *entry, Oid relid,
									  void *arg);

extern void tg_allowlist_ask_attested(Allowlist *allowlist, AskAttested ask,
									  void *arg);

/*
 * Says in the message of a finding that no entry waives that it was attested,
 * and why that does not count any more.
 */
extern void tg_allowlist_explain_void(const Allowlist *allowlist,
									  FactsReader *reader,
									  const RelationFacts *facts,
									  Finding *finding);

/* Is any entry an attestation? */
extern bool tg_allowlist_has_attestations(const Allowlist *allowlist);

/* Is any entry sealed? */
extern bool tg_allowlist_has_seals(const Allowlist *allowlist);

/*
 * The entry by which adopt() has recorded a finding of this rule as a debt, or
 * NULL.  It silences pre-existing findings, in audits and at commit, but no new
 * ones.
 */
extern const AllowlistEntry *tg_allowlist_debt(const Allowlist *allowlist,
											   FactsReader *reader,
											   const RelationFacts *facts,
											   const char *rule,
											   const char *object);

/*
 * A debt that has expired, so that it silences nothing any more: for reports, or
 * NULL.
 */
extern const AllowlistEntry *tg_allowlist_overdue(const Allowlist *allowlist,
												  FactsReader *reader,
												  const RelationFacts *facts,
												  const char *rule,
												  const char *object);

/* Is any entry a debt? */
extern bool tg_allowlist_has_debts(const Allowlist *allowlist);

/*
 * Marks the entries of a rule for a relation as used, whatever their objects: an
 * audit could not apply the rule.
 */
extern void tg_allowlist_mark_rule_used(const Allowlist *allowlist,
										FactsReader *reader,
										const RelationFacts *facts,
										const char *rule);

/*
 * Marks an entry that an audit needs.  Entries that are not marked at the end
 * of an audit of the whole database are stale.
 */
extern void tg_allowlist_mark_used(const AllowlistEntry *entry);

/* All entries, also those that have expired, as a List of AllowlistEntry. */
extern List *tg_allowlist_entries(const Allowlist *allowlist);

/*
 * For a finding about the rows of another table (Finding.other_relid): the entry
 * that makes that table global, so that there is no finding; or NULL.  A sealed
 * entry does not: what shows the rows of a sealed table opens it.
 */
extern const AllowlistEntry *tg_allowlist_match_other(const Allowlist *allowlist,
													  FactsReader *reader,
													  Oid other_relid);

/*
 * The entry, as "schema.table", that covers a relation only because of a new
 * name or a new parent; or NULL.  An entry that the transaction itself has
 * written does not count: it was made for the relation as it is now.  Nor does a
 * sealed one, unless "sealed_too": nothing leaks by it.
 */
extern const char *tg_allowlist_taken_over(const Allowlist *after,
										   FactsReader *after_reader,
										   const RelationFacts *after_facts,
										   const Allowlist *before,
										   FactsReader *before_reader,
										   const RelationFacts *before_facts,
										   bool sealed_too);

/*
 * A verdict that relies on an entry locks this pair of numbers, and a change of
 * the entry touches it: the OID of the allowlist table (InvalidOid in a database
 * without the extension), and a hash of the entry's names.
 */
extern Oid	tg_allowlist_oid(void);
extern uint32 tg_allowlist_key(const AllowlistEntry *entry);

/* The entries that a key stands for, of all that tg_allowlist_entries() has. */
extern List *tg_allowlist_entries_of(const Allowlist *allowlist, uint32 key);

/* The excused roles and declared bypasses, which live as long as the allowlist. */
extern const Decisions *tg_allowlist_decisions(const Allowlist *allowlist);

/*
 * The switch of an entry about a bypass; neither setting nor function if somebody
 * has written the row without allow_bypass().
 */
extern const DeclaredBypass *tg_switch_of(const AllowlistEntry *entry);

/* The key of all entries about roles and bypasses: see tg_allowlist_key(). */
extern uint32 tg_allowlist_decisions_key(void);

/* Do two entries waive the same, for as long?  The reason does not matter. */
extern bool tg_allowlist_same(const AllowlistEntry *one,
							  const AllowlistEntry *other);

/*
 * What the transaction has done to an entry: it ends, or follows its relation and
 * object ("object" NULL: no change) to new names.  An entry that does both
 * ends.  tg_allowlist_write_changes() writes it, before the commit; nothing ends
 * unless "may_end".
 */
extern void tg_allowlist_end(const AllowlistEntry *entry);
extern void tg_allowlist_follow(const AllowlistEntry *entry, const char *schema,
								const char *table, const char *object);
extern void tg_allowlist_write_changes(const Allowlist *allowlist,
									   bool may_end);

/*
 * The entries that name exactly this relation, and that the transaction has not
 * written itself.
 */
extern List *tg_allowlist_old_entries(const Allowlist *allowlist,
									  const char *schema, const char *table);

/*
 * A decision about exactly this relation, or its schema, that names the rule; for
 * any object.
 */
extern const AllowlistEntry *tg_allowlist_of_rule(const Allowlist *allowlist,
												  const RelationFacts *facts,
												  const char *rule);

/* Does an entry name exactly this relation? */
extern bool tg_allowlist_names(const AllowlistEntry *entry,
							   const char *schema, const char *table);

/* Writes a decision, in place of an earlier one about the same. */
extern void tg_allowlist_insert(const AllowlistEntry *entry, Datum expires_at,
								char expires_null);

/*
 * Raises an error on a worker of Citus: verdicts there do not need the allowlist,
 * so that nothing has to keep several of them the same.
 */
extern void tg_allowlist_require_coordinator(void);

/*
 * Runs one statement with the privileges of the extension's owner, for functions
 * that write the allowlist on behalf of roles without privileges on it.
 * Returns the number of rows.  Puts the rows that the statement returns into
 * "returned", unless that is NULL.
 */
extern uint64 tg_allowlist_write(const char *sql, int nargs, Oid *types,
								 Datum *values, const char *nulls,
								 Tuplestorestate *returned);

/*
 * Argument number "n" of a function that writes entries: the time when they
 * expire, which must be in the future.  Sets *null to 'n' if they do not.
 */
extern Datum tg_allowlist_expiry(FunctionCallInfo fcinfo, int n, char *null);

/*
 * The reason in argument "n", checked.  The messages begin with "a reason is
 * required to" (what) and "Say" (question).
 */
extern char *tg_allowlist_reason(FunctionCallInfo fcinfo, int n,
								 const char *what, const char *question);

/* The session user, who is recorded as the author of an entry. */
extern Datum tg_allowlist_author(void);

#endif							/* TROVELLA_GUARD_ALLOWLIST_H */
