/*-------------------------------------------------------------------------
 *
 * facts.h
 *		Everything that a rule may know about one relation.
 *
 * RelationFacts is read from the catalogs under a snapshot that the caller
 * chooses, so that the same reader serves the verdict (which looks at the
 * catalogs as they were before and as they are after the transaction) and
 * the audit.  It is plain data: no relcache entry, no lock, no pointer into
 * a system cache, all of it in the memory context that was current when it
 * was read, except for the expressions of policies, which the reader may keep
 * for others that have the same: they live as long as the reader.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_FACTS_H
#define TROVELLA_GUARD_FACTS_H

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

/*
 * The four commands that row-level security tells apart, as a set.  A policy
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

/* A live column. */
typedef struct ColumnFacts
{
	AttrNumber	attnum;
	char	   *name;
	Oid			type;
	int32		typmod;
	Oid			collation;
	bool		not_null;
	bool		temporary;		/* stands on a temporary object: will be
								 * dropped with the session without any DDL */
	struct ArrayType *acl;		/* its own grants, or NULL */
} ColumnFacts;

/* A row-level security policy. */
typedef struct PolicyFacts
{
	Oid			oid;
	ItemPointerData tid;		/* of its row in pg_policy */
	char	   *name;
	bool		permissive;
	CommandSet	commands;
	List	   *roles;			/* OIDs; InvalidOid stands for PUBLIC */
	Node	   *qual;			/* USING, or NULL; do not modify */
	Node	   *with_check;		/* WITH CHECK, or NULL; do not modify */
	bool		temporary;		/* stands on a temporary object: will vanish
								 * with the session without any DDL */
	uint64		fingerprint;	/* of expressions, roles, command and kind:
								 * differs when the policy says something else */
} PolicyFacts;

