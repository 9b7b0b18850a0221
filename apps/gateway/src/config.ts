import { filesConfigSchema } from '@muster/files';
import {
  ConfigError,
  int,
  networks,
  processKeys,
  readConfig,
  secretFile,
  string,
  url,
  urls,
  type ConfigOf,
} from '@muster/observability';

export const configSchema = {
  host: string({
    env: 'MUSTER_GATEWAY_HOST',
    default: '127.0.0.1',
    doc: 'Address to listen on; `0.0.0.0` in a container.',
    unit: 'address',
  }),
  port: int({
    env: 'MUSTER_GATEWAY_PORT',
    default: 3000,
    min: 0,
    max: 65535,
    doc: 'Port of the REST API; 0 takes a free one.',
    unit: 'port',
  }),
  ...processKeys,
  opsPort: int({
    env: 'MUSTER_OPS_PORT',
    optional: true,
    min: 0,
    max: 65535,
    doc: 'Port of /health and /metrics. Not set: they are on the port of the API. Open before anything is waited for.',
    unit: 'port',
  }),
  companions: string({
    env: 'MUSTER_GATEWAY_COMPANIONS',
    optional: true,
    doc: 'Other processes that /health and /metrics speak for, too: `<name>=<address of its operations port>`, with commas between.',
  }),
  natsUrl: urls({
    env: 'MUSTER_NATS_URL',
    default: 'nats://127.0.0.1:4222',
    protocols: ['nats', 'tls'],
    doc: 'The bus; of a cluster, several servers.',
  }),
  natsCredentials: secretFile({
    env: 'MUSTER_NATS_CREDENTIALS_FILE',
    doc: 'Credentials file (.creds) for a NATS server that asks for one.',
    optional: true,
  }),
  adminApiKey: secretFile({
    env: 'MUSTER_ADMIN_API_KEY_FILE',
    doc: 'File with the API key of the local admin.',
  }),
  requestTimeoutMs: int({
    env: 'MUSTER_GATEWAY_REQUEST_TIMEOUT_MS',
    default: 5_000,
    min: 100,
    max: 60_000,
    doc: 'How long a service may take to answer.',
    unit: 'ms',
  }),
  requestsPerMinute: int({
    env: 'MUSTER_GATEWAY_REQUESTS_PER_MINUTE',
    default: 600_000,
    min: 1,
    doc: 'Requests taken from one API key, by each replica; more are answered 429.',
    unit: 'requests',
  }),
  connections: int({
    env: 'MUSTER_GATEWAY_CONNECTIONS',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: 'Connections open at once. For one more, the oldest goes that has not yet shown an API key.',
    unit: 'connections',
  }),
  connectionsPerAddress: int({
    env: 'MUSTER_GATEWAY_CONNECTIONS_PER_ADDRESS',
    default: 2_000,
    min: 1,
    max: 1_000_000,
    doc: 'The same of one address (of IPv6 its /64).',
    unit: 'connections',
  }),
  trustedProxies: networks({
    env: 'MUSTER_GATEWAY_TRUSTED_PROXIES',
    optional: true,
    doc: 'Addresses and networks of proxies in front of it, with commas between: their connections are bounded in all only, and their X-Forwarded-For, -Host and -Proto are believed.',
  }),
  publicUrl: url({
    env: 'MUSTER_PUBLIC_URL',
    optional: true,
    protocols: ['http', 'https'],
    doc: 'Where others reach it. Its pages may change things with a session; with `https`, cookies for it are sent by TLS only.',
  }),
  guessesAtOnce: int({
    env: 'MUSTER_GATEWAY_GUESSES_AT_ONCE',
    default: 30,
    min: 1,
    max: 1_000_000,
    doc: 'Wrong keys and sessions that an address may show at once; beyond, it is answered 429 whatever it shows, but for what was right from there before.',
    unit: 'requests',
  }),
  guessesPerMinute: int({
    env: 'MUSTER_GATEWAY_GUESSES_PER_MINUTE',
    default: 60,
    min: 1,
    max: 1_000_000,
    doc: 'And how many afterwards.',
    unit: 'requests',
  }),
  bodyTimeoutMs: int({
    env: 'MUSTER_GATEWAY_BODY_TIMEOUT_MS',
    default: 30_000,
    min: 100,
    max: 600_000,
    doc: 'A body of JSON must be here whole within that. A firmware may take long, if it keeps coming.',
    unit: 'ms',
  }),
  maxStreams: int({
    env: 'MUSTER_GATEWAY_STREAMS',
    default: 200,
    min: 0,
    doc: 'Streams of updates (`GET /stream`) that each replica keeps open at once; more are answered 503.',
    unit: 'streams',
  }),
  streamSources: int({
    env: 'MUSTER_GATEWAY_STREAM_SOURCES',
    default: 2_000,
    min: 0,
    doc: 'What all these streams may follow at once, each of which is a consumer of NATS: 4 for a device, 1 for a campaign, a supervision and the fleet, 5 for all jobs. More are answered 503.',
    unit: 'consumers',
  }),
  streamKeepAliveMs: int({
    env: 'MUSTER_GATEWAY_STREAM_KEEP_ALIVE_MS',
    default: 15_000,
    min: 100,
    max: 3_600_000,
    doc: 'How often a stream of updates says that it is alive: proxies and readers take one that says nothing for dead.',
    unit: 'ms',
  }),
  console: string({
    env: 'MUSTER_GATEWAY_CONSOLE',
    optional: true,
    doc: 'Folder of the built console, served at `/`. Not set: none is.',
    unit: 'path of a folder',
  }),
  ...filesConfigSchema,
  importMaxBytes: int({
    env: 'MUSTER_GATEWAY_IMPORT_MAX_BYTES',
    default: 104_857_600,
    min: 1,
    doc: 'Largest file of devices that can be imported.',
    unit: 'bytes',
  }),
  firmwareMaxBytes: int({
    env: 'MUSTER_FIRMWARE_MAX_BYTES',
    default: 536_870_912,
    min: 1,
    doc: 'Largest firmware that can be uploaded.',
    unit: 'bytes',
  }),
};

export type GatewayConfig = ConfigOf<typeof configSchema>;

export const gatewayConfig = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): GatewayConfig => readConfig(configSchema, env);

/** `configuration=http://127.0.0.1:17901`, one after another. */
export const companionsOf = ({
  companions,
}: Pick<GatewayConfig, 'companions'>): { name: string; url: string }[] =>
  (companions ?? '')
    .split(',')
    .filter((one) => one !== '')
    .map((one) => {
      const [, name = '', url = ''] = /^([a-z][a-z0-9-]*)=(http:\/\/[^/\s]+)$/.exec(one) ?? [];
      if (URL.canParse(url)) return { name, url };
      throw new ConfigError([
        {
          env: 'MUSTER_GATEWAY_COMPANIONS',
          rule: 'must be <name>=http://<host>:<port>, with commas between',
        },
      ]);
    });
