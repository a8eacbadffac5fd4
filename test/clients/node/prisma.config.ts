// Runs the migrations with the schema engine that the package contains, and
// the driver pg: npm does not have the other one, which Prisma downloads.
import { createRequire } from "node:module";
import { PrismaPg } from "@prisma/adapter-pg";
import { defineConfig } from "prisma/config";

// The adapter does not know the types name and "char" of the catalogs
const Result = createRequire(import.meta.url)("pg/lib/result");
const addFields = Result.prototype.addFields;
Result.prototype.addFields = function (fields: { dataTypeID: number }[]) {
  for (const field of fields)
    if (field.dataTypeID === 18 || field.dataTypeID === 19) field.dataTypeID = 25;
  return addFields.call(this, fields);
};

export default defineConfig({
  experimental: { adapter: true },
  schema: "schema.prisma",
  migrations: { path: "migrations" },
  engine: "js",
  adapter: async () =>
    new PrismaPg({
      host: process.env.DB_HOST,
      port: Number(process.env.DB_PORT),
      database: process.env.DB_NAME,
      user: process.env.DB_USER,
      max: 1,
    }),
});
