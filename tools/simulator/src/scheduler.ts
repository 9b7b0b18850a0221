/** Takes a task out again; harmless when it has run. */
export type Cancel = () => void;

interface Entry {
  readonly at: number;
  /** Tasks of the same time run in the order in which they came. */
  readonly order: number;
  task: (() => void) | undefined;
}

/**
 * Everything that thousands of devices wait for, in one heap by time, driven by one timer of the process. Times are
 * milliseconds of a clock of the caller's choice. Not safe against tasks that throw: they end the run, as bugs should.
 */
export class Scheduler {
  private readonly heap: Entry[] = [];
  private ordered = 0;
  private cancelled = 0;

  constructor(private time = 0) {}

  get now(): number {
    return this.time;
  }

  /** Waiting tasks. */
  get size(): number {
    return this.heap.length - this.cancelled;
  }

  /** Runs `task` once, `delayMs` from now. */
  after(delayMs: number, task: () => void): Cancel {
    const entry: Entry = { at: this.time + Math.max(0, delayMs), order: this.ordered, task };
    this.ordered += 1;
    this.push(entry);
    return () => {
      if (entry.task === undefined) return;
      entry.task = undefined;
      this.cancelled += 1;
    };
  }

  /** Runs `task` each `periodMs`, first after one period. */
  every(periodMs: number, task: () => void): Cancel {
    let stopped = false;
    let cancel: Cancel = () => undefined;
    const again = (): void => {
      task();
      // The task itself may have cancelled.
      if (!stopped) cancel = this.after(periodMs, again);
    };
    cancel = this.after(periodMs, again);
    return () => {
      stopped = true;
      cancel();
    };
  }

  /** Runs what is due by `now`, in order. What a task schedules for a time already past runs in the same call. */
  runUntil(now: number): void {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.at > now) break;
      this.pop();
      const { task } = first;
      if (task === undefined) {
        this.cancelled -= 1;
        continue;
      }
      first.task = undefined;
      this.time = Math.max(this.time, first.at);
      task();
    }
    this.time = Math.max(this.time, now);
  }

  private push(entry: Entry): void {
    let index = this.heap.length;
    this.heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      this.heap[index] = above;
      index = parent;
    }
    this.heap[index] = entry;
  }

  private pop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const leftEntry = this.heap[left];
      if (leftEntry === undefined) break;
      const rightEntry = this.heap[right];
      const [child, childEntry] =
        rightEntry !== undefined && isBefore(rightEntry, leftEntry)
          ? ([right, rightEntry] as const)
          : ([left, leftEntry] as const);
      if (isBefore(last, childEntry)) break;
      this.heap[index] = childEntry;
      index = child;
    }
    this.heap[index] = last;
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
