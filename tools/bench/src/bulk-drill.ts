import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import pg from 'pg';
import type { Job } from './bulk.js';
import { callAll } from './call-all.js';
import { pidOf, runningParts, startedAgain, waitFor } from './parts.js';
import { call, connectDevice, databaseUrl, provision, runName, type BenchDevice } from './platform.js';
import { keepRaw } from './raw-results.js';
import { markdownTable } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 20_000);
const CONNECTED = 500;
const VICTIMS = ['configuration', 'mqtt-adapter', 'nats', 'postgres'];
/** Of the devices, when the part is killed. */
const KILL_AT = 0.15;
const DEADLINE_SECONDS = 300;

interface Connected {
  readonly device: BenchDevice;
  readonly client: MqttClient;
  /** Of the last document it was sent, which it applies. */
  configId: string;
  pushes: number;
}

/**
 * Changes 20,000 devices by one bulk job, of which 500 are connected and apply what they are sent, and kills a part with
 * SIGKILL while it runs: a job for each part, and one during which all are killed one after another. Afterwards counted:
 * each device was changed exactly once by each job, has the last value, and its dispatch is on record as it was. Throws
 * if that is not so. Wants a process per service (`npm start -- --processes`); with one for all it kills that.
 */
export const bulkDrill = async (): Promise<string> => {
  const parts = runningParts();
  const victims = VICTIMS.filter((part) => parts.includes(part));
  if (victims.length < VICTIMS.length) victims.unshift('all-in-one');
  const run = runName('bulk-drill');
  const devices = await provision(run, DEVICES);
  const connected = await callAll(devices.slice(0, CONNECTED), 20, connectApplying);
  try {
    const rounds: string[][] = [];
    const jobs: string[] = [];
    for (const killed of [...victims.map((part) => [part]), victims]) {
      const setpoint = rounds.length + 1;
      const began = Date.now();
      const jobId = await startBulk(run, setpoint);
      jobs.push(jobId);
      const doneAtKill = await killDuring(jobId, killed);
      const job = await jobEnds(jobId);
      rounds.push([
        killed.join(', '),
        String(doneAtKill),
        `${((Date.now() - began) / 1000).toFixed(1)} s`,
        describe(job),
      ]);
      process.stdout.write(`${rounds.at(-1)?.join(' | ') ?? ''}\n`);
    }
    const last = rounds.length;
    const counted = await verify(devices, connected, jobs, last);
    const file = keepRaw('bulk-drill', { devices: DEVICES, connected: CONNECTED, rounds, counted });
    const table = [
      markdownTable(
        ['killed with SIGKILL', 'devices done at the kill', 'POST to success', 'the job says'],
        rounds,
      ),
      markdownTable(
        ['of all devices', 'wanted', 'counted'],
        counted.map((row) => row.map(String)),
      ),
      `Raw results: ${file}`,
    ].join('\n\n');
    if (counted.some(([, wanted, found]) => wanted !== found)) throw new Error(`the drill failed:\n${table}`);
    return table;
  } finally {
    await Promise.all(connected.map(({ client }) => client.endAsync(true)));
  }
};

const connectApplying = async (device: BenchDevice): Promise<Connected> => {
  const client = await connectDevice(device.id);
  const state: Connected = { device, client, configId: '', pushes: 0 };
  const topic = (rest: string): string => `kp1/${device.appVersion}/cmx/${device.token}/${rest}`;
  client.on('error', () => undefined); // reconnects by itself, and subscribes again
  client.on('message', (_topic, payload) => {
    const { configId } = JSON.parse(payload.toString()) as { configId: string };
    state.configId = configId;
    state.pushes += 1;
    client.publish(topic('applied/json'), JSON.stringify({ configId }), { qos: 1 });
  });
  await client.subscribeAsync(topic('config/json/status'), { qos: 1 });
  return state;
};

/** Tried again with the same key: the answer of one that was accepted may have got lost. */
const startBulk = async (run: string, setpoint: number): Promise<string> => {
  const body = {
    target: { filter: `deviceType==${run}` },
    desired: { setpoint },
    reason: `${run} ${setpoint}`,
  };
  const key = `${run}-${setpoint}`;
  const deadline = Date.now() + DEADLINE_SECONDS * 1000;
  for (;;) {
    try {
      const { jobId } = await call<{ jobId: string }>('POST', '/configuration/bulk', body, [202], {
        'idempotency-key': key,
      });
      return jobId;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(200);
    }
  }
};

const jobOf = (jobId: string): Promise<Job | undefined> =>
  call<Job>('GET', `/jobs/${jobId}`).catch(() => undefined); // the parts that would answer are being killed

