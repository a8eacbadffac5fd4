/*-------------------------------------------------------------------------
 *
 * explain.c
 *		Conclusions in words.
 *
 * What a finding says of the arm of a policy that lets a row through, or that
 * could not be followed.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scope/proof.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The name of the function that is to blame, or NULL. */
static char *
function_name(const Conclusion *conclusion, Origin origin)
{
	Oid			function = conclusion->arm == NULL ? InvalidOid :
		tg_function_behind(conclusion->arm, origin);

	return OidIsValid(function) ? get_func_name(function) : NULL;
}

char *
tg_explain(const Conclusion *conclusion, const ProofContext *context)
{
	const char *column = quote_identifier(context->facts->tenant->name);
	const char *what = conclusion->in_or ? _("this OR arm") :
		_("the expression");
	char	   *function;

	switch (conclusion->reason)
	{
		case REASON_NOTHING:
			return pstrdup("");
		case REASON_ALWAYS:
			return psprintf(_("%s is true of every row"), what);
		case REASON_NOT_MENTIONED:
			return psprintf(_("%s does not mention %s"), what, column);
		case REASON_SESSION_ONLY:
			return psprintf(_("%s depends on the session alone and does not mention %s"),
							what, column);
		case REASON_OTHER_COLUMN:
			return psprintf(_("%s compares %s with another column of the row"),
							what, column);
		case REASON_ITSELF:
			return psprintf(_("%s can compare %s with itself"), what, column);
		case REASON_LITERAL:
			return psprintf(_("%s compares %s with a value that is the same in every session"),
							what, column);
		case REASON_FROZEN:
			function = function_name(conclusion, ORIGIN_FROZEN);
			return psprintf(_("function %s is IMMUTABLE, so its value may be kept in a plan that serves another tenant"),
							function ? quote_identifier(function) : "");
		case REASON_SET_CONFIG:
			return psprintf(_("%s changes a setting while rows are read"),
							what);
		case REASON_RANDOM:
			return psprintf(_("%s compares %s with a volatile value, not with one of the session's"),
							what, column);
		case REASON_MEMBER:
			return psprintf(_("%s admits a literal tenant besides those of the session"),
							what);
		case REASON_SAME_SET:
			return psprintf(_("%s compares %s with a sub-select that gives the same result in every session"),
							what, column);
		case REASON_LOOSE_SET:
			return psprintf(_("the sub-select has an OR arm that lets all of its rows through"));
		case REASON_NO_SESSION:
			return psprintf(_("%s mentions %s, but compares it with nothing of the session's"),
							what, column);
		case REASON_NULL_ROWS:
			return psprintf(_("%s admits rows whose %s is NULL"), what,
							column);
		case REASON_UNEQUAL:
			return psprintf(_("%s admits rows whose %s is not the session's"),
							what, column);
		case REASON_ORDER:
			return psprintf(_("%s compares %s by order, not by equality"),
							what, column);
		case REASON_NOT_TRUE:
			return psprintf(_("%s admits rows where the comparison of %s is not true, as when the setting is unset"),
							what, column);
		case REASON_EMPTY_SET:
			return psprintf(_("%s is true of every row where the set is empty"),
							what);
		case REASON_OPAQUE:
			function = function_name(conclusion, ORIGIN_OPAQUE);
			if (function != NULL)
				return psprintf(_("%s depends on what function %s makes of the row"),
								what, quote_identifier(function));
			return psprintf(_("%s depends on what a sub-select makes of the row"),
							what);
		case REASON_CORRELATED:
			return psprintf(_("%s depends on a sub-select that is correlated with the row"),
							what);
		case REASON_OTHER_TABLE:
			return psprintf(_("%s does not mention %s, but depends on the rows of another table"),
							what, column);
		case REASON_THROUGH_COLUMN:
			return psprintf(_("%s ties %s to the session by way of another column only"),
							what, column);
		case REASON_NOT_EQUALITY:
			return psprintf(_("%s does not compare %s itself for equality"),
							what, column);
		case REASON_COLLATION:
			return psprintf(_("%s compares %s under a nondeterministic collation"),
							what, column);
		case REASON_VOLATILE:
			function = function_name(conclusion, ORIGIN_VOLATILE);
			if (function != NULL)
				return psprintf(_("function %s is VOLATILE, so its value may change from row to row"),
								quote_identifier(function));
			return psprintf(_("%s calls a function that may change the session, by way of a domain or a view"),
							what);
		case REASON_UNKNOWN:
			return psprintf(_("%s compares %s with something that is not known to come from the session"),
							what, column);
		case REASON_TOO_DEEP:
			return psprintf(_("%s is too large, or nested too deeply, to be followed"),
							what);
		case REASON_FALLBACK:
			return psprintf(_("%s falls back on a literal tenant when the session has none"),
							what);
		case REASON_MIXED:
			return psprintf(_("%s compares %s with something that may be made of a literal tenant alone"),
							what, column);
		case REASON_CHOSEN:
			return psprintf(_("%s lets the session choose among literal tenants"),
							what);
		case REASON_RLS_SET:
			return psprintf(_("%s depends on the row-level security of a table that a sub-select reads"),
							what);
		case REASON_UNBOUND_SET:
			return psprintf(_("%s compares %s with a sub-select whose rows are not tied to the session by an equality"),
							what, column);
	}
	return pstrdup("");
}
