import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '@muster/contracts';
import { parseTopic, type Topic } from '@muster/kp1';
import type { Logger, Metrics } from '@muster/observability';
import {
  describeToken,
  refusalOf,
  type Admitted,
  type Outcome,
  type TokenAdmission,
  type Uplink,
} from '@muster/uplink';
import { answerBody, answerRefusal } from '../http/answer.js';
import type { DeviceRoute } from '../http/device-server.js';
import { HttpFault, refusal } from '../http/http-fault.js';
import { readBody } from '../http/read-body.js';
import type { Strangers } from '../http/strangers.js';
import { authenticate, secretsIn, STRANGER } from './device-credential.js';

export interface Kp1RouteParts {
  readonly uplink: Pick<Uplink, 'admit' | 'answer' | 'arrival'>;
  readonly strangers: Strangers;
  readonly maxPayloadBytes: number;
  readonly bodyTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** HTTP does not say that a request is sent again, and nothing is acknowledged before its outcome. */
const MARKS = { redelivered: false, duplicate: false, whenAway: 'refuse' } as const;

/**
 * The device API over HTTP: the topic of MQTT is the path, the payload the body, `/status` and `/error` are the answer.
 * Nothing is pushed. A request id is not needed, because HTTP tells which answer belongs to which request; one that is
 * there is echoed in `id` as over MQTT.
 */
export const kp1Route = (parts: Kp1RouteParts): DeviceRoute => {
  const outcomes = parts.metrics.counter('muster_http_device_requests_total', 'Requests of devices', [
    'resource',
    'outcome',
  ]);

  const handle: DeviceRoute['handle'] = async (request, response, { rest, address, enter }) => {
    const topic = topicOf(rest);
    if (topic === undefined) throw new HttpFault(404, 'unknown resource');
    // Before a byte of the body is read: whoever is not let in does not get to send one.
    const admission = await admit(request, topic, address);
    if (admission.kind !== 'admitted') {
      tell(request, response, topic, notAdmitted(admission));
      return;
    }
    const { device } = admission;
    enter(device.entry.deviceId);
    const payload = await readBody(request, {
      maxBytes: parts.maxPayloadBytes,
      timeoutMs: parts.bodyTimeoutMs,
    });
    const arrivedAt = parts.uplink.arrival();
    tell(request, response, topic, await answerInTime(response, { device, topic, payload, arrivedAt }));
  };

  const admit = async (
    request: IncomingMessage,
    topic: Topic,
    address: string | undefined,
  ): Promise<TokenAdmission> => {
    const secrets = secretsIn(request.headers);
    const shown = { address, proof: [topic.token, ...secrets].join('\n') };
    parts.strangers.refuseGuesser(shown);
    const admission = await parts.uplink.admit(topic, 0, authenticate(secrets));
    if (admission.kind === 'admitted') parts.strangers.wasRight(shown);
    if (admission.kind !== 'refused' || admission.statusCode !== 401) return admission;
    await parts.strangers.wasWrong(shown);
    return { ...admission, reasonPhrase: STRANGER };
  };

  const tell = (request: IncomingMessage, response: ServerResponse, topic: Topic, outcome: Outcome): void => {
    const label = outcome.kind === 'refused' ? `refused-${outcome.statusCode}` : outcome.kind;
    outcomes.inc({ resource: outcome.resource?.name ?? 'none', outcome: label });
    switch (outcome.kind) {
      case 'done':
        // Also what is unchanged is 200, with 304 in its body: HTTP's own 304 answers conditional GETs only, and client
        // libraries take it for an error of a POST or wait for a cached body. The payload is the one of MQTT.
        answerBody(request, response, outcome.body);
        return;
      case 'refused': {
        const { statusCode, reasonPhrase, retryAfterSeconds } = outcome;
        answerRefusal(request, response, refusal(statusCode, reasonPhrase, retryAfterSeconds));
        return;
      }
      case 'failed':
        parts.logger.error({ err: outcome.cause, ...describeToken(topic) }, 'a request of a device failed');
        answerRefusal(request, response, refusal(500, 'internal error'));
        return;
      case 'abandoned':
        // To a device that has gone away this is told to nobody; to the others when we stop.
        answerRefusal(request, response, refusal(503, 'the platform is stopping; send it again'));
        return;
    }
  };

  /** Gives up waiting, not the work: what is under way may still be stored. */
  async function answerInTime(
    response: ServerResponse,
    asked: { device: Admitted; topic: Topic; payload: Buffer; arrivedAt: number },
  ): Promise<Outcome> {
    let isWanted = true;
    const giveUp = (): void => {
      isWanted = false;
    };
    response.once('close', giveUp);
    let timer: NodeJS.Timeout | undefined;
    const reasonPhrase = `no answer within ${parts.answerTimeoutMs} ms; whether it was stored is not known`;
    const cause = new AppError('deadline-exceeded', reasonPhrase);
    const late = new Promise<Outcome>((resolve) => {
      timer = setTimeout(() => {
        giveUp();
        resolve({ kind: 'refused', resource: undefined, cause, statusCode: cause.status, reasonPhrase });
      }, parts.answerTimeoutMs);
    });
    const answer = parts.uplink.answer({ ...asked, ...MARKS, isWanted: () => isWanted });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
      response.off('close', giveUp);
    }
  }

  return { prefix: '/kp1/', exists: (rest) => topicOf(rest) !== undefined, methods: ['POST'], handle };
};

/** Who is asked to come again is told so, here and now: it holds a connection open for it. */
const notAdmitted = (admission: Exclude<TokenAdmission, { kind: 'admitted' }>): Outcome => {
  if (admission.kind !== 'undecided') return admission;
  const { resource, cause } = admission;
  const refusal = refusalOf(cause, true);
  return refusal === undefined
    ? { kind: 'failed', resource, cause }
    : { kind: 'refused', resource, cause, ...refusal };
};

/** Undefined: the path is no topic. Which resource a topic names is the uplink's business. */
const topicOf = (rest: string): Topic | undefined => {
  const path = decoded(rest);
  return path === undefined ? undefined : parseTopic(`kp1/${path}`);
};

/** An escaped `/` stays escaped: it must not become another level. */
const decoded = (path: string): string | undefined => {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path.replaceAll(/%2f/gi, '%252F'));
  } catch {
    return undefined;
  }
};