/* An index. */
typedef struct IndexFacts
{
	Oid			oid;
	bool		unique;
	bool		primary;
	bool		names_tenant;	/* the tenant column is one of the keys or
								 * occurs in one; read for unique indexes */
	bool		usable;			/* valid, ready, live, and not standing on a
								 * temporary object: anything less serves
								 * nobody */
	int			nkeys;			/* key columns; INCLUDE columns are none */
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
	bool		inherited;		/* from a parent, which answers for it */
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

/* A rewrite rule: the query of a view, or what CREATE RULE says. */
typedef struct RewriteFacts
{
	Oid			oid;
	char	   *name;
	bool		select;			/* ON SELECT: the query of a view */
	uint64		fingerprint;	/* differs when it says something else */
	List	   *reads;			/* OIDs of the relations that it names */
} RewriteFacts;

/* One relation. */
typedef struct RelationFacts
{
	Oid			relid;
	Oid			schema_oid;
	char	   *schema;
	char	   *name;
	char		kind;			/* RELKIND_xxx */
	bool		temporary;
	bool		partition;		/* is a partition of something */
	bool		may_have_children;	/* has some, or has had */
	bool		may_have_rewrites;	/* has some, or has had */
	bool		rls_enabled;
	bool		rls_forced;
	bool		granted;		/* some role other than the owner was granted
								 * something on it or on a column of it */
	bool		security_invoker;	/* of a view: reads as the caller */
	Oid			owner;
	List	   *acls;			/* of Acl: the relation's (its default, if it
								 * has none) and those of columns */
	List	   *columns;		/* of ColumnFacts, live user columns */
	ColumnFacts *tenant;		/* the tenant column, or NULL.  A copy: where
								 * the policies are read, too, it can be null
								 * if that of an inheritance child can, whose
								 * rows they apply to */
	List	   *parents;		/* OIDs of the relations it inherits from */
	List	   *policies;		/* of PolicyFacts */
	List	   *indexes;		/* of IndexFacts */
	List	   *foreign_keys;	/* of ForeignKeyFacts */
	List	   *constraints;	/* OIDs of all constraints, of whatever kind */
	List	   *rewrites;		/* of RewriteFacts */
} RelationFacts;

/* Is it a table, partitioned or not? */
extern bool tg_is_table(const RelationFacts *facts);

/* Is it a table with a tenant column, and not a temporary one? */
extern bool tg_is_tenant_table(const RelationFacts *facts);

/* The live column of this number, or NULL. */
extern const ColumnFacts *tg_find_column(const RelationFacts *facts,
										 AttrNumber attnum);

/*
 * Which of SELECT, INSERT, UPDATE and DELETE may a role do to a relation, be
 * it to some columns only?
 */
extern AclMode tg_privileges_of(Oid role, const RelationFacts *facts);

/* Reads facts under one snapshot; keeps the catalogs open meanwhile. */
typedef struct FactsReader FactsReader;

/*
 * Begins reading under a registered snapshot, which must stay registered
 * until tg_facts_end().
 *
 * "detaching_counts": is a partition that DETACH PARTITION CONCURRENTLY has
 * half detached still one of its parent's?  Not for what is, so that the
 * command's first transaction can be refused; but for what was, or else its
 * second would find nothing new.
 */
extern FactsReader *tg_facts_begin(Snapshot snapshot, bool detaching_counts);
extern void tg_facts_end(FactsReader *reader);
extern Snapshot tg_facts_snapshot(const FactsReader *reader);

/*
 * Has every object noted whose state is read from now on, except the subject
 * itself: whoever relies on what was read may want to lock it.
 */
typedef void (*ReadNote) (Oid classId, Oid objectId, void *arg);

extern void tg_facts_note_reads(FactsReader *reader, ReadNote note, void *arg);
extern void tg_facts_set_subject(FactsReader *reader, Oid relid);

/* Notes a read of what was not read through the reader, but from a cache. */
extern void tg_facts_note_read(FactsReader *reader, Oid classId,
							   Oid objectId);

/*
 * The facts of one relation, in the current memory context; NULL if the
 * snapshot sees no such relation, or if it is of a kind that no rule is
 * about (index, sequence, TOAST table, composite type, system catalog).
 */
extern RelationFacts *tg_facts_read(FactsReader *reader, Oid relid);

/*
 * The same without policies, indexes, foreign keys and rewrite rules: enough
 * to know what the relation is.  The reader may keep it.
 */
extern const RelationFacts *tg_facts_outline(FactsReader *reader, Oid relid);

/* Only pg_class: where is a relation, and of what kind? */
typedef struct RelationPlace
{
	Oid			schema_oid;
	NameData	name;
	char		kind;
	char		persistence;
	bool		partition;		/* or the index of one */
} RelationPlace;

extern bool tg_facts_place(FactsReader *reader, Oid relid,
						   RelationPlace *place);

/*
 * Names for messages and repair SQL, or NULL: read from the catalogs, because
 * the system caches would grow with every name that an audit asks for.
 */
extern char *tg_facts_qualified_name(FactsReader *reader, Oid relid);
extern char *tg_facts_column_name(FactsReader *reader, Oid relid,
								  AttrNumber attnum);

/* Is there a relation of this name, now? */
extern bool tg_facts_name_is_taken(FactsReader *reader, Oid schema_oid,
								   const char *name);

/*
 * The relation that an object belongs to (the table of an index, a policy, a
 * constraint or a rewrite rule; a relation itself), or InvalidOid if there is
 * no such object or if it belongs to none.  This is read as it is now, because
 * it never changes while the object is there.
 */
extern Oid	tg_owning_relation(Oid classId, Oid objectId);

/* The name of a schema, or NULL if the snapshot does not see it. */
extern char *tg_facts_schema_name(FactsReader *reader, Oid schema_oid);

/* The relations of a schema, as a list of OIDs. */
extern List *tg_facts_relations_of_schema(FactsReader *reader,
										  Oid schema_oid);

/* The partitions and inheritance children, near and far, each once, as OIDs. */
extern List *tg_facts_descendants(FactsReader *reader, Oid relid);

/*
 * The relations whose rewrite rules name a relation (views, mostly), and those
 * whose rules name these, and so on, each once, as OIDs.
 */
extern List *tg_facts_dependent_views(FactsReader *reader, Oid relid);

/* The relations that a relation inherits from, as OIDs. */
extern List *tg_facts_parents(FactsReader *reader, Oid relid);

/*
 * The relations that a relation inherits from, near and far, each once and the
 * nearest first, as OIDs.  There can be more of them than anybody should wait
 * for: then the list is cut off, and "all" says so.
 */
#define TG_MAX_ANCESTORS 2000

extern List *tg_facts_ancestors(FactsReader *reader, Oid relid, bool *all);

/*
 * A partition or inheritance child needs no row-level security of its own
 * where nobody can name it: no role but its owner has been granted anything
 * on it, and all its parents are protected.  Whether the parents' policies
 * suffice for the child's rows is a question to tg_exposing_parents().
 */
extern bool tg_is_unreachable_child(FactsReader *reader,
									const RelationFacts *facts);

/* The relations that an expression or a query names, as OIDs. */
extern List *tg_facts_relations_in(Node *node);

/* The functions that a policy calls, but for PostgreSQL's own, as OIDs. */
extern List *tg_facts_functions_of(const PolicyFacts *policy);

/*
 * Are the policies of a relation those that it has in this moment, or those
 * that another reader's snapshot sees?
 */
extern bool tg_facts_policies_are_current(FactsReader *reader,
										  const RelationFacts *facts);
extern bool tg_facts_policies_are_those_of(FactsReader *other,
										   const RelationFacts *facts);

/*
 * The other relations whose policies read a relation in a sub-select, and their
 * inheritance children, to whose rows these policies apply as well, as a list
 * of OIDs.
 */
extern List *tg_facts_relations_whose_policies_read(FactsReader *reader,
													Oid relid);

/*
 * The same for those whose policies call a function, by its name or by that of
 * an operator.
 */
extern List *tg_facts_relations_using_function(FactsReader *reader,
											   Oid function_oid);

/* One function. */
typedef struct FunctionFacts
{
	Oid			owner;
	char		volatility;		/* PROVOLATILE_xxx */
	bool		security_definer;
	bool		names_are_fixed;	/* no search_path of a caller's decides
									 * what its body means */
} FunctionFacts;

/* False if the snapshot does not see the function. */
extern bool tg_facts_function(FactsReader *reader, Oid function_oid,
							  FunctionFacts *facts);

/* One role. */
typedef struct RoleFacts
{
	bool		superuser;
	bool		bypasses_rls;	/* by its attribute; a superuser does as well */
	bool		inherits;
} RoleFacts;

/* False if the snapshot does not see the role. */
extern bool tg_facts_role(FactsReader *reader, Oid role, RoleFacts *facts);

/* Is the role a superuser, or has it BYPASSRLS? */
extern bool tg_is_above_rls(FactsReader *reader, Oid role);

/*
 * Has a role the privileges of another one?  Attributes are those that the
 * snapshot sees.  Memberships are those of the present: nothing announces their
 * change.
 */
extern bool tg_has_privileges_of(FactsReader *reader, Oid role, Oid other);

/*
 * What of a role the meaning of a policy for it depends on, besides its name:
 * differs when row-level security comes to apply to it, or to a member of it.
 */
extern uint64 tg_role_fingerprint(FactsReader *reader, Oid role);

/*
 * The relations of which a finding may depend on a role's attributes: those
 * whose policies name it, or a role that it is a member of, and what it owns.
 */
extern List *tg_facts_relations_of_role(FactsReader *reader, Oid role);

/* The enums among these types, and those that they are made of, as OIDs. */
extern List *tg_facts_enums_in(FactsReader *reader, const List *types);

/* InvalidOid if the snapshot does not see the type. */
extern Oid	tg_facts_type_owner(FactsReader *reader, Oid type);

/* The types in a policy, but for PostgreSQL's own, as OIDs. */
extern List *tg_facts_types_in(const PolicyFacts *policy);

/* The relations that have columns of a type, or whose policies name it. */
extern List *tg_facts_relations_using_type(FactsReader *reader, Oid type);

/* The relations that are members of an extension, as a list of OIDs. */
extern List *tg_facts_members(FactsReader *reader, Oid extension);

/*
 * Is it a temporary relation, which is nobody's business, as far as the caches
 * know?  False for one that is new in the current command.
 */
extern bool tg_is_temporary(Oid relid);

/*
 * The same for an object of whatever kind that has a schema, and for a
 * temporary schema.
 */
extern bool tg_is_temporary_object(Oid classId, Oid objectId);

/*
 * The relations that will lose something because a touched object (a List of
 * ObjectKey) stands on a temporary one, as OIDs.
 */
extern List *tg_facts_relations_losing_parts(FactsReader *reader, List *touched);

/* Is the relation a member of an extension that a superuser owns? */
extern bool tg_facts_is_trusted_member(FactsReader *reader, Oid relid);

/* All such members, in the order of their OIDs. */
extern List *tg_facts_trusted_members(FactsReader *reader);

#endif							/* TROVELLA_GUARD_FACTS_H */
