/*-------------------------------------------------------------------------
 *
 * reader.h
 *		What the files of src/facts/ share; other modules include facts.h.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_READER_H
#define TROVELLA_GUARD_READER_H

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_depend.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/relcache.h"
#include "utils/resowner.h"

/* The catalogs that are kept open while a reader lives. */
typedef enum ReaderCatalog
{
	CAT_CLASS,
	CAT_ATTRIBUTE,
	CAT_ATTRDEF,
	CAT_POLICY,
	CAT_INDEX,
	CAT_CONSTRAINT,
	CAT_INHERITS,
	CAT_DEPEND,
	CAT_REWRITE,
	CAT_NAMESPACE,
	CAT_EXTENSION,
	CAT_PROC,
	CAT_AUTHID,
	CAT_AUTH_MEMBERS,
	CAT_DATABASE,
	CAT_TYPE,
	CAT_TRIGGER,
	CAT_SHDEPEND,
	CAT_COUNT
} ReaderCatalog;

/* The catalogs of Citus. */
typedef enum CitusCatalog
{
	CITUS_TABLES,
	CITUS_SHARDS,
	CITUS_SHARDS_OF,
	CITUS_PLACEMENTS,
	CITUS_NODES,
	CITUS_OBJECTS,
	CITUS_LOCAL_GROUP,
	CITUS_CATALOGS
} CitusCatalog;

typedef struct Audience Audience;
typedef struct Definers Definers;
typedef struct Publications Publications;

struct FactsReader
{
	Snapshot	snapshot;
	bool		detaching_counts;
	MemoryContext context;		/* lives as long as the reader */
	ResourceOwner owner;		/* likewise: a subtransaction may begin and
								 * end meanwhile */
	Relation	catalogs[CAT_COUNT];	/* opened at first use */
	List	   *indexes;		/* Relations: those used so far, kept open */
	Oid			schema_oid;		/* of the schema that was read last */
	NameData	schema;			/* its name */
	HTAB	   *expressions;	/* policies.c */
	struct KeptExpression *last_expression; /* the one that was read last */
	HTAB	   *outlines;		/* relation.c */
	MemoryContext outlines_context;
	HTAB	   *not_null_in_children;	/* parents.c */
	bool		tenant_type_known;	/* tenants.c: is the next one set? */
	Oid			tenant_type;
	HTAB	   *tenants_tables;
	bool		guess_known;	/* is the next one set? */
	const TenantGuess *guess;
	struct LifetimeCache *lifetimes;	/* temporary.c */
	bool		extensions_known;	/* is the next one set? */
	bool		any_untrusted_extension;
	HTAB	   *members;		/* memberships.c */
	Audience   *audience;		/* audience.c */
	OidSet		demoted;		/* see tg_facts_demoted() */
	Definers   *definers;		/* definers.c */
	bool		definers_limited;	/* to those of the next list */
	const List *definers_limit;
	Publications *publications; /* publications.c */
	HTAB	   *settings_named; /* switches.c */
	ReadDecisions read_decisions;	/* may be NULL */
	void	   *decisions_arg;
	void	   *of_rules;		/* see tg_facts_place_for_rules() */
	bool		citus_known;	/* citus.c: are the next ones set? */
	CitusNode	citus;
	int			citus_group;	/* of this node */
	Oid			citus_catalogs[CITUS_CATALOGS];
	ReadNote	note;			/* see tg_facts_note_reads(); may be NULL */
	void	   *note_arg;
	Oid			subject;		/* a relation whose reads are not noted */
};

/* reader.c */

/* A catalog, opened at first use and kept open as long as the reader. */
extern Relation tg_reader_catalog(FactsReader *reader, ReaderCatalog which);

/*
 * Begins an index scan of a catalog for rows whose column "attnum" is the
 * OID "value".
 */
extern SysScanDesc tg_reader_scan(FactsReader *reader, ReaderCatalog which,
								  Oid index, AttrNumber attnum, Oid value);

