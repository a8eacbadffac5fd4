/*-------------------------------------------------------------------------
 *
 * remedy.c
 *		The SQL that repairs a finding.
 *
 * The statements are only printed here.  The user runs them, with a search_path
 * that is not known here, so a statement must mean the same under every one.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "facts/expression.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

static const struct
{
	CommandSet	command;
	const char *name;
	const char *suffix;			/* of the names of generated policies */
	bool		has_using;
	bool		has_check;
}			commands_in_order[] =

{
	{TG_SELECT, "SELECT", "select", true, false},
	{TG_INSERT, "INSERT", "insert", false, true},
	{TG_UPDATE, "UPDATE", "update", true, true},
	{TG_DELETE, "DELETE", "delete", true, false},
};

char *
tg_command_names(CommandSet commands)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(commands_in_order); i++)
	{
		if (commands & commands_in_order[i].command)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 commands_in_order[i].name);
	}
	return names.data;
}

static char *
qualified_name(const RelationFacts *facts)
{
	return quote_qualified_identifier(facts->schema, facts->name);
}

/* The function by which a user has cast one type to another, or InvalidOid. */
static Oid
cast_function(Oid from, Oid to)
{
	Oid			function;

	(void) find_coercion_pathway(to, from, COERCION_EXPLICIT, &function);
	return function >= FirstNormalObjectId ? function : InvalidOid;
}

/* Is it one call: a name, and arguments in parentheses up to the end? */
static bool
is_call(const char *expression)
{
	const char *c = expression;
	int			depth = 0;
	bool		quoted = false;

	while (isalnum((unsigned char) *c) || *c == '_' || *c == '.')
		c++;
	if (c == expression || *c != '(')
		return false;
	for (; *c != '\0'; c++)
	{
		if (*c == '\'')
			quoted = !quoted;
		else if (!quoted && *c == '(')
			depth++;
		else if (!quoted && *c == ')' && --depth == 0)
			return c[1] == '\0';
	}
	return false;
}

/* The call in "nullif(call, '')", or NULL if the expression is not like that. */
static char *
call_in_nullif(const char *expression)
{
	static const char begin[] = "nullif(";
	static const char end[] = ", '')";
	int			length = strlen(expression) - strlen(begin) - strlen(end);
	char	   *call;

	if (length <= 0 ||
		pg_strncasecmp(expression, begin, strlen(begin)) != 0 ||
		strcmp(expression + strlen(begin) + length, end) != 0)
		return NULL;
	call = pnstrdup(expression + strlen(begin), length);
	return is_call(call) ? call : NULL;
}

/*
 * "(SELECT current_setting(...)::uuid)": the session's tenant, of a type or as
 * it is (NULL).  NULLIF looks an operator up by the search_path, and no syntax
 * says which, so a condition takes its place.  Citus refuses sub-selects in
 * policies of distributed tables.
 */
static char *
session_tenant(const RelationFacts *facts, const char *type)
{
	char	   *call = call_in_nullif(tg_tenant_expression());
	char	   *cast = type != NULL ? psprintf("::%s", type) : "";

	if (call != NULL && !facts->beside_citus)
		return psprintf("(SELECT tenant%s FROM %s AS tenant WHERE tenant OPERATOR(pg_catalog.<>) '')",
						cast, call);
	if (call != NULL)
		return psprintf("(CASE WHEN %s OPERATOR(pg_catalog.<>) '' THEN %s END)%s",
						call, call, cast);
	if (type != NULL)
		cast = psprintf("(%s)%s", tg_tenant_expression(), cast);
	else
		cast = unconstify(char *, tg_tenant_expression());
	return psprintf(facts->beside_citus ? "(%s)" : "(SELECT %s)", cast);
}

/*
 * "organization_id = (SELECT current_setting(...)::uuid)": the expression that
 * the table's policies should have.  NULL if no equality operator tells the
 * tenants of the column's type apart.
 *
 * Other users may have created operators and types in the schemas of the
 * search_path, and pg_catalog need not come first in it.  So every operator,
 * type and function is qualified.  Nobody else can create an operator in
 * pg_catalog; an operator of another schema is given operands of exactly the
 * types that it is declared for.
 */
