/*-------------------------------------------------------------------------
 *
 * definers.c
 *		SECURITY DEFINER functions, and the relations that they read.
 *
 * An SQL-standard body has dependencies; of any other body only the text is
 * known, and the names in it (mentions.c).  A security_invoker view reads as the
 * function's owner, too, so what it reads counts as read by the function.
 *
 * All such functions are read once, when the first table is judged, into tables
 * that are hashed by the relations and the names that they read.  So an audit
 * takes time for functions plus tables, not for each pair.  Verdicts read only
 * the functions that the transaction has touched.
 *
 * Not considered: trigger functions, which nobody can call; members of
 * extensions that a superuser owns; functions in C, whose source is not here.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/varlena.h"

/* Of one function; nobody writes one with more. */
#define MAX_NAMES 20000

/* Functions that read a relation. */
typedef struct ReadBy
{
	List	   *functions;		/* of DefinerFacts */
	Oid			view;			/* by way of which they do, or InvalidOid */
} ReadBy;

/* A relation, and who reads it. */
typedef struct ReadRelation
{
	Oid			relid;			/* hash key, must be first */
	List	   *reads;			/* of ReadBy */
} ReadRelation;

/* A name, and the functions that mention it. */
typedef struct MentionedName
{
	NameData	name;			/* hash key, must be first */
	List	   *mentions;		/* of Mention */
} MentionedName;

typedef struct Mention
{
	DefinerFacts *definer;
	const char *schema;			/* NULL: it is not qualified */
} Mention;

struct Definers
{
	HTAB	   *relations;		/* of ReadRelation */
	HTAB	   *names;			/* of MentionedName */
};

/* The state while the source of one function is read. */
typedef struct SourceScan
{
	Definers   *definers;
	DefinerFacts *definer;
	MemoryContext context;		/* for what is kept */
	int			nnames;
	bool		sets_path;		/* does the body set search_path? */
} SourceScan;

void
tg_facts_limit_definers(FactsReader *reader, const List *functions)
{
	reader->definers_limited = true;
	reader->definers_limit = functions;
}

static void
note_mention(const char *qualifier, const char *name, void *arg)
{
	SourceScan *source = arg;
	MemoryContext old;
	NameData	key;
	MentionedName *entry;
	Mention    *mention;
	bool		found;

	if (strcmp(name, "search_path") == 0 || strcmp(name, "set_config") == 0)
		source->sets_path = true;
	if (source->nnames >= MAX_NAMES)
		return;
	namestrcpy(&key, name);
	entry = hash_search(source->definers->names, &key, HASH_ENTER, &found);
	if (!found)
		entry->mentions = NIL;
	if (entry->mentions != NIL)
	{
		/* The same function may have said it before, perhaps qualified */
		mention = llast(entry->mentions);
		if (mention->definer == source->definer &&
			(mention->schema == NULL ||
			 (qualifier != NULL && strcmp(mention->schema, qualifier) == 0)))
			return;
	}
	source->nnames++;
	old = MemoryContextSwitchTo(source->context);
	mention = palloc(sizeof(Mention));
	mention->definer = source->definer;
	mention->schema = qualifier != NULL ? pstrdup(qualifier) : NULL;
	entry->mentions = lappend(entry->mentions, mention);
	MemoryContextSwitchTo(old);
}

/*
 * The schemas in which a function looks names up, if that does not depend on
 * its caller; else *any is true.
 */
static List *
read_path(FactsReader *reader, HeapTuple tuple, bool *any)
{
	char	   *path = tg_reader_path_of(reader, tuple);
	List	   *names;
	ListCell   *lc;

	*any = true;
	if (path == NULL || !SplitIdentifierString(path, ',', &names))
		return NIL;
	*any = false;
	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), "$user") == 0)
			*any = true;
	}
	return names;
}

bool
tg_reader_is_sql(Oid language)
{
	char	   *name = language == SQLlanguageId ? NULL :
		get_language_name(language, true);

	return language == SQLlanguageId ||
		(name != NULL && strcmp(name, "plpgsql") == 0);
}

