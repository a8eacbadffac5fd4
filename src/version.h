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

/*
 * Is the extension installed in this database?  Warns, if wanted and once per
 * session, if its version is not that of the library.
 */
extern bool tg_version_check(bool warn);

#endif							/* TROVELLA_GUARD_VERSION_H */