static char *
tenant_predicate(const RelationFacts *facts)
{
	const ColumnFacts *tenant = facts->tenant;
	const char *column = quote_identifier(tenant->name);
	Oid			base = tg_base_type(tenant->type);
	Oid			type;
	Oid			equality;
	HeapTuple	tuple;
	Form_pg_operator form;
	char	   *schema;
	char	   *operator;
	char	   *name;

	/* The type may have been dropped in this transaction */
	if (!OidIsValid(base))
		return NULL;
	equality = lookup_type_cache(base, TYPECACHE_EQ_OPR)->eq_opr;
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equality));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_operator) GETSTRUCT(tuple);
	schema = get_namespace_name(form->oprnamespace);
	operator = psprintf("OPERATOR(%s.%s)",
						schema ? quote_identifier(schema) : "pg_catalog",
						NameStr(form->oprname));

	/*
	 * A cast to a domain runs its constraints, and the operators of enums do
	 * not accept domains over them.
	 */
	type = form->oprnamespace != PG_CATALOG_NAMESPACE ? form->oprleft : base;
	ReleaseSysCache(tuple);

	/* A policy would run the function of a cast that a user has made */
	if (OidIsValid(cast_function(TEXTOID, type)))
		return NULL;

	if (type == TEXTOID)
		return psprintf("%s %s %s", column, operator, session_tenant(facts, NULL));

	/* Without a length: char(1) and bit(1) would truncate the value */
	name = format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN |
								FORMAT_TYPE_ALLOW_INVALID |
								FORMAT_TYPE_FORCE_QUALIFY);
	return psprintf("%s%s %s %s", column,
					type == tenant->type ? "" : psprintf("::%s", name),
					operator, session_tenant(facts, name));
}

char *
tg_remedy_table(const RelationFacts *facts, const char *action)
{
	return psprintf("ALTER TABLE %s %s;", qualified_name(facts), action);
}

/* With what it costs, unless the owner is above row-level security. */
char *
tg_remedy_force(FactsReader *reader, const RelationFacts *facts)
{
	StringInfoData sql;

	initStringInfo(&sql);
	if (!tg_is_above_rls(reader, facts->owner))
		appendStringInfo(&sql, "%s\n%s\n",
						 tg_remedy_comment("Then role \"%s\" sees only the rows that the policies admit, also in its own jobs. Back-up and pg_repack need a superuser or BYPASSRLS:",
										   tg_role_name(facts->owner)),
						 tg_remedy_comment("what the owner copies loses the other rows, quietly; PGOPTIONS='-c row_security=off' makes that an error."));
	if (!facts->rls_enabled)
		appendStringInfo(&sql, "%s\n",
						 tg_remedy_table(facts, "ENABLE ROW LEVEL SECURITY"));
	appendStringInfoString(&sql, tg_remedy_table(facts,
												 "FORCE ROW LEVEL SECURITY"));
	return sql.data;
}

/* The policies are in the order of their names. */
static bool
has_policy(const RelationFacts *facts, const char *name)
{
	int			low = 0;
	int			high = list_length(facts->policies);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const PolicyFacts *policy = list_nth(facts->policies, middle);
		int			order = strcmp(policy->name, name);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* A name for a new policy of the table that none of its policies has. */
static char *
policy_name(const RelationFacts *facts, const char *suffix)
{
	for (int attempt = 0;; attempt++)
	{
		char	   *label = attempt == 0 ? pstrdup(suffix) :
			psprintf("%s%d", suffix, attempt);
		char	   *name = makeObjectName(facts->name, "tenant", label);

		CHECK_FOR_INTERRUPTS();
		if (!has_policy(facts, name))
			return name;
	}
}

/* Ends a CREATE POLICY or ALTER POLICY statement. */
static void
append_expressions(StringInfo sql, const char *qual, const char *with_check)
{
	if (qual != NULL)
		appendStringInfo(sql, " USING (%s)", qual);
	if (with_check != NULL)
		appendStringInfo(sql, " WITH CHECK (%s)", with_check);
	appendStringInfoChar(sql, ';');
}

/* A policy without TO is for PUBLIC. */
static void
append_app_roles(StringInfo sql)
{
	const char *before = " TO ";
	ListCell   *lc;

	foreach(lc, tg_named_app_roles())
	{
		appendStringInfo(sql, "%s%s", before,
						 quote_identifier(tg_role_name(lfirst_oid(lc))));
		before = ", ";
	}
}

char *
tg_remedy_policies(const RelationFacts *facts, CommandSet commands)
{
	StringInfoData sql;
	char	   *predicate = tenant_predicate(facts);

	if (predicate == NULL)
		return NULL;
	initStringInfo(&sql);
	for (int i = 0; i < (int) lengthof(commands_in_order); i++)
	{
		if ((commands & commands_in_order[i].command) == 0)
			continue;
		appendStringInfo(&sql, "%sCREATE POLICY %s ON %s FOR %s",
						 sql.len > 0 ? "\n" : "",
						 quote_identifier(policy_name(facts,
													  commands_in_order[i].suffix)),
						 qualified_name(facts),
						 commands_in_order[i].name);
		append_app_roles(&sql);
		append_expressions(&sql,
						   commands_in_order[i].has_using ? predicate : NULL,
						   commands_in_order[i].has_check ? predicate : NULL);
	}
	return sql.data;
}

/*
 * What the policy says besides stays: without it, colleagues of the tenant would
 * get what it kept from them.  PostgreSQL prints every expression so that it can
 * be an operand.
 */
static const char *
confined(const char *predicate, const char *expression)
{
	if (expression == NULL || strcmp(expression, "true") == 0)
		return expression != NULL ? predicate : NULL;
	return psprintf("%s AND %s", predicate, expression);
}

char *
tg_remedy_scope(const RelationFacts *facts, const PolicyFacts *policy,
				const char *qual, const char *with_check)
{
	char	   *predicate = tenant_predicate(facts);

	if (predicate == NULL)
		return NULL;
	return tg_remedy_policy(facts, policy, confined(predicate, qual),
							confined(predicate, with_check));
}

char *
tg_remedy_policy(const RelationFacts *facts, const PolicyFacts *policy,
				 const char *qual, const char *with_check)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER POLICY %s ON %s",
					 quote_identifier(policy->name), qualified_name(facts));
	append_expressions(&sql, qual, with_check);
	return sql.data;
}

