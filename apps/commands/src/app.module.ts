import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { eventStream } from '@muster/contracts';
import {
  createEventStore,
  eventStoreMigrations,
  migrateSchema,
  rebuildsOf,
  told,
  translateBy,
} from '@muster/event-store';
import { KnownDevices, knownDevicesMigrations } from '@muster/known-devices';
import type { RunningApp } from '@muster/observability';
import { DATABASE, EVENT_STORE, startService } from '@muster/service-host';
import { RULES } from './providers.js';
import { Commands1763600300001 } from '../migrations/0001-commands.js';
import { CommandsSent1763600300002 } from '../migrations/0002-sent.js';
import { LateAnswers1763600300003 } from '../migrations/0003-late-answers.js';
import { CommandsGiven1763600300004 } from '../migrations/0004-given.js';
import { CommandHandlers, type Rules } from './command/command.handlers.js';
import { publishedOfCommands } from './command/command-queue.published.js';
import { commandQueue } from './command/command-queue.decider.js';
import { CommandTable } from './command/command-table.js';
import { commands } from './command/commands.projection.js';
import { startExpiry } from './command/expiry.js';
import { KnownDevicesReactor } from './command/known-devices.reactor.js';
import { loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';

const SERVICE = 'commands';
const SCHEMA = 'commands';

/** Written in the transaction of their events, and rebuildable from them. */
export const projections = [commands];
export const aggregates = [commandQueue];

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [CommandHandlers, KnownDevicesReactor],
      providers,
    };
  }
}

const migrations = [
  ...eventStoreMigrations,
  ...knownDevicesMigrations,
  Commands1763600300001,
  CommandsSent1763600300002,
  LateAnswers1763600300003,
  CommandsGiven1763600300004,
];

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> => migrateSchema({ url, schema: SCHEMA, migrations });

/** What `npm run rebuild` makes again. */
export const rebuilds = rebuildsOf({
  name: SERVICE,
  schema: SCHEMA,
  aggregates,
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
      return {
        module: AppModule.of([
          { provide: DATABASE, useValue: database },
          { provide: EVENT_STORE, useValue: store },
          { provide: CommandTable, useValue: table },
          { provide: KnownDevices, useFactory: () => new KnownDevices(database, bus) },
          { provide: RULES, useValue: rulesOf(config) },
        ]),
        relay: { translate: translateBy(told(commandQueue, publishedOfCommands)), aggregates },
        background: {
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
