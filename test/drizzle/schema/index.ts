// All tables, one domain a file.
export * from "./ai";
export * from "./auth";
export * from "./base";
export * from "./config";
export * from "./feature";
export * from "./research";
