/*-------------------------------------------------------------------------
 *
 * nodes.h
 *		The bottom layer of the prover: where a proof stands, and what one node is.
 *
 * Only the prover includes this header.  Above it are origin.h (where values
 * come from), proof.h (what follows from an expression) and policy_proof.h
 * (what follows from a policy).
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_NODES_H
#define TROVELLA_GUARD_NODES_H

#include "facts/expression.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "scope/scope.h"

/* A set of ORIGIN_* flags; see origin.h. */
typedef uint32 Origin;

/* A condition whose outcome is assumed (see cases.c). */
typedef struct Assumption
{
	Node	   *condition;
	int			outcome;		/* 0 false, 1 true, 2 NULL */
} Assumption;

/* What PostgreSQL itself enforces about the tenant of a row; see ties.c. */
typedef struct TenantTies
{
	bool		known;			/* is the list filled in? */
	List	   *columns;		/* of Bitmapset: other columns of the row that
								 * together determine its tenant */
} TenantTies;

/* What the policies of the table compare the tenant column with; see own_row.c. */
typedef struct TenantValues
{
	bool		known;			/* is the list filled in? */
	List	   *values;
} TenantValues;

/* Where a proof stands: in a policy of a table, below some sub-selects. */
typedef struct ProofContext
{
	const RelationFacts *facts;
	FactsReader *reader;		/* NULL if only the expression counts */
	bool		new_row;		/* does the expression check a new row? */
	bool	   *by_row;			/* set to true if that makes a difference; may
								 * be NULL */
	TenantTies *ties;			/* NULL if nothing is enforced */
	TenantValues *tenant_values;	/* NULL if only the expression counts */
	List	   *queries;		/* enclosing sub-selects, innermost first; a
								 * Var of the policy's row has their number as
								 * varlevelsup */
	Origin		enclosing;		/* the flags of ORIGIN_MAY_KNOW_SESSION that
								 * the enclosing sub-selects have */
	ProofBudget *budget;
	List	   *assumptions;	/* of Assumption */
	Oid			reads_as;		/* the role that a view reads its tables as;
								 * InvalidOid if the session's */
} ProofContext;

/* nodes.c */

/* Takes steps; false if they exceed the budget.  Checks for interrupts. */
extern bool tg_spend(ProofBudget *budget, int steps);

/* The context inside a sub-select. */
extern ProofContext tg_enter_query(const ProofContext *context, Query *query);

/* Is the Var a column of the policy's row?  Is it the tenant column? */
extern bool tg_is_row_var(const Var *var, const ProofContext *context);
extern bool tg_is_tenant_var(const Var *var, const ProofContext *context);

extern bool tg_is_boolean(Node *node);

/* equality.c */

/* How an operator compares, in the default operator family of a type. */
typedef enum Comparison
{
	COMPARES_NOT,				/* not a member of the family */
	COMPARES_EQUAL,
	COMPARES_UNEQUAL,
	COMPARES_LESS,
	COMPARES_LESS_EQUAL,
	COMPARES_GREATER_EQUAL,
	COMPARES_GREATER
} Comparison;

extern Comparison tg_comparison(Oid operator, Oid type);

/* Does the operator compare Booleans? */
extern bool tg_boolean_comparison(Oid operator, Comparison *comparison);

/* The same comparison with its operands exchanged. */
extern Comparison tg_commute(Comparison comparison);

/* Is the comparison true of values in this order (negative, 0, positive)? */
extern bool tg_comparison_holds(Comparison comparison, int order);

extern bool tg_is_deterministic_collation(Oid collation);

/*
 * Built-in casts that keep different values different, or fail; they return
 * NULL only for NULL.
 */
extern bool tg_is_lossless(Oid function);

/* constants.c */

/*
 * Is it a constant below relabels and casts?  If *isnull is false, a cast may
 * still return NULL.
 */
extern bool tg_is_constant(Node *node, bool *isnull);
extern bool tg_is_null_constant(Node *node);

/* Does the constant mean "no tenant"?  Does a string? */
extern bool tg_is_no_tenant_constant(Node *node);
extern bool tg_is_no_tenant_text(const char *text);

extern bool tg_is_json_path(Node *node);

/* The number in LIMIT or OFFSET; false if it is not a constant. */
extern bool tg_literal_count(Node *node, int64 *count);

/*
 * The order of two constants of a simple built-in type; false if unknown.
 * Strings are only equal or not, which no collation changes.
 */
