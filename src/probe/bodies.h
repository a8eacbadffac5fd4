/*-------------------------------------------------------------------------
 *
 * bodies.h
 *		The queries in the bodies of functions and views, as raw parse trees.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_BODIES_H
#define TROVELLA_GUARD_BODIES_H

#include "nodes/parsenodes.h"

typedef struct BodyStatement
{
	SelectStmt *select;
	const char *assigns;		/* to this variable, or NULL */
	bool		returns;		/* the function returns it */
} BodyStatement;

typedef struct FunctionBody
{
	int			length;			/* of its text */
	const char *search_path;	/* that the function sets, or NULL */
	int			nargs;
	char	  **argument_names; /* each of them may be NULL */
	List	   *statements;		/* of BodyStatement */
} FunctionBody;

/*
 * False if the function is in no language that can be read.  What does not parse
 * is left out.
 */
extern bool tg_probe_function_body(Oid function, FunctionBody *body);

/* Names in the body mean what they mean under the function's search_path. */
extern int	tg_probe_enter_function(const FunctionBody *body);
extern void tg_probe_leave_function(int save_nestlevel);

/* The query of a view, as a List of one RawStmt, or NIL; and its length. */
extern List *tg_probe_view_body(Oid view, int *length);

#endif							/* TROVELLA_GUARD_BODIES_H */
