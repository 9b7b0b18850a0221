import { AppError, isErrorCode, isPassing, isRefused, type ItemOutcome } from '@muster/contracts';
import { idsIn, reasonOf } from '@muster/messaging';
import { newTrace, withTrace, type Logger } from '@muster/observability';

/**
 * What becomes of a write while its service is away. `wait`: it is tried until it is back, because somebody keeps it.
 * `refuse`: somebody waits for the answer, who is told at once where this is known.
 */
export type WhenAway = 'wait' | 'refuse';

/** Who an item is for. */
export interface Waiter {
  /** False when nobody waits for the outcome any more. */
  readonly isWanted: () => boolean;
  readonly whenAway: WhenAway;
}

/** What is the same for all batchers of an adapter. */
export interface Batching {
  readonly logger: Logger;
  /**
   * Batches under way at the same time. An item's key decides its lane, and a lane sends one batch after the other, so
   * the items of one device keep their order even when a batch is tried again.
   */
  readonly lanes: number;
  /** How long the first item of a batch waits for others. */
  readonly maxWaitMs: number;
  /** An item that fails alone for so long, for a reason that does not pass, is given up though nothing else succeeds. */
  readonly setAsideAfterMs: number;
  /** The same for a reason that passes, from when its service was seen to answer others all the while. */
  readonly setLateAsideAfterMs: number;
}

export interface MicroBatcherOptions<Item> extends Batching {
  /** For logs and health: what is asked. */
  readonly name: string;
  readonly maxItems: number;
  readonly maxBytes: number;
  /** One outcome per item, in order. */
  readonly send: (items: Item[]) => Promise<readonly ItemOutcome[]>;
  /** A small question to the same service that reads in its database and changes nothing. */
  readonly ping: (item: Item) => Promise<unknown>;
  /** Pauses between tries; the last repeats. */
  readonly backoffMs?: readonly number[];
}

/** Given up by us, not refused: the item fails where others succeed. Its message is for the parked copy. */
export class Unprocessable extends Error {
  override readonly name = 'Unprocessable';

  /** `fault`: what its service said of it last. */
  constructor(
    readonly fault: unknown,
    circumstances = '',
  ) {
    super(`${reasonOf(fault)}${circumstances}`);
  }
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
  readonly waiter: Waiter;
  readonly resolve: (outcome: ItemOutcome) => void;
  readonly reject: (error: Error) => void;
  /** `successes` of the batcher when it was sent for the first time. */
  successesBefore?: number;
  /** Unix milliseconds at which it failed alone for the first time. */
  failedAt?: number;
  /** Why it was not taken the last time, where the reason passes. */
  fault?: AppError;
  /** How often its service did not take it, for such a reason, and took others of the same request. */
  leftBehind?: number;
  /** `successes` when it was sent, or failed, the last time. */
  successesSeen?: number;
  /** Since when, and how often, it was not taken while its service answered others. */
  late?: { readonly since: number; readonly times: number };
}

/** What became of some items of a batch. */
interface Attempt<Item> {
  /** To be tried again, in order. */
  readonly left: readonly Queued<Item>[];
  /** The other end is away: whatever is sent now would only fail as well. The fault says why. */
  readonly away?: unknown;
}

const NOTHING_LEFT = { left: [] } as const;
const RETRY_AFTER_SECONDS = 5;
const BACKOFF_MS = [50, 100, 200, 500, 1_000, 2_000];
/** After a fault that passes a lane sends so much less at once, and after a success so much more. */
const LESS = 8;
const MORE = 4;
/** So many may be tried beside their lanes; more of them mean that the service is away, and then all wait in their order. */
const ASIDE_MOST = 8;
/** Fewer failures say little: of two replicas, one may be ill. */
const LATE_TIMES = 3;

