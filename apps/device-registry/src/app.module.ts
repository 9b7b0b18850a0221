import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { eventStream } from '@muster/contracts';
import {
  createEventStore,
  eventStoreMigrations,
  migrateSchema,
  openDatabase,
  startRelay,
  type Database,
  type Published,
  type RecordedEvent,
} from '@muster/event-store';
import { connectBus, NatsStrategy } from '@muster/messaging';
import {
  createLogger,
  createMetrics,
  Health,
  NestLogger,
  startOpsServer,
  type Logger,
  type RunningApp,
} from '@muster/observability';
import { DeviceTypes1763600200001 } from '../migrations/0001-device-types.js';
import { Devices1763600200002 } from '../migrations/0002-devices.js';
import { DeviceSecrets1763600200003 } from '../migrations/0003-device-secrets.js';
import { AccessHandlers } from './access/access.handlers.js';
import { loadConfig } from './config.js';
import { deviceType } from './device-type/device-type.decider.js';
import type { DeviceTypeEvent } from './device-type/device-type.events.js';
import { DeviceTypeHandlers } from './device-type/device-type.handlers.js';
import { deviceTypeList } from './device-type/device-type-list.projection.js';
import { publishedOfDeviceType } from './device-type/device-type-published.reactor.js';
import { CredentialHandlers } from './device/credential.handlers.js';
import { deviceCredentials } from './device/credential.projection.js';
import { device } from './device/device.decider.js';
import type { DeviceEvent } from './device/device.events.js';
import { DeviceHandlers } from './device/device.handlers.js';
import { DeviceMetadataHandlers } from './device/device-metadata.handlers.js';
import { deviceList } from './device/device-list.projection.js';
import { publishedOfDevice } from './device/device-published.reactor.js';
import { EndpointTokenHandlers } from './device/endpoint-token.handlers.js';
import { endpointTokens } from './device/endpoint-token.projection.js';
import { DATABASE, EVENT_STORE } from './wiring.js';

const SERVICE = 'device-registry';
const SCHEMA = 'device_registry';

/** Types first: a device refers to its type. */
export const projections = [deviceTypeList, deviceList, endpointTokens, deviceCredentials] as const;
export const aggregates = [deviceType, device] as const;

@Module({})
export class AppModule {
  static of(database: Database): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        DeviceTypeHandlers,
        DeviceHandlers,
        DeviceMetadataHandlers,
        EndpointTokenHandlers,
        CredentialHandlers,
        AccessHandlers,
      ],
      providers: [
        { provide: DATABASE, useValue: database },
        { provide: EVENT_STORE, useFactory: () => createEventStore(database, { projections }) },
      ],
    };
  }
}

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> =>
  migrateSchema({
    url,
    schema: SCHEMA,
    migrations: [
      ...eventStoreMigrations,
      DeviceTypes1763600200001,
      Devices1763600200002,
      DeviceSecrets1763600200003,
    ],
  });

/** Resolves when requests are served: waits for PostgreSQL (migrated) and NATS, however long they take. */
export const start = async (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const logger = createLogger({ service: SERVICE, level: config.logLevel });
  const metrics = createMetrics(SERVICE);
  const health = new Health();

  const database = openDatabase({
    url: config.databaseUrl,
    schema: SCHEMA,
    poolSize: config.poolSize,
    name: SERVICE,
  });
  await untilReady(database, logger);
  const bus = await connectBus({ url: config.natsUrl, name: SERVICE, logger, metrics });
  const { name, subject } = eventStream(SERVICE);
  await bus.ensureStream({
    name,
    subjects: [subject],
    maxAgeMs: config.eventsMaxAgeHours * 3_600_000,
    maxBytes: config.eventsMaxBytes,
  });

  const app = await NestFactory.createMicroservice(AppModule.of(database), {
    strategy: new NatsStrategy({ bus, service: SERVICE, logger, metrics }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const relay = startRelay({
    database,
    service: SERVICE,
    bus,
    translate: publishedOf,
    logger,
    metrics,
    aggregates,
  });
  await app.listen();

  health.add('database', () => database.ping());
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  health.add('relay', () => relay.check());
  const ops = { health, metrics };
  const server =
    config.opsPort === undefined ? undefined : await startOpsServer({ port: config.opsPort, ...ops });
  logger.info('ready');

  return {
    name: SERVICE,
    ops,
    stop: async () => {
      // In this order: take no more, finish what was taken, publish what that caused, then the connections.
      await app.close();
      await relay.stop();
      await bus.close();
      await database.close();
      await server?.close();
    },
  };
};

const publishedOf = (event: RecordedEvent): readonly Published[] =>
  // The upcasts of `aggregates` made it one of these.
  event.aggregate === device.name
    ? publishedOfDevice(event as RecordedEvent<DeviceEvent>)
    : publishedOfDeviceType(event as RecordedEvent<DeviceTypeEvent>);

const untilReady = async (database: Database, logger: Logger): Promise<void> => {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 5_000)) {
    try {
      // Not only that somebody answers: before the migrations there is nothing to serve from.
      await database.query('SELECT 1 FROM device_secrets LIMIT 1');
      return;
    } catch (error) {
      logger.warn({ err: error, waitMs }, 'waiting for PostgreSQL and its migrations');
      await pause(waitMs);
    }
  }
};
