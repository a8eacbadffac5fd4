/*-------------------------------------------------------------------------
 *
 * reading.c
 *		Reads SQL text for the clues about a table.
 *
 * Policies, bodies of functions and views are read as raw parse trees, because the
 * bodies are nothing else.  Names are looked up as PostgreSQL would, but nothing is
 * analyzed and nothing is run.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "probe/bodies.h"
#include "probe/reading.h"
#include "probe/terms.h"
#include "rewrite/rewriteHandler.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* Parsing takes a step for so many characters. */
#define CHARACTERS_A_STEP 64

#define MAX_RELATIONS 24

/* A relation or sub-select in FROM, or a CTE. */
typedef struct ScopeTable
{
	const char *alias;
	Oid			relid;			/* InvalidOid: ... */
	List	   *columns;		/* ... of NamedTerms */
	bool		any_name;		/* a function in FROM: each column is its
								 * value */
} ScopeTable;

typedef struct Scope
{
	struct Scope *outer;
	List	   *tables;			/* of ScopeTable */
	List	   *ctes;			/* of ScopeTable */
	Oid			function;		/* whose body this is, or InvalidOid */
	List	   *arguments;		/* of the function, of NamedTerms */
} Scope;

static List *terms_of(Clues *clues, Scope *scope, Node *node);
static List *read_select(Clues *clues, Scope *outer, SelectStmt *select);
static List *read_targets(Clues *clues, Scope *scope, List *targets);
static List *all_terms(const List *named);

/*
 * Names
 */

static NamedTerms *
named_terms(const char *name, List *terms)
{
	NamedTerms *named = palloc(sizeof(NamedTerms));

	named->name = name;
	named->terms = terms;
	return named;
}

/* The expression of a generated column, as text, or NULL. */
static char *
generation_of(Oid relid, AttrNumber attnum)
{
	Relation	rel;
	Node	   *expression;
	char	   *text = NULL;
	int			save_nestlevel;

	if (get_attgenerated(relid, attnum) == '\0')
		return NULL;
	rel = table_open(relid, AccessShareLock);
	expression = build_column_default(rel, attnum);
	if (expression != NULL)
	{
		save_nestlevel = tg_pin_search_path();
		text = deparse_expression(expression,
								  deparse_context_for(RelationGetRelationName(rel),
													  relid), false, false);
		AtEOXact_GUC(true, save_nestlevel);
	}
	table_close(rel, NoLock);
	return text;
}

/* It holds what other columns of its row are compared with, or equal to. */
static List *
generated_terms(Clues *clues, const ScopeTable *table, const char *expression)
{
	Scope		scope = {0};
	List	   *statements = raw_parser(psprintf("SELECT %s", expression),
										RAW_PARSE_DEFAULT);
	SelectStmt *select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;

	scope.tables = list_make1(unconstify(ScopeTable *, table));
	return all_terms(read_targets(clues, &scope, select->targetList));
}

static List *
column_of(Clues *clues, const ScopeTable *table, const char *name)
{
	ListCell   *lc;

	if (OidIsValid(table->relid))
	{
		AttrNumber	attnum = get_attnum(table->relid, name);
		char	   *expression;

		if (attnum <= 0)
			return NIL;
		expression = generation_of(table->relid, attnum);
		return expression != NULL ?
			generated_terms(clues, table, expression) :
			tg_column_term(clues, table->relid, attnum);
	}
	foreach(lc, table->columns)
	{
		NamedTerms *column = lfirst(lc);

		if (table->any_name ||
			(column->name != NULL && strcmp(column->name, name) == 0))
			return column->terms;
	}
	return NIL;
}

static List *
argument_of(const Scope *scope, const char *name)
{
	ListCell   *lc;

	foreach(lc, scope->arguments)
	{
		NamedTerms *argument = lfirst(lc);

		if (argument->name != NULL && strcmp(argument->name, name) == 0)
			return argument->terms;
	}
	return NIL;
}

