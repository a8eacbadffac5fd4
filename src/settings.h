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
extern char *tg_tenant_expression;

/* Defines the settings; _PG_init calls it once. */
extern void tg_settings_init(void);

/*
 * Names in the order of the setting, each of them NUL-terminated, with an empty
 * string at the end of the list.  tg_next_name() goes to the next one.
 */
extern const char *tg_tenant_column_names(void);
extern const char *tg_required_column_names(void);
extern const char *tg_app_role_names(void);
extern const char *tg_next_name(const char *name);

/* Is a name one of such a list? */
extern bool tg_is_in_names(const char *names, const char *name);

/* Does trovella_guard.tenant_expression contain the name of a session setting? */
extern bool tg_tenant_expression_reads(const char *setting);

/* Is a string empty, or white space only? */
extern bool tg_is_blank(const char *string);

/*
 * Sets search_path so that names mean PostgreSQL's own objects, until
 * AtEOXact_GUC(true, ...) is called with the level that is returned.
 */
extern int	tg_pin_search_path(void);

#endif							/* TROVELLA_GUARD_SETTINGS_H */
