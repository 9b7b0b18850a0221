import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { oneOfEach, type Replicas } from '@muster/launcher';
import pg from 'pg';
import { callAll } from '../call-all.js';
import { openDrill, say } from '../drill/platform.js';
import { waitFor } from '../parts.js';
import { call, databaseUrl, runName, type BenchDevice } from '../platform.js';
import { keepRaw } from '../raw-results.js';
import { markdownTable, rate, share } from '../statistics.js';
import { endOfPartitions, readPlainly, type Pace } from './plain-reader.js';
import { countStored, openSender, sendEvenly, sendMany, type Counted, type HubSender } from './senders.js';
import { startHub, type SimulatedHub } from './simulated-hub.js';

const ADAPTER = 'iothub-adapter';
/** Of those that the platform can do without here, none is started. */
const SERVICES = [
  'device-registry',
  'identity',
  'configuration',
  'telemetry',
  'commands',
  'firmware',
  'gateway',
];
/** Of which the adapter's reader knows nothing. */
const PLAIN = 'plain';
const EVENTS = Number(process.env['BENCH_HUB_EVENTS'] ?? 10_000);
const BATCH_SIZES = (process.env['BENCH_HUB_BATCHES'] ?? '10,100,500,1000').split(',').map(Number);
const PREFETCH_BATCHES = 2;
const SENDERS = 40;
const TWINS = Number(process.env['BENCH_HUB_TWINS'] ?? 500);
/** Of the tier S1. */
const TWIN_UPDATES_PER_SECOND = 50;
const TWIN_BURST = 50;
const KILLS = Number(process.env['BENCH_HUB_KILLS'] ?? 4);
const SECONDS_BETWEEN_KILLS = 10;
const UNDER_LOAD_PER_SECOND = 300;
const CLAIM_SECONDS = 5;

interface Hub {
  readonly platform: Replicas;
  readonly environment: Record<string, string>;
  readonly simulated: SimulatedHub;
  readonly sql: pg.Client;
}

/**
 * Azure IoT Hub as an interface, with the simulator in a process of its own: what telemetry goes through the adapter beside what
 * the same endpoint gives to a reader who does nothing with it, by size of batches; how fast twins change beside the bucket of
 * S1; and the adapter killed (SIGKILL) under load. Throws when something acknowledged is not stored, or stored twice. Brings up
 * a platform of its own; runs alone.
 */
export const iothub = async (): Promise<string> => {
  const directory = join(tmpdir(), `muster-bench-iothub-${process.pid}`);
  mkdirSync(directory, { mode: 0o700 });
  const sealingKey = join(directory, 'sealing-key');
  writeFileSync(sealingKey, randomBytes(32).toString('base64url'), { mode: 0o600 });
  const simulated = await startHub(directory, [PLAIN]);
  const environment: Record<string, string> = {
    NODE_EXTRA_CA_CERTS: simulated.authorityFile,
    MUSTER_SEALING_KEY_FILE: sealingKey,
    MUSTER_IOTHUB_ADAPTER_CLAIM_SECONDS: String(CLAIM_SECONDS),
  };
  const platform = await openDrill('iothub', {
    servers: async (instance) => {
      await oneOfEach(instance);
      return environment;
    },
  });
  const sql = new pg.Client({ connectionString: databaseUrl() });
  try {
    await platform.migrate();
    await Promise.all([...SERVICES, ADAPTER].map((service) => platform.start(service, 1)));
    await sql.connect();
    const hub = { platform, environment, simulated, sql };
    const added = await call<{ id: string }>('POST', '/iot-hubs', {
      name: 'factory',
      connectionString: simulated.connectionString,
      tier: 'S3',
    });
    const run = runName('iothub');
    const devices = await devicesInHub(hub, run, Math.max(TWINS, SENDERS));
    say(`${devices.length} devices are in the hub`);
    const senders = await Promise.all(devices.slice(0, SENDERS).map((one) => openSender(simulated, one)));
    const batches: Batch[] = [];
    for (const size of BATCH_SIZES) batches.push(await throughput(hub, senders, size));
    process.stdout.write(`${tableOfBatches(batches)}\n\n`);
    const kills = await killed(hub, senders);
    process.stdout.write(`${tableOfKills(kills)}\n\n`);
    for (const { client } of senders) client.close();
    const twins = await twinPatches(hub, added.id, run);
    const file = keepRaw('iothub', { batches, kills, twins });
    if (kills.counted.stored !== kills.counted.acknowledged || kills.counted.twice > 0) {
      throw new Error(`something was lost, or is there twice: ${JSON.stringify(kills.counted)}`);
    }
    return [tableOfTwins(twins), `Raw results: ${file}`].join('\n\n');
  } finally {
    await sql.end();
    await platform.stop();
    if (process.env['BENCH_KEEP'] === undefined) platform.remove();
    await simulated.stop();
    rmSync(directory, { recursive: true, force: true });
  }
};

