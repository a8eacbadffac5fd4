/*-------------------------------------------------------------------------
 *
 * facts.h
 *		What rules may know: one relation, and what it depends on.
 *
 * Facts are read from the catalogs under a snapshot that the caller chooses.
 * So the same reader serves the verdict, which compares the catalogs before
 * and after the transaction, and the audit.
 *
 * Facts are plain data: no relcache entry, no lock, no pointer into a system
 * cache.  They live in the memory context that was current when they were
 * read, except for the expressions of policies: the reader may share those
 * between policies, and they live as long as the reader.
 *
 * Lists of relations are lists of OIDs, each of them once.
 *
 * Besides, other modules may use expression.h and oidset.h.  reader.h is for the
 * files of this module.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_FACTS_H
#define TROVELLA_GUARD_FACTS_H

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

/*
 * The four commands that row-level security distinguishes, as a set.  A policy
 * FOR ALL covers all of them.
 */
typedef enum CommandSet
{
	TG_NO_COMMAND = 0,
	TG_SELECT = 1 << 0,
	TG_INSERT = 1 << 1,
	TG_UPDATE = 1 << 2,
	TG_DELETE = 1 << 3,
	TG_ALL_COMMANDS = TG_SELECT | TG_INSERT | TG_UPDATE | TG_DELETE
} CommandSet;

/*
 * In the facts of columns, policies and indexes, "temporary" means: depends on
 * a temporary object, so that PostgreSQL drops it with that, without any DDL.
 */

/* A live column. */
typedef struct ColumnFacts
{
	AttrNumber	attnum;
	char	   *name;
	Oid			type;
	Oid			collation;
	bool		not_null;
	bool		generated;
	bool		temporary;
	struct ArrayType *acl;		/* its own grants, or NULL */
} ColumnFacts;

/* A row-level security policy. */
typedef struct PolicyFacts
{
	Oid			oid;
	ItemPointerData tid;		/* of its row in pg_policy */
	char	   *name;
	bool		permissive;		/* see also loses_restrictive */
	bool		loses_restrictive;	/* it is AS RESTRICTIVE, but of a
									 * distributed table: Citus creates it on
									 * the shards as a permissive one */
	CommandSet	commands;
	List	   *roles;			/* OIDs; InvalidOid stands for PUBLIC */
	Node	   *qual;			/* USING, or NULL; do not modify */
	Node	   *with_check;		/* WITH CHECK, or NULL; do not modify */
	bool		temporary;
	uint64		fingerprint;	/* of expressions, roles, command and kind:
								 * differs when the policy says something else */
} PolicyFacts;

/* An index. */
typedef struct IndexFacts
{
	Oid			oid;
	bool		unique;
	bool		immediate;		/* if unique: not DEFERRABLE */
	bool		primary;
	bool		names_tenant;	/* a key is the tenant column or an expression
								 * over it */
	bool		usable;			/* valid, ready, live, and not temporary */
	int			nkeys;			/* key columns, without INCLUDE columns */
	AttrNumber *keys;			/* 0 where the key is an expression */
	Oid		   *collations;		/* of the keys */
	bool		equality;		/* its access method can search for equality:
								 * btree or hash */
	List	   *predicate;		/* as an implicit-AND list, or NIL */
} IndexFacts;

/* A foreign key constraint. */
typedef struct ForeignKeyFacts
{
	Oid			oid;
	char	   *name;
	bool		inherited;		/* from a parent, where it is reported */
	int			nkeys;
	AttrNumber *keys;
	AttrNumber *referenced_keys;
	Oid			referenced;
	char		on_update;		/* FKCONSTR_ACTION_xxx */
	char		on_delete;
	char		match;			/* FKCONSTR_MATCH_xxx */
	bool		deferrable;
	bool		deferred;		/* INITIALLY DEFERRED */
	bool		validated;
	bool		enforced;
	bool		temporal;		/* ... PERIOD ... */
} ForeignKeyFacts;

