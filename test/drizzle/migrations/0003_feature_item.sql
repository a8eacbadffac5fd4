CREATE TYPE "public"."feature_item_status" AS ENUM('pending', 'active');--> statement-breakpoint
CREATE TABLE "feature_item" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"user_id" text NOT NULL,
	"name" text NOT NULL,
	"status" "feature_item_status" DEFAULT 'pending' NOT NULL,
	"metadata" jsonb
);
--> statement-breakpoint
ALTER TABLE "feature_item" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "feature_item" ADD CONSTRAINT "feature_item_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "feature_item_organizationId_idx" ON "feature_item" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "feature_item_userId_idx" ON "feature_item" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "feature_item_status_idx" ON "feature_item" USING btree ("status");--> statement-breakpoint
CREATE POLICY "feature_item_tenant_select" ON "feature_item" AS PERMISSIVE FOR SELECT TO "authenticated" USING ("organization_id" = (SELECT current_setting('app.current_organization_id', true)));--> statement-breakpoint
CREATE POLICY "feature_item_tenant_insert" ON "feature_item" AS PERMISSIVE FOR INSERT TO "authenticated" WITH CHECK ("organization_id" = (SELECT current_setting('app.current_organization_id', true)));--> statement-breakpoint
CREATE POLICY "feature_item_tenant_update" ON "feature_item" AS PERMISSIVE FOR UPDATE TO "authenticated" USING ("organization_id" = (SELECT current_setting('app.current_organization_id', true))) WITH CHECK ("organization_id" = (SELECT current_setting('app.current_organization_id', true)));--> statement-breakpoint
CREATE POLICY "feature_item_tenant_delete" ON "feature_item" AS PERMISSIVE FOR DELETE TO "authenticated" USING ("organization_id" = (SELECT current_setting('app.current_organization_id', true)));--> statement-breakpoint
-- Added by hand: drizzle-kit can't generate what follows.
ALTER TABLE "feature_item"
  ADD COLUMN "search_vector" tsvector
  GENERATED ALWAYS AS (to_tsvector('english', "name")) STORED;--> statement-breakpoint
CREATE INDEX "feature_item_search_idx" ON "feature_item" USING gin ("search_vector");
