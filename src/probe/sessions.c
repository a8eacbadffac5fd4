/*-------------------------------------------------------------------------
 *
 * sessions.c
 *		The sessions in which a table is tried.
 *
 * In the bound session the settings name tenant A and its user.  Where a policy
 * compares a setting with a literal, there is one more session for each literal:
 * a role, a switch, a wildcard.  Anybody can SET a setting, so what such a value
 * opens is open; a declared bypass stays off.
 *
 * In the other sessions the tenant is not set, or is '', or does not exist: once
 * for all settings, and once for those of the tenant alone.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "probe/attempt.h"
#include "probe/probe.h"
#include "probe/unset.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#define MAX_LITERAL_SESSIONS 16

/* A setting, or a part of one, and what it holds. */
typedef struct Slot
{
	Term	   *term;
	bool		is_tenant;
	bool		is_switch;		/* of a declared bypass: stays off */
	bool		is_builtin;		/* of PostgreSQL: is always there */
	const char *values[PROBE_TENANTS];
	const char *value;			/* in the session that is being made */
	bool		set;			/* ... if it is set there at all */
} Slot;

typedef struct SlotList
{
	int			count;
	Slot	   *slots;
} SlotList;

static bool
is_declared_switch(const Probe *probe, const char *setting)
{
	const Decisions *decisions = tg_facts_decisions(probe->reader);
	ListCell   *lc;

	foreach(lc, decisions->bypasses)
	{
		DeclaredBypass *bypass = lfirst(lc);

		if (bypass->setting != NULL &&
			pg_strcasecmp(bypass->setting, setting) == 0)
			return true;
	}
	return false;
}

/* A setting holds one of the values of a column that is an array. */
static const char *
first_element(const char *value)
{
	List	   *elements;

	if (value == NULL || value[0] != '{')
		return value;
	elements = tg_elements_of(list_make1(unconstify(char *, value)));
	return elements != NIL ? linitial(elements) : value;
}

/* ... but '', to ask whether it is there. */
static bool
compared_with_nothing(const Term *term)
{
	ListCell   *lc;

	foreach(lc, term->literals)
	{
		if (((char *) lfirst(lc))[0] != '\0')
			return false;
	}
	return true;
}

/* A setting that is cast to an array: one of one element. */
static const char *
as_cast(const Term *term, const char *value)
{
	if (value != NULL && value[0] != '{' && OidIsValid(term->type) &&
		OidIsValid(get_element_type(getBaseType(term->type))))
		return psprintf("{\"%s\"}", value);
	return value;
}

static SlotList
make_slots(const Probe *probe)
{
	List	   *settings = tg_probe_settings(probe->clues);
	SlotList	list = {0};
	ListCell   *lc;

	list.slots = palloc0((list_length(settings) + 1) * sizeof(Slot));
	foreach(lc, settings)
	{
		Term	   *term = lfirst(lc);
		Slot	   *slot = &list.slots[list.count];

		if (pg_strncasecmp(term->name, TG_EXTENSION ".",
						   strlen(TG_EXTENSION ".")) == 0)
			continue;
		slot->term = term;
		slot->is_tenant = tg_probe_is_tenant(probe->clues, term);
		slot->is_switch = is_declared_switch(probe, term->name);
		slot->is_builtin = tg_probe_is_builtin_setting(term->name);
		if (slot->is_tenant || tg_probe_has_column(probe->clues, term))
		{
			for (int i = 0; i < PROBE_TENANTS; i++)
				slot->values[i] =
					as_cast(term,
							first_element(slot->is_tenant && probe->bound[i] != NULL ?
										  probe->bound[i] :
										  tg_probe_term_value(probe, term, i)));
		}
		else if (compared_with_nothing(term) && term->type != BOOLOID &&
				 !slot->is_switch && !slot->is_builtin)
		{
			/* something that only has to be there */
			for (int i = 0; i < PROBE_TENANTS; i++)
				slot->values[i] = tg_value_for(OidIsValid(term->type) ?
											   term->type : TEXTOID, -1,
											   term->number + 1, i,
											   probe->style);
		}
		list.count++;
	}
	return list;
}

/* Which slots a session sets, and to what. */
static void
set_slots(SlotList *list, int tenants, int others)
{
	for (int i = 0; i < list->count; i++)
	{
		Slot	   *slot = &list->slots[i];
		int			tenant = slot->is_tenant ? tenants : others;

		slot->set = tenant >= 0 && slot->values[tenant] != NULL;
		slot->value = slot->set ? slot->values[tenant] : NULL;
	}
}

