import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { connectDevice, subscribeDevice, type BenchDevice } from './platform.js';
import { publishUntilTaken } from './publish.js';
import { milliseconds, percentile } from './statistics.js';

/** One thing that devices send again and again, each time waiting for the answer. */
export interface FlowKind {
  readonly name: string;
  /** After `kp1/{version}/`, with `{token}`: `dcx/{token}/json`. */
  readonly path: string;
  readonly perSecond: number;
  readonly body: (n: number, device: BenchDevice) => object;
}

/** Times are of `performance.now()`. */
export interface Asked {
  readonly n: number;
  readonly device: BenchDevice;
  readonly sentAt: number;
  /** By PUBACK. */
  acknowledgedAt?: number;
  answeredAt?: number;
  /** Answered with `/error`. */
  refused?: true;
}

export interface Flow {
  readonly kind: FlowKind;
  readonly asked: readonly Asked[];
  /** When the connections of its devices ended, and began anew. */
  readonly connections: readonly Connection[];
  /** Sends no more; `close` ends the connection. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface Connection {
  readonly device: BenchDevice;
  readonly at: number;
  readonly what: 'connect' | 'close';
}

/** As many requests of a device may be under way as are told apart: few, as of a device that is short of memory. */
const IDS = 8;

/** Devices in turn, at an even pace, each over a connection of its own. */
export const startFlow = async (
  run: string,
  kind: FlowKind,
  devices: readonly BenchDevice[],
  ids = IDS,
): Promise<Flow> => {
  const asked: Asked[] = [];
  const connections: Connection[] = [];
  const senders = await Promise.all(devices.map((device) => connectSender(run, kind, device, ids)));
  for (const { device, client } of senders)
    for (const what of ['connect', 'close'] as const)
      client.on(what, () => connections.push({ device, at: performance.now(), what }));
  const stopping = new AbortController();
  const sending = send(kind, senders, asked, stopping.signal);
  return {
    kind,
    asked,
    connections,
    stop: async () => {
      stopping.abort();
      await sending;
    },
    close: async () => {
      await Promise.all(senders.map(({ client }) => client.endAsync(true)));
    },
  };
};

interface Sender {
  readonly device: BenchDevice;
  readonly client: MqttClient;
  readonly topic: string;
  /** By request id, oldest first: the answers of a device come in the order of its requests. */
  readonly waiting: readonly Asked[][];
  sent: number;
}

const connectSender = async (
  run: string,
  kind: FlowKind,
  device: BenchDevice,
  ids: number,
): Promise<Sender> => {
  const topic = `kp1/${device.appVersion}/${kind.path.replace('{token}', device.token)}`;
  const waiting: Asked[][] = Array.from({ length: ids }, () => []);
  const client = await connectDevice(`${run}-${kind.name}-${device.token}`);
  client.on('error', () => undefined); // reconnects by itself; what is in flight is sent again
  client.on('message', (from) => {
    const [id, suffix] = from.split('/').slice(-2);
    const one = waiting[Number(id)]?.shift();
    if (one === undefined) return;
    one.answeredAt = performance.now();
    if (suffix === 'error') one.refused = true;
  });
  await subscribeDevice(client, [`${topic}/+/status`, `${topic}/+/error`]);
  return { device, client, topic, waiting, sent: 0 };
};

const send = async (
  kind: FlowKind,
  senders: readonly Sender[],
  asked: Asked[],
  signal: AbortSignal,
): Promise<void> => {
  const started = performance.now();
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - started) / 1_000) * kind.perSecond);
    while (asked.length < due) {
      const n = asked.length;
      const sender = senders[n % senders.length];
      if (sender === undefined) return;
      const { device, client, topic, waiting } = sender;
      const id = sender.sent % waiting.length;
      sender.sent += 1;
      const one: Asked = { n, device, sentAt: performance.now() };
      asked.push(one);
      waiting[id]?.push(one);
      publishUntilTaken(client, `${topic}/${id}`, JSON.stringify(kind.body(n, device)), () => {
        one.acknowledgedAt = performance.now();
      });
    }
    await delay(5);
  }
};

/** Of what was sent in a span of time: how much was answered within it, and how fast what was answered at all. */
export const spanOf = (asked: readonly Asked[], from: number, to: number): string => {
  const sent = asked.filter(({ sentAt }) => sentAt >= from && sentAt < to);
  const within = sent.filter(({ answeredAt }) => answeredAt !== undefined && answeredAt < to);
  const took = sent.flatMap(({ sentAt, answeredAt }) =>
    answeredAt === undefined ? [] : [answeredAt - sentAt],
  );
  if (took.length === 0) return `${within.length} of ${sent.length}`;
  return `${within.length} of ${sent.length}; ${[0.5, 0.99, 1].map((share) => milliseconds(percentile(took, share))).join(', ')}`;
};

export const SPAN = 'answered in that time; p50, p99, max of all';
