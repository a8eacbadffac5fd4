/*-------------------------------------------------------------------------
 *
 * workschemas.h
 *		Schemas in which tools keep copies of tables for a while.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_WORKSCHEMAS_H
#define TROVELLA_GUARD_WORKSCHEMAS_H

/* The tool whose work tables are in a schema, or NULL. */
extern const char *tg_tool_of_schema(const char *schema);

#endif							/* TROVELLA_GUARD_WORKSCHEMAS_H */