/*
 * Adds that functions read a relation, by way of a view or (InvalidOid) not.
 * All that a view reads shares the list of functions: of many functions that
 * mention many views, a list for each pair would fill the memory.
 */
static void
add_read(FactsReader *reader, Definers *definers, List *functions, Oid relid,
		 Oid view)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	bool		found;
	ReadRelation *relation = hash_search(definers->relations, &relid,
										 HASH_ENTER, &found);
	ReadBy	   *read;

	if (!found)
		relation->reads = NIL;
	if (relation->reads == NIL ||
		((ReadBy *) llast(relation->reads))->functions != functions)
	{
		read = palloc(sizeof(ReadBy));
		read->functions = functions;
		read->view = view;
		relation->reads = lappend(relation->reads, read);
	}
	MemoryContextSwitchTo(old);
}

/* What a view reads with the rights of whoever reads it. */
static List *
below_invoker_view(FactsReader *reader, Oid relid)
{
	const RelationFacts *facts = tg_facts_outline(reader, relid);

	return facts != NULL && facts->kind == RELKIND_VIEW &&
		facts->security_invoker ? tg_relations_below(reader, relid) : NIL;
}

/* Adds what functions read by way of a view. */
static void
add_reads_of_view(FactsReader *reader, Definers *definers, List *functions,
				  Oid view)
{
	ListCell   *lc;

	foreach(lc, tg_reader_reach(reader, view, below_invoker_view, INT_MAX))
	{
		CHECK_FOR_INTERRUPTS();
		add_read(reader, definers, functions, lfirst_oid(lc), view);
	}
}

/* Adds the relations that an SQL-standard body names, and what they read. */
static void
add_bound(FactsReader *reader, Definers *definers, DefinerFacts *definer)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	List	   *alone = list_make1(definer);
	ListCell   *lc;

	MemoryContextSwitchTo(old);
	foreach(lc, tg_reader_referenced(reader, RelationRelationId,
									 TG_ANY_DEPTYPE, ProcedureRelationId,
									 definer->oid))
	{
		Oid			relid = lfirst_oid(lc);
		RelationPlace place;

		add_read(reader, definers, alone, relid, InvalidOid);
		if (tg_facts_place(reader, relid, &place) &&
			place.kind == RELKIND_VIEW)
			add_reads_of_view(reader, definers, alone, relid);
	}
}

static bool
mention_is_of(const Mention *mention, const char *schema)
{
	const DefinerFacts *definer = mention->definer;
	ListCell   *lc;

	if (mention->schema != NULL)
		return strcmp(mention->schema, schema) == 0;
	if (definer->any_path)
		return true;
	foreach(lc, definer->path)
	{
		if (strcmp(lfirst(lc), schema) == 0)
			return true;
	}
	return false;
}

/* The functions that mention a relation of this name, each once. */
static List *
definers_mentioning(Definers *definers, const char *schema, const char *name)
{
	NameData	key;
	MentionedName *entry;
	List	   *result = NIL;
	ListCell   *lc;

	namestrcpy(&key, name);
	entry = hash_search(definers->names, &key, HASH_FIND, NULL);
	if (entry == NULL)
		return NIL;
	foreach(lc, entry->mentions)
	{
		const Mention *mention = lfirst(lc);

		if (mention_is_of(mention, schema) &&
			(result == NIL || llast(result) != mention->definer))
			result = lappend(result, mention->definer);
	}
	return result;
}

/* Adds what those views of a scan read that functions mention. */
static void
add_mentioned_views_of(FactsReader *reader, Definers *definers,
					   SysScanDesc scan)
{
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		MemoryContext old;
		char	   *schema;
		List	   *functions;

		CHECK_FOR_INTERRUPTS();
		if (form->relkind != RELKIND_VIEW || form->oid < FirstNormalObjectId)
			continue;
		schema = tg_facts_schema_name(reader, form->relnamespace);
		if (schema == NULL)
			continue;
		old = MemoryContextSwitchTo(reader->context);
		functions = definers_mentioning(definers, schema,
										NameStr(form->relname));
		MemoryContextSwitchTo(old);
		if (functions != NIL)
			add_reads_of_view(reader, definers, functions, form->oid);
	}
	systable_endscan(scan);
}

