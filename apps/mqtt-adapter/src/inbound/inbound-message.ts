import { setTimeout as sleep } from 'node:timers/promises';
import { isPassing } from '@muster/contracts';
import { answersSuccess, parseRoutingKey, type Topic } from '@muster/kp1';
import { reasonOf } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import {
  describeToken,
  refusalOf,
  Unprocessable,
  type Outcome,
  type TokenAdmission,
  type Uplink,
} from '@muster/uplink';
import {
  DESTINATIONS_EXCHANGE,
  destinationOf,
  REGISTRY,
  UNDECIDED_EXCHANGE,
  type Destination,
} from '../broker/topology.js';
import type { Responder } from '../outbound/respond.js';
import type { AckWindow } from './ack-window.js';

/** A header of ours, for `arrivedAt` of what is handed on to another queue, or set aside. */
export const ARRIVED_AT = 'x-muster-arrived-at';

/** One message as the broker delivers it. */
export interface InboundMessage {
  readonly routingKey: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** The broker says it may have delivered this before, and the message has no time by which that could be known. */
  readonly redelivered: boolean;
  /** The client says it may have sent this before: another message in the queue, not the same one again. */
  readonly duplicate: boolean;
  /** How long it may have waited in the queue before `arrivedAt`, in milliseconds; Infinity: nobody knows. */
  readonly waitedMs: number;
  /**
   * When the door had it; without its word, when we had it first, in this queue or in the one it was handed on from. See
   * `Uplink.arrival`.
   */
  readonly arrivedAt: number;
  /** The door has said so: it is the same time at each delivery. */
  readonly isTimed: boolean;
  readonly deliveryTag: number;
}

export interface InboundParts {
  readonly uplink: Pick<Uplink, 'admit' | 'answer'>;
  readonly respond: Pick<Responder, 'status' | 'error'>;
  /** Sets a message aside for somebody to look at. */
  readonly park: (message: InboundMessage, reason: string) => Promise<void>;
  /** Gives a message to the queue behind one of our exchanges; resolves when it is on disk there. */
  readonly handOn: (exchange: string, message: InboundMessage) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const AGAIN_MS = 1_000;
/** So many times longer for what fails for a reason that does not pass. */
const SELDOM = 60;

/**
 * The whole path of a message: parse → admit → answer (both in libs/uplink) → respond → acknowledge. The acknowledgement
 * comes last and only after a final outcome: stored, refused with a reason, parked, or on disk in another queue of ours. A
 * message without one stays unacknowledged, and as the broker hands out no more than the prefetch window of a queue, that
 * alone stops the consumption of this queue, and of no other; there is no nack.
 */
export const inboundMessages = (parts: InboundParts) => {
  const outcomes = parts.metrics.counter('muster_mqtt_messages_total', 'Messages of devices', [
    'resource',
    'outcome',
  ]);

  return async (message: InboundMessage, window: AckWindow, here: Destination): Promise<void> => {
    const settle = ({ resource }: Pick<Outcome, 'resource'>, label: string): void => {
      outcomes.inc({ resource: resource?.name ?? 'none', outcome: label });
      window.finish(message.deliveryTag);
    };
    const handOn = async (exchange: string): Promise<void> => {
      const isDone = await untilDone(window, 'a message could not be handed on yet', () =>
        parts.handOn(exchange, message),
      );
      if (isDone) settle({ resource: undefined }, 'handed-on');
    };

    const topic = parseRoutingKey(message.routingKey);
    // Our own replies, should a binding let them in, and what no device may send: the door refuses both.
    if (topic === undefined || topic.suffix !== undefined) {
      settle({ resource: undefined }, 'ignored');
      return;
    }
    const owner = destinationOf(topic.extension) ?? here;
    // Put here by an earlier version, which had one queue for all.
    if (owner !== here && here !== REGISTRY) return handOn(DESTINATIONS_EXCHANGE);

    const admission = await admit(topic, message.payload.length, window, here);
    const outcome =
      admission.kind === 'admitted' && owner === here
        ? await answer(message, topic, admission, window)
        : admission;
    switch (outcome.kind) {
      case 'admitted':
        return handOn(DESTINATIONS_EXCHANGE);
      case 'undecided':
        if (window.isOpen) await handOn(UNDECIDED_EXCHANGE);
        return;
      case 'done':
        if (outcome.resource !== undefined && answersSuccess(outcome.resource, topic)) {
          await parts.respond.status(topic, outcome.body, message, outcome.expiresAt);
        }
        settle(outcome, 'done');
        return;
      case 'refused':
        await parts.respond.error(topic, outcome.statusCode, outcome.reasonPhrase, message);
        settle(outcome, `refused-${outcome.statusCode}`);
        return;
      case 'failed':
        if (await isParked(message, topic, outcome.cause, window)) {
          await parts.respond.error(topic, 500, 'internal error', message);
          settle(outcome, 'parked');
        }
        return;
      case 'abandoned':
        // After a loss of the channel it comes again and is answered then.
        return;
    }
  };

  /**
   * Whose it is. When only device-registry could say and cannot be asked, who waits for an answer is told so; a write waits
   * in the registry's own queue, so that it holds up nobody whose token is known.
   */
  async function admit(
    topic: Topic,
    bytes: number,
    window: AckWindow,
    here: Destination,
  ): Promise<TokenAdmission> {
    for (;;) {
      const admission = await parts.uplink.admit(topic, bytes);
      if (admission.kind !== 'undecided') return admission;
      if (admission.resource?.kind === 'fetch') {
        const refusal = refusalOf(admission.cause, true);
        if (refusal !== undefined) return { ...admission, kind: 'refused', ...refusal };
      }
      if (here !== REGISTRY || !window.isOpen) return admission;
      await sleep(AGAIN_MS);
    }
  }

  function answer(
    { payload, arrivedAt, redelivered, duplicate, waitedMs }: InboundMessage,
    topic: Topic,
    { device }: Extract<TokenAdmission, { kind: 'admitted' }>,
    window: AckWindow,
  ): Promise<Outcome> {
    const isWanted = (): boolean => window.isOpen;
    const marks = { redelivered, duplicate, whenAway: 'wait' as const };
    return parts.uplink.answer({ device, topic, payload, arrivedAt, ...marks, waitedMs, isWanted });
  }

  /** When it is safely aside: acknowledged before that, it would be gone. */
  function isParked(
    message: InboundMessage,
    topic: Topic,
    cause: unknown,
    window: AckWindow,
  ): Promise<boolean> {
    const reason = cause instanceof Unprocessable ? cause.message : reasonOf(cause);
    parts.logger.error({ err: cause, ...describeToken(topic) }, 'a message is set aside');
    return untilDone(window, 'a message could not be set aside yet', () => parts.park(message, reason));
  }

  /**
   * False: the channel is gone, and the message with it. What can be done never, by a fault of ours, is tried for ever as
   * well, but seldom: the broker keeps the message, which was acknowledged to its device, and what is behind it goes on.
   */
  async function untilDone(window: AckWindow, failure: string, act: () => Promise<void>): Promise<boolean> {
    while (window.isOpen) {
      try {
        await act();
        return true;
      } catch (error) {
        parts.logger.error({ err: error }, failure);
        await rest(window, isPassing(error) ? 1 : SELDOM);
      }
    }
    return false;
  }
};

/** Not longer than anybody waits for what comes after it. */
const rest = async (window: AckWindow, times: number): Promise<void> => {
  for (let one = 0; one < times && window.isOpen; one += 1) await sleep(AGAIN_MS);
};
