import { eventSchemaPath, type PublishedContract, type RequestContract } from '@muster/contracts';
import { continueTrace, createMetrics, currentTrace, type Logger, type Metrics } from '@muster/observability';
import type { Outgoing } from './acknowledgements.js';
import { bundleId, bundlesOf, payloadOf, type Bundle, type OutgoingEvent } from './bundle.js';
import { HEADER, headersOf } from './headers.js';
import { Link } from './link.js';
import { publisher } from './publish.js';
import { attributesOf, headersOfEvent, type PublishedBatch, type PublishedEvent } from './published-event.js';
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

/** An event, and what kind it is. */
export interface Publishing {
  readonly contract: PublishedContract<object>;
  readonly event: PublishedEvent<object>;
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
  /**
   * The same for many, in their order: a promise for each, which resolves when the event is stored as a message of its own and in
   * its bundle. `in: 'bundles'` leaves out the messages of their own, for events that have theirs already.
   */
  publishAll(events: readonly Publishing[], options?: { readonly in: 'bundles' }): readonly Promise<void>[];
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

  const putAlone = ({ contract, event, json, traceparent }: OutgoingEvent): Promise<void> =>
    put({
      subject: contract.subject(event.tenantId, event.entityId),
      payload: json,
      headers: headersOf({
        ...headersOfEvent(contract, { ...event, traceparent }),
        [HEADER.eventSchema]: schemaOf(contract.type),
        [HEADER.bundled]: 'yes',
      }),
    });
  const putBundle = (bundle: Bundle): Promise<void> =>
    put({
      subject: bundle.subject,
      payload: payloadOf(bundle),
      headers: headersOf({
        [HEADER.messageId]: bundleId(bundle),
        [HEADER.contentType]: 'application/cloudevents-batch+json',
        [HEADER.tenant]: bundle.events[0]?.event.tenantId,
        [HEADER.events]: String(bundle.events.length),
      }),
    });
  const publishAll: Bus['publishAll'] = (events, only) => {
    const outgoing = events.map(({ contract, event }): OutgoingEvent => ({
      contract,
      event,
      json: JSON.stringify(event.data),
      traceparent: event.traceparent ?? continueTrace(currentTrace()?.traceparent).traceparent,
    }));
    // A bundle comes after the messages of its events: what ends a stream is a bundle, and who has handled that has handled all.
    const alone = only === undefined ? outgoing.map(putAlone) : [];
    const bundled = new Map<OutgoingEvent, Promise<void>>();
    for (const bundle of bundlesOf(outgoing)) {
      const stored = putBundle(bundle);
      for (const one of bundle.events) bundled.set(one, stored);
    }
    return outgoing.map(async (one, index) => void (await Promise.all([alone[index], bundled.get(one)])));
  };

  const bus: Bus = {
    request: requester({ link, logger, metrics }),
    publish: async (contract, event) => void (await Promise.all(publishAll([{ contract, event }]))),
    publishAll,
    publishBatch: (subject, { id, type, source, time, data }) =>
      put({
        subject,
        payload: JSON.stringify(data),
        headers: headersOf({
          ...attributesOf({ id, type, source, time }),
          [HEADER.eventSchema]: schemaOf(type),
          [HEADER.traceparent]: continueTrace(currentTrace()?.traceparent).traceparent,
        }),
      }),
    ensureStream: (declaration) => streams.ensure(declaration),
    isConnected: () => link.isConnected(),
    close: () => link.close(),
  };
  partsOfBuses.set(bus, { name, link, metrics, request: bus.request, streams, put });
  return bus;
};
