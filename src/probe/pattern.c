/*-------------------------------------------------------------------------
 *
 * pattern.c
 *		Strings that match a regular expression or a pattern of LIKE.
 *
 * CHECK constraints say what a code or a slug looks like.  This reads the common
 * part of their language; whether a string really matches is found out by
 * inserting it.  Another seed makes another string, as far as the pattern has
 * room for it.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "probe/pattern.h"

#define MAX_MATCH 300			/* bytes */
#define MAX_STEPS 10000			/* atoms: groups may repeat groups */
#define OPEN_REPEAT 4			/* for * and +, so that seeds have room */
#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

typedef struct Matcher
{
	const char *next;			/* in the pattern */
	StringInfo	out;
	int			seed;			/* what is left of it */
	int			steps;			/* budget left */
	bool		failed;
} Matcher;

static void match_alternatives(Matcher *matcher, bool silent);

/* One of the characters. */
static void
emit(Matcher *matcher, const char *set, bool silent)
{
	int			size = strlen(set);

	if (size == 0 || matcher->out->len >= MAX_MATCH)
	{
		matcher->failed = true;
		return;
	}
	if (silent)
		return;
	appendStringInfoChar(matcher->out, set[matcher->seed % size]);
	matcher->seed /= size;
}

static const char *
class_named(char escape)
{
	switch (escape)
	{
		case 'd':
			return DIGITS;
		case 'w':
			return LETTERS DIGITS;
		case 's':
			return " ";
		case 'S':
		case 'D':
			return LETTERS;
		case 'm':
		case 'M':
		case 'y':
		case 'A':
		case 'Z':
			return "";			/* a constraint */
		default:
			return NULL;
	}
}

/* The characters of [...], after the bracket. */
static char *
read_class(Matcher *matcher)
{
	static const struct
	{
		const char *name;
		const char *set;
	}			named[] = {
		{"[:alpha:]", LETTERS}, {"[:lower:]", LETTERS},
		{"[:upper:]", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"[:digit:]", DIGITS},
		{"[:alnum:]", LETTERS DIGITS}, {"[:xdigit:]", DIGITS "abcdef"},
		{"[:space:]", " "}, {"[:punct:]", "."}
	};
	StringInfoData set;
	bool		negated = *matcher->next == '^';
	bool		first = true;

	initStringInfo(&set);
	if (negated)
		matcher->next++;
	while (*matcher->next != '\0' && (first || *matcher->next != ']'))
	{
		const char *c = matcher->next;
		bool		found = false;

		first = false;
		for (int i = 0; i < (int) lengthof(named); i++)
		{
			if (strncmp(c, named[i].name, strlen(named[i].name)) == 0)
			{
				appendStringInfoString(&set, named[i].set);
				matcher->next += strlen(named[i].name);
				found = true;
				break;
			}
		}
		if (found)
			continue;
		if (*c == '\\' && c[1] != '\0')
		{
			const char *class = class_named(c[1]);

			if (class != NULL)
				appendStringInfoString(&set, class);
			else
				appendStringInfoChar(&set, c[1]);
			matcher->next += 2;
		}
		else if (c[1] == '-' && c[2] != ']' && c[2] != '\0' &&
				 (unsigned char) c[2] >= (unsigned char) *c)
		{
			for (int i = (unsigned char) *c; i <= (unsigned char) c[2]; i++)
				appendStringInfoChar(&set, i);
			matcher->next += 3;
		}
		else
		{
			appendStringInfoChar(&set, *c);
			matcher->next++;
		}
	}
	if (*matcher->next == ']')
		matcher->next++;
	if (negated)
	{
		StringInfoData rest;

		initStringInfo(&rest);
		for (const char *c = LETTERS DIGITS; *c != '\0'; c++)
		{
			if (strchr(set.data, *c) == NULL)
				appendStringInfoChar(&rest, *c);
		}
		return rest.data;
	}
	return set.data;
}

