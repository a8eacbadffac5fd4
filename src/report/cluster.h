/*-------------------------------------------------------------------------
 *
 * cluster.h
 *		What status() asks about a cluster of Citus.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_CLUSTER_H
#define TROVELLA_GUARD_CLUSTER_H

#include "facts/facts.h"

/* "coordinator" or "worker"; NULL without Citus. */
extern const char *tg_cluster_part(FactsReader *reader);

/* What keeps this node from protecting its part, and what to do; or NULL. */
extern const char *tg_cluster_complaint(FactsReader *reader);

#endif							/* TROVELLA_GUARD_CLUSTER_H */
