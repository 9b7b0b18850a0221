import { int, readConfig, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

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
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