/* A rewrite rule: the query of a view, or a rule that CREATE RULE made. */
typedef struct RewriteFacts
{
	Oid			oid;
	char	   *name;
	CommandSet	command;		/* the one that it is for */
	bool		select;			/* ON SELECT: the query of a view */
	uint64		fingerprint;	/* differs when it says something else */
	List	   *reads;			/* the relations that it names */
	List	   *inherited;		/* those of them whose children it reads, too:
								 * named without ONLY */
} RewriteFacts;

/* One relation. */
typedef struct RelationFacts
{
	Oid			relid;
	Oid			schema_oid;
	char	   *schema;
	char	   *name;
	char		kind;			/* RELKIND_xxx */
	bool		temporary;		/* then only pg_class is read */
	bool		partition;		/* is a partition of something */
	bool		may_have_children;	/* has some, or has had some */
	bool		may_have_rewrites;	/* has some, or has had some */
	bool		rls_enabled;
	bool		rls_forced;
	bool		granted;		/* a role other than the owner was granted
								 * something on it or on one of its columns */
	bool		security_invoker;	/* of a view: reads as the caller */
	bool		security_barrier;	/* of a view */
	bool		beside_citus;	/* the database has Citus, which may
								 * distribute it one day */
	bool		distributed;	/* Citus keeps its rows in shards */
	Oid			shard_of;		/* the table that it is a shard of, on this
								 * node of Citus; or InvalidOid */
	bool		future_shard;	/* a connection of Citus says so, by its name;
								 * shard_of is a table of the same owner */
	bool		detached_shard; /* on a worker, not a partition, but named
								 * like a shard of one of the same owner */
	bool		sent_by_citus;	/* the coordinator, which has sent it, judges
								 * all of it: a shard, or a distributed table
								 * on a worker */
	Oid			owner;
	List	   *acls;			/* of Acl: the relation's (or its default) and
								 * those of columns */
	List	   *columns;		/* of ColumnFacts: live user columns */
	ColumnFacts *tenant;		/* the tenant column, or NULL.  A copy: if
								 * policies are read, its not_null is false
								 * also where the column of an inheritance
								 * child can be null, because the policies
								 * apply to the child's rows */
	Bitmapset  *tenant_sources; /* the columns that a generated tenant column
								 * is computed from; only if policies are read */
	List	   *parents;		/* the relations that it inherits from */
	List	   *policies;		/* of PolicyFacts, in the order of names */
	List	   *indexes;		/* of IndexFacts */
	List	   *foreign_keys;	/* of ForeignKeyFacts */
	List	   *constraints;	/* OIDs of all constraints, of any kind */
	List	   *rewrites;		/* of RewriteFacts */
} RelationFacts;

/*
 * The reader: one snapshot, and the catalogs that it keeps open.
 */
typedef struct FactsReader FactsReader;

/*
 * Begins to read under a registered snapshot, which must stay registered until
 * tg_facts_end().
 *
 * "detaching_counts": does a partition that DETACH PARTITION CONCURRENTLY has
 * detached by half still count as its parent's?  It does not in the state after
 * a transaction, so that the command's first transaction can be refused.  It
 * does in the state before, or the second transaction would find nothing new.
 */
extern FactsReader *tg_facts_begin(Snapshot snapshot, bool detaching_counts);
extern void tg_facts_end(FactsReader *reader);
extern Snapshot tg_facts_snapshot(const FactsReader *reader);

/*
 * A place for what the rules keep as long as the reader lives: NULL at first.
 * "context" is the memory context to keep it in.
 */
extern void **tg_facts_place_for_rules(FactsReader *reader,
									   MemoryContext *context);

/*
 * From now on, calls "note" for each object whose state is read, except for
 * the subject itself: who relies on what was read may want to lock it.
 */
typedef void (*ReadNote) (Oid classId, Oid objectId, void *arg);

extern void tg_facts_note_reads(FactsReader *reader, ReadNote note, void *arg);
extern void tg_facts_set_subject(FactsReader *reader, Oid relid);

