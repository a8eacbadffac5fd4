/*-------------------------------------------------------------------------
 *
 * print.h
 *		Prints expressions of policies, for messages and repair SQL.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_PRINT_H
#define TROVELLA_GUARD_PRINT_H

#include "rules/rules.h"

/*
 * The text of an expression in a policy of the subject, for repair SQL: it means
 * the same under any search_path that does not list pg_catalog after another
 * schema, because names are qualified unless they are PostgreSQL's own.  NULL if
 * the relations that it names cannot be locked at once, or if it is too large:
 * nobody reads such a text, and PostgreSQL might fail to print it.
 */
extern char *tg_expression_text_for_any_path(const RuleSubject *subject,
											 Node *node);

/*
 * The same for messages, under the search_path of the session; of a long text
 * the beginning.
 */
extern char *tg_expression_excerpt(const RuleSubject *subject, Node *node);

/*
 * Releases the table's relation cache entry after the last expression, because
 * the cache would grow with every table that an audit reports.
 */
extern void tg_end_printing(RuleMemo *memo);

#endif							/* TROVELLA_GUARD_PRINT_H */
