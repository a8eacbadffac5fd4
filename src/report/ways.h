/*-------------------------------------------------------------------------
 *
 * ways.h
 *		The ways in which somebody reaches the rows of all tenants of a table.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_WAYS_H
#define TROVELLA_GUARD_WAYS_H

#include "facts/facts.h"
#include "facts/oidset.h"
#include "report/audit.h"

/* In the order in which they are listed. */
typedef enum WayKind
{
	WAY_SUPERUSER,
	WAY_BYPASSRLS,
	WAY_OWNER,
	WAY_GRANT,					/* there is no row-level security */
	WAY_MEMBER,
	WAY_POLICY,
	WAY_UNPROVEN_POLICY,
	WAY_SWITCH,					/* a declared bypass */
	WAY_PARENT,
	WAY_VIEW,
	WAY_MATVIEW,
	WAY_FOREIGN_TABLE,
	WAY_RULE,
	WAY_FUNCTION,
	WAY_PUBLICATION
} WayKind;

typedef struct Way
{
	WayKind		kind;
	Oid			table;			/* InvalidOid: all tables of a class */
	Oid			role;			/* InvalidOid: PUBLIC */
	bool		is_role;		/* false: whoever subscribes */
	const char *commands;		/* "SELECT, INSERT", "EXECUTE" */
	const char *through;		/* the role, switch, function or publication
								 * that many tables may have in common, or
								 * NULL */
	const char *how;
	const char *excused;		/* the reason of a decision, or NULL */
} Way;

/* What ways are read from, and where they are collected. */
typedef struct WaySource
{
	Audit	   *audit;
	FactsReader *reader;		/* that of the audit */
	OidSet		superusers;
	OidSet		bypassers;		/* other roles with BYPASSRLS */
	List	   *ways;			/* of Way */
} WaySource;

/*
 * Begins to collect for one relation, or (NULL) the whole database.  Reads which
 * roles row-level security does not apply to.
 */
extern void tg_ways_begin(WaySource *source, const Oid *relid);
extern void tg_ways_end(WaySource *source);

/* A role, and those that can become it or have its rights (as an owner has). */
extern void tg_add_role(WaySource *source, WayKind kind, Oid role,
						Oid table, const char *commands);

/* Each role that row-level security of a tenant table does not apply to. */
extern void tg_add_roles(WaySource *source, const RelationFacts *facts);

/* The ways that lead by the table: policies, parents, functions, and so on. */
extern void tg_add_ways_of_table(WaySource *source,
								 const RelationFacts *facts);

/* Those that lead by a function that reads a table, or a parent of it. */
extern void tg_add_functions(WaySource *source, const RelationFacts *facts,
							 Oid table);

/*
 * Those that lead by a view, a materialized view, a foreign table, or a rule, to
 * each of the tables whose rows it shows.
 */
extern void tg_add_ways_of_window(WaySource *source,
								  const RelationFacts *window);

/* who_sees.c: what the rows that show ways have in common. */

/* A way, and what the order of rows depends on. */
typedef struct ListedWay
{
	const Way  *way;
	const char *role;			/* see tg_role_of_way() */
	int64		tables;			/* in the summary */
} ListedWay;

/* The name of the role, "PUBLIC", or NULL for subscribers. */
extern const char *tg_role_of_way(const Way *way);

/* For qsort(), of ListedWay. */
extern int	tg_compare_ways(const void *a, const void *b);

/*
 * Fills two columns of a row: the role, and whether it can log in (null for
 * PUBLIC and for subscribers).  "buffer" must live as long as the values.
 */
extern void tg_put_role(FactsReader *reader, const ListedWay *listed,
						NameData *buffer, Datum *values, bool *nulls);

#endif							/* TROVELLA_GUARD_WAYS_H */
