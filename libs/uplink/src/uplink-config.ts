import { int, processKeys, secretFile, urls } from '@muster/observability';
import type { RateLimitOptions } from './rate-limits.js';

const doorKeys = {
  natsUrl: urls({
    env: 'MUSTER_NATS_URL',
    doc: 'NATS server; of a cluster, several',
    protocols: ['nats', 'tls'],
  }),
  natsCredentials: secretFile({
    env: 'MUSTER_NATS_CREDENTIALS_FILE',
    doc: 'Credentials file (.creds) for a NATS server that asks for one',
    optional: true,
  }),
  maxPayloadBytes: int({
    env: 'MUSTER_MAX_PAYLOAD_BYTES',
    doc: 'Larger messages of devices are answered with 413',
    unit: 'bytes',
    min: 1_024,
    max: 524_288,
    default: 262_144,
  }),
};

const paceKeys = {
  deviceMessagesPerSecond: int({
    env: 'MUSTER_DEVICE_MESSAGES_PER_SECOND',
    doc: 'What a device sends beyond that is refused with 429 over HTTP, and read later over MQTT. Counted by each replica for itself',
    unit: 'messages per second',
    min: 1,
    max: 1_000_000,
    default: 100,
  }),
  deviceMessageBurst: int({
    env: 'MUSTER_DEVICE_MESSAGE_BURST',
    doc: 'What a device may send at once after a silence',
    unit: 'messages',
    min: 1,
    max: 10_000_000,
    default: 500,
  }),
  tenantMessagesPerSecond: int({
    env: 'MUSTER_TENANT_MESSAGES_PER_SECOND',
    doc: 'The same for all devices of a tenant together',
    unit: 'messages per second',
    min: 1,
    max: 10_000_000,
    default: 20_000,
  }),
  tenantMessageBurst: int({
    env: 'MUSTER_TENANT_MESSAGE_BURST',
    doc: 'What the devices of a tenant may send at once after a silence',
    unit: 'messages',
    min: 1,
    max: 100_000_000,
    default: 100_000,
  }),
};

const batchingKeys = {
  lastSeenSeconds: int({
    env: 'MUSTER_LAST_SEEN_SECONDS',
    doc: "A device's `lastSeenAt` is written at most once in that time; it may be so much too old",
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 60,
  }),
  lanes: int({
    env: 'MUSTER_UPLINK_LANES',
    doc: 'Batches under way at the same time, per service; a device always uses the same lane',
    unit: 'batches',
    min: 1,
    max: 64,
    default: 2,
  }),
  batchWaitMs: int({
    env: 'MUSTER_UPLINK_BATCH_WAIT_MS',
    doc: 'How long the first message of a batch waits for others',
    unit: 'milliseconds',
    min: 0,
    max: 1_000,
    default: 10,
  }),
  setAsideAfterSeconds: int({
    env: 'MUSTER_UPLINK_SET_ASIDE_AFTER_SECONDS',
    doc: 'A message that its service fails on by itself, for a reason that does not pass, is tried for so long and then set aside (parked)',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 60,
  }),
  setLateAsideAfterSeconds: int({
    env: 'MUSTER_UPLINK_SET_LATE_ASIDE_AFTER_SECONDS',
    doc: 'A message that its service does not answer for so long, while it answers others, is set aside (parked)',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 120,
  }),
  ...processKeys,
};

/** Part of the configuration of every adapter: a device finds the same limits at every door. */
export const uplinkConfigSchema = { ...doorKeys, ...paceKeys, ...batchingKeys };

/** The same for an adapter with a door of its own in front of it, which keeps the pace. */
export const uplinkKeysBehindDoor = { ...doorKeys, ...batchingKeys };

/** The four numbers as they are kept in mind elsewhere. */
export const rateLimitsOf = (config: {
  readonly deviceMessagesPerSecond: number;
  readonly deviceMessageBurst: number;
  readonly tenantMessagesPerSecond: number;
  readonly tenantMessageBurst: number;
}): RateLimitOptions => ({
  device: { perSecond: config.deviceMessagesPerSecond, burst: config.deviceMessageBurst },
  tenant: { perSecond: config.tenantMessagesPerSecond, burst: config.tenantMessageBurst },
});
