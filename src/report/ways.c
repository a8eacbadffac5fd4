/*-------------------------------------------------------------------------
 *
 * ways.c
 *		Collects the ways in which somebody reaches the rows of all tenants.
 *
 * It says what the rules know, but about everybody: also about roles that are
 * excused or serve no tenants, and about findings that the allowlist waives.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "facts/oidset.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "report/ways.h"
#include "rules/definers.h"
#include "rules/parents.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "scope/scope.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* The rules that say whether a view, or the like, shows a table's rows. */
static const RuleCheck window_checks[] = {
	tg_check_view_exposes_tenants,
	tg_check_matview_exposes_tenants,
	tg_check_view_bypasses_rls,
	tg_check_relation_unprotectable
};

static const char *
privileges_in_words(AclMode privileges, CommandSet possible)
{
	CommandSet	commands = TG_NO_COMMAND;

	if ((privileges & ACL_SELECT) != 0)
		commands |= TG_SELECT;
	if ((privileges & ACL_INSERT) != 0)
		commands |= TG_INSERT;
	if ((privileges & ACL_UPDATE) != 0)
		commands |= TG_UPDATE;
	if ((privileges & ACL_DELETE) != 0)
		commands |= TG_DELETE;
	commands &= possible;
	return commands == TG_NO_COMMAND ? NULL : tg_command_names(commands);
}

static const char *
commands_of(Oid role, const RelationFacts *facts)
{
	return privileges_in_words(tg_privileges_of(role, facts), TG_ALL_COMMANDS);
}

