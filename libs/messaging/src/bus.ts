import type { MsgHdrs } from '@nats-io/transport-node';
import { eventSchemaPath, type PublishedContract, type RequestContract } from '@muster/contracts';
import { continueTrace, createMetrics, currentTrace, type Logger, type Metrics } from '@muster/observability';
import type { Outgoing } from './acknowledgements.js';
import { HEADER, headersOf } from './headers.js';
import { Link } from './link.js';
import { publisher } from './publish.js';
import { requester, type RequestOptions } from './request.js';
import { Streams, type StreamDeclaration } from './streams.js';

export interface BusOptions {
  /** One URL, or several of one cluster with commas between. */
  readonly url: string;
  /** Content of a .creds file, where the server asks for one. */
  readonly credentials?: string | undefined;
  /** Where integrators reach the REST API, which serves the schemas: in every event as `ce-dataschema`. Absent: so is that. */
  readonly publicUrl?: string | undefined;
  /** Of this process, for the server's monitoring; usually the service. */
  readonly name: string;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Copies of each stream in a cluster. Default 1; existing streams keep theirs. */
  readonly streamReplicas?: number | undefined;
}

export interface PublishedEvent<Data extends object> {
  readonly tenantId: string;
  readonly entityId: string;
  /** Stable: the same event published again carries the same. */
  readonly id: string;
  /** ISO 8601. When it happened, not when it is published. */
  readonly time: string;
  readonly data: Data;
  readonly traceparent?: string;
}

export interface PublishedBatch {
  readonly id: string;
  /** CloudEvents `type`. */
  readonly type: string;
  /** CloudEvents `source`: `/telemetry`. */
  readonly source: string;
  readonly time: string;
  readonly data: object;
}

export interface Bus {
  /**
   * Asks a service. Throws `AppError` with the code that was answered; `unavailable` when nobody serves it or the
   * server went away (idempotent contracts are repeated until the deadline first), `deadline-exceeded`,
   * `payload-too-large`, and `internal` for an answer that breaks the contract.
   */
  request<Request extends object, Reply extends object>(
    contract: RequestContract<Request, Reply>,
    body: NoInfer<Request>,
    options?: RequestOptions,
  ): Promise<Reply>;
  /** Resolves when JetStream has stored the event; safe to repeat with the same id. `unavailable` after ten seconds. */
  publish<Data extends object>(
    contract: PublishedContract<Data>,
    event: PublishedEvent<NoInfer<Data>>,
  ): Promise<void>;
  /** The same promise, for a subject that is not an event of one entity. */
  publishBatch(subject: string, message: PublishedBatch): Promise<void>;
  /** Creates the stream or brings it to this declaration; made again should the server lose it. */
  ensureStream(declaration: StreamDeclaration): Promise<void>;
  isConnected(): boolean;
  /** Finishes what was received, flushes, closes. */
  close(): Promise<void>;
}

/** What the strategy needs of a bus and nobody else should touch. */
export interface BusParts {
  /** Of the process: the service. */
  readonly name: string;
  readonly link: Link;
  readonly metrics: Metrics;
  readonly request: Bus['request'];
  readonly streams: Streams;
  readonly put: (message: Outgoing) => Promise<void>;
}

const partsOfBuses = new WeakMap<Bus, BusParts>();

export const partsOf = (bus: Bus): BusParts => {
  const parts = partsOfBuses.get(bus);
  if (parts === undefined) throw new Error('this bus was not made by connectBus');
  return parts;
};

/** Resolves when the server is there, however long that takes; afterwards it reconnects for ever. */
export const connectBus = async ({
  url,
  credentials,
  publicUrl,
  name,
  logger,
  metrics = createMetrics(name),
  streamReplicas,
}: BusOptions): Promise<Bus> => {
  const link = await Link.open({ url, credentials }, name, logger);
  const streams = new Streams(link, logger, streamReplicas);
  const put = publisher({
    link,
    metrics,
    beforeRetry: () => streams.restore().catch(() => undefined),
  });
  const gauge = metrics.gauge('muster_bus_connected', '1 while connected to NATS');
  gauge.set(1);
  link.onReturn(() => gauge.set(1));
  link.onLoss(() => gauge.set(0));

  const schemas = new Map<string, string>();
  const schemaOf = (type: string): string | undefined => {
    if (publicUrl === undefined) return undefined;
    let schema = schemas.get(type);
    if (schema === undefined) schemas.set(type, (schema = new URL(eventSchemaPath(type), publicUrl).href));
    return schema;
  };

  const bus: Bus = {
    request: requester({ link, logger, metrics }),
    publish: ({ subject, type, service }, { tenantId, entityId, id, time, data, traceparent }) =>
      put({
        subject: subject(tenantId, entityId),
        payload: JSON.stringify(data),
        headers: eventHeaders(
          { id, type, source: `/${service}`, time },
          { schema: schemaOf(type), tenantId, entityId, traceparent },
        ),
      }),
    publishBatch: (subject, { id, type, source, time, data }) =>
      put({
        subject,
        payload: JSON.stringify(data),
        headers: eventHeaders({ id, type, source, time }, { schema: schemaOf(type) }),
      }),
    ensureStream: (declaration) => streams.ensure(declaration),
    isConnected: () => link.isConnected(),
    close: () => link.close(),
  };
  partsOfBuses.set(bus, { name, link, metrics, request: bus.request, streams, put });
  return bus;
};

/** CloudEvents 1.0, NATS binding, binary mode: attributes are headers, the payload is the data alone. */
const eventHeaders = (
  { id, type, source, time }: Omit<PublishedBatch, 'data'>,
  of: {
    readonly schema: string | undefined;
    readonly tenantId?: string;
    readonly entityId?: string;
    readonly traceparent?: string | undefined;
  },
): MsgHdrs =>
  headersOf({
    [HEADER.messageId]: id,
    [HEADER.eventSpec]: '1.0',
    [HEADER.eventId]: id,
    [HEADER.eventType]: type,
    [HEADER.eventSource]: source,
    [HEADER.eventTime]: time,
    [HEADER.eventDataType]: 'application/json',
    [HEADER.eventSchema]: of.schema,
    [HEADER.eventSubject]: of.entityId,
    [HEADER.tenant]: of.tenantId,
    [HEADER.traceparent]: of.traceparent ?? continueTrace(currentTrace()?.traceparent).traceparent,
  });
