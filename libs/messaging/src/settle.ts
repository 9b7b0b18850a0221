import type { JsMsg } from '@nats-io/jetstream';
import { AppError, isPassing, type PublishedContract } from '@muster/contracts';
import { continueTrace, withTrace, type Logger, type Metrics } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import type { BusParts } from './bus.js';
import { itemsOf, type Item } from './decode-event.js';
import type { ConsumesOptions, Delivered, ItemResult, Results } from './handles.js';
import { HEADER } from './headers.js';
import { Parcel } from './parcel.js';
import { parkOver, reasonOf, type Parked } from './park.js';

export interface ConsumerParts {
  readonly parts: BusParts;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly options: ConsumesOptions<readonly PublishedContract<object>[]>;
  readonly handler: (events: readonly Delivered[]) => Promise<Results>;
}

interface Untold {
  readonly parcel: Parcel;
  readonly item: Item;
}

interface Held extends Untold {
  readonly event: Delivered;
}

const DEFAULT_MAX_DELIVER = 6;
export const DEFAULT_BATCH: NonNullable<ConsumerParts['options']['batch']> = { size: 100, waitMs: 0 };
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
const REMEMBERED_MOST = 1_000;
/** Events that are being parked at once. */
const PARKING_MOST = 1_000;
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
    batch: { size } = DEFAULT_BATCH,
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
  /** Of messages that come again, by sequence: what is done with, or only to be parked. What another process did, is done again. */
  const remembered = new Map<number, Pick<Parcel, 'settled' | 'unparked'>>();

  const onEnd = ({ message: { seq }, settled, unparked }: Parcel, comesAgain: boolean): void => {
    const before = remembered.get(seq)?.settled ?? [];
    remembered.delete(seq);
    if (!comesAgain) return;
    remembered.set(seq, { settled: [...before, ...settled], unparked });
    // One that another process takes does not come again here. The first of a Map is the oldest.
    for (const [oldest] of remembered) if (remembered.size > REMEMBERED_MOST) remembered.delete(oldest);
  };

  const done = ({ parcel, item }: Held): void => {
    parcel.done(item.id);
    count('done');
  };

  const retry = (held: Held, reason: string): void => {
    const { deliveries } = held.event;
    if (deliveries >= maxDeliver) {
      park(held, reason);
      return;
    }
    held.parcel.again(delays[Math.min(deliveries, delays.length) - 1] ?? 0);
    count('retried');
    logger.warn(
      { consumer: durable, id: held.event.id, deliveries, reason },
      'an event is tried again later',
    );
  };

  /** Nobody waits for it: what is behind goes on while the table is away. */
  const park = (untold: Untold, reason: string): void => {
    const one: Promise<void> = parkNow(untold, reason).then(() => void parking.delete(one));
    parking.add(one);
  };

  /** Only when it is safely in the table is it taken out of the stream; until then it comes back. Never rejects. */
  const parkNow = async (untold: Untold, reason: string): Promise<void> => {
    const { parcel, item } = untold;
    const { seq: sequence } = parcel.message;
    try {
      const parked = parkedOf(untold, { stream, consumer: durable, reason });
      await parkOver(parts, parked).catch((error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'payload-too-large') throw error;
        // Stream and sequence still say where the body is.
        return parkOver(parts, { ...parked, payload: undefined });
      });
      parcel.done(item.id);
      count('parked');
      logger.error({ consumer: durable, stream, sequence, id: item.id, reason }, 'an event was parked');
    } catch (error) {
      parcel.unparked.set(item.id, reason);
      parcel.again(delays.at(-1) ?? 0);
      logger.error(
        { err: error, consumer: durable, sequence, id: item.id },
        'an event could not be parked yet',
      );
    }
  };

  const apply = (held: Held, result: ItemResult): void => {
    if (result.outcome === 'done') done(held);
    else if (result.outcome === 'park') park(held, result.reason);
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
        if (stopping.aborted) for (const { parcel } of some) parcel.giveBack();
        // It comes again, with all that was in it.
        if (some.every(({ parcel }) => parcel.isOver)) return true;
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
    for (const { parcel } of some) parcel.setAside();
    const alive = keepAlive(some.map(({ parcel }) => parcel.message));
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

  /** What is to be handled of a message; what is not, is settled here. */
  const unpack = (message: JsMsg): readonly Held[] => {
    const before = remembered.get(message.seq);
    const items = itemsOf(message, contracts).filter(({ id }) => before?.settled.includes(id) !== true);
    // One more, for the message itself, which may hold nothing that is asked for.
    const parcel = new Parcel(message, items.length + 1, onEnd);
    const held: Held[] = [];
    for (const item of items) {
      const { decoded } = item;
      const reason = before?.unparked.get(item.id);
      if (decoded.kind === 'other') {
        parcel.release();
        count('other');
      } else if (reason !== undefined) {
        park({ parcel, item }, reason);
      } else if (decoded.kind === 'bad') {
        park({ parcel, item }, decoded.reason);
      } else if (decoded.event.deliveries > maxDeliver * DEATHS) {
        // It was never given back: the process died of it each time.
        park({ parcel, item }, 'it was delivered and neither handled nor given back each time');
      } else held.push({ parcel, item, event: decoded.event });
    }
    parcel.release();
    return held;
  };

  const settle = async (messages: readonly JsMsg[]): Promise<void> => {
    const held = messages.flatMap(unpack);
    const alive = keepAlive(messages);
    const handled = watchHand(held.length);
    try {
      const [known, suspect] = [
        held.filter(({ event }) => event.deliveries <= maxDeliver),
        held.filter(({ event }) => event.deliveries > maxDeliver),
      ];
      for (let from = 0; from < known.length; from += size)
        await handlePatiently(known.slice(from, from + size));
      // Should the process die of one of these, it takes no other along: what lies before it in its bundle is handled in one delivery,
      // and what lies behind it in the next. Of an entity, consumers skip what is older than what they have.
      if (suspect.some(({ event }) => event.deliveries % 2 === 1)) suspect.reverse();
      for (const one of suspect) await handlePatiently([one]);
      while (parking.size > PARKING_MOST) await Promise.race(parking);
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
  { parcel: { message }, item }: Untold,
  { stream, consumer, reason }: Pick<Parked, 'stream' | 'consumer' | 'reason'>,
): Parked => {
  const { subject, headers, payload } = item.single();
  const [, , , , tenantId] = subject.split('.');
  const traceparent = headers[HEADER.traceparent];
  return {
    stream,
    consumer,
    id: item.id,
    subject,
    payload,
    sequence: message.seq,
    headers,
    tenantId: headers[HEADER.tenant] ?? tenantId,
    reason,
    tries: message.info.deliveryCount,
    traceId: traceparent === undefined ? undefined : continueTrace(traceparent).traceId,
  };
};
