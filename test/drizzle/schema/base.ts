// What every table has, what every tenant table has, and the four policies
// that keep the rows of one organization from the others.
import { sql } from "drizzle-orm";
import { pgPolicy, pgRole, text, timestamp } from "drizzle-orm/pg-core";

// Made by migrations/0001_setup_role_grants.sql, so not drizzle's to create.
export const authenticated = pgRole("authenticated").existing();

export const baseColumns = {
  createdAt: timestamp("created_at", { withTimezone: true })
    .notNull()
    .defaultNow(),
  updatedAt: timestamp("updated_at", { withTimezone: true })
    .notNull()
    .defaultNow()
    .$onUpdate(() => new Date()),
};

export const tenantColumns = {
  organizationId: text("organization_id").notNull(),
  ...baseColumns,
};

// Beware of the default: no table here has a column of that name, so always
// say which one it is.
export function tenantPolicies(table: string, column = "tenant_id") {
  // In a subselect it is evaluated once a query rather than once a row.
  const ownRow = sql`${sql.identifier(column)} = (SELECT current_setting('app.current_organization_id', true))`;
  const to = authenticated;

  return [
    pgPolicy(`${table}_tenant_select`, { for: "select", to, using: ownRow }),
    pgPolicy(`${table}_tenant_insert`, {
      for: "insert",
      to,
      withCheck: ownRow,
    }),
    pgPolicy(`${table}_tenant_update`, {
      for: "update",
      to,
      using: ownRow,
      withCheck: ownRow,
    }),
    pgPolicy(`${table}_tenant_delete`, { for: "delete", to, using: ownRow }),
  ];
}
