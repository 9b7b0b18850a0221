import { AppError, isPassing, type ItemOutcome } from '@muster/contracts';
import { idsIn } from '@muster/messaging';
import { newTrace, withTrace, type Logger } from '@muster/observability';

/**
 * What becomes of writes while their service is away. `wait`: they are tried until it is back, because the broker keeps
 * them. `refuse`: a connection is held open for the answer, so new ones are told at once.
 */
export type WhenAway = 'wait' | 'refuse';

/** What is the same for all batchers of an adapter. */
export interface Batching {
  readonly logger: Logger;
  readonly whenAway: WhenAway;
  /**
   * Batches under way at the same time. An item's key decides its lane, and a lane sends one batch after the other, so
   * the items of one device keep their order even when a batch is tried again.
   */
  readonly lanes: number;
  /** How long the first item of a batch waits for others. */
  readonly maxWaitMs: number;
  /** An item that fails alone for so long, for a reason that does not pass, is given up though nothing else succeeds. */
  readonly setAsideAfterMs: number;
}

export interface MicroBatcherOptions<Item> extends Batching {
  /** For logs and health: what is asked. */
  readonly name: string;
  readonly maxItems: number;
  readonly maxBytes: number;
  /** One outcome per item, in order. */
  readonly send: (items: Item[]) => Promise<readonly ItemOutcome[]>;
  /** Codes of an item's outcome that no further try would change. */
  readonly final: ReadonlySet<string>;
  /** Pauses between tries; the last repeats. */
  readonly backoffMs?: readonly number[];
}

/** Given up by us, not refused: the item fails where others succeed. Its message is for the parked copy. */
export class Unprocessable extends Error {
  override readonly name = 'Unprocessable';
}

/** Nobody waits for this one any more. Over MQTT the broker will deliver it again on another channel. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

interface Queued<Item> {
  readonly key: string;
  readonly item: Item;
  readonly bytes: number;
  readonly since: number;
  readonly isWanted: () => boolean;
  readonly resolve: (outcome: ItemOutcome) => void;
  readonly reject: (error: Error) => void;
  /** `successes` of the batcher when it was sent for the first time. */
  successesBefore?: number;
  /** Unix milliseconds at which it failed alone for the first time. */
  failedAt?: number;
}

/** What became of some items of a batch. */
interface Attempt<Item> {
  /** To be tried again, in order. */
  readonly left: readonly Queued<Item>[];
  /** The other end is away: whatever is sent now would only fail as well. */
  readonly isAway: boolean;
}

const NOTHING_LEFT = { left: [], isAway: false } as const;
const RETRY_AFTER_SECONDS = 5;
const BACKOFF_MS = [50, 100, 200, 500, 1_000, 2_000];

/**
 * Puts single items together into requests and gives each its outcome. While the other end is away, items wait and are
 * tried for as long as somebody wants them. What bounds them with `wait` is that the broker hands out no more than its
 * prefetch window; with `refuse` there are no new ones meanwhile.
 *
 * A request that fails for a reason that does not pass is halved until the item that causes it stands alone. That one is
 * given up when others have succeeded since, or after `setAsideAfterMs`: nobody else may be there to succeed. Until then
 * later items of its key wait behind it, as they do behind whatever is to be tried again: two merges never swap.
 */
export class MicroBatcher<Item> {
  private readonly queues: Queued<Item>[][];
  private readonly busy: boolean[];
  private readonly timers: (NodeJS.Timeout | undefined)[];
  private successes = 0;
  private failing: { readonly since: number; readonly reason: string } | undefined;
  private stopped = false;
  private readonly pauses = new Set<() => void>();

  constructor(private readonly options: MicroBatcherOptions<Item>) {
    this.queues = Array.from({ length: options.lanes }, () => []);
    this.busy = this.queues.map(() => false);
    this.timers = this.queues.map(() => undefined);
  }

  /**
   * Resolves with the item's final outcome. Rejects with `Unprocessable`, with `Abandoned` when `isWanted` says so before
   * it was sent, or after `stop`, and with `unavailable` where new items are refused while the other end is away.
   */
  add(key: string, item: Item, bytes: number, isWanted: () => boolean): Promise<ItemOutcome> {
    return new Promise((resolve, reject) => {
      if (this.stopped) {
        reject(new Abandoned(`${this.options.name} is stopping`));
        return;
      }
      if (this.options.whenAway === 'refuse' && this.isTrying()) {
        const detail = `${this.options.name} cannot be reached at the moment`;
        reject(new AppError('unavailable', detail, { retryAfterSeconds: RETRY_AFTER_SECONDS }));
        return;
      }
      const lane = hash(key) % this.options.lanes;
      this.queues[lane]?.push({ key, item, bytes, since: Date.now(), isWanted, resolve, reject });
      this.arrange(lane);
    });
  }

