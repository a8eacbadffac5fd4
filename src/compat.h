/*-------------------------------------------------------------------------
 *
 * compat.h
 *		What differs between the supported versions of PostgreSQL, 15 to 19.
 *
 * Only this file may name PG_VERSION_NUM.  Where a version lacks something, this
 * file defines the newer name, so that all other code is written for the newest
 * release.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_COMPAT_H
#define TROVELLA_GUARD_COMPAT_H

#include "access/htup_details.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#if PG_VERSION_NUM < 150000
#error "trovella_guard needs PostgreSQL 15 or later"
#endif

/*
 * A library that is built with the headers of the newest minor release must
 * load into every older one of the same major.  heap_getattr() of November 2026
 * checks composite values by a function that older servers lack; they cannot
 * have made a value that it would call the function for.
 */
#pragma weak heap_datum_check

/* 15.0 lacks the new name, all of 15 have the old one. */
#if PG_VERSION_NUM < 160000
#define InitMaterializedSRF SetSingleFuncCall
#endif

/*
 * Since 16 the "extra" of a setting must come from guc_malloc().  Before, it
 * came from malloc(), and guc_malloc() was private to guc.c.
 */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size) malloc(size)
#define guc_free(ptr) free(ptr)
#endif

/*
 * The record of a setting, or NULL.  Before 16, find_option() was private to guc.c.  Since
 * 19 what is special to a type is within the record, before it was around it.
 */
#if PG_VERSION_NUM >= 160000
#define TG_FIND_SETTING(name) find_option(name, false, true, 0)
#else
static inline struct config_generic *
TG_FIND_SETTING(const char *name)
{
	struct config_generic **settings = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	}
	return NULL;
}
#endif

#if PG_VERSION_NUM >= 190000
#define TG_ENUM_SETTING(record) (&(record)->_enum)
#define TG_STRING_SETTING(record) (&(record)->_string)
#define TG_RESET_EXTRA(record) ((record)->reset_extra)
#else
#define TG_ENUM_SETTING(record) ((struct config_enum *) (record))
#define TG_STRING_SETTING(record) ((struct config_string *) (record))
#define TG_RESET_EXTRA(record) (TG_STRING_SETTING(record)->reset_extra)
#endif

/*
 * The LSN to which the end of the transaction, commit or abort, advances the
 * replication origin of the session.  Since 19 it is in a struct.
 */
#if PG_VERSION_NUM >= 190000
#define TG_ORIGIN_LSN (replorigin_xact_state.origin_lsn)
#else
#define TG_ORIGIN_LSN replorigin_session_origin_lsn
#endif

/* Since 18 the magic block also tells the module's name and version. */
#if PG_VERSION_NUM >= 180000
#define TG_MODULE_MAGIC(module_version) \
	PG_MODULE_MAGIC_EXT(.name = "trovella_guard", .version = (module_version))
#else
#define TG_MODULE_MAGIC(module_version) PG_MODULE_MAGIC
#endif

/*
 * Since 18 a NOT NULL constraint has a row in pg_constraint, and can be NOT
 * VALID although pg_attribute.attnotnull is set.
 */
#if PG_VERSION_NUM >= 180000
#define TG_NOT_NULL_CAN_BE_NOT_VALID 1
#endif

/*
 * Since 18 a query with GROUP BY has a range table entry for it, through which
 * the target list refers to the grouping expressions.
 */
#if PG_VERSION_NUM >= 180000
#define TG_IS_GROUP_RTE(rte) ((rte)->rtekind == RTE_GROUP)
#define TG_GROUP_EXPRS(rte) ((rte)->groupexprs)
#else
#define TG_IS_GROUP_RTE(rte) false
#define TG_GROUP_EXPRS(rte) NIL
#endif

/*
 * Does the member have the privileges of the role without SET ROLE?  Since 16
 * each grant of a role tells, before it was an attribute of the member.
 */
#if PG_VERSION_NUM >= 160000
#define TG_MEMBER_INHERITS(form) ((form)->inherit_option)
#else
#define TG_MEMBER_INHERITS(form) \
	(has_privs_of_role((form)->member, (form)->roleid))
#endif

/*
 * The same, where the attribute of the member is known.  And: may the member SET
 * ROLE to the role?  Before 16 every member may.
 */
#if PG_VERSION_NUM >= 160000
#define TG_MEMBERSHIP_INHERITS(form, member_inherits) ((form)->inherit_option)
#define TG_MEMBERSHIP_SETS(form) ((form)->set_option)
#else
#define TG_MEMBERSHIP_INHERITS(form, member_inherits) (member_inherits)
#define TG_MEMBERSHIP_SETS(form) true
#endif

/* May a role SET ROLE to another one?  Before 16 every member may. */
#if PG_VERSION_NUM >= 160000
#define TG_CAN_SET_ROLE(member, role) member_can_set_role(member, role)
#else
#define TG_CAN_SET_ROLE(member, role) is_member_of_role(member, role)
#endif

