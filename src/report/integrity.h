/*-------------------------------------------------------------------------
 *
 * integrity.h
 *		Are the extension's schemas still its own?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_INTEGRITY_H
#define TROVELLA_GUARD_INTEGRITY_H

#include "facts/facts.h"

/*
 * Objects in the extension's schemas, or on its tables, that are not members of
 * the extension; members that a role other than a superuser owns; privileges
 * beyond those that CREATE EXTENSION grants.  One line for each of the first
 * few; NULL if there are none.
 */
extern char *tg_foreign_objects(FactsReader *reader);
extern char *tg_foreign_owners(void);
extern char *tg_foreign_privileges(void);

#endif							/* TROVELLA_GUARD_INTEGRITY_H */
