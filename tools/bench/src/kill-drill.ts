import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { pidOf, runningParts, startedAgain, waitFor } from './parts.js';
import { call, connectDevice, provision, runName, type BenchDevice } from './platform.js';
import { markdownTable } from './statistics.js';
import { storedSequences } from './stored-sequences.js';

const DEVICES = 20;
const MESSAGES_PER_SECOND = 500;
const SECONDS_BETWEEN_KILLS = 15;
const DRAIN_SECONDS = 180;

interface Sender {
  readonly device: BenchDevice;
  readonly client: MqttClient;
  /** Every second device gives its samples a time of their own; the others leave it to the platform. */
  readonly ownTime: boolean;
  readonly acknowledged: Set<number>;
  sent: number;
}

/**
 * Telemetry flows while every part of the platform in turn is killed with SIGKILL and comes back by itself. Afterwards
 * every sample that the broker acknowledged must be stored, and none twice. Throws if that is not so.
 */
export const killDrill = async (): Promise<string> => {
  const run = runName('drill');
  const senders = await connectSenders(run);
  const victims = runningParts();
  const kills: string[][] = [];
  const sending = new AbortController();
  const flow = sendSteadily(senders, sending.signal);
  try {
    for (const part of victims) {
      await delay(SECONDS_BETWEEN_KILLS * 1000);
      const killedAt = Date.now();
      const pid = pidOf(part);
      process.kill(pid, 'SIGKILL');
      const readyAt = await backInService(part, pid, senders);
      kills.push([part, `pid ${pid}`, `${((readyAt - killedAt) / 1000).toFixed(1)} s`]);
      process.stdout.write(
        `killed ${part} (pid ${pid}), in service again after ${kills.at(-1)?.[2] ?? '?'}\n`,
      );
    }
    await delay(SECONDS_BETWEEN_KILLS * 1000);
  } finally {
    sending.abort();
    await flow;
  }
  await waitFor('every message to be acknowledged', () =>
    senders.every((s) => s.acknowledged.size === s.sent),
  );
  const result = await verify(senders);
  for (const { client } of senders) await client.endAsync();
  const table = [
    markdownTable(['killed with SIGKILL', 'which', 'until all is ready again'], kills),
    markdownTable(
      ['sent', 'acknowledged (PUBACK)', 'stored', 'missing', 'stored twice'],
      [[result.sent, result.acknowledged, result.stored, result.missing, result.twice].map(String)],
    ),
  ].join('\n\n');
  if (result.missing > 0 || result.twice > 0) throw new Error(`the drill failed:\n${table}`);
  return table;
};

const connectSenders = async (run: string): Promise<Sender[]> => {
  const devices = await provision(run, DEVICES);
  return Promise.all(
    devices.map(async (device, n) => {
      const client = await connectDevice(`${run}-${n}`);
      client.on('error', () => undefined); // reconnects by itself; what is in flight is sent again
      return { device, client, ownTime: n % 2 === 0, acknowledged: new Set<number>(), sent: 0 };
    }),
  );
};

const sendSteadily = async (senders: readonly Sender[], signal: AbortSignal): Promise<void> => {
  const started = performance.now();
  let total = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - started) / 1000) * MESSAGES_PER_SECOND);
    for (; total < due; total += 1) {
      const sender = senders[total % senders.length];
      if (sender !== undefined) send(sender);
    }
    await delay(5);
  }
};

const send = (sender: Sender): void => {
  const { device, client, ownTime, acknowledged } = sender;
  const seq = sender.sent;
  sender.sent += 1;
  const payload = { seq, ...(ownTime ? { ts: new Date().toISOString() } : {}) };
  client.publish(
    `kp1/${device.appVersion}/dcx/${device.token}/json`,
    JSON.stringify(payload),
    { qos: 1 },
    (error) => {
      if (!error) acknowledged.add(seq);
    },
  );
};

const backInService = async (
  part: string,
  killedPid: number,
  senders: readonly Sender[],
): Promise<number> => {
  await startedAgain(part, killedPid);
  await waitFor('devices and operators to be served', () => isServed(senders));
  return Date.now();
};

/** Every device is connected, a new request reaches each service, and what was sent is acknowledged. */
const isServed = async (senders: readonly Sender[]): Promise<boolean> => {
  const [sender] = senders;
  if (sender === undefined || !senders.every(({ client }) => client.connected)) return false;
  const { id } = sender.device;
  try {
    await Promise.all([
      call('GET', `/devices/${id}/configuration`),
      call('GET', `/devices/${id}/telemetry/latest`),
    ]);
  } catch {
    return false;
  }
  return true;
};

const verify = async (
  senders: readonly Sender[],
): Promise<{ sent: number; acknowledged: number; stored: number; missing: number; twice: number }> => {
  const deadline = Date.now() + DRAIN_SECONDS * 1000;
  for (;;) {
    const result = { sent: 0, acknowledged: 0, stored: 0, missing: 0, twice: 0 };
    for (const { device, acknowledged, sent } of senders) {
      const stored = await storedSequences(device);
      const distinct = new Set(stored);
      result.sent += sent;
      result.acknowledged += acknowledged.size;
      result.stored += distinct.size;
      result.twice += stored.length - distinct.size;
      result.missing += [...acknowledged].filter((seq) => !distinct.has(seq)).length;
    }
    if (result.missing === 0 || Date.now() > deadline) return result;
    await delay(2_000);
  }
};
