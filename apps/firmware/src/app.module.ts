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
import { openFileStore } from '@muster/files';
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
import { Firmware1763600200001 } from '../migrations/0001-firmware.js';
import { loadConfig } from './config.js';
import { Devices } from './device/devices.projection.js';
import { DevicesReactor } from './device/devices.reactor.js';
import { fileRemovalsProjection } from './file-removal/file-removals.projection.js';
import { startHousekeeping } from './file-removal/housekeeping.js';
import { firmwareType } from './firmware-type/firmware-type.decider.js';
import { FirmwareTypeHandlers } from './firmware-type/firmware-type.handlers.js';
import { FirmwareTypes, firmwareTypesProjection } from './firmware-type/firmware-types.projection.js';
import { firmware } from './firmware/firmware.decider.js';
import { FirmwareHandlers } from './firmware/firmware.handlers.js';
import { Firmwares, firmwaresProjection } from './firmware/firmwares.projection.js';
import { BUS, DATABASE, EVENT_STORE, SETTINGS } from './providers.js';
import { publishedOf } from './published.js';
import { deviceSoftware } from './software/software.decider.js';
import { SoftwareHandlers } from './software/software.handlers.js';
import { upload } from './upload/upload.decider.js';
import { UploadHandlers } from './upload/upload.handlers.js';
import { UploadTokens } from './upload/upload-tokens.js';
import { Uploads, uploadsProjection } from './upload/uploads.projection.js';

const SERVICE = 'firmware';
const SCHEMA = 'firmware';

/** Written in the transaction of their events, and rebuildable from them. */
export const projections = [
  firmwareTypesProjection,
  firmwaresProjection,
  uploadsProjection,
  fileRemovalsProjection,
];

export const aggregates = [firmwareType, firmware, deviceSoftware, upload];

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [FirmwareTypeHandlers, FirmwareHandlers, SoftwareHandlers, UploadHandlers, DevicesReactor],
      providers,
    };
  }
}

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> =>
  migrateSchema({ url, schema: SCHEMA, migrations: [...eventStoreMigrations, Firmware1763600200001] });

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

  const settings = { ...config, baseUrl: config.baseUrl.replace(/\/+$/, '') };
  const files = await openFileStore(config);
  const store = createEventStore(database, { projections });
  const uploads = new Uploads(database);
  const tokens = new UploadTokens(database, config.uploadTokenSeconds);
  const app = await NestFactory.createMicroservice(
    AppModule.of([
      { provide: BUS, useValue: bus },
      { provide: DATABASE, useValue: database },
      { provide: EVENT_STORE, useValue: store },
      { provide: SETTINGS, useValue: settings },
      { provide: FirmwareTypes, useValue: new FirmwareTypes(database) },
      { provide: Firmwares, useValue: new Firmwares(database, settings) },
      { provide: Uploads, useValue: uploads },
      { provide: UploadTokens, useValue: tokens },
      { provide: Devices, useValue: new Devices(database, bus) },
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
    aggregates,
  });
  const housekeeping = startHousekeeping({
    database,
    store,
    files,
    uploads,
    tokens,
    keepDays: config.uploadsKeepDays,
    everyMs: config.sweepSeconds * 1_000,
    logger,
    metrics,
  });
  await app.listen();

  health.add('database', () => database.ping());
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  health.add('relay', () => relay.check());
  health.add('files', () => files.ping());
  const ops = { health, metrics };
  const server =
    config.opsPort === undefined ? undefined : await startOpsServer({ port: config.opsPort, ...ops });
  logger.info('ready');

  return {
    name: SERVICE,
    ops,
    stop: async () => {
      await app.close();
      await housekeeping.stop();
      await relay.stop();
      await bus.close();
      await database.close();
      files.close();
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
