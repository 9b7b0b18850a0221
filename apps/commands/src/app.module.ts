import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listCommandActs } from '@muster/contracts/audit/requests';
import { eventStream } from '@muster/contracts';
import { cancelCommandsJob, retryCommandsJob } from '@muster/contracts/jobs/owner.requests';
import { commandsJobChanged } from '@muster/contracts/jobs/published';
import {
  createEventStore,
  eventStoreMigrations,
  streamName,
  streamsWithActs,
  told,
  translateBy,
} from '@muster/event-store';
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
  DATABASE,
  EVENT_STORE,
  startService,
  type ActsOptions,
} from '@muster/service-host';
import { RULES } from './providers.js';
import { Commands1763600300001 } from '../migrations/0001-commands.js';
import { CommandsSent1763600300002 } from '../migrations/0002-sent.js';
import { LateAnswers1763600300003 } from '../migrations/0003-late-answers.js';
import { CommandsGiven1763600300004 } from '../migrations/0004-given.js';
import { CommandsUnderWay1763600300005 } from '../migrations/0005-under-way.js';
import { CommandBulkHandlers } from './bulk/command-bulk.handlers.js';
import { commandBulkJob } from './bulk/command-bulk-job.js';
import { CommandHandlers, type Rules } from './command/command.handlers.js';
import { publishedOfCommands } from './command/command-queue.published.js';
import { commandQueue } from './command/command-queue.decider.js';
import { CommandTable } from './command/command-table.js';
import { queueId } from './command/names.js';
import { commands } from './command/commands.projection.js';
import { ErasureHandlers } from './command/erasure.handlers.js';
import { startExpiry } from './command/expiry.js';
import { KnownDevicesReactor } from './command/known-devices.reactor.js';
import { loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';

const SERVICE = 'commands';
const SCHEMA = 'commands';

/** Written in the transaction of their events, and rebuildable from them. */
export const projections = [commands];
/** Without the jobs, which no projection reads. */
export const aggregates = [commandQueue];
const everyAggregate = [...aggregates, job];

/** The streams of a device, of which there is one for each type of its commands; of an erased one its acts are left. */
const streamsOf: ActsOptions['streamsOf'] = async (database, device) => {
  const queues = await new CommandTable(database).queuesOf([device]);
  const prefix = streamName(commandQueue.name, queueId(device.deviceId, ''));
  const kept = await streamsWithActs(database, { tenantId: device.tenantId, prefix });
  const begun = queues.map(({ deviceId, type }) => streamName(commandQueue.name, queueId(deviceId, type)));
  return [...new Set([...begun, ...kept])];
};

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({
  service: SERVICE,
  contract: listCommandActs,
  kinds: { commands: 'device' },
  streamsOf,
});

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        ActHandlers,
        CommandHandlers,
        CommandBulkHandlers,
        jobHandlersOf({ cancel: cancelCommandsJob, retry: retryCommandsJob }),
        KnownDevicesReactor,
        ErasureHandlers,
      ],
      providers,
    };
  }
}

const migrations = [
  ...eventStoreMigrations,
  ...knownDevicesMigrations,
  ...jobsMigrations,
  Commands1763600300001,
  CommandsSent1763600300002,
  LateAnswers1763600300003,
  CommandsGiven1763600300004,
  CommandsUnderWay1763600300005,
];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  alsoMigrate: migrateJobs,
  aggregates: everyAggregate,
  projections,
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
      const store = createEventStore(database, { projections });
      const table = new CommandTable(database);
      const devices = new KnownDevices(database, bus);
      const targets = new DeviceTargets(bus, config.bulkDevices);
      const rules = rulesOf(config);
      const kinds = [commandBulkJob({ targets, store, devices, limits: rules.limits })];
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
          { provide: CommandTable, useValue: table },
          { provide: KnownDevices, useValue: devices },
          { provide: RULES, useValue: rules },
          { provide: Jobs, useValue: new Jobs(database, store, kinds) },
          { provide: DeviceTargets, useValue: targets },
        ]),
        relay: {
          translate: translateBy(
            told(commandQueue, publishedOfCommands),
            told(job, (event) => publishedOfJob(commandsJobChanged, event)),
          ),
          aggregates: everyAggregate,
        },
        background: {
          jobs: workers,
          expiry: startExpiry({ database, store, table, everyMs: config.expireEveryMs, logger, metrics }),
        },
      };
    },
  });
};

const rulesOf = (config: Config): Rules => ({
  limits: {
    payloadBytes: config.payloadBytes,
    outstanding: config.maxOutstanding,
    ttlSeconds: config.maxTtlSeconds,
  },
  defaultTtlSeconds: Math.min(config.defaultTtlSeconds, config.maxTtlSeconds),
});