static List *
resolve_column(Clues *clues, Scope *scope, ColumnRef *ref)
{
	int			nfields = list_length(ref->fields);
	const char *name;
	const char *table_name = NULL;
	Oid			function = InvalidOid;

	if (!IsA(llast(ref->fields), String))
		return NIL;
	name = strVal(llast(ref->fields));
	if (nfields > 1 && IsA(list_nth(ref->fields, nfields - 2), String))
		table_name = strVal(list_nth(ref->fields, nfields - 2));

	for (; scope != NULL; scope = scope->outer)
	{
		ListCell   *lc;
		List	   *terms;

		foreach(lc, scope->tables)
		{
			ScopeTable *table = lfirst(lc);

			if (table_name != NULL && strcmp(table->alias, table_name) != 0)
				continue;
			if (table_name == NULL && table->any_name &&
				strcmp(table->alias, name) != 0)
				continue;
			terms = column_of(clues, table, name);
			if (terms != NIL)
				return terms;
		}
		terms = argument_of(scope, name);
		if (terms != NIL)
			return terms;
		if (OidIsValid(scope->function))
			function = scope->function;
	}
	if (!OidIsValid(function))
		return NIL;
	return tg_term(clues, TERM_VARIABLE, function, 0, name, NIL);
}

/*
 * FROM
 */

void
tg_note_relation(Clues *clues, Oid relid)
{
	char		kind = get_rel_relkind(relid);

	if (relid >= FirstNormalObjectId && relid != clues->table->relid &&
		(kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
		list_length(clues->relations) < MAX_RELATIONS)
	{
		clues->relations = list_append_unique_oid(clues->relations, relid);
		if (clues->negated)
			clues->absent = list_append_unique_oid(clues->absent, relid);
	}
}

static ScopeTable *
add_table(Scope *scope, const char *alias, Oid relid, List *columns)
{
	ScopeTable *table = palloc0(sizeof(ScopeTable));

	table->alias = alias;
	table->relid = relid;
	table->columns = columns;
	scope->tables = lappend(scope->tables, table);
	return table;
}

static List *
rename_columns(List *columns, const Alias *alias)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (alias != NULL && alias->colnames != NIL)
	{
		forboth(lc, columns, lc2, alias->colnames)
			((NamedTerms *) lfirst(lc))->name = strVal(lfirst(lc2));
	}
	return columns;
}

static const ScopeTable *
find_cte(const Scope *scope, const char *name)
{
	ListCell   *lc;

	for (; scope != NULL; scope = scope->outer)
	{
		foreach(lc, scope->ctes)
		{
			const ScopeTable *cte = lfirst(lc);

			if (strcmp(cte->alias, name) == 0)
				return cte;
		}
	}
	return NULL;
}

static void
add_relation(Clues *clues, Scope *scope, RangeVar *range)
{
	const char *alias = range->alias != NULL ? range->alias->aliasname :
		range->relname;
	const ScopeTable *cte = range->schemaname != NULL ? NULL :
		find_cte(scope, range->relname);
	Oid			relid;

	if (cte != NULL)
	{
		add_table(scope, alias, InvalidOid,
				  rename_columns(cte->columns, range->alias));
		return;
	}
	relid = RangeVarGetRelid(range, NoLock, true);
	if (!OidIsValid(relid))
		return;
	if (get_rel_relkind(relid) == RELKIND_VIEW &&
		relid >= FirstNormalObjectId)
	{
		add_table(scope, alias, InvalidOid, tg_read_view(clues, relid));
		return;
	}
	tg_note_relation(clues, relid);
	add_table(scope, alias, relid, NIL);
}

