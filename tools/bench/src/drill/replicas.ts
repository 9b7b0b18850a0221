import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES, type Replica, type Replicas } from '@muster/launcher';
import pg from 'pg';
import { waitFor } from '../parts.js';
import { databaseUrl } from '../platform.js';
import { markdownTable, share } from '../statistics.js';
import { Load, type Outcome } from './load.js';
import { openDrill, say, verdictOf } from './platform.js';
import { countersOf } from './replica-metrics.js';
import { inSeconds, rowOfSpan, SPAN_HEAD } from './spans.js';

const REPLICAS = Number(process.env['BENCH_REPLICAS'] ?? 2);
const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 1_000);
const CONNECTED = Number(process.env['BENCH_CONNECTED'] ?? 40);
/** With commas between; default: all. */
const VICTIMS = process.env['BENCH_VICTIMS']?.split(',') ?? SERVICES;
/** Everything runs undisturbed for so long, and the work of each replica is counted. */
const CALM_SECONDS = Number(process.env['BENCH_CALM_SECONDS'] ?? 30);
/** From the kill on, before it is started again. */
const AWAY_SECONDS = Number(process.env['BENCH_AWAY_SECONDS'] ?? 12);

const NOBODY = '(nobody)';

interface Kill {
  /** Nobody: the calm before, to compare with. */
  readonly service: string;
  /** The one that told events to the others, where one at a time does. */
  readonly told: boolean;
  readonly from: number;
  readonly to: number;
}

/**
 * Several replicas of every service, from a platform of its own, under telemetry, requests of devices, a campaign, jobs and
 * an operator. First the work of each replica is counted, then one of each service is killed (SIGKILL) and stays away for
 * some seconds: the others must go on. Afterwards everything is counted, from events, tables and what devices got. Throws
 * with the tables when something is lost, done twice or parked. Runs alone.
 */
export const replicas = async (): Promise<string> => {
  say(
    `${REPLICAS} replicas of each service, ${DEVICES} devices, ${CONNECTED} connected; starting takes a while …`,
  );
  const all = await openDrill('replicas');
  const database = new pg.Client({ connectionString: databaseUrl() });
  let load: Load | undefined;
  try {
    await all.migrate();
    for (let nth = 1; nth <= REPLICAS; nth += 1) {
      await Promise.all(SERVICES.map((service) => all.start(service, nth)));
      say(`replicas ${nth} of all services are ready`);
    }
    await database.connect();
    const seconds = CALM_SECONDS + VICTIMS.length * (AWAY_SECONDS + 3);
    load = await Load.begin('replicas', {
      devices: DEVICES,
      connected: CONNECTED,
      writingSeconds: Math.round(seconds * 0.8),
    });
    const calm = performance.now();
    const work = await workOf(all, load);
    const kills: Kill[] = [{ service: NOBODY, told: false, from: calm, to: performance.now() }];
    say('the calm is over');
    for (const service of VICTIMS) kills.push(await kill(all, load, service));
    say('counting …');
    const outcome = await load.end(database);
    return verdictOf(
      'replicas',
      [tableOfWork(work), tableOfKills(kills, outcome), tableOfJobs(outcome)],
      outcome,
      { replicas: REPLICAS, devices: DEVICES, connected: CONNECTED, work, kills },
    );
  } finally {
    await load?.close();
    await database.end();
    await all.stop();
    if (process.env['BENCH_KEEP'] === undefined) all.remove();
  }
};

const COUNTERS = {
  muster_answers_total: 'requests answered',
  muster_consumed_total: 'events taken',
  muster_relay_published_total: 'events told',
  muster_job_chunks_total: 'chunks of jobs',
  muster_telemetry_samples_total: 'samples',
  muster_mqtt_messages_total: 'messages of devices',
  muster_mqtt_front_publishes_total: 'packets of devices',
  muster_http_request_seconds_count: 'REST requests',
} as const;

interface Work {
  readonly service: string;
  readonly what: string;
  readonly byReplica: readonly number[];
}

/** What each replica did in the calm, during which jobs were done, too. */
const workOf = async (all: Replicas, load: Load): Promise<Work[]> => {
  const names = Object.keys(COUNTERS);
  const look = (): Promise<Map<Replica, Readonly<Record<string, number>>>> =>
    Promise.all(all.all().map(async (one) => [one, await countersOf(one, names)] as const)).then(
      (pairs) => new Map(pairs),
    );
  const before = await look();
  await load.startJobs();
  await delay(CALM_SECONDS * 1_000);
  const after = await look();
  return SERVICES.flatMap((service) =>
    Object.entries(COUNTERS).flatMap(([name, what]) => {
      const byReplica = all
        .of(service)
        .map((one) => (after.get(one)?.[name] ?? 0) - (before.get(one)?.[name] ?? 0));
      return byReplica.some((count) => count > 0) ? [{ service, what, byReplica }] : [];
    }),
  );
};

const kill = async (all: Replicas, load: Load, service: string): Promise<Kill> => {
  await waitFor('all devices to be connected', () => load.isConnected());
  const { victim, told } = await victimOf(all, service);
  await load.startJobs();
  const from = performance.now();
  await victim.kill();
  await delay(AWAY_SECONDS * 1_000);
  const to = performance.now();
  await all.start(service, victim.nth);
  say(`${victim.name} was killed${told ? ', which told events,' : ''} and runs again`);
  return { service, told, from, to };
};

/** The replica that tells events, where one does: the others have to notice, and take over. */
const victimOf = async (all: Replicas, service: string): Promise<{ victim: Replica; told: boolean }> => {
  const candidates = all.of(service);
  for (const one of candidates) {
    const { muster_relay_active: active } = await countersOf(one, ['muster_relay_active']);
    if (active === 1) return { victim: one, told: true };
  }
  const [first] = candidates;
  if (first === undefined) throw new Error(`no ${service} runs`);
  return { victim: first, told: false };
};

const tableOfWork = (work: readonly Work[]): string =>
  markdownTable(
    [
      `in ${CALM_SECONDS} s`,
      'what',
      ...Array.from({ length: REPLICAS }, (_, n) => `replica ${n + 1}`),
      'least',
    ],
    work.map(({ service, what, byReplica }) => {
      const sum = byReplica.reduce((total, count) => total + count, 0);
      return [service, what, ...byReplica.map(String), share(Math.min(...byReplica), sum)];
    }),
  );

const tableOfKills = (kills: readonly Kill[], outcome: Outcome): string =>
  markdownTable(
    ['killed', ...SPAN_HEAD],
    kills.map((kill) => [
      `${kill.service}${kill.told ? ' (it told events)' : ''}`,
      ...rowOfSpan({ what: kill.service, ...kill }, outcome),
    ]),
  );

const tableOfJobs = ({ rounds }: Outcome): string =>
  markdownTable(
    ['jobs begun just before the kill of', 'configuration', 'device-registry', 'commands'],
    rounds.map(({ began, ended }, nth) => [
      nth === 0 ? NOBODY : (VICTIMS[nth - 1] ?? ''),
      ...['configuration', 'device-registry', 'commands'].map((kind) => {
        const at = ended.get(kind);
        return at === undefined ? 'not ended' : inSeconds(at - began);
      }),
    ]),
  );
