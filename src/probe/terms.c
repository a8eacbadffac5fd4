/*-------------------------------------------------------------------------
 *
 * terms.c
 *		The terms of the clues about a table: what stands for a value, and what is
 *		compared with it.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "probe/terms.h"
#include "utils/lsyscache.h"

#define MAX_TERMS 1000

/* A comparison takes a step for so many pairs. */
#define PAIRS_A_STEP 16

static Term *
find_term(Clues *clues, TermKind kind, Oid relid, AttrNumber attnum,
		  const char *name, List *path)
{
	ListCell   *lc;
	Term	   *term;

	foreach(lc, clues->terms)
	{
		term = lfirst(lc);
		if (term->kind == kind && term->relid == relid &&
			term->attnum == attnum && strcmp(term->name, name) == 0 &&
			equal(term->path, path))
			return term;
	}
	if (list_length(clues->terms) >= MAX_TERMS)
		return NULL;
	term = palloc0(sizeof(Term));
	term->kind = kind;
	term->relid = relid;
	term->attnum = attnum;
	term->name = pstrdup(name);
	term->path = path;
	term->number = list_length(clues->terms);
	if (kind == TERM_COLUMN && path == NIL)
		term->type = get_atttype(relid, attnum);
	clues->terms = lappend(clues->terms, term);
	return term;
}

List *
tg_term(Clues *clues, TermKind kind, Oid relid, AttrNumber attnum,
		const char *name, List *path)
{
	Term	   *term = find_term(clues, kind, relid, attnum, name, path);

	return term != NULL ? list_make1(term) : NIL;
}

List *
tg_column_term(Clues *clues, Oid relid, AttrNumber attnum)
{
	return tg_term(clues, TERM_COLUMN, relid, attnum, "", NIL);
}

static void
unite(Term *one, Term *other)
{
	one = tg_probe_set(one);
	other = tg_probe_set(other);
	if (one != other)
		other->united = one;
}

static void
add_literal(Term *term, const char *literal)
{
	ListCell   *lc;

	foreach(lc, term->literals)
	{
		if (strcmp(lfirst(lc), literal) == 0)
			return;
	}
	term->literals = lappend(term->literals, pstrdup(literal));
}

/* A list of one literal: its text. */
const char *
tg_only_literal(const List *terms)
{
	Term	   *term = list_length(terms) == 1 ? linitial(terms) : NULL;

	return term != NULL && term->kind == TERM_LITERAL ? term->name : NULL;
}

/* Two sides of a comparison. */
void
tg_compare_terms(Clues *clues, List *left, List *right)
{
	ListCell   *lc;
	ListCell   *lc2;

	clues->steps -= list_length(left) * list_length(right) / PAIRS_A_STEP;
	foreach(lc, left)
	{
		Term	   *one = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, right)
		{
			Term	   *other = lfirst(lc2);

			if (other->kind == TERM_LITERAL)
				add_literal(one, other->name);
			else if (one->kind == TERM_LITERAL)
				add_literal(other, one->name);
			else
				unite(one, other);
		}
	}
}

static bool
has_kind(const List *terms, TermKind kind)
{
	ListCell   *lc;

	foreach(lc, terms)
	{
		if (((Term *) lfirst(lc))->kind == kind)
			return true;
	}
	return false;
}

void
tg_lean(const char *op, const List *terms, const List *others, int sign)
{
	ListCell   *lc;
	ListCell   *lc2;
	int			direction = op[0] == '>' ? sign : op[0] == '<' ? -sign : 0;

	if (has_kind(others, TERM_COLUMN))
		return;
	foreach(lc, terms)
	{
		Term	   *term = lfirst(lc);

		if (strcmp(op, "<>") == 0 || strcmp(op, "!=") == 0)
		{
			foreach(lc2, others)
			{
				Term	   *other = lfirst(lc2);

				if (other->kind == TERM_LITERAL)
					term->unwanted = lappend(term->unwanted,
											 pstrdup(other->name));
			}
		}
		else if (direction != 0 && (op[1] == '\0' || op[1] == '='))
			term->lean = direction;
	}
}

/* Is it the tenant column that is compared, or what a function makes of it? */
void
tg_note_looseness(Clues *clues, const List *terms)
{
	if (list_member_ptr(terms, linitial(clues->terms)))
		clues->loose = true;
}

List *
tg_with_path(Clues *clues, List *bases, List *keys)
{
	List	   *result = NIL;
	ListCell   *lc;

	clues->steps -= list_length(bases) * list_length(keys) / PAIRS_A_STEP;
	foreach(lc, bases)
	{
		Term	   *base = lfirst(lc);
		List	   *path = list_copy(base->path);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		if (base->is_list)
			path = lappend(path, makeInteger(0));
		if (base->kind != TERM_SETTING && base->kind != TERM_COLUMN)
		{
			if (base->kind == TERM_VARIABLE)
				result = lappend(result, base);
			continue;
		}
		foreach(lc2, keys)
		{
			Term	   *key = lfirst(lc2);

			if (key->kind == TERM_LITERAL)
				result = list_concat_unique_ptr(result,
												tg_term(clues, base->kind,
														base->relid,
														base->attnum,
														base->name,
														lappend(list_copy(path),
																makeString(pstrdup(key->name)))));
		}
	}
	return result;
}

/* '{a,b}' of #>> */
List *
tg_with_path_literal(Clues *clues, List *bases, List *literals)
{
	ListCell   *lc;

	foreach(lc, literals)
	{
		Term	   *literal = lfirst(lc);
		char	   *text;
		char	   *key;
		char	   *state;

		if (literal->kind != TERM_LITERAL)
			continue;
		text = pstrdup(literal->name);
		for (key = strtok_r(text, "{},\" ", &state); key != NULL;
			 key = strtok_r(NULL, "{},\" ", &state))
			bases = tg_with_path(clues, bases,
								 tg_term(clues, TERM_LITERAL, InvalidOid, 0,
										 key, NIL));
	}
	return bases;
}

void
tg_mark_lists(List *terms)
{
	ListCell   *lc;

	foreach(lc, terms)
		((Term *) lfirst(lc))->is_list = true;
}

void
tg_mark_keys(List *terms)
{
	ListCell   *lc;

	foreach(lc, terms)
		((Term *) lfirst(lc))->is_keys = true;
}

void
tg_mark_parts(List *terms)
{
	ListCell   *lc;

	foreach(lc, terms)
	{
		Term	   *term = lfirst(lc);

		if (term->kind == TERM_LITERAL)
			term->is_part = true;
	}
}
