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

typedef enum GuardSetting
{
	TG_SETTING_MODE,
	TG_SETTING_PROFILE,
	TG_SETTING_RULES,
	TG_SETTING_TENANT_COLUMNS,
	TG_SETTING_REQUIRED_COLUMNS,
	TG_SETTING_APP_ROLE,
	TG_SETTING_TENANT_EXPRESSION,
	TG_SETTING_BIND
} GuardSetting;

/* Defines the settings but those of levels.c; _PG_init calls it once, after that. */
extern void tg_settings_init(void);

/*
 * The value that counts: as a number, as text, and what the check hook made of
 * it.  A value of SET counts while the current user may set it; else the value
 * that RESET would bring back does.
 */
extern int	tg_setting_enum(GuardSetting setting);
extern const char *tg_setting_text(GuardSetting setting);
extern const void *tg_setting_extra(GuardSetting setting);

/* Says of a value that does not count why; NULL if it does. */
extern const char *tg_setting_ignored(GuardSetting setting);

/* Raises a WARNING for each setting whose value does not count. */
extern void tg_settings_warn(void);

/* Its number, without the prefix of its name; -1 if there is no such setting. */
extern int	tg_setting_by_name(const char *name);

extern GuardMode tg_mode(void);

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

/* trovella_guard.tenant_expression.  Does it contain the name of a session setting? */
extern const char *tg_tenant_expression(void);
extern bool tg_tenant_expression_reads(const char *setting);

/* trovella_guard.bind */
extern const char *tg_bind(void);

/* Is a string empty, or white space only? */
extern bool tg_is_blank(const char *string);

/*
 * Sets search_path so that names mean PostgreSQL's own objects, until
 * AtEOXact_GUC(true, ...) is called with the level that is returned.
 */
extern int	tg_pin_search_path(void);

/* What it was before our own functions, in SQL or C, pinned it. */
extern const char *tg_unpinned_search_path(void);

#endif							/* TROVELLA_GUARD_SETTINGS_H */
