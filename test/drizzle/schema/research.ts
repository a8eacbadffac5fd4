// A research plan and its steps.
import { relations } from "drizzle-orm";
import {
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  text,
} from "drizzle-orm/pg-core";

import { user } from "./auth";
import { tenantColumns, tenantPolicies } from "./base";

export const researchStatus = pgEnum("research_status", [
  "pending",
  "running",
  "done",
]);

export const researchPlan = pgTable(
  "research_plan",
  {
    id: text("id").primaryKey(),
    ...tenantColumns,
    userId: text("user_id").references(() => user.id, { onDelete: "set null" }),
    title: text("title").notNull(),
    status: researchStatus("status").notNull().default("pending"),
  },
  (table) => [
    ...tenantPolicies("research_plan", "organization_id"),
    index("research_plan_organizationId_idx").on(table.organizationId),
    index("research_plan_userId_idx").on(table.userId),
    index("research_plan_status_idx").on(table.status),
  ],
).enableRLS();

export const researchStep = pgTable(
  "research_step",
  {
    id: text("id").primaryKey(),
    ...tenantColumns,
    planId: text("plan_id")
      .notNull()
      .references(() => researchPlan.id, { onDelete: "cascade" }),
    position: integer("position").notNull(),
    status: researchStatus("status").notNull().default("pending"),
    result: jsonb("result").$type<Record<string, unknown>>(),
  },
  (table) => [
    ...tenantPolicies("research_step", "organization_id"),
    index("research_step_organizationId_idx").on(table.organizationId),
    index("research_step_planId_idx").on(table.planId, table.position),
  ],
).enableRLS();

export const researchPlanRelations = relations(
  researchPlan,
  ({ one, many }) => ({
    user: one(user, { fields: [researchPlan.userId], references: [user.id] }),
    steps: many(researchStep),
  }),
);

export const researchStepRelations = relations(researchStep, ({ one }) => ({
  plan: one(researchPlan, {
    fields: [researchStep.planId],
    references: [researchPlan.id],
  }),
}));
