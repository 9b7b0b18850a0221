import { partsOf, type Bus } from './bus.js';
import { HEADER, headersOf } from './headers.js';
import { PARKED_STREAM } from './streams.js';

export interface Parked {
  /** Where it came from, `[A-Za-z0-9_-]`: a broker, and its queue or stream. */
  readonly stream: string;
  readonly consumer: string;
  /** The same for the same message, so that parking it twice keeps one. */
  readonly id: string;
  /** Its address at home: topic, routing key. */
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly reason: string;
}

/**
 * Sets aside a message that came from outside of NATS and cannot be processed: in `muster.v1.parked.<stream>.<consumer>`,
 * with the reason in the same headers as events have. Resolves when it is stored; `unavailable` when it cannot be now.
 */
export const park = async (
  bus: Bus,
  { stream, consumer, id, subject, payload, reason }: Parked,
): Promise<void> => {
  const { streams, put } = partsOf(bus);
  await streams.ensure(PARKED_STREAM);
  await put({
    subject: `muster.v1.parked.${stream}.${consumer}`,
    payload,
    headers: headersOf({
      [HEADER.messageId]: id,
      [HEADER.parkedReason]: reason,
      [HEADER.parkedSubject]: subject,
      [HEADER.parkedStream]: stream,
      [HEADER.parkedConsumer]: consumer,
    }),
  });
};
