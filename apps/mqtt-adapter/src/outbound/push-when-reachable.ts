import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { Downlink } from '@muster/downlink';
import type { DeviceDirectory } from '@muster/uplink';
import { coversPush, subscribedAs, type Subscribers } from '../broker/subscribers.js';

export interface BrokerEvent {
  /** `binding.created`, `consumer.created`. */
  readonly name: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface ReachableParts {
  readonly downlink: Pick<Downlink, 'becameReachable'>;
  readonly directory: Pick<DeviceDirectory, 'admit'>;
  readonly subscribers: Pick<Subscribers, 'add' | 'of'>;
  /** A client is back in a session in which it had subscribed to topics of this device. */
  readonly resumed?: (clientId: string, entry: AccessEntry) => void;
  /** Milliseconds; see `resumed`. Default 150. */
  readonly settleMs?: number;
}

/**
 * Offers a device what is due to it when it has become reachable. Not at its connection, when it has not subscribed yet,
 * but when it subscribes: RabbitMQ tells that by `binding.created`. A client that comes back to its session makes no
 * binding; there `consumer.created` names the session.
 */
export class PushWhenReachable {
  private readonly resumed = new Map<string, () => void>();
  private stopped = false;

  constructor(private readonly parts: ReachableParts) {}

  /**
   * Resolves when what the event asks for has been done, or is nobody's business. Never rejects. What `stop` interrupts
   * stays unresolved, and so unacknowledged: the broker gives it to another replica, or to the next process.
   */
  async handle({ name, headers }: BrokerEvent): Promise<void> {
    if (name === 'binding.created') return this.subscribed(headers);
    if (name === 'consumer.created') return this.sessionConsumed(headers);
  }

  stop(): void {
    this.stopped = true;
    for (const cancel of [...this.resumed.values()]) cancel();
  }

  private async subscribed(headers: BrokerEvent['headers']): Promise<void> {
    const clientId = sessionOf(headers['destination_name']);
    const pattern = headers['routing_key'];
    if (headers['source_name'] !== 'amq.topic' || clientId === undefined || typeof pattern !== 'string')
      return;
    if (coversPush(pattern)) this.parts.subscribers.add(clientId, pattern);
    const resuming = this.resumed.get(clientId);
    if (resuming === undefined) {
      if (coversPush(pattern)) await this.offer(pattern);
      return;
    }
    // Served below, so not after a while as well. A session that was resumed has the subscriptions of before besides.
    resuming();
    await this.offerAll(clientId);
  }

  /**
   * A subscription in a new session makes a consumer as well, a moment before its binding: waits whether one comes. A push
   * before the binding would find nobody and be put on record so.
   */
  private async sessionConsumed(headers: BrokerEvent['headers']): Promise<void> {
    const clientId = sessionOf(headers['queue']);
    if (clientId === undefined) return;
    if (this.stopped) return never();
    this.resumed.get(clientId)?.();
    const left = await new Promise<boolean>((resolve) => {
      const end = (stays: boolean) => (): void => {
        clearTimeout(timer);
        this.resumed.delete(clientId);
        if (!this.stopped) resolve(stays);
      };
      const timer = setTimeout(end(true), this.parts.settleMs ?? 150);
      this.resumed.set(clientId, end(false));
    });
    if (left) await this.offerAll(clientId, clientId);
  }

  private async offerAll(clientId: string, resumedBy?: string): Promise<void> {
    const patterns = this.parts.subscribers.of(clientId);
    await Promise.all(patterns.map((pattern) => this.offer(pattern, resumedBy)));
  }

  private async offer(pattern: string, resumedBy?: string): Promise<void> {
    const as = subscribedAs(pattern);
    if (as === undefined) return;
    if (this.stopped) return never();
    const admission = this.parts.directory.admit(as.token, as.appVersion);
    if (!admission.admitted) return;
    if (resumedBy !== undefined) this.parts.resumed?.(resumedBy, admission.entry);
    const { tenantId, deviceId } = admission.entry;
    const target = { tenantId, deviceId, appVersion: as.appVersion, channels: [pattern] };
    await this.parts.downlink.becameReachable(target, (extension) => coversPush(pattern, extension));
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

/** The client whose session a queue is. */
const sessionOf = (queue: unknown): string | undefined =>
  typeof queue === 'string' ? /^mqtt-subscription-(.*)qos[01]$/s.exec(queue)?.[1] : undefined;
