/*-------------------------------------------------------------------------
 *
 * scope.c
 *		Does row-level security confine rows to the session's tenant?
 *
 * proof.c knows what one expression proves; this file knows which expressions
 * PostgreSQL combines.  For a command, a row passes where one of the
 * permissive policies that apply to the role is true and all of the
 * restrictive ones are.  SELECT and DELETE ask USING, INSERT asks WITH CHECK,
 * UPDATE asks USING of the old row and WITH CHECK of the new one, and a
 * missing WITH CHECK is USING.  So each permissive policy must be confined by
 * itself or together with the restrictive policies that apply wherever it
 * does.
 *
 * Notes:
 *
 * 1. A restrictive policy applies wherever a permissive one does if it is for
 * PUBLIC or names the role.  Being a member of the role it names is as good
 * today, but GRANT and REVOKE of memberships are not watched: undecided.
 *
 * 2. Superusers, roles with BYPASSRLS and, unless the table forces row-level
 * security, its owner are not subject to policies, so a policy for such roles
 * only adds nothing.  The attribute is not inherited by members, though, while
 * the policy is: that, too, is undecided.
 *
 * 3. SELECT policies also apply to an UPDATE or DELETE that reads the table,
 * which it need not.  They are not counted on.
 *
 * 4. Each side is judged by itself, so that of two policies, one that shows
 * the old row and one that lets the new row pass, both must be confined.  But
 * where no old row can be reached at all, there is no new row either, and
 * where no new row ever passes, no old one is changed.  Two
 * policies that compare with different values of the session's are no leak:
 * either tenant is the session's own.
 *
 * 5. A policy that stands on a temporary object vanishes with that without
 * any DDL on the table.  As a restrictive policy it protects nothing, as a
 * permissive one it is judged like others.
 *
 * 6. A volatile function may change the setting that another policy compares
 * with, and PostgreSQL may call it first.  So one such function in any policy
 * of the table leaves all of them undecided.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "compat.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "scope/scope.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A command and which of its two sides. */
typedef struct Side
{
	CommandSet	command;
	bool		new_row;
} Side;

static const Side sides[] = {
	{TG_SELECT, false},
	{TG_INSERT, true},
	{TG_UPDATE, false},
	{TG_UPDATE, true},
	{TG_DELETE, false},
};

/* Of so many restrictive policies the cases are distinguished. */
#define MOST_IN_CASES	32

/* Is a role subject to policies? */
typedef enum Subjection
{
	ROLE_EXEMPT,
	ROLE_EXEMPT_WITH_HEIRS,		/* it is not, but others have its privileges
								 * who are */
	ROLE_SUBJECT
} Subjection;

/* How the roles of a restrictive policy cover a role. */
typedef enum Coverage
{
	NOT_COVERED,
	COVERED_BY_MEMBERSHIP,
	COVERED
} Coverage;

/* What follows from one policy's expression alone. */
typedef struct Known
{
	Node	   *expression;		/* key */
	Verdict		verdict;
	Origin		dependencies;
} Known;

/*
 * The restrictive policies that apply wherever a permissive one does, on one
 * side and for one role, and what follows from all of them.
 */
typedef struct Floor
{
	bool		new_row;
	Bitmapset  *sure;			/* policies that surely apply, as positions in
								 * facts->policies ... */
	Bitmapset  *all;			/* ... and by membership of roles besides */
	Verdict		if_sure;
	Verdict		if_all;
	const PolicyFacts *culprit; /* whose expression holds the arm of if_sure */
	int			number;
} Floor;

/* What is known of a role: many policies name the same. */
typedef struct RoleKnown
{
	Oid			role;			/* key */
	Subjection	subjection;
	Floor	   *floors[lengthof(sides)];
} RoleKnown;

/* What is the answer for one policy, one side and one role? */
typedef struct Judgement
{
	Verdict		verdict;
	const PolicyFacts *culprit; /* whose expression holds the arm; NULL: the
								 * permissive policy's */
	bool		relies_on_membership;
} Judgement;

/* The judgement of an expression on a floor. */
typedef struct JudgementKey
{
	Node	   *expression;
	int64		floor;
} JudgementKey;

typedef struct JudgementKnown
{
	JudgementKey key;
	Judgement	judgement;
} JudgementKnown;

/* A table that is being judged. */
typedef struct Trial
{
	const RelationFacts *facts;
	ProofBudget budget;			/* for all proofs together */
	HTAB	   *known;			/* of Known: USING serves several commands */
	HTAB	   *roles;			/* of RoleKnown */
	HTAB	   *judgements;		/* of JudgementKnown */
	List	   *floors;			/* of Floor */
	List	  **doubts;			/* for each policy, a List of ScopeIssue */
} Trial;

