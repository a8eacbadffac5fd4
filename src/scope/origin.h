/*-------------------------------------------------------------------------
 *
 * origin.h
 *		Where the value of an expression in a policy comes from.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ORIGIN_H
#define TROVELLA_GUARD_ORIGIN_H

#include "scope/scope.h"

/* A condition whose outcome is taken for granted (see cases.c). */
typedef struct Assumption
{
	Node	   *condition;
	int			outcome;		/* 0 false, 1 true, 2 NULL */
} Assumption;

/*
 * Where we are: in a policy of this table, below so many sub-selects.
 */
typedef struct ProofContext
{
	const RelationFacts *facts;
	List	   *queries;		/* enclosing sub-selects, innermost first; a
								 * Var of the policy's row has varlevelsup
								 * equal to their number */
	uint32		enclosing;		/* what the sub-selects around us have of
								 * ORIGIN_MAY_KNOW_SESSION */
	ProofBudget	   *budget;
	List	   *assumptions;	/* of Assumption */
} ProofContext;

/*
 * A set of origins.  The first group says which parts of the world the value
 * depends on, the second what is wrong with it as a session's tenant.
 */
typedef uint32 Origin;

#define ORIGIN_LITERAL		(1 << 0)	/* the same in every session */
#define ORIGIN_SESSION		(1 << 1)	/* differs from session to session */
#define ORIGIN_TENANT		(1 << 2)	/* the row's tenant column */
#define ORIGIN_ROW			(1 << 3)	/* another column of the row */
#define ORIGIN_TABLE		(1 << 4)	/* a column of a table that an
										 * enclosing sub-select reads */
#define ORIGIN_RLS_TABLE		(1 << 5)	/* likewise, of one that has row-level
										 * security of its own, or of a view */
#define ORIGIN_OPAQUE		(1 << 6)	/* what a user's function makes of the
										 * row */

#define ORIGIN_UNKNOWN		(1 << 8)	/* not understood, or gone */
#define ORIGIN_VOLATILE		(1 << 9)	/* a volatile function that might do
										 * anything */
#define ORIGIN_RANDOM		(1 << 10)	/* a harmless volatile function */
#define ORIGIN_SET_CONFIG			(1 << 11)	/* set_config() */
#define ORIGIN_FROZEN		(1 << 12)	/* an IMMUTABLE function of nothing */
#define ORIGIN_FALLBACK		(1 << 13)	/* falls back on a literal */
#define ORIGIN_MEMBER		(1 << 14)	/* a set with a literal in it */
#define ORIGIN_CONCAT		(1 << 15)	/* a literal is concatenated to it */
#define ORIGIN_SAME_SET		(1 << 16)	/* what a sub-select gives to every
										 * session alike */
#define ORIGIN_RLS_SET	(1 << 17)	/* what a sub-select gives under the
										 * row-level security of its tables */
#define ORIGIN_UNBOUND_SET	(1 << 18)	/* a sub-select that mentions the
										 * session in a way that does not
										 * confine it */
#define ORIGIN_LOOSE_SET	(1 << 19)	/* a sub-select with an arm that lets
										 * everything through */
#define ORIGIN_CHOSEN		(1 << 20)	/* literals, chosen by the session, or
										 * what is counted or measured of it */
#define ORIGIN_TOO_DEEP		(1 << 21)	/* not looked at */
#define ORIGIN_MIXED		(1 << 22)	/* made of things of which one is a
										 * literal */

#define ORIGIN_MAY_KNOW_SESSION \
	(ORIGIN_SESSION | ORIGIN_RLS_TABLE | ORIGIN_OPAQUE | ORIGIN_UNKNOWN | \
	 ORIGIN_VOLATILE | ORIGIN_RLS_SET | ORIGIN_UNBOUND_SET | \
	 ORIGIN_CHOSEN | ORIGIN_TOO_DEEP)

typedef Origin (*OriginFunction) (Node *node, const ProofContext *context);

/* origin.c */

/* Takes so many steps; false if they exceed the budget.  May be cancelled. */
extern bool tg_spend(ProofBudget *budget, int steps);

/* Everything that the expression depends on, conditions included. */
extern Origin tg_dependencies(Node *node, const ProofContext *context);

/* Where the possible values of the expression come from. */
extern Origin tg_value_origin(Node *node, const ProofContext *context);

/* Where the elements of an array or set come from. */
extern Origin tg_member_origin(Node *node, const ProofContext *context);

/*
 * Where a number comes from that counts what has such an origin, or how much
 * of it there is: 1, 2 and 3 are some tenants, whoever counts to there.
 */
extern Origin tg_counter_origin(Origin origin);

/* One of these, of all expressions of a list. */
extern Origin tg_list_origin(List *list, const ProofContext *context,
							 OriginFunction function);

/* Is the Var a column of the policy's row, and is it the tenant column? */
extern bool tg_is_row_var(const Var *var, const ProofContext *context);
extern bool tg_is_tenant_var(const Var *var, const ProofContext *context);

/* Takes off what does not change the value: relabels and the like. */
extern Node *tg_strip(Node *node);

/*
 * A function called in the expression that explains one of these origins to
 * a reader; InvalidOid if there is none.
 */
extern Oid	tg_function_behind(Node *node, Origin origin);

/* session.c */

/*
 * A constant under relabels and casts, which the parser does not fold.  Where
 * *isnull is false, a cast may still make NULL of it.
 */
extern bool tg_is_constant(Node *node, bool *isnull);

/* Is this constant meant to be no tenant at all? */
extern bool tg_is_no_tenant_constant(Node *node);

/*
 * Is this value, which has such an origin, a literal that may be a tenant?
 */
extern bool tg_is_literal(Node *node, Origin origin);

/* Is the value certainly not NULL? */
extern bool tg_is_never_null(Node *node);

/* Has an aggregate or window function one of its arguments for a result? */
extern bool tg_returns_an_argument(Oid function);

/* What a call of a function, or an operator, adds to its arguments. */
extern Origin tg_function_origin(Oid function, List *args, const ProofContext *context,
								 OriginFunction recurse);
extern Origin tg_operator_origin(Oid operator, List *args, const ProofContext *context,
								 OriginFunction recurse);

/* subselect.c */

/* The context inside a sub-select. */
extern ProofContext tg_enter_query(const ProofContext *context, Query *query);

/* The conditions that every row which a sub-select yields has passed. */
extern List *tg_query_conditions(Query *query);

/* Does it yield a row, whatever the tables hold?  Or never (LIMIT 0)? */
extern bool tg_always_yields(Query *query);
extern bool tg_yields_nothing(Query *query);

/* What a sub-select depends on. */
extern Origin tg_query_dependencies(Query *query, const ProofContext *context);

/* Where the values of a column of a sub-select come from. */
extern Origin tg_query_origin(Query *query, int column, const ProofContext *context);

/* Where a Var comes from: the policy's row, or what a sub-select reads. */
extern Origin tg_var_origin(Var *var, const ProofContext *context);

/* hidden.c */

/* PolicySide effects of a coercion to the type, and of reading the relation. */
extern Origin tg_type_effects(Oid type, const ProofContext *context);
extern Origin tg_view_effects(Oid relid, const ProofContext *context);

#endif							/* TROVELLA_GUARD_ORIGIN_H */
