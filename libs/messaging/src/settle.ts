import type { JsMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { AppError, isPassing, type PublishedContract } from '@muster/contracts';
import { continueTrace, withTrace, type Logger, type Metrics } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import type { BusParts } from './bus.js';
import { decodeEvent } from './decode-event.js';
import type { ConsumesOptions, Delivered, ItemResult, Results } from './handles.js';
import { HEADER, headersOf } from './headers.js';

export interface ConsumerParts {
  readonly parts: BusParts;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly options: ConsumesOptions<readonly PublishedContract<object>[]>;
  readonly handler: (events: readonly Delivered[]) => Promise<Results>;
}

interface Held {
  readonly message: JsMsg;
  readonly event: Delivered;
}

const DEFAULT_MAX_DELIVER = 6;
const DEFAULT_RETRY_DELAYS_MS = [500, 2_000, 10_000, 30_000];
/**
 * Also how long events wait that were in hand when the server died: it knows that they were delivered, and not that
 * nobody has them any more. At 30 s, a job whose work took ten seconds was said to be done after half a minute.
 */
export const DEFAULT_ACK_WAIT_MS = 10_000;
/** A handler that is silent for this many times `ackWaitMs` has hung: the event goes to another try. */
const HANDLER_PATIENCE = 30;

/**
 * What becomes of delivered messages: acknowledged, given back, or parked with the reason. Resolves when each has met
 * one of these; never rejects.
 */
export const settler = ({
  parts,
  logger,
  metrics,
  options,
  handler,
  stream,
  contracts,
  stopping,
}: ConsumerParts & {
  readonly stream: string;
  readonly contracts: readonly PublishedContract<object>[];
  readonly stopping: AbortSignal;
}) => {
  const { durable, maxDeliver = DEFAULT_MAX_DELIVER, ackWaitMs = DEFAULT_ACK_WAIT_MS } = options;
  const delays = options.retryDelaysMs ?? DEFAULT_RETRY_DELAYS_MS;
  const outcomes = metrics.counter('muster_consumed_total', 'Events delivered, by what became of them', [
    'consumer',
    'outcome',
  ]);
  const count = (outcome: 'done' | 'other' | 'retried' | 'parked'): void =>
    outcomes.inc({ consumer: durable, outcome });

  const done = ({ message }: Held): void => {
    message.ack();
    count('done');
  };

  const retry = async (held: Held, reason: string): Promise<void> => {
    const { deliveries } = held.event;
    if (deliveries >= maxDeliver) return park(held.message, reason);
    held.message.nak(delays[Math.min(deliveries, delays.length) - 1] ?? 0);
    count('retried');
    logger.warn(
      { consumer: durable, id: held.event.id, deliveries, reason },
      'an event is tried again later',
    );
  };

  /** Only when it is safely in the other stream is it taken out of this one. */
  const park = async (message: JsMsg, reason: string): Promise<void> => {
    const copy = {
      subject: `muster.v1.parked.${stream}.${durable}`,
      headers: parkedHeaders(message, reason, stream, durable),
    };
    try {
      await parts.put({ ...copy, payload: message.data }).catch((error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'payload-too-large') throw error;
        // With our headers it no longer fits; stream and sequence still say where the body is.
        return parts.put({ ...copy, payload: '' });
      });
      message.term();
      count('parked');
      logger.error({ consumer: durable, stream, sequence: message.seq, reason }, 'an event was parked');
    } catch (error) {
      message.nak(delays.at(-1));
      logger.error(
        { err: error, consumer: durable, sequence: message.seq },
        'an event could not be parked yet',
      );
    }
  };

  const apply = async (held: Held, result: ItemResult): Promise<void> => {
    if (result.outcome === 'done') done(held);
    else if (result.outcome === 'park') await park(held.message, result.reason);
    else await retry(held, result.reason);
  };

  const handle = async (some: readonly Held[]): Promise<void> => {
    let result: Results;
    try {
      result = await untilHung(() => traced(some, handler), ackWaitMs * HANDLER_PATIENCE);
      if (result !== undefined && result.length !== some.length) {
        throw new Error(
          `the consumer ${durable} returned ${result.length} results for ${some.length} events`,
        );
      }
    } catch (error) {
      if (isPassing(error)) throw error;
      const [only] = some;
      if (some.length === 1 && only !== undefined) {
        logger.warn({ err: error, consumer: durable, id: only.event.id }, 'an event was not handled');
        await retry(only, reasonOf(error));
        return;
      }
      // One bad event must not take its neighbours along: alone, each shows what it is.
      for (const held of some) await handlePatiently([held]);
      return;
    }
    if (result === undefined) some.forEach(done);
    else for (const [index, one] of result.entries()) await apply(some[index] as Held, one); // same length, see above
  };

  /**
   * A dependency that is away is not the fault of the event: the same events wait here, without being counted towards
   * parking, and everything behind them waits too, as it would fail the same way.
   */
  const handlePatiently = async (some: readonly Held[]): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      try {
        await handle(some);
        return;
      } catch (error) {
        if (stopping.aborted) {
          for (const { message } of some) message.nak();
          return;
        }
        const wait = backoffMs(tries, 250, 15_000);
        logger.warn(
          { err: error, consumer: durable, events: some.length, waitMs: wait },
          'waiting to handle events',
        );
        await pause(wait, stopping);
      }
    }
  };

  return async (messages: readonly JsMsg[]): Promise<void> => {
    // Tells the server that we are at it, or after `ackWaitMs` another replica would get the same events.
    const alive = setInterval(() => messages.forEach((message) => message.working()), ackWaitMs / 3);
    try {
      const held: Held[] = [];
      for (const message of messages) {
        const decoded = decodeEvent(message, contracts);
        if (decoded.kind === 'other') {
          message.ack();
          count('other');
        } else if (decoded.kind === 'bad') {
          await park(message, decoded.reason);
        } else if (decoded.event.deliveries > maxDeliver) {
          // It was never given back: the process died of it, or hung, each time.
          await park(message, 'it was delivered and neither handled nor given back each time');
        } else held.push({ message, event: decoded.event });
      }
      if (held.length > 0) await handlePatiently(held);
    } finally {
      clearInterval(alive);
    }
  };
};