/* How often; moves past the quantifier. */
static int
read_quantifier(Matcher *matcher)
{
	char	   *end;
	long		min;
	long		max;

	switch (*matcher->next)
	{
		case '?':
			matcher->next++;
			return 0;
		case '*':
		case '+':
			matcher->next++;
			if (*matcher->next == '?')
				matcher->next++;
			return OPEN_REPEAT;
		case '{':
			if (!isdigit((unsigned char) matcher->next[1]))
				return 1;
			min = max = strtol(matcher->next + 1, &end, 10);
			if (*end == ',')
			{
				max = isdigit((unsigned char) end[1]) ?
					strtol(end + 1, &end, 10) : min + OPEN_REPEAT;
				max = Min(max, min + OPEN_REPEAT);
				if (*end == ',')
					end++;
			}
			if (*end != '}')
				matcher->failed = true;
			else
				matcher->next = end + 1;
			return Min(max, MAX_MATCH);
		default:
			return 1;
	}
}

/* An atom, once; "silent" moves past it only. */
static void
match_atom(Matcher *matcher, bool silent)
{
	char		c = *matcher->next++;
	char		one[2] = {c, '\0'};
	const char *set;

	switch (c)
	{
		case '^':
		case '$':
			break;
		case '.':
			emit(matcher, LETTERS, silent);
			break;
		case '[':
			emit(matcher, read_class(matcher), silent);
			break;
		case '(':
			if (matcher->next[0] == '?' && matcher->next[1] == ':')
				matcher->next += 2;
			else if (matcher->next[0] == '?')
			{
				/* looks ahead or behind */
				matcher->next += 2;
				silent = true;
			}
			match_alternatives(matcher, silent);
			if (*matcher->next == ')')
				matcher->next++;
			else
				matcher->failed = true;
			break;
		case '\\':
			one[0] = *matcher->next;
			if (one[0] == '\0')
			{
				matcher->failed = true;
				break;
			}
			matcher->next++;
			set = class_named(one[0]);
			if (set == NULL)
				emit(matcher, one, silent);
			else if (set[0] != '\0')
				emit(matcher, set, silent);
			break;
		default:
			emit(matcher, one, silent);
			break;
	}
}

static void
match_alternatives(Matcher *matcher, bool silent)
{
	check_stack_depth();
	while (*matcher->next != '\0' && *matcher->next != ')' && !matcher->failed)
	{
		const char *start = matcher->next;
		const char *end;
		int			times;

		CHECK_FOR_INTERRUPTS();
		if (matcher->steps-- <= 0)
		{
			matcher->failed = true;
			return;
		}
		if (*matcher->next == '|')
		{
			/* the first one will do */
			matcher->next++;
			silent = true;
			continue;
		}
		match_atom(matcher, true);
		times = read_quantifier(matcher);
		end = matcher->next;
		for (int i = 0; i < times && !silent && !matcher->failed; i++)
		{
			matcher->next = start;
			match_atom(matcher, false);
		}
		matcher->next = end;
	}
}

static char *
match_expression(const char *pattern, int seed)
{
	StringInfoData out;
	Matcher		matcher = {
		.next = pattern,
		.out = &out,
		.seed = seed,
		.steps = MAX_STEPS
	};

	initStringInfo(&out);
	match_alternatives(&matcher, false);
	if (matcher.failed || *matcher.next != '\0' || out.len == 0)
		return NULL;

	/* [...] is read by bytes, which need not make characters */
	return pg_verifymbstr(out.data, out.len, true) ? out.data : NULL;
}

static char *
match_like(const char *pattern, int seed)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *c = pattern; *c != '\0'; c++)
	{
		if (*c == '%')
			appendStringInfo(&out, "%c%d", LETTERS[seed % 26], seed);
		else if (*c == '_')
			appendStringInfoChar(&out, LETTERS[seed % 26]);
		else if (*c == '\\' && c[1] != '\0')
			appendStringInfoChar(&out, *++c);
		else
			appendStringInfoChar(&out, *c);
	}
	return out.data;
}

List *
tg_matches_of(const char *pattern, int seed)
{
	List	   *result = NIL;
	char	   *match;

	if (strlen(pattern) > MAX_MATCH)
		return NIL;
	if (strpbrk(pattern, "^$[\\(.*+{|") != NULL)
	{
		match = match_expression(pattern, seed);
		if (match != NULL)
			result = lappend(result, match);
	}
	if (strpbrk(pattern, "%_") != NULL)
		result = lappend(result, match_like(pattern, seed));
	return result;
}
