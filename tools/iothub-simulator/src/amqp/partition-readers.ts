import type { EventLog, StoredEvent } from '../hub/event-log.js';
import type { Hub } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import { AmqpRefusal } from './amqp-refusal.js';
import { parsePosition } from './event-position.js';
import { dataSection, types, type Message, type Sender } from './rhea.js';

/** Readers without epoch of one partition in one consumer group. */
const MAX_READERS = 5;
/** In one go, so that a long log does not keep others waiting. */
const BATCH = 100;
const METRICS = 'com.microsoft:enable-receiver-runtime-metric';

interface Reader {
  /** Partition and consumer group. */
  readonly place: string;
  /** The owner level. Undefined: it shares the partition with others like it. */
  readonly epoch: number | undefined;
  readonly sender: Sender;
  /** Nothing is sent any more. */
  stop(): void;
}

/**
 * Readers of partitions. One with an epoch has its partition of a consumer group to itself: it ends those before it with a lower
 * one, the same one, or none, and none with less may come while it is there.
 */
export class PartitionReaders {
  private readonly readers = new Set<Reader>();

  constructor(private readonly hub: Hub) {}

  /** Returns how to end. Throws HubError or AmqpRefusal. */
  open(sender: Sender, path: string): () => void {
    const match = /^([^/]+)\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i.exec(path);
    const [, name = '', group = '', partitionId = ''] = match ?? [];
    const { events } = this.hub;
    const log = events.partition(partitionId);
    if (name.toLowerCase() !== events.name.toLowerCase() || log === undefined) {
      throw new HubError('ResourceNotFound', `The messaging entity '${path}' could not be found`);
    }
    if (!events.hasConsumerGroup(group)) {
      throw new HubError(
        'ResourceNotFound',
        `The messaging entity '${path}' could not be found: no consumer group ${group}`,
      );
    }
    const start = log.locate(parsePosition(selectorOf(sender)));
    const place = `${group.toLowerCase()}/${partitionId}`;
    const epoch = epochOf(sender);
    this.makeRoom(place, epoch);
    agreeToSettle(sender);
    const pump = new Pump(this.hub, log, partitionId, sender, start);
    const reader: Reader = { place, epoch, sender, stop: () => pump.stop() };
    this.readers.add(reader);
    return () => {
      this.readers.delete(reader);
      reader.stop();
    };
  }

  private makeRoom(place: string, epoch: number | undefined): void {
    const others = [...this.readers].filter((reader) => reader.place === place);
    const highest = Math.max(...others.map((other) => other.epoch ?? -1));
    if (highest > (epoch ?? -1)) {
      const than = epoch === undefined ? 'and one without epoch is not allowed' : `higher than ${epoch}`;
      const description = `A receiver with epoch ${highest} has the partition, ${than}`;
      throw new AmqpRefusal({ condition: STOLEN, description });
    }
    if (epoch === undefined) {
      if (others.length >= MAX_READERS) {
        throw new HubError(
          'DeviceMaximumQueueDepthExceeded',
          `A partition has at most ${MAX_READERS} receivers in one consumer group`,
        );
      }
      return;
    }
    for (const other of others) {
      this.readers.delete(other);
      // An event behind its end would end the client's whole connection.
      other.stop();
      other.sender.close({
        condition: STOLEN,
        description: `A new receiver with epoch ${epoch} has taken the partition`,
      });
    }
  }
}

const STOLEN = 'amqp:link:stolen';

/** Sends what there is as long as the reader has room. */
class Pump {
  private isStopped = false;
  private isScheduled = false;
  private readonly endListening: () => void;
  private readonly onCredit = (): void => this.schedule();
  private readonly wantsMetrics: boolean;

  constructor(
    private readonly hub: Hub,
    private readonly log: EventLog,
    private readonly partitionId: string,
    private readonly sender: Sender,
    private next: number,
  ) {
    this.wantsMetrics = [sender.desired_capabilities].flat().map(String).includes(METRICS);
    this.endListening = hub.events.onMore(this.onCredit);
    sender.on('sendable', this.onCredit);
    // A session holds so many events that are not acknowledged, of all its links together; each that is makes room.
    sender.session.setMaxListeners(0);
    sender.session.on('settled', this.onCredit);
  }

  stop(): void {
    this.isStopped = true;
    this.endListening();
    this.sender.removeListener('sendable', this.onCredit);
    this.sender.session.removeListener('settled', this.onCredit);
  }

  private schedule(): void {
    if (this.isScheduled || this.isStopped) return;
    this.isScheduled = true;
    // Credit is counted down when frames are written, which is after this turn: so one batch for each.
    setImmediate(() => {
      this.isScheduled = false;
      this.send();
    });
  }

  private send(): void {
    if (this.isStopped || this.hub.events.isHeld(this.partitionId)) return;
    const credit = (this.sender as unknown as { readonly credit: number }).credit;
    const events = this.log.read(this.next, Math.min(credit, BATCH));
    for (const event of events) {
      if (!this.sender.sendable()) return;
      this.sender.send(this.message(event));
      this.next = event.sequenceNumber + 1;
    }
    if (events.length === BATCH) this.schedule();
  }

  private message(event: StoredEvent): Message {
    const { last } = this.log;
    return {
      ...eventMessage(event),
      ...(this.wantsMetrics
        ? {
            delivery_annotations: {
              last_enqueued_sequence_number: last.sequenceNumber,
              last_enqueued_offset: String(last.offset),
              last_enqueued_time_utc: new Date(last.enqueuedAt),
              runtime_info_retrieval_time_utc: new Date(this.hub.now()),
            },
          }
        : {}),
    };
  }
}

export const eventMessage = (event: StoredEvent): Message => ({
  message_annotations: {
    ...event.annotations,
    'x-opt-sequence-number': types.wrap_long(event.sequenceNumber),
    'x-opt-offset': String(event.offset),
    'x-opt-enqueued-time': types.wrap_timestamp(event.enqueuedAt),
  },
  application_properties: { ...event.properties },
  message_id: event.messageId,
  correlation_id: event.correlationId,
  user_id: event.userId,
  content_type: event.contentType,
  content_encoding: event.contentEncoding,
  body: dataSection(event.body),
});

/** rhea leaves values as they came: plain, or wrapped with their type. */
const plain = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'value' in value ? plain(value.value) : value;

const selectorOf = ({ source }: Sender): string | undefined => {
  const filter: unknown = source.filter;
  if (typeof filter !== 'object' || filter === null) return undefined;
  const selector = plain((filter as Record<string, unknown>)['apache.org:selector-filter:string']);
  return typeof selector === 'string' ? selector : undefined;
};

/**
 * Who wants events settled as they are sent acknowledges none; rhea does so by what its own side of the link says. Else a session
 * holds 2048 events that nobody acknowledges, and gives out no more.
 */
const agreeToSettle = (sender: Sender): void => {
  const { local } = sender as unknown as {
    readonly local: { readonly attach: { snd_settle_mode?: number } };
  };
  local.attach.snd_settle_mode = sender.snd_settle_mode;
};

const epochOf = ({ properties }: Sender): number | undefined => {
  const epoch = plain((properties as Record<string, unknown> | undefined)?.['com.microsoft:epoch']);
  return epoch === undefined || epoch === null ? undefined : Number(epoch);
};
