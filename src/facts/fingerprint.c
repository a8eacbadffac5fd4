/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *		A fingerprint of what the policies of a table rest on.
 *
 * An attestation of a policy is bound to it.  It is kept in the allowlist, which
 * a dump contains, so it is made of names and texts, and has no OIDs: the policies
 * of the table and who may use it; the functions that they call, and the tables and
 * views that they read, with what these rest on.
 *
 * Notes:
 *
 * 1. Of a body that is a string only the names in it are known (mentions.c).  So
 * each function and relation counts that has such a name, unless the function
 * looks names up in other schemas.  This is too much rather than too little: the
 * price of it is another trial.
 *
 * 2. Printing looks names up in the system caches.  So this tells what is now,
 * and the reader's snapshot must be a recent one.  Like a rule that prints an
 * expression, it waits for no lock.
 *
 * 3. Members of extensions that a superuser owns are taken as they are: only
 * superusers change them, and their names are among the words of many bodies.
 *
 * 4. The hash is a cryptographic one: the owner of a function must not be able to
 * write another one with the same fingerprint.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "facts/expression.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "guard.h"
#include "hashtable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* More than policies of people rest on. */
#define MAX_OBJECTS 300
#define MAX_NODES 20000
#define MAX_BYTES ((Size) 1024 * 1024)

/* The state of one walk. */
typedef struct Walk
{
	FactsReader *reader;
	const RelationFacts *subject;
	OidSet		functions;
	OidSet		relations;
	List	   *objects;		/* of ObjectKey: all of them, roles, too */
	List	   *records;		/* texts, one for each object */
	Size		bytes;			/* of these texts */
	int			nodes;
	bool		too_much;
	bool		busy;			/* somebody holds a lock on a relation */
} Walk;

static void
add_object(Walk *walk, Oid classId, Oid objectId)
{
	ObjectKey  *object = palloc(sizeof(ObjectKey));

	object->classId = classId;
	object->objectId = objectId;
	walk->objects = lappend(walk->objects, object);
}

static void
add_function(Walk *walk, Oid function)
{
	if (function >= FirstNormalObjectId &&
		tg_oidset_add(&walk->functions, function))
		add_object(walk, ProcedureRelationId, function);
}

static void
add_relation(Walk *walk, Oid relid)
{
	if (relid >= FirstNormalObjectId && relid != walk->subject->relid &&
		tg_oidset_add(&walk->relations, relid))
		add_object(walk, RelationRelationId, relid);
}

/* The length comes first, so that no text can be taken for several. */
static void
add_text(StringInfo record, const char *text)
{
	if (text == NULL)
		appendStringInfoString(record, "-;");
	else
		appendStringInfo(record, "%zu:%s;", strlen(text), text);
}

static void
add_bool(StringInfo record, bool value)
{
	appendStringInfoString(record, value ? "t;" : "f;");
}

/* A role by its name, and whether policies confine it. */
static void
add_role(Walk *walk, StringInfo record, Oid role)
{
	RoleFacts	facts;

	add_object(walk, AuthIdRelationId, role);
	if (!tg_facts_role(walk->reader, role, &facts))
	{
		add_text(record, NULL);
		return;
	}
	add_text(record, NameStr(facts.name));
	add_bool(record, facts.superuser);
	add_bool(record, facts.bypasses_rls);
}

/*
 * Expressions
 */

static bool
note_function(Oid function, void *walk)
{
	add_function(walk, function);
	return false;
}

/* Adds what an expression names; stops where it is too large. */
static bool
collect(Node *node, Walk *walk)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (++walk->nodes > MAX_NODES)
	{
		walk->too_much = true;
		return true;
	}
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_RELATION)
				add_relation(walk, rte->relid);
		}
		return query_tree_walker((Query *) node, collect, walk, 0);
	}
	tg_check_functions_in_node(node, note_function, walk);
	return expression_tree_walker(node, collect, walk);
}

/*
 * Printing looks up the columns of relations in the relation cache.  False if one
 * of them cannot be locked; see print.c.
 */
