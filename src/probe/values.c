/*-------------------------------------------------------------------------
 *
 * values.c
 *		Values of any type, as strings that its input function accepts.
 *
 * Whether a value satisfies the constraints of a column is found out by trying.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "probe/pattern.h"
#include "probe/values.h"
#include "scope/nodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/formatting.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#define MAX_COMPOSITES 26

static List *
strings(const char *const *values, int count)
{
	List	   *result = NIL;

	for (int i = 0; i < count; i++)
		result = lappend(result, pstrdup(values[i]));
	return result;
}

/* The labels of an enum, by name. */
static List *
enum_labels(Oid type)
{
	CatCList   *members = SearchSysCacheList1(ENUMTYPOIDNAME,
											  ObjectIdGetDatum(type));
	List	   *result = NIL;

	for (int i = 0; i < members->n_members; i++)
	{
		Form_pg_enum form = (Form_pg_enum)
			GETSTRUCT(&members->members[i]->tuple);

		result = lappend(result, pstrdup(NameStr(form->enumlabel)));
	}
	ReleaseSysCacheList(members);
	return result;
}

static char
category_of(Oid type)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(type, &category, &preferred);
	return category;
}

bool
tg_type_is_json(Oid type)
{
	Oid			base = getBaseType(type);

	return base == JSONOID || base == JSONBOID;
}

bool
tg_type_is_number(Oid type)
{
	return category_of(getBaseType(type)) == TYPCATEGORY_NUMERIC;
}

/* The number of characters that a string type has room for. */
static int
room_of(Oid type, int32 typmod)
{
	if ((type == VARCHAROID || type == BPCHAROID) && typmod >= (int32) VARHDRSZ)
		return typmod - VARHDRSZ;
	if (type == CHAROID)
		return 1;
	return type == NAMEOID ? NAMEDATALEN - 1 : 1000;
}

static char *
number_for(Oid type, int32 typmod, int set, int tenant)
{
	if (type == INT2OID)
		return psprintf("%d", 10001 + set % 200 * 100 + tenant * 2);
	if (type == NUMERICOID && typmod >= (int32) VARHDRSZ)
	{
		int			digits = (((typmod - VARHDRSZ) >> 16) & 0xffff) -
			((typmod - VARHDRSZ) & 0x7ff);

		if (digits < 7)
			return psprintf("%d", digits < 1 ? 0 : 1 + (tenant * 2) % 9);
	}
	return psprintf("%d", 1000001 + set * 100 + tenant * 2);
}

/* m, n, ... z, and two letters from then on */
static char *
letters_for(int tenant)
{
	return tenant < 14 ? psprintf("%c", 'm' + tenant) :
		psprintf("%c%c", 'a' + tenant / 26 % 26, 'a' + tenant % 26);
}

static char *
text_for(int room, int set, int tenant, ValueStyle style)
{
	char	   *text;

	switch (style)
	{
		case STYLE_UUID:
			return psprintf("5eed0000-0000-4000-8%03x-%012x",
							set & 0xfff, 10 + tenant * 16);
		case STYLE_NUMBER:
			return psprintf("%d", 1000001 + set * 100 + tenant * 2);
		case STYLE_LETTERS:
			text = psprintf("probe%c%s", 'a' + set % 26, letters_for(tenant));
			break;
		case STYLE_UPPER:
			text = psprintf("PR%c%s", 'A' + set % 26, letters_for(tenant));
			text = asc_toupper(text, strlen(text));
			break;
		case STYLE_ULID:
			text = psprintf("01HZZZZZZZZZZZZZZZZZZZ%02X%02X", set & 0xff,
							tenant);
			break;
		default:
			text = set == 0 ? psprintf("org%s", letters_for(tenant)) :
				psprintf("id%d%s", set, letters_for(tenant));
			break;
	}
	if ((int) strlen(text) > room)
		text = room >= 3 ? psprintf("%c%02d", 'a' + (12 + tenant) % 26, set % 100) :
			psprintf("%c", 'a' + (set * 3 + tenant) % 26);
	return text;
}

