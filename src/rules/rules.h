/*-------------------------------------------------------------------------
 *
 * rules.h
 *		The registry of rules, and the input and output of a rule.
 *
 * To add a rule: write its check function in the file of its family under
 * rules/, declare it at the end of this file, give it a row in the registry
 * (registry.c), a regression file and a section in docs/rules.md.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_RULES_H
#define TROVELLA_GUARD_RULES_H

#include "datatype/timestamp.h"
#include "facts/facts.h"
#include "utils/relcache.h"

/* The consequence of breaking a rule, in ascending order. */
typedef enum RuleLevel
{
	TG_LEVEL_OFF,				/* nothing */
	TG_LEVEL_INFO,				/* a row in audits */
	TG_LEVEL_WARNING,			/* a WARNING at commit */
	TG_LEVEL_ERROR				/* the commit is refused */
} RuleLevel;

/* A choice of levels for all rules: trovella_guard.profile. */
typedef enum Profile
{
	TG_PROFILE_CHECKLIST,
	TG_PROFILE_ISOLATION,
	TG_PROFILE_STRICT
} Profile;

#define TG_PROFILES (TG_PROFILE_STRICT + 1)

typedef struct Rule Rule;

/* Which entries of the allowlist may waive a finding? */
typedef enum FindingWaiver
{
	TG_WAIVABLE_BY_ANY_ENTRY,
	TG_WAIVABLE_BY_ITS_RULE,	/* one that names the rule, not "*" */
	TG_WAIVABLE_BY_NONE
} FindingWaiver;

/*
 * One rule broken by one object.
 *
 * The verdict recognizes a pre-existing finding by (rule, relation, object,
 * commands, fingerprint), never by a name, which a rename changes.  A debt has the
 * name, and follows it.
 */
typedef struct Finding
{
	const Rule *rule;
	RuleLevel	level;			/* the rule's level at the time of judging, or
								 * less, where this case of it weighs less */
	Oid			relid;
	const char *schema;
	const char *table;
	Oid			object_oid;		/* policy, constraint, ... or InvalidOid */
	Oid			other_relid;	/* the table whose rows are exposed, if that
								 * is not the relation itself; if it is
								 * global, the finding is dropped */
	Oid			by_way_of;		/* the view or the like by way of which they
								 * are, if not by the relation itself */
	CommandSet	commands;		/* the commands concerned, if any */
	uint64		fingerprint;	/* changes if the object's definition does; 0
								 * if unused */
	const struct Basis *basis;	/* what can get worse (basis.h), or NULL;
								 * lives as long as the facts */
	const char *object;			/* what breaks the rule, by a name that
								 * entries of the allowlist contain: a policy,
								 * a constraint, "SELECT, INSERT"; NULL: the
								 * relation */
	const char *message;		/* lower case, no full stop */
	const char *repair_sql;		/* statements, each with a semicolon at its
								 * end, or NULL if SQL cannot repair it */
	FindingWaiver waivable_by;
	bool		by_meaning;		/* the fingerprint identifies it, and not the
								 * object, which may be dropped and made again */
	bool		was_there;		/* broken before this transaction, too */
	bool		was_found;		/* the same, even if an entry waived it then */
	const char *known_as;		/* its object then, if it was found; NULL if
								 * others that mean the same were that */
	bool		took_away;		/* a tenant table has become less protected */
	bool		breaks_seal;	/* a sealed entry would waive it, if the
								 * relation were sealed */
	const char *trial_sql;		/* statements that try it and attest it, or
								 * NULL */
	bool		void_attestation;	/* it was attested as it was */
	const char *waived_by;		/* the reason of the allowlist entry that
								 * waives it, or NULL */
	bool		is_debt;		/* adopt() made an entry for it; if nothing
								 * waives it, that debt is overdue */
	const char *reason;			/* of the entry that waives it, or that is
								 * overdue, or NULL ... */
	const char *author;			/* ... who wrote that entry ... */
	TimestampTz since;			/* ... when, */
	TimestampTz due;			/* and when it ends, or has ended */
} Finding;

/* What the transaction changed of a pre-existing relation. */
typedef struct RelationHistory
{
	const RelationFacts *before;	/* NULL if the relation is new, or if the
									 * verdict did not need to read it */
	FactsReader *reader;		/* reads the state before the transaction */
	const List *altered_functions;	/* OIDs of functions that policies call */
	bool		no_statement;	/* the transaction has executed no DDL
								 * statement */
	bool		was_exempt;		/* an entry waived every rule for it */
	bool		column_is_lost; /* an entry says that it has lost its tenant
								 * column, before or now */
	const char *gained_exemption;	/* the allowlist entry that covers it
									 * since a rename, a move or ATTACH
									 * PARTITION, or NULL */
} RelationHistory;

/* Why an audit could not apply a rule. */
typedef struct RuleFailure
{
	const Rule *rule;			/* NULL: it could apply none */
	const char *message;		/* of the error */
} RuleFailure;

