/*-------------------------------------------------------------------------
 *
 * texts.h
 *		Texts of expressions that several policies and tables share.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_TEXTS_H
#define TROVELLA_GUARD_TEXTS_H

#include "access/tupdesc.h"
#include "facts/facts.h"

/* What tells apart most expressions that differ. */
typedef struct ExpressionShape
{
	int			nodes;
	int			depth;			/* zero after measuring */
	uint32		spelling;		/* a hash of what equal() ignores */
} ExpressionShape;

/* Which expression is printed for which table, and how. */
typedef struct TextRequest
{
	const RelationFacts *facts;
	Node	   *node;
	ExpressionShape shape;
	bool		for_any_path;	/* names are qualified */
} TextRequest;

/*
 * The text that an expression has for a table, in the current memory context;
 * NULL if the reader has not kept it.
 */
extern char *tg_kept_text(FactsReader *reader, const TextRequest *request);

/*
 * Keeps a text.  "descriptor" is the one that it was printed with: the names
 * of its columns may be newer than the facts.  Whatever printing needs must
 * still be locked.
 */
extern void tg_keep_text(FactsReader *reader, const TextRequest *request,
						 TupleDesc descriptor, const char *printed);

/* print.c: prints an expression as if the table had this name. */
extern char *tg_print_expression(const TextRequest *request, const char *table);

#endif							/* TROVELLA_GUARD_TEXTS_H */
