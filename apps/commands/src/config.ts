import { choice, int, LOG_LEVELS, readConfig, url, type ConfigOf } from '@muster/observability';

export const configSchema = {
  databaseUrl: url({
    env: 'MUSTER_DATABASE_URL',
    doc: 'PostgreSQL; the schema `commands` must have been migrated',
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
    env: 'MUSTER_COMMANDS_POOL_SIZE',
    doc: 'Connections to PostgreSQL, besides the one of the relay; a round of expiry holds two',
    unit: 'connections',
    min: 2,
    max: 100,
    default: 8,
  }),
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
  eventsMaxAgeHours: int({
    env: 'MUSTER_COMMANDS_EVENTS_MAX_AGE_HOURS',
    doc: 'How long published events can be read again',
    unit: 'hours',
    min: 1,
    default: 168,
  }),
  eventsMaxBytes: int({
    env: 'MUSTER_COMMANDS_EVENTS_MAX_BYTES',
    doc: 'Size of the stream of published events; the oldest give way',
    unit: 'bytes',
    min: 1_048_576,
    default: 536_870_912,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
