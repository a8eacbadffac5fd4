/*-------------------------------------------------------------------------
 *
 * settings.c
 *		The settings trovella_guard.*, validated and parsed.
 *
 * Each of them can weaken the guard or switch it off, so all are PGC_SUSET: the
 * owner of a table or of the database cannot change them, and a superuser can
 * delegate that with GRANT SET ON PARAMETER.  PostgreSQL drops a value that an
 * ordinary role set before the library was loaded (define_custom_variable() in
 * guc.c replays it with the privileges of that role).
 *
 * Check hooks parse a value into the "extra" and reject bad ones.  They read no
 * catalog: a role or a column need not exist yet when postgresql.conf is read.
 *
 * A value of SET may outlive its reason: set_user and SET ROLE leave it behind, a
 * pooler hands it to the next client.  So it counts only while the current user
 * may set it, and the variables of the settings are read here and nowhere else.
 * The current user is the one who commits (GetOuterUserId()), not the owner of a
 * SECURITY DEFINER function.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "compat.h"
#include "guard.h"
#include "miscadmin.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/formatting.h"
#include "utils/guc_tables.h"
#include "utils/varlena.h"

/* That of all our functions in the install script */
#define PINNED_SEARCH_PATH "pg_catalog, pg_temp"

static int	mode = TG_MODE_ENFORCE;
static char *tenant_columns = NULL;
static char *required_columns = NULL;
static char *app_roles = NULL;
static char *tenant_expression = NULL;
static char *bind = NULL;

static const char *const setting_names[] = {
	[TG_SETTING_MODE] = "trovella_guard.mode",
	[TG_SETTING_PROFILE] = "trovella_guard.profile",
	[TG_SETTING_RULES] = "trovella_guard.rules",
	[TG_SETTING_TENANT_COLUMNS] = "trovella_guard.tenant_columns",
	[TG_SETTING_REQUIRED_COLUMNS] = "trovella_guard.required_columns",
	[TG_SETTING_APP_ROLE] = "trovella_guard.app_role",
	[TG_SETTING_TENANT_EXPRESSION] = "trovella_guard.tenant_expression",
	[TG_SETTING_BIND] = "trovella_guard.bind",
};

static struct config_generic *records[lengthof(setting_names)];

static const struct config_enum_entry mode_options[] = {
	{"enforce", TG_MODE_ENFORCE, false},
	{"warn", TG_MODE_WARN, false},
	{"off", TG_MODE_OFF, false},
	{NULL, 0, false}
};

/* Everybody may be stricter. */
static bool
is_stricter(GuardSetting setting)
{
	return setting == TG_SETTING_MODE &&
		mode >= TG_ENUM_SETTING(records[setting])->reset_val;
}

static bool
counts(GuardSetting setting)
{
	return records[setting]->source != PGC_S_SESSION ||
		is_stricter(setting) ||
		pg_parameter_aclcheck(setting_names[setting], GetOuterUserId(),
							  ACL_SET) == ACLCHECK_OK;
}

int
tg_setting_enum(GuardSetting setting)
{
	const struct config_enum *record = TG_ENUM_SETTING(records[setting]);

	return counts(setting) ? *record->variable : record->reset_val;
}

const char *
tg_setting_text(GuardSetting setting)
{
	const char *name = setting_names[setting];

	return counts(setting) ? GetConfigOption(name, false, false) :
		GetConfigOptionResetString(name);
}

const void *
tg_setting_extra(GuardSetting setting)
{
	struct config_generic *record = records[setting];

	return counts(setting) ? record->extra : TG_RESET_EXTRA(record);
}

const char *
tg_setting_ignored(GuardSetting setting)
{
	const char *name = setting_names[setting];
	const char *set = GetConfigOption(name, false, false);

	if (counts(setting) ||
		strcmp(set, GetConfigOptionResetString(name)) == 0)
		return NULL;
	return psprintf("the value \"%s\" of SET does not count, because role \"%s\" may not set it",
					set, GetUserNameFromId(GetOuterUserId(), false));
}

void
tg_settings_warn(void)
{
	for (int i = 0; i < (int) lengthof(setting_names); i++)
	{
		const char *ignored = tg_setting_ignored(i);

		if (ignored != NULL)
			ereport(WARNING,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("%s: %s", setting_names[i], ignored),
					 errdetail("The guard uses \"%s\".", tg_setting_text(i)),
					 errhint("RESET ALL ends a value that was left behind; SET LOCAL ends with its transaction.")));
	}
}

int
tg_setting_by_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(setting_names); i++)
	{
		if (strcmp(name, setting_names[i] + strlen(TG_EXTENSION ".")) == 0)
			return i;
	}
	return -1;
}

