import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listTelemetryActs } from '@muster/contracts/audit/requests';
import { TELEMETRY_STREAM } from '@muster/contracts/telemetry/published';
import { actsMigrations, migrateSchema } from '@muster/event-store';
import type { RunningApp } from '@muster/observability';
import { actHandlersOf, checkupOf, BUS, DATABASE, LOGGER, startService } from '@muster/service-host';
import { BUCKET_LIMITS, SAMPLES_STORE } from './providers.js';
import { Samples1763600200001 } from '../migrations/0001-samples.js';
import { Duplicates1763600200002 } from '../migrations/0002-duplicates.js';
import { loadConfig, loadStreamMaxAgeHours } from './config.js';
import { DeletedDevicesReactor } from './sample/deleted-devices.reactor.js';
import { ErasureHandlers } from './sample/erasure.handlers.js';
import { Partitions } from './sample/partitions.js';
import type { BucketLimits } from './sample/query-buckets.js';
import { startRetention } from './sample/retention.js';
import { SampleHandlers } from './sample/sample.handlers.js';
import { samplesStore } from './sample/store-samples.js';

const SERVICE = 'telemetry';
const SCHEMA = 'telemetry';

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({
  service: SERVICE,
  contract: listTelemetryActs,
  kinds: { telemetry: 'device' },
  hasEvents: false,
});

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [ActHandlers, SampleHandlers, DeletedDevicesReactor, ErasureHandlers],
      providers,
    };
  }
}

const migrations = [...actsMigrations, Samples1763600200001, Duplicates1763600200002];

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> => migrateSchema({ url, schema: SCHEMA, migrations });

/** What `doctor` asks of it. */
export const checkup = checkupOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  stream: TELEMETRY_STREAM.name,
  hasEvents: false,
  streamMaxAgeHours: loadStreamMaxAgeHours,
});

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: TELEMETRY_STREAM,
    config,
    serve: ({ database, bus, logger, metrics }) => {
      const partitions = new Partitions(database, config.retentionDays, logger);
      const store = samplesStore({
        database,
        partitions,
        logger,
        metrics,
        maxKeysPerDevice: config.maxKeysPerDevice,
        redeliveryWindowMicros: config.redeliveryWindowSeconds * 1_000_000,
      });
      const limits: BucketLimits = { points: config.maxBucketPoints, samples: config.maxBucketSamples };
      return {
        module: AppModule.of([
          { provide: DATABASE, useValue: database },
          { provide: BUS, useValue: bus },
          { provide: SAMPLES_STORE, useValue: store },
          { provide: LOGGER, useValue: logger },
          { provide: BUCKET_LIMITS, useValue: limits },
        ]),
        background: { retention: startRetention(partitions, logger) },
      };
    },
  });
};
