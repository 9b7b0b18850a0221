import type { JsMsg } from '@nats-io/jetstream';
import { AppError, isPassing, type PublishedContract } from '@muster/contracts';
import { continueTrace, withTrace, type Logger, type Metrics } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import type { BusParts } from './bus.js';
import { decodeEvent } from './decode-event.js';
import type { ConsumesOptions, Delivered, ItemResult, Results } from './handles.js';
import { HEADER, headerOf, ownHeaders } from './headers.js';
import { parkOver, reasonOf, type Parked } from './park.js';

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
export const DEFAULT_RETRY_DELAYS_MS = [500, 2_000, 10_000, 30_000];
/**
 * Also how long events wait that were in hand when the server died: it knows that they were delivered, and not that
 * nobody has them any more. At 30 s, a job whose work took ten seconds was said to be done after half a minute.
 */
export const DEFAULT_ACK_WAIT_MS = 10_000;
/** A handler that is silent for this many times `ackWaitMs` has hung: the event goes to another try. */
export const HANDLER_PATIENCE = 30;
/** After so long an event that waits for a fault to pass lets the others by. */
const DEFAULT_PATIENCE_MS = 30_000;
/** So many may wait beside the others; more of them mean that nothing can be handled, and then all wait in their order. */
const ASIDE_MOST = 8;
/**
 * So many times `maxDeliver` deliveries, none of which ended, mean that the process dies of the event. Not `maxDeliver`
 * itself: what was in hand beside such an event is delivered again as often, and each restart while a dependency is away
 * is a delivery too.
 */
const DEATHS = 4;

