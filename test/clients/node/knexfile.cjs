module.exports = {
  client: "pg",
  connection: {
    host: process.env.DB_HOST,
    port: process.env.DB_PORT,
    database: process.env.DB_NAME,
    user: process.env.DB_USER,
  },
  migrations: { directory: "./migrations", loadExtensions: [".cjs"] },
};
