import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import {
  answersSuccess,
  matchResource,
  parseRoutingKey,
  PayloadError,
  type Resource,
  type ResourceName,
  type Topic,
} from '@muster/kp1';
import type { Logger, Metrics } from '@muster/observability';
import { tokenHint, type BoundedLog } from '../bounded-log.js';
import type { AccessQuestions } from '../directory/access-questions.js';
import type { Admission, DeviceDirectory } from '../directory/device-directory.js';
import type { Sightings } from '../directory/sightings.js';
import type { Responder } from '../outbound/respond.js';
import type { AckWindow } from './ack-window.js';
import { Abandoned } from './micro-batcher.js';
import type { Route } from './routes.js';

/** One message as the broker delivers it. */
export interface InboundMessage {
  readonly routingKey: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** The broker or the client says it may have been here before. */
  readonly redelivered: boolean;
  readonly deliveryTag: number;
}

export interface InboundParts {
  readonly routes: Readonly<Record<ResourceName, Route>>;
  readonly directory: Pick<DeviceDirectory, 'admit'>;
  readonly questions: Pick<AccessQuestions, 'admit'>;
  readonly sightings: Pick<Sightings, 'note'>;
  readonly respond: Pick<Responder, 'status' | 'error'>;
  /** Sets a message aside for somebody to look at. */
  readonly park: (message: InboundMessage, reason: string) => Promise<void>;
  readonly maxPayloadBytes: number;
  readonly logger: Logger;
  readonly refusals: BoundedLog;
  readonly metrics: Metrics;
}

const PARK_AGAIN_MS = 1_000;
const ASK_AGAIN_MS = [100, 250, 500, 1_000];

/**
 * The whole path of a message: parse → authorise → dispatch → respond → acknowledge. The acknowledgement comes last and
 * only after a final outcome: stored, refused with a reason, or parked. A message without one stays unacknowledged, and
 * as the broker hands out no more than its prefetch window, that alone stops the consumption; there is no nack.
 */
export const inboundMessages = (parts: InboundParts) => {
  const outcomes = parts.metrics.counter('muster_mqtt_messages_total', 'Messages of devices', [
    'resource',
    'outcome',
  ]);

  return async (message: InboundMessage, window: AckWindow): Promise<void> => {
    const topic = parseRoutingKey(message.routingKey);
    let resource: Resource | undefined;
    const settled = (outcome: string): void => {
      outcomes.inc({ resource: resource?.name ?? 'none', outcome });
      window.finish(message.deliveryTag);
    };
    // Our own replies, should a binding let them in, and what no device may send: the broker's callbacks refuse both.
    if (topic === undefined || topic.suffix !== undefined) {
      settled('dropped');
      return;
    }
    try {
      const matched = matchResource(topic);
      resource = matched?.resource;
      if (message.payload.length > parts.maxPayloadBytes) {
        throw new AppError('payload-too-large', `payload must have at most ${parts.maxPayloadBytes} bytes`);
      }
      const { entry, settings } = admitted(await admit(topic, resource, window));
      parts.sightings.note(entry, topic.appVersion);
      if (matched === undefined) throw new AppError('resource-unknown', 'unknown resource');
      const body = await parts.routes[matched.resource.name]({
        topic,
        parameters: matched.parameters,
        payload: message.payload,
        entry,
        settings,
        redelivered: message.redelivered,
        isWanted: () => window.isOpen,
      });
      // After a loss of the channel it comes again and is answered then.
      if (!window.isOpen) return;
      if (answersSuccess(matched.resource, topic)) await parts.respond.status(topic, body, message.qos);
      settled('done');
    } catch (error) {
      if (error instanceof Abandoned || !window.isOpen) return;
      const refusal = refusalOf(error, resource);
      if (refusal === undefined) {
        await parkPatiently(message, error, window);
        await parts.respond.error(topic, 500, 'internal error', message.qos);
        settled('parked');
        return;
      }
      parts.refusals.info(
        `${topic.token} ${refusal.reasonPhrase}`,
        { ...told(topic), statusCode: refusal.statusCode, reason: refusal.reasonPhrase },
        'a message was refused',
      );
      await parts.respond.error(topic, refusal.statusCode, refusal.reasonPhrase, message.qos);
      settled(`refused-${refusal.statusCode}`);
    }
  };

  /** Memory first. Where device-registry must be asked and is away, a write waits, and a fetch is told so. */
  async function admit(topic: Topic, resource: Resource | undefined, window: AckWindow): Promise<Admission> {
    const known = parts.directory.admit(topic.token, topic.appVersion);
    if (known.admitted || known.ask === undefined) return known;
    for (let tries = 0; ; tries += 1) {
      try {
        return await parts.questions.admit(topic.token, topic.appVersion);
      } catch (error) {
        if (!(error instanceof AppError) || error.status < 500 || resource?.kind === 'fetch') throw error;
        await sleep(ASK_AGAIN_MS[Math.min(tries, ASK_AGAIN_MS.length - 1)]);
        if (!window.isOpen) throw new Abandoned('the channel is gone');
      }
    }
  }

  /** Until it is safely aside: acknowledged before that, it would be gone. */
  async function parkPatiently(message: InboundMessage, cause: unknown, window: AckWindow): Promise<void> {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const topic = parseRoutingKey(message.routingKey);
    parts.logger.error({ err: cause, ...(topic === undefined ? {} : told(topic)) }, 'a message was parked');
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

const admitted = (admission: Admission): Extract<Admission, { admitted: true }> => {
  if (admission.admitted) return admission;
  throw new AppError(admission.code, admission.reason);
};

/** What the device is told; undefined: it is our fault, and nobody waits for the content. */
const refusalOf = (
  error: unknown,
  resource: Resource | undefined,
): { readonly statusCode: number; readonly reasonPhrase: string } | undefined => {
  if (error instanceof PayloadError) return error;
  if (error instanceof AppError && (error.status < 500 || resource?.kind === 'fetch')) {
    return { statusCode: error.status, reasonPhrase: error.detail };
  }
  return undefined;
};

const told = (topic: Topic): Record<string, string> => ({
  appVersion: topic.appVersion,
  extension: topic.extension,
  tokenHint: tokenHint(topic.token),
  path: topic.path.join('/'),
});
