import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./schema/index.ts",
  out: "./migrations",
  dbCredentials: { url: process.env.DATABASE_URL! },
  // Only what is ours: the schema trovella_guard belongs to the extension,
  // and drizzle must never plan to change or drop anything in it.
  schemaFilter: ["public"],
});
