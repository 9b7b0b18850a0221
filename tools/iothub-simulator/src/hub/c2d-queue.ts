import { HubError } from './hub-error.js';

export type Ack = 'none' | 'positive' | 'negative' | 'full';

/** A message from the cloud to one device. Times in milliseconds. */
export interface C2dMessage {
  readonly messageId: string;
  readonly body: Buffer;
  readonly properties: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly ack: Ack;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
}

export type Outcome = 'Success' | 'Expired' | 'DeliveryCountExceeded' | 'Rejected' | 'Purged';

export interface Settled {
  readonly message: C2dMessage;
  readonly outcome: Outcome;
}

export interface Locked {
  readonly message: C2dMessage;
  readonly lockToken: number;
  readonly deliveryCount: number;
}

export interface C2dLimits {
  readonly maxQueued: number;
  readonly maxDeliveryCount: number;
  readonly lockMs: number;
}

interface Entry {
  readonly message: C2dMessage;
  deliveryCount: number;
  lock?: { readonly token: number; readonly until: number };
}

/**
 * The queue of one device. A message is enqueued, locked by a delivery, and leaves it settled: completed, rejected, expired,
 * delivered too often, or purged. A lock that runs out puts it back without counting; an abandoned delivery counts.
 */
export class C2dQueue {
  private entries: Entry[] = [];
  private nextToken = 1;

  constructor(private readonly limits: C2dLimits) {}

  get length(): number {
    return this.entries.length;
  }

  enqueue(message: C2dMessage): void {
    if (this.entries.length >= this.limits.maxQueued) {
      throw new HubError(
        'DeviceMaximumQueueDepthExceeded',
        `The queue of the device holds ${this.limits.maxQueued} messages already`,
      );
    }
    this.entries.push({ message, deliveryCount: 0 });
  }

  /** The oldest message that nobody has locked, now locked. */
  lock(now: number): Locked | undefined {
    const entry = this.entries.find(({ lock, message }) => lock === undefined && message.expiresAt > now);
    if (entry === undefined) return undefined;
    const token = this.nextToken++;
    entry.lock = { token, until: now + this.limits.lockMs };
    entry.deliveryCount += 1;
    return { message: entry.message, lockToken: token, deliveryCount: entry.deliveryCount };
  }

  /** Undefined: the lock is not held any more, and the message may be delivered again. */
  complete(lockToken: number): Settled | undefined {
    return this.settle(lockToken, 'Success');
  }

  reject(lockToken: number): Settled | undefined {
    return this.settle(lockToken, 'Rejected');
  }

  abandon(lockToken: number): Settled | undefined {
    const entry = this.entries.find(({ lock }) => lock?.token === lockToken);
    if (entry === undefined) return undefined;
    delete entry.lock;
    return entry.deliveryCount < this.limits.maxDeliveryCount
      ? undefined
      : this.remove(entry, 'DeliveryCountExceeded');
  }

  purge(): Settled[] {
    return this.entries.splice(0).map(({ message }) => ({ message, outcome: 'Purged' }));
  }

  /** Ends locks and messages whose time is over. */
  expire(now: number): Settled[] {
    for (const entry of this.entries) {
      if (entry.lock !== undefined && entry.lock.until <= now) {
        delete entry.lock;
        entry.deliveryCount -= 1;
      }
    }
    const over = this.entries.filter(({ message }) => message.expiresAt <= now);
    return over.map((entry) => this.remove(entry, 'Expired'));
  }

  private settle(lockToken: number, outcome: Outcome): Settled | undefined {
    const entry = this.entries.find(({ lock }) => lock?.token === lockToken);
    return entry === undefined ? undefined : this.remove(entry, outcome);
  }

  private remove(entry: Entry, outcome: Outcome): Settled {
    this.entries.splice(this.entries.indexOf(entry), 1);
    return { message: entry.message, outcome };
  }
}

/** Whether the sender asked to be told. */
export const wantsFeedback = ({ message: { ack }, outcome }: Settled): boolean =>
  ack === 'full' ||
  (ack === 'positive' && outcome === 'Success') ||
  (ack === 'negative' && outcome !== 'Success');
