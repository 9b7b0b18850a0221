import type { Downlink } from '@muster/downlink';
import type { AccessQuestions, Admission } from '@muster/uplink';
import type { BrokerEvent } from '../broker/broker-events.js';
import { timeOf, type Sessions } from '../broker/sessions.js';
import {
  coversPush,
  sessionOf,
  subscribedAs,
  type SubscribedAs,
  type Subscribers,
} from '../broker/subscribers.js';
import type { UnheardAnswers } from './unheard-answers.js';

export interface ReachableParts {
  readonly downlink: Pick<Downlink, 'becameReachable'>;
  /** A device that was made a moment ago may have come through the door before anything is heard of it here. */
  readonly questions: Pick<AccessQuestions, 'admit'>;
  readonly subscribers: Pick<Subscribers, 'add' | 'of'>;
  readonly sessions: Pick<
    Sessions,
    'note' | 'takeBack' | 'isOwed' | 'isNew' | 'isReached' | 'hasLeftSince' | 'hadBefore'
  >;
  readonly answers: Pick<UnheardAnswers, 'follow' | 'answeredSince'>;
  /** Milliseconds that what is told of a session by other ways may take. Default 150, and 500 for what it is owed. */
  readonly settleMs?: number;
}

/** Longer than the broker's events take from one queue of ours to the other. */
const OWED_MS = 500;
const AGAIN_MS = 1_000;
/** No queue of events is behind the other by more, while the broker answers at all. */
const BEHIND_MS = 2_000;
/** The two queues are mostly within that of each other. */
const STEP_MS = 5;

/**
 * Offers a device what is due to it when it has become reachable. Not at its connection, when it has not subscribed yet,
 * but when it subscribes: RabbitMQ tells that by `binding.created`. A client that comes back to its session makes no
 * binding; there `consumer.created` names the session.
 */
export class PushWhenReachable {
  private readonly waiting = new Set<() => void>();
  private stopped = false;

  constructor(private readonly parts: ReachableParts) {}

  /**
   * Of an event that one replica gets. Resolves when what it asks for has been done, or is nobody's business. Never rejects.
   * What `stop` interrupts stays unresolved, and so unacknowledged: the broker gives it to another replica, or to the next
   * process.
   */
  async handle(event: BrokerEvent): Promise<void> {
    if (event.name === 'binding.created') return this.bound(event);
    if (event.name === 'consumer.created') return this.sessionConsumed(event);
  }

  /**
   * Of an event that every replica gets. Who kept something from a session offers it, should the replica that was told to
   * not know what the session is subscribed to.
   */
  follow(event: BrokerEvent): void {
    const { sessions, answers } = this.parts;
    sessions.note(event);
    answers.follow(event);
    const queue = event.headers['queue'];
    if (event.name !== 'consumer.created' || typeof queue !== 'string' || !sessions.isOwed(queue)) return;
    void this.pause(this.parts.settleMs ?? OWED_MS).then(async () => {
      if (sessions.isOwed(queue)) await this.offerBack(queue, false);
    });
  }

  subscribed(clientId: string, patterns: readonly string[]): void {
    for (const pattern of patterns) {
      if (coversPush(pattern)) this.parts.subscribers.add(clientId, pattern);
    }
  }

  stop(): void {
    this.stopped = true;
    for (const cancel of [...this.waiting]) cancel();
  }

  private async bound({ headers, redelivered }: BrokerEvent): Promise<void> {
    const queue = headers['destination_name'];
    const clientId = sessionOf(queue);
    const pattern = headers['routing_key'];
    if (headers['source_name'] !== 'amq.topic' || typeof queue !== 'string') return;
    if (clientId === undefined || typeof pattern !== 'string' || !coversPush(pattern)) return;
    const { subscribers, sessions, answers } = this.parts;
    subscribers.add(clientId, pattern);
    if (redelivered) return this.offer(pattern);
    const at = timeOf(headers);
    await this.untilReached(queue, at, pattern);
    await this.offer(
      pattern,
      Math.min(at, answers.answeredSince(pattern) ?? at),
      (extension) => !sessions.hadBefore(queue, pattern, extension),
    );
  }

  /**
   * Who is new, and since when it has been reached, is known by the sessions: without that, what was pushed to it a moment ago
   * would be given again. They are told by another queue, which may be behind; of a session from before this process by none.
   * Who has left since `at` will not be reached.
   */
  private async untilReached(queue: string, at: number, pattern?: string): Promise<void> {
    const { sessions, settleMs } = this.parts;
    const deadline = performance.now() + (settleMs ?? BEHIND_MS);
    const isSettled = () => sessions.isReached(queue, pattern) || sessions.hasLeftSince(queue, at);
    while (!isSettled() && performance.now() < deadline) await this.pause(STEP_MS);
  }

  /**
   * A client is in its session. What it is subscribed to since just now is told besides; what it was subscribed to before is
   * known by then, or, where this process is younger than the session, may be told as it subscribes once more.
   */
  private async sessionConsumed({ headers, redelivered }: BrokerEvent): Promise<void> {
    const queue = headers['queue'];
    const clientId = sessionOf(queue);
    if (typeof queue !== 'string' || clientId === undefined) return;
    if (!redelivered) await this.untilReached(queue, timeOf(headers));
    // Looked at before the pause: of a session that has ended by then nothing is known.
    const isNew = this.parts.sessions.isNew(queue);
    await this.pause(this.parts.settleMs ?? 150);
    if (await this.offerBack(queue, redelivered)) return;
    if (isNew) return;
    const patterns = this.parts.subscribers.of(clientId);
    await Promise.all(patterns.map((pattern) => this.offer(pattern)));
  }

  /** False: the session is not known to have been away. */
  private async offerBack(queue: string, redelivered: boolean): Promise<boolean> {
    const back = this.parts.sessions.takeBack(queue);
    if (back === undefined) return false;
    const since = redelivered ? undefined : back.at;
    await Promise.all(back.patterns.map((pattern) => this.offer(pattern, since)));
    return true;
  }

  /** `reachableAt`: Unix milliseconds; undefined: whatever it was sent, it may not have. */
  private async offer(
    pattern: string,
    reachableAt?: number,
    isNewFor: (extension: string) => boolean = () => true,
  ): Promise<void> {
    const as = subscribedAs(pattern);
    if (as === undefined) return;
    if (this.stopped) return never();
    const admission = await this.admissionOf(as);
    if (admission?.admitted !== true) return;
    const { tenantId, deviceId } = admission.entry;
    const target = {
      tenantId,
      deviceId,
      appVersion: as.appVersion,
      channels: [pattern],
      ...(reachableAt === undefined ? {} : { reachableAt: new Date(reachableAt).toISOString() }),
    };
    await this.parts.downlink.becameReachable(
      target,
      (extension) => coversPush(pattern, extension) && isNewFor(extension),
    );
  }

  /** Undefined: device-registry cannot be asked. Who asks for its documents is answered all the same. */
  private async admissionOf({ token, appVersion }: SubscribedAs): Promise<Admission | undefined> {
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        return await this.parts.questions.admit(token, appVersion);
      } catch {
        await this.pause(AGAIN_MS);
      }
    }
    return undefined;
  }

  /** After `stop` it does not resolve any more. */
  private pause(ms: number): Promise<void> {
    if (this.stopped) return never();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.waiting.delete(cancel);
        resolve();
      }, ms);
      const cancel = (): void => clearTimeout(timer);
      this.waiting.add(cancel);
    });
  }
}

const never = (): Promise<never> => new Promise(() => undefined);
