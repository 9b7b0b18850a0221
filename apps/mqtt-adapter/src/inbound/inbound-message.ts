import { setTimeout as sleep } from 'node:timers/promises';
import { answersSuccess, parseRoutingKey, type Topic } from '@muster/kp1';
import type { Logger, Metrics } from '@muster/observability';
import { describeTopic, type Uplink } from '@muster/uplink';
import type { Responder } from '../outbound/respond.js';
import type { AckWindow } from './ack-window.js';

/** One message as the broker delivers it. */
export interface InboundMessage {
  readonly routingKey: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** The broker says it may have delivered this before. */
  readonly redelivered: boolean;
  /** The client says it may have sent this before: another message in the queue, not the same one again. */
  readonly duplicate: boolean;
  /** How long it may have waited in the queue, in milliseconds; Infinity: nobody knows. */
  readonly waitedMs: number;
  readonly deliveryTag: number;
}

export interface InboundParts {
  readonly uplink: Pick<Uplink, 'answer'>;
  readonly respond: Pick<Responder, 'status' | 'error'>;
  /** Sets a message aside for somebody to look at. */
  readonly park: (message: InboundMessage, reason: string) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const PARK_AGAIN_MS = 1_000;

/**
 * The whole path of a message: parse → answer (authorise and dispatch, in libs/uplink) → respond → acknowledge. The
 * acknowledgement comes last and only after a final outcome: stored, refused with a reason, or parked. A message without
 * one stays unacknowledged, and as the broker hands out no more than its prefetch window, that alone stops the
 * consumption; there is no nack.
 */
export const inboundMessages = (parts: InboundParts) => {
  const outcomes = parts.metrics.counter('muster_mqtt_messages_total', 'Messages of devices', [
    'resource',
    'outcome',
  ]);

  return async (message: InboundMessage, window: AckWindow): Promise<void> => {
    const topic = parseRoutingKey(message.routingKey);
    // Our own replies, should a binding let them in, and what no device may send: the broker's callbacks refuse both.
    if (topic === undefined || topic.suffix !== undefined) {
      outcomes.inc({ resource: 'none', outcome: 'ignored' });
      window.finish(message.deliveryTag);
      return;
    }
    const { payload, redelivered, duplicate, waitedMs, qos } = message;
    const isWanted = (): boolean => window.isOpen;
    const marks = { redelivered, duplicate };
    const outcome = await parts.uplink.answer({ topic, payload, ...marks, waitedMs, isWanted });
    const { resource } = outcome;
    const settled = (label: string): void => {
      outcomes.inc({ resource: resource?.name ?? 'none', outcome: label });
      window.finish(message.deliveryTag);
    };
    switch (outcome.kind) {
      case 'done':
        if (resource !== undefined && answersSuccess(resource, topic)) {
          await parts.respond.status(topic, outcome.body, qos);
        }
        settled('done');
        return;
      case 'refused':
        await parts.respond.error(topic, outcome.statusCode, outcome.reasonPhrase, qos);
        settled(`refused-${outcome.statusCode}`);
        return;
      case 'dropped':
        settled('dropped');
        return;
      case 'failed':
        await parkPatiently(message, topic, outcome.cause, window);
        await parts.respond.error(topic, 500, 'internal error', qos);
        settled('parked');
        return;
      case 'abandoned':
        // After a loss of the channel it comes again and is answered then.
        return;
    }
  };

  /** Until it is safely aside: acknowledged before that, it would be gone. */
  async function parkPatiently(
    message: InboundMessage,
    topic: Topic,
    cause: unknown,
    window: AckWindow,
  ): Promise<void> {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    parts.logger.error({ err: cause, ...describeTopic(topic) }, 'a message was parked');
    while (window.isOpen) {
      try {
        await parts.park(message, reason);
        return;
      } catch (error) {
        parts.logger.error({ err: error }, 'a message could not be parked yet');
        await sleep(PARK_AGAIN_MS);
      }
    }
  }
};
