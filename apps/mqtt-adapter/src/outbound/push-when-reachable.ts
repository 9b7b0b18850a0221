import { newTrace, withTrace, type Logger } from '@muster/observability';
import type { DeviceDirectory } from '@muster/uplink';
import { coversConfigurationPush, type SubscribedAs, type Subscribers } from '../broker/subscribers.js';
import type { ConfigurationPusher, PushTarget } from './push-configuration.js';

export interface BrokerEvent {
  /** `binding.created`, `consumer.created`. */
  readonly name: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface ReachableParts {
  readonly pusher: Pick<ConfigurationPusher, 'push'>;
  readonly directory: Pick<DeviceDirectory, 'admit'>;
  readonly subscribers: Pick<Subscribers, 'add' | 'of'>;
  readonly logger: Logger;
  /** Milliseconds; see `resumed`. Default 150. */
  readonly settleMs?: number;
}

const AGAIN_MS = [100, 500, 2_000, 5_000];
/** Subscriptions of one moment go in one request. */
const GATHER_MS = 5;

/**
 * Offers a device its document when it has become reachable. Not at its connection, when it has not subscribed yet, but
 * when it subscribes: RabbitMQ tells that by `binding.created`. A client that comes back to its session makes no binding;
 * there `consumer.created` names the session.
 */
export class PushWhenReachable {
  private readonly waiting = new Map<string, { target: PushTarget; done: (() => void)[] }>();
  private readonly resumed = new Map<string, () => void>();
  private running = false;
  private stopped = false;

  constructor(private readonly parts: ReachableParts) {}

  /** Resolves when what the event asks for has been done, or is nobody's business. Never rejects. */
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
    // The new subscription is served below, and need not be served as a resumed session as well.
    this.resumed.get(clientId)?.();
    const [, appVersion, , token] = pattern.split('.');
    if (appVersion === undefined || token === undefined) return;
    if (!coversConfigurationPush(pattern, { appVersion, token })) return;
    this.parts.subscribers.add(clientId, { appVersion, token });
    await this.offer({ appVersion, token });
  }

  /**
   * A subscription in a new session makes a consumer as well, a moment before its binding: waits whether one comes. A push
   * before the binding would find nobody and be put on record so.
   */
  private async sessionConsumed(headers: BrokerEvent['headers']): Promise<void> {
    const clientId = sessionOf(headers['queue']);
    if (clientId === undefined || this.stopped) return;
    this.resumed.get(clientId)?.();
    const left = await new Promise<boolean>((resolve) => {
      const end = (stays: boolean) => (): void => {
        clearTimeout(timer);
        this.resumed.delete(clientId);
        resolve(stays);
      };
      const timer = setTimeout(end(true), this.parts.settleMs ?? 150);
      this.resumed.set(clientId, end(false));
    });
    if (left) await Promise.all(this.parts.subscribers.of(clientId).map((one) => this.offer(one)));
  }

  private offer({ appVersion, token }: SubscribedAs): Promise<void> {
    const admission = this.parts.directory.admit(token, appVersion);
    if (!admission.admitted || this.stopped) return Promise.resolve();
    const { tenantId, deviceId } = admission.entry;
    return new Promise((done) => {
      const known = this.waiting.get(deviceId);
      this.waiting.set(deviceId, {
        target: { tenantId, deviceId, appVersion },
        done: [...(known?.done ?? []), done],
      });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let failures = 0; this.waiting.size > 0 && !this.stopped;) {
      await pause(failures === 0 ? GATHER_MS : (AGAIN_MS[Math.min(failures, AGAIN_MS.length) - 1] ?? 0));
      const batch = [...this.waiting.values()];
      this.waiting.clear();
      try {
        await withTrace(newTrace(), () => this.parts.pusher.push(batch.map(({ target }) => target)));
        failures = 0;
        for (const { done } of batch) for (const one of done) one();
      } catch (error) {
        failures += 1;
        if (failures === 1)
          this.parts.logger.warn({ err: error }, 'reachable devices are offered their documents later');
        for (const { target, done } of batch) {
          const newer = this.waiting.get(target.deviceId);
          this.waiting.set(target.deviceId, {
            target: newer?.target ?? target,
            done: [...done, ...(newer?.done ?? [])],
          });
        }
      }
    }
    this.running = false;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The client whose session a queue is. */
const sessionOf = (queue: unknown): string | undefined =>
  typeof queue === 'string' ? /^mqtt-subscription-(.*)qos[01]$/s.exec(queue)?.[1] : undefined;