static void
add_from(Clues *clues, Scope *scope, Node *node)
{
	if (node == NULL || clues->steps-- <= 0)
		return;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (nodeTag(node))
	{
		case T_RangeVar:
			add_relation(clues, scope, (RangeVar *) node);
			break;
		case T_RangeSubselect:
			{
				RangeSubselect *sub = (RangeSubselect *) node;
				List	   *columns = read_select(clues, scope,
												  (SelectStmt *) sub->subquery);

				add_table(scope, sub->alias != NULL ?
						  sub->alias->aliasname : "", InvalidOid,
						  rename_columns(columns, sub->alias));
				break;
			}
		case T_RangeFunction:
			{
				RangeFunction *function = (RangeFunction *) node;
				NamedTerms *column;
				ScopeTable *table;
				Node	   *call = linitial(linitial(function->functions));
				const char *alias = function->alias != NULL ?
					function->alias->aliasname :
					IsA(call, FuncCall) ?
					strVal(llast(((FuncCall *) call)->funcname)) : "";

				column = named_terms(NULL, terms_of(clues, scope, call));
				table = add_table(scope, alias, InvalidOid,
								  list_make1(column));
				table->any_name = true;
				if (function->alias != NULL &&
					function->alias->colnames != NIL)
				{
					column->name = strVal(linitial(function->alias->colnames));
					table->any_name = false;
				}
				break;
			}
		case T_JoinExpr:
			{
				JoinExpr   *join = (JoinExpr *) node;
				int			before = list_length(scope->tables);
				int			middle;
				ListCell   *lc;

				add_from(clues, scope, join->larg);
				middle = list_length(scope->tables);
				add_from(clues, scope, join->rarg);
				(void) terms_of(clues, scope, join->quals);
				foreach(lc, join->usingClause)
				{
					const char *name = strVal(lfirst(lc));

					for (int i = before; i < middle; i++)
					{
						for (int j = middle; j < list_length(scope->tables); j++)
							tg_compare_terms(clues,
											 column_of(clues, list_nth(scope->tables, i), name),
											 column_of(clues, list_nth(scope->tables, j), name));
					}
				}
				break;
			}
		default:
			break;
	}
}

/* All columns of what is in FROM, as targets. */
static List *
expand_star(Clues *clues, Scope *scope, const char *alias)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, scope->tables)
	{
		ScopeTable *table = lfirst(lc);

		if (clues->steps <= 0)
			break;
		if (alias != NULL && strcmp(alias, table->alias) != 0)
			continue;
		if (!OidIsValid(table->relid))
		{
			clues->steps -= list_length(table->columns);
			result = list_concat(result, table->columns);
			continue;
		}
		for (AttrNumber attnum = 1;; attnum++)
		{
			char	   *name = get_attname(table->relid, attnum, true);

			if (name == NULL || clues->steps-- <= 0)
				break;
			result = lappend(result,
							 named_terms(name, tg_column_term(clues, table->relid,
															  attnum)));
		}
	}
	return result;
}

static List *
read_targets(Clues *clues, Scope *scope, List *targets)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		ResTarget  *target = lfirst(lc);
		const char *name;

		if (IsA(target->val, ColumnRef))
		{
			ColumnRef  *ref = (ColumnRef *) target->val;

			if (IsA(llast(ref->fields), A_Star))
			{
				const char *alias = list_length(ref->fields) > 1 ?
					strVal(list_nth(ref->fields,
									list_length(ref->fields) - 2)) : NULL;

				result = list_concat(result, expand_star(clues, scope, alias));
				continue;
			}
		}
		name = target->name;
		if (name == NULL && IsA(target->val, ColumnRef))
			name = strVal(llast(((ColumnRef *) target->val)->fields));
		if (name == NULL && IsA(target->val, FuncCall))
			name = strVal(llast(((FuncCall *) target->val)->funcname));
		result = lappend(result,
						 named_terms(name, terms_of(clues, scope,
													target->val)));
	}
	return result;
}

static List *
read_values(Clues *clues, Scope *scope, List *rows)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rows)
	{
		ListCell   *lc2;
		int			i = 0;

		foreach(lc2, lfirst(lc))
		{
			List	   *terms = terms_of(clues, scope, lfirst(lc2));

			if (i < list_length(result))
			{
				NamedTerms *column = list_nth(result, i);

				column->terms = list_union_ptr(column->terms, terms);
			}
			else
			{
				result = lappend(result,
								 named_terms(psprintf("column%d", i + 1),
											 terms));
			}
			i++;
		}
	}
	return result;
}

