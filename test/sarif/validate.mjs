// validate.mjs: exits with 0 if the file is valid SARIF 2.1.0, else prints
// what is wrong.  The schema is that of the OASIS committee.
import fs from "node:fs";
import { createRequire } from "node:module";
import Ajv from "ajv";

const require = createRequire(import.meta.url);
const schema = JSON.parse(
  fs.readFileSync(
    require.resolve("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"),
    "utf8",
  ),
);
const draft04 = new Ajv({ schemaId: "auto", meta: false, unknownFormats: "ignore", allErrors: true });
draft04.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
draft04.addMetaSchema(require("ajv/lib/refs/json-schema-draft-07.json"));

const validate = draft04.compile(schema);
if (!validate(JSON.parse(fs.readFileSync(process.argv[2], "utf8")))) {
  console.error(validate.errors);
  process.exit(1);
}
