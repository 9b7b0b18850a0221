import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listIdentityActs } from '@muster/contracts/audit/requests';
import { eventStream } from '@muster/contracts';
import { createEventStore, eventStoreMigrations, told, translateBy } from '@muster/event-store';
import type { IntegrationKeys } from '@muster/nats-accounts';
import { ConfigError, type RunningApp } from '@muster/observability';
import { actHandlersOf, maintenanceOf, DATABASE, EVENT_STORE, startService } from '@muster/service-host';
import { RULES, SESSION_RULES } from './providers.js';
import { Integrations1763600700001 } from '../migrations/0001-integrations.js';
import { IntegrationAccounts1763600700002 } from '../migrations/0002-integration-accounts.js';
import { Sessions1763600700003 } from '../migrations/0003-sessions.js';
import { configSchema, loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';
import { publishedOfIntegration } from './integration/integration.published.js';
import { integration } from './integration/integration.decider.js';
import { IntegrationHandlers, type Rules } from './integration/integration.handlers.js';
import { integrations } from './integration/integrations.projection.js';
import { Readers } from './integration/readers.js';
import { startTending } from './integration/tending.js';
import { IntegratorsAccounts } from './integration/integrators-accounts.js';
import { SessionHandlers, type SessionRules } from './session/session.handlers.js';

const SERVICE = 'identity';
const SCHEMA = 'identity';

/** Written in the transaction of their events, and rebuildable from them. */
export const projections = [integrations];
export const aggregates = [integration];

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({ service: SERVICE, contract: listIdentityActs, kinds: {} });

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return { module: AppModule, controllers: [ActHandlers, IntegrationHandlers, SessionHandlers], providers };
  }
}

const migrations = [
  ...eventStoreMigrations,
  Integrations1763600700001,
  IntegrationAccounts1763600700002,
  Sessions1763600700003,
];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  aggregates,
  projections,
  streamMaxAgeHours: loadStreamMaxAgeHours,
});

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const keys = keysIn(config);
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: eventStream(SERVICE),
    config,
    serve: ({ database, bus, logger }) => {
      const accounts = new IntegratorsAccounts(database, config.natsUrl, keys, config.maxConnections);
      const readers = new Readers(database, bus, config);
      const rules: Rules = { natsUrl: publicUrlOf(config), maxIntegrations: config.maxIntegrations };
      const sessionRules: SessionRules = {
        idleSeconds: config.sessionIdleSeconds,
        mostSeconds: config.sessionSeconds,
        most: config.maxSessions,
      };
      return {
        module: AppModule.of([
          { provide: DATABASE, useValue: database },
          { provide: EVENT_STORE, useFactory: () => createEventStore(database, { projections }) },
          { provide: IntegratorsAccounts, useValue: accounts },
          { provide: Readers, useValue: readers },
          { provide: RULES, useValue: rules },
          { provide: SESSION_RULES, useValue: sessionRules },
        ]),
        relay: { translate: translateBy(told(integration, publishedOfIntegration)), aggregates },
        background: {
          integrations: startTending({ accounts, readers, everyMs: config.tendEveryMs, logger }),
        },
        close: () => accounts.close(),
      };
    },
  });
};

/** Without what we log in with. */
const publicUrlOf = ({ natsPublicUrl, natsUrl }: Config): string => {
  if (natsPublicUrl !== undefined) return natsPublicUrl;
  return natsUrl.replaceAll(/\/\/[^/@,]*@/g, '//');
};

const keysIn = ({ integrationKeys }: Config): IntegrationKeys | undefined => {
  if (integrationKeys === undefined) return undefined;
  try {
    return JSON.parse(integrationKeys) as IntegrationKeys; // made by nats-accounts alone
  } catch {
    // Not with its cause: the message of a JSON error repeats the text.
    throw new ConfigError([
      { env: configSchema.integrationKeys.env, rule: 'must name a file of nats-accounts' },
    ]);
  }
};