/* Since 16 one function checks privileges on objects of most kinds. */
#if PG_VERSION_NUM >= 160000
#define TG_MAY_EXECUTE(function, role) \
	(object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == \
	 ACLCHECK_OK)
#define TG_MAY_USE_SCHEMA(schema, role) \
	(object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == \
	 ACLCHECK_OK)
#else
#define TG_MAY_USE_SCHEMA(schema, role) \
	(pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#define TG_MAY_EXECUTE(function, role) \
	(pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#endif

/* SQL/JSON expressions exist since 16, and more of them since 17. */
#if PG_VERSION_NUM >= 170000
#define TG_JSON_BEHAVIOR T_JsonBehavior
#define TG_IS_JSON_TEST(node) \
	(IsA(node, JsonIsPredicate) || \
	 (IsA(node, JsonExpr) && ((JsonExpr *) (node))->op == JSON_EXISTS_OP))
/* JSON_QUERY() and JSON_VALUE(), and the input that they format. */
#define TG_IS_JSON_QUERY(node) \
	(IsA(node, JsonExpr) || IsA(node, JsonValueExpr))
#elif PG_VERSION_NUM >= 160000
#define TG_IS_JSON_TEST(node) IsA(node, JsonIsPredicate)
#define TG_IS_JSON_QUERY(node) IsA(node, JsonValueExpr)
#else
#define TG_IS_JSON_TEST(node) false
#define TG_IS_JSON_QUERY(node) false
#endif

/* Is a column (counted from 0) of XMLTABLE or JSON_TABLE FOR ORDINALITY? */
#if PG_VERSION_NUM >= 170000
#define TG_IS_ORDINALITY(tf, column) \
	((column) == (tf)->ordinalitycol || \
	 ((tf)->functype == TFT_JSON_TABLE && \
	  list_nth((tf)->colvalexprs, (column)) == NULL))
#else
#define TG_IS_ORDINALITY(tf, column) ((column) == (tf)->ordinalitycol)
#endif

/* Since 16 settings are in a hash table; before, in a sorted array. */
#if PG_VERSION_NUM >= 160000
#define TG_SETTINGS_ARE_HASHED 1
#endif

/* Since 16 the macros for varlena types have a header of their own. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Since 17 there are several functions named random(). */
#if PG_VERSION_NUM >= 170000
#define F_RANDOM F_RANDOM_
#endif

/* Since 18 a foreign key can be NOT ENFORCED, or have a PERIOD. */
#if PG_VERSION_NUM >= 180000
#define TG_CONSTRAINT_IS_ENFORCED(form) ((form)->conenforced)
#define TG_CONSTRAINT_IS_TEMPORAL(form) ((form)->conperiod)
#else
#define TG_CONSTRAINT_IS_ENFORCED(form) true
#define TG_CONSTRAINT_IS_TEMPORAL(form) false
#endif

/* Since 19 a scan of a table and a deletion from it take bits as options. */
#if PG_VERSION_NUM >= 190000
#define TG_BEGINSCAN(relation, snapshot) \
	table_beginscan(relation, snapshot, 0, NULL, SO_NONE)
#define TG_TUPLE_DELETE(relation, tid, failure) \
	table_tuple_delete(relation, tid, GetCurrentCommandId(true), 0, \
					   SnapshotAny, InvalidSnapshot, true, failure)
#else
#define TG_BEGINSCAN(relation, snapshot) \
	table_beginscan(relation, snapshot, 0, NULL)
#define TG_TUPLE_DELETE(relation, tid, failure) \
	table_tuple_delete(relation, tid, GetCurrentCommandId(true), \
					   SnapshotAny, InvalidSnapshot, true, failure, false)
#endif

/* Since 19 a search for functions also says what it found or did not. */
#if PG_VERSION_NUM >= 190000
#define TG_FUNCTION_CANDIDATES(names, nargs) \
	FuncnameGetCandidates(names, nargs, NIL, true, true, false, true, &(int) {0})
#else
#define TG_FUNCTION_CANDIDATES(names, nargs) \
	FuncnameGetCandidates(names, nargs, NIL, true, true, false, true)
#endif

/* Since 19 there is error_on_null(). */
#if PG_VERSION_NUM < 190000
#define F_ERROR_ON_NULL InvalidOid
#endif

/* Since 19 a publication of all tables can except some. */
#if PG_VERSION_NUM >= 190000
#define TG_PUBLICATION_EXCEPTS(form) ((form)->prexcept)
#else
#define TG_PUBLICATION_EXCEPTS(form) false
#endif

/* Since 19 an attribute says that a case falls through. */
#if PG_VERSION_NUM < 190000
#define pg_fallthrough __attribute__((fallthrough))
#endif

#endif							/* TROVELLA_GUARD_COMPAT_H */