/* " ON UPDATE ..." as the grammar has it; nothing for NO ACTION, the default. */
static const char *
on_update_clause(char action)
{
	switch (action)
	{
		case FKCONSTR_ACTION_RESTRICT:
			return " ON UPDATE RESTRICT";
		case FKCONSTR_ACTION_CASCADE:
			return " ON UPDATE CASCADE";
		case FKCONSTR_ACTION_SETNULL:
			return " ON UPDATE SET NULL";
		case FKCONSTR_ACTION_SETDEFAULT:
			return " ON UPDATE SET DEFAULT";
		default:
			return "";
	}
}

/* Are the type's comparisons and casts PostgreSQL's own? */
static bool
is_builtin(Oid type)
{
	Oid			base = tg_base_type(type);

	return OidIsValid(base) && base < FirstNormalObjectId;
}

/*
 * The columns that ON DELETE SET NULL may set to null, as the grammar has them:
 * "" for all columns of the key, NULL if there are none.  A row that loses its
 * tenant would be nobody's, so the tenant column is never one of them.
 */
static const char *
columns_to_empty(const RelationFacts *facts, const ForeignKeyFacts *key)
{
	StringInfoData columns;
	int			count = 0;

	initStringInfo(&columns);
	for (int i = 0; i < key->nkeys; i++)
	{
		const ColumnFacts *column = tg_find_column(facts, key->keys[i]);

		if (column == NULL || column->not_null ||
			column->attnum == facts->tenant->attnum)
			continue;
		if (get_attgenerated(facts->relid, column->attnum) != '\0')
			return NULL;
		appendStringInfo(&columns, "%s%s", count++ > 0 ? ", " : "",
						 quote_identifier(column->name));
	}
	if (count == key->nkeys)
		return "";
	if (count == 0 || key->match == FKCONSTR_MATCH_FULL)
		return NULL;
	return psprintf(" (%s)", columns.data);
}

/*
 * SET NULL loses nothing but the reference.  CASCADE deletes rows, which nobody
 * may decide by pasting.
 *
 * ALTER CONSTRAINT cannot change the action, so one ALTER TABLE drops the key
 * and adds it again, with all its other properties.
 * That compares the rows that are there, which must run no code but
 * PostgreSQL's own: the caller may be a superuser.
 */
char *
tg_remedy_on_delete(FactsReader *reader, const RelationFacts *facts,
					const ForeignKeyFacts *key)
{
	StringInfoData columns;
	StringInfoData referenced_columns;
	StringInfoData action;
	const char *emptied = columns_to_empty(facts, key);
	char	   *referenced = tg_facts_qualified_name(reader, key->referenced);

	/* A temporal key supports only NO ACTION */
	if (referenced == NULL || key->temporal)
		return NULL;
	if (emptied == NULL)
		return tg_remedy_comment("Decide what becomes of rows that refer to a deleted row of %s by foreign key %s: ON DELETE CASCADE deletes them, SET NULL needs a column that can be null.",
								 referenced, quote_identifier(key->name));

	initStringInfo(&columns);
	initStringInfo(&referenced_columns);
	for (int i = 0; i < key->nkeys; i++)
	{
		const ColumnFacts *column = tg_find_column(facts, key->keys[i]);
		Oid			other_type;
		const char *other = tg_facts_column_name(reader, key->referenced,
												 key->referenced_keys[i],
												 &other_type);

		if (column == NULL || other == NULL ||
			!is_builtin(column->type) || !is_builtin(other_type))
			return NULL;
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(column->name));
		appendStringInfo(&referenced_columns, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(other));
	}

	initStringInfo(&action);
	appendStringInfo(&action, "DROP CONSTRAINT %s, ADD CONSTRAINT %s"
					 " FOREIGN KEY (%s) REFERENCES %s (%s)%s%s"
					 " ON DELETE SET NULL%s",
					 quote_identifier(key->name), quote_identifier(key->name),
					 columns.data, referenced, referenced_columns.data,
					 key->match == FKCONSTR_MATCH_FULL ? " MATCH FULL" : "",
					 on_update_clause(key->on_update), emptied);
	if (key->deferrable)
		appendStringInfoString(&action, " DEFERRABLE");
	if (key->deferred)
		appendStringInfoString(&action, " INITIALLY DEFERRED");
	if (!key->enforced)
		appendStringInfoString(&action, " NOT ENFORCED");
	else if (!key->validated)
		appendStringInfoString(&action, " NOT VALID");
	return tg_remedy_table(facts, action.data);
}

