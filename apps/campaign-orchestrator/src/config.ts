import { int, readConfig, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

/** So many fit in an answer. */
export const MOST_POINTS = 1_000;

export const configSchema = {
  ...serviceKeys({ prefix: 'CAMPAIGNS', schema: 'campaign_orchestrator' }),
  jobRetentionDays: int({
    env: 'MUSTER_CAMPAIGNS_JOB_RETENTION_DAYS',
    doc: 'How long a job that has ended is listed, with its errors; best as long as the services keep theirs',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 30,
  }),
  parkedKeepDays: int({
    env: 'MUSTER_CAMPAIGNS_PARKED_KEEP_DAYS',
    doc: 'How long parked messages are kept that were replayed or dropped; open ones are kept until somebody decides',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 30,
  }),
  jobConcurrency: int({
    env: 'MUSTER_CAMPAIGNS_JOB_CONCURRENCY',
    doc: 'Steps of campaigns at once in one process; each needs a connection',
    unit: 'steps',
    min: 1,
    max: 50,
    default: 3,
  }),
  ratePerMinute: int({
    env: 'MUSTER_CAMPAIGNS_RATE_PER_MINUTE',
    doc: 'Pace of a campaign that says nothing of it',
    unit: 'devices per minute',
    min: 1,
    max: 1_000_000,
    default: 1_000,
  }),
  maxRatePerMinute: int({
    env: 'MUSTER_CAMPAIGNS_MAX_RATE_PER_MINUTE',
    doc: 'Highest pace that a campaign may ask for',
    unit: 'devices per minute',
    min: 1,
    max: 1_000_000,
    default: 100_000,
  }),
  tenantRatePerMinute: int({
    env: 'MUSTER_CAMPAIGNS_TENANT_RATE_PER_MINUTE',
    doc: 'Pace of all campaigns of a tenant together',
    unit: 'devices per minute',
    min: 1,
    max: 1_000_000,
    default: 100_000,
  }),
  sweepSeconds: int({
    env: 'MUSTER_CAMPAIGNS_SWEEP_SECONDS',
    doc: 'How often every device that a campaign waits for is looked at, whether something was heard of it or not',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 900,
  }),
  deadlineSeconds: int({
    env: 'MUSTER_CAMPAIGNS_DEADLINE_SECONDS',
    doc: 'How long a device may take from the dispatch on, in a campaign that says nothing of it',
    unit: 'seconds',
    min: 1,
    max: 31_536_000,
    default: 86_400,
  }),
  endAfterDays: int({
    env: 'MUSTER_CAMPAIGNS_END_AFTER_DAYS',
    doc: 'How long after its launch a campaign ends that says nothing of it',
    unit: 'days',
    min: 1,
    max: 3_650,
    default: 30,
  }),
  targetDevices: int({
    env: 'MUSTER_CAMPAIGNS_TARGET_DEVICES',
    doc: 'Devices that a campaign, or one of its batches, may name; a filter has no limit',
    unit: 'devices',
    min: 1,
    max: 20_000,
    default: 20_000,
  }),
  points: int({
    env: 'MUSTER_CAMPAIGNS_POINTS',
    doc: 'Points of the curve over time of a campaign; with more, every second one is given up: old ones lie farther apart',
    unit: 'points',
    min: 10,
    max: MOST_POINTS,
    default: 500,
  }),
  deviceRetentionDays: int({
    env: 'MUSTER_CAMPAIGNS_DEVICE_RETENTION_DAYS',
    doc: 'How long devices of ended campaigns and of closed supervisions are kept, and the points; numbers and events stay',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 90,
  }),
  valuesBytes: int({
    env: 'MUSTER_CAMPAIGNS_VALUES_BYTES',
    doc: 'Largest set of values of a campaign, as JSON; best as large as the documents of devices may be',
    unit: 'bytes',
    min: 1_024,
    max: 131_072,
    default: 32_768,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Without the rest of the configuration, for what runs beside the service. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
