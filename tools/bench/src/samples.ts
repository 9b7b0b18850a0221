import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { callAll } from './call-all.js';
import { connectDevice, type BenchDevice } from './platform.js';
import { publishUntilTaken } from './publish.js';
import { storedSequences } from './stored-sequences.js';

const DRAIN_SECONDS = 180;
const CONNECTORS = 20;

/** A device that sends numbered samples, QoS 1 and without a request id. */
export interface Sender {
  readonly device: BenchDevice;
  readonly client: MqttClient;
  /** Every second device gives its samples a time of their own; the others leave it to the platform. */
  readonly ownTime: boolean;
  readonly acknowledged: Set<number>;
  sent: number;
}

export interface Samples {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  /** Acknowledged and not stored. */
  readonly missing: number;
  readonly twice: number;
}

export const connectSenders = (run: string, devices: readonly BenchDevice[]): Promise<Sender[]> =>
  callAll([...devices.entries()], CONNECTORS, async ([n, device]) => {
    const client = await connectDevice(`${run}-${n}`);
    client.on('error', () => undefined); // reconnects by itself; what is in flight is sent again
    markRepeats(client);
    return { device, client, ownTime: n % 2 === 0, acknowledged: new Set<number>(), sent: 0 };
  });

/** As MQTT 3.1.1 demands of a client (MQTT-3.3.1-1), which mqtt.js leaves out: what it sends again has the DUP flag. */
const markRepeats = (client: MqttClient): void => {
  const inFlight = new Set<number>();
  client.on('packetsend', (packet) => {
    if (packet.cmd !== 'publish' || packet.messageId === undefined) return;
    packet.dup = inFlight.has(packet.messageId);
    inFlight.add(packet.messageId);
  });
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'puback' && packet.messageId !== undefined) inFlight.delete(packet.messageId);
  });
};

/** All in turn, at an even pace. */
export const sendSteadily = async (
  senders: readonly Sender[],
  perSecond: number,
  signal: AbortSignal,
): Promise<void> => {
  const started = performance.now();
  let total = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
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
  publishUntilTaken(
    client,
    `kp1/${device.appVersion}/dcx/${device.token}/json`,
    JSON.stringify(payload),
    () => acknowledged.add(seq),
  );
};

/** What became of them, when all that was acknowledged is stored; what is missing after three minutes is. */
export const countSamples = async (senders: readonly Sender[]): Promise<Samples> => {
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
