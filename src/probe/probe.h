/*-------------------------------------------------------------------------
 *
 * probe.h
 *		What the files of this module share: one table that is being probed.
 *
 * Everything about a table lives in one memory context, and its rows in one
 * subtransaction that is always rolled back.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_PROBE_H
#define TROVELLA_GUARD_PROBE_H

#include "probe/attempt.h"
#include "probe/clues.h"
#include "probe/values.h"
#include "storage/itemptr.h"

/* SELECT, INSERT, UPDATE, DELETE */
#define PROBE_COMMANDS 4

/* The tenants: two with rows in all tables, and one that does not exist. */
enum
{
	TENANT_A,
	TENANT_B,
	TENANT_UNKNOWN,
	PROBE_TENANTS
};

/* A column of a table in which rows are made. */
typedef struct ShapeColumn
{
	const char *name;
	Oid			type;
	int32		typmod;
	bool		skipped;		/* dropped or generated */
	bool		not_null;
	bool		left_out;		/* NULL or its default will do */
	bool		unique;			/* part of a unique index */
	bool		identity;		/* holds a value of the row's tenant */
	bool		is_tenant;		/* ... the tenant itself */
	Term	   *term;			/* that policies compare, or NULL */
	List	   *parts;			/* of Term: paths in a JSON column */
	List	   *vary;			/* values that may matter to a policy */
	const char *fill;			/* a value that was accepted, or NULL */
	List	   *fill_literals;	/* of the constraint that it satisfies ... */
	int			fill_index;		/* ... its number among what these suggest */
} ShapeColumn;

typedef struct TableShape
{
	const RelationFacts *facts;
	const char *name;			/* qualified and quoted */
	int			natts;
	ShapeColumn *columns;
} TableShape;

/* The values of a row, by column; this one for a column to be left out. */
extern const char tg_left_out[];

/* A row that is there for the time of the probe. */
typedef struct ProbeRow
{
	Oid			tableoid;
	ItemPointerData tid;
	const char *tenant;			/* NULL: of nobody */
	const char *sql;			/* that made it; NULL: it was there */
	const char **values;		/* or NULL */
} ProbeRow;

typedef struct Probe
{
	FactsReader *reader;
	Oid			caller;			/* who probes */
	Oid			role;			/* that is tried */
	const RelationFacts *facts;
	Clues	   *clues;
	TableShape *shape;
	const char *bind;			/* SQL that binds a tenant, or NULL */
	ValueStyle	style;
	const char *given[PROBE_TENANTS];	/* what policies make of settings ... */
	const char *bound[PROBE_TENANTS];	/* ... if not the same as these */
	bool		is_role;		/* the tenant is the role */
	bool		role_is_user;	/* the role is a user of the first tenant */
	const char *tenants[PROBE_TENANTS];
	List	   *others;			/* more tenants: strings, NULL for nobody */
	List	   *rows;			/* of ProbeRow */
	List	   *foreign_values; /* of NewRow: rows to be written */
	List	   *world;			/* statements that made rows of other tables */
	List	   *partitions;		/* statements that made partitions */
	bool		slow[PROBE_COMMANDS];	/* a statement took too long */
	bool		slow_bind;		/* the one that binds a tenant did */
	int			users;			/* more of them for each tenant */
	List	   *renamed;		/* pairs of strings: what the constraints of a
								 * table made of an ID */
	const char *problem;		/* why no rows could be made, or NULL */
	int			serial;
} Probe;

/* A row that nobody but its tenant may write. */
typedef struct NewRow
{
	const char *tenant;			/* NULL: of nobody */
	const char **values;
} NewRow;

/* json.c: a JSON value that has these values at these paths */
typedef struct JsonPart
{
	List	   *path;
	const char *value;
	bool		is_list;
	bool		is_keys;		/* the value is the key of an object */
} JsonPart;

extern char *tg_probe_json(List *parts);

/* probe.c: may whoever probes become this role? */
extern bool tg_probe_may_become(const Probe *probe, Oid role);

