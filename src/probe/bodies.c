/*-------------------------------------------------------------------------
 *
 * bodies.c
 *		The queries in the bodies of functions and views, as raw parse trees.
 *
 * A body in SQL is parsed as it is.  A body in PL/pgSQL is cut into statements, and
 * from each the query is taken: what it returns, assigns, tests or performs.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "probe/bodies.h"
#include "subtransaction.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define MAX_BODY 65536			/* characters; longer ones are left out */

typedef struct ParseTask
{
	const char *text;
	List	   *statements;
} ParseTask;

static void
parse(void *arg)
{
	ParseTask  *task = arg;

	task->statements = raw_parser(task->text, RAW_PARSE_DEFAULT);
}

/* NIL if the text does not parse. */
static List *
parsed(const char *text)
{
	ParseTask	task = {.text = text};

	(void) tg_catch_error(parse, &task);
	return task.statements;
}

static void
add_statement(FunctionBody *body, Node *node, const char *assigns, bool returns)
{
	BodyStatement *statement;

	if (!IsA(node, SelectStmt))
		return;
	statement = palloc0(sizeof(BodyStatement));
	statement->select = (SelectStmt *) node;
	statement->assigns = assigns;
	statement->returns = returns;
	body->statements = lappend(body->statements, statement);
}

/* The last statement of a function in SQL is what it returns. */
static void
read_sql(FunctionBody *body, const char *text)
{
	List	   *statements;
	ListCell   *lc;

	while (isspace((unsigned char) *text))
		text++;
	if (pg_strncasecmp(text, "BEGIN ATOMIC", 12) == 0)
	{
		char	   *inner = pstrdup(text + 12);
		int			length = strlen(inner);

		while (length > 0 && (isspace((unsigned char) inner[length - 1]) ||
							  inner[length - 1] == ';'))
			length--;
		if (length >= 3 && pg_strncasecmp(inner + length - 3, "END", 3) == 0)
			length -= 3;
		inner[length] = '\0';
		text = inner;
	}
	else if (pg_strncasecmp(text, "RETURN ", 7) == 0)
		text = psprintf("SELECT %s", text + 7);
	statements = parsed(text);
	foreach(lc, statements)
		add_statement(body, lfirst_node(RawStmt, lc)->stmt, NULL,
					  lnext(statements, lc) == NULL);
}

static bool
begins_with(const char *text, const char *word)
{
	size_t		length = strlen(word);

	return pg_strncasecmp(text, word, length) == 0 &&
		!isalnum((unsigned char) text[length]) && text[length] != '_';
}

static const char *
skip_blanks(const char *text)
{
	for (;;)
	{
		while (isspace((unsigned char) *text))
			text++;
		if (text[0] != '-' || text[1] != '-')
			return text;
		while (*text != '\0' && *text != '\n')
			text++;
	}
}

/*
 * The place of a word outside quotes and parentheses, or NULL.
 */
static char *
find_word(char *text, const char *word)
{
	int			depth = 0;

	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '\'')
		{
			while (c[1] != '\0' && *++c != '\'')
				;
		}
		else if (*c == '(')
			depth++;
		else if (*c == ')')
			depth--;
		else if (depth == 0 && (c == text || !(isalnum((unsigned char) c[-1]) ||
											   c[-1] == '_')) &&
				 begins_with(c, word))
			return c;
	}
	return NULL;
}

static char *
find_assignment(char *text)
{
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '\'' || *c == '(')
			return NULL;
		if (c[0] == ':' && c[1] == '=')
			return c;
	}
	return NULL;
}

static void
add_query(FunctionBody *body, const char *text, const char *assigns,
		  bool returns)
{
	List	   *statements = parsed(text);

	if (statements != NIL)
		add_statement(body, linitial_node(RawStmt, statements)->stmt, assigns,
					  returns);
}

static const char *
first_name(const char *text)
{
	int			length = 0;

	while (isalnum((unsigned char) text[length]) || text[length] == '_')
		length++;
	return downcase_identifier(text, length, false, false);
}

/* SELECT ... INTO [STRICT] a, b FROM: without the second one. */
static void
add_select_into(FunctionBody *body, char *text)
{
	char	   *into = find_word(text, "INTO");
	const char *variable;
	char	   *rest;

	if (into == NULL)
	{
		add_query(body, text, NULL, false);
		return;
	}
	variable = skip_blanks(into + 4);
	if (begins_with(variable, "STRICT"))
		variable = skip_blanks(variable + 6);
	rest = find_word(into + 4, "FROM");
	*into = '\0';
	add_query(body, psprintf("%s %s", text, rest != NULL ? rest : ""),
			  first_name(variable), false);
}

