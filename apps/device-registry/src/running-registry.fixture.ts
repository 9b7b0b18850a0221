import { AppError, newId } from '@muster/contracts';
import {
  createDeviceType,
  type DeviceTypeSettings,
  type DeviceTypeView,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  provisionDevice,
  type DeviceInput,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import { openDatabase, type Database } from '@muster/event-store';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { startNats, testDatabase } from '@muster/testing';
import { migrate, start } from './app.module.js';

export const tenantId = 'default';
export const base = { tenantId, actor: { kind: 'user', id: 'u1' } } as const;

/** The service over a NATS and a database of its own, as specs use it. */
export interface RunningRegistry {
  readonly bus: Bus;
  readonly natsUrl: string;
  /** A superuser's, and the service's own schema. */
  readonly databaseUrl: string;
  readonly database: Database;
  createType(settings?: DeviceTypeSettings): Promise<DeviceTypeView>;
  provision(device: Partial<DeviceInput> & { readonly deviceType: string }): Promise<ProvisionedDevice>;
  stop(): Promise<void>;
}

export const startRegistry = async (): Promise<RunningRegistry> => {
  const nats = await startNats();
  const test = await testDatabase({
    name: 'device-registry',
    migrate: async (url) => {
      await migrate(url);
    },
  });
  const app = await start({
    MUSTER_DATABASE_URL: test.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'silent',
  });
  const logger = createLogger({ service: 'spec', level: 'silent' });
  const bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const database = openDatabase({ url: test.url, schema: 'device_registry', poolSize: 2, name: 'spec' });
  return {
    bus,
    natsUrl: nats.url,
    databaseUrl: test.url,
    database,
    createType: (settings) =>
      bus.request(createDeviceType, { ...base, deviceType: { name: unique('type'), settings } }),
    provision: (device) =>
      bus.request(provisionDevice, { ...base, device: { name: unique('device'), ...device } }),
    stop: async () => {
      await bus.close();
      await app.stop();
      await database.close();
      await nats.stop();
      await test.drop();
    },
  };
};

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