/* The targets of a SELECT, as a List of NamedTerms. */
static List *
read_select(Clues *clues, Scope *outer, SelectStmt *select)
{
	Scope		scope = {.outer = outer};
	List	   *targets;
	ListCell   *lc;

	if (!IsA(select, SelectStmt) || clues->steps-- <= 0)
		return NIL;
	check_stack_depth();
	if (select->withClause != NULL)
	{
		foreach(lc, select->withClause->ctes)
		{
			CommonTableExpr *cte = lfirst(lc);
			ScopeTable *table = palloc0(sizeof(ScopeTable));
			ListCell   *lc2;
			ListCell   *lc3;

			table->alias = cte->ctename;
			if (IsA(cte->ctequery, SelectStmt))
			{
				SelectStmt *query = (SelectStmt *) cte->ctequery;

				/* Of a recursive one the first part tells the columns. */
				if (select->withClause->recursive &&
					query->op == SETOP_UNION)
				{
					table->columns = read_select(clues, &scope, query->larg);
					scope.ctes = lappend(scope.ctes, table);
					(void) read_select(clues, &scope, query->rarg);
				}
				else
				{
					table->columns = read_select(clues, &scope, query);
					scope.ctes = lappend(scope.ctes, table);
				}
			}
			forboth(lc2, table->columns, lc3, cte->aliascolnames)
				((NamedTerms *) lfirst(lc2))->name = strVal(lfirst(lc3));
		}
	}
	if (select->op != SETOP_NONE)
	{
		List	   *more = read_select(clues, &scope, select->rarg);
		ListCell   *lc2;

		targets = read_select(clues, &scope, select->larg);
		forboth(lc, targets, lc2, more)
		{
			NamedTerms *one = lfirst(lc);

			one->terms = list_union_ptr(one->terms,
										((NamedTerms *) lfirst(lc2))->terms);
		}
		return targets;
	}
	if (select->valuesLists != NIL)
		return read_values(clues, &scope, select->valuesLists);
	foreach(lc, select->fromClause)
		add_from(clues, &scope, lfirst(lc));
	(void) terms_of(clues, &scope, select->whereClause);
	(void) terms_of(clues, &scope, select->havingClause);
	(void) terms_of(clues, &scope, select->limitOffset);
	(void) terms_of(clues, &scope, select->limitCount);
	targets = read_targets(clues, &scope, select->targetList);
	if (select->intoClause != NULL && select->intoClause->rel != NULL)
	{
		/* SELECT ... INTO variable of PL/pgSQL */
		ColumnRef  *variable = makeNode(ColumnRef);

		variable->fields = list_make1(makeString(select->intoClause->rel->relname));
		if (targets != NIL)
			tg_compare_terms(clues, resolve_column(clues, outer, variable),
							 ((NamedTerms *) linitial(targets))->terms);
	}
	return targets;
}

static List *
all_terms(const List *named)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, named)
		result = list_union_ptr(result, ((NamedTerms *) lfirst(lc))->terms);
	return result;
}

/*
 * Functions
 */

static bool
is_bypass(Clues *clues, Oid function)
{
	const Decisions *decisions = tg_facts_decisions(clues->reader);
	ListCell   *lc;

	foreach(lc, decisions->bypasses)
	{
		if (tg_facts_switch_function(lfirst(lc)) == function)
			return true;
	}
	return false;
}

/*
 * The terms of what a function of a user returns; and by columns what the last
 * statement that returns something returns.
 */
static List *
read_function(Clues *clues, Oid function, List *arguments, List *rows,
			  List **columns)
{
	FunctionBody body;
	Scope		scope = {.function = function};
	List	   *result = NIL;
	ListCell   *lc;
	int			i = 0;
	int			save_nestlevel;

	if (list_member_oid(clues->active, function) ||
		list_length(clues->active) > 8 || clues->steps <= 0 ||
		is_bypass(clues, function))
		return NIL;
	if (!tg_probe_function_body(function, &body))
		return NIL;
	clues->steps -= body.length / CHARACTERS_A_STEP;
	clues->active = lappend_oid(clues->active, function);
	foreach(lc, arguments)
	{
		scope.arguments = lappend(scope.arguments,
								  named_terms(i < body.nargs ?
											  body.argument_names[i] : NULL,
											  lfirst(lc)));
		i++;
	}
	foreach(lc, rows)
	{
		i = foreach_current_index(lc);
		if (OidIsValid(lfirst_oid(lc)) && i < body.nargs &&
			body.argument_names[i] != NULL)
			add_table(&scope, body.argument_names[i], lfirst_oid(lc), NIL);
	}
	save_nestlevel = tg_probe_enter_function(&body);
	foreach(lc, body.statements)
	{
		BodyStatement *statement = lfirst(lc);
		SelectStmt *select = statement->select;
		List	   *targets;

		if (clues->steps <= 0)
			break;
		targets = read_select(clues, &scope, select);
		if (statement->assigns != NULL)
		{
			ColumnRef  *variable = makeNode(ColumnRef);

			variable->fields = list_make1(makeString(pstrdup(statement->assigns)));
			tg_compare_terms(clues, resolve_column(clues, &scope, variable),
							 all_terms(targets));
		}
		if (statement->returns && columns != NULL)
			*columns = targets;
		if (statement->returns)
			result = list_union_ptr(result, all_terms(targets));
	}
	tg_probe_leave_function(save_nestlevel);
	clues->active = list_delete_last(clues->active);
	return result;
}

