/*-------------------------------------------------------------------------
 *
 * trovella_guard.c
 *		Sets up the settings, the watchers and the verdict.
 *
 * No transaction commits that leaves a tenant table less protected than the
 * checklist demands.  A statement goes one way through the modules under src/:
 *
 *		watch -> verdict -> facts -> rules (-> scope) -> allowlist -> raise
 *
 * An audit begins at report and goes on from facts in the same way.
 * docs/architecture.md shows how the modules depend on each other.
 *
 * PostgreSQL calls _PG_init once in each backend that loads the library: at
 * server start if it is preloaded, else when the event trigger
 * trovella_guard_open fires for the first DDL statement of a session.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "guard.h"
#include "probe/attest.h"
#include "rules/rules.h"
#include "settings.h"
#include "verdict/verdict.h"
#include "watch/touched.h"
#include "watch/watch.h"

TG_MODULE_MAGIC(TG_VERSION);

void		_PG_init(void);

void
_PG_init(void)
{
	tg_levels_init();
	tg_settings_init();
	tg_touched_init();
	tg_verdict_init();
	tg_watch_init();
	tg_watch_utility_init();
	tg_attest_init();
}