/**
 * Puts single items together into requests and gives each its outcome. While the other end is away, items wait and are
 * tried for as long as somebody wants them. What bounds them with `wait` is that the broker hands out no more than its
 * prefetch window; with `refuse` there are no new ones meanwhile.
 *
 * A request that fails for a reason that does not pass is halved until the item that causes it stands alone. That one is
 * given up when others have succeeded since, when somebody waits for the answer, or after `setAsideAfterMs`: nobody else
 * may be there to succeed. Until then later items of its key wait behind it, as they do behind whatever is to be tried
 * again: two merges never swap.
 *
 * A reason that passes says nothing against an item, unless it is the item that makes its service late. So a lane whose
 * requests are not answered sends less and less at once, and a single item that is not answered is tried beside the lane,
 * which goes on with other keys. It is given up only on evidence that the service was there all the while: in
 * `setLateAsideAfterMs` and at least three tries, others succeeded between each two; or, where it is the only one that is
 * tried at all, `ping` was answered after each. When nobody is answered, as when a process is frozen, nothing is given up.
 */
export class MicroBatcher<Item> {
  private readonly queues: Queued<Item>[][];
  private readonly busy: boolean[];
  private readonly timers: (NodeJS.Timeout | undefined)[];
  /** How many items each lane sends at once now. */
  private readonly sizes: number[];
  /** By key, those that are tried beside their lanes. */
  private readonly aside = new Map<string, Queued<Item>>();
  private successes = 0;
  private failing: { readonly since: number; readonly reason: string } | undefined;
  private stopped = false;
  private readonly pauses = new Set<() => void>();

  constructor(private readonly options: MicroBatcherOptions<Item>) {
    this.queues = Array.from({ length: options.lanes }, () => []);
    this.busy = this.queues.map(() => false);
    this.timers = this.queues.map(() => undefined);
    this.sizes = this.queues.map(() => options.maxItems);
  }

  /**
   * Resolves with the item's final outcome. Rejects with `Unprocessable`, with `Abandoned` when it was not wanted before
   * it was sent, or after `stop`, and with `unavailable` where it is to be refused while the other end is away.
   */
  add(key: string, item: Item, bytes: number, waiter: Waiter): Promise<ItemOutcome> {
    return new Promise((resolve, reject) => {
      if (this.stopped) {
        reject(new Abandoned(`${this.options.name} is stopping`));
        return;
      }
      if (waiter.whenAway === 'refuse' && this.isTrying()) {
        const detail = `${this.options.name} cannot be reached at the moment`;
        reject(new AppError('unavailable', detail, { retryAfterSeconds: RETRY_AFTER_SECONDS }));
        return;
      }
      const lane = this.laneOf(key);
      this.queues[lane]?.push({ key, item, bytes, since: Date.now(), waiter, resolve, reject });
      this.arrange(lane);
    });
  }

  /** Throws when requests do not succeed at present; for the health page. */
  check(): void {
    if (this.failing === undefined || !this.isFailing()) return;
    const seconds = Math.round((Date.now() - this.failing.since) / 1_000);
    throw new Error(`${this.options.name}: ${this.failing.reason}, for ${seconds} s`);
  }

  /** The other end is away, and something waits for it. */
  isFailing(): boolean {
    return this.isTrying() || (this.failing !== undefined && this.queues.some(({ length }) => length > 0));
  }

  /** Failing, and finding out again and again whether it still does. Without such a try the next item has to be it. */
  private isTrying(): boolean {
    return this.failing !== undefined && (this.isBusy() || this.aside.size > 0);
  }

  private isBusy(): boolean {
    return this.busy.includes(true);
  }