/* Another user of the first tenant. */
static void
set_user(SlotList *list, const Probe *probe, int user)
{
	for (int i = 0; i < list->count; i++)
	{
		Slot	   *slot = &list->slots[i];

		if (slot->set && !slot->is_tenant &&
			tg_probe_has_column(probe->clues, slot->term))
			slot->value = as_cast(slot->term,
								  first_element(tg_probe_term_value(probe, slot->term,
																	tg_probe_user(TENANT_A, user))));
	}
}

/* The settings that hold the slots. */
static List *
settings_of(const SlotList *list)
{
	List	   *result = NIL;

	for (int i = 0; i < list->count; i++)
	{
		const char *name = list->slots[i].term->name;
		Setting    *setting;
		List	   *parts = NIL;
		const char *scalar = NULL;
		bool		is_json = false;
		bool		seen = false;
		bool		empty = false;

		for (int j = 0; j < list->count; j++)
		{
			Slot	   *slot = &list->slots[j];
			JsonPart   *part;

			if (strcmp(slot->term->name, name) != 0)
				continue;
			if (j < i)
				seen = true;
			if (slot->term->path != NIL || slot->term->is_list ||
				slot->term->is_keys)
				is_json = true;
			if (!slot->set)
				continue;
			if (slot->value[0] == '\0')
				empty = true;
			if (slot->term->path == NIL)
				scalar = slot->value;
			part = palloc0(sizeof(JsonPart));
			part->path = slot->term->path;
			part->value = slot->value;
			part->is_list = slot->term->is_list;
			part->is_keys = slot->term->is_keys;
			if (part->path != NIL || part->is_list || part->is_keys)
				parts = lappend(parts, part);
		}
		if (seen || (parts == NIL && scalar == NULL))
			continue;
		setting = palloc0(sizeof(Setting));
		setting->name = name;
		if (is_json && parts == NIL)
			setting->value = empty ? "" : "{}";
		else
			setting->value = is_json ? tg_probe_json(parts) : scalar;
		result = lappend(result, setting);
	}
	return result;
}

static Session *
add_session(List **sessions, const Probe *probe, const SlotList *list,
			const char *group, const char *bound, List *own)
{
	Session    *session = palloc0(sizeof(Session));
	ListCell   *lc;

	session->group = group;
	session->bound = bound;
	session->settings = settings_of(list);
	session->own = own;
	session->role_tenant = probe->is_role || probe->role_is_user ?
		probe->tenants[TENANT_A] : NULL;
	/* with the tenant's settings alone it may be the same as another one */
	foreach(lc, *sessions)
	{
		Session    *other = lfirst(lc);
		bool		same = strcmp(other->group, group) == 0 &&
			list_length(other->settings) == list_length(session->settings) &&
			own != NIL && other->own != NIL &&
			strcmp(linitial(own), linitial(other->own)) == 0 &&
			probe->bind == NULL;

		for (int i = 0; same && i < list_length(session->settings); i++)
		{
			Setting    *a = list_nth(session->settings, i);
			Setting    *b = list_nth(other->settings, i);

			same = strcmp(a->name, b->name) == 0 &&
				strcmp(a->value, b->value) == 0;
		}
		if (same)
			return other;
	}
	*sessions = lappend(*sessions, session);
	return session;
}

static void
set_all(SlotList *list, const char *value, bool tenants_only)
{
	for (int i = 0; i < list->count; i++)
	{
		Slot	   *slot = &list->slots[i];

		if (slot->is_builtin || (tenants_only && !slot->is_tenant))
			continue;
		slot->value = value;
		slot->set = value != NULL;
	}
}