void
tg_ways_begin(WaySource *source, const Oid *relid)
{
	Relation	catalog = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	memset(source, 0, sizeof(WaySource));
	source->audit = tg_audit_begin(relid);
	source->reader = tg_audit_reader(source->audit);
	scan = systable_beginscan(catalog, InvalidOid, false,
							  tg_facts_snapshot(source->reader), 0, NULL);

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->rolsuper)
			(void) tg_oidset_add(&source->superusers, form->oid);
		else if (form->rolbypassrls)
			(void) tg_oidset_add(&source->bypassers, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

void
tg_ways_end(WaySource *source)
{
	tg_audit_end(source->audit);
}

static Way *
add_way(WaySource *source, WayKind kind, Oid table, Oid role,
		const char *commands, const char *how)
{
	Way		   *way = palloc0(sizeof(Way));

	way->kind = kind;
	way->table = table;
	way->role = role;
	way->is_role = kind != WAY_PUBLICATION;
	way->commands = commands;
	way->how = how;
	if (way->is_role && OidIsValid(role))
	{
		const ExcusedRole *excused = tg_facts_excused(source->reader,
													  tg_role_name(role));

		way->excused = excused != NULL ? excused->reason : NULL;
	}
	source->ways = lappend(source->ways, way);
	return way;
}

/* A decision about what the way leads by counts more than one about the role. */
static void
excuse(WaySource *source, Way *way, const RelationFacts *facts,
	   const char *rule, const char *object, Oid other_relid)
{
	const AllowlistEntry *entry =
		tg_allowlist_match(tg_audit_allowlist(source->audit), source->reader,
						   facts, rule, object, other_relid);

	if (entry != NULL)
		way->excused = entry->reason;
}

/*
 * A member of a superuser, or of a role with BYPASSRLS, must become that role; a
 * member of an owner may inherit the owner's rights.  Those who see everything
 * anyway are left out.
 */
static void
add_members(WaySource *source, WayKind kind, Oid role, Oid table,
			const char *commands)
{
	bool		by_rights = kind == WAY_OWNER || kind == WAY_GRANT;
	List	   *members = by_rights ?
		tg_facts_roles_acting_as(source->reader, role) :
		tg_facts_roles_becoming(source->reader, role);
	const char *name = tg_role_name(role);
	ListCell   *lc;

	foreach(lc, members)
	{
		Oid			member = lfirst_oid(lc);
		Way		   *way;

		CHECK_FOR_INTERRUPTS();
		if (tg_oidset_has(&source->superusers, member) ||
			(by_rights && tg_oidset_has(&source->bypassers, member) &&
			 has_privs_of_role(member, role)))
			continue;
		way = add_way(source, WAY_MEMBER, table, member, commands,
					  psprintf("member of %s", quote_identifier(name)));
		way->through = name;
	}
}

void
tg_add_role(WaySource *source, WayKind kind, Oid role, Oid table,
			const char *commands)
{
	static const char *const words[] = {
		[WAY_SUPERUSER] = "superuser",
		[WAY_BYPASSRLS] = "BYPASSRLS",
		[WAY_OWNER] = "owner, not forced",
		[WAY_GRANT] = "no row-level security"
	};

	(void) add_way(source, kind, table, role, commands, words[kind]);
	add_members(source, kind, role, table, commands);
}

/* Nobody logs in as one of these: their members matter. */
static bool
is_predefined(Oid role)
{
	return role == ROLE_PG_READ_ALL_DATA || role == ROLE_PG_WRITE_ALL_DATA;
}

/* What a role was granted. */
typedef struct Granted
{
	Oid			grantee;		/* hash key, must be first */
	AclMode		privileges;
} Granted;

static void
add_granted(HTAB *granted, List **grantees, Oid grantee, AclMode privileges)
{
	bool		found;
	Granted    *entry = hash_search(granted, &grantee, HASH_ENTER, &found);

	if (!found)
	{
		entry->privileges = 0;
		*grantees = lappend_oid(*grantees, grantee);
	}
	entry->privileges |= privileges;
}

/* Everybody who may use a table without row-level security. */
static void
add_grantees(WaySource *source, const RelationFacts *facts)
{
	HTAB	   *granted = tg_hash_create("trovella_guard granted",
										 sizeof(Oid), sizeof(Granted),
										 CurrentMemoryContext);
	List	   *grantees = NIL;
	ListCell   *lc;

	foreach(lc, facts->acls)
	{
		const Acl  *acl = lfirst(lc);
		const AclItem *items = ACL_DAT(acl);

		for (int i = 0; i < ACL_NUM(acl); i++)
			add_granted(granted, &grantees, items[i].ai_grantee,
						ACLITEM_GET_PRIVS(items[i]));
	}
	add_granted(granted, &grantees, ROLE_PG_READ_ALL_DATA, ACL_SELECT);
	add_granted(granted, &grantees, ROLE_PG_WRITE_ALL_DATA,
				ACL_INSERT | ACL_UPDATE | ACL_DELETE);
	foreach(lc, grantees)
	{
		Oid			grantee = lfirst_oid(lc);
		Granted    *entry = hash_search(granted, &grantee, HASH_FIND, NULL);
		const char *commands = privileges_in_words(entry->privileges,
												   TG_ALL_COMMANDS);

		CHECK_FOR_INTERRUPTS();
		if (commands == NULL ||
			tg_oidset_has(&source->superusers, grantee))
			continue;
		if (is_predefined(grantee))
			add_members(source, WAY_GRANT, grantee, facts->relid, commands);
		else if (OidIsValid(grantee))
			tg_add_role(source, WAY_GRANT, grantee, facts->relid, commands);
		else
			(void) add_way(source, WAY_GRANT, facts->relid, InvalidOid,
						   commands, "no row-level security");
	}
	hash_destroy(granted);
}

void
tg_add_roles(WaySource *source, const RelationFacts *facts)
{
	const char *all = tg_command_names(TG_ALL_COMMANDS);
	ListCell   *lc;

	foreach(lc, source->superusers.oids)
		tg_add_role(source, WAY_SUPERUSER, lfirst_oid(lc), facts->relid, all);
	foreach(lc, source->bypassers.oids)
	{
		const char *commands = commands_of(lfirst_oid(lc), facts);

		CHECK_FOR_INTERRUPTS();
		if (commands != NULL)
			tg_add_role(source, WAY_BYPASSRLS, lfirst_oid(lc), facts->relid,
						commands);
	}
	if (facts->rls_enabled && !facts->rls_forced &&
		!tg_oidset_has(&source->superusers, facts->owner) &&
		!tg_oidset_has(&source->bypassers, facts->owner))
		tg_add_role(source, WAY_OWNER, facts->owner, facts->relid, all);
}

/* What is said of a policy and one answer, whatever its sides and arms. */
typedef struct PolicyWay
{
	struct
	{
		Oid			policy;
		ScopeAnswer answer;
	}			key;			/* hash key, must be first */
	const ScopeIssue *issue;	/* the first one */
	CommandSet	commands;
} PolicyWay;

static bool
is_true(Node *node)
{
	return node != NULL && IsA(node, Const) && !((Const *) node)->constisnull &&
		((Const *) node)->consttype == BOOLOID &&
		DatumGetBool(((Const *) node)->constvalue);
}

/* Each role that an unscoped or unproven policy is for. */
static void
add_policy(WaySource *source, const RelationFacts *facts,
		   const PolicyWay *policy_way, const RelationFacts *of_parent)
{
	const PolicyFacts *policy = policy_way->issue->policy;
	bool		unproven = policy_way->key.answer == SCOPE_UNPROVEN;
	const char *name = quote_identifier(policy->name);
	const char *how;
	ListCell   *lc;

	if (is_true(policy_way->issue->in_check ? policy->with_check :
				policy->qual))
		how = psprintf("policy %s: true", name);
	else
		how = psprintf(unproven ? "policy %s, unproven: %s" :
					   "policy %s: %s", name, policy_way->issue->reason);
	if (of_parent != NULL)
		how = psprintf("parent %s: %s",
					   quote_qualified_identifier(of_parent->schema,
												  of_parent->name), how);
	foreach(lc, policy->roles)
	{
		Way		   *way;

		if (OidIsValid(lfirst_oid(lc)) &&
			tg_is_above_rls(source->reader, lfirst_oid(lc)))
			continue;
		way = add_way(source, of_parent != NULL ? WAY_PARENT :
					  unproven ? WAY_UNPROVEN_POLICY : WAY_POLICY,
					  facts->relid, lfirst_oid(lc),
					  tg_command_names(policy_way->commands), how);
		excuse(source, way, of_parent != NULL ? of_parent : facts,
			   unproven ? "policy_unproven" : "policy_unscoped",
			   policy->name, InvalidOid);
	}
}

/* "issues" are those of the table's policies, or of those of a parent. */
static void
add_issues(WaySource *source, const RelationFacts *facts, const List *issues,
		   const RelationFacts *of_parent)
{
	HTAB	   *known = tg_hash_create("trovella_guard policy ways",
									   sizeof(((PolicyWay *) NULL)->key),
									   sizeof(PolicyWay),
									   CurrentMemoryContext);
	List	   *policy_ways = NIL;
	const ListCell *lc;

	foreach(lc, issues)
	{
		const ScopeIssue *issue = lfirst(lc);
		PolicyWay	probe;
		PolicyWay  *policy_way;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		memset(&probe, 0, sizeof(probe));
		probe.key.policy = issue->policy->oid;
		probe.key.answer = issue->answer;
		policy_way = hash_search(known, &probe.key, HASH_ENTER, &found);
		if (!found)
		{
			policy_way->issue = issue;
			policy_way->commands = TG_NO_COMMAND;
			policy_ways = lappend(policy_ways, policy_way);
		}
		policy_way->commands |= issue->commands;
	}
	foreach(lc, policy_ways)
		add_policy(source, facts, lfirst(lc), of_parent);
	hash_destroy(known);
}

static void
add_switches(WaySource *source, const RelationFacts *facts)
{
	const List *bypasses = tg_facts_decisions(source->reader)->bypasses;
	const ListCell *lc;

	foreach(lc, bypasses)
	{
		const DeclaredBypass *bypass = lfirst(lc);
		const char *name = bypass->setting != NULL ? bypass->setting :
			psprintf("%s()", quote_qualified_identifier(bypass->schema,
														bypass->function));
		ListCell   *lc2;

		foreach(lc2, facts->policies)
		{
			const PolicyFacts *policy = lfirst(lc2);
			ListCell   *lc3;

			CHECK_FOR_INTERRUPTS();
			if (!policy->permissive ||
				!tg_facts_policy_names_switch(policy, bypass))
				continue;
			foreach(lc3, policy->roles)
			{
				Way		   *way;

				way = add_way(source, WAY_SWITCH, facts->relid,
							  lfirst_oid(lc3),
							  tg_command_names(policy->commands),
							  psprintf("declared bypass %s in policy %s",
									   name, quote_identifier(policy->name)));
				way->through = name;
				way->excused = bypass->reason;
			}
		}
	}
}

/*
 * Each role but one that was granted something on a relation, with what of that
 * is possible.
 */
static void
add_readers(WaySource *source, WayKind kind, Oid table,
			const RelationFacts *read, CommandSet possible, Oid except,
			const char *how,
			const RelationFacts *excused_by, const char *rule,
			const char *object, Oid other_relid)
{
	OidSet		grantees = {0};
	ListCell   *lc;

	foreach(lc, read->acls)
	{
		const Acl  *acl = lfirst(lc);
		const AclItem *items = ACL_DAT(acl);

		for (int i = 0; i < ACL_NUM(acl); i++)
		{
			Oid			grantee = items[i].ai_grantee;
			const char *commands =
				privileges_in_words(ACLITEM_GET_PRIVS(items[i]), possible);
			Way		   *way;

			CHECK_FOR_INTERRUPTS();
			if (commands == NULL || grantee == except ||
				(OidIsValid(grantee) &&
				 tg_is_above_rls(source->reader, grantee)) ||
				!tg_oidset_add(&grantees, grantee))
				continue;
			way = add_way(source, kind, table, grantee, commands, how);
			if (rule != NULL)
				excuse(source, way, excused_by, rule, object, other_relid);
		}
	}
}

static void
add_parents(WaySource *source, const RelationFacts *facts)
{
	RuleMemo	memo = {0};
	RuleSubject subject = {
		.reader = source->reader,
		.facts = facts,
		.memo = &memo
	};
	bool		all;
	ListCell   *lc;

	foreach(lc, tg_exposing_parents(&subject))
	{
		const ExposingParent *parent = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (parent->facts == NULL)
			(void) add_way(source, WAY_PARENT, facts->relid, InvalidOid, NULL,
						   parent->message);
		else if (parent->message == NULL)
			add_issues(source, facts, parent->issues, parent->facts);
		else
			add_readers(source, WAY_PARENT, facts->relid, parent->facts,
						TG_ALL_COMMANDS, facts->owner,
						psprintf("parent %s",
								 quote_qualified_identifier(parent->facts->schema,
															parent->facts->name)),
						facts, "rls_disabled", NULL, InvalidOid);
	}

	/* A partition is judged as a part of the whole, and so it is read */
	if (!facts->partition)
		return;
	foreach(lc, tg_facts_ancestors(source->reader, facts->relid, &all))
	{
		const RelationFacts *parent = tg_facts_read(source->reader,
													lfirst_oid(lc));

		if (parent != NULL && tg_is_tenant_table(parent) &&
			parent->rls_enabled)
			add_issues(source, facts,
					   tg_scope_issues(source->reader, parent), parent);
	}
}

void
tg_add_functions(WaySource *source, const RelationFacts *facts, Oid table)
{
	ListCell   *lc;

	foreach(lc, tg_exposing_functions(source->reader, facts, true, true))
	{
		const ExposingFunction *function = lfirst(lc);
		char	   *signature =
			tg_function_signature(function->read->definer->oid);
		ListCell   *lc2;

		if (signature == NULL)
			continue;
		foreach(lc2, function->grantees)
		{
			Way		   *way;

			CHECK_FOR_INTERRUPTS();
			if (OidIsValid(lfirst_oid(lc2)) &&
				tg_is_above_rls(source->reader, lfirst_oid(lc2)))
				continue;
			way = add_way(source, WAY_FUNCTION, table, lfirst_oid(lc2),
						  "EXECUTE",
						  psprintf("%s %s",
								   function->read->definer->is_procedure ?
								   "procedure" : "function", signature));
			way->through = signature;
			excuse(source, way, facts, "function_exposes_tenants", signature,
				   InvalidOid);
		}
	}
}

static void
add_publications(WaySource *source, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, tg_facts_publications_of(source->reader, facts))
	{
		const PublicationFacts *publication = lfirst(lc);
		Way		   *way = add_way(source, WAY_PUBLICATION, facts->relid,
								  InvalidOid, "SELECT",
								  psprintf("publication %s",
										   quote_identifier(publication->name)));

		way->through = publication->name;
		excuse(source, way, facts, "publication_exposes_tenants",
			   publication->name, InvalidOid);
	}
}