/* ----------------------------------------------------------------
 *		Roles
 * ----------------------------------------------------------------
 */

static bool
is_exempt(Oid role, const RelationFacts *facts, bool *exists)
{
	HeapTuple	tuple;
	Form_pg_authid form;
	bool		exempt;

	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	*exists = HeapTupleIsValid(tuple);
	if (!*exists)
		return true;			/* nobody can be it */
	form = (Form_pg_authid) GETSTRUCT(tuple);
	exempt = form->rolsuper || form->rolbypassrls ||
		(role == facts->owner && !facts->rls_forced);
	ReleaseSysCache(tuple);
	return exempt;
}

/* Is there a role, not exempt itself, that has this role's privileges? */
static bool
has_subject_heirs(Oid role, Trial *trial, List **seen)
{
	CatCList   *members;
	bool		result = false;

	check_stack_depth();
	if (!tg_spend(&trial->budget, 1 + list_length(*seen) / 64))
		return true;
	if (list_member_oid(*seen, role))
		return false;
	*seen = lappend_oid(*seen, role);
	members = SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role));
	for (int i = 0; i < members->n_members && !result; i++)
	{
		Form_pg_auth_members form = (Form_pg_auth_members)
			GETSTRUCT(&members->members[i]->tuple);
		bool		exists;

		if (!TG_MEMBER_INHERITS(form))
			continue;
		result = !is_exempt(form->member, trial->facts, &exists) ||
			has_subject_heirs(form->member, trial, seen);
	}
	ReleaseSysCacheList(members);
	return result;
}

static Subjection
look_up_subjection(Oid role, Trial *trial)
{
	List	   *seen = NIL;
	bool		exists;

	if (!OidIsValid(role) || !is_exempt(role, trial->facts, &exists))
		return ROLE_SUBJECT;

	/* Who has the privileges of the owner is exempt as the owner is. */
	if (!exists || role == trial->facts->owner)
		return ROLE_EXEMPT;
	return has_subject_heirs(role, trial, &seen) ? ROLE_EXEMPT_WITH_HEIRS :
		ROLE_EXEMPT;
}

static RoleKnown *
find_role(Oid role, Trial *trial)
{
	bool		found;
	RoleKnown  *known;

	known = hash_search(trial->roles, &role, HASH_ENTER, &found);
	if (!found)
	{
		memset(known->floors, 0, sizeof(known->floors));
		known->subjection = look_up_subjection(role, trial);
	}
	return known;
}

static Coverage
coverage(const PolicyFacts *restrictive, Oid role, Trial *trial)
{
	Coverage	result = NOT_COVERED;
	ListCell   *lc;

	(void) tg_spend(&trial->budget, 1 + list_length(restrictive->roles) / 16);
	if (list_member_oid(restrictive->roles, InvalidOid) ||
		list_member_oid(restrictive->roles, role))
		return COVERED;
	if (!OidIsValid(role))
		return NOT_COVERED;
	foreach(lc, restrictive->roles)
	{
		Oid			covering = lfirst_oid(lc);

		if (!tg_spend(&trial->budget, 1))
			break;
		if (SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(covering)) &&
			is_member_of_role_nosuper(role, covering) &&
			has_privs_of_role(role, covering))
			result = COVERED_BY_MEMBERSHIP;
	}
	return result;
}

/* ----------------------------------------------------------------
 *		Policies
 * ----------------------------------------------------------------
 */

/* The expression that PostgreSQL asks of a policy; NULL if there is none. */
static Node *
expression_of(const PolicyFacts *policy, bool new_row)
{
	if (!new_row)
		return policy->qual;
	return policy->with_check != NULL ? policy->with_check : policy->qual;
}

/* A proof's share of the table's budget, and what it has left of it. */
static ProofBudget
begin_proof(const Trial *trial)
{
	ProofBudget budget = {Min(PROOF_BUDGET_SINGLE, trial->budget.steps), 0};

	return budget;
}

static void
end_proof(Trial *trial, int steps, const ProofBudget *budget)
{
	(void) tg_spend(&trial->budget, steps - budget->steps);
}

