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

#include "scope/nodes.h"

/* What a value depends on. */
#define ORIGIN_LITERAL		(1 << 0)	/* the same in every session */
#define ORIGIN_SESSION		(1 << 1)	/* differs from session to session */
#define ORIGIN_TENANT		(1 << 2)	/* the row's tenant column */
#define ORIGIN_ROW			(1 << 3)	/* another column of the row */
#define ORIGIN_TABLE		(1 << 4)	/* a column of a table that an
										 * enclosing sub-select reads */
#define ORIGIN_RLS_TABLE	(1 << 5)	/* the same, of a view or a table with
										 * row-level security */
#define ORIGIN_OPAQUE		(1 << 6)	/* the result of a user's function
										 * that is given the row */

/* What keeps a value from being the session's tenant. */
#define ORIGIN_UNKNOWN		(1 << 8)	/* not understood, or dropped */
#define ORIGIN_VOLATILE		(1 << 9)	/* a volatile function that might do
										 * anything */
#define ORIGIN_RANDOM		(1 << 10)	/* a harmless volatile function */
#define ORIGIN_SET_CONFIG	(1 << 11)	/* set_config() */
#define ORIGIN_FROZEN		(1 << 12)	/* an IMMUTABLE function of constants */
#define ORIGIN_FALLBACK		(1 << 13)	/* a literal if the session has no
										 * value */
#define ORIGIN_MEMBER		(1 << 14)	/* a set that contains a literal */
#define ORIGIN_CONCAT		(1 << 15)	/* concatenated with a literal */
#define ORIGIN_SAME_SET		(1 << 16)	/* a sub-select with the same result
										 * in every session */
#define ORIGIN_RLS_SET		(1 << 17)	/* a sub-select that depends on the
										 * row-level security of its tables */
#define ORIGIN_UNBOUND_SET	(1 << 18)	/* a sub-select that mentions the
										 * session but is not bound to it */
#define ORIGIN_LOOSE_SET	(1 << 19)	/* a sub-select with an OR arm that
										 * admits all of its rows */
#define ORIGIN_CHOSEN		(1 << 20)	/* literals that the session chooses
										 * from, or a count or measure */
#define ORIGIN_TOO_DEEP		(1 << 21)	/* not examined */
#define ORIGIN_MIXED		(1 << 22)	/* made of several values, one of them
										 * a literal */
#define ORIGIN_CUT			(1 << 23)	/* a part of a value, or nothing */

#define ORIGIN_MAY_KNOW_SESSION \
	(ORIGIN_SESSION | ORIGIN_RLS_TABLE | ORIGIN_OPAQUE | ORIGIN_UNKNOWN | \
	 ORIGIN_VOLATILE | ORIGIN_RLS_SET | ORIGIN_UNBOUND_SET | ORIGIN_CHOSEN | \
	 ORIGIN_TOO_DEEP)

/* Flags of an expression over tables. */
#define ORIGIN_OF_TABLES \
	(ORIGIN_TABLE | ORIGIN_RLS_TABLE | ORIGIN_SAME_SET | ORIGIN_RLS_SET | \
	 ORIGIN_UNBOUND_SET)

/*
 * Flags of a condition, key or order that may choose another literal in
 * another session.
 */
#define ORIGIN_MAY_CHOOSE \
	(ORIGIN_MAY_KNOW_SESSION | ORIGIN_OF_TABLES)

/* Flags that matter even if the value itself does not. */
#define ORIGIN_SIDE_EFFECTS \
	(ORIGIN_UNKNOWN | ORIGIN_VOLATILE | ORIGIN_SET_CONFIG)

typedef Origin (*OriginFunction) (Node *node, const ProofContext *context);

/* origin.c */

/* Everything that the expression depends on, conditions included. */
extern Origin tg_dependencies(Node *node, const ProofContext *context);

/* Where the possible values of the expression come from. */
extern Origin tg_value_origin(Node *node, const ProofContext *context);

/* Where the elements of an array or a set come from. */
extern Origin tg_member_origin(Node *node, const ProofContext *context);

/*
 * Where a number comes from that counts or measures something of this origin:
 * 1, 2 and 3 are some tenants, whatever is counted.
 */
extern Origin tg_counter_origin(Origin origin);

/* The origins of all expressions in a list. */
extern Origin tg_list_origin(List *list, const ProofContext *context,
							 OriginFunction function);

/*
 * The origin of what a value of this origin consists of: 'acme,' || setting
 * contains 'acme'.
 */
extern Origin tg_parts_origin(Origin origin);

/* Does the value depend on nothing but literals, or is it NULL? */
extern bool tg_is_only_literal(Origin origin);

/* members.c: tg_member_origin() without its check of the budget */
extern Origin tg_examine_members(Node *node, const ProofContext *context);

/* calls.c */

/* Is this value, which has such an origin, a literal that may be a tenant? */
extern bool tg_is_literal(Node *node, Origin origin);

/*
 * The origin of a value that is made of others, or is a part of one.  The
 * parameters decide which part it is, or in which order.  "literal" says that
 * a literal is among the others: the value may be this one alone.
 */
extern Origin tg_made_origin(Origin contents, bool literal,
							 Origin parameters);

/* The origin of a call of a function or an operator. */
extern Origin tg_function_origin(Oid function, List *args,
								 const ProofContext *context,
								 OriginFunction recurse);

/*
 * The origin of an aggregate or window function.  The parameters are what
 * orders and filters its input.
 */
extern Origin tg_aggregate_origin(Oid function, List *args, List *parameters,
								  const ProofContext *context,
								  OriginFunction recurse);
extern Origin tg_operator_origin(Oid operator, List *args,
								 const ProofContext *context,
								 OriginFunction recurse);

/* subselect.c */

/* What a sub-select depends on. */
extern Origin tg_query_dependencies(Query *query,
									const ProofContext *context);

/* Where the values of a column of a sub-select come from. */
extern Origin tg_query_origin(Query *query, int column,
							  const ProofContext *context);

/* The row or the table that a Var belongs to. */
extern Origin tg_var_origin(Var *var, const ProofContext *context);

/* What a sub-select uses of the policy's row and of enclosing sub-selects. */
extern Origin tg_correlation(Query *query, const ProofContext *context);

/* binding.c */

/* Tables that must be bound aside, is this a value of the session? */
extern bool tg_is_session_origin(Origin origin);

/*
 * All tables that the query's conditions bind, given that those in "initial"
 * are bound.
 */
extern Bitmapset *tg_bound_tables(Query *query, const ProofContext *inner,
								  Bitmapset *initial);

/* effects.c */

/* Side effects of a coercion to the type, and of reading the relation. */
extern Origin tg_type_effects(Oid type, const ProofContext *context);
extern Origin tg_view_effects(Oid relid, const ProofContext *context);

/* ORIGIN_TABLE or ORIGIN_RLS_TABLE, for a view that of its tables. */
extern Origin tg_relation_origin(Oid relid, const ProofContext *context);

#endif							/* TROVELLA_GUARD_ORIGIN_H */
