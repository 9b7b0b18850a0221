import { choice, int, LOG_LEVELS, readConfig, url, type ConfigOf } from '@muster/observability';

export const configSchema = {
  databaseUrl: url({
    env: 'MUSTER_DATABASE_URL',
    doc: 'PostgreSQL; the schema `telemetry` must have been migrated',
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
    env: 'MUSTER_TELEMETRY_POOL_SIZE',
    doc: 'Connections to PostgreSQL; two keep it busy with storing, the others are for reading',
    unit: 'connections',
    min: 2,
    max: 100,
    default: 4,
  }),
  retentionDays: int({
    env: 'MUSTER_TELEMETRY_RETENTION_DAYS',
    doc: 'Samples older than this are dropped, whole days at a time; those that came in older are kept this long from their arrival',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 90,
  }),
  redeliveryWindowSeconds: int({
    env: 'MUSTER_TELEMETRY_REDELIVERY_WINDOW_SECONDS',
    doc: 'How far back a redelivered or resent sample without a time of its own is looked for',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 300,
  }),
  streamMaxAgeHours: int({
    env: 'MUSTER_TELEMETRY_STREAM_MAX_AGE_HOURS',
    doc: 'How long published samples can be read again',
    unit: 'hours',
    min: 1,
    default: 24,
  }),
  streamMaxBytes: int({
    env: 'MUSTER_TELEMETRY_STREAM_MAX_BYTES',
    doc: 'Size of the stream of published samples; the oldest give way',
    unit: 'bytes',
    min: 1_048_576,
    default: 1_073_741_824,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