  /** Gives up what has not been sent. */
  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const wake of this.pauses) wake();
    for (const queue of this.queues) for (const queued of queue.splice(0)) this.abandon(queued);
  }

  private laneOf(key: string): number {
    return hash(key) % this.options.lanes;
  }

  private abandon(queued: Queued<Item>): void {
    queued.reject(new Abandoned(`${this.options.name} is stopping`));
  }

  /** The first that waits for its lane, and not for an item of its key that is tried beside it. */
  private oldestIn(lane: number): Queued<Item> | undefined {
    const queue = this.queues[lane] ?? [];
    return this.aside.size === 0 ? queue[0] : queue.find(({ key }) => !this.aside.has(key));
  }

  private arrange(lane: number): void {
    const queue = this.queues[lane] ?? [];
    const oldest = this.oldestIn(lane);
    if (oldest === undefined || this.busy[lane] === true) return;
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
      for (const queued of batch) {
        queued.successesBefore ??= this.successes;
        queued.successesSeen = this.successes;
      }
      const { left, away } = await withTrace(newTrace(), () => this.attempt(batch));
      if (this.stopped) {
        for (const queued of left) this.abandon(queued);
        break;
      }
      if (away !== undefined) this.fail(away);
      this.resize(lane, batch.length, away !== undefined);
      const again = left.filter((queued) => !this.standsAside(queued, batch.length));
      if (again.length === 0) {
        failures = 0;
        // What came meanwhile may wait for company again, unless it has waited long enough.
        if (!this.isDue(lane)) break;
        continue;
      }
      this.queues[lane]?.unshift(...again);
      failures = again.length === batch.length ? failures + 1 : 1;
      await this.pause(failures);
    }
    this.busy[lane] = false;
    this.arrange(lane);
  }

  private isDue(lane: number): boolean {
    const oldest = this.oldestIn(lane);
    if (oldest === undefined) return false;
    const { maxItems, maxWaitMs } = this.options;
    return (this.queues[lane]?.length ?? 0) >= maxItems || oldest.since + maxWaitMs <= Date.now();
  }

  private take(lane: number): Queued<Item>[] {
    const queue = this.queues[lane] ?? [];
    const most = this.sizes[lane] ?? this.options.maxItems;
    const batch: Queued<Item>[] = [];
    const waiting: Queued<Item>[] = [];
    let bytes = 0;
    let taken = 0;
    for (const queued of queue) {
      if (!queued.waiter.isWanted()) queued.reject(new Abandoned('nobody waits for it any more'));
      else if (this.aside.has(queued.key)) waiting.push(queued);
      else {
        if (batch.length >= most) break;
        if (batch.length > 0 && bytes + queued.bytes > this.options.maxBytes) break;
        batch.push(queued);
        bytes += queued.bytes;
      }
      taken += 1;
    }
    queue.splice(0, taken, ...waiting);
    return batch;
  }

  private resize(lane: number, sent: number, isAway: boolean): void {
    const size = this.sizes[lane] ?? sent;
    this.sizes[lane] = isAway
      ? Math.max(1, Math.floor(Math.min(size, sent) / LESS))
      : Math.min(this.options.maxItems, size * MORE);
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
    const unfinished: { readonly queued: Queued<Item>; readonly fault: AppError }[] = [];
    for (const [index, queued] of batch.entries()) {
      const outcome = outcomes[index] ?? { code: 'internal' };
      if (outcome.code === undefined || isRefused(outcome)) {
        this.successes += 1;
        this.tell(queued, outcome);
        queued.resolve(outcome);
      } else {
        unfinished.push({ queued, fault: faultOf(outcome) });
      }
    }
    const [first] = unfinished;
    const isAway = unfinished.length === batch.length && unfinished.every(({ fault }) => isPassing(fault));
    if (!isAway) this.recover();
    const left = unfinished.filter(({ queued, fault }) => {
      if (!isPassing(fault)) return !this.isGivenUp(queued, fault);
      queued.fault = fault;
      if (!isAway) queued.leftBehind = (queued.leftBehind ?? 0) + 1;
      return true;
    });
    return { left: left.map(({ queued }) => queued), ...(isAway ? { away: first?.fault } : {}) };
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
    if (isPassing(error)) {
      // It says nothing against the items, and the time it takes must not be held against one that had failed before.
      for (const queued of batch) {
        delete queued.failedAt;
        queued.fault = faultOf(error);
      }
      return { left: batch, away: error };
    }
    // Whatever it says, it is there to say it.
    this.recover();
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      if (error instanceof AppError && error.code === 'payload-too-large') {
        only.resolve({ code: error.code, detail: 'payload is too large for one message' });
        return NOTHING_LEFT;
      }
      return { left: this.isGivenUp(only, error) ? [] : [only] };
    }
    const middle = Math.ceil(batch.length / 2);
    const first = await this.attempt(batch.slice(0, middle));
    const rest = batch.slice(middle);
    if (first.away !== undefined) return { left: [...first.left, ...rest], away: first.away };
    const waiting = new Set(first.left.map(({ key }) => key));
    const free = rest.filter(({ key }) => !waiting.has(key));
    const second: Attempt<Item> = free.length === 0 ? NOTHING_LEFT : await this.attempt(free);
    const left = new Set<Queued<Item>>([
      ...first.left,
      ...rest.filter(({ key }) => waiting.has(key)),
      ...second.left,
    ]);
    return { ...second, left: batch.filter((queued) => left.has(queued)) };
  }

  /** Failed alone. Given up the second time if something else has succeeded meanwhile or somebody waits, or else after a while. */
  private isGivenUp(queued: Queued<Item>, fault: unknown): boolean {
    const { failedAt, successesBefore = this.successes, waiter } = queued;
    if (failedAt === undefined) {
      queued.failedAt = Date.now();
      this.options.logger.warn({ err: fault }, `${this.options.name}: a message fails alone`);
      return false;
    }
    const isKnownBad =
      waiter.whenAway === 'refuse' ||
      this.successes > successesBefore ||
      Date.now() - failedAt >= this.options.setAsideAfterMs;
    if (isKnownBad) queued.reject(new Unprocessable(fault));
    return isKnownBad;
  }

  /** Whether it is tried beside its lane from now on, because it was not answered alone, or not while others were. */
  private standsAside(queued: Queued<Item>, sentWith: number): boolean {
    const isAlone = sentWith === 1 && queued.failedAt === undefined;
    const isSuspect = isAlone || (queued.leftBehind ?? 0) > 1;
    if (!isSuspect || this.aside.size >= ASIDE_MOST || this.aside.has(queued.key)) return false;
    this.aside.set(queued.key, queued);
    void this.tryBeside(queued);
    return true;
  }

  private async tryBeside(queued: Queued<Item>): Promise<void> {
    for (let failures = 1; !(await this.isTooLate(queued)); failures += 1) {
      if (!this.stopped) await this.pause(failures);
      if (this.stopped || !queued.waiter.isWanted()) {
        this.abandon(queued);
        break;
      }
      const { left } = await withTrace(newTrace(), () => this.attempt([queued]));
      if (left.length === 0) break;
    }
    this.aside.delete(queued.key);
    this.arrange(this.laneOf(queued.key));
  }

  /** It has failed alone. When its reason passes: without a sign that its service is there, this and all before says nothing. */
  private async isTooLate(queued: Queued<Item>): Promise<boolean> {
    const { name, logger, setLateAsideAfterMs } = this.options;
    const { fault, failedAt, successesSeen = this.successes } = queued;
    queued.successesSeen = this.successes;
    if (fault === undefined || failedAt !== undefined) return false;
    if (this.successes === successesSeen && !(await this.isAnsweredAlone(queued))) {
      delete queued.late;
      return false;
    }
    const { since = Date.now(), times = 0 } = queued.late ?? {};
    if (times === 0) logger.warn({ err: fault }, `${name}: a message is not answered, others are`);
    queued.late = { since, times: times + 1 };
    const ms = Date.now() - since;
    if (times + 1 < LATE_TIMES || ms < setLateAsideAfterMs) return false;
    const circumstances = ` Tried ${times + 1} times in ${Math.round(ms / 1_000)} s, while its service answered others.`;
    queued.reject(new Unprocessable(fault, circumstances));
    return true;
  }

  /** Nobody else is there to succeed, and its service answers a small question. */
  private async isAnsweredAlone({ item }: Queued<Item>): Promise<boolean> {
    if (this.stopped || this.isBusy() || this.aside.size > 1) return false;
    try {
      await this.options.ping(item);
    } catch (error) {
      if (isPassing(error)) return false;
    }
    this.recover();
    return true;
  }

  private fail(fault: unknown): void {
    const code = faultOf(fault).code;
    if (this.failing === undefined) {
      this.options.logger.warn({ err: fault, code }, `${this.options.name} does not take requests`);
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

/** What was thrown, or an item's outcome, as the error that it is. */
const faultOf = (fault: unknown): AppError => {
  if (fault instanceof AppError) return fault;
  const { code, detail = '' } = (typeof fault === 'object' && fault !== null ? fault : {}) as ItemOutcome;
  return new AppError(code !== undefined && isErrorCode(code) ? code : 'internal', detail);
};

/** FNV-1a: spreads ids that differ in a few characters. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
};
