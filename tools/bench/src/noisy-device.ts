import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { connectDevice, provision, runName, type BenchDevice } from './platform.js';
import { markdownTable, milliseconds, percentile } from './statistics.js';

const QUIET_DEVICES = 100;
const NOISY_MESSAGES_PER_SECOND = 5_000;
const SECONDS = 20;
const ANSWER_DEADLINE_MS = 15_000;

/**
 * A hundred devices send a sample a second and wait for its `/status`, first alone, then beside one that offers 5,000 a
 * second. The first row is the ceiling of the same run.
 */
export const noisyDevice = async (): Promise<string> => {
  const run = runName('noisy');
  const [noisy, ...quiet] = await provision(run, QUIET_DEVICES + 1);
  if (noisy === undefined) throw new Error('no device was provisioned');
  const clients = await Promise.all(quiet.map((device) => connectDevice(`${run}-${device.token}`)));
  const shouting = await connectDevice(`${run}-noisy`);
  try {
    await Promise.all(
      quiet.map(async (device, n) => {
        await clients[n]?.subscribeAsync(topic(device, '/7/status'), { qos: 1 });
      }),
    );
    const alone = await converse(quiet, clients);
    const stop = new AbortController();
    const noise = shout(noisy, shouting, stop.signal);
    const beside = await converse(quiet, clients);
    stop.abort();
    const offered = await noise;
    return markdownTable(
      [`${QUIET_DEVICES} devices, one sample a second`, 'answered', 'p50', 'p99', 'max'],
      [
        row('alone (ceiling)', alone),
        row(`beside one that sent ${Math.round(offered / SECONDS)} messages a second`, beside),
      ],
    );
  } finally {
    await Promise.all([...clients, shouting].map((client) => client.endAsync(true)));
  }
};

const topic = ({ appVersion, token }: BenchDevice, rest: string): string =>
  `kp1/${appVersion}/dcx/${token}/json${rest}`;

interface Conversation {
  readonly asked: number;
  readonly latencies: readonly number[];
}

const converse = async (
  devices: readonly BenchDevice[],
  clients: readonly MqttClient[],
): Promise<Conversation> => {
  const rounds = await Promise.all(
    devices.map(async (device, n) => {
      const client = clients[n];
      const latencies: number[] = [];
      await delay((n / devices.length) * 1_000);
      for (let second = 0; second < SECONDS && client !== undefined; second += 1) {
        const sent = performance.now();
        const answered = answer(client);
        await client.publishAsync(topic(device, '/7'), JSON.stringify({ second }), { qos: 1 });
        if (await answered) latencies.push(performance.now() - sent);
        await delay(Math.max(0, 1_000 - (performance.now() - sent)));
      }
      return latencies;
    }),
  );
  return { asked: devices.length * SECONDS, latencies: rounds.flat() };
};

/** False: nothing came in time. */
const answer = (client: MqttClient): Promise<boolean> =>
  new Promise((resolve) => {
    const settle = (came: boolean) => (): void => {
      clearTimeout(timer);
      client.off('message', onMessage);
      resolve(came);
    };
    const onMessage = settle(true);
    const timer = setTimeout(settle(false), ANSWER_DEADLINE_MS);
    client.on('message', onMessage);
  });

/** Returns how many it sent. */
const shout = async (device: BenchDevice, client: MqttClient, signal: AbortSignal): Promise<number> => {
  const started = performance.now();
  let sent = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - started) / 1_000) * NOISY_MESSAGES_PER_SECOND);
    for (; sent < due; sent += 1) client.publish(topic(device, ''), `{"n":${sent}}`, { qos: 0 });
    await delay(5);
  }
  return sent;
};

const row = (name: string, { asked, latencies }: Conversation): string[] => [
  name,
  `${latencies.length} of ${asked}`,
  milliseconds(percentile(latencies, 0.5)),
  milliseconds(percentile(latencies, 0.99)),
  milliseconds(Math.max(...latencies)),
];
