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

/* Installs the hook; called once, from _PG_init. */
extern void tg_watch_init(void);

/* Is our function the one that PostgreSQL calls first? */
extern bool tg_watch_is_outermost(void);

/* Was the library loaded by shared_preload_libraries? */
extern bool tg_watch_loaded_at_start(void);

#endif							/* TROVELLA_GUARD_WATCH_H */
