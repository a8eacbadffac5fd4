/*-------------------------------------------------------------------------
 *
 * integrity.c
 *		Do the extension's schemas contain anything that is not its own?
 *
 * A foreign function in one of these schemas can be called in place of the
 * extension's: protect('docs') prefers a function of text to the one of
 * regclass.  CREATE EXTENSION gives nobody the right to create objects there;
 * but a superuser may grant it, an owner may lose the attribute SUPERUSER, and
 * so on.  These functions report that (for status()); they prevent nothing.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "compat.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "report/integrity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/* How many lines are given of each kind. */
#define SHOWN 5

typedef struct Lines
{
	StringInfoData text;
	int			count;
} Lines;

static void
begin_lines(Lines *lines)
{
	initStringInfo(&lines->text);
	lines->count = 0;
}

static void
add_line(Lines *lines, const char *line)
{
	if (lines->count++ < SHOWN)
		appendStringInfo(&lines->text, "%s%s",
						 lines->count > 1 ? "\n" : "", line);
}

static char *
end_lines(Lines *lines)
{
	if (lines->count > SHOWN)
		appendStringInfo(&lines->text, "\nand %d more", lines->count - SHOWN);
	return lines->count > 0 ? lines->text.data : NULL;
}

static char *
describe(Oid class, Oid object)
{
	ObjectAddress address;
	char	   *text;

	ObjectAddressSet(address, class, object);
	text = getObjectDescription(&address, true);
	return text != NULL ? text : psprintf("object %u", object);
}

static Oid
our_extension(void)
{
	return get_extension_oid(TG_EXTENSION, true);
}

/* What depends on an object, as a List of ObjectAddress. */
static List *
dependents(Oid class, Oid object, DependencyType type)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *address;

		if (form->deptype != (char) type)
			continue;
		address = palloc(sizeof(ObjectAddress));
		ObjectAddressSet(*address, form->classid, form->objid);
		result = lappend(result, address);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

/* The extension, its schema, and all of its objects. */
static List *
our_objects(void)
{
	ObjectAddress *extension = palloc(sizeof(ObjectAddress));
	ObjectAddress *schema = palloc(sizeof(ObjectAddress));

	ObjectAddressSet(*extension, ExtensionRelationId, our_extension());
	ObjectAddressSet(*schema, NamespaceRelationId,
					 get_namespace_oid(TG_SCHEMA, true));
	return lcons(extension,
				 lcons(schema,
					   dependents(ExtensionRelationId, extension->objectId,
								  DEPENDENCY_EXTENSION)));
}

static bool
is_ours(Oid class, Oid object, Oid extension)
{
	return (class == ExtensionRelationId && object == extension) ||
		getExtensionOfObject(class, object) == extension;
}