const devicesInHub = async ({ sql }: Hub, run: string, count: number): Promise<BenchDevice[]> => {
  await call('POST', '/device-types', { name: run });
  const numbers = Array.from({ length: count }, (_none, nth) => nth);
  const devices = await callAll(numbers, 8, (nth) =>
    call<BenchDevice>('POST', '/devices', { name: `${run}-${nth}`, deviceType: run, interface: 'iothub' }),
  );
  await waitFor('all identities', async () => {
    const made = 'SELECT count(*)::integer AS n FROM iothub_adapter.hub_identities WHERE made IS NOT NULL';
    return (await countOf(sql, made)) >= count;
  });
  return devices;
};

const countOf = async (sql: pg.Client, query: string): Promise<number> =>
  (await sql.query<{ n: number }>(query)).rows[0]?.n ?? 0;

const TOLD_TO_WAIT = `SELECT count(*)::integer AS n FROM iothub_adapter.hub_budgets
  WHERE class = 'twin-updates' AND at > clock_timestamp()`;
const STORED = 'SELECT count(*)::integer AS n FROM telemetry.samples';

interface Batch {
  readonly size: number;
  readonly plain: Pace;
  readonly adapter: Pace;
}

/** The same events, read by both: first they are all in the hub, so that nobody waits for who sends them. */
const throughput = async (hub: Hub, senders: readonly HubSender[], size: number): Promise<Batch> => {
  const { platform, environment, simulated, sql } = hub;
  for (const replica of platform.of(ADAPTER)) await replica.stop();
  const before = await countOf(sql, STORED);
  const connection = simulated.eventHubConnectionString;
  const startPosition = await endOfPartitions(connection, PLAIN);
  await sendMany(senders, EVENTS);
  const how = { startPosition, count: EVENTS, batchSize: size, prefetch: size * PREFETCH_BATCHES };
  const plain = await readPlainly(connection, PLAIN, how);
  environment['MUSTER_IOTHUB_ADAPTER_BATCH_SIZE'] = String(size);
  const starting = platform.start(ADAPTER, 1);
  const pace = storing(sql, before, EVENTS);
  await starting;
  const adapter = await pace;
  say(
    `batches of ${size}: plain ${rate(plain.count / plain.seconds)}, adapter ${rate(adapter.count / adapter.seconds)}`,
  );
  return { size, plain, adapter };
};

/** From the first that are seen in the database to the last. */
const storing = async (sql: pg.Client, before: number, count: number): Promise<Pace> => {
  let first: { readonly at: number; readonly count: number } | undefined;
  let [seen, at] = [0, 0];
  await waitFor('all to be stored', async () => {
    seen = (await countOf(sql, STORED)) - before;
    at = performance.now();
    if (seen > 0) first ??= { at, count: seen };
    return seen >= count;
  });
  return { count: seen - (first?.count ?? 0), seconds: (at - (first?.at ?? at)) / 1_000 };
};

interface Kills {
  /** Until all is stored, of every device, that the hub had acknowledged when the adapter was killed. */
  readonly backSeconds: readonly number[];
  readonly counted: Counted;
}

const killed = async ({ platform, sql }: Hub, senders: readonly HubSender[]): Promise<Kills> => {
  const sending = new AbortController();
  const flow = sendEvenly(senders, UNDER_LOAD_PER_SECOND, sending.signal);
  const backSeconds: number[] = [];
  try {
    for (let nth = 0; nth < KILLS; nth += 1) {
      await delay(SECONDS_BETWEEN_KILLS * 1_000);
      for (const replica of platform.of(ADAPTER)) await replica.kill();
      const killedAt = performance.now();
      const owed = senders.map(({ device, acknowledged }) => [device.id, acknowledged] as const);
      await platform.start(ADAPTER, 1);
      await waitFor('what was acknowledged before to be stored', async () => {
        const stored = await storedByDevice(sql);
        return owed.every(([id, count]) => (stored.get(id) ?? 0) >= count);
      });
      backSeconds.push((performance.now() - killedAt) / 1_000);
      say(`the adapter was killed, and has caught up after ${backSeconds.at(-1)?.toFixed(1) ?? '?'} s`);
    }
    await delay(SECONDS_BETWEEN_KILLS * 1_000);
  } finally {
    sending.abort();
    await flow;
  }
  let counted = await countStored(senders);
  for (const until = Date.now() + 60_000; counted.stored < counted.acknowledged && Date.now() < until;) {
    await delay(2_000);
    counted = await countStored(senders);
  }
  return { backSeconds, counted };
};