/* app.org, but not 'app.', which policies join with something. */
static bool
is_setting_name(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot != NULL && dot != name && name[strlen(name) - 1] != '.';
}

/*
 * A setting of PostgreSQL that holds what its user likes, such as
 * application_name.
 */
bool
tg_probe_is_builtin_setting(const char *name)
{
	return pg_strcasecmp(name, "application_name") == 0;
}

/* Functions that compare their first two arguments. */
static const char *const comparing[] = {
	"starts_with", "regexp_like", "strpos", "position", "texteq", "textlike",
	"like", "uuid_eq", "int4eq", "array_position", "array_positions",
	"jsonb_exists", "jsonb_contains", "arraycontains", "arrayoverlap"
};

static Node *
strip_casts(Node *node)
{
	while (IsA(node, TypeCast))
		node = ((TypeCast *) node)->arg;
	return node;
}

/* The table whose row an argument is: f(item), f(item.*). */
static Oid
whole_row(const Scope *scope, Node *node)
{
	ColumnRef  *ref = (ColumnRef *) node;
	ListCell   *lc;

	if (!IsA(node, ColumnRef) || !IsA(linitial(ref->fields), String) ||
		!(list_length(ref->fields) == 1 || IsA(llast(ref->fields), A_Star)))
		return InvalidOid;
	for (; scope != NULL; scope = scope->outer)
	{
		foreach(lc, scope->tables)
		{
			ScopeTable *table = lfirst(lc);

			if (OidIsValid(table->relid) &&
				strcmp(table->alias, strVal(linitial(ref->fields))) == 0)
				return table->relid;
		}
	}
	return InvalidOid;
}

static List *
read_call(Clues *clues, Scope *scope, FuncCall *call)
{
	const char *name = strVal(llast(call->funcname));
	List	   *arguments = NIL;
	List	   *rows = NIL;
	List	   *flat = NIL;
	List	   *result = NIL;
	ListCell   *lc;
	FuncCandidateList candidates;
	bool		builtin = true;

	foreach(lc, call->args)
	{
		Node	   *node = lfirst(lc);
		List	   *terms;

		if (IsA(node, NamedArgExpr))
			node = (Node *) ((NamedArgExpr *) node)->arg;
		rows = lappend_oid(rows, whole_row(scope, node));
		terms = terms_of(clues, scope, node);
		arguments = lappend(arguments, terms);
		flat = list_union_ptr(flat, terms);
	}
	candidates = TG_FUNCTION_CANDIDATES(call->funcname,
										list_length(call->args));
	for (int tries = 0; candidates != NULL && tries < 4;
		 candidates = candidates->next)
	{
		if (candidates->oid < FirstNormalObjectId)
			continue;
		builtin = false;
		tries++;
		result = list_union_ptr(result, read_function(clues, candidates->oid,
													  arguments, rows, NULL));
	}
	if (!builtin)
		return result != NIL ? result : flat;

	if (strcmp(name, "current_setting") == 0 && arguments != NIL)
	{
		foreach(lc, linitial(arguments))
		{
			Term	   *literal = lfirst(lc);

			if (literal->kind != TERM_LITERAL)
				continue;
			if (pg_strcasecmp(literal->name, "role") == 0)
				result = list_concat(result,
									 tg_term(clues, TERM_ROLE, InvalidOid, 0,
											 "", NIL));
			else if (is_setting_name(literal->name) ||
					 tg_probe_is_builtin_setting(literal->name))
				result = list_concat(result,
									 tg_term(clues, TERM_SETTING, InvalidOid,
											 0, literal->name, NIL));
		}
		return result;
	}
	if (strncmp(name, "json", 4) == 0 && arguments != NIL &&
		strstr(name, "extract_path") != NULL)
	{
		Node	   *last = llast(call->args);

		result = linitial(arguments);
		for (int i = 1; i < list_length(arguments); i++)
		{
			/* PostgreSQL prints the keys as VARIADIC ARRAY['a', 'b'] */
			if (call->func_variadic && lfirst(list_nth_cell(call->args, i)) == last &&
				IsA(strip_casts(last), A_ArrayExpr))
			{
				foreach(lc, ((A_ArrayExpr *) strip_casts(last))->elements)
					result = tg_with_path(clues, result,
										  terms_of(clues, scope, lfirst(lc)));
			}
			else
				result = tg_with_path(clues, result, list_nth(arguments, i));
		}
		return result;
	}
	if (strncmp(name, "json", 4) == 0 && strstr(name, "array_elements") != NULL)
		tg_mark_lists(flat);
	if (strncmp(name, "json", 4) == 0 && strstr(name, "object_keys") != NULL)
		tg_mark_keys(flat);
	if (strcmp(name, "set_config") == 0)
	{
		clues->sets_settings = true;
		return NIL;
	}
	for (int i = 0; i < (int) lengthof(comparing); i++)
	{
		if (strcmp(name, comparing[i]) == 0 && list_length(arguments) > 1)
		{
			tg_note_looseness(clues, flat);
			tg_compare_terms(clues, linitial(arguments), lsecond(arguments));
			return NIL;
		}
	}
	if (strncmp(name, "regexp", 6) == 0)
		clues->patterns = true;
	tg_note_looseness(clues, flat);
	return flat;
}

