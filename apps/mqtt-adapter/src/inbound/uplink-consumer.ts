import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Logger } from '@muster/observability';
import { unstamped } from '@muster/uplink';
import { acknowledgeOn, channelOf } from '../broker/rabbitmq-connection.js';
import type { Destination } from '../broker/topology.js';
import { AckWindow } from './ack-window.js';
import { ARRIVED_AT, type InboundMessage } from './inbound-message.js';
import { QueueLag } from './queue-lag.js';

const LOOK_EVERY_MS = 1_000;

/**
 * Takes the devices' messages for one destination out of its durable queue, on a channel of its own with a window of its
 * own: what is not finished there stops nothing elsewhere. Its `open` is called for every
 * new connection; the window of the one before is closed then, so that nothing of it is acknowledged on the wrong channel.
 */
export class UplinkConsumer {
  private window: AckWindow | undefined;
  private cancel: (() => Promise<void>) | undefined;
  private readonly lag = new QueueLag();
  private looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly destination: Destination,
    private readonly handle: (message: InboundMessage, window: AckWindow, here: Destination) => Promise<void>,
    private readonly prefetch: number,
    private readonly arrival: () => number,
    private readonly logger: Logger,
  ) {}

  async open(connection: ChannelModel): Promise<void> {
    const { queue } = this.destination;
    const channel = await channelOf(connection, () => connection.createChannel(), this.logger);
    await channel.prefetch(this.prefetch);
    const window = new AckWindow(acknowledgeOn(channel), Math.ceil(this.prefetch / 4));
    this.window = window;
    const askedAt = this.lag.asking();
    this.lag.opened((await channel.checkQueue(queue)).messageCount, askedAt);
    const { consumerTag } = await channel.consume(queue, (delivery) => {
      if (delivery === null) {
        // The queue was deleted or moved: everything is made anew, the queue too.
        this.logger.error({ queue }, 'RabbitMQ cancelled the consumer of a queue');
        void connection.close().catch(() => undefined);
        return;
      }
      window.delivered(delivery.fields.deliveryTag);
      const message = inboundOf(delivery, this.lag.ofNext(delivery.fields.redelivered), this.arrival());
      this.handle(message, window, this.destination).catch((error: unknown) =>
        // It has dealt with every error it knows; unacknowledged, the message comes again after a restart.
        this.logger.error({ err: error }, 'a message was left without an outcome'),
      );
    });
    clearInterval(this.looking);
    this.looking = setInterval(() => void this.look(channel), LOOK_EVERY_MS);
    this.cancel = async () => {
      await channel.cancel(consumerTag);
    };
  }

  lost(): void {
    clearInterval(this.looking);
    this.window?.close();
    this.window = undefined;
    this.cancel = undefined;
  }

  private async look(channel: Channel): Promise<void> {
    try {
      const askedAt = this.lag.asking();
      this.lag.seen((await channel.checkQueue(this.destination.queue)).messageCount, askedAt);
    } catch {
      // The channel is gone, and `lost` or `open` ends this.
    }
  }

  /** Delivered and not finished yet. */
  get inFlight(): number {
    return this.window?.unfinished ?? 0;
  }

  /** Takes no more; what is in hand goes on. */
  async pause(): Promise<void> {
    await this.cancel?.().catch(() => undefined);
  }

  /** Acknowledges what is finished. */
  flush(): void {
    this.window?.flush();
  }
}

/** Said by us of what we hand on to another queue: the broker's own mark stays behind. */
const REDELIVERED = 'x-muster-redelivered';
/** That time is the door's. */
const TIMED = 'x-muster-timed';
/** Before that; without it nobody knows. */
const WAITED_MS = 'x-muster-waited-ms';

/** Of what is handed on, so that `inboundOf` reads the same there. */
export const headersOf = ({
  duplicate,
  redelivered,
  arrivedAt,
  isTimed,
  waitedMs,
}: InboundMessage): Record<string, boolean | number> => ({
  [ARRIVED_AT]: arrivedAt,
  ...(isTimed ? { [TIMED]: true } : {}),
  ...(Number.isFinite(waitedMs) ? { [WAITED_MS]: Math.ceil(waitedMs) } : {}),
  ...(duplicate ? { 'x-mqtt-dup': true } : {}),
  ...(redelivered ? { [REDELIVERED]: true } : {}),
});

/** What a delivery says. */
export const inboundOf = (
  { fields, properties, content }: ConsumeMessage,
  waitedMs: number,
  now: number,
): InboundMessage => {
  const headers: Readonly<Record<string, unknown>> = properties.headers ?? {};
  const header = headers['x-mqtt-publish-qos'];
  const handedOn = headers[ARRIVED_AT];
  const waitedBefore = headers[WAITED_MS];
  const { payload, arrivedAt, isDuplicate } = unstamped(content);
  const isTimed = arrivedAt !== undefined || headers[TIMED] === true;
  return {
    routingKey: fields.routingKey,
    payload,
    // 3.10 says it in a header, 4.x only by the delivery mode.
    qos: (typeof header === 'number' ? header > 0 : properties.deliveryMode === 2) ? 1 : 0,
    // By its time its samples are known; looked for by content, one would be taken for an equal one of another moment.
    redelivered: !isTimed && (fields.redelivered || headers[REDELIVERED] === true),
    // The door says it of telemetry; of anything else, and of what another queue has, a header, for which 4.x has nothing of its own.
    duplicate: isDuplicate || headers['x-mqtt-dup'] === true,
    ...arrivalIn(),
    isTimed,
    deliveryTag: fields.deliveryTag,
  };

  function arrivalIn(): Pick<InboundMessage, 'arrivedAt' | 'waitedMs'> {
    if (typeof handedOn === 'number')
      return { arrivedAt: handedOn, waitedMs: typeof waitedBefore === 'number' ? waitedBefore : Infinity };
    // It waited since the door had it, not before.
    return arrivedAt === undefined ? { arrivedAt: now, waitedMs } : { arrivedAt, waitedMs: 0 };
  }
};