static Known *
prove_alone(Trial *trial, Node *expression)
{
	Known	   *known;
	bool		found;

	known = hash_search(trial->known, &expression, HASH_ENTER, &found);
	if (!found)
	{
		ProofBudget budget = begin_proof(trial);
		Place		place = {trial->facts, NIL, 0, &budget, NIL};
		List	   *expressions = list_make1(expression);
		int			steps = budget.steps;

		known->verdict = tg_prove_by_cases(expressions, &place,
										   tg_prove_all(expressions, &place));
		known->dependencies = tg_dependencies(expression, &place);
		end_proof(trial, steps, &budget);

		/* What was not followed to its end is not known to be open. */
		if (budget.steps < 0 && known->verdict.standing == OPEN)
			known->verdict = tg_make_verdict(UNDECIDED, WHY_TOO_DEEP,
											 expression);
	}
	return known;
}

/* Whether that helps: cases of an expression and of those of a floor. */
static Verdict
prove_on_floor(Trial *trial, Node *expression, const Bitmapset *policies,
			   bool new_row, Verdict verdict)
{
	ProofBudget budget = begin_proof(trial);
	Place		place = {trial->facts, NIL, 0, &budget, NIL};
	int			steps = budget.steps;
	List	   *expressions;
	int			i = -1;

	if (verdict.standing <= CONFINED ||
		bms_num_members(policies) > MOST_IN_CASES)
		return verdict;
	expressions = list_make1(expression);
	while ((i = bms_next_member(policies, i)) >= 0)
		expressions = lappend(expressions,
							  expression_of(list_nth(trial->facts->policies,
													 i), new_row));
	verdict = tg_prove_by_cases(expressions, &place, verdict);
	end_proof(trial, steps, &budget);
	list_free(expressions);
	return verdict;
}

/* A floor of the same policies, or a new one. */
static Floor *
find_floor(Bitmapset *sure, Bitmapset *all, bool new_row, Trial *trial)
{
	Floor	   *floor;
	ListCell   *lc;
	int			i = -1;

	foreach(lc, trial->floors)
	{
		floor = (Floor *) lfirst(lc);
		(void) tg_spend(&trial->budget, 1);
		if (floor->new_row == new_row && bms_equal(floor->sure, sure) &&
			bms_equal(floor->all, all))
			return floor;
	}
	floor = palloc0(sizeof(Floor));
	floor->new_row = new_row;
	floor->sure = sure;
	floor->all = all;
	while ((i = bms_next_member(all, i)) >= 0)
	{
		PolicyFacts *policy = list_nth(trial->facts->policies, i);
		Verdict		verdict = prove_alone(trial,
										  expression_of(policy,
														new_row))->verdict;

		(void) tg_spend(&trial->budget, 1);
		floor->if_all = bms_next_member(all, -1) == i ? verdict :
			tg_better(floor->if_all, verdict);
		if (!bms_is_member(i, sure))
			continue;
		if (floor->culprit != NULL)
			verdict = tg_better(floor->if_sure, verdict);
		if (floor->culprit == NULL || verdict.arm != floor->if_sure.arm)
			floor->culprit = policy;
		floor->if_sure = verdict;
	}
	floor->number = list_length(trial->floors);
	trial->floors = lappend(trial->floors, floor);
	return floor;
}

/* The floor under a role's permissive policies on one side. */
static Floor *
floor_of_role(RoleKnown *role, int side, Trial *trial)
{
	Bitmapset  *sure = NULL;
	Bitmapset  *all = NULL;
	bool		new_row = sides[side].new_row;
	ListCell   *lc;

	if (role->floors[side] != NULL)
		return role->floors[side];
	foreach(lc, trial->facts->policies)
	{
		PolicyFacts *other = (PolicyFacts *) lfirst(lc);
		Coverage	covers;

		if (other->permissive || other->temporary ||
			(other->commands & sides[side].command) == 0 ||
			expression_of(other, new_row) == NULL)
			continue;
		covers = coverage(other, role->role, trial);
		if (covers != NOT_COVERED)
			all = bms_add_member(all, foreach_current_index(lc));
		if (covers == COVERED)
			sure = bms_add_member(sure, foreach_current_index(lc));
	}
	role->floors[side] = find_floor(sure, all, new_row, trial);
	return role->floors[side];
}

