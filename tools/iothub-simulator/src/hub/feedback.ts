import type { Settled } from './c2d-queue.js';
import { hubTime, type JsonObject } from './json.js';

export interface FeedbackOptions {
  /** Records in one message at most. */
  readonly maxRecords: number;
  /** How long the first record of a message waits for others. */
  readonly maxDelayMs: number;
}

export interface FeedbackMessage {
  readonly id: string;
  readonly records: readonly JsonObject[];
  readonly enqueuedAt: number;
}

const DESCRIPTIONS: Readonly<Record<Settled['outcome'], string>> = {
  Success: 'Success',
  Expired: 'Message expired',
  DeliveryCountExceeded: 'Delivery count exceeded',
  Rejected: 'Message rejected',
  Purged: 'Message purged',
};

/** What became of cloud-to-device messages: gathered into messages, which are kept until a service completes them. */
export class Feedback {
  private gathering: JsonObject[] = [];
  private gatheringSince = 0;
  private messages: (FeedbackMessage & { lockedBy?: object })[] = [];
  private nextId = 1;

  constructor(
    private readonly options: FeedbackOptions,
    private readonly onMessage: () => void,
  ) {}

  record({ message, outcome }: Settled, deviceId: string, generationId: string, now: number): void {
    if (this.gathering.length === 0) this.gatheringSince = now;
    this.gathering.push({
      originalMessageId: message.messageId,
      description: DESCRIPTIONS[outcome],
      statusCode: outcome,
      deviceId,
      deviceGenerationId: generationId,
      enqueuedTimeUtc: hubTime(now),
    });
    if (this.gathering.length >= this.options.maxRecords) this.close(now);
  }

  tick(now: number): void {
    if (this.gathering.length > 0 && now - this.gatheringSince >= this.options.maxDelayMs) this.close(now);
  }

  /** The oldest message that nobody has, now `receiver`'s. */
  lock(receiver: object): FeedbackMessage | undefined {
    const found = this.messages.find(({ lockedBy }) => lockedBy === undefined);
    if (found !== undefined) found.lockedBy = receiver;
    return found;
  }

  complete(id: string): void {
    this.messages = this.messages.filter((message) => message.id !== id);
  }

  release(id: string): void {
    for (const message of this.messages) if (message.id === id) delete message.lockedBy;
    this.onMessage();
  }

  /** The receiver is gone. */
  releaseAll(receiver: object): void {
    for (const message of this.messages) if (message.lockedBy === receiver) delete message.lockedBy;
    this.onMessage();
  }

  private close(now: number): void {
    this.messages.push({ id: `feedback-${this.nextId++}`, records: this.gathering, enqueuedAt: now });
    this.gathering = [];
    this.onMessage();
  }
}
