import { jobKeys, targetKeys } from '@muster/jobs';
import { int, readConfig, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'COMMANDS', schema: 'commands' }),
  ...jobKeys({ prefix: 'COMMANDS' }),
  ...targetKeys({ prefix: 'COMMANDS' }),
  payloadBytes: int({
    env: 'MUSTER_COMMANDS_PAYLOAD_BYTES',
    doc: 'Largest payload of a command, and largest result, as JSON',
    unit: 'bytes',
    min: 1_024,
    max: 262_144,
    default: 65_536,
  }),
  maxOutstanding: int({
    env: 'MUSTER_COMMANDS_OUTSTANDING',
    doc: 'Most commands of one type that wait for one device',
    unit: 'commands',
    min: 1,
    max: 10_000,
    default: 1_000,
  }),
  defaultTtlSeconds: int({
    env: 'MUSTER_COMMANDS_DEFAULT_TTL_SECONDS',
    doc: 'How long a command waits for the device when its creator does not say; at most the next',
    unit: 'seconds',
    min: 1,
    max: 31_536_000,
    default: 60,
  }),
  maxTtlSeconds: int({
    env: 'MUSTER_COMMANDS_MAX_TTL_SECONDS',
    doc: 'Longest time a creator may ask for',
    unit: 'seconds',
    min: 1,
    max: 31_536_000,
    default: 604_800,
  }),
  expireEveryMs: int({
    env: 'MUSTER_COMMANDS_EXPIRE_EVERY_MS',
    doc: 'How often commands that expired are looked for, which is how late others are told',
    unit: 'milliseconds',
    min: 50,
    max: 60_000,
    default: 1_000,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
