import { setTimeout as delay } from 'node:timers/promises';
import { PlainDevice } from './door/plain-device.js';
import { pidOf, runningParts, waitFor } from './parts.js';
import { call, platform, provision, runName, type BenchDevice } from './platform.js';
import { connectSenders, countSamples, sendSteadily, type Sender } from './samples.js';
import { markdownTable } from './statistics.js';

const VICTIMS = ['mqtt-front', 'rabbitmq'];
const STOPPED_SECONDS = Number(process.env['BENCH_STOPPED_SECONDS'] ?? 60);
const CALM_SECONDS = 5;
const DEVICES = 20;
const MESSAGES_PER_SECOND = 200;
const NEWCOMER_EVERY_MS = 1_000;
/** After that a library gives up waiting for CONNACK, and comes again. */
const NEWCOMER_WAITS_MS = 15_000;

/**
 * Needs `npm start -- --processes`. Telemetry flows while the door, and then the broker behind it, is stopped (SIGSTOP) and goes
 * on again. Newcomers with a right password try to come in meanwhile; none may be told that it is wrong. Afterwards all that
 * was acknowledged is stored, and all devices are connected and shown so. Throws if that is not so.
 */
export const stopDrill = async (): Promise<string> => {
  const missing = VICTIMS.filter((victim) => !runningParts().includes(victim));
  if (missing.length > 0) throw new Error(`no process of its own for ${missing.join(', ')}`);
  const run = runName('stop');
  const senders = await connectSenders(run, await provision(run, DEVICES));
  const newcomer = await call<Newcomer>('POST', '/devices', {
    ...{ name: `${run}-newcomer`, deviceType: run, credential: { kind: 'password' } },
  });
  const sending = new AbortController();
  const flow = sendSteadily(senders, MESSAGES_PER_SECOND, sending.signal);
  const rows: string[][] = [];
  const wrong: string[] = [];
  try {
    for (const part of VICTIMS) {
      await delay(CALM_SECONDS * 1_000);
      const watching = new AbortController();
      const watch = newcomers(newcomer, watching.signal);
      const pid = pidOf(part);
      process.kill(pid, 'SIGSTOP');
      try {
        await delay(STOPPED_SECONDS * 1_000);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      const goesOn = performance.now();
      const since = (): string => `${((performance.now() - goesOn) / 1_000).toFixed(1)} s`;
      await waitFor('all devices to be connected', () => senders.every(({ client }) => client.connected));
      const connected = since();
      await waitFor('all devices to be shown as connected', () => areShown(senders));
      const shown = since();
      await waitFor('an acknowledgement of all that was sent', () => isAcknowledged(senders));
      const acknowledged = since();
      watching.abort();
      const outcomes = await watch;
      wrong.push(...[...outcomes.keys()].filter((outcome) => /CONNACK [245]/.test(outcome)));
      const told = [...outcomes].map(([outcome, count]) => `${outcome}: ${count}`).join(', ');
      rows.push([part, connected, shown, acknowledged, told]);
      process.stdout.write(`${rows.at(-1)?.join(' | ') ?? ''}\n`);
    }
  } finally {
    sending.abort();
    await flow;
  }
  await waitFor('every message to be acknowledged', () => isAcknowledged(senders));
  const result = await countSamples(senders);
  for (const { client } of senders) await client.endAsync();
  const table = [
    markdownTable(
      [`stopped for ${STOPPED_SECONDS} s`, 'all connected', 'shown so', 'all acknowledged', 'newcomers'],
      rows,
    ),
    markdownTable(
      ['sent', 'acknowledged (PUBACK)', 'stored', 'missing', 'stored twice'],
      [[result.sent, result.acknowledged, result.stored, result.missing, result.twice].map(String)],
    ),
  ].join('\n\n');
  if (result.missing > 0 || wrong.length > 0) throw new Error(`the drill failed:\n${table}`);
  return table;
};

interface Newcomer {
  readonly token: string;
  readonly credential: { readonly username: string; readonly password: string };
}

/** The last of each may still be under way. */
const isAcknowledged = (senders: readonly Sender[]): boolean =>
  senders.every(({ sent, acknowledged }) => sent - acknowledged.size <= 2);

const areShown = async (senders: readonly Sender[]): Promise<boolean> => {
  const shown = await Promise.all(
    senders.map(({ device }: { readonly device: BenchDevice }) =>
      call<{ connected: boolean }>('GET', `/devices/${device.id}/connectivity`),
    ),
  );
  return shown.every(({ connected }) => connected);
};

/** One a second, whatever became of the one before: how often each outcome was. */
const newcomers = async (
  { credential }: Newcomer,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> => {
  const outcomes = new Map<string, number>();
  const url = new URL(platform.mqttUrl);
  url.username = encodeURIComponent(credential.username);
  url.password = encodeURIComponent(credential.password);
  const tries: Promise<void>[] = [];
  for (let n = 0; !signal.aborted; n += 1) {
    const one = PlainDevice.open({
      url: url.href,
      clientId: `newcomer-${n}`,
      waitMs: NEWCOMER_WAITS_MS,
    }).then(
      (client) => {
        client.close();
        return 'let in';
      },
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    tries.push(one.then((outcome) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)));
    await delay(NEWCOMER_EVERY_MS);
  }
  await Promise.all(tries);
  return outcomes;
};
