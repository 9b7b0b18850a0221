import {
  choice,
  int,
  LOG_LEVELS,
  readConfig,
  secretFile,
  string,
  url,
  type ConfigOf,
  type ConfigSchema,
} from '@muster/observability';
import { uplinkConfigSchema } from '@muster/uplink';

export const configSchema = {
  natsUrl: url({
    env: 'MUSTER_NATS_URL',
    doc: 'NATS server',
    protocols: ['nats', 'tls'],
  }),
  natsCredentials: secretFile({
    env: 'MUSTER_NATS_CREDENTIALS_FILE',
    doc: 'Credentials file (.creds) for a NATS server that asks for one',
    optional: true,
  }),
  amqpUrl: url({
    env: 'MUSTER_AMQP_URL',
    doc: "RabbitMQ, with the adapter's own user",
    protocols: ['amqp', 'amqps'],
  }),
  authPort: int({
    env: 'MUSTER_MQTT_AUTH_PORT',
    doc: "Where the broker's authorisation callbacks arrive (`auth_http.*_path`)",
    min: 0,
    max: 65_535,
  }),
  authHost: string({
    env: 'MUSTER_MQTT_AUTH_HOST',
    doc: 'Address that port is bound to; the callbacks know no password, so only the broker may reach it',
    default: '127.0.0.1',
  }),
  anonymous: choice({
    env: 'MUSTER_ANONYMOUS_MQTT',
    doc: 'MQTT clients without user name: `on` lets them in as far as the tokens in their topics go',
    values: ['on', 'off'],
    default: 'on',
  }),
  ...uplinkConfigSchema,
  prefetch: int({
    env: 'MUSTER_MQTT_ADAPTER_PREFETCH',
    doc: 'Messages taken from the broker and not yet finished; bounds memory while a service is away',
    unit: 'messages',
    min: 1,
    max: 20_000,
    default: 1_000,
  }),
  lanes: int({
    env: 'MUSTER_MQTT_ADAPTER_LANES',
    doc: 'Batches under way at the same time, per service; a device always uses the same lane',
    unit: 'batches',
    min: 1,
    max: 64,
    default: 2,
  }),
  batchWaitMs: int({
    env: 'MUSTER_MQTT_ADAPTER_BATCH_WAIT_MS',
    doc: 'How long the first message of a batch waits for others',
    unit: 'milliseconds',
    min: 0,
    max: 1_000,
    default: 10,
  }),
  pushesInFlight: int({
    env: 'MUSTER_MQTT_ADAPTER_PUSHES_IN_FLIGHT',
    doc: 'Pushes to devices that the broker has not confirmed yet',
    unit: 'messages',
    min: 1,
    max: 10_000,
    default: 200,
  }),
  opsPort: int({
    env: 'MUSTER_OPS_PORT',
    doc: 'Health and metrics of this app alone; not set: none',
    min: 0,
    max: 65_535,
    optional: true,
  }),
  logLevel: choice({
    env: 'MUSTER_LOG_LEVEL',
    doc: 'Least level that is logged',
    values: LOG_LEVELS,
    default: 'info',
  }),
} satisfies ConfigSchema;

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
