import { openDatabase } from '@muster/event-store';
import { runMigrations } from 'graphile-worker';
import { taskLogger } from './task-logger.js';

/** Where graphile-worker keeps the tasks of the service that owns `schema`. */
export const workerSchema = (schema: string): string => `${schema}_worker`;

/**
 * Brings graphile-worker's own tables to the shape of its version; to be run after the service's migrations, by the same
 * login. Safe to run twice and side by side. Closes its connection.
 */
export const migrateJobs = async ({
  url,
  schema,
}: {
  readonly url: string;
  readonly schema: string;
}): Promise<void> => {
  const database = openDatabase({ url, schema, poolSize: 1, name: `migrate ${workerSchema(schema)}` });
  try {
    await runMigrations({ pgPool: database.pool, schema: workerSchema(schema), logger: taskLogger() });
  } finally {
    await database.close();
  }
};
