import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { callAll } from './call-all.js';
import { runningParts } from './parts.js';
import { call, platform, runName } from './platform.js';
import { processorSeconds } from './processor-time.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, percentile, rate } from './statistics.js';

const DEVICES = Number(process.env['BENCH_STORM_DEVICES'] ?? 2_000);
/** Chosen passwords cost a slow hash the first time: the first storm of these says how long that takes. */
const CHOSEN = Number(process.env['BENCH_STORM_CHOSEN'] ?? 100);
const CREATORS = 16;
/** Each takes a slow hash. */
const CREATORS_OF_CHOSEN = 2;
/** TCP connections that are being opened at the same time. */
const AT_ONCE = 2_000;

interface Device {
  readonly id: string;
  readonly credential: { readonly username: string; readonly password?: string };
}

/**
 * Devices with passwords that all come back at the same moment, as after a restart of the door. The first storm is the first time
 * that their passwords are shown, the second one the reconnect.
 */
export const reconnectStorm = async (): Promise<string> => {
  const run = runName('storm');
  await call('POST', '/device-types', { name: run });
  const provision = (count: number, kind: string, password?: string): Promise<Device[]> =>
    callAll(
      Array.from({ length: count }, (_, n) => n),
      password === undefined ? CREATORS : CREATORS_OF_CHOSEN,
      async (n) => {
        const credential = { kind: 'password', ...(password === undefined ? {} : { password }) };
        const device = { name: `${run}-${kind}-${n}`, deviceType: run, credential };
        const made = await call<Device>('POST', '/devices', device);
        return { ...made, credential: { password: password ?? '', ...made.credential } };
      },
    );
  const generated = await provision(DEVICES, 'generated');
  const chosen = await provision(CHOSEN, 'chosen', 'chosen by somebody');
  const rows: string[][] = [];
  for (const [what, devices] of [
    [`${DEVICES} generated passwords, first`, generated],
    [`${DEVICES} generated passwords, again`, generated],
    [`${CHOSEN} chosen passwords, first`, chosen],
    [`${CHOSEN} chosen passwords, again`, chosen],
  ] as const) {
    rows.push(await storm(what, devices));
  }
  return markdownTable(['', 'in', 'told to come again', 'p50', 'p99', 'last', 'processor time'], rows);
};

const storm = async (what: string, devices: readonly Device[]): Promise<string[]> => {
  const parts = runningParts();
  const before = parts.map((part) => processorSeconds(part));
  const began = performance.now();
  const seconds: number[] = [];
  const clients: MqttClient[] = [];
  let refused = 0;
  await callAll(devices, AT_ONCE, async ({ id, credential }) => {
    for (;;) {
      try {
        // Without retries of its own: it would wait for ever where the door closes without an answer.
        const options = { clientId: id, ...credential, reconnectPeriod: 0, connectTimeout: 60_000 };
        const client = await connectAsync(platform.mqttUrl, options, false);
        clients.push(client);
        seconds.push((performance.now() - began) / 1_000);
        return;
      } catch {
        // Told to come again, as a device does.
        refused += 1;
        await delay(1_000);
      }
    }
  });
  const took = (performance.now() - began) / 1_000;
  const spent = parts.map(
    (part, index) => `${part} ${(processorSeconds(part) - (before[index] ?? 0)).toFixed(1)} s`,
  );
  await Promise.all(clients.map((client) => client.endAsync(true)));
  keepRaw('reconnect-storm', { what, seconds, refused });
  const at = (share: number): string => `${percentile(seconds, share).toFixed(2)} s`;
  return [
    what,
    `${clients.length} (${rate(clients.length / took)})`,
    String(refused),
    at(0.5),
    at(0.99),
    `${took.toFixed(2)} s`,
    spent.join(', '),
  ];
};
