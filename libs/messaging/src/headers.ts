import { MsgHdrsImpl } from '@nats-io/nats-core/internal';
import type { MsgHdrs } from '@nats-io/transport-node';

/** The header names on the bus. `Nats-` is the server's own prefix. */
export const HEADER = {
  traceparent: 'traceparent',
  /** Unix milliseconds after which nobody waits for the answer. Clocks of the hosts must agree within a fraction of it. */
  deadline: 'x-deadline',
  /** The same on each try of one request, so that a repetition is known as one. */
  requestId: 'x-request-id',
  tenant: 'x-tenant',
  /** NATS micro convention (ADR-32): the HTTP status here, `<code>: <detail>` in the next; the body is problem+json. */
  errorCode: 'Nats-Service-Error-Code',
  error: 'Nats-Service-Error',
  /** Seconds, on an error. */
  retryAfter: 'Retry-After',
  messageId: 'Nats-Msg-Id',
  contentType: 'Content-Type',
  eventId: 'ce-id',
  eventType: 'ce-type',
  eventSource: 'ce-source',
  eventSubject: 'ce-subject',
  eventTime: 'ce-time',
  eventSpec: 'ce-specversion',
  eventDataType: 'ce-datacontenttype',
  /** Where the JSON Schema of the data is. */
  eventSchema: 'ce-dataschema',
  /** On an event's own message: it is in a bundle too, which is what our own services read. Versions before bundles had none. */
  bundled: 'x-bundled',
  /** On a bundle: how many events it holds. */
  events: 'x-events',
  /** Of the stream PARKED, which older versions wrote. */
  parkedReason: 'x-parked-reason',
  parkedSubject: 'x-parked-subject',
  parkedStream: 'x-parked-stream',
  parkedSequence: 'x-parked-sequence',
  parkedConsumer: 'x-parked-consumer',
  parkedDeliveries: 'x-parked-deliveries',
} as const;

const LINE_BREAKS = /[\r\n]+/g;

/**
 * Line breaks would end a header early, and let its text write the next one. Not by `set`: for every header that looks its
 * name up among all others three times and spells it out letter by letter.
 */
export const headersOf = (values: Readonly<Record<string, string | undefined>>): MsgHdrs => {
  const clean: Record<string, string[]> = {};
  for (const name of Object.keys(values)) {
    const value = values[name];
    if (value !== undefined) clean[name] = [value.replace(LINE_BREAKS, ' ').slice(0, 1_000).trim()];
  }
  return MsgHdrsImpl.fromRecord(clean);
};

/** Name → text, of what was not written by the server itself. */
export const ownHeaders = (from: MsgHdrs | undefined): Record<string, string> =>
  Object.fromEntries(
    [...(from?.keys() ?? [])]
      .filter((name) => !name.startsWith('Nats-') || name === HEADER.messageId)
      .map((name) => [name, from?.get(name) ?? '']),
  );

/** Undefined when absent or empty. */
export const headerOf = (from: MsgHdrs | undefined, name: string): string | undefined => {
  const value = from?.get(name);
  return value === undefined || value === '' ? undefined : value;
};