GuardMode
tg_mode(void)
{
	return (GuardMode) tg_setting_enum(TG_SETTING_MODE);
}

const char *
tg_tenant_column_names(void)
{
	return tg_setting_extra(TG_SETTING_TENANT_COLUMNS);
}

const char *
tg_required_column_names(void)
{
	return tg_setting_extra(TG_SETTING_REQUIRED_COLUMNS);
}

const char *
tg_app_role_names(void)
{
	return tg_setting_extra(TG_SETTING_APP_ROLE);
}

const char *
tg_tenant_expression(void)
{
	return tg_setting_text(TG_SETTING_TENANT_EXPRESSION);
}

const char *
tg_bind(void)
{
	return tg_setting_text(TG_SETTING_BIND);
}

bool
tg_tenant_expression_reads(const char *setting)
{
	const char *value = tg_tenant_expression();
	char	   *expression = asc_tolower(value, strlen(value));

	return strstr(expression,
				  psprintf("'%s'", asc_tolower(setting, strlen(setting)))) != NULL;
}

const char *
tg_next_name(const char *name)
{
	return name + strlen(name) + 1;
}

bool
tg_is_in_names(const char *names, const char *name)
{
	for (; *names != '\0'; names = tg_next_name(names))
	{
		if (strcmp(names, name) == 0)
			return true;
	}
	return false;
}

/*
 * Parses a list of names into the flat form that tg_tenant_column_names()
 * documents.
 */
static bool
check_names(char **newval, void **extra, GucSource source pg_attribute_unused())
{
	char	   *raw = pstrdup(*newval);
	List	   *names;
	ListCell   *lc;
	Size		size = 1;
	char	   *flat;
	char	   *next;

	if (!SplitIdentifierString(raw, ',', &names))
	{
		GUC_check_errdetail("List syntax is invalid.");
		GUC_check_errhint("Write names separated by commas; quote those that are not lower case.");
		return false;
	}
	if (names == NIL)
	{
		GUC_check_errdetail("The list is empty.");
		GUC_check_errhint("Name at least one. To silence a rule, set its level to \"off\" in trovella_guard.rules.");
		return false;
	}

	foreach(lc, names)
	{
		/* "" is valid syntax, but an empty string ends the flat list */
		if (*(char *) lfirst(lc) == '\0')
		{
			GUC_check_errdetail("A name in the list is empty.");
			return false;
		}
		size += strlen((char *) lfirst(lc)) + 1;
	}

	flat = guc_malloc(LOG, size);
	if (flat == NULL)
		return false;
	next = flat;
	foreach(lc, names)
	{
		strcpy(next, (char *) lfirst(lc));
		next += strlen(next) + 1;
	}
	*next = '\0';

	*extra = flat;
	list_free(names);
	pfree(raw);
	return true;
}

bool
tg_is_blank(const char *string)
{
	while (isspace((unsigned char) *string))
		string++;
	return *string == '\0';
}

static bool
check_not_blank(char **newval, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if (!tg_is_blank(*newval))
		return true;
	GUC_check_errdetail("The value is empty.");
	return false;
}

/* A word in an expression, not ended by a null character. */
typedef struct Word
{
	const char *start;
	int			length;			/* 0: there is none */
} Word;

static bool
is_word_char(char c)
{
	return c == '_' || isalnum((unsigned char) c) || IS_HIGHBIT_SET(c);
}

static bool
is_word(Word word, const char *name)
{
	return word.length == (int) strlen(name) &&
		pg_strncasecmp(word.start, name, word.length) == 0;
}

/*
 * The words that begin a query or one of its clauses.  In an expression they
 * occur only within parentheses, and FROM in IS DISTINCT FROM.  WITH occurs in
 * names of types; a query that begins with it contains AS.
 */
static const char *const query_words[] = {
	"as", "except", "fetch", "for", "from", "group", "having", "intersect",
	"into", "limit", "offset", "order", "select", "table", "union", "values",
	"where", "window"
};

static bool
belongs_to_query(Word word, Word previous)
{
	if (is_word(word, "distinct"))
		return !is_word(previous, "is") && !is_word(previous, "not");
	if (is_word(word, "from") && is_word(previous, "distinct"))
		return false;
	for (int i = 0; i < (int) lengthof(query_words); i++)
	{
		if (is_word(word, query_words[i]))
			return true;
	}
	return false;
}

/*
 * Why the value cannot be one expression within the parentheses of a policy,
 * or NULL.
 *
 * We do not call the parser: it raises errors, and a check hook runs where
 * none may be raised (a reload in the postmaster) or caught (outside a
 * transaction).  So a value that passes may still be no expression; then the
 * statement that contains it has a syntax error.
 */
