/*-------------------------------------------------------------------------
 *
 * clues.c
 *		What the policies of a table depend on, as far as a trial must know it:
 *		settings, other tables, literals, and which of them are compared.
 *
 * A trial sets the session's settings and makes rows.  To choose them, it reads
 * the policies, the functions that these call and the views that they read, as
 * text (reading.c).
 *
 * Unlike the proof, this need not be right.  What is missed here makes a trial
 * vacuous or incomplete, which the trial itself finds out: whether a row crosses
 * is for PostgreSQL to say.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "probe/clues.h"
#include "probe/reading.h"
#include "probe/terms.h"
#include "settings.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

/* More than policies of people have. */
#define MAX_STEPS 20000

/*
 * Policies
 */

static void
read_policy_side(Clues *clues, const RelationFacts *facts, Node *expression)
{
	char	   *text;
	int			save_nestlevel;

	if (expression == NULL)
		return;
	save_nestlevel = tg_pin_search_path();
	text = deparse_expression(copyObject(expression),
							  deparse_context_for(facts->name, facts->relid),
							  false, false);
	AtEOXact_GUC(true, save_nestlevel);
	tg_read_expression(clues, facts, text);
}

static void
read_policies(Clues *clues, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		read_policy_side(clues, facts, policy->qual);
		read_policy_side(clues, facts, policy->with_check);
	}
}

/* Columns that reference each other hold the same thing. */
static void
unite_keys(Clues *clues, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->foreign_keys)
	{
		const ForeignKeyFacts *key = lfirst(lc);

		if (key->referenced != clues->table->relid &&
			!list_member_oid(clues->relations, key->referenced))
			continue;
		for (int i = 0; i < key->nkeys; i++)
			tg_compare_terms(clues, tg_column_term(clues, facts->relid, key->keys[i]),
							 tg_column_term(clues, key->referenced,
											key->referenced_keys[i]));
	}
}

/* The table that a key with the tenant in it references ties rows to a parent. */
static void
note_parents(Clues *clues)
{
	ListCell   *lc;

	foreach(lc, clues->table->foreign_keys)
	{
		const ForeignKeyFacts *key = lfirst(lc);

		for (int i = 0; i < key->nkeys && key->nkeys > 1; i++)
		{
			if (key->keys[i] == clues->table->tenant->attnum)
				tg_note_relation(clues, key->referenced);
		}
	}
}

static void
note_tenant_column(Clues *clues, Oid shown_by, const List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		NamedTerms *column = lfirst(lc);
		TenantColumn *found;

		/* the first term is the tenant column */
		if (!list_member_ptr(column->terms, linitial(clues->terms)))
			continue;
		found = palloc(sizeof(TenantColumn));
		found->shown_by = shown_by;
		found->number = foreach_current_index(lc) + 1;
		clues->tenant_columns = lappend(clues->tenant_columns, found);
		return;
	}
}

/* The views and functions that show rows of the table have conditions, too. */
static void
read_windows(Clues *clues)
{
	ListCell   *lc;

	foreach(lc, tg_facts_dependent_views(clues->reader, clues->table->relid))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_VIEW &&
			clues->steps > 0)
			note_tenant_column(clues, lfirst_oid(lc),
							   tg_read_view(clues, lfirst_oid(lc)));
	}
	foreach(lc, tg_facts_definers_reading(clues->reader, clues->table))
	{
		const DefinerRead *read = lfirst(lc);

		if (clues->steps <= 0)
			break;
		note_tenant_column(clues, read->definer->oid,
						   tg_read_function(clues, read->definer->oid));
	}
}

static bool
is_tenant_column(const Clues *clues, Node *node)
{
	for (;;)
	{
		if (node == NULL)
			return false;
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) &&
				 ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL &&
				 list_length(((FuncExpr *) node)->args) > 0)
			node = linitial(((FuncExpr *) node)->args);
		else
			break;
	}
	return IsA(node, Var) && ((Var *) node)->varlevelsup == 0 &&
		((Var *) node)->varattno == clues->table->tenant->attnum;
}

static void
note_value(Clues *clues, Node *node, bool is_array)
{
	char	   *text;

	if (node == NULL || IsA(node, Param) || contain_vars_of_level(node, 0) ||
		list_length(clues->expressions) >= 8)
		return;
	text = deparse_expression(copyObject(node),
							  deparse_context_for(clues->table->name,
												  clues->table->relid),
							  false, false);
	clues->expressions =
		lappend(clues->expressions,
				is_array ? psprintf("pg_catalog.unnest(%s)", text) : text);
}

static bool
is_equality(const OpExpr *expr)
{
	char	   *name = get_opname(expr->opno);

	return list_length(expr->args) == 2 && name != NULL &&
		strcmp(name, "=") == 0;
}

/* The values that policies compare the tenant column with, as texts. */
static bool
find_values(Node *node, void *context)
{
	Clues	   *clues = context;

	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	if ((IsA(node, OpExpr) && is_equality((OpExpr *) node)) ||
		IsA(node, DistinctExpr))
	{
		/* (both are the same struct) */
		Node	   *left = linitial(((OpExpr *) node)->args);
		Node	   *right = lsecond(((OpExpr *) node)->args);

		if (is_tenant_column(clues, left))
			note_value(clues, right, false);
		else if (is_tenant_column(clues, right))
			note_value(clues, left, false);
	}
	else if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *expr = (ScalarArrayOpExpr *) node;

		if (is_tenant_column(clues, linitial(expr->args)))
			note_value(clues, lsecond(expr->args), true);
	}
	else if (IsA(node, Query))
		return false;
	return expression_tree_walker(node, find_values, context);
}