extern bool tg_compare_constants(const Const *one, const Const *other,
								 Comparison comparison, int *order);

/* nulls.c */

/* Is the value certainly not NULL? */
extern bool tg_is_never_null(Node *node, const ProofContext *context);

/*
 * The value below casts that is NULL exactly if this one is.  NULL if it is a
 * constant, or if it may differ between two places in the same policy.
 */
extern Node *tg_null_core(Node *node, const ProofContext *context);

/* column.c */

/*
 * Is the expression the tenant column, or a lossless cast of it?  If so, *type
 * is the type whose equality tells tenants apart.  With "or_null", it may also
 * be NULL if the column is not, such as NULLIF(column, '').
 */
extern bool tg_is_tenant_column(Node *node, const ProofContext *context,
								bool or_null, Oid *type);

/*
 * The column of any table that the expression is, or is a lossless cast of;
 * NULL if it is something else.  *type is the type whose equality tells its
 * values apart.
 */
extern Var *tg_as_column(Node *node, Oid *type);

/* Does the type have a different text for each value? */
extern bool tg_writes_unambiguously(Oid type);

/* functions.c */

typedef enum FunctionClass
{
	FUNCTION_PLAIN,				/* its value depends on its arguments */
	FUNCTION_SETTING,			/* current_setting() */
	FUNCTION_SESSION,			/* returns who the session is */
	FUNCTION_ENVIRONMENT,		/* returns where it is, where others may be */
	FUNCTION_SET_CONFIG,		/* set_config() */
	FUNCTION_RANDOM,			/* volatile, but harmless */
	FUNCTION_CONCAT,			/* concatenates its arguments */
	FUNCTION_MEASURE,			/* counts or classifies its argument */
	FUNCTION_VOLATILE,
	FUNCTION_UNKNOWN
} FunctionClass;

/* The class of a built-in function. */
extern FunctionClass tg_classify_function(Oid function);

/*
 * A function whose value is one of its arguments, or a part of it.  Its other
 * arguments are parameters.
 */
typedef struct KeepingFunction
{
	Oid			function;
	int			contents;		/* a bit for each argument that is no
								 * parameter */
	bool		cuts;			/* may return a part of the argument, or
								 * nothing */
} KeepingFunction;

/* NULL if the function may return the same value for different arguments. */
extern const KeepingFunction *tg_find_keeping_function(Oid function);

/* Does the string that is cast to this type keep its value, or fail? */
extern bool tg_input_keeps_value(Oid type);

/* Is it a custom setting, or one that tells who the session is? */
extern bool tg_is_session_setting(const char *name);

/* Does an aggregate or window function return one of its arguments? */
extern bool tg_returns_an_argument(Oid function);

/* queries.c */

/* A condition, and the tables that it holds for (NULL: all of them). */
typedef struct JoinCondition
{
	Node	   *node;
	Bitmapset  *only;
} JoinCondition;

/*
 * The conditions of a join tree, a List of JoinCondition.  Pass NULL as "only"
 * for the top of the tree.
 */
extern List *tg_join_conditions(Node *item, Bitmapset *only);

/* The conditions that every row of a sub-select has passed. */
extern List *tg_query_conditions(Query *query);

/*
 * Do the columns of the item stand for expressions over other items, as those
 * of a join and of GROUP BY do?  Which one does this column stand for?  NULL
 * if none.
 */
extern bool tg_is_alias(RangeTblEntry *rte);
extern Node *tg_aliased(RangeTblEntry *rte, AttrNumber column);

/* The tables of this query whose columns the expression uses. */
extern Bitmapset *tg_tables_of(Node *node, Query *query);

/* The query of a WITH item, and the context in which it is defined. */
extern Query *tg_find_with(RangeTblEntry *rte, const ProofContext *context,
						   ProofContext *outer_context);

/* Has a condition an OR arm without any column of the query? */
extern bool tg_has_loose_arm(Node *node, Query *query);

/* The value of (SELECT value) without FROM or anything else; NULL if it has. */
extern Node *tg_bare_value(Query *query);
extern Node *tg_bare_select(SubLink *sublink);

/* Does the query yield a row, whatever the tables hold?  Or never? */
extern bool tg_always_yields(Query *query);
extern bool tg_yields_nothing(Query *query);

#endif							/* TROVELLA_GUARD_NODES_H */