/*
 * Expressions
 */

static List *
read_operation(Clues *clues, Scope *scope, A_Expr *expr)
{
	List	   *left;
	List	   *right;
	const char *op = expr->name != NIL && IsA(llast(expr->name), String) ?
		strVal(llast(expr->name)) : "";

	if (expr->kind == AEXPR_NULLIF)
	{
		(void) terms_of(clues, scope, expr->rexpr);
		return terms_of(clues, scope, expr->lexpr);
	}

	/* Rows are compared column by column. */
	if (expr->lexpr != NULL && IsA(expr->lexpr, RowExpr) &&
		expr->rexpr != NULL && IsA(expr->rexpr, RowExpr))
	{
		ListCell   *lc;
		ListCell   *lc2;

		forboth(lc, ((RowExpr *) expr->lexpr)->args,
				lc2, ((RowExpr *) expr->rexpr)->args)
			tg_compare_terms(clues, terms_of(clues, scope, lfirst(lc)),
							 terms_of(clues, scope, lfirst(lc2)));
		return NIL;
	}

	left = terms_of(clues, scope, expr->lexpr);
	right = terms_of(clues, scope, expr->rexpr);

	/* A prefix operator has no left side */
	if (expr->kind == AEXPR_OP && expr->lexpr != NULL)
	{
		if (strcmp(op, "->") == 0 || strcmp(op, "->>") == 0)
			return tg_with_path(clues, left, right);
		if (strcmp(op, "#>") == 0 || strcmp(op, "#>>") == 0)
			return tg_with_path_literal(clues, left, right);
		if (strcmp(op, "?") == 0 || strcmp(op, "?|") == 0 ||
			strcmp(op, "?&") == 0)
		{
			/* a function may have built the list of what a setting holds */
			if (!IsA(expr->lexpr, FuncCall))
				tg_mark_lists(left);
		}
		else if (strcmp(op, "@>") == 0 && IsA(expr->lexpr, TypeCast) &&
				 strncmp(strVal(llast(((TypeCast *) expr->lexpr)->typeName->names)),
						 "json", 4) == 0)
			tg_mark_lists(left);
		else if (strcmp(op, "||") == 0 || strchr("+-*/%", op[0]) != NULL)
		{
			const char *one = tg_only_literal(left);
			const char *other = tg_only_literal(right);

			tg_mark_parts(left);
			tg_mark_parts(right);
			/* 'app.' || 'org' */
			if (strcmp(op, "||") == 0 && one != NULL && other != NULL)
				return tg_term(clues, TERM_LITERAL, InvalidOid, 0,
							   psprintf("%s%s", one, other), NIL);
			return list_union_ptr(left, right);
		}
	}
	tg_compare_terms(clues, left, right);
	tg_lean(op, left, right, 1);
	tg_lean(op, right, left, -1);
	if (strcmp(op, "=") != 0)
	{
		tg_note_looseness(clues, left);
		tg_note_looseness(clues, right);
	}
	if (expr->kind == AEXPR_SIMILAR || strchr(op, '~') != NULL)
		clues->patterns = true;
	return NIL;
}

