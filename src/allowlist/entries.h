/*-------------------------------------------------------------------------
 *
 * entries.h
 *		The table trovella_guard.allowlist, private to src/allowlist.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ENTRIES_H
#define TROVELLA_GUARD_ENTRIES_H

#include "allowlist/allowlist.h"

/* Columns of trovella_guard.allowlist */
enum
{
	Anum_allowlist_kind = 1,
	Anum_allowlist_schema_name,
	Anum_allowlist_table_name,
	Anum_allowlist_rule,
	Anum_allowlist_object,
	Anum_allowlist_reason,
	Anum_allowlist_added_by,
	Anum_allowlist_added_at,
	Anum_allowlist_expires_at,
	Anum_allowlist_adopted,
	Anum_allowlist_sealed,
	Anum_allowlist_fingerprint,
	Natts_allowlist = Anum_allowlist_fingerprint
};

/* Columns of trovella_guard.allowlist_sent: these, and another one */
#define Anum_allowlist_sent_owner (Natts_allowlist + 1)

/* In an entry: every table of the schema, every rule, or every object */
#define TG_ANY "*"

/* By its name in the column "kind". */
extern AllowlistKind tg_allowlist_kind(const char *name);
extern const char *tg_allowlist_kind_name(AllowlistKind kind);

/*
 * The names that an entry follows are its names from now on: it has been written
 * under them.
 */
extern void tg_allowlist_take_names(const Allowlist *allowlist,
									AllowlistEntry *entry);

/*
 * Removes the decision about the same, or, if there is none, the debts about it.
 * Returns false if there are neither.
 */
extern bool tg_allowlist_delete(const AllowlistEntry *entry);

/*
 * Runs a query that returns a number and a text, either of which may be NULL,
 * with the privileges of the extension's owner.  Returns the number, or 0.
 */
extern int64 tg_allowlist_count(const char *sql, int nargs, Oid *types,
								Datum *values, const char *nulls, char **text);

/*
 * A hash of the names in an entry, by which entries are locked and touched.  All
 * entries about roles and bypasses have the same.
 */
extern uint32 tg_allowlist_hash_names(const char *schema, const char *table);

/*
 * Splits the switch of a declared bypass: a session setting, or "schema.f()".
 * Returns false if it is neither.  Setting names are folded to lower case.
 */
extern bool tg_parse_switch(const char *raw, DeclaredBypass *bypass);

/* The switch as text, in the one way that the allowlist keeps it. */
extern char *tg_switch_name(const DeclaredBypass *bypass);

#endif							/* TROVELLA_GUARD_ENTRIES_H */
