/*-------------------------------------------------------------------------
 *
 * expression.h
 *		What one node of an expression is and names, even if that is gone.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_EXPRESSION_H
#define TROVELLA_GUARD_EXPRESSION_H

#include "nodes/nodeFuncs.h"

/* The type of an expression; InvalidOid for ARRAY (SELECT ...). */
extern Oid	tg_expression_type(Node *node);

/* The type below any domains; InvalidOid if it is gone. */
extern Oid	tg_base_type(Oid type);

/* The node below relabels and the like, which do not change the value. */
extern Node *tg_strip(Node *node);

/* The text of a constant of a string type, or NULL. */
extern char *tg_constant_text(Node *node);

/* The name in current_setting('name', ...); NULL if it is something else. */
extern char *tg_setting_name(Node *node);

/* The functions that a user's aggregate consists of; NIL if it is none. */
extern List *tg_aggregate_functions(Oid aggregate);

/*
 * The same as check_functions_in_node(): does the checker return true for a
 * function that the node itself calls?  A cast to or from a type that is gone
 * calls none, and an aggregate calls those that it consists of.
 */
extern bool tg_check_functions_in_node(Node *node,
									   check_function_callback checker,
									   void *context);

#endif							/* TROVELLA_GUARD_EXPRESSION_H */