/** Returns how many devices were done when the first was killed. */
const killDuring = async (jobId: string, parts: readonly string[]): Promise<number> => {
  let done = 0;
  await waitFor('the job to get going', async () => {
    const job = await jobOf(jobId);
    done = job?.done ?? 0;
    return done >= DEVICES * KILL_AT || job?.status === 'success';
  });
  for (const part of parts) {
    const pid = pidOf(part);
    process.kill(pid, 'SIGKILL');
    await startedAgain(part, pid);
  }
  return done;
};

const jobEnds = async (jobId: string): Promise<Job> => {
  let job: Job | undefined;
  await waitFor(
    `the job ${jobId} to end`,
    async () => {
      job = await jobOf(jobId);
      return job?.status === 'success' || job?.status === 'failed';
    },
    DEADLINE_SECONDS,
  );
  if (job === undefined) throw new Error('it has ended without a state');
  return job;
};

const describe = ({ status, done, failed, total }: Job): string =>
  `${status}, ${done} of ${total ?? '?'}${failed > 0 ? `, ${failed} failed` : ''}`;

type Counted = readonly [what: string, wanted: number, found: number];

const verify = async (
  devices: readonly BenchDevice[],
  connected: readonly Connected[],
  jobs: readonly string[],
  setpoint: number,
): Promise<Counted[]> => {
  const database = new pg.Client({ connectionString: databaseUrl() });
  await database.connect();
  try {
    await database.query('SET search_path = configuration');
    const streams = devices.map(({ id }) => `configuration-${id}`);
    let counted: Counted[] = [];
    // Pushes and applied reports go on after the job; what is wrong at the deadline stays wrong.
    await waitFor(
      'devices and records to agree',
      async () => {
        counted = await count(database, streams, connected, jobs, setpoint);
        return counted.every(([, wanted, found]) => wanted === found);
      },
      120,
    ).catch(() => undefined);
    return counted;
  } finally {
    await database.end();
  }
};

const count = async (
  database: pg.Client,
  streams: readonly string[],
  connected: readonly Connected[],
  jobs: readonly string[],
  setpoint: number,
): Promise<Counted[]> => {
  const changes = await database.query<{ job: string; events: number; devices: number }>(
    `SELECT job, count(stream)::integer AS events, count(DISTINCT stream)::integer AS devices
     FROM unnest($2::text[]) AS job
     LEFT JOIN events ON stream = ANY($1) AND tenant_id = 'default' AND type = 'DesiredConfigurationChanged'
       AND strpos(data->>'reason', job) > 0
     GROUP BY job`,
    [streams, jobs],
  );
  const { rows } = await database.query<{
    right: number;
    reached: number;
    unreached: number;
    applied: number;
  }>(
    `SELECT count(*) FILTER (WHERE state->'desired'->'setpoint'->'value' = to_jsonb($2::integer))::integer AS right,
       count(*) FILTER (WHERE stream = ANY($3) AND (state->'dispatched'->>'subscriber')::boolean
         AND state->'dispatched'->>'configId' = state->>'configId')::integer AS reached,
       count(*) FILTER (WHERE stream <> ALL($3) AND NOT (state->'dispatched'->>'subscriber')::boolean
         AND state->'dispatched'->>'configId' = state->>'configId')::integer AS unreached,
       count(*) FILTER (WHERE stream = ANY($3) AND state->'confirmation'->>'configId' = state->>'configId'
         AND state->'confirmation'->'rejection' = 'null')::integer AS applied
     FROM streams WHERE tenant_id = 'default' AND stream = ANY($1)`,
    [streams, setpoint, connected.map(({ device }) => `configuration-${device.id}`)],
  );
  const [found] = rows;
  const configIds = new Set(connected.map(({ configId }) => configId));
  const events = (key: 'events' | 'devices') => changes.rows.reduce((sum, row) => sum + row[key], 0);
  return [
    [`changes by the ${jobs.length} jobs`, DEVICES * jobs.length, events('events')],
    ['devices changed, summed over the jobs', DEVICES * jobs.length, events('devices')],
    ['devices with the last value', DEVICES, found?.right ?? 0],
    ['connected: the last document on record as sent to a subscriber', CONNECTED, found?.reached ?? 0],
    ['connected: applied on record', CONNECTED, found?.applied ?? 0],
    ['connected: different documents they hold', 1, configIds.size],
    ['away: on record as sent to nobody', DEVICES - CONNECTED, found?.unreached ?? 0],
  ];
};
