import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import { matchResource, PayloadError, type Resource, type ResourceName, type Topic } from '@muster/kp1';
import type { Metrics } from '@muster/observability';
import type { AccessQuestions } from './access-questions.js';
import { tokenHint, type BoundedLog } from './bounded-log.js';
import type { Admission, Admitted, DeviceDirectory } from './device-directory.js';
import { Abandoned, type WhenAway } from './micro-batcher.js';
import type { LastSeenTimes } from './last-seen.js';
import type { RateLimits } from './rate-limits.js';
import type { Route } from './routes.js';
import type { Sightings } from './sightings.js';

/** One request of a device, whichever door it came through. */
export interface DeviceRequest {
  /** Of a request: without a reply suffix. */
  readonly topic: Topic;
  readonly payload: Buffer;
  /** The broker says it may have delivered this before. */
  readonly redelivered: boolean;
  /** The client says it may have sent this before. */
  readonly duplicate: boolean;
  /** False when nobody waits for the outcome: over MQTT it will be delivered again, over HTTP the connection is gone. */
  readonly isWanted: () => boolean;
  /** How long it may have waited in front of us, in milliseconds; Infinity: nobody knows. Default: not at all. */
  readonly waitedMs?: number;
  /** Where nobody has done it before: checks who speaks for a token that may be used. Throws `AppError`. */
  readonly authenticate?: (admitted: Admitted) => void;
}

/** What became of a request. `resource` is undefined where its topic names none. */
export type Outcome = { readonly resource: Resource | undefined } & (
  | { readonly kind: 'done'; readonly body: string }
  | {
      readonly kind: 'refused';
      readonly statusCode: number;
      /** For the device's developer. */
      readonly reasonPhrase: string;
      readonly retryAfterSeconds?: number;
    }
  /** Far too many of these: counted, and not even answered where the protocol allows that. */
  | { readonly kind: 'dropped' }
  /** By a fault of ours; nothing was stored. */
  | { readonly kind: 'failed'; readonly cause: unknown }
  /** Nobody waits for it any more. */
  | { readonly kind: 'abandoned' }
);

export interface RequestParts {
  readonly routes: Readonly<Record<ResourceName, Route>>;
  readonly directory: Pick<DeviceDirectory, 'admit'>;
  readonly questions: Pick<AccessQuestions, 'admit'>;
  readonly sightings: Pick<Sightings, 'note'>;
  readonly lastSeen: Pick<LastSeenTimes, 'note'>;
  readonly limits: Pick<RateLimits, 'check'>;
  readonly refusals: BoundedLog;
  readonly metrics: Metrics;
  readonly maxPayloadBytes: number;
  readonly whenAway: WhenAway;
}

const ASK_AGAIN_MS = [100, 250, 500, 1_000];

/**
 * The path of a request that all doors share: authorise → count → dispatch → outcome. Never rejects. Resolves only with a final
 * outcome: with `wait`, a write whose service is away stays unresolved until it is back or nobody wants it any more.
 */
export const deviceRequests = (parts: RequestParts): ((request: DeviceRequest) => Promise<Outcome>) => {
  // By limit and verdict only: a label per device would be a series per device.
  const limited = parts.metrics.counter('muster_device_messages_limited_total', 'Messages over a limit', [
    'limit',
    'verdict',
  ]);

  return async (request) => {
    const { topic, payload, redelivered, duplicate, isWanted, waitedMs } = request;
    const matched = matchResource(topic);
    const resource = matched?.resource;
    try {
      if (payload.length > parts.maxPayloadBytes) {
        throw new AppError('payload-too-large', `payload must have at most ${parts.maxPayloadBytes} bytes`);
      }
      const admitted = admittedBy(await admit(request, resource));
      request.authenticate?.(admitted);
      const { entry, settings } = admitted;
      // Whatever becomes of it: a device that is too fast, or wrong, is there.
      parts.lastSeen.note(entry, waitedMs);
      const pace = parts.limits.check(entry, waitedMs);
      if (pace.verdict !== 'pass') {
        limited.inc({ limit: pace.limit, verdict: pace.verdict });
        if (pace.verdict === 'drop') return { kind: 'dropped', resource };
        throw new AppError('too-many-requests', pace.reason, { retryAfterSeconds: 1 });
      }
      parts.sightings.note(entry, topic.appVersion);
      if (matched === undefined) throw new AppError('resource-unknown', 'unknown resource');
      const { parameters } = matched;
      const route = parts.routes[matched.resource.name];
      const marks = { redelivered, duplicate };
      const body = await route({ topic, parameters, payload, entry, settings, ...marks, isWanted });
      return isWanted() ? { kind: 'done', resource, body } : { kind: 'abandoned', resource };
    } catch (error) {
      if (error instanceof Abandoned || !isWanted()) return { kind: 'abandoned', resource };
      const refusal = refusalOf(error, resource);
      if (refusal === undefined) return { kind: 'failed', resource, cause: error };
      parts.refusals.info(
        `${topic.token} ${refusal.reasonPhrase}`,
        { ...describeTopic(topic), statusCode: refusal.statusCode, reason: refusal.reasonPhrase },
        'a message was refused',
      );
      return { kind: 'refused', resource, ...refusal };
    }
  };

  /** Memory first. Where device-registry must be asked and is away, a write of the broker's waits; others are told so. */
  async function admit(
    { topic, isWanted }: DeviceRequest,
    resource: Resource | undefined,
  ): Promise<Admission> {
    const known = parts.directory.admit(topic.token, topic.appVersion);
    if (known.admitted || known.ask === undefined) return known;
    for (let tries = 0; ; tries += 1) {
      try {
        return await parts.questions.admit(topic.token, topic.appVersion);
      } catch (error) {
        if (!(error instanceof AppError) || error.status < 500 || isToldOfFaults(resource)) throw error;
        await sleep(ASK_AGAIN_MS[Math.min(tries, ASK_AGAIN_MS.length - 1)]);
        if (!isWanted()) throw new Abandoned('nobody waits for it');
      }
    }
  }

  /** Somebody waits for the answer, and can ask again. */
  function isToldOfFaults(resource: Resource | undefined): boolean {
    return parts.whenAway === 'refuse' || resource?.kind === 'fetch';
  }

  /** What the device is told; undefined: it is our fault, and nobody waits for the content. */
  function refusalOf(
    error: unknown,
    resource: Resource | undefined,
  ):
    | { readonly statusCode: number; readonly reasonPhrase: string; readonly retryAfterSeconds?: number }
    | undefined {
    if (error instanceof PayloadError) {
      return { statusCode: error.statusCode, reasonPhrase: error.reasonPhrase };
    }
    if (!(error instanceof AppError) || (error.status >= 500 && !isToldOfFaults(resource))) return undefined;
    const { status, detail, retryAfterSeconds } = error;
    return {
      statusCode: status,
      reasonPhrase: detail,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    };
  }
};

const admittedBy = (admission: Admission): Admitted => {
  if (admission.admitted) return admission;
  throw new AppError(admission.code, admission.reason);
};

/** For a log: never the whole token, because whoever knows it is the device. */
export const describeTopic = (topic: Topic): Record<string, string> => ({
  appVersion: topic.appVersion,
  extension: topic.extension,
  tokenHint: tokenHint(topic.token),
  path: topic.path.join('/'),
});
