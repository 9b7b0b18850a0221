import { AppError } from '@muster/contracts';
import { matchResource, type Resource, type ResourceName } from '@muster/kp1';
import type { Metrics } from '@muster/observability';
import { describeTopic, type BoundedLog } from './bounded-log.js';
import type { Admitted } from './device-directory.js';
import type { LastSeenTimes } from './last-seen.js';
import { Abandoned, type Waiter } from './micro-batcher.js';
import type { RateLimits } from './rate-limits.js';
import { refusalOf, type Refusal } from './refusal.js';
import type { RequestTopic, Route } from './routed-message.js';
import type { Sightings } from './sightings.js';
import { assertSize } from './token-admission.js';

/** One request of a device, whichever door it came through and however the door knows the device. */
export interface DeviceRequest extends Waiter {
  /** Who asks: the door has made sure of it. */
  readonly device: Admitted;
  readonly topic: RequestTopic;
  readonly payload: Buffer;
  /** When the door had it, as `Uplink.arrival` says. What it waits for afterwards makes no sample younger. */
  readonly arrivedAt: number;
  /** The broker says it may have delivered this before. */
  readonly redelivered: boolean;
  /** The client says it may have sent this before. */
  readonly duplicate: boolean;
  /** How long it may have waited in front of the door until then, in milliseconds; Infinity: nobody knows. Default: not at all. */
  readonly waitedMs?: number;
}

/** What became of a request. `resource` is undefined where its topic names none. */
export type Outcome = { readonly resource: Resource | undefined } &
  /** `expiresAt`: not to be given after this. */
  (
    | { readonly kind: 'done'; readonly body: string; readonly expiresAt?: string }
    | ({ readonly kind: 'refused'; readonly cause: unknown } & Refusal)
    /** By a fault of ours; nothing was stored. */
    | { readonly kind: 'failed'; readonly cause: unknown }
    /** Nobody waits for it any more. */
    | { readonly kind: 'abandoned' }
  );

export interface RequestParts {
  readonly routes: Readonly<Record<ResourceName, Route>>;
  readonly sightings: Pick<Sightings, 'note'>;
  readonly lastSeen: Pick<LastSeenTimes, 'note'>;
  /** Absent: the door keeps the pace of its devices in another way. */
  readonly limits?: Pick<RateLimits, 'check'>;
  readonly refusals: BoundedLog;
  readonly metrics: Metrics;
  readonly maxPayloadBytes: number;
}

/**
 * The path of an identified device's request that all doors share: count → dispatch → outcome. Never rejects. Resolves only
 * with a final outcome: with `wait`, a write whose service is away stays unresolved until it is back or nobody wants it any
 * more.
 */
export const deviceRequests = (parts: RequestParts): ((request: DeviceRequest) => Promise<Outcome>) => {
  // By limit and verdict only: a label per device would be a series per device.
  const limited = parts.metrics.counter(
    'muster_device_messages_limited_total',
    'Messages over a limit, refused in words',
    ['limit'],
  );

  return async (request) => {
    const { device, topic, payload, arrivedAt, redelivered, duplicate, isWanted, whenAway } = request;
    const { waitedMs = 0 } = request;
    const { entry, settings } = device;
    const matched = matchResource(topic);
    const resource = matched?.resource;
    try {
      assertSize(payload.length, parts.maxPayloadBytes);
      // Whatever becomes of it: a device that is too fast, or wrong, is there.
      parts.lastSeen.note(device, arrivedAt / 1_000 - waitedMs);
      keepPace(entry);
      parts.sightings.note(entry, topic.appVersion);
      if (matched === undefined) throw new AppError('resource-unknown', 'unknown resource');
      const { parameters } = matched;
      const route = parts.routes[matched.resource.name];
      const marks = { redelivered, duplicate };
      const reply = await route({
        topic,
        parameters,
        payload,
        arrivedAt,
        entry,
        settings,
        ...marks,
        isWanted,
        whenAway,
      });
      if (!isWanted()) return { kind: 'abandoned', resource };
      return { kind: 'done', resource, ...(typeof reply === 'string' ? { body: reply } : reply) };
    } catch (error) {
      if (error instanceof Abandoned || !isWanted()) return { kind: 'abandoned', resource };
      const refusal = refusalOf(error, whenAway === 'refuse' || resource?.kind === 'fetch');
      if (refusal === undefined) return { kind: 'failed', resource, cause: error };
      const { statusCode, reasonPhrase: reason } = refusal;
      parts.refusals.info(
        `${entry.deviceId} ${reason}`,
        { deviceId: entry.deviceId, ...describeTopic(topic), statusCode, reason },
        'a message was refused',
      );
      return { kind: 'refused', resource, cause: error, ...refusal };
    }
  };

  function keepPace(entry: Admitted['entry']): void {
    const pace = parts.limits?.check(entry);
    if (pace === undefined || pace.verdict === 'pass') return;
    limited.inc({ limit: pace.limit });
    throw new AppError('too-many-requests', pace.reason, { retryAfterSeconds: 1 });
  }
};
