import { JetStreamApiCodes, JetStreamApiError, type ConsumerInfo } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { partsOf, type Bus } from './bus.js';

/** What a stream is like at the moment, for who looks whether all is well. */
export interface StreamExamination {
  readonly messages: number;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly maxAgeHours: number;
  /** ISO 8601; of the oldest message that it keeps. */
  readonly oldest: string | undefined;
  /** How many servers are to keep it. */
  readonly replicas: number;
  /** Of a cluster: whether one server leads it, so that it can be written. */
  readonly hasLeader: boolean;
  /** Of a cluster: servers that keep it and are away, or have not caught up. */
  readonly behind: readonly string[];
  /** Durable consumers that have messages before them and have taken none for so long. */
  readonly standing: readonly {
    readonly consumer: string;
    readonly messages: number;
    readonly seconds: number;
  }[];
}

/** Undefined: there is no such stream. Throws what the server says otherwise. */
export const examineStream = async (
  bus: Bus,
  name: string,
  standingSeconds: number,
): Promise<StreamExamination | undefined> => {
  const { link, streams } = partsOf(bus);
  const api = await streams.api();
  const info = await link.during(api.streams.info(name)).catch((error: unknown) => {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  });
  if (info === undefined) return undefined;
  const { config, state, cluster } = info;
  const standing: StreamExamination['standing'][number][] = [];
  for await (const consumer of api.consumers.list(name)) {
    const seconds = standsSince(consumer);
    const messages = consumer.num_pending + consumer.num_ack_pending;
    if (consumer.config.durable_name !== undefined && messages > 0 && seconds >= standingSeconds)
      standing.push({ consumer: consumer.name, messages, seconds: Math.round(seconds) });
  }
  return {
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    maxAgeHours: config.max_age / nanos(3_600_000),
    oldest: state.messages === 0 ? undefined : state.first_ts,
    replicas: config.num_replicas,
    hasLeader: cluster === undefined || (cluster.leader ?? '') !== '',
    behind: (cluster?.replicas ?? []).filter((one) => !one.current || one.offline).map((one) => one.name),
    standing,
  };
};

/** Seconds since it took a message; one that never did stands since it was made. */
const standsSince = ({ delivered, created }: ConsumerInfo): number => {
  // The types call it a number of nanoseconds; the server sends RFC 3339, and nothing where there was none.
  const active: unknown = delivered.last_active;
  return (Date.now() - Date.parse(typeof active === 'string' ? active : created)) / 1_000;
};