/* One statement of PL/pgSQL, without its semicolon. */
static void
read_plpgsql_statement(FunctionBody *body, const char *original)
{
	static const char *const prefixes[] = {
		"BEGIN", "DECLARE", "ELSE", "LOOP", "EXCEPTION"
	};
	const char *start = skip_blanks(original);
	char	   *text;
	char	   *end;
	bool		again;

	check_stack_depth();
	do
	{
		again = false;
		for (int i = 0; i < (int) lengthof(prefixes); i++)
		{
			if (begins_with(start, prefixes[i]))
			{
				start = skip_blanks(start + strlen(prefixes[i]));
				again = true;
			}
		}
	} while (again);
	text = pstrdup(start);

	if (begins_with(text, "IF") || begins_with(text, "ELSIF") ||
		begins_with(text, "ELSEIF") || begins_with(text, "WHEN"))
	{
		end = find_word(text, "THEN");
		if (end == NULL)
			return;
		*end = '\0';
		add_query(body, psprintf("SELECT %s",
								 text + strcspn(text, " \t\n(")),
				  NULL, false);
		read_plpgsql_statement(body, end + 4);
	}
	else if (begins_with(text, "FOR"))
	{
		char	   *in = find_word(text, "IN");

		end = find_word(text, "LOOP");
		if (in == NULL || end == NULL)
			return;
		*end = '\0';
		add_query(body, skip_blanks(in + 2),
				  first_name(skip_blanks(text + 3)), false);
		read_plpgsql_statement(body, end + 4);
	}
	else if (begins_with(text, "RETURN"))
	{
		const char *value = skip_blanks(text + 6);

		if (begins_with(value, "QUERY"))
			add_query(body, skip_blanks(value + 5), NULL, true);
		else if (begins_with(value, "NEXT"))
			add_query(body, psprintf("SELECT %s", value + 4), NULL, true);
		else
			add_query(body, psprintf("SELECT %s", value), NULL, true);
	}
	else if (begins_with(text, "PERFORM"))
		add_query(body, psprintf("SELECT %s", text + 7), NULL, false);
	else if (begins_with(text, "SELECT") || begins_with(text, "WITH"))
		add_select_into(body, text);
	else if ((end = find_assignment(text)) != NULL ||
			 (end = find_word(text, "DEFAULT")) != NULL)
		add_query(body, psprintf("SELECT %s", end + (*end == ':' ? 2 : 7)),
				  first_name(text), false);
}

static void
read_plpgsql(FunctionBody *body, const char *text)
{
	StringInfoData statement;

	initStringInfo(&statement);
	for (const char *c = text; *c != '\0'; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (c[0] == '-' && c[1] == '-')
		{
			while (c[1] != '\0' && c[1] != '\n')
				c++;
			continue;
		}
		if (c[0] == '/' && c[1] == '*')
		{
			const char *end = strstr(c + 2, "*/");

			if (end == NULL)
				break;
			c = end + 1;
			continue;
		}
		if (*c == '\'')
		{
			do
				appendStringInfoChar(&statement, *c++);
			while (*c != '\0' && *c != '\'');
			if (*c == '\0')
				break;
		}
		else if (*c == ';')
		{
			read_plpgsql_statement(body, statement.data);
			resetStringInfo(&statement);
			continue;
		}
		appendStringInfoChar(&statement, *c);
	}
	read_plpgsql_statement(body, statement.data);
}

/* The search_path that ALTER FUNCTION ... SET has given it, or NULL. */
static const char *
path_of(HeapTuple tuple)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, tuple,
										 Anum_pg_proc_proconfig, &isnull);
	Datum	   *elements;
	int			count;

	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *setting = TextDatumGetCString(elements[i]);

		if (strncmp(setting, "search_path=", 12) == 0)
			return setting + 12;
	}
	return NULL;
}

bool
tg_probe_function_body(Oid function, FunctionBody *body)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	char	   *language;
	Datum		source;
	bool		isnull;
	Oid		   *types;
	char	   *modes;

	if (!HeapTupleIsValid(tuple))
		return false;
	memset(body, 0, sizeof(*body));
	form = (Form_pg_proc) GETSTRUCT(tuple);
	language = get_language_name(form->prolang, false);
	if (form->prolang != SQLlanguageId && strcmp(language, "plpgsql") != 0)
	{
		ReleaseSysCache(tuple);
		return false;
	}
	body->nargs = get_func_arg_info(tuple, &types, &body->argument_names,
									&modes);
	if (body->argument_names == NULL)
		body->nargs = 0;
	for (int i = 0; i < body->nargs; i++)
	{
		if (body->argument_names[i][0] == '\0')
			body->argument_names[i] = NULL;
	}
	body->search_path = path_of(tuple);

	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		source = DirectFunctionCall1(pg_get_function_sqlbody,
									 ObjectIdGetDatum(function));
	else
		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	if (!isnull || source != (Datum) 0)
	{
		char	   *string = TextDatumGetCString(source);

		body->length = strlen(string);
		if (body->length <= MAX_BODY)
		{
			if (form->prolang == SQLlanguageId)
				read_sql(body, string);
			else
				read_plpgsql(body, string);
		}
	}
	ReleaseSysCache(tuple);
	return true;
}

int
tg_probe_enter_function(const FunctionBody *body)
{
	int			save_nestlevel;

	if (body->search_path == NULL)
		return 0;
	save_nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", body->search_path, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return save_nestlevel;
}

void
tg_probe_leave_function(int save_nestlevel)
{
	if (save_nestlevel > 0)
		AtEOXact_GUC(true, save_nestlevel);
}

List *
tg_probe_view_body(Oid view, int *length)
{
	Datum		query = DirectFunctionCall1(pg_get_viewdef,
											ObjectIdGetDatum(view));
	char	   *string = TextDatumGetCString(query);

	*length = strlen(string);
	return *length <= MAX_BODY ? parsed(string) : NIL;
}
