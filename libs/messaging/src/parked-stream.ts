import { JetStreamApiCodes, JetStreamApiError, type StoredMsg, type StreamAPI } from '@nats-io/jetstream';
import { partsOf, type Bus } from './bus.js';
import { HEADER, headerOf, ownHeaders } from './headers.js';
import type { Link } from './link.js';
import { park } from './park.js';

/** Where versions until November 2026 put what could not be processed, for 30 days. Nobody writes it any more. */
const PARKED_STREAM = 'PARKED';

/**
 * Parks what lies in the stream PARKED, and takes it out of there. Returns how many. Safe at any time and side by side:
 * what is parked twice is one record, and what an older replica still writes comes with the next call.
 */
export const moveParkedStream = async (bus: Bus): Promise<number> => {
  const { link, streams } = partsOf(bus);
  const { streams: api } = await streams.api();
  for (let moved = 0; ; moved += 1) {
    const message = await oldest(api, link);
    if (message === null) return moved;
    await parkAgain(bus, message);
    // Not the stream: somebody may be writing to it.
    await link.during(api.purge(PARKED_STREAM, { seq: message.seq + 1 }));
  }
};

/** Null: there is no such stream, or nothing in it. */
const oldest = async (api: StreamAPI, link: Link): Promise<StoredMsg | null> => {
  try {
    const { state } = await link.during(api.info(PARKED_STREAM));
    if (state.messages === 0) return null;
    return await link.during(api.getMessage(PARKED_STREAM, { seq: state.first_seq }));
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  }
};

const parkAgain = (bus: Bus, message: StoredMsg): Promise<void> => {
  const header = (name: string): string | undefined => headerOf(message.header, name);
  const [, , , streamToken = 'unknown', consumerToken = 'unknown'] = message.subject.split('.');
  const stream = header(HEADER.parkedStream) ?? streamToken;
  const consumer = header(HEADER.parkedConsumer) ?? consumerToken;
  const subject = header(HEADER.parkedSubject) ?? message.subject;
  const sequence = Number(header(HEADER.parkedSequence) ?? Number.NaN);
  const { [HEADER.messageId]: parkedId, ...headers } = ownHeaders(message.header);
  const payload = Buffer.from(message.data);
  return park(bus, {
    stream,
    consumer,
    // As the consumer would say it now.
    id: header(HEADER.eventId) ?? parkedId ?? `${message.seq}`,
    subject,
    // A routing key has the token of the device in it: `kp1.<version>.<extension>.<token>…`.
    shownSubject: stream === 'rabbitmq' ? `${subject.split('.').slice(0, 3).join('.')}.…` : subject,
    // An event that did not fit was left in its stream.
    payload: payload.length === 0 && Number.isInteger(sequence) ? undefined : payload,
    ...(Number.isInteger(sequence) ? { sequence } : {}),
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-parked-'))),
    tenantId: header(HEADER.tenant),
    reason: header(HEADER.parkedReason) ?? 'unknown',
    tries: Number(header(HEADER.parkedDeliveries) ?? 1),
    traceId: /^\w{2}-([0-9a-f]{32})-/.exec(header(HEADER.traceparent) ?? '')?.[1],
  });
};