/* One session for each literal that a setting is compared with. */
static void
add_literal_sessions(List **sessions, const Probe *probe, SlotList *list,
					 List *own)
{
	int			left = MAX_LITERAL_SESSIONS;

	for (int i = 0; i < list->count; i++)
	{
		Slot	   *slot = &list->slots[i];
		Term	   *set = tg_probe_set(slot->term);
		List	   *literals = list_copy(slot->term->literals);
		ListCell   *lc;

		/* what it is passed through may be compared with them */
		foreach(lc, probe->clues->terms)
		{
			Term	   *other = lfirst(lc);

			if (other->kind == TERM_VARIABLE && tg_probe_set(other) == set)
				literals = list_concat(literals, other->literals);
		}
		if (slot->is_switch)
			continue;
		if (slot->term->type == BOOLOID)
			literals = lappend(literals, "true");
		/* a pattern for all */
		if (slot->values[TENANT_A] != NULL &&
			strspn(slot->values[TENANT_A], "0123456789") !=
			strlen(slot->values[TENANT_A]))
			literals = lappend(literals, "%");
		if (slot->values[TENANT_A] != NULL && probe->clues->patterns)
			literals = lappend(literals, ".*");
		foreach(lc, literals)
		{
			const char *literal = lfirst(lc);

			/* that is a session of its own */
			if (literal[0] == '\0')
				continue;
			if (left-- <= 0)
				return;
			set_slots(list, TENANT_A, TENANT_A);
			slot->value = literal;
			slot->set = true;
			(void) add_session(sessions, probe, list, "bound",
							   probe->tenants[TENANT_A],
							   slot->is_tenant ?
							   lappend(list_copy(own), unconstify(char *, literal)) :
							   own);

			/* and nothing else */
			set_slots(list, -1, -1);
			slot->value = literal;
			slot->set = true;
			(void) add_session(sessions, probe, list, "unset", NULL,
							   slot->is_tenant ?
							   list_make1(unconstify(char *, literal)) : NIL);
		}
	}

	/* settings that stand for the same thing may differ */
	for (int i = 0; i < list->count && left > 0; i++)
	{
		Term	   *set = tg_probe_set(list->slots[i].term);
		int			alike = 0;

		for (int j = 0; j < list->count; j++)
			alike += tg_probe_set(list->slots[j].term) == set;
		if (alike < 2 || list->slots[i].values[TENANT_A] == NULL)
			continue;
		for (int tenant = TENANT_UNKNOWN; tenant < PROBE_TENANTS + 1; tenant++)
		{
			set_slots(list, TENANT_A, TENANT_A);
			list->slots[i].set = tenant < PROBE_TENANTS;
			list->slots[i].value = list->slots[i].set ?
				list->slots[i].values[tenant] : NULL;
			if (list->slots[i].set && list->slots[i].value == NULL)
				continue;
			(void) add_session(sessions, probe, list, "bound",
							   probe->tenants[TENANT_A],
							   lappend(list_copy(own),
									   unconstify(char *, probe->tenants[TENANT_UNKNOWN])));
			left--;
		}
	}

	/* all at once */
	set_slots(list, TENANT_A, TENANT_A);
	for (int i = 0; i < list->count; i++)
	{
		Slot	   *slot = &list->slots[i];

		if (!slot->set && !slot->is_switch && slot->term->literals != NIL)
		{
			slot->value = linitial(slot->term->literals);
			slot->set = true;
		}
	}
	(void) add_session(sessions, probe, list, "bound",
					   probe->tenants[TENANT_A], own);
}

/*
 * The sessions, in the order in which to try them: those without settings come
 * first, because a setting that was once set is never unset again, but ''.  Before
 * the first one that is bound to A comes one that is bound to B, so that a cached
 * plan that kept its tenant shows up.
 */
List *
tg_probe_sessions(const Probe *probe)
{
	SlotList	list = make_slots(probe);
	List	   *sessions = NIL;
	char	   *a = unconstify(char *, probe->tenants[TENANT_A]);
	char	   *b = unconstify(char *, probe->tenants[TENANT_B]);
	char	   *unknown = unconstify(char *, probe->tenants[TENANT_UNKNOWN]);
	Session    *first = palloc0(sizeof(Session));

	first->group = "unset";
	first->role_tenant = probe->is_role || probe->role_is_user ? a : NULL;
	sessions = list_make1(first);
	set_slots(&list, -1, TENANT_A);
	(void) add_session(&sessions, probe, &list, "unset", NULL, list_make1(a));

	set_slots(&list, TENANT_B, TENANT_B);
	(void) add_session(&sessions, probe, &list, "bound", b, list_make1(b));
	set_slots(&list, TENANT_A, TENANT_A);
	(void) add_session(&sessions, probe, &list, "bound", a, list_make1(a));
	add_literal_sessions(&sessions, probe, &list, list_make1(a));

	for (int user = 1; user <= probe->users; user++)
	{
		set_slots(&list, TENANT_A, TENANT_A);
		set_user(&list, probe, user);
		(void) add_session(&sessions, probe, &list, "bound", a, list_make1(a));
	}

	set_slots(&list, TENANT_A, TENANT_A);
	set_all(&list, "", false);
	(void) add_session(&sessions, probe, &list, "empty", "", NIL);
	set_slots(&list, TENANT_A, TENANT_A);
	set_all(&list, "", true);
	(void) add_session(&sessions, probe, &list, "empty", "", list_make1(a));

	set_slots(&list, TENANT_UNKNOWN, TENANT_UNKNOWN);
	(void) add_session(&sessions, probe, &list, "unknown", unknown,
					   list_make1(unknown));
	set_slots(&list, TENANT_UNKNOWN, TENANT_A);
	(void) add_session(&sessions, probe, &list, "unknown", unknown,
					   list_make2(a, unknown));
	return sessions;
}

