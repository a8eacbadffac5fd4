/*-------------------------------------------------------------------------
 *
 * touched.c
 *		The set of objects that the current transaction has touched.
 *
 * The watchers (watch.c, event_triggers.c) add objects, the verdict reads them
 * at commit.  Nothing is looked up here, because new objects are not visible
 * yet.
 *
 * Notes:
 *
 * 1. Rolling back a savepoint forgets what it touched.  An object belongs to the
 * subtransaction that touched it first, and passes to the parent when that one
 * commits.  PostgreSQL's on-commit list works the same way
 * (AtEOSubXact_on_commit_actions(), tablecmds.c), except that here each
 * subtransaction has a list of its own, so that a loop with an exception block
 * does not walk over thousands of tables in each iteration.
 *
 * 2. All memory is in TopTransactionContext, which PostgreSQL frees;
 * tg_touched_forget() only resets the pointers.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "hashtable.h"
#include "lib/ilist.h"
#include "utils/memutils.h"
#include "watch/touched.h"

typedef struct TouchedEntry
{
	ObjectKey	key;			/* hash key, must be first */
	TouchedHow	how;
	struct TouchedFrame *frame; /* of the subtransaction that touched it first */
	dlist_node	node;			/* in that frame */
} TouchedEntry;

/* What one (sub)transaction was the first to touch. */
typedef struct TouchedFrame
{
	SubTransactionId subid;
	dlist_head	entries;
	struct TouchedFrame *parent;
} TouchedFrame;

static HTAB *touched = NULL;
static TouchedFrame *innermost = NULL;
static bool sealed = false;
static int	statements = 0;

static TouchedFrame *current_frame(void);
static void touched_subxact_callback(SubXactEvent event,
									 SubTransactionId mySubid,
									 SubTransactionId parentSubid,
									 void *arg);

void
tg_touched_init(void)
{
	RegisterSubXactCallback(touched_subxact_callback, NULL);
}

void
tg_touch(Oid classId, Oid objectId, TouchedHow how)
{
	ObjectKey	key = {classId, objectId};
	TouchedEntry *entry;
	TouchedFrame *frame;
	bool		found;

	if (touched == NULL)
		touched = tg_hash_create("trovella_guard touched objects",
								 sizeof(ObjectKey), sizeof(TouchedEntry),
								 TopTransactionContext);

	/* The frame first: an error must not leave an entry without a frame */
	frame = current_frame();
	entry = (TouchedEntry *) hash_search(touched, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->how = how;
		entry->frame = frame;
		dlist_push_tail(&frame->entries, &entry->node);
	}
	/* Rolling back a savepoint does not undo this: it does no harm */
	entry->how = Max(entry->how, how);
}

/* The key is the first member of its entry. */
TouchedHow
tg_touched_how(const ObjectKey *object)
{
	return ((const TouchedEntry *) object)->how;
}

void
tg_untouch(Oid classId, Oid objectId)
{
	ObjectKey	key = {classId, objectId};
	TouchedEntry *entry;

	if (innermost == NULL || innermost->subid != GetCurrentSubTransactionId())
		return;
	entry = hash_search(touched, &key, HASH_FIND, NULL);
	if (entry == NULL || entry->frame != innermost)
		return;
	dlist_delete(&entry->node);
	hash_search(touched, &key, HASH_REMOVE, NULL);
}

bool
tg_touched_any(void)
{
	return touched != NULL && hash_get_num_entries(touched) > 0;
}

List *
tg_touched_objects(void)
{
	List	   *result = NIL;

	/* lcons() is linear in the length of the list, hence the reversed walk */
	for (TouchedFrame *frame = innermost; frame; frame = frame->parent)
	{
		List	   *own = NIL;
		dlist_iter	iter;

		dlist_foreach(iter, &frame->entries)
		{
			TouchedEntry *entry = dlist_container(TouchedEntry, node,
												  iter.cur);

			own = lappend(own, &entry->key);
		}
		result = list_concat(own, result);
	}
	return result;
}

void
tg_touched_seal(void)
{
	sealed = true;
}

bool
tg_touched_is_sealed(void)
{
	return sealed;
}

void
tg_touched_count_statement(void)
{
	statements++;
}

int
tg_touched_statements(void)
{
	return statements;
}

void
tg_touched_forget(void)
{
	sealed = false;
	statements = 0;
	touched = NULL;
	innermost = NULL;
}

/* Finds the frame of the current subtransaction, or makes it. */
static TouchedFrame *
current_frame(void)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	TouchedFrame *frame;

	if (innermost != NULL && innermost->subid == subid)
		return innermost;

	frame = (TouchedFrame *) MemoryContextAlloc(TopTransactionContext,
												sizeof(TouchedFrame));
	frame->subid = subid;
	frame->parent = innermost;
	dlist_init(&frame->entries);
	innermost = frame;
	return frame;
}

static void
touched_subxact_callback(SubXactEvent event, SubTransactionId mySubid,
						 SubTransactionId parentSubid,
						 void *arg pg_attribute_unused())
{
	TouchedFrame *frame = innermost;
	dlist_mutable_iter iter;

	/* Most subtransactions touch nothing, and have no frame */
	if (frame == NULL || frame->subid != mySubid)
		return;

	switch (event)
	{
		case SUBXACT_EVENT_COMMIT_SUB:
			if (frame->parent == NULL || frame->parent->subid != parentSubid)
			{
				frame->subid = parentSubid;
				break;
			}
			dlist_foreach_modify(iter, &frame->entries)
			{
				dlist_container(TouchedEntry, node, iter.cur)->frame =
					frame->parent;
				dlist_delete(iter.cur);
				dlist_push_tail(&frame->parent->entries, iter.cur);
			}
			innermost = frame->parent;
			pfree(frame);
			break;

		case SUBXACT_EVENT_ABORT_SUB:
			dlist_foreach_modify(iter, &frame->entries)
			{
				TouchedEntry *entry = dlist_container(TouchedEntry, node,
													  iter.cur);

				hash_search(touched, &entry->key, HASH_REMOVE, NULL);
			}
			innermost = frame->parent;
			pfree(frame);
			break;

		case SUBXACT_EVENT_START_SUB:
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			break;
	}
}