/** In the trace of the event when there is one, else in a new one. */
const traced = <T>(
  some: readonly Held[],
  handler: (events: readonly Delivered[]) => Promise<T>,
): Promise<T> => {
  const [first] = some;
  const parent = some.length === 1 ? first?.event.traceparent : undefined;
  return withTrace(continueTrace(parent), () => handler(some.map(({ event }) => event)));
};

const untilHung = async <T>(work: () => Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not handled within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work(), hung]);
  } finally {
    clearTimeout(timer);
  }
};

const reasonOf = (error: unknown): string => {
  if (error instanceof AppError) return `${error.code}: ${error.detail}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
};

/** The event's own headers, without the server's, and where it comes from. */
const parkedHeaders = (message: JsMsg, reason: string, stream: string, durable: string) => {
  const result = headers();
  for (const name of message.headers?.keys() ?? []) {
    if (!name.startsWith('Nats-')) result.set(name, message.headers?.get(name) ?? '');
  }
  const added = headersOf({
    [HEADER.messageId]: `parked:${stream}:${durable}:${message.seq}:${message.timestamp}`,
    [HEADER.parkedReason]: reason,
    [HEADER.parkedSubject]: message.subject,
    [HEADER.parkedStream]: stream,
    [HEADER.parkedSequence]: String(message.seq),
    [HEADER.parkedConsumer]: durable,
    [HEADER.parkedDeliveries]: String(message.info.deliveryCount),
  });
  for (const name of added.keys()) result.set(name, added.get(name));
  return result;
};
