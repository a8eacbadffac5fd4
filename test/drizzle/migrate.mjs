// Applies the pending migrations and prints what the server says about them.
// Where the guard refuses the commit, drizzle throws 'Failed query: commit';
// the guard's own words are in the cause.
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";

const print = ({ severity = "ERROR", message, detail, hint }) =>
  console.error(
    [`${severity}:  ${message}`, detail, hint].filter(Boolean).join("\n"),
  );
const client = new pg.Client({
  connectionString: process.env.DATABASE_URL,
  options: "-c client_min_messages=warning",
});
// What the guard warns of.  25P01 is drizzle's ROLLBACK after a failed commit.
client.on("notice", (notice) => notice.code === "25P01" || print(notice));

await client.connect();
try {
  await migrate(drizzle(client), { migrationsFolder: "migrations" });
} catch (error) {
  print(error.cause ?? error);
  process.exitCode = 1;
}
await client.end();
