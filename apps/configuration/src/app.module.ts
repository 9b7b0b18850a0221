import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { eventStream } from '@muster/contracts';
import { createEventStore, eventStoreMigrations, migrateSchema, rebuildsOf } from '@muster/event-store';
import { KnownDevices, knownDevicesMigrations } from '@muster/known-devices';
import type { RunningApp } from '@muster/observability';
import { startService } from '@muster/service-host';
import { loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';
import { deviceConfiguration } from './device-configuration/device-configuration.decider.js';
import {
  DeviceConfigurationHandlers,
  EVENT_STORE,
  RULES,
  type Rules,
} from './device-configuration/device-configuration.handlers.js';
import { publishedOf } from './device-configuration/device-configuration.published.js';
import { KnownDevicesReactor } from './device-configuration/known-devices.reactor.js';

const SERVICE = 'configuration';
const SCHEMA = 'configuration';
const aggregates = [deviceConfiguration];

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

const migrations = [...eventStoreMigrations, ...knownDevicesMigrations];

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> => migrateSchema({ url, schema: SCHEMA, migrations });

/** What `npm run rebuild` makes again. */
export const rebuilds = rebuildsOf({
  name: SERVICE,
  schema: SCHEMA,
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
    serve: ({ database, bus }) => ({
      module: AppModule.of([
        { provide: EVENT_STORE, useFactory: () => createEventStore(database) },
        { provide: KnownDevices, useFactory: () => new KnownDevices(database, bus) },
        { provide: RULES, useValue: rulesOf(config) },
      ]),
      relay: { translate: publishedOf, aggregates },
    }),
  });
};

const rulesOf = (config: Config): Rules => ({
  limits: { documentBytes: config.documentBytes, valueBytes: config.valueBytes, keys: config.maxKeys },
  unconfirmedAfterMs: config.unconfirmedAfterSeconds * 1_000,
});
