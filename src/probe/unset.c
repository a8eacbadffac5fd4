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
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "probe/unset.h"
#include "utils/guc_tables.h"

/* No name of a setting has this character. */
#define HIDING_MARK '\001'

typedef struct HiddenSetting
{
	struct config_generic *setting;
	const char *name;			/* as it was */
	char		first;			/* its first character */
} HiddenSetting;

static struct config_generic *
find_setting(const char *name)
{
#ifdef TG_SETTINGS_ARE_HASHED
	return find_option(name, false, true, 0);
#else
	struct config_generic **settings = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	}
	return NULL;
#endif
}

void
tg_hide_setting(const char *name, List **hidden)
{
	struct config_generic *setting = find_setting(name);
	HiddenSetting *entry;

	if (setting == NULL || (setting->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
		return;
	entry = palloc0(sizeof(HiddenSetting));
	entry->setting = setting;
	entry->name = setting->name;
	entry->first = setting->name[0];
	*hidden = lappend(*hidden, entry);
#ifdef TG_SETTINGS_ARE_HASHED
	/* the key in the hash table is this very string */
	*unconstify(char *, setting->name) = HIDING_MARK;
#else
	/* the order among the names, which are searched by bisection, stays */
	setting->name = psprintf("%s%c", setting->name, HIDING_MARK);
#endif
}

void
tg_show_settings(List *hidden)
{
	ListCell   *lc;

	foreach(lc, hidden)
	{
		HiddenSetting *entry = lfirst(lc);

#ifdef TG_SETTINGS_ARE_HASHED
		*unconstify(char *, entry->name) = entry->first;
#else
		entry->setting->name = entry->name;
#endif
	}
}
