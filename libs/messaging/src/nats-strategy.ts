import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import type { PublishedContract } from '@muster/contracts';
import { replayAt, type ReplayMessage } from '@muster/contracts/parked/requests';
import { createMetrics, type Logger, type Metrics } from '@muster/observability';
import { partsOf, type Bus } from './bus.js';
import { DurableConsumer } from './consume.js';
import type { ConsumerPace } from './consumer-keys.js';
import type { HandlerExtras, Results } from './handles.js';
import type { Replay } from './replay.js';
import { RequestListener } from './serve.js';
import { DEFAULT_RETRY_DELAYS_MS, type ConsumerParts } from './settle.js';

export interface NatsStrategyOptions {
  readonly bus: Bus;
  /** Name of the service; its replicas share the work. */
  readonly service: string;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Requests worked on at the same time. Default 256. */
  readonly concurrency?: number;
  /** Of its consumers. Absent: the defaults of `ConsumesOptions`. */
  readonly pace?: ConsumerPace;
  /**
   * How messages are handled again that were parked elsewhere than at an `@Consumes`, which has its own: by the name that
   * is `consumer` where they are parked.
   */
  readonly replays?: Readonly<Record<string, Replay>>;
}

/**
 * Nest's transport for `@Handles` and `@Consumes`: requests over core NATS, events over JetStream. It does not close
 * the bus, which the app made: close it after the app.
 */
export class NatsStrategy extends Server implements CustomTransportStrategy {
  /** Errors of events are settled here; Nest would only log them a second time. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly requests: RequestListener;
  private readonly consumers: DurableConsumer[] = [];

  private readonly metrics: Metrics;

  constructor(private readonly options: NatsStrategyOptions) {
    super();
    const { bus, service, logger, metrics = createMetrics(service), concurrency = 256 } = options;
    this.metrics = metrics;
    this.requests = new RequestListener({ link: partsOf(bus).link, service, logger, metrics, concurrency });
  }

  listen(callback: (error?: unknown) => void): void {
    try {
      for (const [pattern, handler] of this.getHandlers()) this.bind(pattern, handler);
    } catch (error) {
      callback(error);
      return;
    }
    this.serveReplays();
    for (const consumer of this.consumers) consumer.start();
    const { connection } = partsOf(this.options.bus).link;
    // After the round trip the server knows the subscriptions; when it is away, it learns them on its return.
    connection.flush().then(
      () => callback(),
      () => callback(),
    );
  }

  /** Takes nothing new and finishes what was begun. */
  async close(): Promise<void> {
    await Promise.all([this.requests.stop(), ...this.consumers.map((consumer) => consumer.stop())]);
  }

  on(): never {
    throw new Error('the bus has no events to listen to; see Bus.isConnected');
  }

  unwrap<T>(): T {
    return this.options.bus as T; // Nest's signature leaves the type to the caller
  }

  private bind(pattern: string, handler: MessageHandler): void {
    const { request, consumer } = (handler.extras ?? {}) as HandlerExtras; // put there by our decorators, or by nobody
    if (handler.next !== undefined) throw new Error(`two methods have the pattern "${pattern}"`);
    if (request !== undefined) this.requests.serve(request, (body) => this.call(handler, body));
    else if (consumer !== undefined) this.bindConsumer(consumer, handler);
    else throw new Error(`"${pattern}" has neither @Handles nor @Consumes`);
  }

  private bindConsumer(options: ConsumerParts['options'], handler: MessageHandler): void {
    const parts: ConsumerParts = {
      parts: partsOf(this.options.bus),
      logger: this.options.logger,
      metrics: this.metrics,
      options: paced(options, this.options.pace),
      handler: async (events) => (await this.call(handler, events)) as Results, // typed by @Consumes
    };
    const byService = new Map<string, PublishedContract<object>[]>();
    for (const contract of options.events) {
      byService.set(contract.service, [...(byService.get(contract.service) ?? []), contract]);
    }
    for (const contracts of byService.values()) this.consumers.push(new DurableConsumer(parts, contracts));
  }

  /** One durable may read several streams. */
  private serveReplays(): void {
    const others = Object.entries(this.options.replays ?? {});
    for (const durable of new Set(this.consumers.map((consumer) => consumer.durable))) {
      others.push([
        durable,
        (parked) => {
          const consumer = this.consumers.find(
            (one) => one.durable === durable && one.stream === parked.stream,
          );
          if (consumer !== undefined) return consumer.replay(parked);
          const detail = `${durable} reads no stream ${parked.stream}.`;
          return Promise.resolve({ outcome: 'failed', code: 'not-found', detail });
        },
      ]);
    }
    for (const [consumer, replay] of others) {
      this.requests.serve(replayAt(consumer), (body) => replay(body as ReplayMessage)); // checked by its contract
    }
  }

  /** Runs a handler through Nest (guards, interceptors); rejects with what it threw. */
  private call(handler: MessageHandler, argument: unknown): Promise<unknown> {
    return lastValueFrom(this.transformToObservable(handler(argument)), { defaultValue: undefined });
  }
}

/** What the method itself asks for comes first; no pause is longer than the process's. */
const paced = (
  options: ConsumerParts['options'],
  pace: ConsumerPace | undefined,
): ConsumerParts['options'] => {
  if (pace === undefined) return options;
  const { retryDelaysMs = DEFAULT_RETRY_DELAYS_MS, ackWaitMs = pace.eventHoldSeconds * 1_000 } = options;
  const longest = pace.eventRetrySeconds * 1_000;
  return { ...options, ackWaitMs, retryDelaysMs: retryDelaysMs.map((ms) => Math.min(ms, longest)) };
};
