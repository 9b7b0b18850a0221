import {
  choice,
  ConfigError,
  int,
  networks,
  readConfig,
  string,
  urls,
  type ConfigOf,
  type ConfigSchema,
} from '@muster/observability';
import { uplinkConfigSchema } from '@muster/uplink';
import { presenceKeys } from './presence/door-presence.js';

const {
  natsUrl,
  natsCredentials,
  maxPayloadBytes,
  deviceMessagesPerSecond,
  deviceMessageBurst,
  tenantMessagesPerSecond,
  tenantMessageBurst,
  logLevel,
  opsPort,
  opsHost,
  stopSeconds,
} = uplinkConfigSchema;

const DAY_SECONDS = 86_400;

export const configSchema = {
  host: string({
    env: 'MUSTER_MQTT_HOST',
    doc: 'Address that the plain MQTT port is bound to. What is said there can be read on the way, tokens too: `0.0.0.0` only in a network that is trusted, or behind what does TLS',
    default: '127.0.0.1',
  }),
  port: int({
    env: 'MUSTER_MQTT_PORT',
    doc: 'Where devices reach it by plain MQTT; 0 takes a free one',
    min: 0,
    max: 65_535,
    default: 1_883,
  }),
  brokerUrl: urls({
    env: 'MUSTER_BROKER_MQTT_URL',
    doc: "RabbitMQ's MQTT port, which only the front may reach, with the front's own user; of a cluster, several nodes: clients are spread over those that are there",
    protocols: ['mqtt'],
  }),
  anonymous: choice({
    env: 'MUSTER_ANONYMOUS_MQTT',
    doc: 'MQTT clients without user name: `on` lets them in as far as the tokens in their topics go',
    values: ['on', 'off'],
    default: 'on',
  }),
  stampDuplicates: choice({
    env: 'MUSTER_MQTT_STAMP_DUPLICATES',
    doc: 'Whether mqtt-adapter is told that a client sends a sample again, where RabbitMQ 4 keeps that to itself: `on` once every mqtt-adapter is of this version or a later one; an older one refuses such a sample',
    values: ['on', 'off'],
    default: 'off',
  }),
  natsUrl,
  natsCredentials,
  maxPayloadBytes,
  deviceMessagesPerSecond,
  deviceMessageBurst,
  tenantMessagesPerSecond,
  tenantMessageBurst,
  connections: int({
    env: 'MUSTER_MQTT_CONNECTIONS',
    doc: 'Connections open at once. For one more, the oldest goes that has not yet shown who it is',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 20_000,
  }),
  strangers: int({
    env: 'MUSTER_MQTT_STRANGERS',
    doc: 'How many of them may be of clients that have not shown who they are, by a credential or a topic',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 5_000,
  }),
  connectionsPerAddress: int({
    env: 'MUSTER_MQTT_CONNECTIONS_PER_ADDRESS',
    doc: 'Connections of one address (of IPv6 its /64)',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 2_000,
  }),
  connectsPerSecond: int({
    env: 'MUSTER_MQTT_CONNECTS_PER_SECOND_PER_ADDRESS',
    doc: 'New connections of one address; more are closed at once',
    unit: 'connections per second',
    min: 1,
    max: 1_000_000,
    default: 100,
  }),
  connectBurst: int({
    env: 'MUSTER_MQTT_CONNECT_BURST_PER_ADDRESS',
    doc: 'And how many at once after a silence',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 1_000,
  }),
  trustedProxies: networks({
    env: 'MUSTER_MQTT_TRUSTED_PROXIES',
    doc: 'Addresses and networks, with commas between, whose connections are those of many clients and are bounded in all only',
    default: '127.0.0.1,::1',
  }),
  connectTimeoutMs: int({
    env: 'MUSTER_MQTT_CONNECT_TIMEOUT_MS',
    doc: 'CONNECT must be here whole within that',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 10_000,
  }),
  packetTimeoutMs: int({
    env: 'MUSTER_MQTT_PACKET_TIMEOUT_MS',
    doc: 'Every other packet must be here whole so long after its beginning',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 30_000,
  }),
  maxConnectBytes: int({
    env: 'MUSTER_MQTT_MAX_CONNECT_BYTES',
    doc: 'A larger CONNECT ends the connection before it is kept',
    unit: 'bytes',
    min: 1_024,
    max: 1_048_576,
    default: 16_384,
  }),
  maxPacketBytes: int({
    env: 'MUSTER_MQTT_MAX_PACKET_BYTES',
    doc: 'The same for every other packet. What is smaller and holds more than `MUSTER_MAX_PAYLOAD_BYTES` is answered with 413',
    unit: 'bytes',
    min: 2_048,
    max: 4_000_000,
    default: 4_000_000,
  }),
  bufferBytes: int({
    env: 'MUSTER_MQTT_BUFFER_BYTES',
    doc: 'Memory for all packets that have begun and are not whole, above 16 KB each; beyond it they are read later. A device, and all strangers together, have a quarter of it at most',
    unit: 'bytes',
    min: 4_000_000,
    max: 8_000_000_000,
    default: 67_108_864,
  }),
  connectionsPerDevice: int({
    env: 'MUSTER_MQTT_CONNECTIONS_PER_DEVICE',
    doc: 'Connections of one device, to each replica. For one more, the oldest goes',
    unit: 'connections',
    min: 1,
    max: 100_000,
    default: 20,
  }),
  sessionsPerDevice: int({
    env: 'MUSTER_MQTT_SESSIONS_PER_DEVICE',
    doc: 'Sessions of one device that are kept while their clients are away, each counted by the replica at which its client was last. For one more, the one ends whose client was here longest ago',
    unit: 'sessions',
    min: 1,
    max: 100_000,
    default: 20,
  }),
  filtersPerClient: int({
    env: 'MUSTER_MQTT_FILTERS_PER_CLIENT',
    doc: 'Filters that a client may be subscribed to at once, and a session that is kept',
    unit: 'filters',
    min: 1,
    max: 10_000,
    default: 100,
  }),
  tlsHost: string({
    env: 'MUSTER_MQTT_TLS_HOST',
    doc: 'Address that the TLS port is bound to',
    default: '127.0.0.1',
  }),
  tlsPort: int({
    env: 'MUSTER_MQTT_TLS_PORT',
    doc: 'Where devices reach it by MQTT over TLS; 0 takes a free one. It listens when there is a certificate',
    min: 0,
    max: 65_535,
    default: 8_883,
  }),
  tlsCertificateFile: string({
    env: 'MUSTER_MQTT_TLS_CERTIFICATE_FILE',
    doc: 'PEM: what the server shows, with those between it and its authority. Read again when it changes',
    optional: true,
  }),
  tlsKeyFile: string({
    env: 'MUSTER_MQTT_TLS_KEY_FILE',
    doc: 'PEM: its key',
    optional: true,
  }),
  tlsDirectory: string({
    env: 'MUSTER_MQTT_TLS_DIRECTORY',
    doc: 'Without those: a directory of one machine, in which a certificate for its addresses is made and kept, and `ca.pem` to know it by',
    optional: true,
  }),
  loginsAtOnce: int({
    env: 'MUSTER_MQTT_LOGINS_AT_ONCE',
    doc: 'Questions to device-registry about credentials under way at the same time',
    unit: 'questions',
    min: 1,
    max: 10_000,
    default: 50,
  }),
  loginTimeoutMs: int({
    env: 'MUSTER_MQTT_LOGIN_TIMEOUT_MS',
    doc: 'A client whose credential could not be looked at within that is told to come again',
    unit: 'milliseconds',
    min: 100,
    max: 600_000,
    default: 10_000,
  }),
  wrongLoginsAtOnce: int({
    env: 'MUSTER_MQTT_WRONG_LOGINS_AT_ONCE',
    doc: 'Wrong passwords and certificates that an address may show at once; beyond, only what was right from there before is looked at',
    unit: 'logins',
    min: 1,
    max: 1_000_000,
    default: 30,
  }),
  wrongLoginsPerMinute: int({
    env: 'MUSTER_MQTT_WRONG_LOGINS_PER_MINUTE',
    doc: 'And how many afterwards',
    unit: 'logins',
    min: 1,
    max: 1_000_000,
    default: 60,
  }),
  guessesAtOnce: int({
    env: 'MUSTER_MQTT_REFUSALS_AT_ONCE',
    doc: 'Refused topics of one address, after which who sends them is read slowly',
    unit: 'packets',
    min: 1,
    max: 1_000_000,
    default: 100,
  }),
  guessesPerMinute: int({
    env: 'MUSTER_MQTT_REFUSALS_PER_MINUTE',
    doc: 'And how slowly',
    unit: 'packets',
    min: 1,
    max: 1_000_000,
    default: 300,
  }),
  brokerConnects: int({
    env: 'MUSTER_MQTT_BROKER_CONNECTS',
    doc: 'Connections to the broker that are being opened at the same time',
    unit: 'connections',
    min: 1,
    max: 10_000,
    default: 50,
  }),
  drainSeconds: int({
    env: 'MUSTER_MQTT_DRAIN_SECONDS',
    doc: 'Over that time the connections are closed when it stops, at up to 500 a second; shorter than the time to stop in',
    unit: 'seconds',
    min: 0,
    max: DAY_SECONDS,
    default: 10,
  }),
  ...presenceKeys,
  ...{ logLevel, opsPort, opsHost, stopSeconds },
} satisfies ConfigSchema;

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  checked(readConfig(configSchema, env));

const checked = (config: Config): Config => {
  const { tlsCertificateFile, tlsKeyFile } = config;
  if ((tlsCertificateFile === undefined) === (tlsKeyFile === undefined)) return config;
  const missing = tlsKeyFile === undefined ? configSchema.tlsKeyFile : configSchema.tlsCertificateFile;
  throw new ConfigError([{ env: missing.env, rule: 'must be set: a certificate and its key go together' }]);
};
