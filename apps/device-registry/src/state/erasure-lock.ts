import type { Queryable } from '@muster/event-store';

/**
 * Keeps what is followed of others' events apart from deletions. Whoever writes rows of devices that exist holds it together
 * with others, before it looks which exist; whoever deletes a device takes it alone, before it deletes those rows. Otherwise a
 * row could be written of a device that is being deleted, and would stay for good. A lock on each device's row would do the
 * same, and write to all of them.
 */
export const holdDeletions = (tx: Queryable): Promise<unknown> =>
  tx.query({ name: 'hold-deletions', text: `SELECT pg_advisory_xact_lock_shared(${KEY})`, values: [] });

/** When it returns, whoever followed events has committed, and nobody does until this transaction ends. */
export const deleteAlone = (tx: Queryable): Promise<unknown> =>
  tx.query({ name: 'delete-alone', text: `SELECT pg_advisory_xact_lock(${KEY})`, values: [] });

/** Advisory locks belong to the whole database; two services with one number would only wait for each other. */
const KEY = `hashtextextended('device-registry rows of devices that go', 0)`;
