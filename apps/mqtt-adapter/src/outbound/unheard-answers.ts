import { matchesBinding, matchResource, parseRoutingKey, RESOURCES } from '@muster/kp1';
import type { Logger, Metrics } from '@muster/observability';
import type { BrokerEvent } from '../broker/broker-events.js';
import { msUntil, type Downlink } from '../broker/rabbitmq-connection.js';
import { subscribedAs } from '../broker/subscribers.js';
import { MQTT_EXCHANGE } from '../broker/topology.js';

/** An answer to a request of a device. */
export interface Answer {
  readonly routingKey: string;
  readonly body: string;
  readonly qos: 0 | 1;
  /** ISO; it is not to be delivered after that. */
  readonly expiresAt?: string | undefined;
  /** When the request came here, in Unix milliseconds. */
  readonly askedAt: number;
}

export interface UnheardLimits {
  /** How long an answer is kept; 0: not at all. */
  readonly answerSeconds: number;
  /** Answers kept for one token; for one more, the oldest gives way. The same for their bytes. */
  readonly answersPerToken: number;
  readonly answerBytesPerToken: number;
  /** Of all together. */
  readonly answerBytes: number;
}

interface Sent extends Answer {
  readonly token: string;
  readonly bytes: number;
  readonly until: number;
  isKept: boolean;
  /** Somebody has subscribed while it was on its way. */
  isAwaited: boolean;
}

/** What a subscription was given late is left out of what it is offered, which comes within that. */
const GIVEN_MS = 10_000;
const MAX_GIVEN = 10_000;

/**
 * Publishes answers, and keeps those that nobody was subscribed to for some seconds: a client that asks first and subscribes
 * afterwards has its answer with the subscription. In memory: who was not subscribed when this process dies asks again.
 */
export class UnheardAnswers {
  /** Kept ones and those on their way. */
  private readonly ofToken = new Map<string, Set<Sent>>();
  /** Oldest first. */
  private readonly kept = new Set<Sent>();
  private keptBytes = 0;
  /** By pattern: since when what was answered to it came with its subscription. */
  private readonly given = new Map<string, { readonly askedAt: number; readonly until: number }>();
  private readonly outcomes;

  constructor(
    private readonly broker: Pick<Downlink, 'publish'>,
    private readonly limits: UnheardLimits,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.outcomes = metrics.counter(
      'muster_mqtt_unheard_answers_total',
      'Answers that nobody was subscribed to: kept, and what became of them',
      ['outcome'],
    );
  }

  /** Resolves when the broker has it, or it is kept. Throws `unavailable` as the broker's `publish` does. */
  async publish(answer: Answer): Promise<void> {
    const { routingKey, body, askedAt } = answer;
    const sent: Sent = {
      ...answer,
      token: subscribedAs(routingKey)?.token ?? '',
      bytes: Buffer.byteLength(routingKey) + Buffer.byteLength(body),
      until: Date.now() + this.limits.answerSeconds * 1_000,
      askedAt,
      isKept: false,
      isAwaited: false,
    };
    const known = this.ofToken.get(sent.token) ?? new Set();
    this.ofToken.set(sent.token, known.add(sent));
    await this.send(sent);
  }

  /** Of an event that every replica gets: whoever keeps something for a new subscription sends it. */
  follow({ name, headers }: BrokerEvent): void {
    if (name !== 'binding.created' || headers['source_name'] !== MQTT_EXCHANGE) return;
    const pattern = headers['routing_key'];
    if (typeof pattern !== 'string') return;
    for (const sent of [...(this.ofToken.get(subscribedAs(pattern)?.token ?? '') ?? [])]) {
      if (!matchesBinding(pattern, sent.routingKey)) continue;
      if (isOffered(sent.routingKey)) this.noteGiven(pattern, sent.askedAt);
      if (!sent.isKept) sent.isAwaited = true;
      else if (this.isOver(sent)) this.forget(sent, 'expired');
      else void this.sendLate(sent);
    }
  }

