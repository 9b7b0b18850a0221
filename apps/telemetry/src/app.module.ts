import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TELEMETRY_STREAM } from '@muster/contracts';
import { migrateSchema, openDatabase, type Database } from '@muster/event-store';
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
import { Samples1763600200001 } from '../migrations/0001-samples.js';
import { Duplicates1763600200002 } from '../migrations/0002-duplicates.js';
import { loadConfig } from './config.js';
import { DeletedDevicesReactor } from './sample/deleted-devices.reactor.js';
import { Partitions } from './sample/partitions.js';
import { startRetention } from './sample/retention.js';
import { BUS, DATABASE, SampleHandlers, STORE } from './sample/sample.handlers.js';
import { samplesStore } from './sample/store-samples.js';

const SERVICE = 'telemetry';
const SCHEMA = 'telemetry';

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return { module: AppModule, controllers: [SampleHandlers, DeletedDevicesReactor], providers };
  }
}

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> =>
  migrateSchema({ url, schema: SCHEMA, migrations: [Samples1763600200001, Duplicates1763600200002] });

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
  await bus.ensureStream({
    name: TELEMETRY_STREAM.name,
    subjects: [TELEMETRY_STREAM.subject],
    maxAgeMs: config.streamMaxAgeHours * 3_600_000,
    maxBytes: config.streamMaxBytes,
  });

  const partitions = new Partitions(database, config.retentionDays, logger);
  const store = samplesStore({
    database,
    partitions,
    logger,
    metrics,
    redeliveryWindowMicros: config.redeliveryWindowSeconds * 1_000_000,
  });
  const app = await NestFactory.createMicroservice(
    AppModule.of([
      { provide: DATABASE, useValue: database },
      { provide: BUS, useValue: bus },
      { provide: STORE, useValue: store },
    ]),
    {
      strategy: new NatsStrategy({ bus, service: SERVICE, logger, metrics }),
      logger: new NestLogger(logger),
      abortOnError: false,
    },
  );
  const retention = startRetention(partitions, logger);
  await app.listen();

  health.add('database', () => database.ping());
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  const ops = { health, metrics };
  const server =
    config.opsPort === undefined ? undefined : await startOpsServer({ port: config.opsPort, ...ops });
  logger.info('ready');

  return {
    name: SERVICE,
    ops,
    stop: async () => {
      await app.close();
      await retention.stop();
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
