import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { call, databaseUrl, provision, runName } from './platform.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, percentile, rate, share } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 20_000);
const ROUNDS = 3;
const CHUNK = 500;
const DEADLINE_MS = 300_000;

export interface Job {
  readonly status: 'created' | 'in_progress' | 'waiting' | 'success' | 'failed';
  readonly total: number | null;
  readonly done: number;
  readonly failed: number;
}

interface Round {
  /** From the POST until the job says success. */
  readonly seconds: number;
  /** Until the relay has published the last event. */
  readonly publishedSeconds: number;
  /** The ceiling: the same rows into tables of the same shape, by statements of 500. */
  readonly insertSeconds: number;
}

/**
 * One change of many devices by `POST /configuration/bulk`: devices per second from the call until the job says success,
 * and until everything is published. Beside it the same rows, events and states, inserted set by set into copies of the
 * tables in the same run.
 */
export const bulk = async (): Promise<string> => {
  const run = runName('bulk');
  await provision(run, DEVICES);
  const database = new pg.Client({ connectionString: databaseUrl() });
  await database.connect();
  try {
    await database.query('SET search_path = configuration');
    const rounds: Round[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const measured = await changeAll(database, run, round);
      if (round > 0) rounds.push(measured); // the first makes the states, the others change them
    }
    const file = keepRaw('bulk', { devices: DEVICES, rounds });
    const of = (key: keyof Round): number =>
      DEVICES /
      percentile(
        rounds.map((one) => one[key]),
        0.5,
      );
    const row = (what: string, key: keyof Round): string[] => [
      what,
      rate(of(key)),
      share(of(key), of('insertSeconds')),
    ];
    return [
      markdownTable(
        [`${DEVICES} devices, medians of ${ROUNDS}`, 'devices', 'of the ceiling'],
        [
          row('until the job says success', 'seconds'),
          row('until the last event is published', 'publishedSeconds'),
          row(`ceiling: the same rows, ${CHUNK} a statement, committed`, 'insertSeconds'),
        ],
      ),
      `Raw results: ${file}`,
    ].join('\n\n');
  } finally {
    await database.end();
  }
};

const changeAll = async (database: pg.Client, run: string, round: number): Promise<Round> => {
  const began = performance.now();
  const { jobId } = await call<{ jobId: string }>(
    'POST',
    '/configuration/bulk',
    { target: { filter: `deviceType==${run}` }, desired: { interval: round, mode: 'eco' }, reason: run },
    [202],
  );
  await jobEnds(jobId, DEVICES);
  const seconds = (performance.now() - began) / 1_000;
  await allPublished(database);
  const publishedSeconds = (performance.now() - began) / 1_000;
  return { seconds, publishedSeconds, insertSeconds: await insertAgain(database, jobId) };
};

/** Throws unless it succeeds with that many done. */
export const jobEnds = async (jobId: string, total: number): Promise<void> => {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const job = await call<Job>('GET', `/jobs/${jobId}`).catch((error: unknown) => {
      // It is in the list when its first event has arrived there.
      if (String(error).includes('404')) return undefined;
      throw error;
    });
    if (job?.status === 'success' && job.done === total && job.failed === 0) return;
    if (job?.status === 'success' || job?.status === 'failed' || Date.now() > deadline) {
      throw new Error(`the job ${jobId} is not done: ${JSON.stringify(job)}`);
    }
    await delay(20);
  }
};

const allPublished = async (database: pg.Client): Promise<void> => {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const { rows } = await database.query<{ behind: boolean }>(
      // Ordered, so that the index is read and not all events.
      `SELECT count(*) > 0 AS behind FROM (
         SELECT FROM events e
         WHERE (e.txid, e.position) > ((SELECT txid FROM relay_cursor), (SELECT position FROM relay_cursor))
         ORDER BY e.txid, e.position LIMIT 1) next`,
    );
    if (rows[0]?.behind === false) return;
    if (Date.now() > deadline) throw new Error('the relay is still behind');
    await delay(20);
  }
};

const insertAgain = async (database: pg.Client, jobId: string): Promise<number> => {
  await database.query(`
    CREATE TABLE bench_events (LIKE events INCLUDING ALL);
    CREATE TABLE bench_streams (LIKE streams INCLUDING ALL)`);
  await database.query(
    `CREATE TEMPORARY TABLE bench_source AS
     SELECT row_number() OVER () AS n, e AS event, s AS stream FROM events e JOIN streams s USING (tenant_id, stream)
     WHERE e.type = 'DesiredConfigurationChanged' AND strpos(e.data->>'reason', $1) > 0`,
    [jobId],
  );
  await database.query('CREATE INDEX ON bench_source (n)');
  try {
    const began = performance.now();
    for (let from = 1; from <= DEVICES; from += CHUNK) {
      const range = [from, from + CHUNK - 1];
      await database.query('BEGIN');
      await database.query(
        `INSERT INTO bench_events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata)
         SELECT (event).tenant_id, (event).stream, (event).version, (event).aggregate, (event).type,
           (event).schema_version, (event).data, (event).metadata FROM bench_source WHERE n BETWEEN $1 AND $2`,
        range,
      );
      await database.query(
        'INSERT INTO bench_streams SELECT (stream).* FROM bench_source WHERE n BETWEEN $1 AND $2',
        range,
      );
      await database.query('COMMIT');
    }
    return (performance.now() - began) / 1_000;
  } finally {
    await database.query('DROP TABLE bench_events, bench_streams, bench_source');
  }
};
