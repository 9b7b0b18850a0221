import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startPrivatePlatform } from '@muster/launcher';
import pg from 'pg';
import { fillDevices } from './device-filter.js';
import { runningParts } from './parts.js';
import { processorSeconds } from './processor-time.js';
import { keepRaw } from './raw-results.js';
import { apiOf, type Api } from './state-filters.js';
import { markdownTable, milliseconds, percentile, rate, share } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 20_000);
const DEADLINE_MS = 600_000;
/** Else until all are synchronised. */
const UNTIL_RESOLVED = process.env['BENCH_UNTIL'] === 'resolved';
const CHUNK = 500;
/** So that the pace is the services' own, and none that was asked for. */
const RATE_PER_MINUTE = 1_000_000;
const SCHEMAS = ['campaign_orchestrator', 'configuration'];

/**
 * One campaign of one batch over devices that fetch their documents by HTTP and are away, over a PostgreSQL, a NATS and the
 * services of their own. The ceilings are the same rows, inserted by plain SQL in the same run.
 */
export const campaigns = async (): Promise<string> => {
  process.env['MUSTER_CAMPAIGNS_MAX_RATE_PER_MINUTE'] = String(RATE_PER_MINUTE);
  process.env['MUSTER_CAMPAIGNS_TENANT_RATE_PER_MINUTE'] = String(RATE_PER_MINUTE);
  const services = ['device-registry', 'configuration', 'campaign-orchestrator', 'gateway'];
  const platform = await startPrivatePlatform(resolve('.'), 'bench', { names: services });
  const database = new pg.Client({ connectionString: platform.databaseUrl });
  try {
    await database.connect();
    await fill(database);
    const api = apiOf(platform);
    const id = await create(api);
    const previews = await measurePreviews(api, id);
    const parts = runningParts(platform.directory);
    const busyOf = (): number[] => parts.map((part) => processorSeconds(part, platform.directory));
    const sizes = await sizesOf(database);
    const busy = busyOf();
    const run = await follow(api, database, id);
    const processors = busyOf().map((seconds, nth) => ({
      part: parts[nth] ?? '',
      seconds: seconds - (busy[nth] ?? 0),
    }));
    const grown = (await sizesOf(database)).map(({ schema, bytes }, nth) => ({
      schema,
      bytes: bytes - (sizes[nth]?.bytes ?? 0),
    }));
    const ceilings = await measureCeilings(database);
    const file = keepRaw('campaigns', {
      ...{ devices: DEVICES, previews, run, processors, grown, ceilings },
    });
    return [
      tableOfSpeed(run, ceilings),
      '',
      markdownTable(
        ['REST', 'requests', 'p50', 'max'],
        [
          timesRow('`POST /campaigns/{id}/preview`, before', previews),
          timesRow('`GET /campaigns/{id}`, meanwhile', run.details),
          timesRow('`GET /campaigns/{id}/targets?limit=50`, meanwhile', run.targets),
        ],
      ),
      '',
      `Launch answered after ${milliseconds(run.launchMs)}. Longest seen of campaign-orchestrator, looked at after each pair of ` +
        `requests: transaction ${milliseconds(run.longestTransactionMs)}, statement ${milliseconds(run.longestStatementMs)}.`,
      '',
      markdownTable(
        ['schema', 'grown per device'],
        grown.map(({ schema, bytes }) => [`\`${schema}\``, `${Math.round(bytes / DEVICES)} bytes`]),
      ),
      '',
      markdownTable(
        [`from launch until ${UNTIL_RESOLVED ? 'resolved' : 'all are synchronised'}`, 'processor time'],
        processors.map(({ part, seconds }) => [part, `${seconds.toFixed(1)} s`]),
      ),
      '',
      `Raw results: ${file}`,
    ].join('\n');
  } finally {
    await database.end();
    await platform.stop();
  }
};

const fill = async (database: pg.Client): Promise<void> => {
  await database.query('SET search_path = device_registry');
  await fillDevices(database, DEVICES);
  await database.query(`UPDATE devices SET interface = 'http'`);
  await makeKnown(database);
  await database.query('VACUUM ANALYZE');
};

