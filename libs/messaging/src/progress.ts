import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { AppError, eventStream } from '@muster/contracts';
import { partsOf, type Bus } from './bus.js';

/** How far a durable consumer is with its stream. */
export interface ConsumerProgress {
  /** Everything up to here was handled, or did not concern it. */
  readonly handledTo: number;
  /** Events in the stream that it has not handled: not delivered yet, or in hand. */
  readonly behind: number;
}

/** Sequence of the newest event that `service` has published; 0: none. Throws `unavailable`. */
export const lastSequence = (bus: Bus, service: string): Promise<number> =>
  asked(async () => {
    const { streams, link } = partsOf(bus);
    const { streams: api } = await streams.api();
    return (await link.during(api.info(eventStream(service).name))).state.last_seq;
  });

/** Throws `unavailable`, also while there is no such consumer yet. */
export const consumerProgress = (bus: Bus, service: string, durable: string): Promise<ConsumerProgress> =>
  asked(async () => {
    const { streams, link } = partsOf(bus);
    const { consumers } = await streams.api();
    const info = await link.during(consumers.info(eventStream(service).name, durable));
    return { handledTo: info.ack_floor.stream_seq, behind: info.num_pending + info.num_ack_pending };
  });

const asked = async <T>(ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (error) {
    const missing =
      error instanceof JetStreamApiError &&
      [JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound].some(
        (code) => code === error.code,
      );
    const what = missing ? 'There is no such stream or consumer yet.' : 'The bus does not answer.';
    throw new AppError('unavailable', what, { cause: error, retryAfterSeconds: 1 });
  }
};