/* Results that several rules about the same relation need. */
typedef struct RuleMemo
{
	bool		issues_known;
	List	   *issues;			/* of ScopeIssue */
	bool		parents_known;
	List	   *exposing_parents;	/* of ExposingParent */
	const struct SortedSet *grants[TG_ALL_COMMANDS + 1];	/* by CommandSet */
	const struct SortedSet *guards; /* restrictive policies */
	enum
	{
		REACH_UNKNOWN,
		REACH_NONE,
		REACH_SOME
	}			reach;			/* see tg_is_not_reached_yet() */
	Oid			printing_of;	/* the table whose expressions are printed, or
								 * InvalidOid */
	Relation	printed;		/* held meanwhile; NULL: it is impossible */
} RuleMemo;

/* The input of a rule. */
typedef struct RuleSubject
{
	FactsReader *reader;		/* to look up parents and the like */
	const RelationFacts *facts; /* NULL for a rule about the database */
	const RelationHistory *history; /* NULL in audits */
	const struct Allowlist *allowlist;	/* for a rule about the allowlist,
										 * else NULL */
	bool		describe;		/* are the facts current, so that expressions
								 * can be printed? */
	bool		alone;			/* report also what another rule says of
								 * another relation, as nobody asks that one:
								 * see tg_why_unguarded() */
	const RuleFailure *failure; /* for audit_failed, else NULL */
	RuleMemo   *memo;
	const Rule *rule;			/* the rule being checked */
	List	  **findings;		/* where tg_report_finding() appends */
} RuleSubject;

typedef void (*RuleCheck) (const RuleSubject *subject);

/* What a rule is about: one of these, or several. */
typedef enum RuleAbout
{
	TG_ABOUT_TENANT_TABLES = 1 << 0,	/* ordinary and partitioned tables
										 * with a tenant column */
	TG_ABOUT_OTHER_TABLES = 1 << 1, /* ... without one */
	TG_ABOUT_OTHER_RELATIONS = 1 << 2,	/* views, materialized views, foreign
										 * tables */
	TG_ABOUT_DATABASE = 1 << 3, /* no relation */
	TG_ABOUT_ALLOWLIST = 1 << 4 /* no relation: audits only */
} RuleAbout;

/* What may be offered to somebody who breaks a rule on purpose? */
typedef enum RuleWaiver
{
	TG_WAIVE_NOTHING,			/* a row of another tenant would be reached */
	TG_WAIVE_ROLE,				/* an entry that excuses the role that the
								 * finding has as its object */
	TG_WAIVE_OBJECT,			/* an entry for this rule, and this object */
	TG_WAIVE_TABLE				/* if the table is new: the exemption of the
								 * whole table, as a global one */
} RuleWaiver;

struct Rule
{
	const char *name;			/* never changes: settings and allowlists
								 * contain it */
	RuleLevel	levels[TG_PROFILES];
	int			about;			/* of RuleAbout */
	RuleCheck	check;
	const char *purpose;		/* the reason for the rule, in one line */
	RuleWaiver	waiver;
	const char *undo;			/* what to leave out, if the transaction has
								 * taken away what a tenant table had; or NULL */
	bool		undo_only;		/* and not to repair */
	bool		repair_adds;	/* the repair takes nothing away from whoever
								 * uses the table */
	bool		once;			/* a pre-existing finding is worth no warning
								 * at each touch of the table */
	bool		beyond_seal;	/* what it finds can open a sealed table: no
								 * sealed entry for all rules waives it */
};

extern const Rule tg_rules[];
extern const int tg_rules_count;

/*
 * Defines trovella_guard.profile and trovella_guard.rules; called once, from
 * _PG_init.
 */
extern void tg_levels_init(void);

/*
 * The current level of rule number "rule" of the registry, the one that the
 * profile gives it, and whether trovella_guard.rules overrides that.
 */
extern RuleLevel tg_rule_level(int rule);
extern RuleLevel tg_rule_level_of_profile(int rule);
extern bool tg_rule_is_overridden(int rule);

/* A level by its name; false if there is no such level. */
extern bool tg_parse_level(const char *name, RuleLevel *level);
extern const char *tg_level_name(RuleLevel level);

/* The number of a rule by its name, or -1. */
extern int	tg_rule_by_name(const char *name);

/* The number of the rule that has this check. */
extern int	tg_rule_by_check(RuleCheck check);

/* "a, b, c", for hints. */
extern char *tg_rule_names(void);

/*
 * Applies every rule that is not off, and whose level is at least "least", to
 * one relation.  Returns a List of Finding in the order of the registry; NIL
 * for a temporary relation.  "describe" says that the facts are current, so that
 * messages may print expressions; without it, only the identity of the findings
 * is meaningful.
 */
extern List *tg_apply_rules(FactsReader *reader, const RelationFacts *facts,
							const RelationHistory *history, RuleLevel least,
							bool describe);

/* The same for rules about the database. */
extern List *tg_apply_database_rules(FactsReader *reader, RuleLevel least);

/*
 * For audits: applies one rule to a relation or (NULL) to the database.  A
 * finding about the database need not name an existing relation: schema and
 * table may be NULL.  Rules about the allowlist come at the end of an audit of
 * all relations, which has marked the entries that it used.
 */
