import type { Database } from './database.js';

/** The channel on which a service's relay listens. */
export const doorbellChannel = (schema: string): string => `muster_events_${schema}`;

/**
 * Tells the relay, in whatever process it runs, that there are new events. Never inside the transaction of the events:
 * a NOTIFY takes a lock of the whole server until its commit is on disk, so that commits would come one by one. At most
 * one is under way; whoever rings meanwhile is covered by one more after it. A ring that is lost costs the relay's poll.
 */
export const createDoorbell = (database: Database): { ring(): void } => {
  let ringing = false;
  let again = false;
  const ring = (): void => {
    if (ringing) {
      again = true;
      return;
    }
    ringing = true;
    again = false;
    database
      .query({
        name: 'ring',
        text: 'SELECT pg_notify($1, $2)',
        values: [doorbellChannel(database.schema), ''],
      })
      .catch(() => undefined) // the poll of the relay finds the events
      .finally(() => {
        ringing = false;
        if (again) ring();
      });
  };
  return { ring };
};
