import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { waitFor } from './parts.js';
import { connectDevice, databaseUrl, provision, runName, type BenchDevice } from './platform.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, rate } from './statistics.js';
import { SPAN, spanOf, startFlow } from './steady-flow.js';

const QUIET_DEVICES = 100;
const QUIET_SECONDS = Number(process.env['BENCH_QUIET_SECONDS'] ?? 15);
const SIZES = (process.env['BENCH_BURSTS'] ?? '3000,30000').split(',').map(Number);

/**
 * One device sends what it has stored through an outage, all at once: QoS 1, each sample with a time of its own. A hundred
 * others send a sample a second and wait for its `/status`. All that was acknowledged must be stored. Throws if it is not.
 */
export const burst = async (): Promise<string> => {
  const run = runName('burst');
  const [loud, ...quiet] = await provision(run, QUIET_DEVICES + SIZES.length);
  const bursting = [...quiet.splice(QUIET_DEVICES - 1), ...(loud === undefined ? [] : [loud])];
  const sql = new pg.Client({ connectionString: databaseUrl() });
  await sql.connect();
  const kind = {
    name: 'quiet',
    path: 'dcx/{token}/json',
    perSecond: quiet.length,
    body: (n: number) => ({ n }),
  };
  const flow = await startFlow(run, kind, quiet);
  const rows: string[][] = [];
  try {
    for (const [index, size] of SIZES.entries()) {
      const device = bursting[index];
      if (device === undefined) throw new Error('no device was provisioned');
      const before = performance.now();
      await delay(QUIET_SECONDS * 1_000);
      const began = performance.now();
      await sendAll(run, device, size);
      const acknowledged = performance.now();
      await waitFor(`${size} samples to be stored`, async () => (await storedOf(sql, device)) >= size);
      const stored = performance.now();
      await delay(QUIET_SECONDS * 1_000);
      const seconds = (from: number, to: number) => `${((to - from) / 1_000).toFixed(1)} s`;
      rows.push([
        size.toLocaleString('en'),
        `${seconds(began, acknowledged)} (${rate((size / (acknowledged - began)) * 1_000)})`,
        `${String(await storedOf(sql, device))} after ${seconds(began, stored)} (${rate((size / (stored - began)) * 1_000)})`,
        spanOf(flow.asked, before, began),
        spanOf(flow.asked, began, stored),
        spanOf(flow.asked, stored, performance.now()),
      ]);
    }
    await flow.stop();
    await waitFor('every quiet device to be answered', () =>
      flow.asked.every(({ answeredAt }) => answeredAt !== undefined),
    );
  } finally {
    await flow.stop();
    await flow.close();
    await sql.end();
  }
  keepRaw('burst', { rows, asked: flow.asked.map(({ sentAt, answeredAt }) => [sentAt, answeredAt]) });
  return [
    markdownTable(['at once, QoS 1', 'acknowledged', 'stored', 'quiet: before', 'during', 'after'], rows),
    `Quiet devices: ${SPAN}.`,
  ].join('\n\n');
};

const sendAll = async (run: string, device: BenchDevice, size: number): Promise<void> => {
  const client = await connectDevice(`${run}-${size}`);
  const begin = Date.now() - size * 1_000;
  await Promise.all(
    Array.from({ length: size }, (_, seq) =>
      client.publishAsync(
        `kp1/${device.appVersion}/dcx/${device.token}/json`,
        JSON.stringify({
          ts: new Date(begin + seq * 1_000).toISOString(),
          seq,
          temperature: 20 + (seq % 10),
        }),
        { qos: 1 },
      ),
    ),
  );
  await client.endAsync();
};

const storedOf = async (sql: pg.Client, { id }: BenchDevice): Promise<number> => {
  const { rows } = await sql.query<{ count: string }>(
    'SELECT count(*) FROM telemetry.samples WHERE device_id = $1',
    [id],
  );
  return Number(rows[0]?.count);
};
