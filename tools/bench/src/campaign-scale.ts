import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startPrivatePlatform } from '@muster/launcher';
import pg from 'pg';
import { callAll } from './call-all.js';
import { caller } from './callers.js';
import { answerDocuments, type Connected } from './campaign-fleet.js';
import type { SeenCampaign, SeenStatistics } from './campaign-watch.js';
import { makeKnown, sizesOf } from './campaigns.js';
import { fillDevices } from './device-filter.js';
import { memoryBytes } from './memory.js';
import { runningParts } from './parts.js';
import { apiKey, call, connectDevice, platform, type BenchDevice } from './platform.js';
import { processorSeconds } from './processor-time.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, milliseconds, percentile, rate } from './statistics.js';
import { startFlow, type Asked, type Flow } from './steady-flow.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 100_000);
const CONNECTED = Number(process.env['BENCH_CONNECTED'] ?? 1_000);
/** The highest that a campaign may ask for, unless the installation says otherwise. */
const RATE_PER_MINUTE = Number(process.env['BENCH_RATE'] ?? 100_000);
/** It is looked at for so long after the launch, and then stopped, done or not. */
const MOST_SECONDS = Number(process.env['BENCH_MOST_SECONDS'] ?? 300);
const BEFORE_SECONDS = 15;
const AFTER_SECONDS = 15;
const SAMPLES_PER_SECOND = 100;
const SENDERS = 100;
const LOOK_EVERY_MS = 250;
const MEMORY_EVERY_MS = 5_000;

/**
 * A campaign of one batch over 100,000 devices, of which 1,000 are connected by MQTT and answer; the others are away. What the
 * launch and the writing take, what an operator and devices notice of it, what it costs in processor time, memory and on
 * disk, and what its numbers and lists take afterwards. Over servers and services of its own: the devices are put into the tables by hand, before any service starts.
 */
export const campaignScale = async (): Promise<string> => {
  const own = await startPrivatePlatform(resolve('.'), 'bench', { fill });
  const { gatewayUrl: MUSTER_URL, mqttUrl: MUSTER_MQTT_URL, directory: MUSTER_DIRECTORY } = own;
  Object.assign(process.env, { MUSTER_URL, MUSTER_MQTT_URL, MUSTER_DIRECTORY });
  const database = new pg.Client({ connectionString: own.databaseUrl });
  const clients: Connected['client'][] = [];
  let flow: Flow | undefined;
  try {
    await database.connect();
    const devices = await devicesOf(database);
    const connected = await callAll(devices, 20, async (device) => {
      const client = await connectDevice(device.id);
      clients.push(client);
      return { device, client };
    });
    const fleet = await answerDocuments(connected);
    flow = await startFlow('scale', SAMPLES, devices.slice(0, SENDERS));
    const before = await phase('before', () => pause(BEFORE_SECONDS * 1_000), flow);
    const sizes = await sizesOf(database, SCHEMAS);
    let run: Run | undefined;
    const meanwhile = await phase('meanwhile', async () => void (run = await follow(fleet)), flow);
    if (run === undefined) throw new Error('it was followed');
    const { campaignId } = run;
    let looks: Looks | undefined;
    const afterwards = await phase('afterwards', async () => void (looks = await look(campaignId)), flow);
    if (looks === undefined) throw new Error('it was looked at');
    const grown = (await sizesOf(database, SCHEMAS)).map(({ schema, bytes }, nth) => ({
      schema,
      bytes: bytes - (sizes[nth]?.bytes ?? 0),
    }));
    const file = keepRaw('campaign-scale', {
      ...{
        devices: DEVICES,
        connected: CONNECTED,
        rate: RATE_PER_MINUTE,
        sizes,
        grown,
        run,
        before,
        meanwhile,
        looks,
        afterwards,
      },
    });
    return [
      tableOfRun(run),
      tableOfLatencies([before, meanwhile, afterwards], run, looks),
      `All ${looks.rows.toLocaleString('en')} devices of the campaign as CSV, meanwhile: ${seconds(looks.csvMs)}, ${megabytes(looks.bytes)}.`,
      tableOfParts([before, meanwhile, afterwards]),
      markdownTable(
        ['schema', 'before', 'grown', 'per device'],
        grown.map(({ schema, bytes }, nth) => [
          `\`${schema}\``,
          megabytes(sizes[nth]?.bytes ?? 0),
          megabytes(bytes),
          `${Math.round(bytes / DEVICES)} bytes`,
        ]),
      ),
      `Raw results: ${file}`,
    ].join('\n\n');
  } finally {
    await flow?.stop();
    await flow?.close();
    await Promise.all(clients.map((client) => client.endAsync(true)));
    await database.end();
    await own.stop();
  }
};

