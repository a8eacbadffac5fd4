/*-------------------------------------------------------------------------
 *
 * texts.c
 *		Texts of expressions that several policies and tables share.
 *
 * Where one policy has a finding, those of most tables have the same.  Printing
 * an expression costs more than all else about a finding, so the reader keeps
 * the texts that were used last.
 *
 * A text contains names of columns, and in a sub-select or for a whole row also
 * the name of the table.  So it is kept in pieces, between which the name goes,
 * and only for tables whose columns have the same names.  The facts tell all
 * that, so a kept text needs neither a lock on the table nor its relation cache
 * entry.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "rules/texts.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define MAX_TEXTS_KEPT 32
#define MAX_NODES_KEPT 500
#define MAX_LENGTH_KEPT 8192

/* What the text of an expression depends on in the table. */
typedef struct NamesInText
{
	int			level;			/* of the sub-select that is walked */
	bool		table;			/* is its name in the text? */
	List	   *aliases;		/* of relations in sub-selects */
	Bitmapset  *columns;		/* numbers of columns */
} NamesInText;

typedef struct NamedColumn
{
	AttrNumber	attnum;
	char	   *name;
} NamedColumn;

typedef struct KeptText
{
	MemoryContext context;		/* has all of it */
	Node	   *node;
	ExpressionShape shape;
	bool		for_any_path;
	List	   *aliases;		/* see NamesInText */
	int			ncolumns;
	NamedColumn *columns;
	List	   *pieces;			/* of the text, around the table's name */
} KeptText;

/* The one that was used last comes first. */
typedef struct KeptTexts
{
	MemoryContext context;
	int			count;
	KeptText   *texts[MAX_TEXTS_KEPT];
} KeptTexts;

static KeptTexts *
kept_texts(FactsReader *reader)
{
	MemoryContext context;
	void	  **place = tg_facts_place_for_rules(reader, &context);

	if (*place == NULL)
	{
		KeptTexts  *kept = MemoryContextAllocZero(context, sizeof(KeptTexts));

		kept->context = context;
		*place = kept;
	}
	return *place;
}

/* The end of a long alias gives way to the number. */
#define MAX_NUMBER_LENGTH 11

/*
 * May printing change an alias in a sub-select for a table of this name?
 * PostgreSQL appends a number to an alias that is the table's name, or another
 * alias.
 */
static bool
may_clash(const char *table, const List *aliases)
{
	const ListCell *lc;

	foreach(lc, aliases)
	{
		const char *alias = lfirst(lc);
		int			length = Min((int) strlen(alias),
								 NAMEDATALEN - 1 - MAX_NUMBER_LENGTH -
								 MAX_MULTIBYTE_CHAR_LEN);

		if (strncmp(table, alias, length) == 0)
			return true;
	}
	return false;
}

static bool
same_names(const KeptText *kept, const RelationFacts *facts)
{
	if (may_clash(facts->name, kept->aliases))
		return false;
	for (int i = 0; i < kept->ncolumns; i++)
	{
		const NamedColumn *column = &kept->columns[i];
		const ColumnFacts *own = tg_find_column(facts, column->attnum);

		if (own == NULL || strcmp(own->name, column->name) != 0)
			return false;
	}
	return true;
}

static bool
answers(const KeptText *kept, const TextRequest *request)
{
	return kept->shape.nodes == request->shape.nodes &&
		kept->shape.spelling == request->shape.spelling &&
		kept->for_any_path == request->for_any_path &&
		same_names(kept, request->facts) &&
		equal(kept->node, request->node);
}

/* Puts a text first, in the place of the one with this number. */
static void
put_first(KeptTexts *kept, KeptText *text, int number)
{
	memmove(&kept->texts[1], &kept->texts[0], number * sizeof(KeptText *));
	kept->texts[0] = text;
}

/* Puts the name of the table between the pieces of a text. */
static char *
join_pieces(const List *pieces, const char *table)
{
	StringInfoData text;
	const ListCell *lc;

	initStringInfo(&text);
	foreach(lc, pieces)
	{
		if (lc != list_head(pieces))
			appendStringInfoString(&text, quote_identifier(table));
		appendStringInfoString(&text, lfirst(lc));
	}
	return text.data;
}

char *
tg_kept_text(FactsReader *reader, const TextRequest *request)
{
	KeptTexts  *kept = kept_texts(reader);

	for (int i = 0; i < kept->count; i++)
	{
		KeptText   *text = kept->texts[i];

		if (answers(text, request))
		{
			put_first(kept, text, i);
			return join_pieces(text->pieces, request->facts->name);
		}
	}
	return NULL;
}

