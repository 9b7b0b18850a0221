import type { HubOptions } from './hub/hub.js';
import type { RouteSource } from './hub/hub-events.js';
import type { KeyPair } from './hub/identity.js';
import type { QuotaOptions } from './hub/quotas.js';
import { TWIN_LIMITS, type TwinLimits } from './hub/twin-limits.js';
import type { CertificateAndKey } from './security/certificates.js';

/** All may be left out. Times in milliseconds, sizes in bytes. */
export interface SimulatorOptions {
  /** Ports to listen at; each speaks REST, AMQP and MQTT over TLS. 0 is any free one. Default `[0]`. */
  readonly ports?: readonly number[];
  /** Address to listen at. Default 127.0.0.1. */
  readonly address?: string;
  /**
   * The hub's name in connection strings, tokens and its certificate. Default `localhost:<first port>`, by which the simulator
   * is reached as it is. `localhost` and 127.0.0.1 always mean the hub, too.
   */
  readonly hostName?: string;
  /** Signs the hub's certificate; what clients must trust. Default: made at the start. */
  readonly authority?: CertificateAndKey;
  /** Keys of policies, by their name. Default: made at the start. */
  readonly policyKeys?: Readonly<Record<string, KeyPair>>;
  /** What of the hub's own events goes to the built-in endpoint. Default: `['DeviceMessages']`, as in a new hub. */
  readonly routes?: readonly RouteSource[];
  /** Default: nothing is throttled. */
  readonly quotas?: QuotaOptions;
  /** Changes of one twin within so long are one event. Default 0: each is one. */
  readonly coalesceTwinEventsMs?: number;
  readonly twinLimits?: Partial<TwinLimits>;
  readonly c2d?: {
    /** Messages waiting for one device. Default 50. */
    readonly maxQueued?: number;
    /** Default 10. */
    readonly maxDeliveryCount?: number;
    /** For how long a delivered message waits for its acknowledgement. Default a minute. */
    readonly lockMs?: number;
    /** Of a message without expiry. Default an hour. */
    readonly defaultTtlMs?: number;
    /** Default two days. */
    readonly maxTtlMs?: number;
  };
  readonly feedback?: {
    /** Default 64. */
    readonly maxRecords?: number;
    /** Default 15 s. */
    readonly maxDelayMs?: number;
  };
  readonly eventHub?: {
    /** Default `iothub-ehub-simulator`. */
    readonly name?: string;
    /** Default 4. */
    readonly partitions?: number;
    /** Default a day. */
    readonly retentionMs?: number;
    /** Default 100,000: the simulator keeps all in memory. */
    readonly maxEventsPerPartition?: number;
    /** Besides `$Default`. */
    readonly consumerGroups?: readonly string[];
  };
  /** Told what the simulator refuses and ends. Default: nobody. */
  readonly log?: (line: string) => void;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What is not given is as in a hub of Azure that nobody has configured. */
export const hubOptions = (
  { quotas, routes = ['DeviceMessages'], coalesceTwinEventsMs = 0, ...rest }: SimulatorOptions,
  name: string,
): HubOptions => ({
  name,
  quotas,
  routes,
  coalesceTwinEventsMs,
  twinLimits: { ...TWIN_LIMITS, ...rest.twinLimits },
  c2d: {
    maxQueued: 50,
    maxDeliveryCount: 10,
    lockMs: MINUTE,
    defaultTtlMs: HOUR,
    maxTtlMs: 2 * DAY,
    ...rest.c2d,
  },
  feedback: { maxRecords: 64, maxDelayMs: 15 * SECOND, ...rest.feedback },
  endpoint: {
    name: 'iothub-ehub-simulator',
    partitions: 4,
    retentionMs: DAY,
    maxEventsPerPartition: 100_000,
    consumerGroups: [],
    ...rest.eventHub,
  },
});
