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
 * Check hooks parse a value into the "extra" and reject bad ones; assign hooks
 * only copy a pointer and cannot fail.  They read no catalog: a role or a column
 * need not exist yet when postgresql.conf is read.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "settings.h"
#include "utils/formatting.h"
#include "utils/varlena.h"

int			tg_mode = TG_MODE_ENFORCE;
char	   *tg_tenant_expression = NULL;

static char *tenant_columns_string = NULL;
static char *required_columns_string = NULL;
static char *app_roles_string = NULL;

static const char *tenant_columns = NULL;
static const char *required_columns = NULL;
static const char *app_roles = NULL;

static const struct config_enum_entry mode_options[] = {
	{"enforce", TG_MODE_ENFORCE, false},
	{"warn", TG_MODE_WARN, false},
	{"off", TG_MODE_OFF, false},
	{NULL, 0, false}
};

const char *
tg_tenant_column_names(void)
{
	return tenant_columns;
}

const char *
tg_required_column_names(void)
{
	return required_columns;
}

const char *
tg_app_role_names(void)
{
	return app_roles;
}

bool
tg_tenant_expression_reads(const char *setting)
{
	char	   *expression = asc_tolower(tg_tenant_expression,
										 strlen(tg_tenant_expression));

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

static void
assign_tenant_columns(const char *newval pg_attribute_unused(), void *extra)
{
	tenant_columns = (const char *) extra;
}

static void
assign_required_columns(const char *newval pg_attribute_unused(), void *extra)
{
	required_columns = (const char *) extra;
}

static void
assign_app_roles(const char *newval pg_attribute_unused(), void *extra)
{
	app_roles = (const char *) extra;
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

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	return save_nestlevel;
}

void
tg_settings_init(void)
{
	DefineCustomEnumVariable("trovella_guard.mode",
							 "Sets what the guard does at commit.",
							 "\"enforce\" refuses a transaction that leaves a tenant table less protected than the checklist demands, \"warn\" only warns, \"off\" is silent.",
							 &tg_mode,
							 TG_MODE_ENFORCE,
							 mode_options,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("trovella_guard.tenant_columns",
							   "Names the columns that make a table a tenant table.",
							   "If a table has several of them, the one named first counts.",
							   &tenant_columns_string,
							   "organization_id",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_names, assign_tenant_columns, NULL);

	DefineCustomStringVariable("trovella_guard.required_columns",
							   "Names the columns that a tenant table should have besides the tenant column.",
							   NULL,
							   &required_columns_string,
							   "created_at, updated_at",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_names, assign_required_columns, NULL);

	DefineCustomStringVariable("trovella_guard.app_role",
							   "Names the roles that serve tenants' sessions.",
							   "Where none of them exists, these are all login roles that are neither superusers nor exempt from row-level security nor excused.",
							   &app_roles_string,
							   "authenticated",
							   PGC_SUSET,
							   GUC_LIST_INPUT,
							   check_names, assign_app_roles, NULL);

	DefineCustomStringVariable("trovella_guard.tenant_expression",
							   "Sets the SQL expression that yields the session's tenant.",
							   "Generated policies compare the tenant column with it.",
							   &tg_tenant_expression,
							   "nullif(pg_catalog.current_setting('app.current_organization_id', true), '')",
							   PGC_SUSET,
							   0,
							   check_expression, NULL, NULL);

	MarkGUCPrefixReserved("trovella_guard");
}
