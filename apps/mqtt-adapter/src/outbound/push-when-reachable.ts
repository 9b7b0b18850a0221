import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { Downlink } from '@muster/downlink';
import type { DeviceDirectory } from '@muster/uplink';
import type { BrokerEvent } from '../broker/broker-events.js';
import { timeOf, type Sessions } from '../broker/sessions.js';
import { coversPush, sessionOf, subscribedAs, type Subscribers } from '../broker/subscribers.js';

export interface ReachableParts {
  readonly downlink: Pick<Downlink, 'becameReachable'>;
  readonly directory: Pick<DeviceDirectory, 'admit'>;
  readonly subscribers: Pick<Subscribers, 'add' | 'of'>;
  readonly sessions: Pick<Sessions, 'note' | 'takeBack' | 'isOwed' | 'isNew'>;
  /** A client is back in a session in which it had subscribed to topics of this device. */
  readonly resumed?: (clientId: string, entry: AccessEntry) => void;
  /** Milliseconds that what is told of a session by other ways may take. Default 150, and 500 for what it is owed. */
  readonly settleMs?: number;
}

/** Longer than the broker's events take from one queue of ours to the other. */
const OWED_MS = 500;

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
    if (event.name === 'binding.created') return this.subscribed(event);
    if (event.name === 'consumer.created') return this.sessionConsumed(event);
  }

  /**
   * Of an event that every replica gets. Who kept something from a session offers it, should the replica that was told to
   * not know what the session is subscribed to.
   */
  follow(event: BrokerEvent): void {
    const { sessions } = this.parts;
    sessions.note(event);
    const queue = event.headers['queue'];
    if (event.name !== 'consumer.created' || typeof queue !== 'string' || !sessions.isOwed(queue)) return;
    void this.pause(this.parts.settleMs ?? OWED_MS).then(async () => {
      if (sessions.isOwed(queue)) await this.offerBack(queue, false);
    });
  }

  stop(): void {
    this.stopped = true;
    for (const cancel of [...this.waiting]) cancel();
  }

  private async subscribed({ headers, redelivered }: BrokerEvent): Promise<void> {
    const clientId = sessionOf(headers['destination_name']);
    const pattern = headers['routing_key'];
    if (headers['source_name'] !== 'amq.topic' || clientId === undefined || typeof pattern !== 'string')
      return;
    if (!coversPush(pattern)) return;
    this.parts.subscribers.add(clientId, pattern);
    await this.offer(pattern, redelivered ? undefined : timeOf(headers));
  }

  /**
   * A client is in its session. What it is subscribed to since just now is told besides; what it was subscribed to before is
   * known by then, or, where this process is younger than the session, may be told as it subscribes once more.
   */
  private async sessionConsumed({ headers, redelivered }: BrokerEvent): Promise<void> {
    const queue = headers['queue'];
    const clientId = sessionOf(queue);
    if (typeof queue !== 'string' || clientId === undefined) return;
    await this.pause(this.parts.settleMs ?? 150);
    if (await this.offerBack(queue, redelivered, clientId)) return;
    if (this.parts.sessions.isNew(queue)) return;
    const patterns = this.parts.subscribers.of(clientId);
    await Promise.all(patterns.map((pattern) => this.offer(pattern, undefined, clientId)));
  }

  /** False: the session is not known to have been away. */
  private async offerBack(queue: string, redelivered: boolean, clientId?: string): Promise<boolean> {
    const back = this.parts.sessions.takeBack(queue);
    if (back === undefined) return false;
    const since = redelivered ? undefined : back.at;
    await Promise.all(back.patterns.map((pattern) => this.offer(pattern, since, clientId)));
    return true;
  }

  /** `reachableAt`: Unix milliseconds; undefined: whatever it was sent, it may not have. */
  private async offer(pattern: string, reachableAt?: number, resumedBy?: string): Promise<void> {
    const as = subscribedAs(pattern);
    if (as === undefined) return;
    if (this.stopped) return never();
    const admission = this.parts.directory.admit(as.token, as.appVersion);
    if (!admission.admitted) return;
    if (resumedBy !== undefined) this.parts.resumed?.(resumedBy, admission.entry);
    const { tenantId, deviceId } = admission.entry;
    const target = {
      tenantId,
      deviceId,
      appVersion: as.appVersion,
      channels: [pattern],
      ...(reachableAt === undefined ? {} : { reachableAt: new Date(reachableAt).toISOString() }),
    };
    await this.parts.downlink.becameReachable(target, (extension) => coversPush(pattern, extension));
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
