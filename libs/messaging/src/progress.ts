import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { AppError, eventStream } from '@muster/contracts';
import { partsOf, type Bus } from './bus.js';
import { durableName } from './consume.js';

/** How far a durable consumer is with its stream. */
export interface ConsumerProgress {
  /** Everything up to here was handled, or did not concern it. */
  readonly handledTo: number;
  /** Messages in the stream that it has not handled: not delivered yet, or in hand. */
  readonly behind: number;
}

/** Sequence of the newest message of what `service` has published; 0: none. Throws `unavailable`. */
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
    const { name } = eventStream(service);
    const info = await link.during(consumers.info(name, durableName(durable)));
    // After an update from a version before bundles, what that left is behind, too.
    const before = await link.during(consumers.info(name, durable)).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    const both = [info, ...(before === undefined ? [] : [before])];
    return {
      handledTo: Math.min(...both.map(({ ack_floor }) => ack_floor.stream_seq)),
      behind: both.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0),
    };
  });

const isMissing = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  [JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound].some((code) => code === error.code);

const asked = async <T>(ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (error) {
    const what = isMissing(error) ? 'There is no such stream or consumer yet.' : 'The bus does not answer.';
    throw new AppError('unavailable', what, { cause: error, retryAfterSeconds: 1 });
  }
};
