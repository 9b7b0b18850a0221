import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../parts.js';
import type { BenchDevice } from '../platform.js';
import { storedSequences } from '../stored-sequences.js';
import type { SimulatedHub } from './simulated-hub.js';
import type { PlainDevice } from '../door/plain-device.js';

/** A device of the hub that sends numbered samples. The hub acknowledges those of one device in their order. */
export interface HubSender {
  readonly device: BenchDevice;
  readonly client: PlainDevice;
  sent: number;
  acknowledged: number;
}

export const openSender = async (hub: SimulatedHub, device: BenchDevice): Promise<HubSender> => {
  const sender = { device, client: await hub.connect(device.token), sent: 0, acknowledged: 0 };
  sender.client.onAck = () => (sender.acknowledged += 1);
  return sender;
};

export const sendNext = (sender: HubSender): void => {
  sender.client.publish(`devices/${sender.device.token}/messages/events/`, `{"seq":${sender.sent}}`);
  sender.sent += 1;
};

const sum = (senders: readonly HubSender[], of: 'sent' | 'acknowledged'): number =>
  senders.reduce((total, sender) => total + sender[of], 0);

const IN_FLIGHT = 500;

/** So many by all together, as fast as the hub takes them. */
export const sendMany = async (senders: readonly HubSender[], count: number): Promise<void> => {
  const before = sum(senders, 'sent');
  while (sum(senders, 'sent') - before < count) {
    const room = IN_FLIGHT - (sum(senders, 'sent') - sum(senders, 'acknowledged'));
    const left = count - (sum(senders, 'sent') - before);
    for (let n = 0; n < Math.min(room, left); n += 1) {
      const sender = senders[sum(senders, 'sent') % senders.length];
      if (sender !== undefined) sendNext(sender);
    }
    await delay(1);
  }
  await allAcknowledged(senders);
};

/** In turn, at an even pace, until `signal` ends; then until all is acknowledged. */
export const sendEvenly = async (
  senders: readonly HubSender[],
  perSecond: number,
  signal: AbortSignal,
): Promise<void> => {
  const began = performance.now();
  let total = 0;
  while (!signal.aborted) {
    const due = ((performance.now() - began) / 1_000) * perSecond;
    for (; total < due; total += 1) {
      const sender = senders[total % senders.length];
      if (sender !== undefined) sendNext(sender);
    }
    await delay(5);
  }
  await allAcknowledged(senders);
};

const allAcknowledged = (senders: readonly HubSender[]): Promise<void> =>
  waitFor('the hub to acknowledge all', () => sum(senders, 'acknowledged') >= sum(senders, 'sent'));

export interface Counted {
  readonly sent: number;
  readonly acknowledged: number;
  /** Different ones. */
  readonly stored: number;
  readonly twice: number;
}

/** What is stored of what they sent. */
export const countStored = async (senders: readonly HubSender[]): Promise<Counted> => {
  let [stored, twice] = [0, 0];
  for (const { device } of senders) {
    const sequences = await storedSequences(device);
    const different = new Set(sequences).size;
    stored += different;
    twice += sequences.length - different;
  }
  return { sent: sum(senders, 'sent'), acknowledged: sum(senders, 'acknowledged'), stored, twice };
};