static List *
read_sublink(Clues *clues, Scope *scope, SubLink *link)
{
	List	   *targets;

	if (link->subselect == NULL || !IsA(link->subselect, SelectStmt))
		return NIL;
	targets = read_select(clues, scope, (SelectStmt *) link->subselect);
	if (link->subLinkType == EXISTS_SUBLINK)
		return NIL;
	if (link->testexpr != NULL)
	{
		if (IsA(link->testexpr, RowExpr))
		{
			ListCell   *lc;
			ListCell   *lc2;

			forboth(lc, ((RowExpr *) link->testexpr)->args, lc2, targets)
				tg_compare_terms(clues, terms_of(clues, scope, lfirst(lc)),
								 ((NamedTerms *) lfirst(lc2))->terms);
		}
		else
			tg_compare_terms(clues, terms_of(clues, scope, link->testexpr),
							 all_terms(targets));
		return NIL;
	}
	return all_terms(targets);
}

static List *
terms_of_list(Clues *clues, Scope *scope, List *nodes)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
		result = list_union_ptr(result, terms_of(clues, scope, lfirst(lc)));
	return result;
}

static const char *
constant_text(const A_Const *constant)
{
	if (constant->isnull)
		return NULL;
	switch (nodeTag(&constant->val))
	{
		case T_String:
			return constant->val.sval.sval;
		case T_Integer:
			return psprintf("%d", constant->val.ival.ival);
		case T_Float:
			return constant->val.fval.fval;
		case T_Boolean:
			return constant->val.boolval.boolval ? "true" : "false";
		default:
			return NULL;
	}
}

/* A cast tells what a setting must look like. */
static List *
read_cast(Clues *clues, Scope *scope, TypeCast *cast)
{
	List	   *terms = terms_of(clues, scope, cast->arg);
	Oid			type = LookupTypeNameOid(NULL, cast->typeName, true);
	ListCell   *lc;

	if (type != TEXTOID && type != UUIDOID)
		tg_note_looseness(clues, terms);
	if (OidIsValid(type) && list_length(terms) < 20)
	{
		foreach(lc, terms)
		{
			Term	   *term = lfirst(lc);

			if ((term->kind == TERM_SETTING ||
				 (term->kind == TERM_COLUMN && term->path != NIL)) &&
				type != TEXTOID && type != VARCHAROID && type != JSONOID &&
				type != JSONBOID)
				term->type = type;
		}
	}
	return terms;
}

/* (doc)['org'], and the elements of an array */
static List *
read_indirection(Clues *clues, Scope *scope, A_Indirection *indirection)
{
	List	   *result = terms_of(clues, scope, indirection->arg);
	ListCell   *lc;

	foreach(lc, indirection->indirection)
	{
		A_Indices  *indices = lfirst(lc);
		List	   *key;

		if (!IsA(indices, A_Indices) || indices->is_slice)
			continue;
		key = terms_of(clues, scope, indices->uidx);
		if (tg_only_literal(key) != NULL &&
			strspn(tg_only_literal(key), "0123456789") == 0)
			result = tg_with_path(clues, result, key);
	}
	return result;
}

/*
 * The terms whose value an expression has, or may have.  The comparisons in it
 * are noted.
 */
