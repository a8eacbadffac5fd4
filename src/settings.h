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

/* What a broken rule leads to.  Ordered: the greater, the graver. */
typedef enum RuleLevel
{
	TG_LEVEL_OFF,				/* nothing */
	TG_LEVEL_INFO,				/* a row in audits */
	TG_LEVEL_WARNING,			/* a WARNING at commit */
	TG_LEVEL_ERROR				/* the commit is refused */
} RuleLevel;

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

/*
 * The level that rule number "rule" of the registry has now, and whether that
 * comes from trovella_guard.rules rather than from the registry.
 */
extern RuleLevel tg_rule_level(int rule);
extern bool tg_rule_is_overridden(int rule);

/* A level by its name; false if there is no such level. */
extern bool tg_parse_level(const char *name, RuleLevel *level);
extern const char *tg_level_name(RuleLevel level);

/*
 * Has names mean PostgreSQL's own objects, whatever search_path the caller
 * has, until AtEOXact_GUC(true, ...) is called with the level returned.
 */
extern int	tg_pin_search_path(void);

#endif							/* TROVELLA_GUARD_SETTINGS_H */
