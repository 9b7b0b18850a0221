import { jobKeys, targetKeys } from '@muster/jobs';
import { int, readConfig, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'CONFIGURATION', schema: 'configuration' }),
  ...jobKeys({ prefix: 'CONFIGURATION' }),
  ...targetKeys({ prefix: 'CONFIGURATION' }),
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
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
