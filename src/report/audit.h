/*-------------------------------------------------------------------------
 *
 * audit.h
 *		Applies the rules to all relations, outside of any verdict.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_AUDIT_H
#define TROVELLA_GUARD_AUDIT_H

#include "allowlist/allowlist.h"
#include "facts/facts.h"
#include "rules/rules.h"

typedef struct Audit Audit;

/*
 * Begins an audit of one relation, or (NULL) of the whole database, under one
 * snapshot, in the current memory context.
 */
extern Audit *tg_audit_begin(const Oid *relid);
extern void tg_audit_end(Audit *audit);

/*
 * The next relation that rules are about, with its findings (of Finding, in
 * the order of the rules; waived_by and is_debt are filled in).  NULL when
 * there are no more.  Facts and findings live until the next call.  If a rule
 * fails with an error, that is one of the findings.
 */
extern const RelationFacts *tg_audit_next(Audit *audit, List **findings);

/*
 * The findings of the rules about the database; to be called after the last
 * relation of an audit of the whole database.
 */
extern List *tg_audit_database(Audit *audit);

/*
 * The entries of the allowlist, as a List of AllowlistEntry; and why an entry is
 * stale, or NULL, to be asked after the last relation as well.
 */
extern List *tg_audit_entries(Audit *audit);
extern const char *tg_audit_why_stale(Audit *audit,
									  const AllowlistEntry *entry);

/* The entry that makes an audited relation global, or NULL. */
extern const AllowlistEntry *tg_audit_global_entry(Audit *audit,
												   const RelationFacts *facts);

/* What it reads by, for other questions under the same snapshot. */
extern FactsReader *tg_audit_reader(const Audit *audit);
extern const Allowlist *tg_audit_allowlist(const Audit *audit);

/*
 * The relations that it judges.  Of the whole database these are all that are not
 * temporary, and no members of extensions that a superuser owns.
 */
extern const Oid *tg_audit_relations(const Audit *audit, int *count);

/*
 * Does something and catches its error, unless that ends the audit.  Returns NULL,
 * or the message of the error.  If audit_failed is off, nothing is caught.
 */
extern const char *tg_audit_attempt(void (*action) (void *arg), void *arg);

#endif							/* TROVELLA_GUARD_AUDIT_H */