/* Judges the expression of a permissive policy on a floor. */
static Judgement
judge_on_floor(Node *expression, const Floor *floor, Trial *trial)
{
	Judgement	judgement = {0};
	Verdict		alone = prove_alone(trial, expression)->verdict;

	judgement.verdict = alone;
	if (alone.standing <= CONFINED || bms_is_empty(floor->all))
		return judgement;
	if (!bms_is_empty(floor->sure))
	{
		judgement.verdict = tg_better(alone, floor->if_sure);

		/* whose is the arm that was chosen? */
		if (judgement.verdict.why == floor->if_sure.why &&
			equal(judgement.verdict.arm, floor->if_sure.arm))
			judgement.culprit = floor->culprit;
		judgement.verdict = prove_on_floor(trial, expression, floor->sure,
										   floor->new_row, judgement.verdict);
	}
	if (judgement.verdict.standing == OPEN &&
		!bms_equal(floor->all, floor->sure) &&
		prove_on_floor(trial, expression, floor->all, floor->new_row,
					   tg_better(alone, floor->if_all)).standing < OPEN)
	{
		judgement.verdict.standing = UNDECIDED;
		judgement.relies_on_membership = true;
	}
	return judgement;
}

/* Judges one permissive policy; the worst of its roles counts. */
static Judgement
judge_policy(const PolicyFacts *policy, int side, Trial *trial)
{
	Judgement	worst = {0};
	Node	   *expression = expression_of(policy, sides[side].new_row);
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		RoleKnown  *role = find_role(lfirst_oid(lc), trial);
		JudgementKey key;
		JudgementKnown *known;
		Judgement	one;
		bool		found;

		(void) tg_spend(&trial->budget, 1);
		if (role->subjection == ROLE_EXEMPT)
			continue;
		memset(&key, 0, sizeof(key));
		key.expression = expression;
		key.floor = floor_of_role(role, side, trial)->number;
		known = hash_search(trial->judgements, &key, HASH_ENTER, &found);
		if (!found)
			known->judgement = judge_on_floor(expression, role->floors[side],
											  trial);
		one = known->judgement;
		if (role->subjection == ROLE_EXEMPT_WITH_HEIRS &&
			one.verdict.standing == OPEN)
		{
			one.verdict.standing = UNDECIDED;
			one.relies_on_membership = true;
		}
		if (one.verdict.standing > worst.verdict.standing)
			worst = one;
	}

	/* What was not looked at may be what keeps rows out. */
	if (trial->budget.steps < 0 && worst.verdict.standing == OPEN)
	{
		worst.verdict.standing = UNDECIDED;
		worst.verdict.why = WHY_TOO_DEEP;
		worst.relies_on_membership = false;
	}
	if (worst.culprit == NULL)
		worst.culprit = policy;
	return worst;
}

static bool
applies(const PolicyFacts *policy, int side)
{
	return policy->permissive &&
		(policy->commands & sides[side].command) != 0 &&
		expression_of(policy, sides[side].new_row) != NULL;
}

