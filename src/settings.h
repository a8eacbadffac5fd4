/*-------------------------------------------------------------------------
 *
 * settings.h
 *		The settings trovella_guard.*, validated and parsed.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_SETTINGS_H
#define TROVELLA_GUARD_SETTINGS_H

#include "nodes/pg_list.h"

typedef enum GuardMode
{
	TG_MODE_OFF,
	TG_MODE_WARN,
	TG_MODE_ENFORCE
} GuardMode;

extern int	tg_mode;			/* GuardMode */
extern char *tg_app_role;
extern char *tg_tenant_expression;

/* Defines the settings; called once, from _PG_init. */
extern void tg_settings_init(void);

/*
 * Column names in the order of the setting, NUL-terminated each, the list
 * ended by an empty string.  Walk them with tg_next_name().
 */
extern const char *tg_tenant_column_names(void);
extern const char *tg_required_column_names(void);
extern const char *tg_next_name(const char *name);

/* Is a string empty, or white space only? */
extern bool tg_is_blank(const char *string);

/*
 * Has names mean PostgreSQL's own objects, whatever search_path the caller
 * has, until AtEOXact_GUC(true, ...) is called with the level returned.
 */
extern int	tg_pin_search_path(void);

#endif							/* TROVELLA_GUARD_SETTINGS_H */
