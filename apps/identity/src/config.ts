import { int, readConfig, secretFile, urls, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'IDENTITY', schema: 'identity' }),
  integrationKeys: secretFile({
    env: 'MUSTER_NATS_INTEGRATIONS_FILE',
    doc: 'Keys that make credentials for integrators (`integrations.json` of nats-accounts). Not set: no integrations',
    optional: true,
  }),
  natsPublicUrl: urls({
    env: 'MUSTER_NATS_PUBLIC_URL',
    doc: 'Where integrators reach NATS; not set: where we do',
    protocols: ['nats', 'tls', 'ws', 'wss'],
    optional: true,
  }),
  maxIntegrations: int({
    env: 'MUSTER_IDENTITY_INTEGRATIONS',
    doc: 'Most integrations of one tenant; each has a consumer per service',
    unit: 'integrations',
    min: 1,
    max: 1_000,
    default: 100,
  }),
  ackWaitMs: int({
    env: 'MUSTER_IDENTITY_ACK_WAIT_MS',
    doc: 'An event that an integrator has not acknowledged within is delivered again; for integrations made from then on',
    unit: 'milliseconds',
    min: 1_000,
    max: 3_600_000,
    default: 60_000,
  }),
  maxUnacknowledged: int({
    env: 'MUSTER_IDENTITY_UNACKNOWLEDGED',
    doc: 'Most events of one service that an integration has fetched and not acknowledged; likewise',
    unit: 'events',
    min: 1,
    max: 100_000,
    default: 1_000,
  }),
  maxFetches: int({
    env: 'MUSTER_IDENTITY_FETCHES',
    doc: 'Most fetches of one integration that wait for events of a service; likewise',
    unit: 'fetches',
    min: 1,
    max: 10_000,
    default: 32,
  }),
  maxConnections: int({
    env: 'MUSTER_IDENTITY_CONNECTIONS',
    doc: 'Most connections of one integration at the same time',
    unit: 'connections',
    min: 1,
    max: 100_000,
    default: 32,
  }),
  tendEveryMs: int({
    env: 'MUSTER_IDENTITY_TEND_EVERY_MS',
    doc: 'How often positions of integrations are noted, and what NATS has lost is made again',
    unit: 'milliseconds',
    min: 50,
    max: 600_000,
    default: 10_000,
  }),
  sessionIdleSeconds: int({
    env: 'MUSTER_IDENTITY_SESSION_IDLE_SECONDS',
    doc: 'A session of the console that is not used for so long ends',
    unit: 'seconds',
    min: 1,
    max: 2_592_000,
    default: 7_200,
  }),
  sessionSeconds: int({
    env: 'MUSTER_IDENTITY_SESSION_SECONDS',
    doc: 'And so long after its beginning in any case; for sessions opened from then on',
    unit: 'seconds',
    min: 1,
    max: 2_592_000,
    default: 43_200,
  }),
  maxSessions: int({
    env: 'MUSTER_IDENTITY_SESSIONS',
    doc: 'Most sessions of one user or key; for one more, the one goes that was used longest ago',
    unit: 'sessions',
    min: 1,
    max: 10_000,
    default: 100,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
