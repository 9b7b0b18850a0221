import { choice, int, LOG_LEVELS, readConfig, url, type ConfigOf } from '@muster/observability';

export const configSchema = {
  databaseUrl: url({
    env: 'MUSTER_DATABASE_URL',
    doc: 'PostgreSQL; the schema `device_registry` must have been migrated',
    protocols: ['postgres', 'postgresql'],
  }),
  natsUrl: url({ env: 'MUSTER_NATS_URL', doc: 'The bus', protocols: ['nats', 'tls'] }),
  logLevel: choice({
    env: 'MUSTER_LOG_LEVEL',
    doc: 'Least important lines that are logged',
    values: LOG_LEVELS,
    default: 'info',
  }),
  opsPort: int({
    env: 'MUSTER_OPS_PORT',
    doc: 'Port of `/health/live`, `/health/ready` and `/metrics`; not set: none of its own',
    min: 0,
    max: 65_535,
    optional: true,
  }),
  poolSize: int({
    env: 'MUSTER_DEVICE_REGISTRY_POOL_SIZE',
    doc: 'Connections to PostgreSQL, besides the one of the relay',
    unit: 'connections',
    min: 1,
    max: 100,
    default: 8,
  }),
  eventsMaxAgeHours: int({
    env: 'MUSTER_DEVICE_REGISTRY_EVENTS_MAX_AGE_HOURS',
    doc: 'How long published events can be read again',
    unit: 'hours',
    min: 1,
    default: 168,
  }),
  eventsMaxBytes: int({
    env: 'MUSTER_DEVICE_REGISTRY_EVENTS_MAX_BYTES',
    doc: 'Size of the stream of published events; the oldest give way',
    unit: 'bytes',
    min: 1_048_576,
    default: 268_435_456,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
