import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { isPassing } from '@muster/contracts';
import {
  recordConnectivity,
  type ConnectionReport,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace, type Logger, type Metrics } from '@muster/observability';
import type { ClientUse } from './client-uses.js';
import { reportOf } from './connection-report.js';
import { ackUpTo, channelOf } from './rabbitmq-connection.js';
import { EVENT_EXCHANGE, PRESENCE_QUEUE } from './topology.js';

const PREFETCH = 2_000;
const BATCH = 500;
/** Each request is a transaction that no other overlaps: what comes together goes together. */
const GATHER_MS = 50;
/** After a restart of a broker with many devices the first request ends all their connections. */
const TIMEOUT_MS = 15_000;
const AGAIN_MS = [100, 500, 2_000, 5_000];

export interface PresenceParts {
  readonly bus: Pick<Bus, 'request'>;
  /** Sets a report aside that device-registry cannot digest. */
  readonly park: (report: ConnectionReport, reason: string) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Takes what the broker tells of connections, and what clients used on them, to device-registry, which knows what that
 * makes of devices. One replica consumes at a time (the queue has a single active consumer), so the order is that of the
 * queue; the next one goes on with whatever was not acknowledged. The queue is durable: nothing is missed while no adapter
 * runs, and after a restart of the broker, which tells no end of its connections, the adapter's own new connection is in
 * the queue and shows that all earlier ones are gone.
 */
export class PresenceConsumer {
  private readonly reported;
  private cancel: (() => Promise<void>) | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: PresenceParts) {
    this.reported = parts.metrics.counter('muster_mqtt_connection_reports_total', 'Reports of connections', [
      'kind',
      'outcome',
    ]);
  }

  async open(connection: ChannelModel): Promise<void> {
    const channel = await channelOf(connection, () => connection.createChannel(), this.parts.logger);
    await channel.prefetch(PREFETCH);
    const batches = new Batches(channel);
    const { consumerTag } = await channel.consume(PRESENCE_QUEUE, (delivery) => {
      if (delivery === null) {
        this.parts.logger.error('RabbitMQ cancelled the consumer of presence');
        void connection.close().catch(() => undefined);
        return;
      }
      batches.add(delivery);
      if (!batches.isRunning) this.running = this.run(batches);
    });
    this.cancel = async () => {
      batches.isWanted = false;
      await channel.cancel(consumerTag).catch(() => undefined);
    };
  }

  /** Takes no more; what device-registry is being told now is acknowledged, the rest goes back to the queue. */
  async pause(): Promise<void> {
    await this.cancel?.();
    await this.running;
  }

  private async run(batches: Batches): Promise<void> {
    batches.isRunning = true;
    while (batches.isOpen && batches.isWanted) {
      if (!batches.isFull()) await sleep(GATHER_MS);
      const batch = batches.next();
      if (batch === undefined) break;
      const reports = batch.deliveries.flatMap((delivery) => this.decode(delivery) ?? []);
      if (reports.length === 0 || (await this.tell(reports, batches))) batches.finish(batch.lastTag);
    }
    batches.isRunning = false;
  }

  /** False: given up, because the channel is gone; the reports come again on the next. */
  private async tell(reports: readonly ConnectionReport[], batches: Batches): Promise<boolean> {
    for (let failures = 0; batches.isOpen && batches.isWanted; failures += 1) {
      try {
        await withTrace(newTrace(), () =>
          this.parts.bus.request(recordConnectivity, { reports: [...reports] }, { timeoutMs: TIMEOUT_MS }),
        );
        for (const { kind } of reports) this.reported.inc({ kind, outcome: 'told' });
        return true;
      } catch (error) {
        if (isPassing(error)) {
          if (failures === 0) this.parts.logger.warn({ err: error }, 'presence is told later');
        } else if (reports.length > 1) {
          // One of them cannot be digested; it must not hold up the others.
          for (const report of reports) if (!(await this.tell([report], batches))) return false;
          return true;
        } else if (await this.parkOne(reports[0], error)) return true;
        await sleep(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
      }
    }
    return false;
  }

  private async parkOne(report: ConnectionReport | undefined, cause: unknown): Promise<boolean> {
    if (report === undefined) return true;
    this.parts.logger.error({ err: cause, kind: report.kind }, 'a report of a connection was parked');
    try {
      await this.parts.park(report, cause instanceof Error ? cause.message : String(cause));
    } catch (error) {
      this.parts.logger.error({ err: error }, 'a report could not be parked yet');
      return false;
    }
    this.reported.inc({ kind: report.kind, outcome: 'parked' });
    return true;
  }

  private decode({ fields, properties, content }: ConsumeMessage): ConnectionReport | undefined {
    const report =
      fields.exchange === EVENT_EXCHANGE
        ? reportOf(fields.routingKey, properties.headers ?? {})
        : useOf(content);
    if (report === undefined) this.reported.inc({ kind: 'none', outcome: 'unreadable' });
    return report;
  }
}

/** Only this adapter's user may publish there. */
const useOf = (content: Buffer): ConnectionReport | undefined => {
  try {
    const use = JSON.parse(content.toString('utf8')) as ClientUse;
    return { kind: 'used', ...use };
  } catch {
    return undefined;
  }
};

/** What one channel has delivered and was not acknowledged. */
class Batches {
  isOpen = true;
  isWanted = true;
  isRunning = false;
  private waiting: ConsumeMessage[] = [];

  constructor(private readonly channel: Channel) {
    channel.once('close', () => {
      this.isOpen = false;
      this.waiting = [];
    });
  }

  add(delivery: ConsumeMessage): void {
    this.waiting.push(delivery);
  }

  isFull(): boolean {
    return this.waiting.length >= BATCH;
  }

  next(): { readonly deliveries: readonly ConsumeMessage[]; readonly lastTag: number } | undefined {
    const deliveries = this.waiting.splice(0, BATCH);
    const last = deliveries.at(-1);
    return last && { deliveries, lastTag: last.fields.deliveryTag };
  }

  finish(lastTag: number): void {
    if (this.isOpen) ackUpTo(this.channel, lastTag);
  }
}