/* The relations that have a name, in any schema. */
static SysScanDesc
scan_by_name(FactsReader *reader, const NameData *name)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_class_relname, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(name));
	return systable_beginscan(tg_reader_catalog(reader, CAT_CLASS),
							  ClassNameNspIndexId, true, reader->snapshot, 1,
							  &key);
}

/*
 * Finds the views that functions mention.  Of few functions their names are
 * looked up, of many the views are.
 */
static void
add_mentioned_views(FactsReader *reader, Definers *definers)
{
	HASH_SEQ_STATUS status;
	MentionedName *entry;

	if (hash_get_num_entries(definers->names) == 0)
		return;
	if (!reader->definers_limited)
	{
		add_mentioned_views_of(reader, definers,
							   systable_beginscan(tg_reader_catalog(reader,
																	CAT_CLASS),
												  InvalidOid, false,
												  reader->snapshot, 0, NULL));
		return;
	}
	hash_seq_init(&status, definers->names);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		add_mentioned_views_of(reader, definers,
							   scan_by_name(reader, &entry->name));
	}
}

/* Is it a function that a role may call, and whose body is known? */
static bool
is_definer(FactsReader *reader, Form_pg_proc form)
{
	List	   *extensions;

	if (!form->prosecdef || form->oid < FirstNormalObjectId ||
		form->prolang == INTERNALlanguageId || form->prolang == ClanguageId ||
		form->prorettype == TRIGGEROID ||
		form->prorettype == EVENT_TRIGGEROID ||
		isAnyTempNamespace(form->pronamespace))
		return false;
	extensions = tg_reader_referenced(reader, ExtensionRelationId,
									  DEPENDENCY_EXTENSION,
									  ProcedureRelationId, form->oid);
	return extensions == NIL ||
		!tg_reader_extension_is_trusted(reader, linitial_oid(extensions));
}

/* Reads one function; "context" is for what is not kept. */
static void
read_definer(FactsReader *reader, Definers *definers, HeapTuple tuple,
			 MemoryContext context)
{
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(reader, CAT_PROC));
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	DefinerFacts *definer = palloc0(sizeof(DefinerFacts));
	bool		isnull;
	Datum		value;
	text	   *body;

	definer->oid = form->oid;
	definer->owner = form->proowner;
	definer->is_procedure = form->prokind == PROKIND_PROCEDURE;
	definer->returns_rows = form->prorettype == RECORDOID ||
		type_is_rowtype(form->prorettype);
	value = heap_getattr(tuple, Anum_pg_proc_proacl, desc, &isnull);
	definer->acl = isnull ? acldefault(OBJECT_FUNCTION, form->proowner) :
		DatumGetAclPCopy(value);
	definer->path = read_path(reader, tuple, &definer->any_path);

	MemoryContextSwitchTo(context);
	value = heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc, &isnull);
	definer->is_bound = !isnull;
	if (definer->is_bound)
	{
		char	   *tree = TextDatumGetCString(value);

		tg_strip_locations(tree);
		definer->fingerprint = tg_add_to_fingerprint(form->proowner, tree,
													 strlen(tree));
		add_bound(reader, definers, definer);
	}
	else
	{
		SourceScan	source = {
			.definers = definers,
			.definer = definer,
			.context = reader->context
		};

		value = heap_getattr(tuple, Anum_pg_proc_prosrc, desc, &isnull);
		body = DatumGetTextPP(value);
		definer->fingerprint = tg_add_to_fingerprint(form->proowner,
													 VARDATA_ANY(body),
													 VARSIZE_ANY_EXHDR(body));
		tg_scan_mentions(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body),
						 tg_reader_is_sql(form->prolang), note_mention, &source);
		if (source.sets_path)
			definer->any_path = true;
	}
	MemoryContextSwitchTo(old);
}

static void
read_definers(FactsReader *reader, Definers *definers, SysScanDesc scan)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard function",
												  ALLOCSET_DEFAULT_SIZES);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_definer(reader, (Form_pg_proc) GETSTRUCT(tuple)))
			continue;
		read_definer(reader, definers, tuple, context);
		MemoryContextReset(context);
	}
	systable_endscan(scan);
	MemoryContextDelete(context);
}