/* The same for the row of pg_attribute of a column. */
extern SysScanDesc tg_reader_scan_column(FactsReader *reader, Oid relid,
										 AttrNumber attnum);
extern SysScanDesc tg_reader_scan_column_named(FactsReader *reader, Oid relid,
											   const char *name);

/*
 * The same for rows of pg_depend: what an object depends on, and what depends
 * on it.  "subId" is the number of a column, 0 for the object without its
 * columns, or TG_WITH_COLUMNS.
 */
#define TG_WITH_COLUMNS (-1)

extern SysScanDesc tg_reader_scan_referenced(FactsReader *reader, Oid classId,
											 Oid objectId, int32 subId);
extern SysScanDesc tg_reader_scan_dependents(FactsReader *reader, Oid classId,
											 Oid objectId, int32 subId);

/* The same for rows of pg_shdepend, of all databases: what depends on a role. */
extern SysScanDesc tg_reader_scan_of_role(FactsReader *reader, Oid role);

/*
 * Which objects of one catalog does an object with its columns depend on, and
 * which depend on it?  By dependencies of type "deptype", or TG_ANY_DEPTYPE.
 * Returns OIDs, some perhaps more than once.
 */
#define TG_ANY_DEPTYPE '\0'

extern List *tg_reader_referenced(FactsReader *reader, Oid referenced_class,
								  char deptype, Oid classId, Oid objectId);
extern List *tg_reader_dependents(FactsReader *reader, Oid dependent_class,
								  char deptype, Oid classId, Oid objectId);

/* The relations that are one step away from a relation. */
typedef List *(*ReachStep) (FactsReader *reader, Oid relid);

/*
 * Adds what can be reached from the relations of a set step by step, the
 * nearest first.  It takes a step from no more than "limit" + 1 relations.
 */
extern void tg_reader_add_reached(FactsReader *reader, OidSet *relids,
								  ReachStep step, int limit);

/*
 * Collects what can be reached from one relation: each relation once, without
 * the one it starts from; more than "limit" if there are more.
 */
extern List *tg_reader_reach(FactsReader *reader, Oid relid, ReachStep step,
							 int limit);

/*
 * relation.c: an outline that lives as long as the reader, without noting that
 * it is read.  NULL if there is none, or no room to keep it.
 */
extern const RelationFacts *tg_reader_kept_outline(FactsReader *reader,
												   Oid relid);

/* policies.c, keys.c, views.c: each adds its part to the facts of a relation. */
extern void tg_read_policies(FactsReader *reader, RelationFacts *facts);
extern void tg_read_indexes(FactsReader *reader, RelationFacts *facts);
extern void tg_read_constraints(FactsReader *reader, RelationFacts *facts);
extern void tg_read_rewrites(FactsReader *reader, RelationFacts *facts);

/* keys.c: an array of pg_constraint as an array of column numbers. */
extern AttrNumber *tg_reader_attnums(HeapTuple tuple, AttrNumber attnum,
									 TupleDesc descriptor, int *count);

#ifdef TG_NOT_NULL_CAN_BE_NOT_VALID
/* Does the NOT NULL of a column hold for older rows, too? */
extern bool tg_not_null_is_valid(FactsReader *reader, Oid relid,
								 AttrNumber attnum);
#else
#define tg_not_null_is_valid(reader, relid, attnum) true
#endif

/* privileges.c: adds the ACL of a relation or of a column, and returns it. */
extern Acl *tg_add_acl(RelationFacts *facts, Acl *acl);

/* privileges.c: a role other than the owner that was granted something. */
extern Oid	tg_first_grantee(const RelationFacts *facts);

/* parents.c: is a column NOT NULL in all inheritance children, near and far? */
extern bool tg_is_not_null_in_children(FactsReader *reader, Oid relid,
									   const char *name);

/* The children of a relation; none of a partitioned one. */
extern List *tg_inheritance_children(FactsReader *reader, Oid relid);

