/*-------------------------------------------------------------------------
 *
 * integrity.h
 *		Is the extension's schema still its own?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_INTEGRITY_H
#define TROVELLA_GUARD_INTEGRITY_H

/*
 * What is in the schema, or on the extension's tables, and is not the
 * extension's; which of its objects belong to somebody who is no superuser;
 * what others than superusers may do that they could not after CREATE
 * EXTENSION.  A line for each, of the first few; NULL, if there is nothing.
 */
extern char *tg_foreign_objects(void);
extern char *tg_foreign_owners(void);
extern char *tg_foreign_privileges(void);

#endif							/* TROVELLA_GUARD_INTEGRITY_H */
