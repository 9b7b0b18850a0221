import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listConfigurationActs } from '@muster/contracts/audit/requests';
import { eventStream } from '@muster/contracts';
import { cancelConfigurationJob, retryConfigurationJob } from '@muster/contracts/jobs/owner.requests';
import { configurationJobChanged } from '@muster/contracts/jobs/published';
import { createEventStore, eventStoreMigrations, told, translateBy } from '@muster/event-store';
import {
  DeviceTargets,
  job,
  jobHandlersOf,
  Jobs,
  jobsMigrations,
  migrateJobs,
  publishedOfJob,
  startJobWorkers,
} from '@muster/jobs';
import { KnownDevices, knownDevicesMigrations } from '@muster/known-devices';
import type { RunningApp } from '@muster/observability';
import {
  actHandlersOf,
  maintenanceOf,
  BUS,
  DATABASE,
  EVENT_STORE,
  LOGGER,
  startService,
} from '@muster/service-host';
import { CEILINGS, UNCONFIRMED_AFTER_MS } from './providers.js';
import { BulkChangeHandlers } from './bulk-change/bulk-change.handlers.js';
import { bulkChangeJob } from './bulk-change/bulk-change-job.js';
import { loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';
import type { Limits } from './desired/acceptable-values.js';
import { DesiredChanges } from './desired/desired-changes.js';
import { DesiredHandlers } from './desired/desired.handlers.js';
import { deviceConfiguration } from './device-configuration/device-configuration.decider.js';
import { DeviceConfigurationHandlers } from './device-configuration/device-configuration.handlers.js';
import { HistoryHandlers } from './history/history.handlers.js';
import { publishedOfConfiguration } from './device-configuration/device-configuration.published.js';
import { OtherVersions } from './device-configuration/other-versions.js';
import { ErasureHandlers } from './device-configuration/erasure.handlers.js';
import { KnownDevicesReactor } from './device-configuration/known-devices.reactor.js';
import { FollowedStatesHandlers } from './followed/followed-states.handlers.js';
import { RulesInForce } from './desired/rules-in-force.js';
import { StatesHandlers } from './states/states.handlers.js';
import { ReportHandlers } from './reports/report.handlers.js';
import { defaultsJob } from './type-configuration/defaults-job.js';
import { DeviceTypesReactor } from './type-configuration/device-types.reactor.js';
import { typeConfiguration } from './type-configuration/type-configuration.decider.js';
import { TypeConfigurationHandlers } from './type-configuration/type-configuration.handlers.js';

const SERVICE = 'configuration';
const SCHEMA = 'configuration';
const aggregates = [deviceConfiguration, typeConfiguration, job];
const translate = translateBy(
  told(deviceConfiguration, publishedOfConfiguration),
  // Rules and defaults of device types are the operators' own; what they do to devices is told device by device.
  told(typeConfiguration, () => []),
  told(job, (event) => publishedOfJob(configurationJobChanged, event)),
);

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({
  service: SERVICE,
  contract: listConfigurationActs,
  kinds: { configuration: 'device', 'type-configuration': 'device-type' },
});

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        ActHandlers,
        DeviceConfigurationHandlers,
        DesiredHandlers,
        ReportHandlers,
        HistoryHandlers,
        TypeConfigurationHandlers,
        BulkChangeHandlers,
        FollowedStatesHandlers,
        StatesHandlers,
        jobHandlersOf({ cancel: cancelConfigurationJob, retry: retryConfigurationJob }),
        KnownDevicesReactor,
        DeviceTypesReactor,
        ErasureHandlers,
      ],
      providers,
    };
  }
}

const migrations = [...eventStoreMigrations, ...knownDevicesMigrations, ...jobsMigrations];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  alsoMigrate: migrateJobs,
  aggregates,
  streamMaxAgeHours: loadStreamMaxAgeHours,
});

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: eventStream(SERVICE),
    config,
    serve: ({ database, bus, logger, metrics }) => {
      const ceilings = ceilingsOf(config);
      const store = createEventStore(database);
      const devices = new KnownDevices(database, bus);
      const rules = new RulesInForce(store, ceilings);
      const changes = new DesiredChanges({ database, store, devices, rules });
      const targets = new DeviceTargets(bus, config.bulkDevices);
      const kinds = [defaultsJob({ devices, changes }), bulkChangeJob({ targets, changes })];
      const workers = startJobWorkers({
        database,
        store,
        kinds,
        concurrency: config.jobConcurrency,
        retentionDays: config.jobRetentionDays,
        logger,
        metrics,
      });
      return {
        module: AppModule.of([
          { provide: DATABASE, useValue: database },
          { provide: EVENT_STORE, useValue: store },
          { provide: BUS, useValue: bus },
          { provide: LOGGER, useValue: logger },
          { provide: KnownDevices, useValue: devices },
          { provide: DesiredChanges, useValue: changes },
          {
            provide: OtherVersions,
            useValue: new OtherVersions({ database, store, devices, rules, changes }),
          },
          { provide: Jobs, useValue: new Jobs(database, store, kinds) },
          { provide: CEILINGS, useValue: ceilings },
          { provide: DeviceTargets, useValue: targets },
          { provide: UNCONFIRMED_AFTER_MS, useValue: config.unconfirmedAfterSeconds * 1_000 },
        ]),
        relay: { translate, aggregates },
        background: { jobs: workers },
      };
    },
  });
};

const ceilingsOf = (config: Config): Limits => ({
  documentBytes: config.documentBytes,
  valueBytes: config.valueBytes,
  keys: config.maxKeys,
});
