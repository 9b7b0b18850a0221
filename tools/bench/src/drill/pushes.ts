import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { wordsOf } from '../campaign-watch.js';
import { caller } from '../callers.js';
import { connectDevice, subscribeDevice, type BenchDevice } from '../platform.js';

/** An operator's change of a connected device. Times are of `performance.now()`. */
export interface Push {
  readonly n: number;
  readonly at: number;
  words?: string;
  answeredAt?: number;
  /** When the device had this document, or a later one. */
  hadAt?: number;
}

const EVERY_MS = 400;

/** Changes a connected device again and again, until `signal`; `settle` waits for the last document. */
export const startPushes = async (run: string, device: BenchDevice, signal: AbortSignal) => {
  const pushes: Push[] = [];
  const client = await connectDevice(`${run}-pushes`);
  client.on('error', () => undefined); // reconnects by itself, and subscribes again
  client.on('message', (_topic, payload) => {
    const { note } = (JSON.parse(payload.toString()) as { config?: { note?: number } }).config ?? {};
    const now = performance.now();
    for (const push of pushes) if (push.n <= (note ?? 0)) push.hadAt ??= now;
  });
  await subscribeDevice(client, `kp1/${device.appVersion}/cmx/${device.token}/config/json/status`);
  const operator = caller(20, { keepAlive: false });
  const underWay: Promise<void>[] = [];
  const change = async (push: Push): Promise<void> => {
    push.words = await operator
      .call('PATCH', `/devices/${device.id}/configuration/desired`, { note: push.n })
      .then(wordsOf, () => 'no answer');
    push.answeredAt = performance.now();
  };
  const changing = (async (): Promise<void> => {
    for (let n = 1; !signal.aborted; n += 1) {
      const push: Push = { n, at: performance.now() };
      pushes.push(push);
      underWay.push(change(push));
      await delay(EVERY_MS);
    }
    await Promise.all(underWay);
  })();
  return {
    pushes,
    /** Resolves when the last change was answered. */
    changed: changing,
    close: async (): Promise<void> => {
      operator.close();
      await client.endAsync(true);
    },
  };
};

/** Of changes, how often each is in the events. */
export const timesRecorded = async (
  database: pg.Client,
  device: BenchDevice,
): Promise<ReadonlyMap<number, number>> => {
  const { rows } = await database.query<{ note: number }>(
    `SELECT (data->'changes'->'note'->>'to')::integer AS note FROM configuration.events
     WHERE tenant_id = 'default' AND stream = 'configuration-' || $1 AND type = 'DesiredConfigurationChanged'`,
    [device.id],
  );
  const times = new Map<number, number>();
  for (const { note } of rows) times.set(note, (times.get(note) ?? 0) + 1);
  return times;
};