/* The name of a relation in a sub-select; NULL if it has none. */
static char *
alias_of(const RangeTblEntry *rte)
{
	if (rte->alias != NULL)
		return rte->alias->aliasname;
	if (rte->rtekind == RTE_RELATION)
		return get_rel_name(rte->relid);
	return rte->rtekind != RTE_JOIN ? rte->eref->aliasname : NULL;
}

/* In a sub-select, columns of the table have its name before theirs. */
static bool
find_names(Node *node, NamesInText *names)
{
	ListCell   *lc;
	bool		result;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if ((int) var->varlevelsup != names->level)
			return false;
		if (names->level > 0 || var->varattno == InvalidAttrNumber)
			names->table = true;
		if (var->varattno > 0)
			names->columns = bms_add_member(names->columns, var->varattno);
		return false;
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, find_names, names);

	foreach(lc, ((Query *) node)->rtable)
	{
		char	   *alias = alias_of(lfirst(lc));

		if (alias != NULL)
			names->aliases = lappend(names->aliases, pstrdup(alias));
	}
	names->level++;
	result = query_tree_walker((Query *) node, find_names, names, 0);
	names->level--;
	return result;
}

/* False if a column has another name by now. */
static bool
keep_columns(KeptText *text, const NamesInText *names,
			 const RelationFacts *facts, TupleDesc descriptor)
{
	int			attnum = -1;

	text->columns = palloc(Max(bms_num_members(names->columns), 1) *
						   sizeof(NamedColumn));
	while ((attnum = bms_next_member(names->columns, attnum)) >= 0)
	{
		const ColumnFacts *column = tg_find_column(facts, attnum);

		if (column == NULL || attnum > descriptor->natts ||
			strcmp(NameStr(TupleDescAttr(descriptor, attnum - 1)->attname),
				   column->name) != 0)
			return false;
		text->columns[text->ncolumns].attnum = attnum;
		text->columns[text->ncolumns++].name = pstrdup(column->name);
	}
	return true;
}

/* A name that begins otherwise than that of the table, and needs no quotes. */
static const char *
other_name(const char *table, const List *aliases)
{
	static const char *const names[] = {"t", "u", "v", "w", "x", "y", "z"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (names[i][0] != table[0] && !may_clash(names[i], aliases))
			return names[i];
	}
	return NULL;
}

/*
 * Cuts the table's name out of a text.  The name is where the text differs from
 * the one that the same expression has for a table with another name.
 */
static bool
keep_pieces(KeptText *text, const NamesInText *names, const TextRequest *request,
			const char *printed)
{
	const char *name = quote_identifier(request->facts->name);
	const char *other;
	const char *other_printed;
	const char *piece = printed;

	if (!names->table)
	{
		text->pieces = list_make1(pstrdup(printed));
		return true;
	}
	other = other_name(name, names->aliases);
	if (other == NULL)
		return false;
	other_printed = tg_print_expression(request, other);
	while (*printed != '\0')
	{
		if (*printed == *other_printed)
		{
			printed++;
			other_printed++;
			continue;
		}
		if (strncmp(printed, name, strlen(name)) != 0 ||
			strncmp(other_printed, other, strlen(other)) != 0)
			return false;
		text->pieces = lappend(text->pieces,
							   pnstrdup(piece, printed - piece));
		printed += strlen(name);
		other_printed += strlen(other);
		piece = printed;
	}
	text->pieces = lappend(text->pieces, pstrdup(piece));
	return *other_printed == '\0';
}

static KeptText *
make_text(const TextRequest *request, TupleDesc descriptor, const char *printed)
{
	KeptText   *text = palloc0(sizeof(KeptText));
	NamesInText names = {0};

	(void) find_names(request->node, &names);
	if (may_clash(request->facts->name, names.aliases) ||
		!keep_columns(text, &names, request->facts, descriptor) ||
		!keep_pieces(text, &names, request, printed))
		return NULL;
	text->context = CurrentMemoryContext;
	text->node = copyObject(request->node);
	text->shape = request->shape;
	text->for_any_path = request->for_any_path;
	text->aliases = names.aliases;
	return text;
}

void
tg_keep_text(FactsReader *reader, const TextRequest *request,
			 TupleDesc descriptor, const char *printed)
{
	KeptTexts  *kept = kept_texts(reader);
	MemoryContext context;
	MemoryContext old;
	KeptText   *text;

	if (request->shape.nodes > MAX_NODES_KEPT ||
		strlen(printed) > MAX_LENGTH_KEPT)
		return;

	context = AllocSetContextCreate(kept->context, "trovella_guard text",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	text = make_text(request, descriptor, printed);
	MemoryContextSwitchTo(old);
	if (text == NULL)
	{
		MemoryContextDelete(context);
		return;
	}

	if (kept->count == MAX_TEXTS_KEPT)
		MemoryContextDelete(kept->texts[--kept->count]->context);
	put_first(kept, text, kept->count++);
}
