/*-------------------------------------------------------------------------
 *
 * remedy.h
 *		The SQL that repairs a finding.
 *
 * Each function returns statements that can be pasted into a migration as
 * they are: every name is quoted where it needs to be and qualified by its
 * schema, every statement ends with a semicolon.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_REMEDY_H
#define TROVELLA_GUARD_REMEDY_H

#include "facts/facts.h"

extern char *tg_remedy_table(const RelationFacts *facts, const char *action);
extern char *tg_remedy_force(FactsReader *reader, const RelationFacts *facts);
extern char *tg_remedy_policies(const RelationFacts *facts,
								CommandSet commands);

/*
 * Confines the expressions of a policy to the tenant, of which the texts are
 * given, or NULL for one that stays as it is.
 */
extern char *tg_remedy_scope(const RelationFacts *facts,
							 const PolicyFacts *policy,
							 const char *qual, const char *with_check);

extern char *tg_remedy_policy(const RelationFacts *facts,
							  const PolicyFacts *policy,
							  const char *qual, const char *with_check);
extern char *tg_remedy_on_delete(FactsReader *reader,
								 const RelationFacts *facts,
								 const ForeignKeyFacts *key);
extern char *tg_remedy_tenant_columns(const TenantGuess *guess);

/*
 * Sets the tenant columns so that "column" is one, beside the configured ones;
 * "in_use": do tables have those?  Otherwise it takes the place of the one that
 * equals it but for case.
 */
extern char *tg_remedy_spelling(const char *column, bool in_use);
extern char *tg_remedy_required_column(const RelationFacts *facts,
									   const char *column);
extern char *tg_remedy_revoke(const RelationFacts *facts,
							  const List *grantees);

/* Lets nobody read the children of a child's parent except through it. */
extern char *tg_remedy_seal_partitions(FactsReader *reader,
									   const RelationFacts *child);

/*
 * A comment on one line, for what somebody must decide or know.  Names in it
 * cannot begin a new line, whatever characters they contain.
 */
extern char *tg_remedy_comment(const char *fmt,...) pg_attribute_printf(1, 2);

/* "SELECT, INSERT" */
extern char *tg_command_names(CommandSet commands);

/* waivers.c */

#define TG_ALLOW_CALL "SELECT trovella_guard.allow("

extern char *tg_remedy_allow(const char *schema, const char *table,
							 const char *rule, const char *object);

/* A sealed entry; "table" NULL: for the whole schema. */
extern char *tg_remedy_seal(const char *schema, const char *table);

/* A trial of a table; the same, with the attestation of one of its policies. */
extern char *tg_remedy_probe(const char *schema, const char *table);
extern char *tg_remedy_attest(const char *schema, const char *table,
							  const char *policy);
extern char *tg_remedy_disallow(const char *schema, const char *table,
								const char *rule, const char *object);

/* For roles and switches (see tg_switch_name()) that show all tenants. */
extern char *tg_remedy_allow_role(const char *role);
extern char *tg_remedy_disallow_role(const char *role);
extern char *tg_remedy_allow_bypass(const char *name);
extern char *tg_remedy_disallow_bypass(const char *name);

/* Is a reason the text that these functions print in its place? */
extern bool tg_is_placeholder(const char *reason);

/* Does the repair start with an allowlist entry, or only ask something? */
extern bool tg_remedy_needs_decision(const char *repair_sql);

#endif							/* TROVELLA_GUARD_REMEDY_H */
