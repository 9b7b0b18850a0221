import { int, readConfig, secretFile, url, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'IDENTITY', schema: 'identity' }),
  integrationKeys: secretFile({
    env: 'MUSTER_NATS_INTEGRATIONS_FILE',
    doc: 'Keys that make credentials for integrators (`integrations.json` of nats-accounts). Not set: no integrations',
    optional: true,
  }),
  natsPublicUrl: url({
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
  tendEveryMs: int({
    env: 'MUSTER_IDENTITY_TEND_EVERY_MS',
    doc: 'How often positions of integrations are noted, and what NATS has lost is made again',
    unit: 'milliseconds',
    min: 50,
    max: 600_000,
    default: 10_000,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
