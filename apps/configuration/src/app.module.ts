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
} from '@muster/event-store';
import { KnownDevices, knownDevicesMigrations } from '@muster/known-devices';
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
import { loadConfig } from './config.js';
import { deviceConfiguration } from './device-configuration/device-configuration.decider.js';
import {
  DeviceConfigurationHandlers,
  EVENT_STORE,
  RULES,
} from './device-configuration/device-configuration.handlers.js';
import { publishedOf } from './device-configuration/device-configuration.published.js';
import { KnownDevicesReactor } from './device-configuration/known-devices.reactor.js';

const SERVICE = 'configuration';
const SCHEMA = 'configuration';

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [DeviceConfigurationHandlers, KnownDevicesReactor],
      providers,
    };
  }
}

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> =>
  migrateSchema({ url, schema: SCHEMA, migrations: [...eventStoreMigrations, ...knownDevicesMigrations] });

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
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

  const limits = { documentBytes: config.documentBytes, valueBytes: config.valueBytes, keys: config.maxKeys };
  const rules = { limits, unconfirmedAfterMs: config.unconfirmedAfterSeconds * 1_000 };
  const app = await NestFactory.createMicroservice(
    AppModule.of([
      { provide: EVENT_STORE, useFactory: () => createEventStore(database) },
      { provide: KnownDevices, useFactory: () => new KnownDevices(database, bus) },
      { provide: RULES, useValue: rules },
    ]),
    {
      strategy: new NatsStrategy({ bus, service: SERVICE, logger, metrics }),
      logger: new NestLogger(logger),
      abortOnError: false,
    },
  );
  const relay = startRelay({
    database,
    service: SERVICE,
    bus,
    translate: publishedOf,
    logger,
    metrics,
    aggregates: [deviceConfiguration],
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
      await app.close();
      await relay.stop();
      await bus.close();
      await database.close();
      await server?.close();
    },
  };
};

const untilReady = async (database: Database, logger: Logger): Promise<void> => {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 5_000)) {
    try {
      await database.ping();
      return;
    } catch (error) {
      logger.warn({ err: error, waitMs }, 'waiting for PostgreSQL');
      await pause(waitMs);
    }
  }
};
