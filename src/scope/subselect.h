/*-------------------------------------------------------------------------
 *
 * subselect.h
 *		What subselect.c and binding.c share.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_SUBSELECT_H
#define TROVELLA_GUARD_SUBSELECT_H

#include "nodes/bitmapset.h"
#include "scope/origin.h"

/* What an expression over tables may come from. */
#define ORIGIN_OF_TABLES \
	(ORIGIN_TABLE | ORIGIN_RLS_TABLE | ORIGIN_SAME_SET | ORIGIN_RLS_SET | \
	 ORIGIN_UNBOUND_SET)

/* subselect.c */

/* The query behind a reference to a WITH item, and the context it stands in. */
extern Query *tg_find_with(RangeTblEntry *rte, const ProofContext *context,
						   ProofContext *outer_context);

/* What of outside a sub-select is mentioned in it. */
extern Origin tg_correlation(Query *query, const ProofContext *context);

/* binding.c */

/* The tables of this query that the expression takes columns of. */
extern Bitmapset *tg_tables_of(Node *node, Query *query);

/* Apart from tables that are bound, is this a value of the session's? */
extern bool tg_is_session_origin(Origin origin);

/*
 * All tables that are bound by the query's conditions, if those in "initial"
 * are.
 */
extern Bitmapset *tg_bound_tables(Query *query, const ProofContext *inner,
								  Bitmapset *initial);

/* Has a condition an OR arm that no column of the query's has a say in? */
extern bool tg_has_loose_arm(Node *node, Query *query);

#endif							/* TROVELLA_GUARD_SUBSELECT_H */
