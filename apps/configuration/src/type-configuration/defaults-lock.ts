import type pg from 'pg';

/**
 * Keeps decisions that were made with a tenant's defaults apart from changes of those defaults: ADR 0009. It is a statement
 * of its own, before the one that reads the defaults, because a statement sees what was committed when it began; taken
 * together with the reading, whoever waited for a change would still read what was before it.
 */
export const holdDefaults = (tx: pg.PoolClient, tenantId: string): Promise<unknown> =>
  tx.query({
    name: 'hold-defaults',
    text: `SELECT pg_advisory_xact_lock_shared(${KEY})`,
    values: [tenantId],
  });

/**
 * For changes of defaults, and of what decides which defaults a device has. When it returns, everybody who decided with
 * the defaults from before has committed, and nobody decides until this transaction ends.
 */
export const changeDefaultsAlone = (tx: pg.PoolClient, tenantId: string): Promise<unknown> =>
  tx.query({ name: 'change-defaults', text: `SELECT pg_advisory_xact_lock(${KEY})`, values: [tenantId] });

/** Advisory locks belong to the whole database; two services with one number would only wait for each other. */
const KEY = `hashtextextended('configuration defaults of ' || $1, 0)`;
