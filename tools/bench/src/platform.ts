import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { callAll } from './call-all.js';

/** The running platform: `npm run bench` says where, when `npm start` runs in this checkout; who installs one says so before it asks. */
export const platform = {
  get url(): string {
    return process.env['MUSTER_URL'] ?? 'http://127.0.0.1:3000';
  },
  get mqttUrl(): string {
    return process.env['MUSTER_MQTT_URL'] ?? 'mqtt://127.0.0.1:1883';
  },
  /** RabbitMQ itself, with the door's user: only to compare with. */
  get brokerMqttUrl(): string {
    return process.env['MUSTER_BROKER_MQTT_URL'] ?? 'mqtt://127.0.0.1:1881';
  },
  get directory(): string {
    return resolve(process.env['MUSTER_DIRECTORY'] ?? '.muster');
  },
};

export const apiKey = (): string => readFileSync(resolve(platform.directory, 'admin-api-key'), 'utf8').trim();

/** One REST call; throws with the problem's text unless the status is one of `accept`. */
export const call = async <T>(
  method: string,
  path: string,
  body?: object,
  accept: readonly number[] = [200, 201, 204],
  headers: Readonly<Record<string, string>> = {},
): Promise<T> => {
  const send = (): Promise<Response> =>
    fetch(`${platform.url}/api/v1${path}`, {
      method,
      headers: { 'x-api-key': apiKey(), 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const response = await send().catch((error: unknown) => {
    if (!wasClosedMeanwhile(error)) throw error;
    return send();
  });
  const text = await response.text();
  if (!accept.includes(response.status)) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
};

/** The server closed a kept connection as idle, in the moment in which it was used again. */
const wasClosedMeanwhile = (error: unknown): boolean =>
  error instanceof Error &&
  ['UND_ERR_SOCKET', 'ECONNRESET'].includes(
    (error.cause as { readonly code?: string } | undefined)?.code ?? '',
  );

export interface BenchDevice {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
}

/** Devices of a type of their own for this run, so that runs do not meet. */
export const provision = async (run: string, count: number): Promise<BenchDevice[]> => {
  await call('POST', '/device-types', { name: run });
  return callAll(
    Array.from({ length: count }, (_, n) => n),
    CREATORS,
    (n) => call<BenchDevice>('POST', '/devices', { name: `${run}-${n}`, deviceType: run }),
  );
};

const CREATORS = 16;

/** The database of what `npm start` runs, to count in it what no API tells. */
export const databaseUrl = (): string => {
  const url = process.env['MUSTER_DATABASE_URL'];
  if (url === undefined) throw new Error('MUSTER_DATABASE_URL is not set, and no npm start runs here');
  return url;
};

const CONNECT_TRIES = 10;

/** Again, where a machine that is busy did not answer in time. */
const persistently = async <T>(attempt: () => Promise<T>, tries = CONNECT_TRIES): Promise<T> => {
  try {
    return await attempt();
  } catch (error) {
    if (tries <= 1) throw error;
    await delay(500);
    return persistently(attempt, tries - 1);
  }
};

export const subscribeDevice = async (client: MqttClient, topics: string | string[]): Promise<void> => {
  await persistently(() => client.subscribeAsync(topics, { qos: 1 }));
};

/** Without Nagle's algorithm: it holds a PUBLISH back until the PUBACK before it is acknowledged, 40 ms later. */
export const connectDevice = async (clientId: string): Promise<MqttClient> => {
  const client = await persistently(() =>
    connectAsync(platform.mqttUrl, { clientId, clean: true, reconnectPeriod: 500, connectTimeout: 5_000 }),
  );
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  return client;
};

export const runName = (bench: string): string => `${bench}-${Date.now().toString(36)}`;
