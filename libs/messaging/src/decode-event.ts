import type { JsMsg } from '@nats-io/jetstream';
import type { PublishedContract } from '@muster/contracts';
import type { Delivered } from './handles.js';
import { HEADER, headerOf } from './headers.js';
import { invalidFields } from './invalid-fields.js';

/** `event`; or `other`: not one of ours, the filter is wider than the list; or `bad`: it can never be handled. */
export type Decoded =
  | { readonly kind: 'event'; readonly event: Delivered }
  | { readonly kind: 'other' }
  | { readonly kind: 'bad'; readonly reason: string };

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
  const faults = invalidFields(contract.data, data, 'ignore');
  if (faults.length > 0) {
    const told = faults.map(({ path, message: rule }) => `${path} ${rule}`).join('; ');
    return { kind: 'bad', reason: `it breaks the rules of ${contract.type}: ${told}` };
  }
  const traceparent = headerOf(message.headers, HEADER.traceparent);
  return {
    kind: 'event',
    event: {
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
    },
  };
};