/* Notes an object that was read from a cache and not through the reader. */
extern void tg_facts_note_read(FactsReader *reader, Oid classId,
							   Oid objectId);

/*
 * What is a relation?
 */

/*
 * The facts of a relation.  Returns NULL if the snapshot sees no such
 * relation, or if no rule is about its kind (index, sequence, TOAST table,
 * composite type, system catalog).
 */
extern RelationFacts *tg_facts_read(FactsReader *reader, Oid relid);

/*
 * The same without policies, indexes, foreign keys and rewrite rules.  The
 * reader may keep it.
 */
extern const RelationFacts *tg_facts_outline(FactsReader *reader, Oid relid);

/* The outline of the table that a relation is a partition of, or NULL. */
extern const RelationFacts *tg_facts_partitioned_table(FactsReader *reader,
													   const RelationFacts *facts);

/*
 * Calls "visit" for each tenant table with row-level security, until it returns
 * false.  For whoever asks little of all tables: this costs a third of their
 * outlines.  The facts are those of pg_class; tg_facts_read_columns() adds the
 * columns, and the privileges on them.  All this lives until "visit" returns.
 */
typedef bool (*VisitTable) (FactsReader *reader, RelationFacts *facts,
							void *arg);

extern void tg_facts_visit_tables_with_rls(FactsReader *reader,
										   VisitTable visit, void *arg);
extern void tg_facts_read_columns(FactsReader *reader, RelationFacts *facts);

/* The indexes of a relation of which only an outline was read. */
extern List *tg_facts_indexes(FactsReader *reader,
							  const RelationFacts *outline);

/* Is it a table, partitioned or not? */
extern bool tg_is_table(const RelationFacts *facts);

/* Is it a table with a tenant column, and not a temporary one? */
extern bool tg_is_tenant_table(const RelationFacts *facts);

/* Is this Boolean option of a view set in pg_class.reloptions? */
extern bool tg_view_option(Datum reloptions, const char *name);

/* The live column of this number, or NULL. */
extern const ColumnFacts *tg_find_column(const RelationFacts *facts,
										 AttrNumber attnum);

/*
 * Are the policies that were read those that the relation has now, or those
 * that another reader's snapshot sees?
 */
extern bool tg_facts_policies_are_current(FactsReader *reader,
										  const RelationFacts *facts);
extern bool tg_facts_policies_are_those_of(FactsReader *other,
										   const RelationFacts *facts);

/*
 * Where is an object, and what is its name?
 */

/* What pg_class alone says. */
typedef struct RelationPlace
{
	Oid			schema_oid;
	NameData	name;
	char		kind;
	char		persistence;
	bool		partition;		/* or the index of one */
} RelationPlace;

/*
 * Which commands can be carried out on a relation, whoever may?  A view can be
 * written if its query is simple, or by way of INSTEAD rules and triggers (see
 * relation_is_updatable() in PostgreSQL's rewriteHandler.c, which locks it).
 */
extern CommandSet tg_facts_possible_commands(FactsReader *reader, Oid relid);

/* False if the snapshot does not see the relation. */
extern bool tg_facts_place(FactsReader *reader, Oid relid,
						   RelationPlace *place);

/*
 * Names for messages and repair SQL; NULL if the snapshot does not see the
 * object.  They are read from the catalogs, because the system caches would
 * grow with every name that an audit asks for.
 */
extern char *tg_facts_schema_name(FactsReader *reader, Oid schema_oid);
extern char *tg_facts_qualified_name(FactsReader *reader, Oid relid);
extern char *tg_facts_column_name(FactsReader *reader, Oid relid,
								  AttrNumber attnum, Oid *type);

/* Does a relation have this name now? */
extern bool tg_facts_name_is_taken(FactsReader *reader, Oid schema_oid,
								   const char *name);

/*
 * The relation that owns an object: the table of an index, a policy, a
 * constraint or a rewrite rule; a relation owns itself.  InvalidOid if there
 * is no such object, or if it belongs to none.  This is read as it is now: it
 * never changes while the object exists.
 */