/* In the order of OIDs. */
static SysScanDesc
scan_all_functions(FactsReader *reader)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_proc_oid, BTGreaterEqualStrategyNumber, F_OIDGE,
				ObjectIdGetDatum(FirstNormalObjectId));
	return systable_beginscan(tg_reader_catalog(reader, CAT_PROC),
							  ProcedureOidIndexId, true, reader->snapshot, 1,
							  &key);
}

static Definers *
get_definers(FactsReader *reader)
{
	Definers   *definers;
	const ListCell *lc;

	if (reader->definers != NULL)
		return reader->definers;
	definers = MemoryContextAlloc(reader->context, sizeof(Definers));
	definers->relations = tg_hash_create("trovella_guard read relations",
										 sizeof(Oid), sizeof(ReadRelation),
										 reader->context);
	definers->names = tg_hash_create("trovella_guard mentioned names",
									 sizeof(NameData), sizeof(MentionedName),
									 reader->context);
	if (!reader->definers_limited)
		read_definers(reader, definers, scan_all_functions(reader));
	foreach(lc, reader->definers_limit)
		read_definers(reader, definers,
					  tg_reader_scan(reader, CAT_PROC, ProcedureOidIndexId,
									 Anum_pg_proc_oid, lfirst_oid(lc)));
	add_mentioned_views(reader, definers);
	reader->definers = definers;
	return definers;
}

/* Adds those of several functions that are not known yet. */
static List *
add_new_reads(List *reads, OidSet *known, const List *functions, Oid view)
{
	const ListCell *lc;

	foreach(lc, functions)
	{
		DefinerFacts *definer = lfirst(lc);
		DefinerRead *read;

		CHECK_FOR_INTERRUPTS();
		if (!tg_oidset_add(known, definer->oid))
			continue;
		read = palloc(sizeof(DefinerRead));
		read->definer = definer;
		read->view = view;
		reads = lappend(reads, read);
	}
	return reads;
}

List *
tg_facts_definers_reading(FactsReader *reader, const RelationFacts *facts)
{
	Definers   *definers = get_definers(reader);
	ReadRelation *relation = hash_search(definers->relations, &facts->relid,
										 HASH_FIND, NULL);
	List	   *mentioning = definers_mentioning(definers, facts->schema,
												 facts->name);
	OidSet		known = {0};
	List	   *result = add_new_reads(NIL, &known, mentioning, InvalidOid);
	ListCell   *lc;

	if (relation == NULL)
		return result;
	foreach(lc, relation->reads)
	{
		const ReadBy *read = lfirst(lc);

		result = add_new_reads(result, &known, read->functions, read->view);
	}
	return result;
}

List *
tg_facts_relations_of_definers(FactsReader *reader)
{
	Definers   *definers = get_definers(reader);
	HASH_SEQ_STATUS status;
	ReadRelation *relation;
	MentionedName *entry;
	OidSet		relids = {0};

	hash_seq_init(&status, definers->relations);
	while ((relation = hash_seq_search(&status)) != NULL)
		(void) tg_oidset_add(&relids, relation->relid);
	hash_seq_init(&status, definers->names);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		SysScanDesc scan = scan_by_name(reader, &entry->name);
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

			if (form->relkind == RELKIND_RELATION ||
				form->relkind == RELKIND_PARTITIONED_TABLE)
				(void) tg_oidset_add(&relids, form->oid);
		}
		systable_endscan(scan);
	}
	list_sort(relids.oids, list_oid_cmp);
	return relids.oids;
}

bool
tg_facts_policy_calls(FactsReader *reader, DefinerFacts *definer)
{
	if (!definer->callers_known)
	{
		definer->called_by_policy =
			tg_reader_dependents(reader, PolicyRelationId, TG_ANY_DEPTYPE,
								 ProcedureRelationId, definer->oid) != NIL;
		definer->callers_known = true;
	}
	return definer->called_by_policy;
}
