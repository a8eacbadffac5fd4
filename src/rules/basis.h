/*-------------------------------------------------------------------------
 *
 * basis.h
 *		The parts of a finding that can get worse while its object stays the
 *		same.
 *
 * A debt, or a pre-existing finding, excuses nothing worse.  A fingerprint tells
 * only that something has changed.  A basis tells whether it got worse: more
 * roles reach the rows, more policies admit them, or fewer restrict them.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_BASIS_H
#define TROVELLA_GUARD_BASIS_H

#include "facts/facts.h"

/* Distinct numbers in ascending order. */
typedef struct SortedSet
{
	int			count;
	int			room;
	uint64	   *items;
} SortedSet;

typedef struct Basis
{
	const SortedSet *reached_by;	/* grants, see tg_grants_of() */
	const SortedSet *open_by;	/* fingerprints of permissive policies */
	const SortedSet *held_by;	/* ... and of restrictive ones */
} Basis;

extern void tg_set_add(SortedSet *set, uint64 item);

/* Sorts the set and removes duplicates, after the last item was added. */
extern SortedSet *tg_set_finish(SortedSet *set);
extern bool tg_set_has(const SortedSet *set, uint64 item);

/*
 * The grants of these commands on a relation or its columns to roles other than
 * its owner.
 */
extern SortedSet *tg_grants_of(const RelationFacts *facts,
							   CommandSet commands);

/* Those among the grants that a policy for these roles applies to. */
extern const SortedSet *tg_grants_under(const SortedSet *grants,
										const List *roles);

/*
 * For a finding that gets worse if more roles may reach the relation, or if more
 * of these become "users": roles by which the application reaches it.
 */
extern Basis *tg_basis_of_grants(const RelationFacts *facts,
								 CommandSet commands, const List *users);

/*
 * For one that gets worse if more roles do something.  InvalidOid stands for
 * PUBLIC.
 */
extern Basis *tg_basis_of_roles(const List *roles);

/* For a finding that a parent exposes the rows of its children. */
extern Basis *tg_basis_of_parent(const RelationFacts *parent);

/* The fingerprints of restrictive policies. */
extern const SortedSet *tg_guards_of(const RelationFacts *facts);

/* Is "after" no worse than "before"?  Either may be NULL. */
extern bool tg_basis_is_no_worse(const Basis *after, const Basis *before);

#endif							/* TROVELLA_GUARD_BASIS_H */
