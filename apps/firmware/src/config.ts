import { filesConfigSchema } from '@muster/files';
import { choice, int, LOG_LEVELS, readConfig, url, type ConfigOf } from '@muster/observability';

export const configSchema = {
  databaseUrl: url({
    env: 'MUSTER_DATABASE_URL',
    doc: 'PostgreSQL; the schema `firmware` must have been migrated',
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
  ...filesConfigSchema,
  poolSize: int({
    env: 'MUSTER_FIRMWARE_POOL_SIZE',
    doc: 'Connections to PostgreSQL, besides the one of the relay',
    unit: 'connections',
    min: 2,
    max: 100,
    default: 8,
  }),
  baseUrl: url({
    env: 'MUSTER_FIRMWARE_BASE_URL',
    doc: 'Where devices reach the http-adapter; in front of every download URL',
    protocols: ['http', 'https'],
    default: 'http://127.0.0.1:3001',
  }),
  uploadTokenSeconds: int({
    env: 'MUSTER_FIRMWARE_UPLOAD_TOKEN_SECONDS',
    doc: 'How long a device may upload with one token',
    unit: 'seconds',
    min: 10,
    max: 604_800,
    default: 3_600,
  }),
  uploadMaxBytes: int({
    env: 'MUSTER_FIRMWARE_UPLOAD_MAX_BYTES',
    doc: 'Largest file a device may upload',
    unit: 'bytes',
    min: 1,
    default: 104_857_600,
  }),
  uploadsKeepDays: int({
    env: 'MUSTER_FIRMWARE_UPLOADS_KEEP_DAYS',
    doc: 'Older uploads are removed with their files',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 30,
  }),
  uploadsKeepCount: int({
    env: 'MUSTER_FIRMWARE_UPLOADS_KEEP_COUNT',
    doc: 'Uploads kept of one device; the oldest give way',
    unit: 'files',
    min: 1,
    max: 100_000,
    default: 100,
  }),
  sweepSeconds: int({
    env: 'MUSTER_FIRMWARE_SWEEP_SECONDS',
    doc: 'How often old uploads, expired tokens and files of what was deleted are removed',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 15,
  }),
  eventsMaxAgeHours: int({
    env: 'MUSTER_FIRMWARE_EVENTS_MAX_AGE_HOURS',
    doc: 'How long published events can be read again',
    unit: 'hours',
    min: 1,
    default: 168,
  }),
  eventsMaxBytes: int({
    env: 'MUSTER_FIRMWARE_EVENTS_MAX_BYTES',
    doc: 'Size of the stream of published events; the oldest give way',
    unit: 'bytes',
    min: 1_048_576,
    default: 134_217_728,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
