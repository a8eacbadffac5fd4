/*-------------------------------------------------------------------------
 *
 * levels.c
 *		The levels of rules: the settings trovella_guard.profile and .rules.
 *
 * The profile gives each rule a level (registry.c); trovella_guard.rules
 * overrides that of single rules.  Its check hook parses the value into its
 * "extra" and complains.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "rules/rules.h"
#include "settings.h"

/* The level that trovella_guard.rules gives a rule, or -1. */
typedef signed char LevelOverride;

static int	profile = TG_PROFILE_CHECKLIST;
static char *rules_string = NULL;

static const struct
{
	const char *name;
	RuleLevel	level;
}			level_names[] =

{
	{"error", TG_LEVEL_ERROR},
	{"warning", TG_LEVEL_WARNING},
	{"info", TG_LEVEL_INFO},
	{"off", TG_LEVEL_OFF},
};

static const struct config_enum_entry profile_options[] = {
	{"checklist", TG_PROFILE_CHECKLIST, false},
	{"isolation", TG_PROFILE_ISOLATION, false},
	{"strict", TG_PROFILE_STRICT, false},
	{NULL, 0, false}
};

/* The level of the rule in trovella_guard.rules, or -1. */
static LevelOverride
get_override(int rule)
{
	const LevelOverride *overrides = tg_setting_extra(TG_SETTING_RULES);

	return overrides[rule];
}

RuleLevel
tg_rule_level(int rule)
{
	LevelOverride override = get_override(rule);

	return override >= 0 ? (RuleLevel) override :
		tg_rule_level_of_profile(rule);
}

RuleLevel
tg_rule_level_of_profile(int rule)
{
	return tg_rules[rule].levels[tg_setting_enum(TG_SETTING_PROFILE)];
}

bool
tg_rule_is_overridden(int rule)
{
	return get_override(rule) >= 0;
}

bool
tg_parse_level(const char *name, RuleLevel *level)
{
	for (int i = 0; i < (int) lengthof(level_names); i++)
	{
		if (pg_strcasecmp(name, level_names[i].name) == 0)
		{
			*level = level_names[i].level;
			return true;
		}
	}
	return false;
}

const char *
tg_level_name(RuleLevel level)
{
	for (int i = 0; i < (int) lengthof(level_names); i++)
	{
		if (level_names[i].level == level)
			return level_names[i].name;
	}
	return NULL;
}

/*
 * Parses one "rule = level" of trovella_guard.rules into the overrides.
 */
static bool
parse_override(char *item, LevelOverride *overrides)
{
	char	   *name = item;
	char	   *value = strchr(item, '=');
	RuleLevel	level;
	int			rule;

	if (value == NULL)
	{
		GUC_check_errdetail("\"%s\" is not of the form rule=level.", item);
		GUC_check_errhint("For example: fk_index_missing=warning, rls_not_forced=error.");
		return false;
	}
	*value++ = '\0';

	while (*value != '\0' && isspace((unsigned char) *value))
		value++;
	for (char *end = value + strlen(value);
		 end > value && isspace((unsigned char) end[-1]);)
		*--end = '\0';
	for (char *end = name + strlen(name);
		 end > name && isspace((unsigned char) end[-1]);)
		*--end = '\0';

	rule = tg_rule_by_name(name);
	if (rule < 0)
	{
		GUC_check_errdetail("There is no rule \"%s\".", name);
		GUC_check_errhint("The rules are: %s.", tg_rule_names());
		return false;
	}
	if (!tg_parse_level(value, &level))
	{
		GUC_check_errdetail("\"%s\" is not a level of rule \"%s\".", value,
							tg_rules[rule].name);
		GUC_check_errhint("The levels are: error, warning, info, off.");
		return false;
	}
	if (overrides[rule] >= 0)
	{
		GUC_check_errdetail("Rule \"%s\" is named twice.",
							tg_rules[rule].name);
		return false;
	}
	overrides[rule] = (LevelOverride) level;
	return true;
}

static bool
check_rules(char **newval, void **extra, GucSource source pg_attribute_unused())
{
	LevelOverride *overrides;
	char	   *item;
	char	   *next;
	bool		ok = true;

	overrides = guc_malloc(LOG, tg_rules_count * sizeof(LevelOverride));
	if (overrides == NULL)
		return false;
	memset(overrides, -1, tg_rules_count * sizeof(LevelOverride));

	item = pstrdup(*newval);
	while (isspace((unsigned char) *item))
		item++;

	/* The default is an empty value, which overrides nothing */
	if (*item == '\0')
		item = NULL;
	for (; ok && item != NULL; item = next)
	{
		next = strchr(item, ',');
		if (next != NULL)
			*next++ = '\0';
		while (isspace((unsigned char) *item))
			item++;
		if (*item == '\0')
		{
			GUC_check_errdetail("The list has an empty element.");
			GUC_check_errhint("For example: fk_index_missing=warning, rls_not_forced=error.");
			ok = false;
		}
		else
			ok = parse_override(item, overrides);
	}

	if (!ok)
	{
		guc_free(overrides);
		return false;
	}
	*extra = overrides;
	return true;
}

void
tg_levels_init(void)
{
	DefineCustomEnumVariable("trovella_guard.profile",
							 "Chooses the levels of all rules.",
							 "\"checklist\" refuses what breaks the checklist, \"isolation\" only what lets rows of another tenant be reached, \"strict\" also what cannot be proven.",
							 &profile,
							 TG_PROFILE_CHECKLIST,
							 profile_options,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.rules",
							   "Overrides the level of rules that the profile gives them.",
							   "A list such as fk_index_missing=warning, rls_not_forced=error.",
							   &rules_string,
							   "",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_rules, NULL, NULL);
}