static bool
lock_all(Walk *walk, List *relids, List **locked)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		Oid			relid = lfirst_oid(lc);

		if (!ConditionalLockRelationOid(relid, AccessShareLock))
		{
			walk->busy = true;
			return false;
		}
		*locked = lappend_oid(*locked, relid);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		{
			walk->busy = true;
			return false;
		}
	}
	return true;
}

static void
unlock_all(const List *locked)
{
	const ListCell *lc;

	foreach(lc, locked)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/* deparse_expression() modifies sub-selects, and the tree is not ours. */
static char *
print(Node *node, const RelationFacts *facts)
{
	return deparse_expression(copyObject(node),
							  facts == NULL ? NIL :
							  deparse_context_for(facts->name, facts->relid),
							  false, false);
}

/* An expression over the columns of a relation, or (NULL) over none. */
static void
add_expression(Walk *walk, StringInfo record, Node *node,
			   const RelationFacts *facts)
{
	List	   *relids;
	List	   *locked = NIL;

	if (node == NULL)
	{
		add_text(record, NULL);
		return;
	}
	if (collect(node, walk))
		return;
	relids = tg_facts_relations_in(node);
	if (facts != NULL)
		relids = lappend_oid(relids, facts->relid);
	if (lock_all(walk, relids, &locked))
		add_text(record, print(node, facts));
	unlock_all(locked);
}

/*
 * Relations
 */

static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static void
add_policy(Walk *walk, StringInfo record, const RelationFacts *facts,
		   const PolicyFacts *policy)
{
	List	   *roles = NIL;
	ListCell   *lc;

	add_object(walk, PolicyRelationId, policy->oid);
	add_text(record, policy->name);
	add_bool(record, policy->permissive);
	appendStringInfo(record, "%d;", policy->commands);
	foreach(lc, policy->roles)
	{
		StringInfoData role;

		initStringInfo(&role);
		if (OidIsValid(lfirst_oid(lc)))
			add_role(walk, &role, lfirst_oid(lc));
		roles = lappend(roles, role.data);
	}
	list_sort(roles, compare_texts);
	foreach(lc, roles)
		add_text(record, lfirst(lc));
	add_expression(walk, record, policy->qual, facts);
	add_expression(walk, record, policy->with_check, facts);
}

/* The query of a view, which is printed as a sub-select. */
static void
add_query(Walk *walk, StringInfo record, Oid view)
{
	SysScanDesc scan = tg_reader_scan(walk->reader, CAT_REWRITE,
									  RewriteRelRulenameIndexId,
									  Anum_pg_rewrite_ev_class, view);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(walk->reader,
																CAT_REWRITE));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);
		SubLink    *link = makeNode(SubLink);
		bool		isnull;
		Datum		action;

		add_object(walk, RewriteRelationId, form->oid);
		if (form->ev_type - '0' != CMD_SELECT)
			continue;
		action = heap_getattr(tuple, Anum_pg_rewrite_ev_action, descriptor,
							  &isnull);
		link->subLinkType = EXISTS_SUBLINK;
		link->subselect = linitial((List *) stringToNode(TextDatumGetCString(action)));
		link->location = -1;
		add_expression(walk, record, (Node *) link, NULL);
	}
	systable_endscan(scan);
}

/* Who else than the owner may use one of the four commands. */
static List *
with_grants(Walk *walk, List *grants, const Acl *acl, Oid owner,
			const char *column)
{
	static const AclMode privileges[] = {
		ACL_SELECT, ACL_INSERT, ACL_UPDATE, ACL_DELETE
	};
	const AclItem *items = ACL_DAT(acl);

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		StringInfoData grant;
		bool		any = false;

		initStringInfo(&grant);
		add_text(&grant, column);
		for (int j = 0; j < (int) lengthof(privileges); j++)
		{
			bool		granted = (ACLITEM_GET_PRIVS(items[i]) & privileges[j]) != 0;

			add_bool(&grant, granted);
			any = any || granted;
		}
		if (!any || items[i].ai_grantee == owner)
			continue;
		if (items[i].ai_grantee != ACL_ID_PUBLIC)
			add_role(walk, &grant, items[i].ai_grantee);
		grants = lappend(grants, grant.data);
	}
	return grants;
}

/*
 * What a trial depends on besides policies: it tries what the roles of the
 * application may do, with two values of the tenant column.
 */