extern List *tg_apply_rule(FactsReader *reader, const RelationFacts *facts,
						   const struct Allowlist *allowlist, int number,
						   const RuleFailure *failure);

/*
 * The findings of one rule about a relation, whatever the rule's level is.  Nothing
 * is printed of expressions.
 */
extern List *tg_apply_check(FactsReader *reader, const RelationFacts *facts,
							RuleCheck check);

/* Does a finding refuse the commit in mode "enforce"? */
extern bool tg_refuses(const Finding *finding);

/* The name of a role, for messages; its OID if the role is gone. */
extern char *tg_role_name(Oid role);

/* "table", "view" and the like, by RELKIND_xxx */
extern const char *tg_kind_name(char kind);

/*
 * For rules: appends a finding about the subject and returns it, so that the
 * caller can fill in object, commands and repair SQL.
 */
extern Finding *tg_report_finding(const RuleSubject *subject,
								  const char *message_fmt,...)
			pg_attribute_printf(2, 3);

/* rules/rls.c */
extern void tg_check_rls_disabled(const RuleSubject *subject);
extern void tg_check_rls_not_forced(const RuleSubject *subject);

/* rules/reach.c */
extern void tg_check_not_protected_yet(const RuleSubject *subject);

/*
 * Does not_protected_yet stand for the findings about leaks, because no role of
 * the application can reach the table?
 */
extern bool tg_is_not_reached_yet(const RuleSubject *subject);

/*
 * For rules about views and functions: why do all who may read a tenant table see
 * the rows of all tenants?  NULL if they do not, or if rls_disabled or
 * policy_unscoped say it of the table itself, which they do unless it is not
 * reached yet.  ("alone": whatever rls_disabled says.)  Sets *relied_on to what
 * the answer rests on.
 */
extern const char *tg_why_unguarded(FactsReader *reader,
									const RelationFacts *table, bool alone,
									uint64 *relied_on);

/* rules/policies.c */
extern void tg_check_policy_missing(const RuleSubject *subject);
extern void tg_check_policy_unscoped(const RuleSubject *subject);
extern void tg_check_policy_unproven(const RuleSubject *subject);

/* rules/per_row.c */
extern void tg_check_policy_per_row_call(const RuleSubject *subject);

/* rules/keys.c */
extern Oid	tg_covering_index(const RelationFacts *facts, int nkeys,
							  const AttrNumber *keys);
extern void tg_check_tenant_index_missing(const RuleSubject *subject);
extern void tg_check_fk_index_missing(const RuleSubject *subject);
extern void tg_check_fk_on_delete(const RuleSubject *subject);
extern void tg_check_fk_crosses_tenants(const RuleSubject *subject);
extern void tg_check_unique_crosses_tenants(const RuleSubject *subject);

/* rules/columns.c */
extern void tg_check_tenant_column_lost(const RuleSubject *subject);
extern void tg_check_tenant_column_nullable(const RuleSubject *subject);
extern void tg_check_required_columns_missing(const RuleSubject *subject);

/* Was it a tenant table before the transaction, and is none now? */
extern bool tg_has_lost_tenant_column(const RuleSubject *subject);

/* rules/unclassified.c */
extern void tg_check_table_unclassified(const RuleSubject *subject);

/* rules/views.c */
extern void tg_check_relation_unprotectable(const RuleSubject *subject);
extern void tg_check_view_bypasses_rls(const RuleSubject *subject);
extern void tg_check_view_exposes_tenants(const RuleSubject *subject);
extern void tg_check_matview_exposes_tenants(const RuleSubject *subject);

/* rules/exposure.c */
extern void tg_check_app_role_bypasses_rls(const RuleSubject *subject);

/* rules/functions.c */
extern void tg_check_policy_function_untrusted(const RuleSubject *subject);

/* rules/definers.c */
extern void tg_check_function_exposes_tenants(const RuleSubject *subject);

/* rules/roles.c */
extern void tg_check_grant_missing(const RuleSubject *subject);
extern void tg_check_role_bypasses_rls(const RuleSubject *subject);
extern void tg_check_backup_role_confined(const RuleSubject *subject);

/* rules/publications.c */
extern void tg_check_publication_exposes_tenants(const RuleSubject *subject);

/* rules/distributed.c */
extern void tg_check_nodes_not_audited(const RuleSubject *subject);

/* rules/pins.c */
extern void tg_check_setting_pinned(const RuleSubject *subject);

/* rules/failures.c */
extern void tg_check_audit_failed(const RuleSubject *subject);

/* allowlist/exemptions.c */
struct AllowlistEntry;
extern void tg_check_exemption_taken_over(const RuleSubject *subject);
extern void tg_check_allowlist_stale(const RuleSubject *subject);

/*
 * Why an allowlist entry is not needed, after an audit of the whole database
 * has marked the used ones; NULL if it is needed.
 */
extern const char *tg_why_stale(FactsReader *reader,
								const struct AllowlistEntry *entry);

#endif							/* TROVELLA_GUARD_RULES_H */
