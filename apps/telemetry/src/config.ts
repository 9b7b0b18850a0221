import { int, readConfig, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'TELEMETRY', schema: 'telemetry', streamMaxAgeHours: 24 }),
  retentionDays: int({
    env: 'MUSTER_TELEMETRY_RETENTION_DAYS',
    doc: 'Samples older than this are dropped, whole days at a time; those that came in older are kept this long from their arrival',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 90,
  }),
  maxKeysPerDevice: int({
    env: 'MUSTER_TELEMETRY_MAX_KEYS_PER_DEVICE',
    doc: 'Keys whose latest values are kept for a device. One more is refused, and the rest of its sample stored',
    unit: 'keys',
    min: 1,
    max: 100_000,
    default: 1_000,
  }),
  redeliveryWindowSeconds: int({
    env: 'MUSTER_TELEMETRY_REDELIVERY_WINDOW_SECONDS',
    doc: 'How far back a redelivered or resent sample without a time of its own is looked for',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 300,
  }),
  maxBucketPoints: int({
    env: 'MUSTER_TELEMETRY_BUCKET_POINTS',
    doc: 'Most points that a query in buckets may have: buckets × keys × aggregates',
    unit: 'points',
    min: 1,
    max: 1_000_000,
    default: 10_000,
  }),
  maxBucketSamples: int({
    env: 'MUSTER_TELEMETRY_BUCKET_SAMPLES',
    doc: 'Most samples that are read for a page of such a query',
    unit: 'samples',
    min: 1,
    max: 100_000_000,
    default: 1_000_000,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
