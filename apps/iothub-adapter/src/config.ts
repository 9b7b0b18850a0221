import { jobKeys } from '@muster/jobs';
import { int, readConfig, secretFile, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';
import { uplinkKeysBehindDoor } from '@muster/uplink';

export const configSchema = {
  ...uplinkKeysBehindDoor,
  ...serviceKeys({ prefix: 'IOTHUB_ADAPTER', schema: 'iothub_adapter' }),
  ...jobKeys({ prefix: 'IOTHUB_ADAPTER' }),
  sealingKey: secretFile({
    env: 'MUSTER_SEALING_KEY_FILE',
    doc: 'Key that the keys of IoT Hubs are sealed with: 32 random bytes as base64url. More lines: other keys, which open what they sealed. Not set: no IoT Hubs',
    optional: true,
  }),
  maxHubs: int({
    env: 'MUSTER_IOTHUB_ADAPTER_HUBS',
    doc: 'Most IoT Hubs of one tenant',
    unit: 'hubs',
    min: 1,
    max: 1_000,
    default: 20,
  }),
  syncEveryMs: int({
    env: 'MUSTER_IOTHUB_ADAPTER_SYNC_EVERY_MS',
    doc: 'How often it is looked for identities that are due in IoT Hubs, and for hubs that are new or changed',
    unit: 'milliseconds',
    min: 50,
    max: 600_000,
    default: 1_000,
  }),
  batchSize: int({
    env: 'MUSTER_IOTHUB_ADAPTER_BATCH_SIZE',
    doc: 'Events of a partition that are handled together; twice as many are fetched ahead',
    unit: 'events',
    min: 1,
    max: 5_000,
    default: 500,
  }),
  pushesInFlight: int({
    env: 'MUSTER_IOTHUB_ADAPTER_PUSHES_IN_FLIGHT',
    doc: 'What is being told to devices at the same time, by this replica',
    unit: 'pushes',
    min: 1,
    max: 10_000,
    default: 100,
  }),
  pushesPerSecond: int({
    env: 'MUSTER_IOTHUB_ADAPTER_PUSHES_PER_SECOND',
    doc: 'What is told to devices of all hubs by this replica; each hub has its own limits besides',
    unit: 'pushes per second',
    min: 1,
    max: 1_000_000,
    default: 2_000,
  }),
  claimSeconds: int({
    env: 'MUSTER_IOTHUB_ADAPTER_CLAIM_SECONDS',
    doc: 'A replica that is silent for so long loses the partitions that it reads to the others',
    unit: 'seconds',
    min: 3,
    max: 600,
    default: 30,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