char *
tg_value_for(Oid type, int32 typmod, int set, int tenant, ValueStyle style)
{
	Oid			element;
	List	   *labels;

	if (get_typtype(type) == TYPTYPE_DOMAIN)
		type = getBaseTypeAndTypmod(type, &typmod);
	element = get_element_type(type);
	if (OidIsValid(element))
	{
		char	   *value = tg_value_for(element, typmod, set, tenant, style);

		return value == NULL ? NULL : psprintf("{\"%s\"}", value);
	}
	switch (type)
	{
		case UUIDOID:
			return text_for(36, set, tenant, STYLE_UUID);
		case BOOLOID:
			return pstrdup(tenant % 2 == 0 ? "true" : "false");
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return psprintf("20%02d-01-%02d", 10 + set % 80, 1 + tenant % 28);
		case INETOID:
		case CIDROID:
			return psprintf("10.%d.0.%d", set % 250, 1 + tenant);
		case BYTEAOID:
			return psprintf("\\x%04x%02x", set & 0xffff, tenant);
		case JSONOID:
		case JSONBOID:
			return psprintf("\"%s\"", text_for(100, set, tenant, style));
		default:
			break;
	}
	switch (category_of(type))
	{
		case TYPCATEGORY_NUMERIC:
			return number_for(type, typmod, set, tenant);
		case TYPCATEGORY_STRING:
			return text_for(room_of(type, typmod), set, tenant, style);
		case TYPCATEGORY_ENUM:
			labels = enum_labels(type);
			return labels == NIL ? NULL :
				list_nth(labels, tenant % list_length(labels));
		default:
			if (type == CHAROID || type == NAMEOID ||
				category_of(type) == TYPCATEGORY_USER)
				return text_for(room_of(type, typmod), set, tenant, style);
			return NULL;
	}
}

List *
tg_values_similar_to(Oid type, int32 typmod, const char *tenant, bool loose)
{
	size_t		length = strlen(tenant);
	List	   *result = NIL;

	if (OidIsValid(get_element_type(type)) && length > 2)
		return list_make2(psprintf("%.*s,\"x\"}", (int) length - 1, tenant),
						  pstrdup("{}"));
	if (get_typtype(type) == TYPTYPE_DOMAIN)
		type = getBaseTypeAndTypmod(type, &typmod);
	if (type == UUIDOID && length == 36)
	{
		char	   *copy = pstrdup(tenant);

		/* the same but for the last digits; and a smaller one */
		copy[35] = copy[35] == '0' ? '1' : '0';
		result = lappend(result, copy);
		copy = pstrdup(tenant);
		copy[0] = '1';
		result = lappend(result, copy);
	}
	else if (category_of(type) == TYPCATEGORY_NUMERIC)
	{
		result = list_make3(pstrdup("1"), pstrdup("2"),
							number_for(type, typmod, 40, 3));
		if (loose && type == NUMERICOID)
			result = lappend(result, psprintf("%s.2", tenant));
	}
	else if (category_of(type) == TYPCATEGORY_STRING || type == NAMEOID)
	{
		/* the bytes before the last character, and those of the first one */
		int			last = pg_mbcliplen(tenant, length, length - 1);
		int			first = length == 0 ? 0 :
			pg_encoding_mblen(GetDatabaseEncoding(), tenant);

		result = lappend(result, psprintf("%sx", tenant));
		result = lappend(result, psprintf("a%s", tenant));
		result = lappend(result, psprintf("%s:x", tenant));
		result = lappend(result, psprintf("%s,x", tenant));
		if (last > 0)
		{
			result = lappend(result, psprintf("%.*s%s", last, tenant,
											  strcmp(tenant + last, "a") == 0 ? "b" : "a"));
			result = lappend(result, pnstrdup(tenant, last));
		}
		if (loose)
		{
			char	   *upper = asc_toupper(tenant, length);

			result = lappend(result, strcmp(upper, tenant) == 0 ?
							 asc_tolower(tenant, length) : upper);
			result = lappend(result, psprintf("%s ", tenant));
			result = lappend(result, psprintf(" %s", tenant));
			result = lappend(result, psprintf("_%s", tenant));
			result = lappend(result, psprintf("%s-x", tenant));
			result = lappend(result, psprintf("%s7", tenant));
			result = lappend(result, psprintf("%.*s-%s", first, tenant,
											  tenant + first));
			result = lappend(result, psprintf("%.*s %s", first, tenant,
											  tenant + first));
		}
	}
	else if (category_of(type) == TYPCATEGORY_ENUM)
	{
		ListCell   *lc;

		foreach(lc, enum_labels(type))
		{
			if (strcmp(lfirst(lc), tenant) != 0 && list_length(result) < 4)
				result = lappend(result, lfirst(lc));
		}
	}
	return result;
}

