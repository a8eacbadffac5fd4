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
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "facts/facts.h"
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
	CAT_AUTHID,
	CAT_TYPE,
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
	HTAB	   *heirs;			/* of HeirsAnswer */
	struct Fates *fates;		/* what vanishes, and what does not */
	bool		extensions_known;	/* is the next one set? */
	bool		any_untrusted_extension;
	ReadNote	note;			/* see tg_facts_note_reads(); NULL: nobody asks */
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

/* The same for rows of pg_depend that name an object. */
extern SysScanDesc tg_reader_scan_depend(FactsReader *reader, Oid index,
										 AttrNumber class_attnum, Oid classId,
										 AttrNumber object_attnum,
										 Oid objectId);

/*
 * What an object, or a column of a relation, depends on.  Of an object the rows
 * of its columns are left out.
 */
extern SysScanDesc tg_reader_scan_referenced(FactsReader *reader,
											 const ObjectAddress *object);

/*
 * What depends on an object or a column.  "whole": or on any column of it.
 */
extern SysScanDesc tg_reader_scan_dependents(FactsReader *reader,
											 const ObjectAddress *object,
											 bool whole);

/* lookup.c */

/*
 * May a column vanish and leave the relation, as by its type?  Is it generated?
 */
extern bool tg_reader_column_may_vanish(FactsReader *reader, Oid relid,
										AttrNumber attnum, bool *generated);
extern bool tg_reader_attribute_may_vanish(Form_pg_attribute form);

/* Is a superuser its owner? */
extern bool tg_reader_extension_is_trusted(FactsReader *reader, Oid extension);

/* vanish.c */

/*
 * Does a stored expression name an object that a user has made?  What names
 * none cannot vanish.
 */
extern bool tg_names_user_object(const char *tree);

/*
 * Would the object, or the column, vanish when a temporary object is dropped,
 * as happens at the end of its session without any DDL?
 */
extern bool tg_vanishes(FactsReader *reader, Oid classId, Oid objectId,
						int32 subId);

/* The same for what a relation owns, and the relation would stay. */
extern bool tg_part_vanishes(FactsReader *reader, Oid classId, Oid objectId,
							 int32 subId, Oid relid);

/*
 * Is there an extension that may vanish because of a member?  By DEPENDS ON
 * EXTENSION an index may stand on it that names no object of a user's.
 */
extern bool tg_members_may_vanish(FactsReader *reader);

#endif							/* TROVELLA_GUARD_READER_H */
