// The checklist's own example of a global table.
import { boolean, pgTable, text } from "drizzle-orm/pg-core";

import { baseColumns } from "./base";

export const globalConfig = pgTable("global_config", {
  id: text("id").primaryKey(),
  ...baseColumns,
  key: text("key").notNull().unique(),
  value: text("value").notNull(),
  active: boolean("active").notNull().default(true),
});
