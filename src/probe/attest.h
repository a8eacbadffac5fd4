/*-------------------------------------------------------------------------
 *
 * attest.h
 *		What trovella_guard.c must know of trials.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ATTEST_H
#define TROVELLA_GUARD_ATTEST_H

/*
 * Registers the callbacks that forget what probe() has found; called once, from
 * _PG_init.
 */
extern void tg_attest_init(void);

#endif							/* TROVELLA_GUARD_ATTEST_H */