extern Oid	tg_owning_relation(Oid classId, Oid objectId);

/* The same of a trigger, which no rule is about: it is no part of its table. */
extern Oid	tg_table_of_trigger(Oid trigger);

/*
 * Is it a temporary relation, or a temporary object of any kind that has a
 * schema, or a temporary schema?  Asks the caches, so it is false for what the
 * current command creates.
 */
extern bool tg_is_temporary(Oid relid);
extern bool tg_is_temporary_object(Oid classId, Oid objectId);

/*
 * Who are its parents and children, by partitioning and by inheritance?
 */
extern List *tg_facts_parents(FactsReader *reader, Oid relid);

/*
 * The parents and their parents, the nearest first.  Each table of a chain has
 * its own, so there is a limit, far above what schemas have: then the list ends
 * early, and "all" is false.
 */
#define TG_MAX_ANCESTORS 100

extern List *tg_facts_ancestors(FactsReader *reader, Oid relid, bool *all);

/* The children and their children. */
extern List *tg_facts_descendants(FactsReader *reader, Oid relid);

/*
 * Does a partition or inheritance child need no row-level security of its own,
 * because nobody can name it?  Then no role but its owner has been granted
 * anything on it, and all its parents are protected.  tg_exposing_parents()
 * tells whether the parents' policies suffice for the child's rows.
 */
extern bool tg_is_unreachable_child(FactsReader *reader,
									const RelationFacts *facts);

/*
 * What does an expression name?
 */
extern List *tg_facts_relations_in(Node *node);

/* Functions and types of users in a policy, as OIDs; not PostgreSQL's own. */
extern List *tg_facts_functions_of(const PolicyFacts *policy);
extern List *tg_facts_types_in(const PolicyFacts *policy);

/*
 * A fingerprint of what a policy says: the same if only its name or its OID is
 * another, or if a value is computed in a (SELECT ...) of its own.  Expensive.
 */
extern uint64 tg_facts_policy_meaning(const PolicyFacts *policy);

/*
 * A fingerprint of what the policies of a table rest on: the policies, who may
 * use the table, and the functions, tables and views that they call and read, with
 * what these rest on.  It has no OIDs, so that it survives a dump.  The facts must
 * be current ones.  Sets "objects" to all this, a List of ObjectKey.  NULL if it
 * is too much, or if it cannot be told now because somebody holds a lock (busy).
 */
extern char *tg_facts_fingerprint(FactsReader *reader,
								  const RelationFacts *facts,
								  List **objects, bool *busy);

/* The enums among these types and among the types they consist of, as OIDs. */
extern List *tg_facts_enums_in(FactsReader *reader, const List *types);

/* InvalidOid, NULL if the snapshot does not see the type. */
extern Oid	tg_facts_type_owner(FactsReader *reader, Oid type);
extern char *tg_facts_type_name(FactsReader *reader, Oid type);

typedef struct FunctionFacts
{
	Oid			schema_oid;
	NameData	name;
	Oid			owner;
	char		volatility;		/* PROVOLATILE_xxx */
	bool		security_definer;
	bool		names_are_fixed;	/* the caller's search_path has no
									 * influence on what its body means */
} FunctionFacts;

/*
 * Do names mean the same under a search_path, whoever calls a function of
 * "owner", and whatever other roles create?
 */
extern bool tg_facts_path_is_fixed(FactsReader *reader, char *path, Oid owner);

/* False if the snapshot does not see the function. */
extern bool tg_facts_function(FactsReader *reader, Oid function_oid,
							  FunctionFacts *facts);

/*
 * Which SECURITY DEFINER functions read a relation?
 *
 * Trigger functions, functions in C, and members of extensions that a superuser
 * owns are left out.
 */
