import { AppError, isBundle, isPassing, type PublishedContract } from '@muster/contracts';
import type { ReplayMessage, ReplayOutcome } from '@muster/contracts/parked/requests';
import { continueTrace, withTrace } from '@muster/observability';
import { readBundle } from './bundle.js';
import { decodeEvent } from './decode-event.js';
import { HEADER, headersOf } from './headers.js';
import { unpack } from './packed-payload.js';
import { reasonOf } from './park.js';
import { DEFAULT_ACK_WAIT_MS, HANDLER_PATIENCE, untilHung, type ConsumerParts } from './settle.js';

/** What a process that has a consumer or a queue does with a message that was parked there. */
export type Replay = (parked: ReplayMessage) => Promise<ReplayOutcome>;

/** As the record has it, for a message that failed again. */
export const failedReplay = (error: unknown): ReplayOutcome => {
  // Nothing was learned of the message: it stays as it is, and whoever asked tries again.
  if (isPassing(error)) throw new AppError('unavailable', reasonOf(error), { cause: error });
  if (error instanceof AppError) return { outcome: 'failed', code: error.code, detail: error.detail };
  return { outcome: 'failed', code: 'internal', detail: reasonOf(error) };
};

/** Hands the recorded event to the same handler, alone. */
export const replayer =
  ({
    parts,
    options,
    handler,
    contracts,
  }: ConsumerParts & { readonly contracts: readonly PublishedContract<object>[] }): Replay =>
  async (parked) => {
    const payload =
      parked.payload === undefined ? await payloadInStream(parts, parked) : unpack(parked.payload);
    if (payload === undefined) {
      return { outcome: 'failed', code: 'not-found', detail: 'Its stream does not have it any more.' };
    }
    if (isBundle(parked.subject)) {
      return { outcome: 'failed', code: 'invalid-payload', detail: 'It is no list of events.' };
    }
    const decoded = decodeEvent(
      {
        subject: parked.subject,
        headers: headersOf(parked.headers),
        timestamp: new Date().toISOString(),
        seq: parked.sequence ?? 0,
        string: () => payload.toString('utf8'),
        info: { stream: parked.stream, deliveryCount: 1 },
      },
      contracts,
    );
    // The consumer does not ask for such events any more.
    if (decoded.kind === 'other') return { outcome: 'done' };
    if (decoded.kind === 'bad') return { outcome: 'failed', code: 'invalid-payload', detail: decoded.reason };
    const { event } = decoded;
    try {
      const results = await untilHung(
        () => withTrace(continueTrace(event.traceparent), () => handler([event])),
        (options.ackWaitMs ?? DEFAULT_ACK_WAIT_MS) * HANDLER_PATIENCE,
      );
      const [result] = results ?? [];
      if (result === undefined || result.outcome === 'done') return { outcome: 'done' };
      return { outcome: 'failed', code: 'internal', detail: result.reason };
    } catch (error) {
      return failedReplay(error);
    }
  };

const payloadInStream = async (
  { link, streams }: ConsumerParts['parts'],
  { stream, sequence, subject, headers }: ReplayMessage,
): Promise<Buffer | undefined> => {
  if (sequence === undefined) return undefined;
  const { streams: api } = await streams.api();
  const found = await link.during(api.getMessage(stream, { seq: sequence })).catch((error: unknown) => {
    throw new AppError('unavailable', 'The stream cannot be read right now.', { cause: error });
  });
  if (found === null) return undefined;
  if (found.subject === subject) return Buffer.from(found.data);
  // It came in a bundle.
  const events = isBundle(found.subject) ? readBundle(found) : undefined;
  const one = events?.find(({ id }) => id === headers[HEADER.eventId]);
  return one && Buffer.from(JSON.stringify(one.data));
};
