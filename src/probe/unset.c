/*-------------------------------------------------------------------------
 *
 * unset.c
 *		A session in which a setting was never set.
 *
 * current_setting('app.org', true) is NULL in a new session, and '' as soon as
 * the setting was once set, for as long as the session lives: PostgreSQL keeps a
 * placeholder for it.  Policies often say the one thing for NULL and the other
 * for '', and a trial must show both, also the second time that somebody calls
 * probe().
 *
 * There is no way to remove one placeholder.  So its name is changed while the
 * statements of a trial run: who looks for the setting does not find it.  It is
 * changed back before anybody else can look, and nothing but the name is touched.
 * The trials run without parallel workers, to which the odd name would be sent.
 *
 * What runs meanwhile may set the setting, which makes another placeholder.  Two
 * of one name would take turns to be found, so the new one is hidden for good.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "probe/unset.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"

/* No name of a setting has this character. */
#define HIDING_MARK '\001'

typedef struct HiddenSetting
{
	struct config_generic *setting;
	char	   *name;			/* a copy of what it is called */
	const char *string;			/* the string that its record had */
} HiddenSetting;

static void
change_name(struct config_generic *setting)
{
#ifdef TG_SETTINGS_ARE_HASHED
	/* the key in the hash table is this very string */
	*unconstify(char *, setting->name) = HIDING_MARK;
#else
	/* the order among the names, which are searched by bisection, stays */
	setting->name = MemoryContextStrdup(TopMemoryContext,
										psprintf("%s%c", setting->name,
												 HIDING_MARK));
#endif
}

/* Of two settings of one name the older one keeps it. */
static void
hide_newer(struct config_generic *newer, struct config_generic *setting)
{
	change_name(newer);
#ifndef TG_SETTINGS_ARE_HASHED
	/* ... and comes first in the order */
	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		struct config_generic **place = &get_guc_variables()[i];

		if (*place == newer)
			*place = setting;
		else if (*place == setting)
			*place = newer;
	}
#else
	(void) setting;
#endif
}

static void
restore_name(const HiddenSetting *entry)
{
#ifdef TG_SETTINGS_ARE_HASHED
	*unconstify(char *, entry->string) = entry->name[0];
#else
	pfree(unconstify(char *, entry->setting->name));
	entry->setting->name = entry->string;
#endif
}

void
tg_hide_setting(const char *name, List **hidden)
{
	struct config_generic *setting = TG_FIND_SETTING(name);
	HiddenSetting *entry;

	if (setting == NULL || (setting->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
		return;
	entry = palloc0(sizeof(HiddenSetting));
	entry->setting = setting;
	entry->name = pstrdup(setting->name);
	entry->string = setting->name;
	*hidden = lappend(*hidden, entry);
	change_name(setting);
}

bool
tg_show_settings(List *hidden)
{
	bool		made = false;
	ListCell   *lc;

	foreach(lc, hidden)
	{
		HiddenSetting *entry = lfirst(lc);
		struct config_generic *newer = TG_FIND_SETTING(entry->name);

		/* a library that was loaded meanwhile may have defined it */
		if (newer != NULL && (newer->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
			continue;
		if (newer != NULL)
		{
			hide_newer(newer, entry->setting);
			made = true;
		}
		restore_name(entry);
	}
	return made;
}