/* dependents.c: the relations that the rewrite rules of a relation name. */
extern List *tg_relations_below(FactsReader *reader, Oid relid);

/*
 * mentions.c: calls "note" for each name in the source text of a function that
 * may refer to a table, with the name that qualifies it, or NULL.  "is_sql": it
 * is in SQL or PL/pgSQL.
 */
typedef void (*MentionNote) (const char *qualifier, const char *name,
							 void *arg);

extern void tg_scan_mentions(const char *text, size_t length, bool is_sql,
							 MentionNote note, void *arg);

/* definers.c: is a language SQL or PL/pgSQL? */
extern bool tg_reader_is_sql(Oid language);

/* dependents.c: with the inheritance children, near and far. */
extern List *tg_with_inheritance_descendants(FactsReader *reader,
											 List *relids);

/* functions.c: the search_path that a row of pg_proc sets, or NULL. */
extern char *tg_reader_path_of(FactsReader *reader, HeapTuple function);

/* roles.c: adds the members of a role, or the roles that it is a member of. */
extern void tg_add_related_roles(OidSet *roles, Oid role, bool members);

/*
 * roles.c: like tg_facts_role(), without noting the read.  An application role
 * is locked by whoever is asked for: see tg_app_roles_acting_as().
 */
extern bool tg_reader_role(FactsReader *reader, Oid role, RoleFacts *facts);
extern void tg_role_of_tuple(HeapTuple tuple, RoleFacts *facts);
extern bool tg_reader_inherits(FactsReader *reader, Oid role);

/* memberships.c: the direct members of a role. */
typedef struct RoleMembers
{
	Oid			role;			/* hash key, must be first */
	List	   *inheriting;		/* OIDs of those that have its privileges */
	List	   *setting;		/* OIDs of those that may SET ROLE to it */
} RoleMembers;

extern const RoleMembers *tg_reader_members(FactsReader *reader, Oid role);

/* citus.c: what Citus says of a relation. */
extern void tg_read_citus(FactsReader *reader, RelationFacts *facts);

/* extensions.c: is a superuser the owner of an extension? */
extern bool tg_reader_extension_is_trusted(FactsReader *reader, Oid extension);

/* expression.c */

/*
 * Does a stored expression name an object that a user has made?  One that
 * names none cannot depend on a temporary object.
 */
extern bool tg_names_user_object(const char *tree);

/* Cuts the positions within the source statement out of a stored expression. */
extern void tg_strip_locations(char *text);

extern uint64 tg_add_to_fingerprint(uint64 fingerprint, const char *data,
									int length);

/* The relations that an expression or a query names. */
typedef struct NamedRelations
{
	OidSet		all;
	OidSet		inherited;		/* named without ONLY */
} NamedRelations;

extern bool tg_collect_relations(Node *node, NamedRelations *relations);

/* temporary.c */

/*
 * Does an object or a column depend on a temporary object, so that PostgreSQL
 * drops both at the end of a session, without any DDL?
 */
extern bool tg_depends_on_temporary(FactsReader *reader, Oid classId,
									Oid objectId, int32 subId);

/* The same for a part of a relation that itself stays. */
extern bool tg_part_is_temporary(FactsReader *reader, Oid classId,
								 Oid objectId, int32 subId, Oid relid);

/* Does dropping the dependent object drop the object that it depends on? */
extern bool tg_drops_owner(Form_pg_depend form);

/*
 * Could a column depend on a temporary object, and the relation not?  If this
 * is false, the caller can save the walk along pg_depend.
 */
extern bool tg_attribute_may_be_temporary(Form_pg_attribute form);

extern bool tg_any_column_is_temporary(const RelationFacts *facts);

/*
 * extensions.c: can dropping a member drop any extension?  DEPENDS ON EXTENSION
 * makes even an index that names no user's object depend on it.
 */
extern bool tg_members_may_be_temporary(FactsReader *reader);

#endif							/* TROVELLA_GUARD_READER_H */
