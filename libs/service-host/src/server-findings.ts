import type { Database } from '@muster/event-store';
import type { Finding } from './checkup.js';

/** So long may a transaction stay open before it holds back what the services tell each other. */
const OPEN_SECONDS = 60;
const NEARLY_ALL = 0.9;
/** What the record rests on, and how it must be. */
const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
};

/** What `doctor` says of the PostgreSQL server, whatever it holds. */
export const serverFindings = async (
  database: Database,
  openSeconds = OPEN_SECONDS,
): Promise<readonly Finding[]> => [
  ...(await settingsOf(database)),
  ...(await connectionsOf(database)),
  ...(await transactionsOf(database, openSeconds)),
];

const settingsOf = async (database: Database): Promise<Finding[]> => {
  const { rows } = await database.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY($1)',
    [Object.keys(SETTINGS)],
  );
  return rows
    .filter(({ name, setting }) => setting !== SETTINGS[name])
    .map(({ name, setting }) => ({
      isFault: true,
      what: `PostgreSQL runs with ${name} ${setting}: what was acknowledged may be lost in a power cut.`,
      advice: `ALTER SYSTEM SET ${name} = ${SETTINGS[name] ?? ''}, and pg_reload_conf().`,
    }));
};

const connectionsOf = async (database: Database): Promise<Finding[]> => {
  const { rows } = await database.query<{ used: number; most: number }>(
    `SELECT count(*)::integer AS used, current_setting('max_connections')::integer
       - current_setting('superuser_reserved_connections')::integer AS most
     FROM pg_stat_activity WHERE backend_type = 'client backend'`,
  );
  const { used = 0, most = 0 } = rows[0] ?? {};
  if (used < most * NEARLY_ALL) return [];
  return [
    {
      isFault: false,
      what: `${used} of the ${most} connections that PostgreSQL lets in are open.`,
      advice: 'A larger max_connections, fewer pods, or smaller MUSTER_<SERVICE>_POOL_SIZE.',
    },
  ];
};

const transactionsOf = async (database: Database, openSeconds: number): Promise<Finding[]> => {
  const { rows } = await database.transaction(async (tx) => {
    // As a service's role one sees nothing of the others' sessions; as who logged in, at least what that one's do.
    await tx.query('SET LOCAL ROLE NONE');
    return tx.query<{ pid: number; name: string; seconds: number }>(
      `SELECT pid, coalesce(nullif(application_name, ''), usename, backend_type) AS name,
         extract(epoch FROM now() - xact_start)::integer AS seconds
       FROM pg_stat_activity WHERE xact_start < now() - make_interval(secs => $1) AND pid <> pg_backend_pid()
         AND backend_type = 'client backend' ORDER BY xact_start`,
      [openSeconds],
    );
  });
  return rows.map(({ pid, name, seconds }) => ({
    isFault: true,
    what: `A transaction of ${name} (pid ${pid}) has been open for ${seconds} s: what the services tell each other waits for its end.`,
    advice: `If nobody misses it: SELECT pg_terminate_backend(${pid}).`,
  }));
};