const SCHEMAS = ['campaign_orchestrator', 'configuration', 'device_registry', 'telemetry'];
const SAMPLES = {
  name: 'samples',
  path: 'dcx/{token}/json',
  perSecond: SAMPLES_PER_SECOND,
  body: (n: number) => ({ seq: n }),
};

/** Devices of MQTT with a token each, before any service runs: each finds them when it starts. */
const fill = async (databaseUrl: string): Promise<void> => {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    await database.query('SET search_path = device_registry');
    // One more, which the campaign does not mean.
    await fillDevices(database, DEVICES + 1);
    await database.query(`UPDATE devices SET interface = 'mqtt'`);
    await database.query(
      `UPDATE devices SET name = 'aside' WHERE serial_number = 'SN-' || lpad($1, 8, '0')`,
      [String(DEVICES)],
    );
    await database.query('UPDATE device_connectivity SET connected = false');
    await database.query(
      `INSERT INTO device_tokens (tenant_id, id, device_id, hint, status, created_at)
       SELECT tenant_id, id, id, 'scal', 'active', now() FROM devices`,
    );
    await database.query(
      `INSERT INTO endpoint_tokens (tenant_id, id, device_id, token) SELECT tenant_id, id, id, 'scale-' || id FROM devices`,
    );
    await makeKnown(database);
    await database.query('VACUUM ANALYZE');
  } finally {
    await database.end();
  }
};

const devicesOf = async (database: pg.Client): Promise<BenchDevice[]> => {
  const { rows } = await database.query<BenchDevice>(
    `SELECT id, 'scale-' || id AS token, app_version AS "appVersion" FROM device_registry.devices
     WHERE name <> 'aside' ORDER BY id LIMIT $1`,
    [CONNECTED],
  );
  if (rows.length !== CONNECTED) throw new Error(`${rows.length} devices, ${CONNECTED} are to be connected`);
  return rows;
};

interface Phase {
  readonly what: string;
  readonly seconds: number;
  readonly list: readonly number[];
  readonly patch: readonly number[];
  readonly refused: number;
  readonly samples: readonly number[];
  readonly samplesSent: number;
  readonly parts: readonly { readonly part: string; readonly cores: number; readonly memory: number }[];
}

/** What others notice while something is done: an operator who lists and changes, devices that send samples. */
const phase = async (what: string, done: () => Promise<void>, flow: Flow): Promise<Phase> => {
  const parts = runningParts(platform.directory);
  const busyOf = (): number[] => parts.map((part) => processorSeconds(part, platform.directory));
  const memory = parts.map(() => 0);
  const ending = new AbortController();
  const { signal } = ending;
  const sampling = every(MEMORY_EVERY_MS, signal, () => {
    for (const [nth, part] of parts.entries())
      memory[nth] = Math.max(memory[nth] ?? 0, memoryBytes(part, platform.directory));
    return Promise.resolve();
  });
  const list: number[] = [];
  const patch: number[] = [];
  let refused = 0;
  const operator = caller(2);
  const aside = await asideId();
  const timed = async (into: number[], method: string, path: string, body?: object): Promise<void> => {
    const began = performance.now();
    const { status } = await operator.call(method, path, body);
    if (status === 200) into.push(performance.now() - began);
    else refused += 1;
  };
  const acting = [
    every(LOOK_EVERY_MS, signal, () => timed(list, 'GET', '/devices?limit=50')),
    every(LOOK_EVERY_MS, signal, () =>
      timed(patch, 'PATCH', `/devices/${aside}/configuration/desired`, { note: performance.now() }),
    ),
  ];
  const busy = busyOf();
  const first = flow.asked.length;
  const began = performance.now();
  const end = async (): Promise<void> => {
    ending.abort();
    await Promise.all([sampling, ...acting]);
    operator.close();
  };
  // What others do must not go on against a platform that is stopped, or its fault is told in place of this one.
  await done().catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const seconds = (performance.now() - began) / 1_000;
  const cores = busyOf().map((used, nth) => (used - (busy[nth] ?? 0)) / seconds);
  await end();
  const asked = flow.asked.slice(first);
  return {
    ...{ what, seconds, list, patch, refused },
    samples: asked.flatMap(latencyOf),
    samplesSent: asked.length,
    parts: parts.map((part, nth) => ({ part, cores: cores[nth] ?? 0, memory: memory[nth] ?? 0 })),
  };
};