/* Triggers of a table that call no function of ours, and rules. */
static void
add_foreign_triggers_and_rules(FactsReader *reader, Lines *lines, Oid table,
							   Oid extension)
{
	ListCell   *lc;

	foreach(lc, dependents(RelationRelationId, table, DEPENDENCY_AUTO))
	{
		const ObjectAddress *address = lfirst(lc);

		if (address->classId == RewriteRelationId)
			add_line(lines, describe(RewriteRelationId, address->objectId));
		else if (address->classId == TriggerRelationId)
		{
			Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
			HeapTuple	tuple =
				get_catalog_object_by_oid(catalog, Anum_pg_trigger_oid,
										  address->objectId);

			if (HeapTupleIsValid(tuple) &&
				!is_ours(ProcedureRelationId,
						 ((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid,
						 extension) &&
				!tg_facts_citus_made(reader, address->classId,
									 address->objectId))
				add_line(lines,
						 describe(TriggerRelationId, address->objectId));
			table_close(catalog, AccessShareLock);
		}
	}
}

static void
add_foreign_objects(FactsReader *reader, Lines *lines, Oid schema,
					Oid extension)
{
	ListCell   *lc;

	foreach(lc, dependents(NamespaceRelationId, schema, DEPENDENCY_NORMAL))
	{
		const ObjectAddress *address = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!is_ours(address->classId, address->objectId, extension))
		{
			if (!tg_facts_citus_made(reader, address->classId,
									 address->objectId))
				add_line(lines,
						 describe(address->classId, address->objectId));
		}
		else if (address->classId == RelationRelationId)
			add_foreign_triggers_and_rules(reader, lines, address->objectId,
										   extension);
	}
}

char *
tg_foreign_objects(FactsReader *reader)
{
	Oid			extension = our_extension();
	Lines		lines;

	begin_lines(&lines);
	add_foreign_objects(reader, &lines, get_namespace_oid(TG_SCHEMA, true),
						extension);
	add_foreign_objects(reader, &lines,
						get_namespace_oid(TG_INTERNAL_SCHEMA, true), extension);
	return end_lines(&lines);
}

/* Reads the owner and, if there is one, the ACL of an object of any kind. */
static bool
read_owner(const ObjectAddress *address, Oid *owner, Acl **acl)
{
	AttrNumber	owner_column = get_object_attnum_owner(address->classId);
	AttrNumber	acl_column = get_object_attnum_acl(address->classId);
	Relation	catalog;
	HeapTuple	tuple;
	bool		isnull;

	*acl = NULL;
	if (owner_column == InvalidAttrNumber)
		return false;
	catalog = table_open(address->classId, AccessShareLock);
	tuple = get_catalog_object_by_oid(catalog,
									  get_object_attnum_oid(address->classId),
									  address->objectId);
	if (HeapTupleIsValid(tuple))
	{
		Datum		value;

		*owner = DatumGetObjectId(heap_getattr(tuple, owner_column,
											   RelationGetDescr(catalog),
											   &isnull));
		if (acl_column != InvalidAttrNumber)
		{
			value = heap_getattr(tuple, acl_column, RelationGetDescr(catalog),
								 &isnull);
			if (!isnull)
				*acl = DatumGetAclPCopy(value);
		}
	}
	table_close(catalog, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

static char *
role_name(Oid role)
{
	char	   *name;

	if (role == ACL_ID_PUBLIC)
		return pstrdup("PUBLIC");
	name = GetUserNameFromId(role, true);
	return name != NULL ? psprintf("role \"%s\"", name) : psprintf("role %u", role);
}

char *
tg_foreign_owners(void)
{
	Lines		lines;
	ListCell   *lc;

	begin_lines(&lines);
	foreach(lc, our_objects())
	{
		const ObjectAddress *address = lfirst(lc);
		Oid			owner;
		Acl		   *acl;

		if (read_owner(address, &owner, &acl) && !superuser_arg(owner))
			add_line(&lines, psprintf("%s owns %s", role_name(owner),
									  describe(address->classId,
											   address->objectId)));
	}
	return end_lines(&lines);
}

/* What an ACL gives to others than superusers, beyond "harmless". */
static void
add_privileges(Lines *lines, Acl *acl, AclMode harmless, const char *what)
{
	int			count = acl != NULL ? ACL_NUM(acl) : 0;

	for (int i = 0; i < count; i++)
	{
		const AclItem *item = &ACL_DAT(acl)[i];

		if ((ACLITEM_GET_PRIVS(*item) & ~harmless) != 0 &&
			(item->ai_grantee == ACL_ID_PUBLIC ||
			 !superuser_arg(item->ai_grantee)))
			add_line(lines, psprintf("%s may modify %s",
									 role_name(item->ai_grantee), what));
	}
}

/* The same, of the columns of a table. */
static void
add_column_privileges(Lines *lines, Oid table, const char *what)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(table));
	scan = systable_beginscan(catalog, AttributeRelidNumIndexId, true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		acl = heap_getattr(tuple, Anum_pg_attribute_attacl,
									   RelationGetDescr(catalog), &isnull);

		if (!isnull)
			add_privileges(lines, DatumGetAclP(acl), ACL_SELECT, what);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * EXECUTE is not looked at: to grant it on allow() is how the allowlist is
 * put into other hands.
 */
char *
tg_foreign_privileges(void)
{
	Lines		lines;
	ListCell   *lc;

	begin_lines(&lines);
	foreach(lc, our_objects())
	{
		const ObjectAddress *address = lfirst(lc);
		Oid			owner;
		Acl		   *acl;
		char	   *what;

		if ((address->classId != NamespaceRelationId &&
			 address->classId != RelationRelationId) ||
			!read_owner(address, &owner, &acl))
			continue;
		what = describe(address->classId, address->objectId);
		add_privileges(&lines, acl,
					   address->classId == NamespaceRelationId ?
					   ACL_USAGE : ACL_SELECT, what);
		if (address->classId == RelationRelationId)
			add_column_privileges(&lines, address->objectId, what);
	}
	return end_lines(&lines);
}
