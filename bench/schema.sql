-- schema.sql: what every benchmark database holds before it is measured.
CREATE SCHEMA app;
CREATE TABLE app.organization (id text PRIMARY KEY);
CREATE TABLE app.member (id text PRIMARY KEY);
