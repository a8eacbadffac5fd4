/*-------------------------------------------------------------------------
 *
 * encoding.c
 *		What a report may contain, in a database of any encoding.
 *
 * Reports are read as UTF-8: the formats demand it, or their readers do.  Names
 * in a database need not have a form in UTF-8.  An SQL_ASCII database takes
 * any bytes, MULE_INTERNAL has no conversion, and each other encoding has
 * characters that its conversion does not know.  Whoever may create a table
 * could make every report fail by its name; so what has no form in UTF-8
 * becomes a question mark, character by character.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "compat.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(trovella_guard_in_utf8_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_utf8_of_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_printable_1_0);

/*
 * How long is the character?  In SQL_ASCII that is one which UTF-8 would have
 * there, or else a byte.
 */
static int
character_length(const char *from, const char *end)
{
	int			length = pg_mblen(from);

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
	{
		length = pg_utf_mblen((const unsigned char *) from);
		if (length > end - from ||
			!pg_utf8_islegal((const unsigned char *) from, length))
			length = 1;
	}
	return Min(length, (int) (end - from));
}

/*
 * Appends the character as UTF-8.  False if it has no form there.
 */
static bool
append_utf8(StringInfo to, const char *from, int length)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion;
	unsigned char buffer[16 * MAX_CONVERSION_GROWTH];

	if (!IS_HIGHBIT_SET(*from) || encoding == PG_UTF8 ||
		(encoding == PG_SQL_ASCII && length > 1))
	{
		appendBinaryStringInfo(to, from, length);
		return true;
	}
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8,
									  (unsigned char *) from, length,
									  buffer, sizeof(buffer), true) != length)
		return false;
	appendStringInfoString(to, (char *) buffer);
	return true;
}

/*
 * in_utf8(text): the same text, without what has no form in UTF-8.
 */
Datum
trovella_guard_in_utf8_1_0(PG_FUNCTION_ARGS)
{
	text	   *string = PG_GETARG_TEXT_PP(0);
	const char *from = VARDATA_ANY(string);
	const char *end = from + VARSIZE_ANY_EXHDR(string);
	StringInfoData result;
	StringInfoData ignored;
	int			length;

	if (GetDatabaseEncoding() == PG_UTF8)
		PG_RETURN_TEXT_P(string);

	initStringInfo(&result);
	initStringInfo(&ignored);
	for (; from < end; from += length)
	{
		length = character_length(from, end);
		resetStringInfo(&ignored);
		if (append_utf8(&ignored, from, length))
			appendBinaryStringInfo(&result, from, length);
		else
			appendStringInfoChar(&result, '?');
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(result.data, result.len));
}

/*
 * utf8_of(text): its bytes in UTF-8, where they have a form there, and
 * otherwise as they are: for what tells names apart.
 */
Datum
trovella_guard_utf8_of_1_0(PG_FUNCTION_ARGS)
{
	text	   *string = PG_GETARG_TEXT_PP(0);
	const char *from = VARDATA_ANY(string);
	const char *end = from + VARSIZE_ANY_EXHDR(string);
	StringInfoData result;
	int			length;

	initStringInfo(&result);
	for (; from < end; from += length)
	{
		length = character_length(from, end);
		if (!append_utf8(&result, from, length))
			appendBinaryStringInfo(&result, from, length);
	}
	PG_RETURN_BYTEA_P(cstring_to_text_with_len(result.data, result.len));
}

/*
 * Is the character one that commands a terminal, or that XML does not allow?
 * Tabs and ends of lines are none.
 */
static bool
is_unprintable(const char *from, int length)
{
	unsigned char first = *from;
	unsigned char last = from[length - 1];

	if (!IS_HIGHBIT_SET(first))
		return (first < ' ' && strchr("\t\n\r", first) == NULL) || first == 0x7f;

	switch (GetDatabaseEncoding())
	{
		case PG_UTF8:
		case PG_SQL_ASCII:
			/* U+0080 to U+009F, U+FFFE and U+FFFF */
			return (length == 2 && first == 0xc2 && last < 0xa0) ||
				(length == 3 && first == 0xef &&
				 (unsigned char) from[1] == 0xbf && last >= 0xbe);
		case PG_LATIN1:
		case PG_LATIN2:
		case PG_LATIN3:
		case PG_LATIN4:
		case PG_LATIN5:
		case PG_LATIN6:
		case PG_LATIN7:
		case PG_LATIN8:
		case PG_LATIN9:
		case PG_LATIN10:
		case PG_ISO_8859_5:
		case PG_ISO_8859_6:
		case PG_ISO_8859_7:
		case PG_ISO_8859_8:
			return first < 0xa0;
		default:
			return false;
	}
}

/*
 * printable(text): the same text, without control characters but tabs and
 * ends of lines.
 */
Datum
trovella_guard_printable_1_0(PG_FUNCTION_ARGS)
{
	text	   *string = PG_GETARG_TEXT_PP(0);
	const char *from = VARDATA_ANY(string);
	const char *end = from + VARSIZE_ANY_EXHDR(string);
	StringInfoData result;
	int			length;

	initStringInfo(&result);
	for (; from < end; from += length)
	{
		length = character_length(from, end);
		if (is_unprintable(from, length))
			appendStringInfoChar(&result, '?');
		else
			appendBinaryStringInfo(&result, from, length);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(result.data, result.len));
}
