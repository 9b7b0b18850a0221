import { AppError, newId } from '@muster/contracts';
import { findAccess, type AccessEntry } from '@muster/contracts/device-registry/access.requests';
import {
  createDeviceType,
  type DeviceTypeInput,
  type DeviceTypeView,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  provisionDevice,
  type DeviceInput,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import { openDatabase, type Database } from '@muster/event-store';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { startNats, testDatabase, type NatsServer } from '@muster/testing';
import { keepHub } from './iot-hub/known-hubs.js';
import { migrate, start } from './app.module.js';

export const tenantId = 'default';
export const actor = { kind: 'user', id: 'u1' } as const;
export const base = { tenantId, actor } as const;

/** The service over a NATS and a database of its own, as specs use it. */
export interface RunningRegistry {
  readonly bus: Bus;
  readonly app: RunningApp;
  readonly nats: NatsServer;
  /** A superuser's, and the service's own schema. */
  readonly databaseUrl: string;
  readonly database: Database;
  createType(more?: Partial<DeviceTypeInput>): Promise<DeviceTypeView>;
  provision(
    device: Partial<DeviceInput> & { readonly deviceType: string },
    idempotencyKey?: string,
  ): Promise<ProvisionedDevice & { readonly token: string }>;
  accessOf(deviceId: string): Promise<AccessEntry[]>;
  /** The tables of the service that have `text` in any of their rows. */
  tablesWith(text: string): Promise<readonly string[]>;
  /** What is kept for repetitions with an idempotency key, as one text. */
  keptReplies(): Promise<string>;
  /** Stops the service and starts it again over the same database; `meanwhile` while nobody is there. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export const startRegistry = async (): Promise<RunningRegistry> => {
  const nats = await startNats();
  const test = await testDatabase({
    name: 'device-registry',
    migrate: async (url) => {
      await migrate(url);
      await withHub(url);
    },
  });
  const startApp = () =>
    start({
      MUSTER_DATABASE_URL: test.url,
      MUSTER_NATS_URL: nats.url,
      MUSTER_LOG_LEVEL: 'silent',
    });
  let app = await startApp();
  const logger = createLogger({ service: 'spec', level: 'silent' });
  const bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const database = openDatabase({ url: test.url, schema: 'device_registry', poolSize: 2, name: 'spec' });
  return {
    bus,
    get app() {
      return app;
    },
    nats,
    databaseUrl: test.url,
    database,
    createType: (more) =>
      bus.request(createDeviceType, { ...base, deviceType: { name: unique('type'), ...more } }),
    provision: async (device, idempotencyKey) => {
      const made = await bus.request(provisionDevice, {
        ...base,
        idempotencyKey,
        device: { name: unique('device'), ...device },
      });
      return { ...made, token: made.token ?? '' };
    },
    accessOf: async (deviceId) => (await bus.request(findAccess, { deviceIds: [deviceId] })).entries,
    tablesWith: async (text) => {
      const { rows } = await database.query<{ name: string }>(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'device_registry' ORDER BY 1",
      );
      const found = await Promise.all(
        rows.map(async ({ name }) => {
          const { rowCount } = await database.query({
            text: `SELECT FROM "${name}" AS t WHERE strpos(t::text, $1) > 0 LIMIT 1`,
            values: [text],
          });
          return rowCount === 0 ? [] : [name];
        }),
      );
      return found.flat();
    },
    keptReplies: async () => {
      const { rows } = await database.query<{ reply: string }>('SELECT reply::text FROM idempotency');
      return rows.map(({ reply }) => reply).join();
    },
    restart: async (meanwhile) => {
      await app.stop();
      await meanwhile();
      app = await startApp();
    },
    stop: async () => {
      await bus.close();
      await app.stop();
      await database.close();
      await nats.stop();
      await test.drop();
    },
  };
};

export const without = (object: object, ...keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
export const unique = (prefix: string): string => `${prefix}-${newId().replaceAll('-', '').slice(-12)}`;

/** What the request was refused with; anything else is thrown. */
export const problem = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    (value) => {
      throw new Error(`nothing was thrown: ${JSON.stringify(value)}`);
    },
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );

export const code = async (promise: Promise<unknown>): Promise<string> => (await problem(promise)).code;

/** Devices of the interface iothub are let in, as iothub-adapter would tell; of its own events is its spec. */
const withHub = async (url: string): Promise<void> => {
  const database = openDatabase({ url, schema: 'device_registry', poolSize: 2, name: 'spec' });
  await keepHub(database, { tenantId: base.tenantId, hubId: 'hub', version: 1, deviceTypes: [] });
  await database.close();
};
