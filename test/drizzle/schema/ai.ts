// The model registry, which all organizations share, and what each of them
// used of it.
import { relations } from "drizzle-orm";
import {
  boolean,
  index,
  integer,
  numeric,
  pgTable,
  text,
} from "drizzle-orm/pg-core";

import { user } from "./auth";
import { baseColumns, tenantColumns, tenantPolicies } from "./base";

export const aiModel = pgTable("ai_model", {
  id: text("id").primaryKey(),
  ...baseColumns,
  provider: text("provider").notNull(),
  name: text("name").notNull(),
  active: boolean("active").notNull().default(true),
});

export const aiModelPricing = pgTable(
  "ai_model_pricing",
  {
    id: text("id").primaryKey(),
    ...baseColumns,
    modelId: text("model_id")
      .notNull()
      .references(() => aiModel.id, { onDelete: "cascade" }),
    inputPrice: numeric("input_price").notNull(),
    outputPrice: numeric("output_price").notNull(),
  },
  (table) => [index("ai_model_pricing_modelId_idx").on(table.modelId)],
);

export const aiUsage = pgTable(
  "ai_usage",
  {
    id: text("id").primaryKey(),
    ...tenantColumns,
    // Usage outlives the person and the model that it is about.
    userId: text("user_id").references(() => user.id, { onDelete: "set null" }),
    modelId: text("model_id").references(() => aiModel.id, {
      onDelete: "set null",
    }),
    inputTokens: integer("input_tokens").notNull().default(0),
    outputTokens: integer("output_tokens").notNull().default(0),
  },
  (table) => [
    ...tenantPolicies("ai_usage", "organization_id"),
    index("ai_usage_organizationId_idx").on(table.organizationId),
    index("ai_usage_userId_idx").on(table.userId),
    index("ai_usage_modelId_idx").on(table.modelId),
  ],
).enableRLS();

export const aiModelRelations = relations(aiModel, ({ many }) => ({
  pricings: many(aiModelPricing),
  usages: many(aiUsage),
}));

export const aiModelPricingRelations = relations(aiModelPricing, ({ one }) => ({
  model: one(aiModel, {
    fields: [aiModelPricing.modelId],
    references: [aiModel.id],
  }),
}));

export const aiUsageRelations = relations(aiUsage, ({ one }) => ({
  user: one(user, { fields: [aiUsage.userId], references: [user.id] }),
  model: one(aiModel, { fields: [aiUsage.modelId], references: [aiModel.id] }),
}));
