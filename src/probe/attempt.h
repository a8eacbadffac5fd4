/*-------------------------------------------------------------------------
 *
 * attempt.h
 *		Runs something as another role, within a time, and undoes it.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ATTEMPT_H
#define TROVELLA_GUARD_ATTEMPT_H

/* How long one statement may take, in milliseconds. */
#define ATTEMPT_MS 2000

typedef void (*AttemptAction) (void *arg);

/*
 * Calls action(arg) in a subtransaction as "user", whose code can neither become
 * another role nor leave anything behind in the session.  The subtransaction is
 * rolled back, unless "keep" is set and there is no error.
 *
 * Returns NULL, or the error, in the current memory context.  Raises it if it ends
 * more than the attempt: a cancelled query, a shutdown.
 */
extern ErrorData *tg_attempt(Oid user, bool keep, AttemptAction action,
							 void *arg);

/* The same as the owner of a table, also if row-level security is forced. */
extern ErrorData *tg_attempt_as_owner(Oid owner, bool keep,
									  AttemptAction action, void *arg);

/*
 * Calls action(arg) in a subtransaction that is always rolled back, as whoever we
 * are.  Returns NULL, or the error, like tg_attempt().
 */
extern ErrorData *tg_undone(AttemptAction action, void *arg);

/* Was this the error of an attempt that took too long? */
extern bool tg_attempt_timed_out(const ErrorData *error);

#endif							/* TROVELLA_GUARD_ATTEMPT_H */