  /** Throws when requests do not succeed at present; for the health page. */
  check(): void {
    if (this.failing === undefined) return;
    const seconds = Math.round((Date.now() - this.failing.since) / 1_000);
    throw new Error(
      `${this.options.name}: ${this.failing.reason}, for ${seconds} s; messages ${this.options.whenAway === 'wait' ? 'wait in the broker' : 'are refused'}`,
    );
  }

  isFailing(): boolean {
    return this.failing !== undefined;
  }

  /** Failing, and finding out again and again whether it still does. Without such a try the next item has to be it. */
  private isTrying(): boolean {
    return this.failing !== undefined && this.busy.includes(true);
  }

  /** Gives up what has not been sent. */
  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const wake of this.pauses) wake();
    for (const queue of this.queues) {
      for (const queued of queue.splice(0)) queued.reject(new Abandoned(`${this.options.name} is stopping`));
    }
  }

  private arrange(lane: number): void {
    const queue = this.queues[lane];
    const [oldest] = queue ?? [];
    if (queue === undefined || oldest === undefined || this.busy[lane] === true) return;
    const { maxItems, maxWaitMs } = this.options;
    const wait = oldest.since + maxWaitMs - Date.now();
    if (queue.length >= maxItems || wait <= 0) {
      clearTimeout(this.timers[lane]);
      this.timers[lane] = undefined;
      void this.run(lane);
    } else {
      this.timers[lane] ??= setTimeout(() => {
        this.timers[lane] = undefined;
        if (this.busy[lane] !== true) void this.run(lane);
      }, wait);
    }
  }

  private async run(lane: number): Promise<void> {
    this.busy[lane] = true;
    let failures = 0;
    for (;;) {
      const batch = this.take(lane);
      if (batch.length === 0) break;
      for (const queued of batch) queued.successesBefore ??= this.successes;
      const { left } = await withTrace(newTrace(), () => this.attempt(batch));
      if (left.length === 0) {
        failures = 0;
        // What came meanwhile may wait for company again, unless it has waited long enough.
        if (!this.isDue(lane)) break;
        continue;
      }
      if (this.stopped) {
        for (const queued of left) queued.reject(new Abandoned(`${this.options.name} is stopping`));
        break;
      }
      this.queues[lane]?.unshift(...left);
      failures = left.length === batch.length ? failures + 1 : 1;
      await this.pause(failures);
    }
    this.busy[lane] = false;
    this.arrange(lane);
  }

  private isDue(lane: number): boolean {
    const queue = this.queues[lane] ?? [];
    const [oldest] = queue;
    if (oldest === undefined) return false;
    return queue.length >= this.options.maxItems || oldest.since + this.options.maxWaitMs <= Date.now();
  }

  private take(lane: number): Queued<Item>[] {
    const queue = this.queues[lane] ?? [];
    const batch: Queued<Item>[] = [];
    let bytes = 0;
    let taken = 0;
    for (const queued of queue) {
      if (queued.isWanted()) {
        if (batch.length >= this.options.maxItems) break;
        if (batch.length > 0 && bytes + queued.bytes > this.options.maxBytes) break;
        batch.push(queued);
        bytes += queued.bytes;
      } else queued.reject(new Abandoned('the channel is gone'));
      taken += 1;
    }
    queue.splice(0, taken);
    return batch;
  }

  /** Settles what can be settled; the rest is to be tried again. */
  private async attempt(batch: Queued<Item>[]): Promise<Attempt<Item>> {
    let outcomes: readonly ItemOutcome[];
    try {
      outcomes = await this.options.send(batch.map(({ item }) => item));
      if (outcomes.length !== batch.length) {
        throw new AppError('internal', `${outcomes.length} outcomes for ${batch.length} items`);
      }
    } catch (error) {
      return this.afterFailure(batch, error);
    }
    const unfinished: { readonly queued: Queued<Item>; readonly outcome: ItemOutcome }[] = [];
    for (const [index, queued] of batch.entries()) {
      const outcome = outcomes[index] ?? { code: 'internal' };
      if (outcome.code === undefined || this.options.final.has(outcome.code)) {
        this.successes += 1;
        this.tell(queued, outcome);
        queued.resolve(outcome);
      } else {
        unfinished.push({ queued, outcome });
      }
    }
    if (unfinished.length < batch.length) this.recover();
    const isAway =
      unfinished.length === batch.length && unfinished.every(({ outcome }) => isPassing(outcome));
    if (isAway) this.fail(unfinished[0]?.outcome.code ?? 'internal', undefined);
    const left = unfinished.filter(
      ({ queued, outcome: { code, detail = '' } }) =>
        isPassing({ code }) || !this.isGivenUp(queued, `${code}: ${detail}`),
    );
    return { left: left.map(({ queued }) => queued), isAway };
  }

  /** With the trace of its batch, which the service logs as well. */
  private tell({ key, item }: Queued<Item>, { code }: ItemOutcome): void {
    const { logger, name } = this.options;
    if (!logger.isLevelEnabled('debug')) return;
    const ids = typeof item === 'object' && item !== null ? idsIn(item) : { key };
    const what = code === undefined ? 'was stored' : 'was refused';
    logger.debug({ ...ids, ...(code === undefined ? {} : { code }) }, `${name}: a message ${what}`);
  }

  private async afterFailure(batch: Queued<Item>[], error: unknown): Promise<Attempt<Item>> {
    const code = error instanceof AppError ? error.code : 'internal';
    if (isPassing(error)) {
      this.fail(code, error);
      // It says nothing against the items, and the time it takes must not be held against one that had failed before.
      for (const queued of batch) delete queued.failedAt;
      return { left: batch, isAway: true };
    }
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      if (code === 'payload-too-large') {
        only.resolve({ code, detail: 'payload is too large for one message' });
        return { left: [], isAway: false };
      }
      this.fail(code, error);
      const isGivenUp = this.isGivenUp(only, error instanceof Error ? error.message : String(error));
      return { left: isGivenUp ? [] : [only], isAway: false };
    }
    const middle = Math.ceil(batch.length / 2);
    const first = await this.attempt(batch.slice(0, middle));
    const rest = batch.slice(middle);
    if (first.isAway) return { left: [...first.left, ...rest], isAway: true };
    const waiting = new Set(first.left.map(({ key }) => key));
    const free = rest.filter(({ key }) => !waiting.has(key));
    const second = free.length === 0 ? NOTHING_LEFT : await this.attempt(free);
    const left = new Set<Queued<Item>>([
      ...first.left,
      ...rest.filter(({ key }) => waiting.has(key)),
      ...second.left,
    ]);
    return { left: batch.filter((queued) => left.has(queued)), isAway: second.isAway };
  }

  /** Failed alone. Given up the second time if something else has succeeded meanwhile, or else after a while. */
  private isGivenUp(queued: Queued<Item>, reason: string): boolean {
    const { failedAt, successesBefore = this.successes } = queued;
    queued.failedAt ??= Date.now();
    if (failedAt === undefined) return false;
    const isKnownBad =
      this.successes > successesBefore || Date.now() - failedAt >= this.options.setAsideAfterMs;
    if (isKnownBad) queued.reject(new Unprocessable(reason));
    return isKnownBad;
  }

  private fail(code: string, error: unknown): void {
    if (this.failing === undefined) {
      this.options.logger.warn(
        { err: error, code },
        `${this.options.name} does not take requests; messages ${this.options.whenAway === 'wait' ? 'wait' : 'are refused'}`,
      );
    }
    this.failing = { since: this.failing?.since ?? Date.now(), reason: code };
  }

  private recover(): void {
    if (this.failing === undefined) return;
    this.options.logger.info(
      { seconds: Math.round((Date.now() - this.failing.since) / 1_000) },
      `${this.options.name} takes requests again`,
    );
    this.failing = undefined;
  }

  private pause(failures: number): Promise<void> {
    const steps = this.options.backoffMs ?? BACKOFF_MS;
    const ms = steps[Math.min(failures, steps.length) - 1] ?? 0;
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.pauses.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.pauses.add(wake);
    });
  }
}

/** FNV-1a: spreads ids that differ in a few characters. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
};
