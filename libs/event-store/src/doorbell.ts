import type { Database } from './database.js';

/** The channel on which a service's relay listens. */
export const doorbellChannel = (schema: string): string => `muster_events_${schema}`;

/** How the relay is told that publishes in this process. */
const answers = new WeakMap<Database, () => void>();

/** `answer` is called for what this process commits, until the function returned is called. */
export const answerDoorbell = (database: Database, answer: () => void): (() => void) => {
  answers.set(database, answer);
  return () => void answers.delete(database);
};

/**
 * Tells the relay that there are new events: by a call where it publishes in this process, else by the database. Never inside the
 * transaction of the events: a NOTIFY takes a lock of the whole server until its commit is on disk, so that commits would come
 * one by one. At most one is under way; whoever rings meanwhile is covered by one more after it. A ring that is lost costs the
 * relay's poll.
 */
export const createDoorbell = (database: Database): { ring(): void } => {
  let ringing = false;
  let again = false;
  const ring = (): void => {
    const answer = answers.get(database);
    if (answer !== undefined) {
      answer();
      return;
    }
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
