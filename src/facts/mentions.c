/*-------------------------------------------------------------------------
 *
 * mentions.c
 *		The names that the source text of a function mentions.
 *
 * PostgreSQL records no dependencies for a body that is a string, and looks its
 * names up when it runs.  So all that can be said is that the text mentions a
 * name: perhaps a variable has it, or a column.
 *
 * Comments do not count.  String literals count where the text executes strings
 * (EXECUTE, query_to_xml() and the like), and in languages other than SQL and
 * PL/pgSQL, in which a query is always a string.  There quotes are only
 * separators, and an identifier is taken as it is written and in lower case.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "parser/scansup.h"

/* database.schema.table.column */
#define MAX_PARTS 4

typedef struct Scanner
{
	const char *at;
	const char *end;
	bool		is_string;		/* quotes and comments mean nothing */
	bool		strings_count;
	MentionNote note;
	void	   *arg;
	int			nparts;			/* of the qualified name that is being read */
	char	   *parts[MAX_PARTS];	/* as PostgreSQL understands them */
	char	   *verbatim[MAX_PARTS];	/* in a string, else NULL */
} Scanner;

static void scan(Scanner *scanner);

static bool
begins_identifier(char c)
{
	return isalpha((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

static bool
continues_identifier(char c)
{
	return begins_identifier(c) || isdigit((unsigned char) c) || c == '$';
}

static bool
is_next(const Scanner *scanner, const char *text)
{
	ptrdiff_t	length = strlen(text);

	return scanner->end - scanner->at >= length &&
		memcmp(scanner->at, text, length) == 0;
}

/* Goes to what follows a text, or to the end. */
static void
skip_past(Scanner *scanner, const char *text, ptrdiff_t length)
{
	while (scanner->end - scanner->at >= length)
	{
		const char *hit = memchr(scanner->at, text[0],
								 scanner->end - scanner->at);

		CHECK_FOR_INTERRUPTS();
		if (hit == NULL || scanner->end - hit < length)
			break;
		if (memcmp(hit, text, length) == 0)
		{
			scanner->at = hit + length;
			return;
		}
		scanner->at = hit + 1;
	}
	scanner->at = scanner->end;
}

/* Block comments nest. */
static void
skip_block_comment(Scanner *scanner)
{
	int			depth = 0;

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (is_next(scanner, "/*"))
			depth++;
		else if (is_next(scanner, "*/"))
			depth--;
		else
		{
			scanner->at++;
			continue;
		}
		scanner->at += 2;
	} while (depth > 0 && scanner->at < scanner->end);
}

static void
scan_string(Scanner *scanner, const char *from, const char *to)
{
	Scanner		string = {
		.at = from,
		.end = to,
		.is_string = true,
		.note = scanner->note,
		.arg = scanner->arg
	};

	if (scanner->strings_count)
		scan(&string);
}

/* A literal in single quotes, which begins here. */
static void
read_literal(Scanner *scanner, bool has_escapes)
{
	const char *from = ++scanner->at;

	while (scanner->at < scanner->end)
	{
		if (has_escapes && *scanner->at == '\\')
			scanner->at++;
		else if (is_next(scanner, "''"))
			scanner->at++;
		else if (*scanner->at == '\'')
			break;
		scanner->at++;
	}
	scanner->at = Min(scanner->at, scanner->end);
	scan_string(scanner, from, scanner->at);
	if (scanner->at < scanner->end)
		scanner->at++;
}

/* A literal between dollar signs, or a parameter, or a dollar sign. */
static void
read_dollar(Scanner *scanner)
{
	const char *tag = scanner->at++;
	const char *from;
	ptrdiff_t	length;

	if (scanner->at < scanner->end && begins_identifier(*scanner->at))
	{
		while (scanner->at < scanner->end && *scanner->at != '$' &&
			   continues_identifier(*scanner->at))
			scanner->at++;
	}
	if (scanner->at == scanner->end || *scanner->at != '$')
		return;
	from = ++scanner->at;
	length = from - tag;
	skip_past(scanner, tag, length);
	if (scanner->at - from >= length &&
		memcmp(scanner->at - length, tag, length) == 0)
		scan_string(scanner, from, scanner->at - length);
	else
		scan_string(scanner, from, scanner->end);
}

static void
free_part(char *part, char *verbatim)
{
	pfree(part);
	if (verbatim != NULL)
		pfree(verbatim);
}

static void
add_part(Scanner *scanner, char *part, char *verbatim)
{
	if (scanner->nparts == MAX_PARTS)
	{
		free_part(part, verbatim);
		return;
	}
	scanner->parts[scanner->nparts] = part;
	scanner->verbatim[scanner->nparts] = verbatim;
	scanner->nparts++;
}

/* PostgreSQL would cut it off as well. */
static int
bounded(ptrdiff_t length)
{
	return (int) Min(length, (ptrdiff_t) 4 * NAMEDATALEN);
}

static void
read_identifier(Scanner *scanner)
{
	const char *from = scanner->at;
	int			length;
	char	   *verbatim = NULL;

	while (scanner->at < scanner->end && continues_identifier(*scanner->at))
		scanner->at++;
	length = bounded(scanner->at - from);
	if (scanner->is_string)
	{
		verbatim = pnstrdup(from, length);
		truncate_identifier(verbatim, length, false);
	}
	add_part(scanner, downcase_truncate_identifier(from, length, false),
			 verbatim);
}

static void
read_quoted_identifier(Scanner *scanner)
{
	char	   *name = palloc(4 * NAMEDATALEN + 1);
	int			length = 0;

	scanner->at++;
	while (scanner->at < scanner->end)
	{
		if (is_next(scanner, "\"\""))
			scanner->at++;
		else if (*scanner->at == '"')
			break;
		if (length < 4 * NAMEDATALEN)
			name[length++] = *scanner->at;
		scanner->at++;
	}
	if (scanner->at < scanner->end)
		scanner->at++;
	name[length] = '\0';
	truncate_identifier(name, length, false);
	add_part(scanner, name, NULL);
}

/* Within a string also quotes, which may be escaped. */
static void
skip_space(Scanner *scanner)
{
	while (scanner->at < scanner->end &&
		   (isspace((unsigned char) *scanner->at) ||
			(scanner->is_string && strchr("\"\\", *scanner->at) != NULL)))
		scanner->at++;
}

/* Does %TYPE or %ROWTYPE follow?  It names a type, and reads nothing. */
static bool
is_type(Scanner *scanner)
{
	ptrdiff_t	left = scanner->end - scanner->at;

	return !scanner->is_string &&
		((left >= 5 && pg_strncasecmp(scanner->at, "%type", 5) == 0) ||
		 (left >= 8 && pg_strncasecmp(scanner->at, "%rowtype", 8) == 0));
}

/* Notes each part of a qualified name, with the part before it. */
static void
note_parts(Scanner *scanner)
{
	for (int i = 0; i < scanner->nparts; i++)
	{
		scanner->note(i > 0 ? scanner->parts[i - 1] : NULL,
					  scanner->parts[i], scanner->arg);
		if (scanner->verbatim[i] != NULL)
			scanner->note(i > 0 ? scanner->verbatim[i - 1] : NULL,
						  scanner->verbatim[i], scanner->arg);
	}
}

static bool
begins_name(const Scanner *scanner)
{
	return scanner->at < scanner->end &&
		(begins_identifier(*scanner->at) ||
		 (*scanner->at == '"' && !scanner->is_string));
}

/* A text may have more names than fit into memory. */
static void
forget_parts(Scanner *scanner)
{
	while (scanner->nparts > 0)
	{
		scanner->nparts--;
		free_part(scanner->parts[scanner->nparts],
				  scanner->verbatim[scanner->nparts]);
	}
}

/* Reads a name with its qualifiers, or the prefix of a literal. */
static void
read_name(Scanner *scanner)
{
	const char *from = scanner->at;

	for (;;)
	{
		const char *after;

		CHECK_FOR_INTERRUPTS();
		if (*scanner->at == '"')
			read_quoted_identifier(scanner);
		else
			read_identifier(scanner);
		after = scanner->at;
		skip_space(scanner);
		if (scanner->at < scanner->end && *scanner->at == '.')
		{
			scanner->at++;
			skip_space(scanner);
			if (begins_name(scanner))
				continue;
		}
		scanner->at = after;
		break;
	}
	if (!scanner->is_string && scanner->at - from == 1 &&
		(*from == 'e' || *from == 'E') && is_next(scanner, "'"))
		read_literal(scanner, true);
	else if (!is_type(scanner))
		note_parts(scanner);
	forget_parts(scanner);
}

static void
scan(Scanner *scanner)
{
	while (scanner->at < scanner->end)
	{
		CHECK_FOR_INTERRUPTS();
		if (begins_name(scanner))
			read_name(scanner);
		else if (isdigit((unsigned char) *scanner->at))
		{
			while (scanner->at < scanner->end &&
				   continues_identifier(*scanner->at))
				scanner->at++;
		}
		else if (scanner->is_string)
			scanner->at++;
		else if (is_next(scanner, "--"))
			skip_past(scanner, "\n", 1);
		else if (is_next(scanner, "/*"))
			skip_block_comment(scanner);
		else if (*scanner->at == '\'')
			read_literal(scanner, false);
		else if (*scanner->at == '$')
			read_dollar(scanner);
		else
			scanner->at++;
	}
}

static void
note_execution(const char *qualifier pg_attribute_unused(), const char *name,
			   void *executes)
{
	if (strcmp(name, "execute") == 0 ||
		strncmp(name, "dblink", strlen("dblink")) == 0 ||
		strstr(name, "_to_xml") != NULL)
		*(bool *) executes = true;
}

void
tg_scan_mentions(const char *text, size_t length, bool is_sql,
				 MentionNote note, void *arg)
{
	Scanner		scanner = {
		.at = text,
		.end = text + length,
		.note = note_execution,
		.arg = &scanner.strings_count
	};

	if (is_sql)
		scan(&scanner);
	scanner.at = text;
	scanner.is_string = !is_sql;
	scanner.note = note;
	scanner.arg = arg;
	scan(&scanner);
}