void
tg_add_ways_of_table(WaySource *source, const RelationFacts *facts)
{
	if (!facts->rls_enabled)
		add_grantees(source, facts);
	else if (facts->policies != NIL)
	{
		add_issues(source, facts, tg_scope_issues(source->reader, facts), NULL);
		add_switches(source, facts);
	}
	add_parents(source, facts);
	tg_add_functions(source, facts, facts->relid);
	add_publications(source, facts);
}

static WayKind
kind_of_window(const RelationFacts *window, const Finding *finding)
{
	if (window->kind == RELKIND_MATVIEW)
		return WAY_MATVIEW;
	if (window->kind == RELKIND_FOREIGN_TABLE)
		return WAY_FOREIGN_TABLE;
	return OidIsValid(finding->object_oid) ? WAY_RULE : WAY_VIEW;
}

/* The views through which one view is read as their owner, near and far. */
static void
add_views_above(WaySource *source, const RelationFacts *window, Oid table)
{
	ListCell   *lc;

	foreach(lc, tg_facts_dependent_views(source->reader, window->relid))
	{
		const RelationFacts *view = tg_facts_outline(source->reader,
													 lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (view == NULL || view->kind != RELKIND_VIEW ||
			view->security_invoker)
			continue;
		add_readers(source, WAY_VIEW, table, view,
					tg_facts_possible_commands(source->reader, view->relid),
					view->owner,
					psprintf("view %s over %s",
							 quote_qualified_identifier(view->schema,
														view->name),
							 quote_qualified_identifier(window->schema,
														window->name)),
					view, NULL, NULL, InvalidOid);
	}
}

static CommandSet
command_of_rule(const RelationFacts *window, Oid rule)
{
	ListCell   *lc;

	foreach(lc, window->rewrites)
	{
		const RewriteFacts *rewrite = lfirst(lc);

		if (rewrite->oid == rule)
			return rewrite->command;
	}
	return TG_NO_COMMAND;
}

void
tg_add_ways_of_window(WaySource *source, const RelationFacts *window)
{
	CommandSet	possible = TG_NO_COMMAND;
	OidSet		tables = {0};
	ListCell   *lc;

	for (int i = 0; i < (int) lengthof(window_checks); i++)
	{
		foreach(lc, tg_apply_check(source->reader, window, window_checks[i]))
		{
			const Finding *finding = lfirst(lc);
			WayKind		kind = kind_of_window(window, finding);
			char	   *name = quote_qualified_identifier(window->schema,
														  window->name);

			CHECK_FOR_INTERRUPTS();
			/* add_views_above() says by way of what */
			if (!OidIsValid(finding->other_relid) ||
				OidIsValid(finding->by_way_of))
				continue;
			if (kind != WAY_RULE && !tg_oidset_add(&tables, finding->other_relid))
				continue;
			if (kind != WAY_RULE && possible == TG_NO_COMMAND)
				possible = tg_facts_possible_commands(source->reader,
													  window->relid);
			add_readers(source, kind, finding->other_relid, window,
						kind == WAY_RULE ?
						command_of_rule(window, finding->object_oid) : possible,
						window->owner,
						kind == WAY_RULE ? psprintf("rule on %s", name) :
						psprintf("%s %s", tg_kind_name(window->kind), name),
						window, finding->rule->name, finding->object,
						finding->other_relid);
		}
	}
	foreach(lc, tables.oids)
		add_views_above(source, window, lfirst_oid(lc));
}
