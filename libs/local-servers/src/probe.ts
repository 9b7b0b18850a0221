import { get } from 'node:http';
import { connect } from 'node:net';

/**
 * A server is ready when it answers in its own protocol: an open port may
 * belong to a server that still recovers, and log texts change with versions.
 * Every probe is one attempt; it resolves with false instead of rejecting.
 */
export type Address = { readonly host: string; readonly port: number };

const ATTEMPT_MS = 2_000;

/** An authentication request answers the start-up message; while it recovers PostgreSQL answers with an error. */
export const postgresAnswers = (at: Address): Promise<boolean> =>
  firstAnswer(at, postgresStartup(), (answer) => answer[0] === 'R'.charCodeAt(0));

/** A full turn (CONNECT, PING, PONG), or that we may not come in; and JetStream must be on. */
export const natsAnswers = (at: Address): Promise<boolean> =>
  firstAnswer(at, Buffer.from('CONNECT {"verbose":false}\r\nPING\r\n'), (answer) => {
    const text = answer.toString('latin1');
    if (!/PONG|-ERR 'Auth/.test(text)) return undefined;
    return text.includes('"jetstream":true');
  });

/** Connection.Start on channel 0. */
export const amqpAnswers = (at: Address): Promise<boolean> =>
  firstAnswer(at, Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'), (answer) => answer[0] === 1);

/** NAMES_REQ; the answer begins with epmd's own port. */
export const epmdAnswers = (at: Address): Promise<boolean> =>
  firstAnswer(
    at,
    Buffer.from([0, 1, 110]),
    (answer) => answer.length >= 4 && answer.readUInt32BE(0) === at.port,
  );

/**
 * Only an accepted connection. A CONNECT would ask our own adapter whether the
 * probe may come in, and that one may not run yet.
 */
export const accepts = ({ host, port }: Address): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ATTEMPT_MS });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });

export type Health = {
  readonly ready: boolean;
  /** What the application says of itself. */ readonly body: string;
};

export const healthOf = (url: string): Promise<Health> =>
  new Promise((resolve) => {
    const request = get(url, { timeout: ATTEMPT_MS, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body = (body + text).slice(0, 2_000)));
      response.on('end', () => resolve({ ready: response.statusCode === 200, body: body.trim() }));
      response.on('error', () => resolve({ ready: false, body: 'the answer broke off' }));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${ATTEMPT_MS} ms`)));
    request.on('error', (error) => resolve({ ready: false, body: error.message }));
  });

/** `judge` returns undefined while it needs more bytes. */
const firstAnswer = (
  { host, port }: Address,
  question: Buffer,
  judge: (answer: Buffer) => boolean | undefined,
): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ATTEMPT_MS });
    let seen = Buffer.alloc(0);
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => socket.write(question));
    socket.on('data', (bytes) => {
      seen = Buffer.concat([seen, bytes]);
      const verdict = judge(seen);
      if (verdict !== undefined) answer(verdict);
    });
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
    socket.once('close', () => resolve(false));
  });

const postgresStartup = (): Buffer => {
  const parameters = Buffer.from('user\0muster\0database\0postgres\0\0', 'latin1');
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + parameters.length, 0);
  head.writeUInt32BE(196_608, 4); // protocol 3.0
  return Buffer.concat([head, parameters]);
};
