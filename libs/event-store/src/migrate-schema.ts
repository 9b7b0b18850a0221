import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { MigrationInterface } from 'typeorm';
import { roleOf, sessionOptions } from './database.js';
import { faultCode } from './database-fault.js';

/** A TypeORM migration; the name of the class ends in a timestamp of 13 digits, by which migrations are ordered. */
export type MigrationClass = new () => MigrationInterface;

/**
 * Brings `schema` to its newest shape and returns the names of the migrations that ran, oldest first. Makes the role
 * `muster_<schema>` (no login; granted to the user of `url`) and the schema it owns when they are missing. Safe to run
 * twice and side by side: whoever comes second waits and finds nothing to do. Forward only. Closes its connections.
 */
export const migrateSchema = async ({
  url,
  schema,
  migrations,
}: {
  readonly url: string;
  readonly schema: string;
  readonly migrations: readonly MigrationClass[];
}): Promise<string[]> => {
  const admin = new pg.Client({ connectionString: url, application_name: `migrate ${schema}` });
  await admin.connect();
  try {
    await lockSchema(admin, schema);
    await ensureRole(admin, roleOf(schema));
    const { rowCount } = await admin.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
    if (rowCount === 0) await admin.query(`CREATE SCHEMA ${schema} AUTHORIZATION ${roleOf(schema)}`);
    return await runMigrations(url, schema, migrations);
  } finally {
    await admin.end();
  }
};

const LOOK_EVERY_MS = 100;

/**
 * A session lock: it is gone with the connection, so a killed migration blocks nobody. Asked for again and again: who waits
 * inside a statement has a snapshot, CREATE INDEX CONCURRENTLY waits until all older ones are gone, and who makes the index
 * has the lock. PostgreSQL does not see that circle, so both would wait for ever.
 */
const lockSchema = async (admin: pg.Client, schema: string): Promise<void> => {
  for (;;) {
    const { rows } = await admin.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked',
      [`muster migrate ${schema}`],
    );
    if (rows[0]?.locked === true) return;
    await pause(LOOK_EVERY_MS);
  }
};

/**
 * Roles belong to the whole server, the lock only to the database: migrations of two databases may meet here, and then
 * PostgreSQL answers "already exists", a unique violation or "tuple concurrently updated". Looking again is the cure.
 */
const ensureRole = async (admin: pg.Client, role: string): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { rowCount } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
      if (rowCount === 0) await admin.query(`CREATE ROLE ${role} NOLOGIN`);
      if (!(await canBecome(admin, role))) await admin.query(`GRANT ${role} TO CURRENT_USER`);
      return;
    } catch (error) {
      if (attempt === 5 || !['42710', '23505', 'XX000'].includes(faultCode(error) ?? '')) throw error;
    }
  }
};

/** Asked by trying: membership alone is not enough since PostgreSQL 16, where a role's maker may grant but not become it. */
const canBecome = async (admin: pg.Client, role: string): Promise<boolean> => {
  try {
    await admin.query(`SET ROLE ${role}`);
    await admin.query('RESET ROLE');
    return true;
  } catch (error) {
    if (faultCode(error) === '42501') return false;
    throw error;
  }
};

const runMigrations = async (
  url: string,
  schema: string,
  migrations: readonly MigrationClass[],
): Promise<string[]> => {
  // Here and not above: services, which have this module too, would read its 300 modules and never use them.
  const { DataSource } = await import('typeorm');
  const source = new DataSource({
    type: 'postgres',
    url,
    schema,
    migrations: [...migrations],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    installExtensions: false,
    logging: false,
    applicationName: `migrate ${schema}`,
    extra: { options: sessionOptions(schema), max: 1 },
  });
  await source.initialize();
  try {
    const run = await source.runMigrations();
    return run.map((migration) => migration.name);
  } finally {
    await source.destroy();
  }
};