const latencyOf = ({ sentAt, answeredAt }: Asked): number[] =>
  answeredAt === undefined ? [] : [answeredAt - sentAt];

const every = async (ms: number, signal: AbortSignal, what: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    await what();
    await pause(ms, undefined, { signal }).catch(() => undefined);
  }
};

const asideId = async (): Promise<string> => {
  const { items } = await call<{ items: readonly { id: string }[] }>('GET', '/devices?filter=name==aside');
  return items[0]?.id ?? '';
};

interface Run {
  readonly campaignId: string;
  readonly launchMs: number;
  /** From the launch on, as whoever asks sees it; absent: not within the time. */
  readonly resolvedMs?: number;
  readonly writtenMs?: number;
  readonly synchronisedMs?: number;
  readonly settledMs?: number;
  readonly lookedMs: number;
  readonly written: number;
  readonly synchronised: number;
  readonly settled: number;
  readonly statistics: readonly number[];
  readonly details: readonly number[];
}

const follow = async (fleet: readonly Connected[]): Promise<Run> => {
  const { id } = await call<{ id: string }>('POST', '/campaigns', {
    name: 'scale',
    target: { filter: 'name==device-*' },
    configurations: { firmware_version: '1.1', firmware_url: 'https://example.com/fw/v1_1.bin' },
    ratePerMinute: RATE_PER_MINUTE,
    retries: { max: 2, firstAfterSeconds: 5 },
  });
  const began = performance.now();
  const since = (): number => performance.now() - began;
  await call('POST', `/campaigns/${id}/launch`, { expectedCount: DEVICES });
  const launchMs = since();
  const statistics: number[] = [];
  const details: number[] = [];
  const moments: { resolvedMs?: number; writtenMs?: number; synchronisedMs?: number; settledMs?: number } =
    {};
  let seen: SeenStatistics | undefined;
  while (since() < MOST_SECONDS * 1_000) {
    const [detailMs, campaign] = await timed(() => call<SeenCampaign>('GET', `/campaigns/${id}`));
    const [ms, now] = await timed(() => call<SeenStatistics>('GET', `/campaigns/${id}/statistics`));
    details.push(detailMs);
    statistics.push(ms);
    seen = now;
    if (campaign.launchError !== undefined)
      throw new Error(`the launch failed: ${campaign.launchError.detail}`);
    if (campaign.total !== null) moments.resolvedMs ??= since();
    const [batch] = campaign.batches;
    if (batch?.dispatchedAt !== undefined) moments.writtenMs ??= since();
    if (batch?.synchronisedAt !== undefined) moments.synchronisedMs ??= since();
    if (settledOf(now) >= fleet.length) moments.settledMs ??= since();
    if (moments.synchronisedMs !== undefined && moments.settledMs !== undefined) break;
    await pause(LOOK_EVERY_MS);
  }
  const { planned = 0 } = seen?.byStatus ?? {};
  return {
    ...{ campaignId: id, launchMs, ...moments, lookedMs: since(), statistics, details },
    written: (seen?.targets ?? 0) - planned,
    synchronised: seen?.synchronised ?? 0,
    settled: seen === undefined ? 0 : settledOf(seen),
  };
};

/** When nothing is left to be done. */
interface Looks {
  readonly statistics: readonly number[];
  readonly details: readonly number[];
  readonly targets: readonly number[];
  readonly csvMs: number;
  readonly rows: number;
  readonly bytes: number;
}

const look = async (campaignId: string): Promise<Looks> => {
  const path = `/campaigns/${campaignId}`;
  const [statistics, details, targets]: [number[], number[], number[]] = [[], [], []];
  const ended = performance.now() + AFTER_SECONDS * 1_000;
  while (performance.now() < ended) {
    details.push((await timed(() => call('GET', path)))[0]);
    statistics.push((await timed(() => call('GET', `${path}/statistics`)))[0]);
    targets.push((await timed(() => call('GET', `${path}/targets?limit=50`)))[0]);
    await pause(LOOK_EVERY_MS);
  }
  const [csvMs, { rows, bytes }] = await timed(() => download(`${path}/targets?format=csv`));
  return { statistics, details, targets, csvMs, rows, bytes };
};

