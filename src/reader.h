/*-------------------------------------------------------------------------
 *
 * reader.h
 *		The scans that facts are read by.
 *
 * Shared by the files of the reading room only (reader.c, facts.c, lookup.c,
 * vanish.c); everybody else knows facts.h.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_READER_H
#define TROVELLA_GUARD_READER_H

#include "access/genam.h"
#include "facts.h"
#include "utils/hsearch.h"
#include "utils/relcache.h"
#include "utils/resowner.h"

/* The catalogs that are kept open while a reader lives. */
typedef enum ReaderCatalog
{
	CAT_CLASS,
	CAT_ATTRIBUTE,
	CAT_POLICY,
	CAT_INDEX,
	CAT_CONSTRAINT,
	CAT_INHERITS,
	CAT_DEPEND,
	CAT_REWRITE,
	CAT_NAMESPACE,
	CAT_EXTENSION,
	CAT_PROC,
	CAT_COUNT
} ReaderCatalog;

struct FactsReader
{
	Snapshot	snapshot;
	bool		detaching_counts;
	MemoryContext context;		/* of what is kept as long as the reader */
	ResourceOwner owner;		/* of the same: a subtransaction may begin and
								 * end while the reader lives */
	Relation	catalogs[CAT_COUNT];	/* opened at first use */
	List	   *indexes;		/* Relations: those used so far, kept open */
	Oid			schema_oid;		/* of the schema that was read last */
	NameData	schema;			/* its name */
	HTAB	   *expressions;	/* of Expression */
	struct Expression *last_expression; /* the one that was read last */
	HTAB	   *outlines;		/* of Outline */
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

/* The same for rows of pg_depend that name an object. */
extern SysScanDesc tg_reader_scan_depend(FactsReader *reader, Oid index,
										 AttrNumber class_attnum, Oid classId,
										 AttrNumber object_attnum,
										 Oid objectId);

/* vanish.c */

/*
 * Does a stored expression name an object that a user has made?  What names
 * none cannot vanish.
 */
extern bool tg_names_user_object(const char *tree);

/*
 * Would the object, or the column, vanish when a temporary object is dropped,
 * as happens at the end of its session without any DDL?  Whether the object of
 * relation "relid" mentions a column of that relation which will vanish is for
 * tg_mentions_temporary_column() to tell.
 */
extern bool tg_stands_on_temporary(FactsReader *reader, Oid classId,
								   Oid objectId, Oid relid);
extern bool tg_column_stands_on_temporary(FactsReader *reader, Oid relid,
										  AttrNumber attnum);

/* Does an expression of the relation mention a column that will vanish? */
extern bool tg_mentions_temporary_column(Node *node, void *context);

#endif							/* TROVELLA_GUARD_READER_H */
