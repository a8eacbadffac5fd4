/*-------------------------------------------------------------------------
 *
 * unset.h
 *		A session in which a setting was never set.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_UNSET_H
#define TROVELLA_GUARD_UNSET_H

#include "nodes/pg_list.h"

/*
 * Makes PostgreSQL forget a setting until tg_show_settings(), which must follow,
 * also after an error.  "hidden" collects them.  Only settings that no loaded
 * library defines can be hidden; others stay as they are.  tg_show_settings()
 * returns whether one was set meanwhile: it must not be hidden again.
 */
extern void tg_hide_setting(const char *name, List **hidden);
extern bool tg_show_settings(List *hidden);

#endif							/* TROVELLA_GUARD_UNSET_H */
