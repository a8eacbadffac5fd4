/*-------------------------------------------------------------------------
 *
 * json.c
 *		A JSON value that has given values at given paths.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "probe/probe.h"
#include "utils/json.h"

/* true, false and numbers are written as what they are. */
static void
append_scalar(StringInfo json, const char *value, bool quoted)
{
	if (value == NULL)
		appendStringInfoString(json, "null");
	else if (!quoted && (strcmp(value, "true") == 0 ||
						 strcmp(value, "false") == 0 ||
						 (value[0] >= '1' && value[0] <= '9' &&
						  strspn(value, "0123456789") == strlen(value))))
		appendStringInfoString(json, value);
	else
		escape_json(json, value);
}

/* The value of the parts whose paths agree so far. */
static void
append_value(StringInfo json, List *parts, int depth)
{
	List	   *keys = NIL;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, parts)
	{
		JsonPart   *part = lfirst(lc);

		if (list_length(part->path) > depth)
			keys = list_append_unique(keys, list_nth(part->path, depth));
	}
	if (keys == NIL)
	{
		JsonPart   *part = linitial(parts);

		if (part->is_keys)
		{
			appendStringInfoChar(json, '{');
			escape_json(json, part->value != NULL ? part->value : "");
			appendStringInfoString(json, ": true}");
			return;
		}
		if (part->is_list)
			appendStringInfoChar(json, '[');
		append_scalar(json, part->value, part->is_list);
		if (part->is_list)
			appendStringInfoChar(json, ']');
		return;
	}
	/* the elements of a list: one */
	if (IsA(linitial(keys), Integer))
	{
		List	   *below = NIL;

		foreach(lc, parts)
		{
			JsonPart   *part = lfirst(lc);

			if (list_length(part->path) > depth &&
				IsA(list_nth(part->path, depth), Integer))
				below = lappend(below, part);
		}
		appendStringInfoChar(json, '[');
		append_value(json, below, depth + 1);
		appendStringInfoChar(json, ']');
		return;
	}
	appendStringInfoChar(json, '{');
	foreach(lc, keys)
	{
		List	   *below = NIL;
		ListCell   *lc2;

		foreach(lc2, parts)
		{
			JsonPart   *part = lfirst(lc2);

			if (list_length(part->path) > depth &&
				equal(list_nth(part->path, depth), lfirst(lc)))
				below = lappend(below, part);
		}
		if (!IsA(lfirst(lc), String))
			continue;
		if (lc != list_head(keys))
			appendStringInfoString(json, ", ");
		escape_json(json, strVal(lfirst(lc)));
		appendStringInfoString(json, ": ");
		append_value(json, below, depth + 1);
	}
	appendStringInfoChar(json, '}');
}

char *
tg_probe_json(List *parts)
{
	StringInfoData json;

	initStringInfo(&json);
	append_value(&json, parts, 0);
	return json.data;
}
