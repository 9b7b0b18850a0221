import type { PublishedContract } from '@muster/contracts';
import { HEADER } from './headers.js';

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

/** CloudEvents 1.0, NATS binding, binary mode: attributes are headers, the payload is the data alone. */
export const headersOfEvent = (
  { type, service }: PublishedContract<object>,
  { tenantId, entityId, id, time, traceparent }: Omit<PublishedEvent<object>, 'data'>,
): Record<string, string | undefined> => ({
  ...attributesOf({ id, type, source: `/${service}`, time }),
  [HEADER.eventSubject]: entityId,
  [HEADER.tenant]: tenantId,
  [HEADER.traceparent]: traceparent,
});

export const attributesOf = ({
  id,
  type,
  source,
  time,
}: Omit<PublishedBatch, 'data'>): Record<string, string> => ({
  [HEADER.messageId]: id,
  [HEADER.eventSpec]: '1.0',
  [HEADER.eventId]: id,
  [HEADER.eventType]: type,
  [HEADER.eventSource]: source,
  [HEADER.eventTime]: time,
  [HEADER.eventDataType]: 'application/json',
});