bool
tg_session_owns(const Session *session, const char *tenant)
{
	ListCell   *lc;

	if (tenant == NULL)
		return false;
	if (session->role_tenant != NULL &&
		strcmp(session->role_tenant, tenant) == 0)
		return true;
	foreach(lc, session->own)
	{
		if (strcmp(lfirst(lc), tenant) == 0)
			return true;
	}
	return false;
}

/*
 * Entering
 */

typedef struct Binding
{
	const char *sql;
	const char *tenant;
} Binding;

static void
run_binding(void *arg)
{
	Binding    *binding = arg;
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(binding->tenant)};

	if (SPI_execute_with_args(binding->sql, 1, types, values, NULL, false,
							  0) < 0)
		elog(ERROR, "the statement that binds a tenant could not be run");
}

static void
set_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* (A binding may set any of them.) */
static bool
sets(const Probe *probe, const Session *session, const char *name)
{
	ListCell   *lc;

	if (probe->bind != NULL)
		return session->bound != NULL;

	foreach(lc, session->settings)
	{
		if (pg_strcasecmp(((Setting *) lfirst(lc))->name, name) == 0)
			return true;
	}
	return false;
}

/* A setting that a policy itself may set cannot be hidden. */
static void
hide_setting(const Probe *probe, const char *name, List **hidden)
{
	const char *value = GetConfigOption(name, true, false);

	if (value != NULL && value[0] != '\0')
		set_setting(name, "");
	if (!probe->clues->sets_settings)
		tg_hide_setting(name, hidden);
}

typedef struct Entry
{
	Probe	   *probe;
	const Session *session;
	Oid			role;
	AttemptAction action;
	void	   *arg;
	List	   *hidden;
} Entry;

/* A timeout would end the probe as if the user had cancelled it. */
static void
complain_of_slow_binding(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("needs a statement that binds a tenant within two seconds")));
}

/* The binding is user code, and runs as the role of the application. */
static void
bind(const Entry *entry)
{
	Binding		binding = {entry->probe->bind, entry->session->bound};
	ErrorData  *error;

	if (binding.tenant == NULL)
		return;
	if (entry->probe->slow_bind)
		complain_of_slow_binding();
	error = tg_attempt(entry->role, true, run_binding, &binding);
	if (tg_attempt_timed_out(error))
	{
		entry->probe->slow_bind = true;
		complain_of_slow_binding();
	}
	/* it may refuse what is no tenant */
	if (error != NULL && binding.tenant[0] != '\0')
		ReThrowError(error);
}

static void
enter(void *arg)
{
	Entry	   *entry = arg;
	ListCell   *lc;

	set_setting("role", GetUserNameFromId(entry->role, false));

	/* what the session of the probe has set itself */
	foreach(lc, entry->probe->clues->terms)
	{
		Term	   *term = lfirst(lc);

		if (term->kind == TERM_SETTING && !sets(entry->probe, entry->session, term->name))
			hide_setting(entry->probe, term->name, &entry->hidden);
	}
	if (entry->probe->bind != NULL)
		bind(entry);
	else
	{
		foreach(lc, entry->session->settings)
		{
			Setting    *setting = lfirst(lc);

			set_setting(setting->name, setting->value);
		}
	}
	entry->action(entry->arg);
}

ErrorData *
tg_in_session(Probe *probe, const Session *session, Oid role,
			  AttemptAction action, void *arg)
{
	Entry		entry = {probe, session, role, action, arg, NIL};
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		error = tg_undone(enter, &entry);
	}
	PG_CATCH();
	{
		(void) tg_show_settings(entry.hidden);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (tg_show_settings(entry.hidden))
		probe->clues->sets_settings = true;
	return error;
}

/* The same for psql. */
char *
tg_session_script(const Probe *probe, const Session *session, Oid role)
{
	StringInfoData script;
	ListCell   *lc;

	initStringInfo(&script);
	appendStringInfo(&script, "SET LOCAL ROLE %s;\n",
					 quote_identifier(GetUserNameFromId(role, false)));
	if (probe->bind != NULL)
	{
		if (session->bound != NULL)
			appendStringInfo(&script, "PREPARE bind(text) AS %s;\nEXECUTE bind(%s);\n",
							 probe->bind, quote_literal_cstr(session->bound));
		return script.data;
	}
	foreach(lc, session->settings)
	{
		Setting    *setting = lfirst(lc);

		appendStringInfo(&script, "SELECT pg_catalog.set_config(%s, %s, true);\n",
						 quote_literal_cstr(setting->name),
						 quote_literal_cstr(setting->value));
	}
	return script.data;
}
