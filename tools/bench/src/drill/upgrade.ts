import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES, type Replica, type Replicas } from '@muster/launcher';
import pg from 'pg';
import { callAll } from '../call-all.js';
import type { Counted } from '../campaign-recount.js';
import { databaseUrl } from '../platform.js';
import { markdownTable } from '../statistics.js';
import { Load, type Outcome } from './load.js';
import { oldVersion } from './old-version.js';
import { openDrill, say, verdictOf } from './platform.js';
import { rowOfSpan, SPAN_HEAD, type Span } from './spans.js';

const REPLICAS = Number(process.env['BENCH_REPLICAS'] ?? 2);
const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 500);
const CONNECTED = Number(process.env['BENCH_CONNECTED'] ?? 40);
const CALM_SECONDS = Number(process.env['BENCH_CALM_SECONDS'] ?? 15);
/** Both versions run for so long, half the replicas of each service of either. */
const BESIDE_SECONDS = Number(process.env['BENCH_BESIDE_SECONDS'] ?? 60);
/** Services whose replicas are exchanged at the same time; `helm upgrade` takes all of them. */
const AT_ONCE = Number(process.env['BENCH_AT_ONCE'] ?? 3);
/** What the phases take in which replicas are exchanged, about. */
const EXCHANGING_SECONDS = 120;
/** A door that a replica has left hears of it a moment later: the `preStop` of the chart's pods. */
const LEFT_SECONDS = 1;

/**
 * The version before (BENCH_FROM; else the newest tag before this commit, or the commit before it) runs under everything at once. The
 * database is migrated by this version; then each replica is exchanged for one of this version, some services at a time, the new
 * one first; half way both run side by side for a minute. Then back again, code and not schema. What every version must pass:
 * nothing acknowledged is lost, nothing is done twice or parked, no request of an operator fails. Throws with the tables when
 * it is not so. Runs alone.
 */
export const upgrade = async (): Promise<string> => {
  const old = oldVersion();
  say(`from ${old.commit} (${old.words}); ${REPLICAS} replicas, ${DEVICES} devices, ${CONNECTED} connected`);
  const all = await openDrill('upgrade');
  const database = new pg.Client({ connectionString: databaseUrl() });
  let load: Load | undefined;
  try {
    await all.migrate(old.root);
    for (let nth = 1; nth <= REPLICAS; nth += 1)
      await Promise.all(old.services.map((service) => all.start(service, nth, old.root)));
    say('the version before is ready');
    await database.connect();
    const before = await migrationsOf(database);
    load = await Load.begin('upgrade', {
      devices: DEVICES,
      connected: CONNECTED,
      writingSeconds: 4 * CALM_SECONDS + BESIDE_SECONDS + 2 * EXCHANGING_SECONDS,
      services: old.services,
    });
    const spans: Span[] = [];
    const during = async (what: string, work: () => Promise<void>): Promise<void> => {
      await load?.startJobs();
      const from = performance.now();
      await work();
      spans.push({ what, from, to: performance.now() });
      say(`${what}: done`);
    };
    const calm = (): Promise<void> => delay(CALM_SECONDS * 1_000);
    const half = Math.ceil(REPLICAS / 2);
    const added = SERVICES.filter((service) => !old.services.includes(service));
    await during('the version before', calm);
    await during('migrations', () => all.migrate());
    await during('half of the replicas exchanged', () => exchange(all, old.services, half));
    await during('both versions side by side', () => delay(BESIDE_SECONDS * 1_000));
    await during('the other half exchanged', async () => {
      await exchange(all, old.services, REPLICAS - half);
      for (const service of added) await all.start(service, 1);
    });
    await during('this version', calm);
    await during('back again', async () => {
      for (const replica of added.flatMap((service) => all.of(service))) await replica.stop();
      await exchange(all, old.services, REPLICAS, old.root);
    });
    await during('the version before, on the new schema', calm);
    say('counting …');
    const outcome = withRequests(await load.end(database));
    const after = await migrationsOf(database);
    const ran = [...after].filter((name) => !before.has(name));
    return verdictOf(
      'upgrade',
      [
        `From ${old.commit} (${old.words}). Migrations that ran meanwhile: ${ran.length === 0 ? 'none' : ran.join(', ')}. ` +
          `Services that are new: ${added.length === 0 ? 'none' : added.join(', ')}.`,
        markdownTable(
          ['under everything at once', ...SPAN_HEAD],
          spans.map((span) => [span.what, ...rowOfSpan(span, outcome)]),
        ),
      ],
      outcome,
      { from: old.commit, replicas: REPLICAS, devices: DEVICES, connected: CONNECTED, ran, spans },
    );
  } finally {
    await load?.close();
    await database.end();
    await all.stop();
    if (process.env['BENCH_KEEP'] === undefined) all.remove();
  }
};

/** So many replicas of each service, oldest first: the new one is ready before the old one is told to stop. */
const exchange = async (
  all: Replicas,
  services: readonly string[],
  count: number,
  root?: string,
): Promise<void> => {
  await callAll(services, AT_ONCE, async (service) => {
    for (let n = 0; n < count; n += 1) {
      const running = all.of(service);
      const [oldest] = running;
      if (oldest === undefined) throw new Error(`no ${service} runs`);
      await all.start(service, 1 + Math.max(...running.map(({ nth }) => nth)), root);
      await leave(oldest);
    }
  });
};

const leave = async (replica: Replica): Promise<void> => {
  replica.leave();
  await delay(LEFT_SECONDS * 1_000);
  await replica.stop();
};

/** `device_registry IotHubs1764…` */
const migrationsOf = async (database: pg.Client): Promise<ReadonlySet<string>> => {
  const { rows: schemas } = await database.query<{ schema: string }>(
    `SELECT table_schema AS schema FROM information_schema.columns
     WHERE table_name = 'migrations' AND column_name = 'name' ORDER BY 1`,
  );
  const names = new Set<string>();
  for (const { schema } of schemas) {
    const { rows } = await database.query<{ name: string }>(`SELECT name FROM ${schema}.migrations`);
    for (const { name } of rows) names.add(`${schema} ${name}`);
  }
  return names;
};

/** An upgrade that somebody notices is none: nobody was killed, so every request is answered. */
const withRequests = (outcome: Outcome): Outcome => {
  const failed = outcome.asked.filter(({ words }) => words !== '200').length;
  const changes = outcome.pushes.filter(({ words }) => words !== '200').length;
  const more: Counted[] = [
    ['requests of an operator that failed', 0, failed],
    ["an operator's changes that failed", 0, changes],
  ];
  return { ...outcome, counted: [...outcome.counted, ...more] };
};
