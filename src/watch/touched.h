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

/* How it was touched: the last of these that is true. */
typedef enum TouchedHow
{
	TG_GRANTED,					/* only privileges on a whole relation */
	TG_ALTERED,
	TG_CREATED
} TouchedHow;

/* Remembers that the current (sub)transaction touched an object. */
extern void tg_touch(Oid classId, Oid objectId, TouchedHow how);

/* How was an object of tg_touched_objects() touched? */
extern TouchedHow tg_touched_how(const ObjectKey *object);

/*
 * The current (sub)transaction drops the object, so nothing need be judged of
 * it.  What an outer one has touched is left: this one may yet be rolled back.
 */
extern void tg_untouch(Oid classId, Oid objectId);

/* Is there anything to judge? */
extern bool tg_touched_any(void);

/*
 * The touched objects, as a List of pointers to ObjectKey (do not modify),
 * in the order in which they were touched first.  The list lives in the
 * current memory context.
 */
extern List *tg_touched_objects(void);

/*
 * The verdict has been reached: what is touched from now on is judged by
 * nobody, until tg_touched_forget().
 */
extern void tg_touched_seal(void);
extern bool tg_touched_is_sealed(void);

/* Registers the subtransaction callback; called once, from _PG_init. */
extern void tg_touched_init(void);

/*
 * Forgets everything.  To be called when the transaction is over: at commit,
 * at abort, and after PREPARE TRANSACTION.
 */
extern void tg_touched_forget(void);

#endif							/* TROVELLA_GUARD_TOUCHED_H */
