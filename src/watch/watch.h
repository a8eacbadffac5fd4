/*-------------------------------------------------------------------------
 *
 * watch.h
 *		Sees what a transaction creates, alters and drops.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_WATCH_H
#define TROVELLA_GUARD_WATCH_H

/* Installs the hook; _PG_init calls it once. */
extern void tg_watch_init(void);

/* utility.c: installs the hook for GRANT of a role; _PG_init calls it once. */
extern void tg_watch_utility_init(void);

/* Is our function the one that PostgreSQL calls first? */
extern bool tg_watch_is_outermost(void);

/* Was the library loaded by shared_preload_libraries? */
extern bool tg_watch_loaded_at_start(void);

/* For event_triggers.c: is the guard not concerned with what happens now? */
extern bool tg_watch_is_idle(void);

/* For event_triggers.c: touches a relation or an index, unless temporary. */
extern void tg_touch_permanent(Oid classId, Oid relid);

#endif							/* TROVELLA_GUARD_WATCH_H */
