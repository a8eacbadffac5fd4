/*-------------------------------------------------------------------------
 *
 * guard.h
 *		What all modules share: names, version, SQLSTATEs.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_GUARD_H
#define TROVELLA_GUARD_GUARD_H

/* An object of any kind: its catalog, and its OID there. */
typedef struct ObjectKey
{
	Oid			classId;
	Oid			objectId;
} ObjectKey;

#define TG_EXTENSION "trovella_guard"
#define TG_SCHEMA "trovella_guard"
#define TG_INTERNAL_SCHEMA "trovella_guard_internal"

/* The Makefile takes the version from the control file. */
#ifndef TG_VERSION
#error "TG_VERSION must be defined by the Makefile"
#endif

/* Who is told of faults: see SECURITY.md */
#define TG_REPORT_TO "postgresql@trovella.invalid"

/* The SQLSTATE of a refused commit, and of a warning at commit */
#define ERRCODE_TENANT_TABLE_UNPROTECTED MAKE_SQLSTATE('T', 'G', '0', '0', '1')
#define ERRCODE_WARNING_TENANT_TABLE MAKE_SQLSTATE('0', '1', 'T', 'G', '1')

#endif							/* TROVELLA_GUARD_GUARD_H */