static void
add_subject(Walk *walk, StringInfo record, const RelationFacts *facts)
{
	List	   *grants;
	ListCell   *lc;

	add_text(record, facts->tenant != NULL ? facts->tenant->name : NULL);
	add_text(record, facts->tenant != NULL ?
			 format_type_be_qualified(facts->tenant->type) : NULL);
	grants = with_grants(walk, NIL, linitial(facts->acls), facts->owner, NULL);
	foreach(lc, facts->columns)
	{
		const ColumnFacts *column = lfirst(lc);

		if (column->acl != NULL)
			grants = with_grants(walk, grants, column->acl, facts->owner,
								 column->name);
	}
	list_sort(grants, compare_texts);
	foreach(lc, grants)
		add_text(record, lfirst(lc));
}

static void
keep_record(Walk *walk, StringInfo record)
{
	walk->records = lappend(walk->records, record->data);
	walk->bytes += record->len;
	if (walk->bytes > MAX_BYTES || list_length(walk->records) > MAX_OBJECTS)
		walk->too_much = true;
}

static void
read_relation(Walk *walk, const RelationFacts *facts)
{
	StringInfoData record;
	ListCell   *lc;

	initStringInfo(&record);
	add_text(&record, "relation");
	add_text(&record, facts->schema);
	add_text(&record, facts->name);
	appendStringInfo(&record, "%c;", facts->kind);
	add_role(walk, &record, facts->owner);
	add_bool(&record, facts->rls_enabled);
	add_bool(&record, facts->rls_forced);
	add_bool(&record, facts->security_invoker);
	add_bool(&record, facts->security_barrier);
	add_object(walk, NamespaceRelationId, facts->schema_oid);
	if ((facts->kind == RELKIND_VIEW || facts->kind == RELKIND_MATVIEW) &&
		!tg_facts_is_trusted_member(walk->reader, facts->relid))
		add_query(walk, &record, facts->relid);
	foreach(lc, facts->policies)
	{
		CHECK_FOR_INTERRUPTS();
		add_policy(walk, &record, facts, lfirst(lc));
	}
	if (facts == walk->subject)
		add_subject(walk, &record, facts);
	keep_record(walk, &record);
}

/*
 * Functions
 */

/* The names in the body of a function, and where it looks them up. */
typedef struct Mentions
{
	HTAB	   *names;			/* of NameData */
	bool		sets_path;		/* does the body set search_path? */
} Mentions;

static void
note_mention(const char *qualifier pg_attribute_unused(), const char *name,
			 void *arg)
{
	Mentions   *mentions = arg;
	NameData	key;

	if (strcmp(name, "search_path") == 0 || strcmp(name, "set_config") == 0)
		mentions->sets_path = true;
	if (hash_get_num_entries(mentions->names) > MAX_NODES)
		return;
	namestrcpy(&key, name);
	(void) hash_search(mentions->names, &key, HASH_ENTER, NULL);
}

/* Might the body mean the object of this schema by one of its names? */
static bool
may_mean(Walk *walk, const Mentions *mentions, const List *path, Oid schema_oid)
{
	char	   *schema = tg_facts_schema_name(walk->reader, schema_oid);
	const ListCell *lc;
	NameData	key;

	if (schema == NULL || isAnyTempNamespace(schema_oid))
		return false;
	if (path == NIL)
		return true;
	foreach(lc, path)
	{
		if (strcmp(lfirst(lc), schema) == 0)
			return true;
	}
	namestrcpy(&key, schema);
	return hash_search(mentions->names, &key, HASH_FIND, NULL) != NULL;
}

/* Is it a member of an extension that a superuser owns? */
static bool
is_trusted_function(Walk *walk, Oid function)
{
	List	   *extensions = tg_reader_referenced(walk->reader,
												  ExtensionRelationId,
												  DEPENDENCY_EXTENSION,
												  ProcedureRelationId,
												  function);

	return extensions != NIL &&
		tg_reader_extension_is_trusted(walk->reader, linitial_oid(extensions));
}

/* Kinds of relations that a query may read. */
static const char readable[] = {
	RELKIND_RELATION, RELKIND_PARTITIONED_TABLE, RELKIND_VIEW, RELKIND_MATVIEW,
	RELKIND_FOREIGN_TABLE, '\0'
};