typedef struct DefinerFacts
{
	Oid			oid;
	Oid			owner;
	bool		is_procedure;
	bool		returns_rows;	/* of a composite type or record */
	bool		is_bound;		/* its body is SQL-standard: what it reads is
								 * certain; of others the text is searched */
	struct ArrayType *acl;		/* its own or the default */
	bool		any_path;		/* may look names up in any schema; else ... */
	List	   *path;			/* in these, as strings */
	uint64		fingerprint;	/* differs when its body or its owner does */
	bool		callers_known;	/* is the next one set? */
	bool		called_by_policy;
} DefinerFacts;

typedef struct DefinerRead
{
	DefinerFacts *definer;
	Oid			view;			/* a security_invoker view by way of which it
								 * reads the relation, or InvalidOid */
} DefinerRead;

/* As a List of DefinerRead, each function once. */
extern List *tg_facts_definers_reading(FactsReader *reader,
									   const RelationFacts *facts);

/*
 * From now on only these functions (OIDs) are considered.  The list must live as
 * long as the reader.  To be called before anybody asks for one.
 */
extern void tg_facts_limit_definers(FactsReader *reader,
									const List *functions);

/* The relations that the functions may read: a few of them do not. */
extern List *tg_facts_relations_of_definers(FactsReader *reader);

/* Does a policy call the function? */
extern bool tg_facts_policy_calls(FactsReader *reader, DefinerFacts *definer);

/*
 * What may a role do?
 */
typedef struct RoleFacts
{
	NameData	name;
	bool		can_login;
	bool		superuser;
	bool		bypasses_rls;	/* its attribute; superusers bypass it anyway */
	bool		inherits;
} RoleFacts;

/* False if the snapshot does not see the role. */
extern bool tg_facts_role(FactsReader *reader, Oid role, RoleFacts *facts);

/* Is the role a superuser, or does it have BYPASSRLS? */
extern bool tg_is_above_rls(FactsReader *reader, Oid role);

/*
 * Does a role have the privileges of another one?  Attributes are read under
 * the snapshot, memberships as they are now: nothing announces their change.
 */
extern bool tg_has_privileges_of(FactsReader *reader, Oid role, Oid other);

/*
 * A fingerprint of what a policy's meaning depends on in a role, besides its
 * name.  It differs when row-level security begins to apply to the role or to
 * one of its members.
 */
extern uint64 tg_role_fingerprint(FactsReader *reader, Oid role);

/*
 * Which of SELECT, INSERT, UPDATE and DELETE may a role do to a relation, or
 * to some of its columns?
 */
extern AclMode tg_privileges_of(Oid role, const RelationFacts *facts);

/*
 * What has somebody decided about roles and sessions?
 */

/* A role that sees all tenants on purpose. */
typedef struct ExcusedRole
{
	const char *name;
	const char *reason;
} ExcusedRole;

/*
 * A switch by which administrators see all tenants: a session setting that a
 * policy compares with a constant, or a function without arguments.
 */
typedef struct DeclaredBypass
{
	const char *setting;		/* NULL: it is a function */
	const char *schema;			/* of the function */
	const char *function;
	const char *reason;
} DeclaredBypass;

typedef struct Decisions
{
	List	   *excused_roles;	/* of ExcusedRole */
	List	   *bypasses;		/* of DeclaredBypass */
} Decisions;

/*
 * Sets how the reader learns of them.  "read" is called at first use and must
 * return the same each time, with the lifetime of the reader.  Without it, nothing
 * has been decided.
 */
typedef const Decisions *(*ReadDecisions) (void *arg);

extern void tg_facts_set_decisions(FactsReader *reader, ReadDecisions read,
								   void *arg);
extern const Decisions *tg_facts_decisions(FactsReader *reader);

/* The decision about a role, or NULL. */
extern const ExcusedRole *tg_facts_excused(FactsReader *reader,
										   const char *role);

/*
 * Who serves tenants' sessions?
 *
 * The application roles are those of trovella_guard.app_role that exist.  Where
 * none of these exists, they are all login roles that are neither superusers nor
 * have BYPASSRLS.  Excused roles are none.
 */
extern List *tg_app_roles(FactsReader *reader); /* OIDs */

