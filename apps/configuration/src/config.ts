import { choice, int, LOG_LEVELS, readConfig, url, type ConfigOf } from '@muster/observability';

export const configSchema = {
  databaseUrl: url({
    env: 'MUSTER_DATABASE_URL',
    doc: 'PostgreSQL; the schema `configuration` must have been migrated',
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
    env: 'MUSTER_CONFIGURATION_POOL_SIZE',
    doc: 'Connections to PostgreSQL, besides the one of the relay',
    unit: 'connections',
    min: 1,
    max: 100,
    default: 8,
  }),
  documentBytes: int({
    env: 'MUSTER_CONFIGURATION_DOCUMENT_BYTES',
    doc: 'Largest document, as canonical JSON; Azure IoT Hub takes no more than the default',
    unit: 'bytes',
    min: 1_024,
    max: 131_072,
    default: 32_768,
  }),
  valueBytes: int({
    env: 'MUSTER_CONFIGURATION_VALUE_BYTES',
    doc: 'Largest value of one key, likewise',
    unit: 'bytes',
    min: 16,
    max: 131_072,
    default: 8_192,
  }),
  maxKeys: int({
    env: 'MUSTER_CONFIGURATION_KEYS',
    doc: 'Most keys of a document',
    unit: 'keys',
    min: 1,
    max: 10_000,
    default: 500,
  }),
  unconfirmedAfterSeconds: int({
    env: 'MUSTER_CONFIGURATION_UNCONFIRMED_AFTER_SECONDS',
    doc: 'A device that was sent its document and stays silent longer is `unconfirmed`',
    unit: 'seconds',
    min: 1,
    default: 300,
  }),
  eventsMaxAgeHours: int({
    env: 'MUSTER_CONFIGURATION_EVENTS_MAX_AGE_HOURS',
    doc: 'How long published events can be read again',
    unit: 'hours',
    min: 1,
    default: 168,
  }),
  eventsMaxBytes: int({
    env: 'MUSTER_CONFIGURATION_EVENTS_MAX_BYTES',
    doc: 'Size of the stream of published events; the oldest give way',
    unit: 'bytes',
    min: 1_048_576,
    default: 536_870_912,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