const storedByDevice = async (sql: pg.Client): Promise<ReadonlyMap<string, number>> => {
  const { rows } = await sql.query<{ id: string; n: number }>(
    'SELECT device_id AS id, count(*)::integer AS n FROM telemetry.samples GROUP BY device_id',
  );
  return new Map(rows.map(({ id, n }) => [id, n]));
};

interface Twins {
  readonly devices: number;
  readonly seconds: number;
  /** In which part of that time nobody might ask, as the hub had said 429. */
  readonly waiting: number;
  /** By the time since the first, how many. */
  readonly course: readonly (readonly [number, number])[];
}

/** One document for each device, while the hub throttles as S1 does and is known as that. */
const twinPatches = async ({ simulated, sql }: Hub, hubId: string, run: string): Promise<Twins> => {
  await call('PATCH', `/iot-hubs/${hubId}`, { tier: 'S1' });
  await simulated.throttle({ tier: 'S1' });
  const desired = { interval: 5 };
  await call(
    'POST',
    '/configuration/bulk',
    { target: { filter: `deviceType==${run}` }, desired, reason: run },
    [202],
  );
  const course: (readonly [number, number])[] = [];
  let [looks, waiting] = [0, 0];
  const told = 'SELECT count(*)::integer AS n FROM iothub_adapter.hub_twins WHERE version IS NOT NULL';
  await waitFor('all twins to be changed', async () => {
    const count = await countOf(sql, told);
    if (count > 0 && count !== course.at(-1)?.[1]) course.push([performance.now(), count]);
    looks += 1;
    waiting += await countOf(sql, TOLD_TO_WAIT);
    return count >= TWINS;
  });
  const first = course[0]?.[0] ?? 0;
  const last = course.at(-1)?.[0] ?? 0;
  return {
    devices: TWINS,
    seconds: (last - first) / 1_000,
    waiting: waiting / looks,
    course: course.map(([at, count]) => [Math.round(at - first), count]),
  };
};

const tableOfBatches = (batches: readonly Batch[]): string =>
  markdownTable(
    [
      `${EVENTS.toLocaleString('en')} events of ${SENDERS} devices, 4 partitions`,
      'prefetch, each partition',
      'through the adapter, stored',
      'a plain reader',
      'of it',
    ],
    batches.map(({ size, plain, adapter }) => {
      const [through, ceiling] = [adapter.count / adapter.seconds, plain.count / plain.seconds];
      return [
        `batches of ${size}`,
        String(size * PREFETCH_BATCHES),
        rate(through),
        rate(ceiling),
        share(through, ceiling),
      ];
    }),
  );

const tableOfKills = ({ backSeconds, counted }: Kills): string =>
  markdownTable(
    [
      `SIGKILL ${KILLS} times, ${UNDER_LOAD_PER_SECOND} messages a second`,
      'acknowledged by the hub',
      'stored',
      'stored twice',
      'caught up after',
    ],
    [
      [
        `sent ${counted.sent.toLocaleString('en')}`,
        counted.acknowledged.toLocaleString('en'),
        counted.stored.toLocaleString('en'),
        String(counted.twice),
        backSeconds.map((seconds) => `${seconds.toFixed(1)} s`).join(', '),
      ],
    ],
  );

const tableOfTwins = ({ devices, seconds, waiting }: Twins): string => {
  const atBest = Math.max(0, devices - TWIN_BURST) / TWIN_UPDATES_PER_SECOND;
  return markdownTable(
    [
      `documents to ${devices} devices`,
      'seconds',
      'the bucket of S1 at best',
      'of it',
      'of the time after a 429',
    ],
    [
      [
        'one change of a twin each',
        `${seconds.toFixed(1)} s (${rate(devices / seconds)})`,
        `${atBest.toFixed(1)} s (a burst of ${TWIN_BURST}, then ${TWIN_UPDATES_PER_SECOND}/s)`,
        share(atBest, seconds),
        share(waiting, 1),
      ],
    ],
  );
};