static char *
set_tenant_columns(const char *columns)
{
	char	   *database = get_database_name(MyDatabaseId);

	return psprintf("ALTER DATABASE %s SET trovella_guard.tenant_columns = %s;",
					quote_identifier(database ? database : "?"),
					quote_literal_cstr(columns));
}

char *
tg_remedy_tenant_columns(const TenantGuess *guess)
{
	return set_tenant_columns(quote_identifier(guess->column));
}

char *
tg_remedy_spelling(const char *column, bool in_use)
{
	StringInfoData columns;

	initStringInfo(&columns);
	appendStringInfoString(&columns, quote_identifier(column));
	for (const char *name = tg_tenant_column_names(); *name != '\0';
		 name = tg_next_name(name))
	{
		if (in_use || pg_strcasecmp(name, column) != 0)
			appendStringInfo(&columns, ", %s", quote_identifier(name));
	}
	return psprintf("%s\n%s",
					tg_remedy_comment("First, by itself, and then reconnect (in trovella_guard.tenant_columns a name is lower case unless it is quoted):"),
					set_tenant_columns(columns.data));
}

char *
tg_remedy_required_column(const RelationFacts *facts, const char *column)
{
	int			length = strlen(column);

	/*
	 * The checklist's columns are timestamps; the types of others are
	 * unknown. The grammar defines this type and this default: no search_path
	 * matters.
	 */
	if (length > 3 && strcmp(column + length - 3, "_at") == 0)
		return tg_remedy_table(facts,
							   psprintf("ADD COLUMN %s timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP",
										quote_identifier(column)));
	return NULL;
}

char *
tg_remedy_seal_partitions(FactsReader *reader, const RelationFacts *child)
{
	return psprintf("SELECT trovella_guard.seal_partitions(%s);",
					quote_literal_cstr(tg_facts_qualified_name(reader,
															   linitial_oid(child->parents))));
}

/*
 * Takes all privileges from those that have any.  An owner keeps his rights,
 * and those of predefined roles are not the relation's.
 */
char *
tg_remedy_revoke(const RelationFacts *facts, const List *grantees)
{
	StringInfoData sql;
	const ListCell *lc;

	initStringInfo(&sql);
	foreach(lc, grantees)
	{
		Oid			grantee = lfirst_oid(lc);
		char	   *name = OidIsValid(grantee) ? tg_role_name(grantee) : NULL;

		if (sql.len > 0)
			appendStringInfoChar(&sql, '\n');
		if (grantee == facts->owner)
			appendStringInfoString(&sql, tg_remedy_comment("Role \"%s\" is the owner: give \"%s.%s\" to a role that serves no tenants.",
														   name, facts->schema,
														   facts->name));
		else if (grantee == ROLE_PG_READ_ALL_DATA ||
				 grantee == ROLE_PG_WRITE_ALL_DATA)
			appendStringInfoString(&sql, tg_remedy_comment("The application reaches it as a member of %s: revoke that.",
														   name));
		else
			appendStringInfo(&sql, "REVOKE ALL ON %s FROM %s;",
							 qualified_name(facts),
							 name == NULL ? "PUBLIC" : quote_identifier(name));
	}
	return sql.data;
}

/* A line that a name continues on the next one would be a statement there. */
char *
tg_remedy_comment(const char *fmt,...)
{
	StringInfoData line;
	va_list		args;
	int			needed;

	initStringInfo(&line);
	appendStringInfoString(&line, "-- ");
	for (;;)
	{
		va_start(args, fmt);
		needed = appendStringInfoVA(&line, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&line, needed);
	}
	for (char *c = line.data; *c != '\0'; c++)
	{
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	}
	return line.data;
}
