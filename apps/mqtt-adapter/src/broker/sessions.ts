import { matchesBinding } from '@muster/kp1';
import type { BrokerEvent } from './broker-events.js';
import { coversPush, pushesCovered, sessionOf, subscribedAs } from './subscribers.js';

/** Of one queue, which is what RabbitMQ makes of a client's subscriptions of one quality of service. */
interface Session {
  /** What it is subscribed to, of what is pushed, and since when what is pushed there has reached it. */
  readonly patterns: Map<string, number>;
  /** Channels of connections that consume it. */
  readonly consumers: Set<string>;
  /** It came to be while this process listened. */
  isNew: boolean;
  /** Since when nobody consumes it; undefined: somebody does, or it was never seen to be left. */
  awaySince: number | undefined;
  /** It was away and is back: since when it had been away. */
  backFrom: number | undefined;
  /** Something was kept from it while it was away. */
  isOwed: boolean;
}

/** What 4.x makes of subscriptions with QoS 0 of a client that keeps no session. */
const CONNECTION_QUEUE = 'rabbit_mqtt_qos0_queue';

const MAX_SESSIONS = 400_000;
const MAX_PATTERNS = 1_000;

/**
 * Which sessions there are, what of pushes they get, and whether their client is there: all that RabbitMQ told since this
 * process listens. Each process listens for itself, so that all of them know. A session from before that is known by
 * nothing; it is treated as if its client were there.
 */
export class Sessions {
  private readonly byQueue = new Map<string, Session>();
  private readonly queuesOfToken = new Map<string, Set<string>>();
  private readonly queuesOfChannel = new Map<string, Set<string>>();

  /** What was told may have been missed in part: whoever is there may be away, and the other way round. */
  forget(): void {
    this.byQueue.clear();
    this.queuesOfToken.clear();
    this.queuesOfChannel.clear();
  }

  note({ name, headers }: BrokerEvent): void {
    switch (name) {
      case 'queue.created':
        this.created(headers['name'], headers['type']);
        break;
      case 'binding.created':
        this.bound(headers['destination_name'], headers['routing_key'], timeOf(headers));
        break;
      case 'binding.deleted':
        this.unbound(headers['destination_name'], headers['routing_key']);
        break;
      case 'consumer.created':
        this.consumed(headers['queue'], headers['channel']);
        break;
      case 'consumer.deleted':
        this.left(headers['queue'], headers['channel'], timeOf(headers));
        break;
      case 'queue.deleted':
        this.deleted(headers['name']);
        break;
      case 'connection.closed':
        this.hungUp(headers['pid'], timeOf(headers));
        break;
    }
  }

  /**
   * What a session that is back was subscribed to, and since when it had been away; undefined: it was not. Whoever asks
   * offers it what it is owed.
   */
  takeBack(queue: string): { readonly patterns: readonly string[]; readonly at: number } | undefined {
    const session = this.byQueue.get(queue);
    if (session?.backFrom === undefined) return undefined;
    session.isOwed = false;
    return { patterns: [...session.patterns.keys()], at: session.backFrom };
  }

  /** Whether something was kept from it. */
  isOwed(queue: string): boolean {
    return this.byQueue.get(queue)?.isOwed === true;
  }

  /** A client that is in it for the first time: all that it is subscribed to was told as it subscribed. */
  isNew(queue: string): boolean {
    const session = this.byQueue.get(queue);
    return session?.isNew === true && session.backFrom === undefined;
  }

  /**
   * Whether all who would get this are away, as far as is known; they are remembered as owed then. The broker would keep it
   * for them until they are back, whatever becomes of it meanwhile.
   */
  areAway(routingKey: string): boolean {
    const sessions = this.covering(routingKey);
    if (sessions.length === 0 || sessions.some(({ awaySince }) => awaySince === undefined)) return false;
    for (const session of sessions) session.isOwed = true;
    return true;
  }

  /** Since when what is pushed to this topic has reached all who are subscribed to it; undefined: nobody is known to be. */
  reachedSince(routingKey: string): number | undefined {
    const since = this.covering(routingKey)
      .filter(({ consumers }) => consumers.size > 0)
      .flatMap(({ patterns }) =>
        [...patterns].flatMap(([pattern, at]) => (matchesBinding(pattern, routingKey) ? [at] : [])),
      );
    return since.length === 0 ? undefined : Math.max(...since);
  }

  /** Whether a client is known to be there, in the session of this queue, and to have this subscription, if one is named. */
  isReached(queue: string, pattern?: string): boolean {
    const session = this.byQueue.get(queue);
    if (session === undefined || session.consumers.size === 0) return false;
    return pattern === undefined || session.patterns.has(pattern);
  }

  /** Whether nobody is there any more who was at `at`, Unix milliseconds. */
  hasLeftSince(queue: string, at: number): boolean {
    const session = this.byQueue.get(queue);
    return session?.awaySince !== undefined && session.awaySince >= at;
  }

  /** Whether a session got all that this subscription gets of an extension by earlier ones, at which it was offered that. */
  hadBefore(queue: string, pattern: string, extension: string): boolean {
    const patterns = [...(this.byQueue.get(queue)?.patterns.keys() ?? [])];
    const earlier = patterns.slice(0, Math.max(0, patterns.indexOf(pattern)));
    // `*` in the pattern of a push is a word that only a wildcard fits.
    return pushesCovered(pattern, extension).every((pushed) =>
      earlier.some((one) => matchesBinding(one, pushed)),
    );
  }

