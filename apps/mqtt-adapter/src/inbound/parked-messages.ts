import { createHash } from 'node:crypto';
import { AppError } from '@muster/contracts';
import { parseRoutingKey, PayloadError, type Topic } from '@muster/kp1';
import { failedReplay, park, unpack, type Bus, type Replay } from '@muster/messaging';
import { currentTrace } from '@muster/observability';
import { tokenHint, Unprocessable, type Uplink } from '@muster/uplink';
import { DESTINATIONS, destinationOf, REGISTRY, type Destination } from '../broker/topology.js';
import { ARRIVED_AT, type InboundMessage } from './inbound-message.js';

const STREAM = 'rabbitmq';

/** Of a queue, as it is written in subjects. */
const consumerOf = ({ queue }: Pick<Destination, 'queue'>): string => queue.replaceAll('.', '-');

/** Somebody waits for the answer; campaign-orchestrator gives up a little later. */
const REPLAY_MS = 8_000;

/**
 * Sets a device's message aside. The broker gives messages no ids, and numbers of deliveries are different each time: a
 * message is known by its topic, its content and the time that the door gave it. Without such a time, two that are the same
 * in both say the same, and are one record.
 */
export const parkMessage =
  (bus: Bus, { directory }: Pick<Uplink, 'directory'>) =>
  (
    {
      routingKey,
      payload,
      arrivedAt,
      isTimed,
    }: Pick<InboundMessage, 'routingKey' | 'payload' | 'arrivedAt' | 'isTimed'>,
    reason: string,
  ): Promise<void> => {
    const topic = parseRoutingKey(routingKey);
    const admission = topic && directory.admit(topic.token, topic.appVersion);
    const traceparent = currentTrace()?.traceparent;
    return park(bus, {
      stream: STREAM,
      consumer: consumerOf((topic && destinationOf(topic.extension)) ?? REGISTRY),
      id: [
        routingKey,
        createHash('sha256').update(payload).digest('hex'),
        ...(isTimed ? [String(arrivedAt)] : []),
      ].join('\n'),
      subject: routingKey,
      shownSubject: topic === undefined ? 'no topic of a device' : shownTopic(topic),
      payload,
      tenantId: admission?.admitted === true ? admission.entry.tenantId : undefined,
      headers: {
        ...(traceparent === undefined ? {} : { traceparent }),
        ...(isTimed ? { [ARRIVED_AT]: String(arrivedAt) } : {}),
      },
      reason,
    });
  };

/** Never the whole token: whoever knows it is the device. */
const shownTopic = ({ appVersion, extension, token, path, requestId }: Topic): string =>
  [
    'kp1',
    appVersion,
    extension,
    tokenHint(token),
    ...path,
    ...(requestId === undefined ? [] : [requestId]),
  ].join('/');

/** What the same process does with them when somebody wants them handled again. */
export const replaysOf = (uplink: Pick<Uplink, 'admit' | 'answer'>): Readonly<Record<string, Replay>> =>
  Object.fromEntries(DESTINATIONS.map((one) => [consumerOf(one), replayMessage(uplink)]));

let replays = 0;

/** The device is not answered: it was, with 500, when the message was parked. */
const replayMessage =
  (uplink: Pick<Uplink, 'admit' | 'answer'>): Replay =>
  async ({ subject, payload, parkedAt, headers }) => {
    const topic = parseRoutingKey(subject);
    if (topic === undefined || payload === undefined) {
      return { outcome: 'failed', code: 'resource-unknown', detail: 'It is no message of a device.' };
    }
    const content = unpack(payload);
    const arrivedAt = headers[ARRIVED_AT];
    const admission = await uplink.admit(topic, content.length);
    const until = Date.now() + REPLAY_MS;
    const outcome =
      admission.kind === 'admitted'
        ? await uplink.answer({
            device: admission.device,
            topic,
            payload: content,
            // Else near it; so near that a sample of it finds its row. No two alike.
            arrivedAt:
              arrivedAt === undefined
                ? Date.parse(parkedAt) * 1_000 + (replays++ % 1_000)
                : Number(arrivedAt),
            // It may have been stored before it was parked; with its own time that is seen without the mark.
            redelivered: arrivedAt === undefined,
            duplicate: false,
            // It was parked some time after it came, and its device has been heard then.
            waitedMs: Infinity,
            isWanted: () => Date.now() < until,
            // Who asks for it waits for what comes of it.
            whenAway: 'refuse',
          })
        : admission;
    switch (outcome.kind) {
      case 'done':
        return { outcome: 'done' };
      case 'refused':
      case 'failed':
      case 'undecided':
        return failedReplay(faultOf(outcome.cause));
      case 'abandoned':
        throw new AppError('unavailable', 'It could not be handled in time.');
    }
  };

/** As the catalogue says it. */
const faultOf = (cause: unknown): unknown => {
  if (cause instanceof Unprocessable) return cause.fault;
  return cause instanceof PayloadError ? new AppError('invalid-payload', cause.message) : cause;
};
