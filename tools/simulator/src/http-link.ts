import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { encodeError, replyTopic, type Topic } from '@muster/kp1';
import type { Identity, Link, LinkListener } from './link.js';

export interface HttpSettings {
  readonly url: string;
  /** Connections kept open by all devices together. */
  readonly connections: number;
  readonly timeoutMs: number;
}

/** Opens links that share connections. Being up costs nothing and says nothing: each request stands for itself. */
export const httpLinks = ({ url, connections, timeoutMs }: HttpSettings) => {
  const base = new URL(url);
  const secure = base.protocol === 'https:';
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections });
  const send = (options: RequestOptions, answered: (response: IncomingMessage) => void) =>
    secure ? httpsRequest(base, options, answered) : httpRequest(base, options, answered);

  const open = (devices: readonly Identity[], listener: LinkListener): Link => {
    const secrets = new Map(devices.map(({ token, secret }) => [token, secret]));
    let isUp = false;
    const publish = (topic: Topic, payload: string): void => {
      const { appVersion, extension, token, path } = topic;
      const prefix = base.pathname.replace(/\/+$/, '');
      const settle = (suffix: 'status' | 'error', body: Uint8Array): void => {
        // Over HTTP also a request without id is answered; there its success says nothing new.
        if (isUp && (topic.requestId !== undefined || suffix === 'error')) {
          listener.received(replyTopic(topic, suffix), body);
        }
      };
      const request = send(
        {
          agent,
          method: 'POST',
          path: [prefix, 'kp1', appVersion, extension, token, ...path].join('/'),
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
            ...authorization(secrets.get(token)),
          },
          timeout: timeoutMs,
        },
        (response) => {
          readBody(response).then(
            (body) => {
              listener.acknowledged();
              const status = response.statusCode ?? 0;
              if (status === 304) settle('status', Buffer.from('{"statusCode":304}'));
              else settle(status < 300 ? 'status' : 'error', status < 300 ? body : errorOf(status, body));
            },
            (error: unknown) => settle('error', failure(error)),
          );
        },
      );
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', (error) => settle('error', failure(error)));
      request.end(payload);
    };
    return {
      open: () => {
        isUp = true;
        // Not in the same breath: an MQTT link cannot either.
        setImmediate(() => {
          if (isUp) listener.up();
        });
      },
      close: () => {
        isUp = false;
      },
      publish,
    };
  };
  return { open, close: () => agent.destroy() };
};

const authorization = (secret: string | undefined): Record<string, string> =>
  secret === undefined ? {} : { authorization: `Bearer ${secret}` };

const readBody = async (response: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** An error that speaks kp1, as it is; of anything else (a proxy's page) the status. */
const errorOf = (status: number, body: Buffer): Uint8Array => {
  try {
    const { statusCode, reasonPhrase } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    if (typeof statusCode === 'number' && typeof reasonPhrase === 'string') return body;
  } catch {
    // no JSON
  }
  return Buffer.from(encodeError(status, 'an answer that is none of kp1'));
};

/** Nobody answered: 0 stands where a status would. */
const failure = (error: unknown): Uint8Array => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return Buffer.from(encodeError(0, `no answer: ${code}`));
};