/* One of NULLs, and others whose fields have their values in turn. */
static List *
composite_values(Oid type, int serial)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
	List	   *result = NIL;

	check_stack_depth();
	for (int round = 0; round < MAX_COMPOSITES; round++)
	{
		StringInfoData value;
		bool		first = true;

		initStringInfo(&value);
		appendStringInfoChar(&value, '(');
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, i);
			List	   *fields;

			if (attribute->attisdropped)
				continue;
			if (!first)
				appendStringInfoChar(&value, ',');
			first = false;
			if (round == 0 || get_typtype(attribute->atttypid) == TYPTYPE_COMPOSITE)
				continue;
			fields = tg_values_to_fill(attribute->atttypid,
									   attribute->atttypmod, serial);
			if (fields == NIL)
				continue;
			appendStringInfo(&value, "\"%s\"",
							 (char *) list_nth(fields, (round - 1) % list_length(fields)));
		}
		appendStringInfoChar(&value, ')');
		result = lappend(result, value.data);
	}
	return result;
}

/* A text with the number in it; the formats are our own. */
static char *
numbered(const char *format, int number)
{
	const char *percent = strchr(format, '%');
	int			width = percent[1] == '0' ? (int) strtol(percent + 2, NULL, 10) : 0;
	const char *rest = percent + strcspn(percent, "dx");

	return psprintf(*rest == 'x' ? "%.*s%0*x%s" : "%.*s%0*d%s",
					(int) (percent - format), format, width, number, rest + 1);
}

List *
tg_values_to_fill(Oid type, int32 typmod, int serial)
{
	static const char *const texts[] = {
		"a", "A", "abc", "2020-01-01", "1", "12345", "USD", "en", "en-US",
		"#aabbcc", "{}", "UTC", "10:00", "DE"
	};
	static const char *const numbered_texts[] = {
		"probe%d@example.com", "https://example.com/%d", "+1555%07d", "%d",
		"a%d.example.com", "/a%d", "5eed0000-0000-4000-8000-%012x",
		"01HZZZZZZZZZZZZZZZZZ%06d", "0123456789abcdef0123456789%06x",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789%06x"
	};
	static const char *const numbers[] = {
		"1", "0", "2", "10", "50", "100", "1000", "2024", "0.5", "-1"
	};
	static const char *const times[] = {
		"2001-01-01", "2999-01-01", "now", "2024-06-15"
	};
	List	   *result = NIL;
	Oid			element;
	int			room;

	if (get_typtype(type) == TYPTYPE_DOMAIN)
		type = getBaseTypeAndTypmod(type, &typmod);
	element = get_element_type(type);
	if (OidIsValid(element))
	{
		List	   *values = tg_values_to_fill(element, typmod, serial);

		result = list_make1(pstrdup("{}"));
		if (values != NIL)
			result = lappend(result, psprintf("{\"%s\"}",
											  (char *) linitial(values)));
		return result;
	}
	switch (get_typtype(type))
	{
		case TYPTYPE_ENUM:
			return enum_labels(type);
		case TYPTYPE_COMPOSITE:
			return composite_values(type, serial);
		case TYPTYPE_RANGE:
			return list_make2(pstrdup("(,)"), pstrdup("empty"));
		case TYPTYPE_MULTIRANGE:
			return list_make2(pstrdup("{}"), pstrdup("{(,)}"));
		default:
			break;
	}
	switch (type)
	{
		case UUIDOID:
			return list_make1(psprintf("5eed0000-0000-4000-9000-%012x", serial));
		case BOOLOID:
			return list_make2(pstrdup("false"), pstrdup("true"));
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return lcons(psprintf("2020-01-01"),
						 strings(times, lengthof(times)));
		case TIMEOID:
		case TIMETZOID:
			return list_make1(pstrdup("10:00"));
		case INTERVALOID:
			return list_make2(pstrdup("1 day"), pstrdup("0"));
		case JSONOID:
		case JSONBOID:
			return list_make3(pstrdup("{}"), pstrdup("[]"), pstrdup("null"));
		case BYTEAOID:
			return list_make1(psprintf("\\x%08x", serial));
		case INETOID:
		case CIDROID:
			return list_make1(psprintf("10.99.%d.%d", serial / 250 % 250,
									   serial % 250));
		case MACADDROID:
			return list_make1(pstrdup("08:00:2b:01:02:03"));
		case MACADDR8OID:
			return list_make1(pstrdup("08:00:2b:01:02:03:04:05"));
		case XMLOID:
			return list_make1(pstrdup("<a/>"));
		case TSVECTOROID:
		case TSQUERYOID:
			return list_make1(pstrdup("a"));
		case POINTOID:
			return list_make1(pstrdup("(0,0)"));
		case BOXOID:
		case LSEGOID:
			return list_make1(pstrdup("((0,0),(1,1))"));
		case PATHOID:
		case POLYGONOID:
			return list_make1(pstrdup("((0,0),(1,1),(2,0))"));
		case CIRCLEOID:
			return list_make1(pstrdup("<(0,0),1>"));
		case LINEOID:
			return list_make1(pstrdup("{1,1,0}"));
		case PG_LSNOID:
			return list_make1(pstrdup("0/1"));
		case BITOID:
		case VARBITOID:
			{
				int			length = typmod > 0 && typmod < 1000 ? typmod : 1;
				char	   *bits = palloc(length + 1);

				memset(bits, '0', length);
				bits[length] = '\0';
				return list_make1(bits);
			}
		case CHAROID:
			return list_make2(pstrdup("a"), pstrdup("b"));
		default:
			break;
	}
	switch (category_of(type))
	{
		case TYPCATEGORY_NUMERIC:
			result = list_make1(number_for(type, typmod, 100 + serial % 90,
										   serial / 90 % 40));
			if (type == INT4OID || type == INT8OID || type == NUMERICOID)
				result = list_make1(typmod < 0 ?
									psprintf("%d", 2000000 + serial) :
									linitial(result));
			return list_concat(result, strings(numbers, lengthof(numbers)));
		case TYPCATEGORY_STRING:
			room = room_of(type, typmod);
			if (room >= 12)
				result = list_make1(psprintf("probe_%d", serial));
			else
			{
				char	   *text = psprintf("%06d", serial);

				result = list_make1(text + Max(0, 6 - room));
			}
			for (int i = 0; i < (int) lengthof(numbered_texts); i++)
				result = lappend(result, numbered(numbered_texts[i], serial));
			return list_concat(result, strings(texts, lengthof(texts)));
		default:
			{
				/* a type of an extension: a vector, a label, coordinates ... */
				static const char *const others[] = {
					"a", "1", "{}", "()", "[]", "0", "POINT(0 0)"
				};
				StringInfoData vector;

				result = strings(others, lengthof(others));
				if (typmod > 0 && typmod < 20000)
				{
					initStringInfo(&vector);
					for (int i = 0; i < typmod; i++)
						appendStringInfo(&vector, "%c1", i == 0 ? '[' : ',');
					appendStringInfoChar(&vector, ']');
					result = lcons(vector.data, result);
				}
				return result;
			}
	}
}