static void
add_mentioned(Walk *walk, const Mentions *mentions, const List *path,
			  const NameData *name)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_proc_proname, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(name));
	scan = systable_beginscan(tg_reader_catalog(walk->reader, CAT_PROC),
							  ProcedureNameArgsNspIndexId, true,
							  walk->reader->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

		if (form->oid >= FirstNormalObjectId &&
			may_mean(walk, mentions, path, form->pronamespace) &&
			!is_trusted_function(walk, form->oid))
			add_function(walk, form->oid);
	}
	systable_endscan(scan);

	ScanKeyInit(&key, Anum_pg_class_relname, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(name));
	scan = systable_beginscan(tg_reader_catalog(walk->reader, CAT_CLASS),
							  ClassNameNspIndexId, true,
							  walk->reader->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (strchr(readable, form->relkind) != NULL &&
			may_mean(walk, mentions, path, form->relnamespace) &&
			!tg_facts_is_trusted_member(walk->reader, form->oid))
			add_relation(walk, form->oid);
	}
	systable_endscan(scan);
}

/* Adds what the names in a body may mean. */
static void
add_all_mentioned(Walk *walk, HeapTuple tuple, const char *source)
{
	Oid			language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	char	   *path_text = tg_reader_path_of(walk->reader, tuple);
	List	   *path = NIL;
	Mentions	mentions = {
		.names = tg_hash_create("trovella_guard names", sizeof(NameData),
								sizeof(NameData), CurrentMemoryContext)
	};
	HASH_SEQ_STATUS status;
	NameData   *name;
	ListCell   *lc;

	tg_scan_mentions(source, strlen(source), tg_reader_is_sql(language),
					 note_mention, &mentions);
	if (path_text == NULL || mentions.sets_path ||
		!SplitIdentifierString(path_text, ',', &path))
		path = NIL;
	foreach(lc, path)
	{
		if (strcmp(lfirst(lc), "$user") == 0)
		{
			path = NIL;
			break;
		}
	}
	hash_seq_init(&status, mentions.names);
	while ((name = hash_seq_search(&status)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		add_mentioned(walk, &mentions, path, name);
	}
	hash_destroy(mentions.names);
}

static void
add_aggregate(Walk *walk, StringInfo record, Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Datum		value;
	bool		isnull;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		return;
	value = SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval,
							&isnull);
	add_text(record, isnull ? NULL : TextDatumGetCString(value));
	ReleaseSysCache(tuple);
	foreach(lc, tg_aggregate_functions(aggregate))
	{
		add_text(record, format_procedure_qualified(lfirst_oid(lc)));
		add_function(walk, lfirst_oid(lc));
	}
}

/* The body, or what the function is to call in a library. */
static void
add_body(Walk *walk, StringInfo record, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(walk->reader, CAT_PROC));
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	bool		isnull;
	Datum		value = heap_getattr(tuple, Anum_pg_proc_probin, desc, &isnull);
	char	   *source;

	add_text(record, isnull ? NULL : TextDatumGetCString(value));
	value = heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc, &isnull);
	if (!isnull)
	{
		Node	   *body = stringToNode(TextDatumGetCString(value));
		List	   *locked = NIL;

		if (collect(body, walk))
			return;
		if (lock_all(walk, tg_facts_relations_in(body), &locked))
			add_text(record,
					 TextDatumGetCString(DirectFunctionCall1(pg_get_function_sqlbody,
															 ObjectIdGetDatum(form->oid))));
		unlock_all(locked);
		return;
	}
	source = TextDatumGetCString(heap_getattr(tuple, Anum_pg_proc_prosrc, desc,
											  &isnull));
	add_text(record, source);
	if (form->prokind == PROKIND_AGGREGATE)
		add_aggregate(walk, record, form->oid);
	else if (form->prolang != INTERNALlanguageId &&
			 form->prolang != ClanguageId)
		add_all_mentioned(walk, tuple, source);
}

static void
add_settings(StringInfo record, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		config = heap_getattr(tuple, Anum_pg_proc_proconfig, desc,
									  &isnull);
	Datum	   *settings;
	int			count;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
					  TYPALIGN_INT, &settings, NULL, &count);
	for (int i = 0; i < count; i++)
		add_text(record, TextDatumGetCString(settings[i]));
}

