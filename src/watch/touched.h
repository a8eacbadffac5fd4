/*-------------------------------------------------------------------------
 *
 * touched.h
 *		The set of objects that the current transaction has touched.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_TOUCHED_H
#define TROVELLA_GUARD_TOUCHED_H

#include "guard.h"
#include "nodes/pg_list.h"

/* How an object was touched.  If several are true, the last one counts. */
typedef enum TouchedHow
{
	TG_GRANTED,					/* only GRANT or REVOKE on a whole relation,
								 * or GRANT on a function */
	TG_CHANGED					/* created or altered */
} TouchedHow;

/* Remembers that the current (sub)transaction touched an object. */
extern void tg_touch(Oid classId, Oid objectId, TouchedHow how);

/* "object" must come from tg_touched_objects(). */
extern TouchedHow tg_touched_how(const ObjectKey *object);

/*
 * Forgets an object that the current (sub)transaction drops, if it was the one
 * that touched it first.  An outer one keeps what it touched, because this one
 * may yet be rolled back.
 */
extern void tg_untouch(Oid classId, Oid objectId);

/* Has the transaction touched anything? */
extern bool tg_touched_any(void);

/*
 * The touched objects, as a List of pointers to ObjectKey (do not modify),
 * in the order in which they were touched first.  The list lives in the
 * current memory context.
 */
extern List *tg_touched_objects(void);

/*
 * Counts a DDL statement; tells how many the transaction has had.  A client may
 * send several as one transaction without BEGIN.
 */
extern void tg_touched_count_statement(void);
extern int	tg_touched_statements(void);

/*
 * After the verdict: no verdict sees what is touched from now on, until
 * tg_touched_forget().
 */
extern void tg_touched_seal(void);
extern bool tg_touched_is_sealed(void);

/* Registers the subtransaction callback; _PG_init calls it once. */
extern void tg_touched_init(void);

/*
 * Forgets everything.  Call it when the transaction is over: at commit, at
 * abort, and after PREPARE TRANSACTION.
 */
extern void tg_touched_forget(void);

#endif							/* TROVELLA_GUARD_TOUCHED_H */