static List *
add_once(List *list, char *value)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		if (strcmp(lfirst(lc), value) == 0)
			return list;
	}
	return lappend(list, value);
}

List *
tg_elements_of(const List *literals)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, literals)
	{
		char	   *literal = lfirst(lc);
		char	   *state;

		if (literal[0] != '{')
		{
			result = lappend(result, literal);
			continue;
		}
		for (char *element = strtok_r(pstrdup(literal), "{},\"", &state);
			 element != NULL; element = strtok_r(NULL, "{},\"", &state))
			result = lappend(result, element);
	}
	return result;
}

/* What has the key, or contains the value, that a policy asks for. */
static List *
json_values(const List *literals)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, literals)
	{
		char	   *literal = lfirst(lc);
		StringInfoData value;

		if (list_length(result) >= 6)
			break;
		if (strchr("{[\"", literal[0]) != NULL && literal[0] != '\0')
		{
			result = add_once(result, literal);
			continue;
		}
		initStringInfo(&value);
		appendStringInfoChar(&value, '{');
		escape_json(&value, literal);
		appendStringInfoString(&value, ": 1}");
		result = add_once(result, value.data);
		initStringInfo(&value);
		appendStringInfoChar(&value, '[');
		escape_json(&value, literal);
		appendStringInfoChar(&value, ']');
		result = add_once(result, value.data);
	}
	return add_once(result, pstrdup("{}"));
}

