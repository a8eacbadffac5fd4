/*-------------------------------------------------------------------------
 *
 * leaf.c
 *		What follows from the origin of a value.
 *
 * Here the two halves of the prover meet: the proof ends at an equality with a
 * value of some origin, or at an expression that can't be taken apart.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scope/proof.h"

Conclusion
tg_conclude_from_origin(Origin origin, Node *node, const ProofContext *context)
{
	bool		of_row = (origin & (ORIGIN_TENANT | ORIGIN_ROW)) != 0;
	bool		of_session = (origin & ORIGIN_SESSION) != 0;
	AdmittedRows rows = ROWS_UNKNOWN;
	Reason		reason;
	Conclusion	conclusion;

	if (origin == 0)
		return tg_admits_none();	/* only NULLs */
	if (origin & ORIGIN_TOO_DEEP)
		reason = REASON_TOO_DEEP;
	else if (origin & ORIGIN_SET_CONFIG)
	{
		rows = ROWS_FOREIGN;
		reason = REASON_SET_CONFIG;
	}
	else if (of_row && (origin & ORIGIN_OPAQUE))
		reason = REASON_OPAQUE;
	else if (of_row && (origin & (ORIGIN_UNKNOWN | ORIGIN_TABLE |
								  ORIGIN_RLS_TABLE)))
		reason = REASON_CORRELATED;
	else if (of_row || (origin & (ORIGIN_LOOSE_SET | ORIGIN_MEMBER)))
	{
		rows = ROWS_FOREIGN;
		reason = (origin & ORIGIN_TENANT) ? REASON_ITSELF :
			(origin & ORIGIN_ROW) ? REASON_OTHER_COLUMN :
			(origin & ORIGIN_LOOSE_SET) ? REASON_LOOSE_SET : REASON_MEMBER;
	}
	else if (origin & (ORIGIN_TABLE | ORIGIN_RLS_TABLE))
	{
		if (context->enclosing == 0)
			rows = ROWS_FOREIGN;
		reason = context->enclosing == 0 ? REASON_SAME_SET : REASON_CORRELATED;
	}
	else if (origin & ORIGIN_UNKNOWN)
		reason = REASON_UNKNOWN;
	else if (origin & ORIGIN_VOLATILE)
		reason = REASON_VOLATILE;
	else if (origin & ORIGIN_RANDOM)
	{
		if (!of_session)
			rows = ROWS_FOREIGN;
		reason = REASON_RANDOM;
	}
	else if (origin & ORIGIN_UNBOUND_SET)
		reason = REASON_UNBOUND_SET;
	else if (origin & ORIGIN_RLS_SET)
		reason = REASON_RLS_SET;
	else if (origin & ORIGIN_SAME_SET)
	{
		if (!of_session)
			rows = ROWS_FOREIGN;
		reason = REASON_SAME_SET;
	}
	else if (origin & ORIGIN_CHOSEN)
		reason = REASON_CHOSEN;
	else if (origin & ORIGIN_FALLBACK)
		reason = REASON_FALLBACK;
	else if (origin & ORIGIN_MIXED)
		reason = REASON_MIXED;
	else if (of_session)
	{
		rows = ROWS_OWN;
		reason = REASON_NONE;
	}
	else if ((origin & ORIGIN_OPAQUE) && !(origin & ORIGIN_FROZEN))
		reason = REASON_OPAQUE;
	else
	{
		rows = ROWS_FOREIGN;
		reason = (origin & ORIGIN_FROZEN) ? REASON_FROZEN : REASON_LITERAL;
	}

	conclusion = tg_make_conclusion(rows, reason, node);
	conclusion.mentions = true;
	conclusion.equals_column = (origin & ORIGIN_ROW) != 0;
	return conclusion;
}

/* A nondeterministic collation may take two tenants for one. */
Conclusion
tg_conclude_equal(Origin origin, Oid collation, Node *node,
				  const ProofContext *context)
{
	Conclusion	conclusion = tg_conclude_from_origin(origin, node, context);

	if (conclusion.rows == ROWS_OWN &&
		!tg_is_deterministic_collation(collation))
	{
		conclusion = tg_make_conclusion(ROWS_UNKNOWN, REASON_COLLATION, node);
		conclusion.mentions = true;
	}
	return conclusion;
}

/*
 * An old row's tenant may be that of another table's row, which the old row
 * refers to.  In a new row, whoever writes it chooses both.
 */
static bool
passes_by_other_columns(bool reads_table, const ProofContext *context)
{
	if (context->by_row != NULL)
		*context->by_row = true;
	return reads_table && !context->new_row;
}

Conclusion
tg_conclude_from_dependencies(Origin origin, Node *node,
							  const ProofContext *context)
{
	bool		knows_session = (origin & ORIGIN_MAY_KNOW_SESSION) != 0;
	bool		reads_table =
		(origin & (ORIGIN_TABLE | ORIGIN_RLS_TABLE)) != 0;
	AdmittedRows rows = ROWS_UNKNOWN;
	Reason		reason;
	Conclusion	conclusion;

	/* A condition may use all that its sub-select mentions. */
	if (reads_table && context->enclosing != 0)
		knows_session = true;

	if (origin & ORIGIN_TOO_DEEP)
		reason = REASON_TOO_DEEP;
	else if ((origin & ORIGIN_TENANT) && !knows_session)
	{
		rows = ROWS_FOREIGN;
		reason = REASON_NO_SESSION;
	}
	else if ((origin & ORIGIN_TENANT) &&
			 (origin & (ORIGIN_OPAQUE | ORIGIN_UNKNOWN)) == 0 &&
			 !reads_table && tg_is_loose_comparison(node, context))
	{
		rows = ROWS_FOREIGN;
		reason = REASON_LOOSE;
	}
	else if (origin & ORIGIN_TENANT)
		reason = (origin & ORIGIN_OPAQUE) ? REASON_OPAQUE :
			(origin & ORIGIN_UNKNOWN) ? REASON_UNKNOWN :
			reads_table ? REASON_CORRELATED : REASON_NOT_EQUALITY;
	else if ((origin & ORIGIN_ROW) && knows_session &&
			 (passes_by_other_columns(reads_table, context) ||
			  tg_names_tie(node, context)))
		reason = reads_table ? REASON_OTHER_TABLE : REASON_TIED;
	else if ((origin & ORIGIN_ROW) && reads_table && knows_session)
	{
		rows = ROWS_FOREIGN;
		reason = REASON_NEW_ROW;
	}
	else
	{
		rows = ROWS_FOREIGN;
		reason = (origin & ORIGIN_ROW) == 0 &&
			(origin & ORIGIN_MAY_KNOW_SESSION) != 0 ?
			REASON_SESSION_ONLY : REASON_NOT_MENTIONED;
	}

	conclusion = tg_make_conclusion(rows, reason, node);
	conclusion.mentions = (origin & ORIGIN_TENANT) != 0;
	conclusion.equals_column =
		(origin & ORIGIN_TENANT) != 0 && (origin & ORIGIN_ROW) != 0;
	conclusion.column_from_session =
		(origin & ORIGIN_ROW) != 0 && knows_session;
	return conclusion;
}

Conclusion
tg_leaf_conclusion(Node *node, const ProofContext *context)
{
	return tg_conclude_from_dependencies(tg_dependencies(node, context), node,
										 context);
}

Outcomes
tg_leaf(Node *node, const ProofContext *context)
{
	return tg_every_outcome(tg_leaf_conclusion(node, context));
}
