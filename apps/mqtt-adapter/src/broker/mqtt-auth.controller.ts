import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@muster/contracts';
import { matchResource, parseRoutingKey } from '@muster/kp1';
import type { Logger, Metrics } from '@muster/observability';
import {
  tokenHint,
  type AccessQuestions,
  type Admission,
  type BoundedLog,
  type DeviceDirectory,
  type Sightings,
} from '@muster/uplink';
import {
  decideResource,
  decideTopic,
  decideUser,
  decideVhost,
  type Parameters,
  type TopicClaim,
  type Verdict,
} from './access-rules.js';
import type { ClientUses } from './client-uses.js';
import { coversPush, type Subscribers } from './subscribers.js';

export interface MqttAuthParts {
  readonly host: string;
  readonly port: number;
  /** Clients without credentials are let in, as far as the tokens in their topics go. */
  readonly anonymous: boolean;
  readonly directory: Pick<DeviceDirectory, 'admit'>;
  readonly questions: Pick<AccessQuestions, 'admit'>;
  readonly sightings: Pick<Sightings, 'note'>;
  readonly subscribers: Pick<Subscribers, 'add'>;
  readonly uses: Pick<ClientUses, 'connecting' | 'note'>;
  /** Somebody is about to publish where the broker would drop it without a word. */
  readonly unknownResource: (routingKey: string) => void;
  readonly refusals: BoundedLog;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface MqttAuth {
  readonly port: number;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 16 * 1024;
/**
 * The broker opens a connection for each question it has at once. Node's default of 511 overflowed when 2,000 devices
 * connected within 50 s: the questions timed out, and the broker cut 1,549 of them off.
 */
const BACKLOG = 4_096;

/**
 * Answers RabbitMQ's HTTP authorisation callbacks (rabbitmq_auth_backend_http). Plain node:http, not a Nest controller:
 * each new topic of each connection waits for one or two of these, one after the other, so its time is the ceiling for
 * topics with request ids. Fails closed: whatever is not 200 with `allow` is a refusal.
 */
export const startMqttAuth = async (parts: MqttAuthParts): Promise<MqttAuth> => {
  const answer = answerer(parts);
  const server = createServer((request, response) => {
    readForm(request).then(
      async (parameters) => {
        const allowed = await answer(request.url ?? '', parameters);
        send(response, 200, allowed ? 'allow' : 'deny');
      },
      () => send(response, 400, 'deny'),
    );
  });
  server.keepAliveTimeout = 60_000; // the broker's client reuses its connections
  server.listen({ port: parts.port, host: parts.host, backlog: BACKLOG });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a pipe's name
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};

/** Without the HTTP around it. Never rejects. */
export const answerer = (
  parts: MqttAuthParts,
): ((path: string, parameters: Parameters) => boolean | Promise<boolean>) => {
  const decisions = parts.metrics.counter('muster_mqtt_auth_total', 'Answers to the broker', [
    'question',
    'answer',
  ]);
  const unknownResources = new RecentlyTold();

  const refuse = (question: string, parameters: Parameters, why: string, claim?: TopicClaim): false => {
    decisions.inc({ question, answer: 'deny' });
    const clientId = parameters.get('client_id') ?? parameters.get('variable_map.client_id') ?? '';
    parts.refusals.info(
      `${clientId} ${question} ${why}`,
      { clientId: clientId.slice(0, 128), question, why, ...(claim === undefined ? {} : told(claim)) },
      'the broker was told to refuse a client',
    );
    return false;
  };

  const allow = (question: string): true => {
    decisions.inc({ question, answer: 'allow' });
    return true;
  };

  const decideClaim = (
    claim: TopicClaim,
    parameters: Parameters,
    admission: Admission,
  ): boolean | Promise<boolean> => {
    if (!admission.admitted) return refuse('topic', parameters, admission.reason, claim);
    const clientId = parameters.get('variable_map.client_id') ?? '';
    // To subscribe says nothing of what runs: a client may subscribe as several versions. What it sends does.
    const isRead = claim.permission === 'read';
    parts.sightings.note(admission.entry, isRead ? admission.entry.appVersion : claim.appVersion);
    const noted = parts.uses.note(clientId, admission.entry);
    if (isRead) {
      if (coversPush(claim.routingKey)) parts.subscribers.add(clientId, claim.routingKey);
      return noted.then(() => allow('topic'));
    }
    const topic = parseRoutingKey(claim.routingKey);
    if (topic === undefined || matchResource(topic) === undefined) {
      // Allowed all the same: a refusal closes the connection without a word. 3.10 asks twice for each publish.
      if (unknownResources.isNew(`${clientId} ${claim.routingKey}`)) parts.unknownResource(claim.routingKey);
    }
    return noted.then(() => allow('topic'));
  };

  const answerTopic = (parameters: Parameters, verdict: Verdict): boolean | Promise<boolean> => {
    if (!('topic' in verdict)) return plain('topic', parameters, verdict);
    const claim = verdict.topic;
    const known = parts.directory.admit(claim.token, claim.appVersion);
    if (known.admitted || known.ask === undefined) return decideClaim(claim, parameters, known);
    return parts.questions.admit(claim.token, claim.appVersion).then(
      (admission) => decideClaim(claim, parameters, admission),
      (error: unknown) => {
        const code = error instanceof AppError ? error.code : 'internal';
        return refuse(
          'topic',
          parameters,
          `not in memory, and device-registry could not be asked: ${code}`,
          claim,
        );
      },
    );
  };

  const plain = (question: string, parameters: Parameters, verdict: Verdict): boolean => {
    if ('topic' in verdict) return false;
    return verdict.allow ? allow(question) : refuse(question, parameters, verdict.why);
  };

  return (path, parameters) => {
    switch (path) {
      case '/auth/user':
        return plain('user', parameters, decideUser(parameters, parts));
      case '/auth/vhost':
        parts.uses.connecting(parameters.get('client_id') ?? '');
        return plain('vhost', parameters, decideVhost(parameters, parts));
      case '/auth/resource':
        return plain('resource', parameters, decideResource(parameters, parts));
      case '/auth/topic':
        return answerTopic(parameters, decideTopic(parameters, parts));
      default:
        return refuse('other', parameters, 'no such question');
    }
  };
};

/** Never the whole token: whoever knows it is the device. */
const told = ({ permission, routingKey, appVersion, token }: TopicClaim): Record<string, string> => {
  const words = routingKey.split('.');
  return {
    permission,
    appVersion,
    extension: words[2] ?? '',
    tokenHint: tokenHint(token),
    path: words.slice(4).join('/'),
  };
};

const MAX_TOLD = 10_000;
const TOLD_MS = 1_000;

/** True once a second for each text. */
class RecentlyTold {
  private readonly told = new Map<string, number>();

  isNew(text: string): boolean {
    const now = Date.now();
    const last = this.told.get(text);
    if (last !== undefined && last + TOLD_MS > now) return false;
    this.told.delete(text);
    const oldest = this.told.keys().next();
    if (this.told.size >= MAX_TOLD && oldest.done !== true) this.told.delete(oldest.value);
    this.told.set(text, now);
    return true;
  }
}

const readForm = async (request: IncomingMessage): Promise<Parameters> => {
  if (request.method !== 'POST') throw new Error('not a POST');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('too large');
    chunks.push(chunk);
  }
  // A name given twice counts with its last value; RabbitMQ gives each once.
  return new Map(new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
};

const send = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': body.length }).end(body);
};
