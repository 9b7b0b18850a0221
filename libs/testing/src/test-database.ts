import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { eventually } from './eventually.js';
import { requireTestVariable } from './test-environment.js';

export type TestDatabase = {
  /** Connection URL of a database that nobody else uses. */
  readonly url: string;
  readonly name: string;
  /** Drops the database. Rejects (after dropping it) when the test left connections open. */
  readonly drop: () => Promise<void>;
};

export type TestDatabaseOptions = {
  /**
   * Brings an empty database to the wanted shape. Runs once per name and run of
   * `npm test`: later databases of that name are cloned, about 50 ms each. It must
   * have closed its connections when it resolves: PostgreSQL clones no database in use.
   */
  readonly migrate?: (url: string) => Promise<unknown>;
  /** Says which migration this is, e.g. `device-registry`. Needed with `migrate`. */
  readonly name?: string;
};

/** Creates a database for one test file on the run's server; call it in `beforeAll`, `drop` in `afterAll`. */
export const testDatabase = async ({ migrate, name }: TestDatabaseOptions = {}): Promise<TestDatabase> => {
  const server = requireTestVariable('MUSTER_TEST_DATABASE_URL');
  const database = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await withAdmin(server, async (admin) => {
    if (migrate === undefined) {
      await admin.query(`CREATE DATABASE ${database}`);
      return;
    }
    if (name === undefined)
      throw new Error('testDatabase: `migrate` needs a `name`, so that it runs once per run');
    const template = await migratedTemplate(admin, server, name, migrate);
    await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template}`);
  });
  return { url: urlOf(server, database), name: database, drop: () => dropDatabase(server, database) };
};

/**
 * The session lock makes parallel Jest workers wait for the first one's
 * migration. The template gets its final name only after the migration, so one
 * that failed half way is never cloned.
 */
const migratedTemplate = async (
  admin: pg.Client,
  server: string,
  name: string,
  migrate: (url: string) => Promise<unknown>,
): Promise<string> => {
  const digest = createHash('sha256').update(name).digest();
  const template = `template_${digest.toString('hex').slice(0, 16)}`;
  const lock = digest.readInt32BE(0);
  await admin.query('SELECT pg_advisory_lock($1)', [lock]);
  try {
    const known = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (known.rowCount === 1) return template;
    await admin.query(`DROP DATABASE IF EXISTS ${template}_new WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${template}_new`);
    await migrate(urlOf(server, `${template}_new`));
    await noConnections(admin, `${template}_new`, `the migration of "${name}" closes its connections`);
    await admin.query(`ALTER DATABASE ${template}_new RENAME TO ${template}`);
    return template;
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [lock]);
  }
};

const dropDatabase = (server: string, database: string): Promise<void> =>
  withAdmin(server, async (admin) => {
    try {
      await noConnections(admin, database, 'the test closes its database connections');
    } finally {
      await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    }
  });

/** A closed connection's backend lives on for some milliseconds, hence the waiting. */
const noConnections = async (admin: pg.Client, database: string, what: string): Promise<void> => {
  await eventually(
    async () => {
      const open = await admin.query(
        `SELECT pid, application_name, left(query, 100) AS query FROM pg_stat_activity
         WHERE datname = $1 AND backend_type = 'client backend'`,
        [database],
      );
      if (open.rows.length > 0) throw new Error(`${open.rows.length} open: ${JSON.stringify(open.rows)}`);
      return true;
    },
    { deadlineMs: 3_000, what },
  );
};

const withAdmin = async (server: string, work: (admin: pg.Client) => Promise<void>): Promise<void> => {
  const admin = new pg.Client({ connectionString: server, application_name: 'testDatabase' });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
};

const urlOf = (server: string, database: string): string => {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
};