/*
 * Tells a reader of what was before that the transaction has made an ordinary
 * role of a superuser or a role with BYPASSRLS.  As an application role it can
 * do nothing that it could not do before, so it counts as one already.
 */
extern void tg_facts_demoted(FactsReader *before, Oid role);

extern bool tg_app_roles_are_named(FactsReader *reader);

/* Those of trovella_guard.app_role that exist now, in its order, as OIDs. */
extern List *tg_named_app_roles(void);

/*
 * The application roles that have the privileges of a role, or can get them by
 * SET ROLE: itself, and members.  Without superusers and roles with BYPASSRLS,
 * who need no privilege to see all tenants.
 */
extern const List *tg_app_roles_acting_as(FactsReader *reader, Oid role);

/*
 * Those that are the role, or can get to be it by SET ROLE: then they have its
 * attributes, too.  With superusers and roles with BYPASSRLS.
 */
extern const List *tg_app_roles_becoming(FactsReader *reader, Oid role);

/* Is there one of either that was none before? */
extern bool tg_app_roles_act_anew(FactsReader *after, FactsReader *before,
								  Oid role);

/* A role and the roles that it is a member of, near and far, as OIDs. */
extern List *tg_facts_roles_above(FactsReader *reader, Oid role);

/* May a role SET ROLE to another one as a direct member of it? */
extern bool tg_facts_is_direct_member(FactsReader *reader, Oid member,
									  Oid role);

/* The direct members that a role has after and did not have before. */
extern List *tg_facts_new_members(FactsReader *after, FactsReader *before,
								  Oid role);

/*
 * The relations that open to whoever begins to act as a role: those that it
 * owns, and those on which it was granted something.  "tables": of
 * pg_read_all_data and pg_write_all_data also plain tables, which they open if
 * nothing protects them.
 */
extern List *tg_facts_relations_opened_by(FactsReader *reader, Oid role,
										  bool tables);

/*
 * By which grantees does an application role have one of these privileges on a
 * relation, or on one of its columns?  OIDs; InvalidOid stands for PUBLIC, the
 * owner stands for what owners may do.  Privileges on the schema are not
 * considered: they are easily granted later.
 */
extern List *tg_app_grantees(FactsReader *reader, const RelationFacts *facts,
							 AclMode privileges);

/*
 * Is a relation sealed: can nobody but its owner reach its rows, by its name or
 * through its parents, and is the owner nobody of the application?  If not, says
 * why.
 */
typedef enum SealBreachKind
{
	TG_SEAL_GRANT,				/* somebody was granted something */
	TG_SEAL_OWNER,				/* an application role has the owner's rights */
	TG_SEAL_ALL_DATA,			/* ... or those of pg_read_all_data or
								 * pg_write_all_data */
	TG_SEAL_ANCESTORS			/* there are too many parents to look at */
} SealBreachKind;

typedef struct SealBreach
{
	SealBreachKind kind;
	Oid			role;			/* InvalidOid: PUBLIC */
	Oid			relid;			/* the relation, or a parent */
} SealBreach;

extern bool tg_is_sealed(FactsReader *reader, const RelationFacts *facts,
						 SealBreach *breach);

/*
 * By which grantees may an application role execute a function?  Without its
 * owner: who has the owner's rights does not need the function.
 */
extern List *tg_app_executors(FactsReader *reader,
							  const DefinerFacts *definer);

/* The same, whether they are application roles or not. */
extern List *tg_facts_executors(const DefinerFacts *definer);

/*
 * The roles that have the rights of a role or can get them by SET ROLE, without
 * itself; and those that can become the role: only by SET ROLE.
 */
extern List *tg_facts_roles_acting_as(FactsReader *reader, Oid role);
extern List *tg_facts_roles_becoming(FactsReader *reader, Oid role);

/*
 * Which publications send the rows of a table to subscribers?
 */