/* Can any row be on this side of the command at all? */
static bool
reaches_rows(int side, Trial *trial)
{
	ListCell   *lc;

	foreach(lc, trial->facts->policies)
	{
		PolicyFacts *policy = (PolicyFacts *) lfirst(lc);

		if (applies(policy, side) &&
			judge_policy(policy, side, trial).verdict.standing > NEVER_HAPPENS)
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Doubts
 * ----------------------------------------------------------------
 */

/* Why the answer is what it is, in words. */
static const char *
reason_of(const Judgement *judgement, const RelationFacts *facts)
{
	Place		place = {facts, NIL, 0, NULL, NIL};

	if (judgement->relies_on_membership)
		return psprintf(_("%s, and only the membership of one role in another stands between it and other tenants"),
						tg_explain(&judgement->verdict, &place));
	return tg_explain(&judgement->verdict, &place);
}

static void
add_doubt(List **doubts, const PolicyFacts *policy,
		  const Judgement *judgement, int side, const RelationFacts *facts)
{
	const PolicyFacts *culprit = judgement->culprit;
	const Verdict *verdict = &judgement->verdict;
	ScopeIssue *doubt = palloc0(sizeof(ScopeIssue));
	ListCell   *lc;

	doubt->answer = verdict->standing == OPEN ? SCOPE_UNSCOPED :
		SCOPE_UNPROVEN;
	doubt->policy = policy;
	doubt->restrictive = culprit == policy ? NULL : culprit;
	doubt->commands = sides[side].command;
	doubt->in_check = sides[side].new_row && culprit->with_check != NULL;
	doubt->arm = verdict->arm;
	doubt->reason = reason_of(judgement, facts);
	foreach(lc, *doubts)
	{
		ScopeIssue *other = (ScopeIssue *) lfirst(lc);

		if (other->answer == doubt->answer &&
			other->restrictive == doubt->restrictive &&
			other->in_check == doubt->in_check &&
			equal(other->arm, doubt->arm) &&
			strcmp(other->reason, doubt->reason) == 0)
		{
			other->commands |= doubt->commands;
			return;
		}
	}
	*doubts = lappend(*doubts, doubt);
}

/*
 * Note 6: adds a doubt about a policy that calls a function which could change
 * the session while rows are read.
 */
static void
add_side_effects(List **doubts, const PolicyFacts *policy, Trial *trial)
{
	bool		exempt = true;
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		if (find_role(lfirst_oid(lc), trial)->subjection != ROLE_EXEMPT)
			exempt = false;
	}
	if (exempt)
		return;

	for (int i = 0; i < (int) lengthof(sides); i++)
	{
		Judgement	judgement = {0};
		Node	   *node = expression_of(policy, sides[i].new_row);
		Origin		origin;
		bool		doubted = false;

		if ((policy->commands & sides[i].command) == 0 || node == NULL)
			continue;
		origin = prove_alone(trial, node)->dependencies;
		if ((origin & (ORIGIN_SETS | ORIGIN_VOLATILE | ORIGIN_TOO_DEEP)) == 0)
			continue;
		judgement.culprit = policy;
		judgement.verdict =
			tg_make_verdict(origin & ORIGIN_SETS ? OPEN : UNDECIDED,
							origin & ORIGIN_SETS ? WHY_SETS :
							origin & ORIGIN_VOLATILE ? WHY_VOLATILE :
							WHY_TOO_DEEP, node);
		foreach(lc, *doubts)
		{
			ScopeIssue *doubt = (ScopeIssue *) lfirst(lc);

			if ((doubt->commands & sides[i].command) != 0 &&
				(doubt->answer == SCOPE_UNSCOPED ||
				 judgement.verdict.standing < OPEN))
				doubted = true;
		}
		if (!doubted)
			add_doubt(doubts, policy, &judgement, i, trial->facts);
	}
}

bool
tg_comes_from_session(Node *node, const RelationFacts *facts,
					  ProofBudget *budget)
{
	Place		place = {facts, NIL, 0, budget, NIL};
	Origin		origin = tg_dependencies(node, &place);

	return (origin & ORIGIN_SESSION) != 0 &&
		(origin & ~(ORIGIN_SESSION | ORIGIN_LITERAL | ORIGIN_GLUED)) == 0;
}

static int
compare_doubts(const ListCell *a, const ListCell *b)
{
	const ScopeIssue *one = (const ScopeIssue *) lfirst(a);
	const ScopeIssue *other = (const ScopeIssue *) lfirst(b);

	if (one->answer != other->answer)
		return one->answer > other->answer ? -1 : 1;
	return strcmp(one->policy->name, other->policy->name);
}

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL		ctl = {0};

	ctl.keysize = keysize;
	ctl.entrysize = entrysize;
	ctl.hcxt = CurrentMemoryContext;
	return hash_create(name, 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

List *
tg_scope_issues(const RelationFacts *facts)
{
	Trial		trial = {0};
	List	   *doubts = NIL;
	ListCell   *lc;

	Assert(facts->tenant != NULL);
	trial.facts = facts;
	trial.budget.steps = PROOF_BUDGET_TABLE;
	trial.known = make_table("trovella_guard expressions", sizeof(Node *),
							 sizeof(Known));
	trial.roles = make_table("trovella_guard roles", sizeof(Oid),
							 sizeof(RoleKnown));
	trial.judgements = make_table("trovella_guard judgements",
								  sizeof(JudgementKey),
								  sizeof(JudgementKnown));
	trial.doubts = palloc0(list_length(facts->policies) * sizeof(List *));
	for (int side = 0; side < (int) lengthof(sides); side++)
	{
		/* an UPDATE takes both an old row and a new one */
		if (sides[side].command == TG_UPDATE &&
			!reaches_rows(sides[side].new_row ? side - 1 : side + 1, &trial))
			continue;
		foreach(lc, facts->policies)
		{
			PolicyFacts *policy = (PolicyFacts *) lfirst(lc);
			Judgement	judgement;

			if (!applies(policy, side))
				continue;
			judgement = judge_policy(policy, side, &trial);
			if (judgement.verdict.standing > CONFINED)
				add_doubt(&trial.doubts[foreach_current_index(lc)], policy,
						  &judgement, side, facts);
		}
	}
	foreach(lc, facts->policies)
	{
		add_side_effects(&trial.doubts[foreach_current_index(lc)], lfirst(lc),
						 &trial);
		doubts = list_concat(doubts,
							 trial.doubts[foreach_current_index(lc)]);
	}
	list_sort(doubts, compare_doubts);
	hash_destroy(trial.known);
	hash_destroy(trial.roles);
	hash_destroy(trial.judgements);
	return doubts;
}
