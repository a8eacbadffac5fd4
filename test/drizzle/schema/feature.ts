// The checklist's own example of a tenant table.
import { relations } from "drizzle-orm";
import { index, jsonb, pgEnum, pgTable, text } from "drizzle-orm/pg-core";

import { user } from "./auth";
import { tenantColumns, tenantPolicies } from "./base";

export const featureItemStatus = pgEnum("feature_item_status", [
  "pending",
  "active",
]);

export const featureItem = pgTable(
  "feature_item",
  {
    id: text("id").primaryKey(),
    ...tenantColumns,
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    status: featureItemStatus("status").notNull().default("pending"),
    metadata: jsonb("metadata").$type<Record<string, unknown>>(),
  },
  (table) => [
    ...tenantPolicies("feature_item", "organization_id"),
    index("feature_item_organizationId_idx").on(table.organizationId),
    index("feature_item_userId_idx").on(table.userId),
    index("feature_item_status_idx").on(table.status),
  ],
).enableRLS();

export const featureItemRelations = relations(featureItem, ({ one }) => ({
  user: one(user, { fields: [featureItem.userId], references: [user.id] }),
}));
