/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		Runs something as another role, within a time, and undoes it.
 *
 * Notes:
 *
 * 1. The code of users runs here on purpose: policies, defaults, constraints.  It
 * runs as the role that would run it in the application, or as the owner of the
 * table, and in a security-restricted operation, as when VACUUM calls the
 * functions of an index: it cannot SET ROLE back to the superuser who probes.
 *
 * 2. Each attempt has a timer of its own, because statement_timeout limits only
 * the statement that calls us.  When it expires, the query is cancelled like by
 * a user.  A cancellation by the user that is already pending then wins, so that
 * it is not taken for ours.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "probe/attempt.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"

/* Not a number of a timeout before it is registered */
static TimeoutId timer = MAX_TIMEOUTS;
static volatile sig_atomic_t timed_out = false;

static void
cancel_attempt(void)
{
	if (QueryCancelPending)
		return;
	timed_out = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
start_timer(void)
{
	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, cancel_attempt);
	timed_out = false;
	enable_timeout_after(timer, ATTEMPT_MS);
}

/* Did the time expire? */
static bool
stop_timer(void)
{
	disable_timeout(timer, false);
	if (!timed_out)
		return false;
	timed_out = false;
	/* in case that the attempt ended before it noticed */
	QueryCancelPending = false;
	return true;
}

static bool
ends_the_probe(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

bool
tg_attempt_timed_out(const ErrorData *error)
{
	return error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED;
}

/* What a subtransaction restores of us; and how it ended. */
typedef struct Frame
{
	MemoryContext context;
	ResourceOwner owner;
	ErrorData  *error;
} Frame;

static void
begin_frame(Frame *frame)
{
	CHECK_FOR_INTERRUPTS();
	frame->context = CurrentMemoryContext;
	frame->owner = CurrentResourceOwner;
	frame->error = NULL;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(frame->context);
}

static void
end_frame(Frame *frame, bool keep)
{
	if (keep)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(frame->context);
	CurrentResourceOwner = frame->owner;
}

/* To be called in PG_CATCH(). */
static void
abort_frame(Frame *frame)
{
	MemoryContextSwitchTo(frame->context);
	frame->error = CopyErrorData();
	FlushErrorState();
	end_frame(frame, false);
}

static ErrorData *
attempt(Oid user, int context, bool keep, AttemptAction action, void *arg)
{
	Frame		frame;
	volatile bool expired = false;
	Oid			save_user;
	int			save_context;

	GetUserIdAndSecContext(&save_user, &save_context);
	begin_frame(&frame);
	PG_TRY();
	{
		SetUserIdAndSecContext(user, save_context | context |
							   SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
		start_timer();
		action(arg);
		(void) stop_timer();
		SetUserIdAndSecContext(save_user, save_context);
		end_frame(&frame, keep);
	}
	PG_CATCH();
	{
		expired = stop_timer();
		abort_frame(&frame);
	}
	PG_END_TRY();

	if (frame.error == NULL)
		return NULL;
	if (frame.error->sqlerrcode == ERRCODE_QUERY_CANCELED && expired)
		frame.error->message = pstrdup("the attempt took too long");
	else if (ends_the_probe(frame.error->sqlerrcode))
		ReThrowError(frame.error);
	return frame.error;
}

ErrorData *
tg_attempt(Oid user, bool keep, AttemptAction action, void *arg)
{
	return attempt(user, 0, keep, action, arg);
}

ErrorData *
tg_attempt_as_owner(Oid owner, bool keep, AttemptAction action, void *arg)
{
	return attempt(owner, SECURITY_NOFORCE_RLS, keep, action, arg);
}

ErrorData *
tg_undone(AttemptAction action, void *arg)
{
	Frame		frame;

	begin_frame(&frame);
	PG_TRY();
	{
		action(arg);
		end_frame(&frame, false);
	}
	PG_CATCH();
	{
		abort_frame(&frame);
	}
	PG_END_TRY();

	if (frame.error != NULL && ends_the_probe(frame.error->sqlerrcode))
		ReThrowError(frame.error);
	return frame.error;
}