static void
find_tenant_values(Clues *clues)
{
	int			save_nestlevel = tg_pin_search_path();
	ListCell   *lc;

	foreach(lc, clues->table->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		(void) find_values(policy->qual, clues);
		(void) find_values(policy->with_check, clues);
	}
	AtEOXact_GUC(true, save_nestlevel);
}

Clues *
tg_probe_clues(FactsReader *reader, const RelationFacts *table)
{
	Clues	   *clues = palloc0(sizeof(Clues));
	List	   *tenant;

	clues->reader = reader;
	clues->table = table;
	clues->steps = MAX_STEPS;
	tenant = tg_column_term(clues, table->relid, table->tenant->attnum);
	read_policies(clues, table);
	read_windows(clues);
	note_parents(clues);

	/* What the policies of the tables that they read depend on, in turn */
	for (int i = 0; i < list_length(clues->relations); i++)
	{
		RelationFacts *facts = tg_facts_read(reader,
											 list_nth_oid(clues->relations, i));

		if (facts == NULL)
			continue;
		if (facts->rls_enabled)
			read_policies(clues, facts);
		if (facts->tenant != NULL)
			tg_compare_terms(clues, tenant,
							 tg_column_term(clues, facts->relid, facts->tenant->attnum));
		unite_keys(clues, facts);
	}
	unite_keys(clues, table);
	find_tenant_values(clues);
	return clues;
}

/*
 * Questions
 */

Term *
tg_probe_set(Term *term)
{
	while (term->united != NULL)
		term = term->united;
	return term;
}

List *
tg_probe_literals(const Clues *clues, Term *term)
{
	Term	   *set = tg_probe_set(term);
	List	   *result = list_copy(term->literals);
	ListCell   *lc;

	foreach(lc, clues->terms)
	{
		Term	   *other = lfirst(lc);

		if (other->kind == TERM_VARIABLE && other != term &&
			tg_probe_set(other) == set)
			result = list_concat(result, other->literals);
	}
	return result;
}

List *
tg_probe_settings(const Clues *clues)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, clues->terms)
	{
		Term	   *term = lfirst(lc);

		if (term->kind == TERM_SETTING)
			result = lappend(result, term);
	}
	return result;
}

Term *
tg_probe_column(const Clues *clues, Oid relid, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, clues->terms)
	{
		Term	   *term = lfirst(lc);

		if (term->kind == TERM_COLUMN && term->relid == relid &&
			term->attnum == attnum && term->path == NIL)
			return term;
	}
	return NULL;
}

List *
tg_probe_parts_of_column(const Clues *clues, Oid relid, AttrNumber attnum)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, clues->terms)
	{
		Term	   *term = lfirst(lc);

		if (term->kind == TERM_COLUMN && term->relid == relid &&
			term->attnum == attnum && term->path != NIL)
			result = lappend(result, term);
	}
	return result;
}

int
tg_probe_tenant_column(const Clues *clues, Oid shown_by)
{
	ListCell   *lc;

	foreach(lc, clues->tenant_columns)
	{
		const TenantColumn *column = lfirst(lc);

		if (column->shown_by == shown_by)
			return column->number;
	}
	return 0;
}

bool
tg_probe_is_tenant(const Clues *clues, Term *term)
{
	/* the first term is the tenant column */
	return tg_probe_set(term) == tg_probe_set(linitial(clues->terms));
}

/* Does a column hold the same thing as a term? */
bool
tg_probe_has_column(const Clues *clues, Term *term)
{
	ListCell   *lc;

	foreach(lc, clues->terms)
	{
		Term	   *other = lfirst(lc);

		if (other->kind == TERM_COLUMN &&
			tg_probe_set(other) == tg_probe_set(term))
			return true;
	}
	return false;
}

/*
 * Does the set of a term tell who the session is, or link rows of tables?  Then a
 * natural row has a value of its own tenant in it.
 */
bool
tg_probe_is_identity(const Clues *clues, Term *term)
{
	Term	   *set = tg_probe_set(term);
	int			columns = 0;
	ListCell   *lc;

	if (term->type == BOOLOID)
		return false;
	foreach(lc, clues->terms)
	{
		Term	   *other = lfirst(lc);

		if (tg_probe_set(other) != set)
			continue;
		if (other->kind == TERM_SETTING || other->kind == TERM_ROLE)
			return true;
		if (other->kind == TERM_COLUMN)
			columns++;
	}
	return columns > 1 || tg_probe_is_tenant(clues, term);
}

/* Numbers and strings in quotes; casts and names do not count. */
List *
tg_probe_literals_in(const char *text)
{
	List	   *literals = NIL;

	while (*text != '\0')
	{
		size_t		length;

		if (*text == '\'')
		{
			length = strcspn(++text, "'");
			literals = lappend(literals, pnstrdup(text, length));
			text += length + (text[length] != '\0');
		}
		else if (isalpha((unsigned char) *text) || *text == '_')
		{
			while (isalnum((unsigned char) *text) || *text == '_')
				text++;
		}
		else if (isdigit((unsigned char) *text))
		{
			length = strspn(text, "0123456789.");
			literals = lappend(literals, pnstrdup(text, length));
			text += length;
		}
		else
			text++;
	}
	return literals;
}