static List *
terms_of(Clues *clues, Scope *scope, Node *node)
{
	if (node == NULL || clues->steps-- <= 0)
		return NIL;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (nodeTag(node))
	{
		case T_List:
			return terms_of_list(clues, scope, (List *) node);
		case T_ColumnRef:
			return resolve_column(clues, scope, (ColumnRef *) node);
		case T_ParamRef:
			for (; scope != NULL; scope = scope->outer)
			{
				int			number = ((ParamRef *) node)->number;

				if (number > 0 && number <= list_length(scope->arguments))
					return ((NamedTerms *) list_nth(scope->arguments,
													number - 1))->terms;
			}
			return NIL;
		case T_A_Const:
			{
				const char *text = constant_text((A_Const *) node);

				return text == NULL ? NIL :
					tg_term(clues, TERM_LITERAL, InvalidOid, 0, text, NIL);
			}
		case T_SQLValueFunction:
			switch (((SQLValueFunction *) node)->op)
			{
				case SVFOP_CURRENT_ROLE:
				case SVFOP_CURRENT_USER:
				case SVFOP_USER:
				case SVFOP_SESSION_USER:
					return tg_term(clues, TERM_ROLE, InvalidOid, 0, "", NIL);
				default:
					return NIL;
			}
		case T_TypeCast:
			return read_cast(clues, scope, (TypeCast *) node);
		case T_CollateClause:
			return terms_of(clues, scope, ((CollateClause *) node)->arg);
		case T_A_Indirection:
			return read_indirection(clues, scope, (A_Indirection *) node);
		case T_A_Expr:
			return read_operation(clues, scope, (A_Expr *) node);
		case T_BoolExpr:
			{
				bool		is_not = ((BoolExpr *) node)->boolop == NOT_EXPR;

				clues->negated ^= is_not;
				(void) terms_of_list(clues, scope, ((BoolExpr *) node)->args);
				clues->negated ^= is_not;
				return NIL;
			}
		case T_NullTest:
			{
				List	   *terms = terms_of(clues, scope,
											 (Node *) ((NullTest *) node)->arg);
				ListCell   *lc;

				foreach(lc, terms)
				{
					if (((NullTest *) node)->nulltesttype == IS_NULL)
						((Term *) lfirst(lc))->wants_null = true;
				}
				return NIL;
			}
		case T_BooleanTest:
			(void) terms_of(clues, scope, (Node *) ((BooleanTest *) node)->arg);
			return NIL;
		case T_FuncCall:
			return read_call(clues, scope, (FuncCall *) node);
		case T_SubLink:
			return read_sublink(clues, scope, (SubLink *) node);
		case T_CoalesceExpr:
			return terms_of_list(clues, scope, ((CoalesceExpr *) node)->args);
		case T_MinMaxExpr:
			return terms_of_list(clues, scope, ((MinMaxExpr *) node)->args);
		case T_A_ArrayExpr:
			return terms_of_list(clues, scope, ((A_ArrayExpr *) node)->elements);
		case T_RowExpr:
			return terms_of_list(clues, scope, ((RowExpr *) node)->args);
		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				List	   *arg = terms_of(clues, scope, (Node *) expr->arg);
				List	   *result = terms_of(clues, scope,
											  (Node *) expr->defresult);
				ListCell   *lc;

				foreach(lc, expr->args)
				{
					CaseWhen   *when = lfirst(lc);

					tg_compare_terms(clues, arg,
									 terms_of(clues, scope, (Node *) when->expr));
					result = list_union_ptr(result,
											terms_of(clues, scope,
													 (Node *) when->result));
				}
				return result;
			}
		default:
			return NIL;
	}
}

/*
 * What is read from outside
 */

void
tg_read_expression(Clues *clues, const RelationFacts *facts, const char *text)
{
	Scope		scope = {0};
	List	   *statements = raw_parser(psprintf("SELECT %s", text),
										RAW_PARSE_DEFAULT);

	add_table(&scope, facts->name, facts->relid, NIL);
	(void) read_select(clues, &scope,
					   (SelectStmt *) linitial_node(RawStmt, statements)->stmt);
}

List *
tg_read_view(Clues *clues, Oid view)
{
	int			length;
	List	   *statements = tg_probe_view_body(view, &length);

	clues->steps -= length / CHARACTERS_A_STEP;
	if (statements == NIL)
		return NIL;
	return read_select(clues, NULL,
					   (SelectStmt *) linitial_node(RawStmt, statements)->stmt);
}

List *
tg_read_function(Clues *clues, Oid function)
{
	List	   *columns = NIL;

	(void) read_function(clues, function, NIL, NIL, &columns);
	return columns;
}