typedef enum PublishedHow
{
	TG_PUBLISHED_TABLE,			/* FOR TABLE */
	TG_PUBLISHED_SCHEMA,		/* FOR TABLES IN SCHEMA */
	TG_PUBLISHED_ALL			/* FOR ALL TABLES */
} PublishedHow;

typedef struct PublicationFacts
{
	Oid			oid;
	const char *name;			/* lives as long as the reader */
	PublishedHow how;
	Oid			root;			/* the partitioned table by way of which a
								 * partition is published, or InvalidOid */
} PublicationFacts;

extern List *tg_facts_publications_of(FactsReader *reader,
									  const RelationFacts *facts);

/*
 * Which settings have a value in every session?
 */

/* ALTER ROLE or ALTER DATABASE ... SET name = value, of a custom setting. */
typedef struct SettingPin
{
	const char *name;
	const char *value;
	Oid			role;			/* InvalidOid: all roles */
	Oid			database;		/* InvalidOid: all databases */
} SettingPin;

/* Those that apply to sessions of this database, as a List of SettingPin. */
extern List *tg_facts_setting_pins(FactsReader *reader);

/* What policies and the functions in them read; begins as {0}. */
typedef struct SettingReads
{
	List	   *names;			/* of settings, as strings */
	List	   *sources;		/* bodies of functions that are strings, in
								 * lower case: these may mention any setting */
} SettingReads;

extern void tg_facts_add_settings_of_policy(SettingReads *reads,
											const PolicyFacts *policy);
extern void tg_facts_add_settings_of_function(SettingReads *reads,
											  FactsReader *reader,
											  Oid function_oid);
extern bool tg_facts_reads_setting(const SettingReads *reads,
								   const char *name);

/*
 * What tells tenants apart in this database, where no column of a table does?
 */

/* The type of the tenant column of some table; InvalidOid if none has one. */
extern Oid	tg_facts_tenant_type(FactsReader *reader);

/* Do foreign keys from tenant columns lead to the relation? */
extern bool tg_facts_is_tenants_table(FactsReader *reader, Oid relid);

/* Does a name sound like that of a tenant column ("org_id", "tenantId")? */
extern bool tg_looks_like_tenant_column(const char *name);

/*
 * The configured tenant column that a name equals, perhaps but for case; NULL if
 * there is none.  (The setting folds names that are not quoted to lower case.)
 */
extern const char *tg_tenant_column_but_for_case(const char *name);

/* Does a table have the name of what a tenant column refers to? */
extern bool tg_looks_like_tenants_table(const char *name);

/* The foreign keys of a table, also of one without a tenant column. */
extern List *tg_facts_foreign_keys(FactsReader *reader,
								   const RelationFacts *facts);

/* The facts that a table would have if this were its tenant column. */
extern RelationFacts *tg_facts_as_tenant_table(FactsReader *reader,
											   const RelationFacts *facts,
											   const ColumnFacts *tenant);

/*
 * If no table has a tenant column: the column by which most tables refer to
 * one and the same other, or one that sounds like a tenant's.  NULL if there
 * is none.
 */
typedef struct TenantGuess
{
	char	   *column;
	char	   *tenants_table;	/* quoted and qualified; NULL: see
								 * tg_facts_look_alike() */
	int			tables;			/* that have the column */
} TenantGuess;

extern const TenantGuess *tg_facts_guess_tenant(FactsReader *reader);

/*
 * If no table has a tenant column: the column that most tables have of those
 * that sound like a tenant's, whatever they refer to.  NULL if there is none.
 */
extern const TenantGuess *tg_facts_look_alike(FactsReader *reader);

/*
 * Which relations depend on an object?
 */
extern List *tg_facts_relations_of_schema(FactsReader *reader,
										  Oid schema_oid);

/* The user relations on which row-level security is enabled, as OIDs. */
extern List *tg_facts_relations_with_rls(FactsReader *reader);

/*
 * The relations whose rewrite rules name a relation (views, mostly), and those
 * whose rules name these, and so on.
 */
extern List *tg_facts_dependent_views(FactsReader *reader, Oid relid);