static void
read_function(Walk *walk, Oid function)
{
	SysScanDesc scan = tg_reader_scan(walk->reader, CAT_PROC,
									  ProcedureOidIndexId, Anum_pg_proc_oid,
									  function);
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(walk->reader, CAT_PROC));
	HeapTuple	tuple = systable_getnext(scan);

	tg_facts_note_read(walk->reader, ProcedureRelationId, function);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
		StringInfoData record;
		bool		isnull;
		Datum		value;

		initStringInfo(&record);
		add_text(&record, "function");
		add_text(&record, format_procedure_qualified(function));
		add_text(&record,
				 TextDatumGetCString(DirectFunctionCall1(pg_get_function_arguments,
														 ObjectIdGetDatum(function))));
		add_text(&record, format_type_be_qualified(form->prorettype));
		add_text(&record, get_language_name(form->prolang, true));
		add_role(walk, &record, form->proowner);
		add_object(walk, NamespaceRelationId, form->pronamespace);
		appendStringInfo(&record, "%c%c%c;", form->prokind, form->provolatile,
						 form->proparallel);
		add_bool(&record, form->prosecdef);
		add_bool(&record, form->proleakproof);
		add_bool(&record, form->proisstrict);
		add_bool(&record, form->proretset);
		add_settings(&record, tuple, desc);
		if (!is_trusted_function(walk, function))
		{
			value = heap_getattr(tuple, Anum_pg_proc_proargdefaults, desc,
								 &isnull);
			if (!isnull)
				(void) collect(stringToNode(TextDatumGetCString(value)), walk);
			add_body(walk, &record, tuple);
		}
		keep_record(walk, &record);
	}
	systable_endscan(scan);
}

/*
 * The fingerprint
 */

/* What the session has set must not change how a value is printed. */
static int
pin_output(void)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO, MDY"},
		{"intervalstyle", "postgres"},
		{"timezone", "GMT"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"quote_all_identifiers", "off"}
	};
	int			save_nestlevel = tg_pin_search_path();

	for (int i = 0; i < (int) lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	return save_nestlevel;
}

static char *
hash_of(List *records)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	StringInfoData result;
	ListCell   *lc;
	bool		failed = pg_cryptohash_init(context) < 0;

	list_sort(records, compare_texts);
	foreach(lc, records)
	{
		const char *record = psprintf("%zu:%s;", strlen(lfirst(lc)),
									  (char *) lfirst(lc));

		failed = failed ||
			pg_cryptohash_update(context, (const uint8 *) record,
								 strlen(record)) < 0;
	}
	failed = failed || pg_cryptohash_final(context, digest, sizeof(digest)) < 0;
	pg_cryptohash_free(context);
	if (failed)
		elog(ERROR, "could not compute a hash");
	initStringInfo(&result);
	for (int i = 0; i < (int) sizeof(digest); i++)
		appendStringInfo(&result, "%02x", digest[i]);
	return result.data;
}

char *
tg_facts_fingerprint(FactsReader *reader, const RelationFacts *facts,
					 List **objects, bool *busy)
{
	Walk		walk = {.reader = reader,.subject = facts};
	int			save_nestlevel = pin_output();
	int			function = 0;
	int			relation = 0;

	add_object(&walk, RelationRelationId, facts->relid);
	read_relation(&walk, facts);
	while (!walk.too_much)
	{
		CHECK_FOR_INTERRUPTS();
		if (function < list_length(walk.functions.oids))
			read_function(&walk, list_nth_oid(walk.functions.oids, function++));
		else if (relation < list_length(walk.relations.oids))
		{
			const RelationFacts *read =
				tg_facts_read(reader, list_nth_oid(walk.relations.oids,
												   relation++));

			if (read != NULL && !read->temporary)
				read_relation(&walk, read);
		}
		else
			break;
	}
	AtEOXact_GUC(true, save_nestlevel);
	*objects = walk.objects;
	*busy = walk.busy && !walk.too_much;
	return walk.too_much || walk.busy ? NULL : hash_of(walk.records);
}