List *
tg_values_to_vary(Oid type, int32 typmod, const List *literals)
{
	List	   *result = NIL;
	Oid			element;
	ListCell   *lc;

	if (get_typtype(type) == TYPTYPE_DOMAIN)
		type = getBaseTypeAndTypmod(type, &typmod);
	if (type == BOOLOID)
		return list_make2(pstrdup("true"), pstrdup("false"));
	if (get_typtype(type) == TYPTYPE_ENUM)
	{
		result = enum_labels(type);
		return list_length(result) > 6 ? list_truncate(result, 6) : result;
	}
	if (tg_type_is_json(type))
		return json_values(literals);
	element = get_element_type(type);
	if (!OidIsValid(element))
		literals = tg_elements_of(literals);
	foreach(lc, literals)
	{
		char	   *literal = lfirst(lc);

		if (list_length(result) >= 8)
			break;
		/* '1 day' and '24:00:00' are no dates */
		if (category_of(type) == TYPCATEGORY_DATETIME &&
			(!isdigit((unsigned char) literal[0]) ||
			 strpbrk(literal, "-/") == NULL))
			continue;
		if (OidIsValid(element) && literal[0] != '{')
			literal = psprintf("{\"%s\"}", literal);
		if (category_of(type) == TYPCATEGORY_STRING)
		{
			ListCell   *lc2;

			/* a length, or a pattern */
			foreach(lc2, tg_values_described(type, typmod, literal, 1))
				result = add_once(result, lfirst(lc2));
		}
		result = add_once(result, literal);
		if (category_of(type) == TYPCATEGORY_NUMERIC &&
			strspn(literal, "0123456789") == strlen(literal) &&
			strlen(literal) < 18)
		{
			long long	number = strtoll(literal, NULL, 10);

			result = add_once(result, psprintf("%lld", number + 1));
			result = add_once(result, psprintf("%lld", number - 1));
		}
	}
	switch (category_of(type))
	{
		case TYPCATEGORY_DATETIME:
			if (type == TIMEOID || type == TIMETZOID)
				break;
			result = add_once(result, pstrdup("now"));
			result = add_once(result, pstrdup("2999-01-01"));
			result = add_once(result, pstrdup("2001-01-01"));
			break;
		case TYPCATEGORY_NUMERIC:
			result = add_once(result, pstrdup("1"));
			result = add_once(result, pstrdup("0"));
			break;
		default:
			{
				List	   *fill = tg_values_to_fill(type, typmod, 1);

				if (fill != NIL)
					result = add_once(result, linitial(fill));
				break;
			}
	}
	return result;
}

/* A text of so many characters. */
static char *
text_of_length(int length, int seed)
{
	char	   *digits = psprintf("%d", seed);
	char	   *text = palloc(length + 1);
	int			used = Min((int) strlen(digits), length);

	memset(text, 'a', length);
	memcpy(text + length - used, digits + strlen(digits) - used, used);
	text[length] = '\0';
	return text;
}

List *
tg_values_described(Oid type, int32 typmod, const char *literal, int seed)
{
	char		category;

	type = getBaseTypeAndTypmod(type, &typmod);
	category = category_of(type);
	if (category != TYPCATEGORY_STRING && category != TYPCATEGORY_USER)
		return NIL;
	if (strspn(literal, "0123456789") == strlen(literal) &&
		strlen(literal) > 0 && strlen(literal) < 4)
	{
		int			length = (int) strtol(literal, NULL, 10);

		return length == 0 ? NIL :
			list_make2(text_of_length(length, seed),
					   text_of_length(length + 1, seed));
	}
	return tg_matches_of(literal, seed);
}

List *
tg_values_for_constraint(Oid type, int32 typmod, const List *literals,
						 int serial)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (literals == NIL)
		return tg_values_to_fill(type, typmod, serial);
	foreach(lc, literals)
		result = list_concat(result,
							 tg_values_described(type, typmod, lfirst(lc),
												 serial));
	return list_concat(list_concat(result,
								   tg_values_to_vary(type, typmod, literals)),
					   tg_values_to_fill(type, typmod, serial));
}

static int
compare_numbers(const ListCell *one, const ListCell *other)
{
	double		a = strtod(lfirst(one), NULL);
	double		b = strtod(lfirst(other), NULL);

	return a < b ? -1 : a > b;
}

static int
compare_texts(const ListCell *one, const ListCell *other)
{
	/* "now" comes before all digits of other years but 2999 */
	const char *a = lfirst(one);
	const char *b = lfirst(other);

	return strcmp(strcmp(a, "now") == 0 ? "2020" : a,
				  strcmp(b, "now") == 0 ? "2020" : b);
}

List *
tg_values_by_size(Oid type, const List *values, int direction)
{
	List	   *sorted = list_copy(values);
	List	   *result = NIL;
	ListCell   *lc;

	type = getBaseType(type);
	if (category_of(type) == TYPCATEGORY_NUMERIC)
		list_sort(sorted, compare_numbers);
	else if (category_of(type) == TYPCATEGORY_DATETIME)
		list_sort(sorted, compare_texts);
	else if (get_typtype(type) != TYPTYPE_ENUM)
		return sorted;
	/* (the labels of an enum come in no order: any will do) */
	if (direction < 0)
		return sorted;
	foreach(lc, sorted)
		result = lcons(lfirst(lc), result);
	return result;
}

bool
tg_value_means_nobody(const char *value)
{
	return tg_is_no_tenant_text(value);
}