/* make.c: rows */
extern void tg_probe_make_rows(Probe *probe);
extern bool tg_probe_can_make_parent(Probe *probe, const ForeignKeyFacts *key,
									 const char **values);
extern char *tg_probe_insert_sql(const TableShape *shape,
								 const char **values, Oid role);

/* The number of what another user of a tenant has. */
extern int	tg_probe_user(int tenant, int user);

extern const char *tg_probe_fill(Probe *probe, ShapeColumn *column);
extern void tg_probe_renew_unique(Probe *probe, TableShape *shape,
								  const char **values);
extern const char *tg_probe_term_value(const Probe *probe, Term *term,
									   int tenant);

/*
 * repair.c: inserts a row, and changes what its constraints complain about until
 * they are satisfied.  Returns NULL, or what is still wrong.
 */
extern ErrorData *tg_probe_insert_repaired(Probe *probe, TableShape *shape,
										   const char **values, ProbeRow *row);

/* ... as it is */
extern ErrorData *tg_probe_insert(const Probe *probe, TableShape *shape,
								  const char **values, ProbeRow *row);

/* The columns that an error is about, and literals that may help. */
extern Bitmapset *tg_probe_suspects(const TableShape *shape,
									const ErrorData *error, List **literals);

/* sessions.c */
typedef struct Setting
{
	const char *name;
	const char *value;
} Setting;

typedef struct Session
{
	const char *group;			/* what the caller reads: bound, unset ... */
	const char *bound;			/* the tenant for probe->bind, or NULL */
	List	   *settings;		/* of Setting */
	List	   *own;			/* the tenants whose rows it may see */
	const char *role_tenant;	/* ... and the one that its role is, or NULL */
} Session;

extern List *tg_probe_sessions(const Probe *probe);

/* Calls action(arg) in a subtransaction that is a session of the role. */
extern ErrorData *tg_in_session(Probe *probe, const Session *session,
								Oid role, AttemptAction action, void *arg);
extern bool tg_session_owns(const Session *session, const char *tenant);
extern char *tg_session_script(const Probe *probe, const Session *session,
							   Oid role);

/* trials.c */
typedef enum ProbeOutcome
{
	OUTCOME_NOT_TRIED,
	OUTCOME_DENIED,
	OUTCOME_VACUOUS,
	OUTCOME_ISOLATED,
	OUTCOME_LEAKS
} ProbeOutcome;

typedef struct ProbeResult
{
	Oid			relation;		/* a view; InvalidOid: the table */
	const char *command;
	const char *group;
	ProbeOutcome outcome;
	const char *evidence;
} ProbeResult;

/* The results of one role in the sessions of a group, as a List. */
extern List *tg_probe_try(Probe *probe, Oid role, List *sessions,
						  const char *group);

/* "tenant a" */
extern const char *tg_probe_tenant_text(const char *tenant);

extern const char *tg_probe_command_name(CommandSet command);
extern AclMode tg_probe_privilege(CommandSet command);

/*
 * attest.c: what attest() must know.  A probe of a table as a role begins, and has
 * found something of it or (not "of_table") of what shows its rows.
 */
extern void tg_attest_begin(FactsReader *reader, const RelationFacts *facts,
							Oid role);
extern void tg_attest_note(Oid relid, Oid role, bool of_table,
						   ProbeOutcome outcome);

/* windows.c: the same through views and functions */
extern List *tg_probe_try_windows(Probe *probe, Oid role,
								  List *sessions, const char *group);

/* contradiction.c: what leaks although it is proven */
typedef struct Contradictions
{
	MemoryContext context;		/* outlives the tables */
	List	   *list;
} Contradictions;

extern void tg_note_contradictions(Contradictions *found, const Probe *probe,
								   Oid role, const List *results);
extern void tg_raise_contradictions(const Contradictions *found);

#endif							/* TROVELLA_GUARD_PROBE_H */
