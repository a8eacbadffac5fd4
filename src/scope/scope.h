/*-------------------------------------------------------------------------
 *
 * scope.h
 *		Does row-level security confine rows to the session's tenant?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_SCOPE_H
#define TROVELLA_GUARD_SCOPE_H

#include "facts/facts.h"

/*
 * Limits the work of one proof, or of all proofs about one table.  The author
 * of a policy decides how large it is.  A proof that exceeds the budget ends
 * as "unproven"; it neither runs on nor overflows the stack.
 */
typedef struct ProofBudget
{
	int			steps;			/* steps left: about one for each visit of a
								 * node */
	int			depth;			/* current depth in the expression */
	List	   *known;			/* the types and views that were examined */
} ProofBudget;

#define PROOF_BUDGET_TABLE	1000000
#define PROOF_BUDGET_SINGLE	100000
#define PROOF_BUDGET_DEPTH	250

/* Ordered: the greater of two answers is the worse one. */
typedef enum ScopeAnswer
{
	SCOPE_SCOPED,				/* proven: only rows of the session's tenant */
	SCOPE_UNPROVEN,				/* depends on something that the expression
								 * does not show */
	SCOPE_UNSCOPED				/* a row of another tenant can get through */
} ScopeAnswer;

/* A policy that is not proven to admit only rows of the session's tenant. */
typedef struct ScopeIssue
{
	ScopeAnswer answer;			/* SCOPE_UNPROVEN or SCOPE_UNSCOPED */
	const PolicyFacts *policy;	/* the permissive policy */
	const PolicyFacts *restrictive; /* the restrictive policy whose expression
									 * has the arm, or NULL */
	CommandSet	commands;
	bool		in_check;		/* the arm is in WITH CHECK, not in USING
								 * (which may be used as WITH CHECK, too) */
	Node	   *arm;			/* the part of the expression that lets the
								 * row through */
	const char *forgotten_stable;	/* the VOLATILE function that is the
									 * reason, or NULL */
	const char *reason;			/* lower case, no full stop: "this OR arm does
								 * not mention organization_id" */
} ScopeIssue;

/*
 * Returns the issues about the policies of a tenant table: a List of
 * ScopeIssue, at most one for a policy, side (USING or WITH CHECK), arm and
 * answer, worst first; NIL if everything is proven.
 *
 * facts->tenant must be set.  Commands without a permissive policy are denied
 * by default and raise no issue.  Runs no user-defined code and reads no
 * table: the proof works on the stored expression trees and on the system
 * caches of pg_proc, pg_operator, pg_amop, pg_type and pg_authid.  Of a parent
 * that a foreign key references it asks the reader, and it asks for the declared
 * bypasses.
 */
extern List *tg_scope_issues(FactsReader *reader, const RelationFacts *facts);

/*
 * Does the value come from the session alone?  Such a value is the same for
 * all rows that a query reads.
 */
extern bool tg_comes_from_session(Node *node, const RelationFacts *facts,
								  ProofBudget *budget);

#endif							/* TROVELLA_GUARD_SCOPE_H */
