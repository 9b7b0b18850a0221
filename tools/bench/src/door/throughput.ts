import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { callAll } from '../call-all.js';
import { runningParts, waitFor } from '../parts.js';
import { processorSeconds } from '../processor-time.js';
import { dataTopic, type FleetDevice } from './fleet.js';
import { PlainDevice } from './plain-device.js';

const CONNECTORS = 50;
/** Of a connection: sent and not yet acknowledged. */
const IN_FLIGHT = 4;
const SECONDS = Number(process.env['BENCH_DOOR_SECONDS'] ?? 8);

export interface Flow {
  readonly messages: number;
  readonly seconds: number;
  /** Until all of them were in the database. */
  readonly storedSeconds: number;
  /** Seconds of processor time by part, until all of them were in the database. */
  readonly processor: Readonly<Record<string, number>>;
}

export interface FlowOptions {
  readonly url: string;
  readonly devices: readonly FleetDevice[];
  /** After the topic of telemetry. */
  readonly idOf?: (n: number) => string;
  /** Of all together; not set: as fast as it goes. */
  readonly perSecond?: number;
}

/** Telemetry of all devices for some seconds, QoS 1, each over a connection of its own; all that is acknowledged must be stored. */
export const flow = async (
  sql: pg.Client,
  { url, devices, idOf = () => '', perSecond }: FlowOptions,
): Promise<Flow> => {
  const clients = await callAll(devices, CONNECTORS, async (device) => {
    const client = await PlainDevice.open({ url, clientId: `${device.token}-bench` });
    const topic = dataTopic(device);
    // The door opens the broker for it with its first message.
    const acknowledged = new Promise<void>((resolve) => (client.onAck = resolve));
    client.publish(topic, `{"first":${performance.now()}}`);
    await acknowledged;
    return { client, topic };
  });
  const parts = runningParts();
  await settled(sql);
  const before = await storedCount(sql);
  const spent = parts.map((part) => processorSeconds(part));
  const began = performance.now();
  const end = began + SECONDS * 1_000;
  let sent = 0;
  let acknowledged = 0;
  const send = ({ client, topic }: (typeof clients)[number]): void => {
    sent += 1;
    client.publish(`${topic}${idOf(sent)}`, `{"n":${sent},"temperature":21.5}`);
  };
  for (const one of clients) {
    one.client.onAck = () => {
      acknowledged += 1;
      if (perSecond === undefined && performance.now() < end) send(one);
    };
  }
  if (perSecond === undefined) {
    for (let n = 0; n < IN_FLIGHT; n += 1) for (const one of clients) send(one);
    await delay(SECONDS * 1_000);
  } else {
    for (let elapsed = 0; elapsed < SECONDS; elapsed = (performance.now() - began) / 1_000) {
      while (sent < elapsed * perSecond) {
        const one = clients[sent % clients.length];
        if (one !== undefined) send(one);
      }
      await delay(5);
    }
  }
  await waitFor('all to be acknowledged', () => acknowledged >= sent);
  const seconds = (performance.now() - began) / 1_000;
  await waitFor('all to be stored', async () => (await storedCount(sql)) - before >= sent);
  const storedSeconds = (performance.now() - began) / 1_000;
  const processor = Object.fromEntries(
    parts.map((part, index) => [part, processorSeconds(part) - (spent[index] ?? 0)]),
  );
  for (const { client } of clients) client.close();
  return { messages: sent, seconds, storedSeconds, processor };
};

/** Nothing is stored any more of what came before. */
const settled = async (sql: pg.Client): Promise<void> => {
  for (let last = -1, now = await storedCount(sql); now !== last; now = await storedCount(sql)) {
    last = now;
    await delay(1_000);
  }
};

/** This bench is alone with the platform. */
const storedCount = async (sql: pg.Client): Promise<number> => {
  const { rows } = await sql.query<{ count: string }>('SELECT count(*) FROM telemetry.samples');
  return Number(rows[0]?.count);
};
