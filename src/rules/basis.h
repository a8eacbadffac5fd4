/*-------------------------------------------------------------------------
 *
 * basis.h
 *		What a finding was concluded from that may get worse while its object
 *		stays what it was.
 *
 * A debt covers what was there, and nothing worse.  Some of what makes it worse
 * has an order that a fingerprint cannot tell: more roles that reach the rows,
 * more that lets them through, less that holds them back.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_BASIS_H
#define TROVELLA_GUARD_BASIS_H

#include "facts/facts.h"

/* Numbers, each once, in order. */
typedef struct SortedSet
{
	int			count;
	int			room;
	uint64	   *items;
} SortedSet;

typedef struct Basis
{
	const SortedSet *reached_by;	/* grants, see tg_grants_of() */
	const SortedSet *open_by;	/* fingerprints of policies */
	const SortedSet *held_by;	/* ... and of those that are restrictive */
} Basis;

extern void tg_set_add(SortedSet *set, uint64 item);

/* Puts it in order, once all has been added. */
extern SortedSet *tg_set_finish(SortedSet *set);

/*
 * Who but its owner may do one of these commands to a relation, or to a column
 * of it?
 */
extern SortedSet *tg_grants_of(const RelationFacts *facts,
							   CommandSet commands);

/*
 * The same for those to whom a policy for these roles applies.
 */
extern const SortedSet *tg_grants_under(const SortedSet *grants,
										const List *roles);

/* Of a finding that is the worse the more may reach the relation. */
extern Basis *tg_basis_of_grants(const RelationFacts *facts,
								 CommandSet commands);

/* Of one that says that a parent shows the rows of its children. */
extern Basis *tg_basis_of_parent(const RelationFacts *parent);

/* The fingerprints of restrictive policies. */
extern const SortedSet *tg_guards_of(const RelationFacts *facts);

/* Is it no worse than it was?  Either may be NULL. */
extern bool tg_basis_is_no_worse(const Basis *after, const Basis *before);

#endif							/* TROVELLA_GUARD_BASIS_H */
