import { waitFor } from '../parts.js';
import { call, platform, type BenchDevice } from '../platform.js';
import { storedSequences } from '../stored-sequences.js';
import { dataTopic, type FleetDevice } from './fleet.js';
import { PlainDevice } from './plain-device.js';

const SAMPLES = 5_000;
/** Every so many a message that cannot be stored. */
const BAD_EVERY = 100;

export interface Backlog {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  /** Told on `/error`. */
  readonly refused: number;
  readonly seconds: number;
}

/**
 * One device sends all that it has kept through an outage at once, each sample with a time of its own, and among them some that
 * are no JSON. PUBACK means stored or refused in words: both are counted.
 */
export const backlog = async (device: FleetDevice): Promise<Backlog> => {
  const client = await PlainDevice.open({ url: platform.mqttUrl, clientId: `${device.token}-backlog` });
  const topic = dataTopic(device);
  await client.subscribe(`${topic}/error`);
  let acknowledged = 0;
  let refused = 0;
  let sent = 0;
  client.onAck = () => (acknowledged += 1);
  client.onMessage = () => (refused += 1);
  const begin = Date.now() - SAMPLES * 1_000;
  const began = performance.now();
  for (let n = 0; n < SAMPLES; n += 1) {
    client.publish(topic, JSON.stringify({ ts: new Date(begin + n * 1_000).toISOString(), seq: n }));
    sent += 1;
    if (n % BAD_EVERY !== 0) continue;
    client.publish(topic, '{"seq": not a number');
    sent += 1;
  }
  await waitFor('all to be acknowledged', () => acknowledged >= sent);
  const seconds = (performance.now() - began) / 1_000;
  const [found] = (
    await call<{ items: BenchDevice[] }>('GET', `/devices?filter=name==${encodeURIComponent(device.token)}`)
  ).items;
  if (found === undefined) throw new Error('the device is not there');
  const storedCount = async (): Promise<number> => new Set(await storedSequences(found)).size;
  await waitFor('all to be stored or refused', async () => (await storedCount()) + refused >= sent);
  client.close();
  return { sent, acknowledged, stored: await storedCount(), refused, seconds };
};
