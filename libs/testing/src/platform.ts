import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { freePort } from '@muster/local-servers';
import { eventually } from './eventually.js';
import { startNats, type NatsServer } from './nats-server.js';
import { testDatabase, type TestDatabase } from './test-database.js';
import { amqpUrl, brokerMqttUrl, mqttUrl, runMark } from './test-environment.js';

const API_KEY = 'mk_only-for-this-test-run';
const KEPT_LOG_CHARACTERS = 1_000_000;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown;
}

export interface Platform {
  readonly url: string;
  /** The device API over HTTP. */
  readonly devicesUrl: string;
  readonly nats: NatsServer;
  /** The admin's. */
  readonly apiKey: string;
  /** One REST call with the admin's key, path below `/api/v1`. Text and bytes are sent as they are, anything else as JSON. */
  readonly api: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<ApiAnswer>;
  /** One statement, or several without values, in the database of the services: for what no door lets one do. Its rows. */
  readonly sql: (
    text: string,
    values?: readonly unknown[],
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** What the services logged so far, as they wrote it. */
  readonly log: () => string;
  /** SIGKILL to all services, which share a process. */
  readonly kill9: () => Promise<void>;
  /** Starts the services again after `kill9` and waits until they are ready. */
  readonly restart: () => Promise<void>;
  /**
   * Another process of one service, beside the platform's own and over the same servers. It may not serve yet when this
   * resolves. Stopped with the platform.
   */
  readonly addReplica: (app: 'iothub-adapter') => PlatformReplica;
  /** Stops everything this started. */
  readonly stop: () => Promise<void>;
}

export interface PlatformReplica {
  /** What it logged so far. */
  readonly log: () => string;
  /** SIGKILL. */
  readonly kill9: () => Promise<void>;
  /** SIGTERM. */
  readonly stop: () => Promise<void>;
}

export interface PlatformOptions {
  /** What the services connect to in place of the server. Stopped with the platform. */
  readonly busOf?: (
    server: NatsServer,
  ) => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>;
}

/**
 * The whole platform as a user runs it: `all-in-one` as a process of its own, over the run's PostgreSQL (a database of
 * its own) and RabbitMQ and a NATS server of its own. For e2e specs, which run one after another.
 */
export const startPlatform = async (
  environment: Readonly<Record<string, string>> = {},
  { busOf }: PlatformOptions = {},
): Promise<Platform> => {
  const database = await migratedDatabase();
  // A bus in between is one that does not know credentials.
  const nats = await startNats({ accounts: busOf === undefined });
  const bus = await busOf?.(nats);
  const directory = await mkdtemp(join(tmpdir(), 'muster-platform-'));
  const keyFile = join(directory, 'admin-api-key');
  await writeFile(keyFile, `${API_KEY}\n`, { mode: 0o600 });
  const port = await freePort();
  let devicesPort = await freePort();
  // Nobody holds a free port: the second may be the first again.
  while (devicesPort === port) devicesPort = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const devicesUrl = `http://127.0.0.1:${devicesPort}`;
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    ...runMark(),
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: bus?.url ?? nats.url,
    ...(nats.trust === undefined
      ? {}
      : {
          MUSTER_NATS_CREDENTIALS_FILE: nats.trust.servicesFile,
          MUSTER_NATS_INTEGRATIONS_FILE: nats.trust.integrationsFile,
        }),
    MUSTER_AMQP_URL: amqpUrl(),
    MUSTER_PUBLIC_URL: url,
    MUSTER_BROKER_MQTT_URL: brokerMqttUrl(),
    MUSTER_MQTT_PORT: new URL(mqttUrl()).port,
    MUSTER_GATEWAY_PORT: String(port),
    MUSTER_HTTP_DEVICES_PORT: String(devicesPort),
    MUSTER_FIRMWARE_BASE_URL: devicesUrl,
    MUSTER_ADMIN_API_KEY_FILE: keyFile,
    MUSTER_FILES: join(directory, 'files'),
    ...environment,
  };
  let log = '';
  let services: ChildProcess;
  const run = (main: string, logged: (text: string) => void): ChildProcess => {
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', logged);
    return child;
  };
  const start = async (): Promise<void> => {
    services = run(program('main.js'), (text) => {
      log = (log + text).slice(-KEPT_LOG_CHARACTERS);
    });
    await eventually(async () => services.exitCode !== null || (await ready(url)), {
      what: 'the platform is ready',
      deadlineMs: 50_000,
    }).catch((error: unknown) => {
      services.kill('SIGKILL');
      throw new Error(`${String(error)}\n${log.slice(-4_000)}`, { cause: error });
    });
    // It becomes ready no more, and what it said last is wanted now, not when the spec's own time is over.
    if (services.exitCode !== null)
      throw new Error(`the services ended with ${services.exitCode}\n${log.slice(-4_000)}`);
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  const replicas: PlatformReplica[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await end(services, 'SIGTERM');
    await bus?.stop();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
    await database.drop();
  };
  try {
    await start();
  } catch (error) {
    await stop(); // what is left open keeps the test run from ending
    throw error;
  }
  return {
    url,
    apiKey: API_KEY,
    devicesUrl,
    nats,
    log: () => log,
    sql: async (text, values) => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      try {
        const { rows } = await client.query<Record<string, unknown>>(
          text,
          values === undefined ? undefined : [...values],
        );
        return rows;
      } finally {
        await client.end();
      }
    },
    api: async (method, path, body, headers = {}) => {
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { 'x-api-key': API_KEY, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: isWritten(body) ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === '' ? undefined : (JSON.parse(text) as unknown),
      };
    },
    kill9: () => end(services, 'SIGKILL'),
    restart: start,
    addReplica: (app) => {
      let logged = '';
      const main = resolve(import.meta.dirname, '../../../../apps', app, 'dist/src/main.js');
      const child = run(main, (text) => {
        logged = (logged + text).slice(-KEPT_LOG_CHARACTERS);
      });
      const replica: PlatformReplica = {
        log: () => logged,
        kill9: () => end(child, 'SIGKILL'),
        stop: () => end(child, 'SIGTERM'),
      };
      replicas.push(replica);
      return replica;
    },
    stop,
  };
};

/** Sent as it is. */
const isWritten = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array;

const program = (name: string): string =>
  resolve(import.meta.dirname, '../../../../apps/all-in-one/dist/src', name);

/** With the tables of all services. */
export const migratedDatabase = (): Promise<TestDatabase> => testDatabase({ name: 'platform', migrate });

const migrate = async (url: string): Promise<void> => {
  const child = spawn(process.execPath, [program('migrate.js')], {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      MUSTER_DATABASE_URL: url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`migrate ended with ${code}: ${output}`);
};

const ready = async (url: string): Promise<boolean> => {
  const response = await fetch(`${url}/health/ready`);
  if (response.status !== 200) throw new Error(await response.text());
  return true;
};
