import type { JsMsg } from '@nats-io/jetstream';
import { bundleSubject, type PublishedContract } from '@muster/contracts';
import type { PublishedEvent } from './published-event.js';

/** Few enough for a handler that takes 100 events at a time. */
const MOST_EVENTS = 100;
/** A message of the bus may have a megabyte. One event that is larger travels alone. */
const MOST_BYTES = 256 * 1_024;

/** An event as it is published: with the text of its data, which both its messages carry. */
export interface OutgoingEvent {
  readonly contract: PublishedContract<object>;
  readonly event: PublishedEvent<object>;
  readonly json: string;
  readonly traceparent: string;
}

export interface Bundle {
  readonly subject: string;
  readonly events: OutgoingEvent[];
  bytes: number;
}

/** One event of a bundle: CloudEvents 1.0 in its JSON format. `traceparent` is an extension of it. */
export interface BundledEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The entity. */
  readonly subject: string;
  readonly time: string;
  readonly traceparent?: string;
  readonly data: unknown;
}

/**
 * The events in as few messages as can be: those of one kind of entity of one tenant together. Of one entity they stay in their
 * order, also over messages: where one of another kind comes between, as of a device that is changed and then deleted, new bundles begin.
 */
export const bundlesOf = (events: readonly OutgoingEvent[]): readonly Bundle[] => {
  const bundles: Bundle[] = [];
  const open = new Map<string, Bundle>();
  /** Entity → the subject of its latest event in an open bundle. */
  const latest = new Map<string, string>();
  for (const one of events) {
    const { tenantId, entityId } = one.event;
    const subject = bundleSubject(one.contract, tenantId);
    const entity = `${tenantId} ${entityId}`;
    if ((latest.get(entity) ?? subject) !== subject) {
      open.clear();
      latest.clear();
    }
    latest.set(entity, subject);
    const bytes = Buffer.byteLength(one.json);
    let bundle = open.get(subject);
    if (bundle === undefined || bundle.events.length >= MOST_EVENTS || bundle.bytes + bytes > MOST_BYTES) {
      bundle = { subject, events: [], bytes: 0 };
      bundles.push(bundle);
      open.set(subject, bundle);
    }
    bundle.events.push(one);
    bundle.bytes += bytes;
  }
  return bundles;
};

export const payloadOf = ({ events }: Bundle): string =>
  `[${events
    .map(({ contract, event, json, traceparent }) => {
      const attributes: Omit<BundledEvent, 'data'> = {
        specversion: '1.0',
        id: event.id,
        source: `/${contract.service}`,
        type: contract.type,
        subject: event.entityId,
        time: event.time,
        traceparent,
      };
      return `${JSON.stringify(attributes).slice(0, -1)},"data":${json}}`;
    })
    .join(',')}]`;

/** The same for the same events, as when a try is repeated: the server drops what it has. After a crash bundles may begin elsewhere. */
export const bundleId = ({ events }: Bundle): string =>
  `${events[0]?.event.id ?? ''}..${events.at(-1)?.event.id ?? ''}#${events.length}`;

/** Undefined: it is no list of events. What is in the data of one is for its reader to check. */
export const readBundle = (message: Pick<JsMsg, 'string'>): readonly BundledEvent[] | undefined => {
  try {
    const events: unknown = JSON.parse(message.string());
    return Array.isArray(events) && events.every(isBundledEvent) ? events : undefined;
  } catch {
    return undefined;
  }
};

const TEXTS = ['id', 'source', 'type', 'subject', 'time'] as const;

const isBundledEvent = (event: unknown): event is BundledEvent =>
  typeof event === 'object' &&
  event !== null &&
  'data' in event &&
  TEXTS.every((name) => typeof (event as Partial<BundledEvent>)[name] === 'string');
