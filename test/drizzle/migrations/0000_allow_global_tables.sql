-- The tables that are meant to be shared by all organizations, and why.
-- Allowed before they are made, so that nothing ever complains about them.
SELECT trovella_guard.allow('public.user', 'one person may belong to several organizations');--> statement-breakpoint
SELECT trovella_guard.allow('public.session', 'read before the organization is known');--> statement-breakpoint
SELECT trovella_guard.allow('public.account', 'read before the organization is known');--> statement-breakpoint
SELECT trovella_guard.allow('public.verification', 'read before the organization is known');--> statement-breakpoint
SELECT trovella_guard.allow('public.organization', 'the list of tenants itself');--> statement-breakpoint
SELECT trovella_guard.allow('public.ai_model', 'registry shared by all organizations');--> statement-breakpoint
SELECT trovella_guard.allow('public.ai_model_pricing', 'registry shared by all organizations');--> statement-breakpoint
SELECT trovella_guard.allow('public.global_config', 'settings of the product, not of an organization');