/** Counted as it comes: nothing of it is kept. */
const download = async (path: string): Promise<{ readonly rows: number; readonly bytes: number }> => {
  const response = await fetch(`${platform.url}/api/v1${path}`, { headers: { 'x-api-key': apiKey() } });
  if (!response.ok || response.body === null) throw new Error(`GET ${path}: ${response.status}`);
  let [rows, bytes] = [-1, 0]; // the first line names the columns
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === NEWLINE) rows += 1;
  }
  return { rows, bytes };
};

const NEWLINE = 10;

const settledOf = ({ byStatus }: SeenStatistics): number =>
  (byStatus['succeeded'] ?? 0) + (byStatus['failed'] ?? 0);

const timed = async <T>(what: () => Promise<T>): Promise<[number, T]> => {
  const began = performance.now();
  const result = await what();
  return [performance.now() - began, result];
};

const tableOfRun = (run: Run): string => {
  const { resolvedMs, writtenMs, synchronisedMs, settledMs, lookedMs, written, synchronised, settled } = run;
  const row = (what: string, from: number, to: number | undefined, done: number, all: number): string[] => [
    what,
    to === undefined ? `${done} of ${all} after ${seconds(lookedMs)}` : seconds(to - from),
    rate((done / ((to ?? lookedMs) - from)) * 1_000),
  ];
  const resolved = resolvedMs ?? lookedMs;
  return markdownTable(
    [
      `${DEVICES.toLocaleString('en')} devices, ${CONNECTED.toLocaleString('en')} connected, ${RATE_PER_MINUTE.toLocaleString('en')} a minute`,
      'time',
      'devices',
    ],
    [
      ['`POST /campaigns/{id}/launch` answered', milliseconds(run.launchMs), ''],
      row(
        'launch until the devices are resolved',
        0,
        resolvedMs,
        resolvedMs === undefined ? 0 : DEVICES,
        DEVICES,
      ),
      row('resolved until all are written', resolved, writtenMs, written, DEVICES),
      row('launch until all are synchronised', 0, synchronisedMs, synchronised, DEVICES),
      row('launch until all connected have settled', 0, settledMs, settled, CONNECTED),
    ],
  );
};

const tableOfLatencies = (phases: readonly Phase[], run: Run, looks: Looks): string => {
  const textOf = (times: readonly number[]): string =>
    times.length === 0
      ? 'none'
      : [0.5, 0.99, 1].map((share) => milliseconds(percentile(times, share))).join(', ');
  const of = (what: string, which: (one: Phase) => readonly number[]): string[] => [
    what,
    ...phases.map((one) => textOf(which(one))),
  ];
  return [
    markdownTable(
      ['p50, p99, max', ...phases.map(({ what }) => what)],
      [
        ['`GET /campaigns/{id}/statistics`', '', textOf(run.statistics), textOf(looks.statistics)],
        ['`GET /campaigns/{id}`', '', textOf(run.details), textOf(looks.details)],
        ['`GET /campaigns/{id}/targets?limit=50`', '', '', textOf(looks.targets)],
        of('`GET /devices?limit=50`', ({ list }) => list),
        of('`PATCH` desired of another device', ({ patch }) => patch),
        of(`a sample, published until its \`/status\` (${SAMPLES_PER_SECOND}/s)`, ({ samples }) => samples),
      ],
    ),
    '',
    phases
      .map(
        ({ what, samples, samplesSent, refused }) =>
          `${what}: ${samples.length} of ${samplesSent} samples answered by then, ${refused} requests refused`,
      )
      .join('; ') + '.',
  ].join('\n');
};

const tableOfParts = (phases: readonly Phase[]): string =>
  markdownTable(
    [
      '',
      ...phases.map(({ what, seconds: took }) => `${what}: cores (${seconds(took * 1_000)}), memory at most`),
    ],
    (phases[0]?.parts ?? []).map(({ part }, nth) => [
      part,
      ...phases.map(
        ({ parts }) => `${(parts[nth]?.cores ?? 0).toFixed(2)}, ${megabytes(parts[nth]?.memory ?? 0)}`,
      ),
    ]),
  );

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000).toLocaleString('en')} MB`;
