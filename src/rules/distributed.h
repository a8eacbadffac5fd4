/*-------------------------------------------------------------------------
 *
 * distributed.h
 *		What is different about tables that Citus has distributed.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_DISTRIBUTED_H
#define TROVELLA_GUARD_DISTRIBUTED_H

#include "rules/rules.h"

/*
 * The first policy that is AS RESTRICTIVE only on this table, and not on its
 * shards; or NULL.
 */
extern const PolicyFacts *tg_lost_restrictive(const RelationFacts *facts);

/*
 * Statements that put what such policies say into the permissive ones, and drop
 * them.  NULL if the texts are not known, or if a permissive policy would be
 * confined that is for other roles or commands.
 */
extern char *tg_remedy_restrictive(const RuleSubject *subject);

/* What helps where the application owns a distributed table. */
extern char *tg_remedy_owner(const RelationFacts *facts);

#endif							/* TROVELLA_GUARD_DISTRIBUTED_H */
