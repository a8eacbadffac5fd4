/*-------------------------------------------------------------------------
 *
 * encoding.c
 *		Escapes names and messages for reports, in every database encoding.
 *
 * Reports are UTF-8: their formats or readers require it.  Names in a database
 * may not be convertible.  SQL_ASCII takes any bytes, MULE_INTERNAL has no
 * conversion, and every other encoding has characters that its conversion does
 * not know.  Anybody who can create a table could make every report fail by
 * its name, so each character that cannot be converted becomes a question
 * mark.
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
PG_FUNCTION_INFO_V1(trovella_guard_escape_text_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_escape_markdown_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_escape_xml_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_escape_uri_1_0);

/*
 * The length of the character.  In SQL_ASCII: of a valid UTF-8 character, else
 * one byte.
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

/* Room for one character in UTF-8, whatever its encoding. */
#define UTF8_ROOM (16 * MAX_CONVERSION_GROWTH)

/*
 * Converts the character to UTF-8.  Returns the number of bytes, 0 if it cannot
 * be converted.
 */
static int
convert(const char *from, int length, char to[UTF8_ROOM])
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion;

	if (!IS_HIGHBIT_SET(*from) || encoding == PG_UTF8 ||
		(encoding == PG_SQL_ASCII && length > 1))
	{
		memcpy(to, from, length);
		return length;
	}
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8,
									  (unsigned char *) from, length,
									  (unsigned char *) to, UTF8_ROOM,
									  true) != length)
		return 0;
	return strlen(to);
}

/* Writes a text, character by character, in the form that "append" gives. */
static Datum
escape(FunctionCallInfo fcinfo,
	   void (*append) (StringInfo to, const char *from, int length))
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
		append(&result, from, length);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(result.data, result.len));
}

static void
append_convertible(StringInfo to, const char *from, int length)
{
	char		utf8[UTF8_ROOM];

	if (convert(from, length, utf8) > 0)
		appendBinaryStringInfo(to, from, length);
	else
		appendStringInfoChar(to, '?');
}

/*
 * A character that cannot be converted keeps its bytes, so that different names
 * stay different.
 */
static void
append_utf8(StringInfo to, const char *from, int length)
{
	char		utf8[UTF8_ROOM];
	int			bytes = convert(from, length, utf8);

	if (bytes > 0)
		appendBinaryStringInfo(to, utf8, bytes);
	else
		appendBinaryStringInfo(to, from, length);
}

/*
 * Is this a control character, or one that XML does not allow?  Tabs and line
 * ends are printable here.
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

static void
append_printable(StringInfo to, const char *from, int length)
{
	if (is_unprintable(from, length))
		appendStringInfoChar(to, '?');
	else
		appendBinaryStringInfo(to, from, length);
}

/* A terminal must not obey a table's name. */
static void
append_text(StringInfo to, const char *from, int length)
{
	if (strchr("\t\n\r", *from) != NULL)
		appendStringInfoChar(to, '?');
	else
		append_printable(to, from, length);
}

/* Escapes markup, and what would end a cell of a table. */
static void
append_markdown(StringInfo to, const char *from, int length)
{
	if (*from == '&')
		appendStringInfoString(to, "&amp;");
	else if (*from == '<')
		appendStringInfoString(to, "&lt;");
	else if (*from == '>')
		appendStringInfoString(to, "&gt;");
	else
	{
		if (strchr("\\`*_[]|~", *from) != NULL)
			appendStringInfoChar(to, '\\');
		append_text(to, from, length);
	}
}

static void
append_xml(StringInfo to, const char *from, int length)
{
	if (*from == '&')
		appendStringInfoString(to, "&amp;");
	else if (*from == '<')
		appendStringInfoString(to, "&lt;");
	else if (*from == '>')
		appendStringInfoString(to, "&gt;");
	else if (*from == '"')
		appendStringInfoString(to, "&quot;");
	else if (*from == '\'')
		appendStringInfoString(to, "&#39;");
	else
		append_printable(to, from, length);
}

/* One segment of a path: other bytes than letters and digits as %XX. */
static void
append_uri(StringInfo to, const char *from, int length)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	append_utf8(&bytes, from, length);
	for (int i = 0; i < bytes.len; i++)
	{
		unsigned char byte = bytes.data[i];

		if ((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
			(byte >= '0' && byte <= '9') || byte == '_' || byte == '-')
			appendStringInfoChar(to, byte);
		else
			appendStringInfo(to, "%%%02X", byte);
	}
	pfree(bytes.data);
}

/*
 * in_utf8(text): the text with a question mark for each character that cannot
 * be converted to UTF-8.
 */
Datum
trovella_guard_in_utf8_1_0(PG_FUNCTION_ARGS)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		PG_RETURN_TEXT_P(PG_GETARG_TEXT_PP(0));
	return escape(fcinfo, append_convertible);
}

/* utf8_of(text): the bytes of the text in UTF-8, as a bytea. */
Datum
trovella_guard_utf8_of_1_0(PG_FUNCTION_ARGS)
{
	return escape(fcinfo, append_utf8);
}

Datum
trovella_guard_escape_text_1_0(PG_FUNCTION_ARGS)
{
	return escape(fcinfo, append_text);
}

Datum
trovella_guard_escape_markdown_1_0(PG_FUNCTION_ARGS)
{
	return escape(fcinfo, append_markdown);
}

Datum
trovella_guard_escape_xml_1_0(PG_FUNCTION_ARGS)
{
	return escape(fcinfo, append_xml);
}

Datum
trovella_guard_escape_uri_1_0(PG_FUNCTION_ARGS)
{
	return escape(fcinfo, append_uri);
}
