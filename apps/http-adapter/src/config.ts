import { filesConfigSchema } from '@muster/files';
import { int, networks, readConfig, string, type ConfigOf, type ConfigSchema } from '@muster/observability';
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
  connections: int({
    env: 'MUSTER_HTTP_ADAPTER_CONNECTIONS',
    doc: 'Connections open at once. For one more, the oldest goes that has not yet shown who it is',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 10_000,
  }),
  connectionsPerAddress: int({
    env: 'MUSTER_HTTP_ADAPTER_CONNECTIONS_PER_ADDRESS',
    doc: 'The same of one address (of IPv6 its /64)',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 2_000,
  }),
  trustedProxies: networks({
    env: 'MUSTER_HTTP_ADAPTER_TRUSTED_PROXIES',
    doc: 'Addresses and networks of proxies in front of it, with commas between: what they write last into X-Forwarded-For is the address of a device, and their connections are bounded in all only',
    optional: true,
  }),
  headerTimeoutMs: int({
    env: 'MUSTER_HTTP_ADAPTER_HEADER_TIMEOUT_MS',
    doc: 'The headers of a request must be here whole within that, and the first ones within that of the connection',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 10_000,
  }),
  guessesAtOnce: int({
    env: 'MUSTER_HTTP_ADAPTER_GUESSES_AT_ONCE',
    doc: 'Wrong tokens and secrets that an address may show at once; beyond, it is answered 429 whatever it shows, but for what was right from there before',
    unit: 'requests',
    min: 1,
    max: 1_000_000,
    default: 30,
  }),
  guessesPerMinute: int({
    env: 'MUSTER_HTTP_ADAPTER_GUESSES_PER_MINUTE',
    doc: 'And how many afterwards',
    unit: 'requests',
    min: 1,
    max: 1_000_000,
    default: 60,
  }),
  refusalDelayMs: int({
    env: 'MUSTER_HTTP_ADAPTER_REFUSAL_DELAY_MS',
    doc: 'A 401 comes so late, whatever was wrong: the time it takes says nothing, and neither does its text',
    unit: 'milliseconds',
    min: 0,
    max: 10_000,
    default: 250,
  }),
  requestsPerDevice: int({
    env: 'MUSTER_HTTP_ADAPTER_REQUESTS_PER_DEVICE',
    doc: 'Requests of one device under way at the same time; more are answered with 429',
    unit: 'requests',
    min: 1,
    max: 100_000,
    default: 128,
  }),
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
  uploadTimeoutMs: int({
    env: 'MUSTER_HTTP_ADAPTER_UPLOAD_TIMEOUT_MS',
    doc: 'An upload must be here whole within that',
    unit: 'milliseconds',
    min: 100,
    max: 86_400_000,
    default: 3_600_000,
  }),
  uploadsPerMinute: int({
    env: 'MUSTER_HTTP_ADAPTER_UPLOADS_PER_MINUTE',
    doc: 'Files that a device may upload, through each replica; more are answered with 429',
    unit: 'files',
    min: 1,
    max: 100_000,
    default: 60,
  }),
  uploadBytesPerHour: int({
    env: 'MUSTER_HTTP_ADAPTER_UPLOAD_BYTES_PER_HOUR',
    doc: 'Bytes that a device may upload, through each replica: after more than that it waits with 429 until they are paid off',
    unit: 'bytes',
    min: 1,
    default: 1_073_741_824,
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