  /** As which versions somebody is subscribed to pushes of a token, of an extension. */
  versionsOf(token: string, extension: string): string[] {
    const versions = [...(this.queuesOfToken.get(token) ?? [])].flatMap((queue) =>
      [...(this.byQueue.get(queue)?.patterns.keys() ?? [])].flatMap((pattern) =>
        coversPush(pattern, extension) ? (subscribedAs(pattern)?.appVersion ?? []) : [],
      ),
    );
    return [...new Set(versions)];
  }

  private covering(routingKey: string): Session[] {
    const token = subscribedAs(routingKey)?.token ?? '';
    return [...(this.queuesOfToken.get(token) ?? [])].flatMap((queue) => {
      const session = this.byQueue.get(queue);
      if (session === undefined) return [];
      const covers = [...session.patterns.keys()].some((pattern) => matchesBinding(pattern, routingKey));
      return covers ? [session] : [];
    });
  }

  private created(queue: unknown, type: unknown): void {
    const session = this.sessionOf(queue);
    if (session === undefined) return;
    session.isNew = true;
    // It is no more than its client's connection, and lives as long: nobody is said to consume it.
    if (type === CONNECTION_QUEUE) session.consumers.add(CONNECTION_QUEUE);
  }

  private bound(queue: unknown, pattern: unknown, at: number): void {
    if (typeof pattern !== 'string' || !coversPush(pattern)) return;
    const session = this.sessionOf(queue);
    if (session === undefined || session.patterns.size >= MAX_PATTERNS) return;
    session.patterns.set(pattern, at);
    const token = subscribedAs(pattern)?.token ?? '';
    const queues = this.queuesOfToken.get(token) ?? new Set();
    this.queuesOfToken.set(token, queues.add(String(queue)));
  }

  private unbound(queue: unknown, pattern: unknown): void {
    if (typeof queue !== 'string' || typeof pattern !== 'string') return;
    const session = this.byQueue.get(queue);
    session?.patterns.delete(pattern);
    const token = subscribedAs(pattern)?.token ?? '';
    const isLeft = [...(session?.patterns.keys() ?? [])].some((one) => subscribedAs(one)?.token === token);
    if (!isLeft) this.dropToken(token, queue);
  }

  private consumed(queue: unknown, channel: unknown): void {
    const session = this.sessionOf(queue);
    if (session === undefined) return;
    session.consumers.add(String(channel));
    const queues = this.queuesOfChannel.get(String(channel)) ?? new Set();
    this.queuesOfChannel.set(String(channel), queues.add(String(queue)));
    if (session.awaySince !== undefined) isBack(session, session.awaySince);
    session.awaySince = undefined;
  }

  private left(queue: unknown, channel: unknown, at: number): void {
    const session = this.sessionOf(queue);
    if (session === undefined) return;
    session.consumers.delete(String(channel));
    dropFrom(this.queuesOfChannel, String(channel), String(queue));
    if (session.consumers.size === 0) session.awaySince = at;
    // Another connection of the client has taken it over, and was told first.
    else isBack(session, at);
  }

  /**
   * RabbitMQ 4 says nothing of the consumer of a session that is kept when its client leaves; but there the client's connection
   * and its channel are one. On 3.x no channel has the name of a connection, and the consumer's end is told.
   */
  private hungUp(connection: unknown, at: number): void {
    const channel = String(connection);
    for (const queue of [...(this.queuesOfChannel.get(channel) ?? [])]) this.left(queue, channel, at);
  }

  private deleted(queue: unknown): void {
    if (typeof queue !== 'string') return;
    const session = this.byQueue.get(queue);
    if (session === undefined) return;
    this.byQueue.delete(queue);
    for (const channel of session.consumers) dropFrom(this.queuesOfChannel, channel, queue);
    for (const pattern of session.patterns.keys()) this.dropToken(subscribedAs(pattern)?.token ?? '', queue);
  }

  private dropToken(token: string, queue: string): void {
    dropFrom(this.queuesOfToken, token, queue);
  }

  /** undefined: no session's queue. */
  private sessionOf(queue: unknown): Session | undefined {
    if (typeof queue !== 'string' || sessionOf(queue) === undefined) return undefined;
    const known = this.byQueue.get(queue);
    if (known !== undefined) return known;
    const session: Session = {
      patterns: new Map(),
      consumers: new Set(),
      isNew: false,
      awaySince: undefined,
      backFrom: undefined,
      isOwed: false,
    };
    this.byQueue.set(queue, session);
    const oldest = this.byQueue.keys().next();
    if (this.byQueue.size > MAX_SESSIONS && oldest.done !== true) this.deleted(oldest.value);
    return session;
  }
}

const dropFrom = (sets: Map<string, Set<string>>, key: string, queue: string): void => {
  const queues = sets.get(key);
  queues?.delete(queue);
  if (queues?.size === 0) sets.delete(key);
};

/** What was sent before `since` went to a connection that has ended; what was sent later was in the queue. */
const isBack = (session: Session, since: number): void => {
  session.backFrom = since;
  for (const pattern of session.patterns.keys()) session.patterns.set(pattern, since);
};

/** By the broker's clock, never in the future of ours. */
export const timeOf = (headers: BrokerEvent['headers']): number => {
  const at = headers['timestamp_in_ms'];
  return typeof at === 'number' ? Math.min(at, Date.now()) : Date.now();
};
