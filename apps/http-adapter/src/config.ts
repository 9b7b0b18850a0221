import { filesConfigSchema } from '@muster/files';
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
  port: int({
    env: 'MUSTER_HTTP_DEVICES_PORT',
    doc: 'Where devices reach the device API over HTTP; 0 takes a free one',
    min: 0,
    max: 65_535,
    default: 3_001,
  }),
  host: string({
    env: 'MUSTER_HTTP_DEVICES_HOST',
    doc: 'Address that port is bound to. It speaks plain HTTP and secrets come by it: let a proxy with TLS be in front of it',
    default: '127.0.0.1',
  }),
  ...uplinkConfigSchema,
  requestsInFlight: int({
    env: 'MUSTER_HTTP_ADAPTER_REQUESTS_IN_FLIGHT',
    doc: 'Requests of devices under way at the same time; more are answered with 503',
    unit: 'requests',
    min: 1,
    max: 100_000,
    default: 5_000,
  }),
  bodyTimeoutMs: int({
    env: 'MUSTER_HTTP_ADAPTER_BODY_TIMEOUT_MS',
    doc: 'A message must be here whole within that, and in an upload no pause may be longer',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 10_000,
  }),
  downloadStallMs: int({
    env: 'MUSTER_HTTP_ADAPTER_DOWNLOAD_STALL_MS',
    doc: 'A download of which nothing is taken for so long is cut off; the device goes on with a range',
    unit: 'milliseconds',
    min: 100,
    max: 3_600_000,
    default: 120_000,
  }),
  answerTimeoutMs: int({
    env: 'MUSTER_HTTP_ADAPTER_ANSWER_TIMEOUT_MS',
    doc: 'A message whose service has not answered within that is answered with 504',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 10_000,
  }),
  lanes: int({
    env: 'MUSTER_HTTP_ADAPTER_LANES',
    doc: 'Batches under way at the same time, per service; a device always uses the same lane',
    unit: 'batches',
    min: 1,
    max: 64,
    default: 2,
  }),
  batchWaitMs: int({
    env: 'MUSTER_HTTP_ADAPTER_BATCH_WAIT_MS',
    doc: 'How long the first message of a batch waits for others',
    unit: 'milliseconds',
    min: 0,
    max: 1_000,
    default: 10,
  }),
  ...filesConfigSchema,
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
