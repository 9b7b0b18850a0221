import { readConfig, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = serviceKeys({ prefix: 'CAMPAIGNS', schema: 'campaign_orchestrator' });

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
