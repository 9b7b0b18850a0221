import type { JsMsg } from '@nats-io/jetstream';
import { isBundle, type PublishedContract } from '@muster/contracts';
import type { Delivered } from './handles.js';
import { readBundle, type BundledEvent } from './bundle.js';
import { headersOfEvent } from './published-event.js';
import { HEADER, headerOf, headersOf, ownHeaders } from './headers.js';
import { invalidFields } from './invalid-fields.js';

/** `event`; or `other`: not one of ours, the filter is wider than the list; or `bad`: it can never be handled. */
export type Decoded =
  | { readonly kind: 'event'; readonly event: Delivered }
  | { readonly kind: 'other' }
  | { readonly kind: 'bad'; readonly reason: string };

/** What a message holds, as a message of its own: so it is set aside when it cannot be handled. */
export interface Single {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
}

/** One event of a message, and what became of reading it. */
export interface Item {
  readonly decoded: Decoded;
  /** Which event it is, as far as that can be told of one that cannot be read. */
  readonly id: string;
  single(): Single;
}

/** A message of an event that is in a bundle too. */
export const isBundled = ({ headers }: Pick<JsMsg, 'headers'>): boolean =>
  headerOf(headers, HEADER.bundled) !== undefined;

type Stored = Pick<JsMsg, 'subject' | 'headers' | 'timestamp' | 'seq' | 'string'> & {
  readonly info: Pick<JsMsg['info'], 'stream' | 'deliveryCount'>;
};

/**
 * Those that the subject may be an event of, whatever their version. Asked first: to read the headers of a message is a third of
 * what it costs to decode it, and half of what a filter lets through is not asked for.
 */
export const contractsNamed = (
  subject: string,
  contracts: readonly PublishedContract<object>[],
): readonly PublishedContract<object>[] => {
  const [, , , service, , entity, verb] = subject.split('.');
  return contracts.filter((one) => one.service === service && one.entity === entity && one.verb === verb);
};

/** Reads one message of an event stream: `muster.v1.event.<service>.<tenant>.<entity>.<verb>.<entityId>`. */
export const decodeEvent = (message: Stored, contracts: readonly PublishedContract<object>[]): Decoded => {
  const [, , , , tenantId, , , entityId, ...rest] = message.subject.split('.');
  const named = contractsNamed(message.subject, contracts);
  if (named.length === 0) return { kind: 'other' };
  const type = headerOf(message.headers, HEADER.eventType);
  const contract = named.find((one) => type === undefined || one.type === type);
  if (contract === undefined) return { kind: 'other' };
  if (tenantId === undefined || entityId === undefined || rest.length > 0) {
    return { kind: 'bad', reason: 'its subject is not that of an event' };
  }
  let data: unknown;
  try {
    data = JSON.parse(message.string());
  } catch {
    return { kind: 'bad', reason: 'it is not JSON' };
  }
  const traceparent = headerOf(message.headers, HEADER.traceparent);
  return checked({
    contract,
    tenantId,
    entityId,
    data,
    id:
      headerOf(message.headers, HEADER.eventId) ??
      headerOf(message.headers, HEADER.messageId) ??
      `${message.info.stream}:${message.seq}`,
    time: headerOf(message.headers, HEADER.eventTime) ?? message.timestamp,
    deliveries: message.info.deliveryCount,
    ...(traceparent === undefined ? {} : { traceparent }),
  });
};

/** `bad` where its data breaks the rules of its contract. */
const checked = (event: Delivered): Decoded => {
  const { contract, data } = event;
  const faults = invalidFields(contract.data, data, 'ignore');
  if (faults.length === 0) return { kind: 'event', event };
  const told = faults.map(({ path, message: rule }) => `${path} ${rule}`).join('; ');
  return { kind: 'bad', reason: `it breaks the rules of ${contract.type}: ${told}` };
};

type Message = Stored & Pick<JsMsg, 'data'>;

/** Every event that a message holds: one of its own, or those of a bundle. */
export const itemsOf = (
  message: Message,
  contracts: readonly PublishedContract<object>[],
): readonly Item[] => {
  if (!isBundle(message.subject)) return [whole(message, decodeEvent(message, contracts))];
  const events = readBundle(message);
  if (events === undefined) return [whole(message, { kind: 'bad', reason: 'it is no list of events' })];
  const [, , , , tenantId = ''] = message.subject.split('.');
  return events.map((one) => itemOf(one, tenantId, message.info.deliveryCount, contracts));
};

const itemOf = (
  { id, type, source, subject: entityId, time, data, traceparent }: BundledEvent,
  tenantId: string,
  deliveries: number,
  contracts: readonly PublishedContract<object>[],
): Item => {
  const contract = contracts.find((one) => one.type === type && source === `/${one.service}`);
  const traced = traceparent === undefined ? {} : { traceparent };
  const about = { tenantId, entityId, id, time, ...traced };
  return {
    decoded: contract === undefined ? { kind: 'other' } : checked({ contract, data, deliveries, ...about }),
    id,
    single: () => {
      if (contract === undefined) throw new Error('only what is asked for is set aside');
      return {
        subject: contract.subject(tenantId, entityId),
        headers: ownHeaders(headersOf(headersOfEvent(contract, about))),
        payload: Buffer.from(JSON.stringify(data)),
      };
    },
  };
};

const whole = (message: Message, decoded: Decoded): Item => ({
  decoded,
  id:
    headerOf(message.headers, HEADER.eventId) ??
    headerOf(message.headers, HEADER.messageId) ??
    `${message.seq}:${message.timestamp}`,
  single: () => ({
    subject: message.subject,
    headers: ownHeaders(message.headers),
    payload: message.data,
  }),
});

/** Which entities a message tells of, without looking at what it tells; of whatever version the event is. */
export const noticesIn = (
  message: Pick<JsMsg, 'subject' | 'string'>,
  contracts: readonly PublishedContract<object>[],
): readonly Pick<Delivered, 'contract' | 'tenantId' | 'entityId'>[] => {
  const [, , , service, tenantId = '', , , entityId] = message.subject.split('.');
  if (!isBundle(message.subject)) {
    const [contract] = contractsNamed(message.subject, contracts);
    return contract === undefined || entityId === undefined ? [] : [{ contract, tenantId, entityId }];
  }
  return (readBundle(message) ?? []).flatMap(({ type, subject }) => {
    const contract = contracts.find(
      (one) => one.service === service && type.startsWith(`io.muster.${one.entity}.${one.verb}.v`),
    );
    return contract === undefined ? [] : [{ contract, tenantId, entityId: subject }];
  });
};