/**
 * What becomes of delivered messages: acknowledged, given back, or parked with the reason. `settle` resolves when each has
 * met one of these, is being parked, or waits beside the others for a fault to pass; `idle` when none of those is left. Neither rejects.
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
  const {
    durable,
    maxDeliver = DEFAULT_MAX_DELIVER,
    ackWaitMs = DEFAULT_ACK_WAIT_MS,
    patienceMs = DEFAULT_PATIENCE_MS,
  } = options;
  const delays = options.retryDelaysMs ?? DEFAULT_RETRY_DELAYS_MS;
  const outcomes = metrics.counter('muster_consumed_total', 'Events delivered, by what became of them', [
    'consumer',
    'outcome',
  ]);
  const asideGauge = metrics.gauge(
    'muster_consumer_aside',
    'Events that wait beside the others for a fault to pass',
    ['consumer'],
  );
  const inHandGauge = metrics.gauge(
    'muster_consumer_in_hand_seconds',
    'How long the events in hand have been there: what is behind them waits',
    ['consumer'],
  );
  const count = (outcome: 'done' | 'other' | 'retried' | 'parked'): void =>
    outcomes.inc({ consumer: durable, outcome });
  const aside = new Set<Promise<void>>();
  const parking = new Set<Promise<void>>();
  /** Sequence → why it must be parked, while the table cannot be reached. */
  const unparked = new Map<number, string>();

  const done = ({ message }: Held): void => {
    message.ack();
    count('done');
  };

  const retry = (held: Held, reason: string): void => {
    const { deliveries } = held.event;
    if (deliveries >= maxDeliver) {
      park(held.message, reason);
      return;
    }
    held.message.nak(delays[Math.min(deliveries, delays.length) - 1] ?? 0);
    count('retried');
    logger.warn(
      { consumer: durable, id: held.event.id, deliveries, reason },
      'an event is tried again later',
    );
  };

  /** Nobody waits for it: what is behind goes on while the table is away. */
  const park = (message: JsMsg, reason: string): void => {
    const one: Promise<void> = parkNow(message, reason).then(() => void parking.delete(one));
    parking.add(one);
  };

  /** Only when it is safely in the table is it taken out of the stream; until then it comes back. Never rejects. */
  const parkNow = async (message: JsMsg, reason: string): Promise<void> => {
    const parked = parkedOf(message, { stream, consumer: durable, reason });
    try {
      await parkOver(parts, parked).catch((error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'payload-too-large') throw error;
        // Stream and sequence still say where the body is.
        return parkOver(parts, { ...parked, payload: undefined });
      });
      unparked.delete(message.seq);
      message.term();
      count('parked');
      logger.error({ consumer: durable, stream, sequence: message.seq, reason }, 'an event was parked');
    } catch (error) {
      unparked.set(message.seq, reason);
      message.nak(delays.at(-1));
      logger.error(
        { err: error, consumer: durable, sequence: message.seq },
        'an event could not be parked yet',
      );
    }
  };

  const apply = (held: Held, result: ItemResult): void => {
    if (result.outcome === 'done') done(held);
    else if (result.outcome === 'park') park(held.message, result.reason);
    else retry(held, result.reason);
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
        retry(only, reasonOf(error));
        return;
      }
      // One bad event must not take its neighbours along: alone, each shows what it is.
      for (const held of some) await handlePatiently([held]);
      return;
    }
    if (result === undefined) some.forEach(done);
    else for (const [index, one] of result.entries()) apply(some[index] as Held, one); // same length, see above
  };

  /** Tries until they are settled: true; or until `patience` has passed: false. */
  const tryFor = async (some: readonly Held[], patience: number): Promise<boolean> => {
    const began = Date.now();
    for (let tries = 0; ; tries += 1) {
      try {
        await handle(some);
        return true;
      } catch (error) {
        if (stopping.aborted) {
          for (const { message } of some) message.nak();
          return true;
        }
        const left = patience - (Date.now() - began);
        if (left <= 0) return false;
        const wait = Math.min(backoffMs(tries, 250, 15_000), left);
        logger.warn(
          { err: error, consumer: durable, events: some.length, waitMs: wait },
          'waiting to handle events',
        );
        await pause(wait, stopping);
      }
    }
  };

  /**
   * A fault that passes is not the fault of the event: the same events wait here, without being counted towards parking,
   * and everything behind them waits too, as it would fail the same way. One that would never pass, as when a single
   * event asks for too much, must not stop the others: after a while each is tried alone, and the one that still fails
   * waits beside them.
   */
  const handlePatiently = async (some: readonly Held[]): Promise<void> => {
    if (await tryFor(some, patienceMs)) return;
    if (some.length > 1) for (const held of some) await handlePatiently([held]);
    else {
      while (aside.size >= ASIDE_MOST) if (await tryFor(some, patienceMs)) return;
      setAside(some);
    }
  };

  const setAside = (some: readonly Held[]): void => {
    const alive = keepAlive(some.map(({ message }) => message));
    const waiting: Promise<void> = tryFor(some, Number.POSITIVE_INFINITY).then(() => {
      clearInterval(alive);
      aside.delete(waiting);
      asideGauge.set({ consumer: durable }, aside.size);
    });
    aside.add(waiting);
    asideGauge.set({ consumer: durable }, aside.size);
    logger.error({ consumer: durable, ids: some.map(({ event }) => event.id) }, 'an event waits aside');
  };

  /** Tells the server that we are at it, or after `ackWaitMs` another replica would get the same events. */
  const keepAlive = (messages: readonly JsMsg[]): NodeJS.Timeout =>
    setInterval(() => messages.forEach((message) => message.working()), ackWaitMs / 3);

  /** Says so when what is behind the events in hand waits for them: in the metric at once, in the log after `patienceMs`. */
  const watchHand = (events: number): (() => void) => {
    const began = Date.now();
    let saidAt = began;
    const watching = setInterval(() => {
      const now = Date.now();
      inHandGauge.set({ consumer: durable }, (now - began) / 1_000);
      if (now - saidAt < patienceMs) return;
      saidAt = now;
      logger.error(
        { consumer: durable, events, seconds: Math.round((now - began) / 1_000), aside: aside.size },
        'a consumer does not get on: what is behind the events in hand waits',
      );
    }, ackWaitMs / 3);
    return () => {
      clearInterval(watching);
      inHandGauge.set({ consumer: durable }, 0);
    };
  };

  const settle = async (messages: readonly JsMsg[]): Promise<void> => {
    const alive = keepAlive(messages);
    const handled = watchHand(messages.length);
    try {
      const held: Held[] = [];
      for (const message of messages) {
        const decoded = decodeEvent(message, contracts);
        const reason = unparked.get(message.seq);
        if (decoded.kind === 'other') {
          message.ack();
          count('other');
        } else if (reason !== undefined) {
          park(message, reason);
        } else if (decoded.kind === 'bad') {
          park(message, decoded.reason);
        } else if (decoded.event.deliveries > maxDeliver * DEATHS) {
          // It was never given back: the process died of it each time.
          park(message, 'it was delivered and neither handled nor given back each time');
        } else held.push({ message, event: decoded.event });
      }
      const [known, suspect] = [
        held.filter(({ event }) => event.deliveries <= maxDeliver),
        held.filter(({ event }) => event.deliveries > maxDeliver),
      ];
      if (known.length > 0) await handlePatiently(known);
      // Should the process die of one of these, it takes no other along.
      for (const one of suspect) await handlePatiently([one]);
    } finally {
      clearInterval(alive);
      handled();
    }
  };

  const idle = async (): Promise<void> => {
    await Promise.all([...aside, ...parking]);
  };

  return { settle, idle };
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

/** Rejects with `deadline-exceeded` when the work takes longer: somebody it waits for is frozen. */
export const untilHung = async <T>(work: () => Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError('deadline-exceeded', `Not handled within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work(), hung]);
  } finally {
    clearTimeout(timer);
  }
};

/** The event is known by its own id, which it keeps when its stream is published again, and not by its sequence. */
const parkedOf = (
  message: JsMsg,
  { stream, consumer, reason }: Pick<Parked, 'stream' | 'consumer' | 'reason'>,
): Parked => {
  const [, , , , tenantId] = message.subject.split('.');
  const traceparent = headerOf(message.headers, HEADER.traceparent);
  return {
    stream,
    consumer,
    id:
      headerOf(message.headers, HEADER.eventId) ??
      headerOf(message.headers, HEADER.messageId) ??
      `${message.seq}:${message.timestamp}`,
    subject: message.subject,
    payload: message.data,
    sequence: message.seq,
    headers: ownHeaders(message.headers),
    tenantId: headerOf(message.headers, HEADER.tenant) ?? tenantId,
    reason,
    tries: message.info.deliveryCount,
    traceId: traceparent === undefined ? undefined : continueTrace(traceparent).traceId,
  };
};