/** They would ask the registry for each device that they do not know, one by one. */
const KNOW_DEVICES = ['configuration', 'firmware', 'commands'];

export const makeKnown = async (database: pg.Client): Promise<void> => {
  for (const schema of KNOW_DEVICES) {
    await database.query(
      `INSERT INTO ${schema}.known_devices (tenant_id, device_id, deleted, device_type_id, app_version, version, interface, name,
         tags, folder)
       SELECT tenant_id, id, false, device_type_id, app_version, 1, interface, name, tags, folder FROM devices`,
    );
  }
};

const create = async (api: Api): Promise<string> => {
  const { id } = await api('POST', '/campaigns', {
    name: 'bench',
    target: { filter: 'name==device-*' },
    configurations: { firmware_version: '1.1', firmware_url: 'https://example.com/fw/v1_1.bin' },
    expectedStates: { firmware_version: '1.1' },
    batches: [{ percent: 100 }],
    ratePerMinute: RATE_PER_MINUTE,
  });
  return String(id);
};

const PREVIEWS = 5;

const measurePreviews = async (api: Api, id: string): Promise<number[]> => {
  const times: number[] = [];
  for (let n = 0; n < PREVIEWS; n += 1) {
    const [ms, preview] = await timed(() => api('POST', `/campaigns/${id}/preview`));
    if (preview['matched'] !== DEVICES) throw new Error(`${String(preview['matched'])} devices match`);
    times.push(ms);
  }
  return times;
};

interface Run {
  readonly launchMs: number;
  /** From the launch on, as whoever asks sees it. */
  readonly resolvedMs: number;
  readonly writtenMs: number;
  readonly synchronisedMs: number;
  readonly details: readonly number[];
  readonly targets: readonly number[];
  readonly longestTransactionMs: number;
  readonly longestStatementMs: number;
}

interface Seen {
  readonly status: string;
  readonly total: number | null;
  readonly launchError?: { readonly detail: string };
  readonly batches: readonly { readonly dispatchedAt?: string; readonly synchronisedAt?: string }[];
}

const follow = async (api: Api, database: pg.Client, id: string): Promise<Run> => {
  const began = performance.now();
  const since = (): number => performance.now() - began;
  const [launchMs] = await timed(() => api('POST', `/campaigns/${id}/launch`, { expectedCount: DEVICES }));
  const details: number[] = [];
  const targets: number[] = [];
  let resolvedMs = 0;
  let writtenMs = 0;
  let longestTransactionMs = 0;
  let longestStatementMs = 0;
  for (;;) {
    const [ms, answer] = await timed(() => api('GET', `/campaigns/${id}`));
    details.push(ms);
    const seen = answer as unknown as Seen;
    const [batch] = seen.batches;
    if (seen.launchError !== undefined) throw new Error(`the launch failed: ${seen.launchError.detail}`);
    if (resolvedMs === 0 && seen.total !== null) resolvedMs = since();
    if (writtenMs === 0 && batch?.dispatchedAt !== undefined) writtenMs = since();
    if (batch?.synchronisedAt !== undefined || (UNTIL_RESOLVED && resolvedMs > 0)) break;
    if (since() > DEADLINE_MS) throw new Error(`it is not done: ${JSON.stringify(seen)}`);
    targets.push((await timed(() => api('GET', `/campaigns/${id}/targets?limit=50`)))[0]);
    const { rows } = await database.query<{ transaction: number; statement: number }>(
      `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 * 1000 AS transaction,
         coalesce(max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE state = 'active'), 0)::float8 * 1000
           AS statement
       FROM pg_stat_activity WHERE xact_start IS NOT NULL AND application_name LIKE '%campaign%'`,
    );
    longestTransactionMs = Math.max(longestTransactionMs, rows[0]?.transaction ?? 0);
    longestStatementMs = Math.max(longestStatementMs, rows[0]?.statement ?? 0);
    await pause(50);
  }
  const synchronisedMs = since();
  return {
    ...{ launchMs, resolvedMs, writtenMs, synchronisedMs, details, targets },
    ...{ longestTransactionMs, longestStatementMs },
  };
};

