import { filesConfigSchema } from '@muster/files';
import { int, readConfig, string, type ConfigOf, type ConfigSchema } from '@muster/observability';
import { uplinkConfigSchema } from '@muster/uplink';

export const configSchema = {
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
  downloadCheckMs: int({
    env: 'MUSTER_HTTP_ADAPTER_DOWNLOAD_CHECK_MS',
    doc: 'While a download runs, its token is asked for again so often; one that opens nothing any more ends it',
    unit: 'milliseconds',
    min: 100,
    max: 3_600_000,
    default: 5_000,
  }),
  answerTimeoutMs: int({
    env: 'MUSTER_HTTP_ADAPTER_ANSWER_TIMEOUT_MS',
    doc: 'A message whose service has not answered within that is answered with 504',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 10_000,
  }),
  ...filesConfigSchema,
} satisfies ConfigSchema;

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
