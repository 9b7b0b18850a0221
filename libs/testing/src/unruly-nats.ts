import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { FrameReader, publishOf, replyOfDelivery, type Frame } from './nats-frames.js';

export interface UnrulyOptions {
  /** Port of the real server on 127.0.0.1. */
  readonly port: number;
  /** Same seed, same sequence of choices; what they meet depends on timing all the same. */
  readonly seed: number;
  /** Subjects of requests that are safe to repeat. Others are delayed, never repeated. */
  readonly mayRepeat: (subject: string) => boolean;
}

export interface UnrulyNats {
  readonly url: string;
  /** What was done so far, by what it was done to. */
  readonly done: () => { readonly delayed: number; readonly repeated: number };
  readonly stop: () => Promise<void>;
}

/** Share of the messages that may be touched. */
const DELAYED = 0.3;
const REPEATED = 0.15;
const USUAL_DELAY_MS = 40;
/** One in this many delays is long: longer than a request takes, shorter than anybody waits for one. */
const LONG_EVERY = 15;
const LONG_DELAY_MS = 700;

/**
 * Stands in front of a NATS server and behaves as the worst network that keeps NATS's promises: requests, answers and
 * JetStream's deliveries to durable consumers come late, so in another order, and some come twice. What is left alone:
 * acknowledgements, heartbeats, the JetStream API, the order of what is published (a publisher waits for its
 * acknowledgements, and NATS keeps the order of one connection), and ordered consumers, which a gap makes begin anew.
 */
export const unrulyNats = async ({ port, seed, mayRepeat }: UnrulyOptions): Promise<UnrulyNats> => {
  const random = randomOf(seed);
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let delayed = 0;
  let repeated = 0;

  const later = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  };
  const someDelay = (): number => random() * (random() < 1 / LONG_EVERY ? LONG_DELAY_MS : USUAL_DELAY_MS);

  const pass = (frame: Frame, to: Socket, touch: Touch): void => {
    const write = (): void => {
      if (!to.destroyed) to.write(frame.bytes);
    };
    const repeat = REPEATS.has(touch) && random() < REPEATED;
    const delay = DELAYS.has(touch) && random() < DELAYED;
    if (delay) later(someDelay(), write);
    else write();
    if (repeat) later(someDelay(), write);
    delayed += Number(delay);
    repeated += Number(repeat);
  };

  const server = createServer((client) => {
    const upstream = createConnection({ host: '127.0.0.1', port });
    for (const [from, to, touchOf] of [
      [client, upstream, (frame: Frame) => touchOfPublish(frame, mayRepeat)],
      [upstream, client, touchOfDelivery],
    ] as const) {
      const reader = new FrameReader();
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        for (const frame of reader.read(chunk)) pass(frame, to, touchOf(frame));
      });
      from.on('error', () => undefined); // 'close' follows
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`, // a TCP server's address is never a pipe's name
    done: () => ({ delayed, repeated }),
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
};

type Touch = 'none' | 'delay' | 'repeat' | 'delay and repeat';
const DELAYS: ReadonlySet<Touch> = new Set(['delay', 'delay and repeat']);
const REPEATS: ReadonlySet<Touch> = new Set(['repeat', 'delay and repeat']);

const touchOfPublish = (frame: Frame, mayRepeat: (subject: string) => boolean): Touch => {
  const publish = publishOf(frame);
  if (publish === undefined) return 'none';
  const { subject, reply } = publish;
  if (subject.startsWith('_INBOX.')) return 'delay';
  if (subject.startsWith('muster.v1.service.')) return mayRepeat(subject) ? 'delay and repeat' : 'delay';
  // With an answer wanted, it is a publish to a stream, which knows repetitions by their message id.
  return subject.startsWith('muster.v1.') && reply !== undefined ? 'repeat' : 'none';
};

/** `$JS.ACK.<stream>.<consumer>.…`: durable consumers of ours have a name with hyphens, others have a random one. */
const touchOfDelivery = (frame: Frame): Touch => {
  const reply = replyOfDelivery(frame);
  if (reply === undefined || !reply.startsWith('$JS.ACK.')) return 'none';
  return reply.split('.')[3]?.includes('-') === true ? 'delay and repeat' : 'none';
};

/** mulberry32: small, and good enough to spread faults. */
const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};