const timed = async <T>(what: () => Promise<T>): Promise<[number, T]> => {
  const began = performance.now();
  const result = await what();
  return [performance.now() - began, result];
};

export const sizesOf = async (
  database: pg.Client,
  schemas: readonly string[] = SCHEMAS,
): Promise<{ schema: string; bytes: number }[]> => {
  const { rows } = await database.query<{ schema: string; bytes: number }>(
    `SELECT n.nspname AS schema, sum(pg_total_relation_size(c.oid))::float8 AS bytes
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY($1) AND c.relkind = 'r' GROUP BY 1 ORDER BY 1`,
    [schemas],
  );
  return rows;
};

interface Ceilings {
  readonly targetsMs: number;
  readonly writesMs: number;
}

/** What a launch must store at least: the targets and what is supervised; and a write: an event and a state each. */
const measureCeilings = async (database: pg.Client): Promise<Ceilings> => {
  const stages = [
    { schema: 'campaign_orchestrator', tables: ['campaign_targets', 'supervised_devices'] },
    { schema: 'configuration', tables: ['events', 'streams'] },
  ].map(({ schema, tables }) => async (): Promise<number> => {
    let all = 0;
    for (const table of tables) {
      const columns = await columnsOf(database, schema, table);
      await database.query(`CREATE TABLE bench_copy (LIKE ${schema}.${table} INCLUDING ALL)`);
      await database.query(
        `CREATE TEMPORARY TABLE bench_source AS
         SELECT row_number() OVER () AS n, s.* FROM (SELECT ${columns} FROM ${schema}.${table} LIMIT ${DEVICES}) s`,
      );
      await database.query('CREATE INDEX ON bench_source (n)');
      await database.query('ANALYZE bench_source');
      const began = performance.now();
      for (let from = 1; from <= DEVICES; from += CHUNK) {
        await database.query(
          `INSERT INTO bench_copy (${columns}) SELECT ${columns} FROM bench_source WHERE n BETWEEN $1 AND $2`,
          [from, from + CHUNK - 1],
        );
      }
      all += performance.now() - began;
      await database.query('DROP TABLE bench_copy, bench_source');
    }
    return all;
  });
  const [targets, writes] = stages as [() => Promise<number>, () => Promise<number>];
  return { targetsMs: await targets(), writesMs: UNTIL_RESOLVED ? 0 : await writes() };
};

/** Without those that PostgreSQL makes itself. */
const columnsOf = async (database: pg.Client, schema: string, table: string): Promise<string> => {
  const { rows } = await database.query<{ columns: string }>(
    `SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) AS columns FROM information_schema.columns
     WHERE table_schema = $1 AND table_name = $2 AND is_generated = 'NEVER' AND identity_generation IS NULL`,
    [schema, table],
  );
  return rows[0]?.columns ?? '';
};

const tableOfSpeed = (run: Run, { targetsMs, writesMs }: Ceilings): string => {
  const row = (what: string, ms: number, ceilingMs: number): string[] => [
    what,
    `${(ms / 1_000).toFixed(1)} s`,
    rate((DEVICES / ms) * 1_000),
    share(ceilingMs, ms),
  ];
  return markdownTable(
    [`${DEVICES.toLocaleString('en')} devices, one batch`, 'time', 'devices', 'of the ceiling'],
    [
      row('launch until the devices are resolved', run.resolvedMs, targetsMs),
      row(`ceiling: the same targets and supervised devices, ${CHUNK} a statement`, targetsMs, targetsMs),
      ...(UNTIL_RESOLVED
        ? []
        : [
            row('resolved until all are written', run.writtenMs - run.resolvedMs, writesMs),
            row(`ceiling: the same events and streams, ${CHUNK} a statement`, writesMs, writesMs),
            row('launch until all are synchronised', run.synchronisedMs, targetsMs + writesMs),
          ]),
    ],
  );
};

const timesRow = (what: string, times: readonly number[]): string[] => [
  what,
  String(times.length),
  milliseconds(percentile(times, 0.5)),
  milliseconds(Math.max(...times)),
];
