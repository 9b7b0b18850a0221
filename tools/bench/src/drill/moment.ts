import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** What is in the database, by table: how many rows, and a sum over all that they say. */
export type Content = ReadonlyMap<string, string>;

const TRIES = 50;
const LOCKED_WITHIN = '300ms'; // shorter than deadlock_timeout: nobody else is given up for us

/** Names a point of the write-ahead log to which can be restored, and what all tables hold there: nobody writes meanwhile. */
export const namePoint = async (database: pg.Client, name: string): Promise<Content> => {
  for (let tries = 1; ; tries += 1) {
    try {
      await database.query(`BEGIN; SET LOCAL lock_timeout = '${LOCKED_WITHIN}'`);
      const tables = await tablesOf(database);
      await database.query(`LOCK TABLE ${tables.join(', ')} IN SHARE MODE`);
      const content = await contentOf(database);
      await database.query('SELECT pg_create_restore_point($1)', [name]);
      await database.query('COMMIT');
      return content;
    } catch (error) {
      await database.query('ROLLBACK');
      const isLate = error instanceof pg.DatabaseError && error.code === '55P03';
      if (!isLate || tries === TRIES) throw error;
      await delay(100 + Math.random() * 200);
    }
  }
};

export const contentOf = async (database: pg.Client): Promise<Content> => {
  const content = new Map<string, string>();
  for (const table of await tablesOf(database)) {
    const { rows } = await database.query<{ n: string; sum: string | null }>(
      `SELECT count(*) AS n, sum(('x' || left(md5(t::text), 15))::bit(60)::bigint) AS sum FROM ${table} t`,
    );
    content.set(table, `${rows[0]?.n ?? ''} ${rows[0]?.sum ?? ''}`);
  }
  return content;
};

const tablesOf = async (database: pg.Client): Promise<string[]> => {
  const { rows } = await database.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
};

/** Of each version of each stream of all services, which event it is: an event is known to others by its version. */
export const eventsOf = async (database: pg.Client): Promise<ReadonlyMap<string, string>> => {
  const { rows: schemas } = await database.query<{ schema: string }>(
    `SELECT table_schema AS schema FROM information_schema.columns
     WHERE table_name = 'events' AND column_name = 'version' ORDER BY 1`,
  );
  const events = new Map<string, string>();
  for (const { schema } of schemas) {
    const { rows } = await database.query<{ name: string; event: string }>(
      `SELECT tenant_id || ':' || stream || ':' || version AS name, recorded_at || md5(data::text) AS event
       FROM ${schema}.events`,
    );
    for (const { name, event } of rows) events.set(`${schema}:${name}`, event);
  }
  return events;
};

/** The segment with everything up to now is in the archive. */
export const archived = async (database: pg.Client): Promise<void> => {
  const { rows } = await database.query<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS name');
  const wanted = rows[0]?.name ?? '';
  for (;;) {
    const { rows: found } = await database.query<{ last: string | null; failed: string }>(
      'SELECT last_archived_wal AS last, failed_count AS failed FROM pg_stat_archiver',
    );
    if ((found[0]?.last ?? '') >= wanted) return;
    if (Number(found[0]?.failed) > 10) throw new Error('the write-ahead log cannot be archived');
    await delay(200);
  }
};
