/*-------------------------------------------------------------------------
 *
 * clues.h
 *		What the policies of a table depend on, as far as a trial must know it.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_CLUES_H
#define TROVELLA_GUARD_CLUES_H

#include "facts/facts.h"

/*
 * A place that holds a value: a column, a part of a JSON column, a session
 * setting, a part of a JSON setting, the current role, or a variable.  Terms that
 * policies compare for equality are united: they stand for the same thing, such
 * as the tenant or the user.
 */
typedef enum TermKind
{
	TERM_COLUMN,
	TERM_SETTING,
	TERM_ROLE,
	TERM_VARIABLE,
	TERM_LITERAL
} TermKind;

typedef struct Term
{
	TermKind	kind;
	Oid			relid;			/* of a column; the function of a variable */
	AttrNumber	attnum;
	const char *name;			/* of a setting or a variable; the literal */
	List	   *path;			/* keys in its JSON value, as strings; an
								 * integer: in the elements of a list */
	bool		is_part;		/* a literal that others are joined with */
	bool		is_list;		/* holds several values */
	bool		is_keys;		/* ... as the keys of a JSON object */
	Oid			type;			/* of a column; what a setting is cast to */
	List	   *literals;		/* it is compared with these strings */
	List	   *unwanted;		/* ... of which it must differ from these */
	int			lean;			/* it must be greater (1), or less (-1) */
	bool		wants_null;		/* somebody asks whether it is NULL */
	int			number;
	struct Term *united;		/* NULL: it stands for its set */
} Term;

/* The column of a view, or of what a function returns, that holds the tenant. */
typedef struct TenantColumn
{
	Oid			shown_by;		/* the view or the function */
	int			number;			/* from 1 */
} TenantColumn;

typedef struct Clues
{
	FactsReader *reader;
	const RelationFacts *table;
	List	   *terms;			/* of Term */
	List	   *relations;		/* OIDs of the other tables that are read */
	List	   *expressions;	/* texts of values that policies compare the
								 * tenant column with */
	List	   *tenant_columns; /* of TenantColumn */
	List	   *absent;			/* ... of these, rows that must not be there */
	bool		sets_settings;	/* a policy sets some, such as by set_config() */
	bool		loose;			/* the tenant is compared by other means than
								 * equality */
	bool		patterns;		/* ... by regular expressions */
	bool		negated;		/* within NOT, while reading */
	List	   *active;			/* functions whose bodies are being read */
	int			steps;			/* budget left */
} Clues;

/* Reads the policies of a table, in the current memory context. */
extern Clues *tg_probe_clues(FactsReader *reader, const RelationFacts *table);

/* The term that stands for those that a term is united with. */
extern Term *tg_probe_set(Term *term);

/* The literals with which a term is compared, or a variable that holds it. */
extern List *tg_probe_literals(const Clues *clues, Term *term);

/* The terms of one kind; of columns only those of the relation. */
extern List *tg_probe_settings(const Clues *clues);
extern Term *tg_probe_column(const Clues *clues, Oid relid,
							 AttrNumber attnum);

/* Does anything compare the column, or a part of it? */
extern List *tg_probe_parts_of_column(const Clues *clues, Oid relid,
									  AttrNumber attnum);

/* Has a term's set a setting or the role in it, or the tenant column? */
extern bool tg_probe_is_identity(const Clues *clues, Term *term);
extern bool tg_probe_is_tenant(const Clues *clues, Term *term);

/* Which column of a view or function holds the tenant?  0 if none does. */
extern int	tg_probe_tenant_column(const Clues *clues, Oid shown_by);

/* Does anybody set this setting of PostgreSQL's own as he likes? */
extern bool tg_probe_is_builtin_setting(const char *name);

/* Does a column hold the same thing? */
extern bool tg_probe_has_column(const Clues *clues, Term *term);

/* The strings and numbers in the text of a constraint. */
extern List *tg_probe_literals_in(const char *text);

#endif							/* TROVELLA_GUARD_CLUES_H */
