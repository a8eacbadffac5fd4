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
	Anum_allowlist_schema_name = 1,
	Anum_allowlist_table_name,
	Anum_allowlist_rule,
	Anum_allowlist_reason,
	Anum_allowlist_added_by,
	Anum_allowlist_added_at,
	Anum_allowlist_expires_at,
	Anum_allowlist_adopted
};

/* In an entry: every table of the schema, or every rule */
#define TG_ANY "*"

/* A hash of the names in an entry, by which entries are locked and touched. */
extern uint32 tg_allowlist_hash_names(const char *schema, const char *table);

#endif							/* TROVELLA_GUARD_ENTRIES_H */
