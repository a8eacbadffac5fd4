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

/* The version in pg_extension, or NULL if the extension is not installed. */
extern char *tg_sql_version(void);

/*
 * Is the extension installed in this database?  With "warn", warns once in a
 * session if its version differs from the library's.
 */
extern bool tg_version_check(bool warn);

#endif							/* TROVELLA_GUARD_VERSION_H */
