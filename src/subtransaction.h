/*-------------------------------------------------------------------------
 *
 * subtransaction.h
 *		Runs a function and catches its error.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_SUBTRANSACTION_H
#define TROVELLA_GUARD_SUBTRANSACTION_H

/*
 * Calls action(arg) in a subtransaction, which is rolled back if that raises
 * an error.  Returns NULL, or a copy of the error in the current memory
 * context; ReThrowError() raises it again.
 */
extern ErrorData *tg_catch_error(void (*action) (void *arg), void *arg);

#endif							/* TROVELLA_GUARD_SUBTRANSACTION_H */
