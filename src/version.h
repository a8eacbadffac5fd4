/*-------------------------------------------------------------------------
 *
 * version.h
 *		Does the library match the SQL objects of this database?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_VERSION_H
#define TROVELLA_GUARD_VERSION_H

/* The version that the database has recorded, or NULL if there is none. */
extern char *tg_sql_version(void);

/* Warns, once per session, if that is not the version of the library. */
extern void tg_version_warn(void);

#endif							/* TROVELLA_GUARD_VERSION_H */
