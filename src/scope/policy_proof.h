/*-------------------------------------------------------------------------
 *
 * policy_proof.h
 *		What follows from the policies of a table that apply together.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_POLICY_PROOF_H
#define TROVELLA_GUARD_POLICY_PROOF_H

#include "scope/proof.h"
#include "utils/hsearch.h"

/* A command, and the old or the new row. */
typedef struct PolicySide
{
	CommandSet	command;
	bool		new_row;
} PolicySide;

#define POLICY_SIDES 5
extern const PolicySide tg_policy_sides[POLICY_SIDES];

/* Which roles that are subject to policies may UPDATE the tenant column? */
typedef enum RowMovers
{
	MOVED_BY_NOBODY,
	MOVED_BY_OTHERS,
	MOVED_BY_ROLE
} RowMovers;

/* The proof about the policies of one table. */
typedef struct ScopeProof
{
	FactsReader *reader;
	const RelationFacts *facts;
	TenantTies	ties;
	TenantValues tenant_values;
	ProofBudget budget;			/* for all expressions together */
	HTAB	   *expressions;	/* of ExpressionProof */
	HTAB	   *roles;			/* of RoleEntry */
	HTAB	   *results;		/* of PolicyConclusionEntry */
	List	   *restrictive_sets;	/* of RestrictiveSet */
	bool		movers_known;
	RowMovers	movers;			/* see tg_row_movers() */
} ScopeProof;

/* What follows from a permissive policy, on one side, for some role? */
typedef struct PolicyConclusion
{
	Conclusion	conclusion;
	const PolicyFacts *arm_policy;	/* the policy whose expression has the arm */
	bool		relies_on_membership;	/* of one role in another */
	bool		relies_on_privilege;	/* that the roles do not have */
} PolicyConclusion;

/* policy_proof.c */

extern void tg_begin_scope_proof(ScopeProof *proof, FactsReader *reader,
								 const RelationFacts *facts);
extern void tg_end_scope_proof(ScopeProof *proof);

/* The expression that PostgreSQL uses for this row; NULL if none. */
extern Node *tg_policy_expression(const PolicyFacts *policy, bool new_row);

/* What the expression of a policy depends on. */
extern Origin tg_policy_dependencies(ScopeProof *proof, Node *expression,
									 bool new_row);

/* The worst conclusion for any role that the policy names. */
extern PolicyConclusion tg_conclude_policy(const PolicyFacts *policy,
										   int side, ScopeProof *proof);

extern bool tg_is_exempt_role(ScopeProof *proof, Oid role);

/* policy_roles.c */

/* Is a role subject to policies? */
typedef enum RoleSubjection
{
	ROLE_EXEMPT,
	ROLE_EXEMPT_BY_MEMBERSHIP,	/* exempt, but a member of it is subject; or a
								 * member of the owner */
	ROLE_SUBJECT
} RoleSubjection;

/* When does a restrictive policy apply to a role? */
typedef enum RestrictiveCoverage
{
	COVERS_NEVER,
	COVERS_BY_MEMBERSHIP,
	COVERS_ALWAYS
} RestrictiveCoverage;

/*
 * MOVED_BY_NOBODY, MOVED_BY_OTHERS if some role may, or MOVED_BY_ROLE if no
 * privilege tells the tenant column from others.
 */
extern RowMovers tg_row_movers(const RelationFacts *facts,
							   ProofBudget *budget);

/* May the role, or a member of it? */
extern bool tg_role_moves_rows(Oid role, const RelationFacts *facts,
							   ProofBudget *budget);

extern RoleSubjection tg_role_subjection(Oid role, const RelationFacts *facts,
										 ProofBudget *budget);
extern RestrictiveCoverage tg_restrictive_coverage(const PolicyFacts *policy,
												   Oid role,
												   ProofBudget *budget);

#endif							/* TROVELLA_GUARD_POLICY_PROOF_H */
