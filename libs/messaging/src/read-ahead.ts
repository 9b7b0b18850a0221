import type { JsMsg } from '@nats-io/jetstream';
import { HEADER, headerOf } from './headers.js';

export interface BatchSize {
  /** Events. */
  readonly size: number;
  readonly waitMs: number;
}

/**
 * What is delivered, in batches, while the next batch is fetched. A message may hold up to 100 events, and what waits here counts as
 * delivered: so it is the events that bound how much is fetched, and the server is told that they are not forgotten.
 */
export class ReadAhead {
  private waiting: JsMsg[] = [];
  private events = 0;
  private hasEnded = false;
  private fault: Error | undefined;
  private wakeReader = (): void => undefined;
  private wakeFetcher = (): void => undefined;

  constructor(
    messages: AsyncIterable<JsMsg>,
    private readonly batch: BatchSize,
  ) {
    void this.fetch(messages);
  }

  /** Fetched, and in no batch yet. */
  get messages(): readonly JsMsg[] {
    return this.waiting;
  }

  /** Up to `size` events together, or one message that holds more; after the first, waits `waitMs` for more. Throws what ended it. */
  async *batches(): AsyncGenerator<JsMsg[]> {
    const { size, waitMs } = this.batch;
    for (;;) {
      while (this.waiting.length === 0) {
        if (this.fault !== undefined) throw this.fault;
        if (this.hasEnded) return;
        await new Promise<void>((resolve) => (this.wakeReader = resolve));
      }
      if (waitMs > 0) await this.untilFull(waitMs);
      // After everything that is already here.
      else await new Promise((resolve) => setImmediate(resolve));
      const batch: JsMsg[] = [];
      for (let events = 0; ;) {
        const [next] = this.waiting;
        if (next === undefined || (batch.length > 0 && events + eventsIn(next) > size)) break;
        this.waiting.shift();
        batch.push(next);
        events += eventsIn(next);
      }
      this.events -= batch.reduce((sum, message) => sum + eventsIn(message), 0);
      this.wakeFetcher();
      yield batch;
    }
  }

  private async untilFull(waitMs: number): Promise<void> {
    const until = Date.now() + waitMs;
    while (this.events < this.batch.size && !this.hasEnded) {
      const left = until - Date.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wakeReader = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private async fetch(messages: AsyncIterable<JsMsg>): Promise<void> {
    try {
      for await (const message of messages) {
        this.waiting.push(message);
        this.events += eventsIn(message);
        this.wakeReader();
        while (this.events >= this.batch.size)
          await new Promise<void>((resolve) => (this.wakeFetcher = resolve));
      }
    } catch (error) {
      this.fault = error instanceof Error ? error : new Error(String(error));
    }
    this.hasEnded = true;
    this.wakeReader();
  }
}

const eventsIn = ({ headers }: JsMsg): number => Number(headerOf(headers, HEADER.events) ?? 1);