/* The relations whose rows a view reads, through other views, too. */
extern List *tg_facts_relations_below(FactsReader *reader, Oid relid);

/*
 * The other relations whose policies read a relation in a sub-select, also
 * through views, or call a function by its name, an operator or an aggregate;
 * and their inheritance children, because the policies apply to their rows,
 * too.
 */
extern List *tg_facts_relations_whose_policies_read(FactsReader *reader,
													Oid relid);
extern List *tg_facts_relations_using_function(FactsReader *reader,
											   Oid function_oid);

/* The function that is the switch of a declared bypass, or InvalidOid. */
extern Oid	tg_facts_switch_function(const DeclaredBypass *bypass);

/* The relations whose policies name the switch of a declared bypass. */
extern List *tg_facts_relations_naming_switch(FactsReader *reader,
											  const DeclaredBypass *bypass);

/* The same, as a yes or no: cheaper, where many switches are asked about. */
extern bool tg_facts_any_policy_names_switch(FactsReader *reader,
											 const DeclaredBypass *bypass);

/* Does a policy name the switch of a declared bypass? */
extern bool tg_facts_policy_names_switch(const PolicyFacts *policy,
										 const DeclaredBypass *bypass);

/* The relations that have columns of a type, or whose policies name it. */
extern List *tg_facts_relations_using_type(FactsReader *reader, Oid type);

/*
 * The relations whose findings may depend on a role's attributes: the role
 * owns them, or their policies name it or a role that it is a member of.
 */
extern List *tg_facts_relations_of_role(FactsReader *reader, Oid role);

/*
 * The relations that lose a policy, an index or a column with a temporary
 * object because of what the transaction touched (a List of ObjectKey).  Some
 * may occur more than once.
 */
extern List *tg_facts_relations_losing_parts(FactsReader *reader,
											 List *touched);

/*
 * Which relations are members of extensions?
 */
extern List *tg_facts_members(FactsReader *reader, Oid extension);

/* Is the relation a member of an extension that a superuser owns? */
extern bool tg_facts_is_trusted_member(FactsReader *reader, Oid relid);

/* Is the schema a member of an extension? */
extern bool tg_facts_is_schema_of_extension(FactsReader *reader, Oid schema);

/* All such members, in the order of OIDs. */
extern List *tg_facts_trusted_members(FactsReader *reader);

/*
 * What is this node to Citus?
 */
typedef enum CitusNode
{
	TG_NOT_CITUS,				/* the extension is not there */
	TG_CITUS_COORDINATOR,
	TG_CITUS_WORKER
} CitusNode;

extern CitusNode tg_facts_citus_node(FactsReader *reader);

/*
 * On a node of Citus: how many others are there that have shards, and does
 * Citus know our extension, so that it creates it on nodes?
 */
extern int	tg_facts_citus_workers(FactsReader *reader);
extern bool tg_facts_citus_knows_guard(FactsReader *reader);

/* Where is the coordinator ("host, port 5432")?  NULL: this node knows none. */
extern char *tg_facts_citus_coordinator(FactsReader *reader);

/*
 * The shard on this node that is the copy of a reference table, or InvalidOid.
 */
extern Oid	tg_facts_citus_copy(FactsReader *reader, Oid relid);

/* Is it a shard on this node, or a trigger that Citus has put on a table? */
extern bool tg_facts_citus_made(FactsReader *reader, Oid class, Oid object);

/* Is a relation a shard on this node? */
extern bool tg_facts_is_shard(FactsReader *reader, Oid relid);

/* Is there a catalog that looks like one of Citus?  Asks a cache. */
extern bool tg_citus_may_be_there(void);

/* The name of the table that a future shard is named after. */
extern char *tg_facts_named_after(const RelationFacts *shard);

/*
 * Does this session say that it is a connection of Citus between its nodes?
 * Anybody can say so.
 */
extern bool tg_citus_is_calling(FactsReader *reader);

#endif							/* TROVELLA_GUARD_FACTS_H */
