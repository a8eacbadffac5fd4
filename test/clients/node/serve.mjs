// Serves requests of two tenants, and of none, at the same time, with one of the
// snippets of docs/sessions.md.
import pg from "pg";
import { forTenant } from "./tenant.mjs";

const connection = {
  host: process.env.DB_HOST,
  port: process.env.DB_PORT,
  database: process.env.DB_NAME,
  user: process.env.DB_USER,
};
const pool = new pg.Pool({ ...connection, max: 3 });
const backend = "SELECT pg_backend_pid() AS pid";
const invoices = "SELECT organization_id FROM invoice";

const clients = {
  "node-postgres": async () => (tenant) =>
    forTenant(pool, tenant, async (client) => [
      (await client.query(backend)).rows,
      (await client.query(invoices)).rows,
    ]),
  drizzle: async () => {
    const { drizzle } = await import("drizzle-orm/node-postgres");
    const { sql } = await import("drizzle-orm");
    const db = drizzle(pool);
    return (tenant) =>
      forTenant(db, tenant, async (tx) => [
        (await tx.execute(sql.raw(backend))).rows,
        (await tx.execute(sql.raw(invoices))).rows,
      ]);
  },
  prisma: async () => {
    const { PrismaClient } = await import("./generated/index.js");
    const { PrismaPg } = await import("@prisma/adapter-pg");
    const prisma = new PrismaClient({ adapter: new PrismaPg({ ...connection, max: 3 }) });
    return (tenant) =>
      forTenant(prisma, tenant, async (tx) => [
        await tx.$queryRawUnsafe(backend),
        await tx.invoice.findMany(),
      ]);
  },
};

const request = await clients[process.argv[2]]();
const serve = async (tenant) => {
  for (let i = 0; i < 10; i++) {
    const [[{ pid }], rows] = await request(tenant);
    const seen = rows.map((row) => row.organization_id).join(",");
    console.log(`${tenant || "nobody"} ${seen} ${pid}`);
  }
};
await Promise.all(["acme", "globex", ""].map(serve));
process.exit(0);
