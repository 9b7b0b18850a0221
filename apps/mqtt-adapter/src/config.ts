import { int, readConfig, urls, type ConfigOf, type ConfigSchema } from '@muster/observability';
import { consumerKeys } from '@muster/messaging';
import { uplinkKeysBehindDoor } from '@muster/uplink';

export const configSchema = {
  amqpUrl: urls({
    env: 'MUSTER_AMQP_URL',
    doc: "RabbitMQ, with the adapter's own user; of a cluster, several nodes: the next one when one is away",
    protocols: ['amqp', 'amqps'],
  }),
  ...uplinkKeysBehindDoor,
  prefetch: int({
    env: 'MUSTER_MQTT_ADAPTER_PREFETCH',
    doc: 'Messages taken from the queue of each destination and not yet finished; bounds memory while a service is away',
    unit: 'messages',
    min: 1,
    max: 20_000,
    default: 1_000,
  }),
  pushesInFlight: int({
    env: 'MUSTER_MQTT_ADAPTER_PUSHES_IN_FLIGHT',
    doc: 'Pushes to devices that the broker has not confirmed yet',
    unit: 'messages',
    min: 1,
    max: 10_000,
    default: 200,
  }),
  pushesPerSecond: int({
    env: 'MUSTER_MQTT_ADAPTER_PUSHES_PER_SECOND',
    doc: 'Pushes to devices by this replica; a change of a whole fleet waits, and leaves the broker to telemetry',
    unit: 'messages per second',
    min: 1,
    max: 1_000_000,
    default: 2_000,
  }),
  answerSeconds: int({
    env: 'MUSTER_MQTT_ADAPTER_ANSWER_SECONDS',
    doc: 'How long an answer is kept that nobody was subscribed to; it goes to the first subscription that fits it. 0: not at all',
    unit: 'seconds',
    min: 0,
    max: 3_600,
    default: 5,
  }),
  answersPerToken: int({
    env: 'MUSTER_MQTT_ADAPTER_ANSWERS_PER_TOKEN',
    doc: 'How many are kept for one endpoint token; for one more, the oldest gives way',
    unit: 'answers',
    min: 1,
    max: 100_000,
    default: 100,
  }),
  answerBytesPerToken: int({
    env: 'MUSTER_MQTT_ADAPTER_ANSWER_BYTES_PER_TOKEN',
    doc: 'And how much they hold',
    unit: 'bytes',
    min: 1_024,
    max: 100_000_000,
    default: 262_144,
  }),
  answerBytes: int({
    env: 'MUSTER_MQTT_ADAPTER_ANSWER_BYTES',
    doc: 'The same for those of all tokens together, in this replica',
    unit: 'bytes',
    min: 1_024,
    max: 8_000_000_000,
    default: 67_108_864,
  }),
  ...consumerKeys,
} satisfies ConfigSchema;

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);