  /**
   * Since when a subscription has what its device asked for: the earliest of the answers that came with it, if there were any.
   * What was answered later is not offered to it besides.
   */
  answeredSince(pattern: string): number | undefined {
    const given = this.given.get(pattern);
    return given === undefined || given.until < Date.now() ? undefined : given.askedAt;
  }

  private async sendLate(sent: Sent): Promise<void> {
    this.release(sent);
    try {
      await this.send(sent);
      if (!sent.isKept) this.outcomes.inc({ outcome: 'delivered' });
    } catch (error) {
      this.outcomes.inc({ outcome: 'failed' });
      this.logger.warn({ err: error }, 'an answer that was kept could not be given');
    }
  }

  private async send(sent: Sent): Promise<void> {
    const { routingKey, body, qos, expiresAt } = sent;
    try {
      do {
        sent.isAwaited = false;
        const expiresInMs = expiresAt === undefined ? undefined : msUntil(expiresAt);
        const message = { routingKey, body, qos, expiresInMs, mandatory: true };
        if ((await this.broker.publish(message)) === 'routed') {
          this.drop(sent);
          return;
        }
      } while (this.isWantedNow(sent));
    } catch (error) {
      this.drop(sent);
      throw error;
    }
    this.keep(sent);
  }

  private keep(sent: Sent): void {
    const { answersPerToken, answerBytesPerToken, answerBytes } = this.limits;
    if (this.isOver(sent) || sent.bytes > answerBytesPerToken) {
      this.drop(sent);
      return;
    }
    sent.isKept = true;
    this.kept.add(sent);
    this.keptBytes += sent.bytes;
    this.outcomes.inc({ outcome: 'kept' });
    // They are kept equally long, so the first are over first; but for one that was sent again.
    for (const one of this.kept) {
      if (this.isOver(one)) this.forget(one, 'expired');
      else if (this.keptBytes > answerBytes) this.forget(one, 'given-up');
      else break;
    }
    const own = [...(this.ofToken.get(sent.token) ?? [])].filter(({ isKept }) => isKept);
    let bytes = own.reduce((sum, one) => sum + one.bytes, 0);
    for (const [index, one] of own.entries()) {
      if (own.length - index <= answersPerToken && bytes <= answerBytesPerToken) break;
      this.forget(one, 'given-up');
      bytes -= one.bytes;
    }
  }

  private isWantedNow(sent: Sent): boolean {
    return sent.isAwaited && !this.isOver(sent);
  }

  private isOver({ until, expiresAt }: Sent): boolean {
    const now = Date.now();
    return until <= now || (expiresAt !== undefined && Date.parse(expiresAt) <= now);
  }

  private forget(sent: Sent, outcome: 'expired' | 'given-up'): void {
    this.outcomes.inc({ outcome });
    this.release(sent);
    this.drop(sent);
  }

  private release(sent: Sent): void {
    if (!this.kept.delete(sent)) return;
    sent.isKept = false;
    this.keptBytes -= sent.bytes;
  }

  private drop(sent: Sent): void {
    const known = this.ofToken.get(sent.token);
    known?.delete(sent);
    if (known?.size === 0) this.ofToken.delete(sent.token);
  }

  private noteGiven(pattern: string, askedAt: number): void {
    const now = Date.now();
    const earlier = this.answeredSince(pattern) ?? askedAt;
    this.given.delete(pattern);
    this.given.set(pattern, { askedAt: Math.min(earlier, askedAt), until: now + GIVEN_MS });
    for (const [one, { until }] of this.given) {
      if (until >= now && this.given.size <= MAX_GIVEN) break;
      this.given.delete(one);
    }
  }
}

const PUSHED = new Set(RESOURCES.filter(({ pushed }) => pushed === true).map(({ extension }) => extension));

/** Whether it may hold what its device is offered when it subscribes. */
const isOffered = (routingKey: string): boolean => {
  const topic = parseRoutingKey(routingKey);
  if (topic === undefined || !PUSHED.has(topic.extension)) return false;
  return matchResource({ extension: topic.extension, path: topic.path })?.resource.kind === 'fetch';
};