static const char *
why_not_expression(const char *value)
{
	char		closing[64];
	int			depth = 0;
	char		quote = '\0';
	Word		previous = {NULL, 0};	/* with nothing but blanks since */
	bool		after_dot = false;

	for (const char *c = value; *c != '\0'; c++)
	{
		Word		word = {c, 0};
		bool		is_field = after_dot;

		after_dot = false;
		if (quote != '\0')
		{
			/* Whether a quote follows depends on how the string began */
			if (*c == '\\' && quote == '\'' && (c[1] == '\'' || c[1] == '\\'))
				return "a backslash comes before a quote or another backslash";
			if (*c == quote)
				quote = '\0';
			continue;
		}
		if (isspace((unsigned char) *c))
			continue;

		/* "1." is a number, so a word after it is no name of a field */
		if (isdigit((unsigned char) *c))
		{
			while (isdigit((unsigned char) c[1]) || c[1] == '.')
				c++;
		}
		else if (is_word_char(*c))
		{
			while (is_word_char(c[1]))
				c++;
			if (!is_field)
				word.length = c + 1 - word.start;
			if (depth == 0 && belongs_to_query(word, previous))
				return "it has a part of a query outside parentheses";
		}
		else if (*c == '.')
			after_dot = true;
		else if (*c == '\'' || *c == '"')
			quote = *c;
		else if (*c == '(' || *c == '[')
		{
			if (depth == (int) lengthof(closing))
				return "it is nested too deeply";
			closing[depth++] = *c == '(' ? ')' : ']';
		}
		else if (*c == ')' || *c == ']')
		{
			if (depth == 0 || closing[--depth] != *c)
				return "a parenthesis has no counterpart";
		}
		else if (*c == ';' || (*c == ',' && depth == 0))
			return "it is more than one expression";
		else if ((*c == '-' && c[1] == '-') || (*c == '/' && c[1] == '*'))
			return "it contains a comment";
		else if (*c == '$')
			return "it contains a dollar sign outside quotes";
		previous = word;
	}
	if (quote != '\0')
		return "a quote is not closed";
	return depth > 0 ? "a parenthesis has no counterpart" : NULL;
}

static bool
check_expression(char **newval, void **extra, GucSource source)
{
	const char *why;

	if (!check_not_blank(newval, extra, source))
		return false;
	why = why_not_expression(*newval);
	if (why == NULL)
		return true;
	GUC_check_errdetail("The value is not an SQL expression: %s.", why);
	GUC_check_errhint("For example: nullif(pg_catalog.current_setting('app.current_organization_id', true), '').");
	return false;
}

int
tg_pin_search_path(void)
{
	int			save_nestlevel = NewGUCNestLevel();

	(void) set_config_option("search_path", PINNED_SEARCH_PATH,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	return save_nestlevel;
}

const char *
tg_unpinned_search_path(void)
{
	const GucStack *stack = TG_FIND_SETTING("search_path")->stack;
	const char *path = namespace_search_path;

	for (; stack != NULL && strcmp(path, PINNED_SEARCH_PATH) == 0;
		 stack = stack->prev)
	{
		if (stack->state == GUC_SAVE)
			path = stack->prior.val.stringval;
	}
	return path;
}

void
tg_settings_init(void)
{
	DefineCustomEnumVariable("trovella_guard.mode",
							 "Sets what the guard does at commit.",
							 "\"enforce\" refuses a transaction that leaves a tenant table less protected than the checklist demands, \"warn\" only warns, \"off\" is silent.",
							 &mode,
							 TG_MODE_ENFORCE,
							 mode_options,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.tenant_columns",
							   "Names the columns that make a table a tenant table.",
							   "If a table has several of them, the one named first counts.",
							   &tenant_columns,
							   "organization_id",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_names, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.required_columns",
							   "Names the columns that a tenant table should have besides the tenant column.",
							   NULL,
							   &required_columns,
							   "created_at, updated_at",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_names, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.app_role",
							   "Names the roles that serve tenants' sessions.",
							   "Where none of them exists, these are all login roles that are neither superusers nor exempt from row-level security nor excused.",
							   &app_roles,
							   "authenticated",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_names, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.tenant_expression",
							   "Sets the SQL expression that yields the session's tenant.",
							   "Generated policies compare the tenant column with it.",
							   &tenant_expression,
							   "nullif(pg_catalog.current_setting('app.current_organization_id', true), '')",
							   PGC_SUSET,
							   0,
							   check_expression, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.bind",
							   "Sets the SQL statement by which probe() binds a session to the tenant $1.",
							   "If it is empty, probe() learns from the policies which settings to set.",
							   &bind,
							   "",
							   PGC_SUSET,
							   0,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("trovella_guard");

	for (int i = 0; i < (int) lengthof(setting_names); i++)
		records[i] = TG_FIND_SETTING(setting_names[i]);
}
