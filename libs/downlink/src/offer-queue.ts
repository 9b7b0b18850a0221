import { setTimeout as sleep } from 'node:timers/promises';
import { newTrace, withTrace, type Logger } from '@muster/observability';
import { offerApart } from './ask-on.js';
import type { PushTarget } from './wire.js';

const AGAIN_MS = [100, 500, 2_000, 5_000];
/** Who becomes reachable at one moment goes in one request. */
const GATHER_MS = 5;

interface Offer {
  readonly target: PushTarget;
  readonly done: readonly (() => void)[];
}

/**
 * Devices that have become reachable and are to be offered what one service has for them. Tried for as long as the fault
 * may pass. After four failures nobody is kept waiting any more: whatever told that they are reachable waits for all
 * services together, and one that is away for long must not hold up the others. What is in memory is tried on; a process
 * that dies then leaves its devices to the next time that they become reachable.
 */
export class OfferQueue {
  private readonly waiting = new Map<string, Offer>();
  private running = false;
  private readonly stopping = new AbortController();

  constructor(
    private readonly push: (targets: readonly PushTarget[]) => Promise<void>,
    private readonly name: string,
    private readonly logger: Logger,
    /** Milliseconds before each further try; after the last of them nobody is kept waiting. */
    private readonly againMs: readonly number[] = AGAIN_MS,
  ) {}

  /** Resolves when it was offered, or is left to memory; after `stop` it does not resolve any more. Never rejects. */
  add(target: PushTarget): Promise<void> {
    return new Promise((done) => {
      if (this.stopping.signal.aborted) return;
      this.put({ target, done: [done] });
      if (!this.running) void this.run();
    });
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Where a device is reachable as one version adds up; as another version it is another target. */
  private put({ target, done }: Offer): void {
    const key = `${target.tenantId} ${target.deviceId} ${target.appVersion ?? ''}`;
    const known = this.waiting.get(key);
    this.waiting.set(key, {
      target: known === undefined ? target : { ...target, ...both(known.target, target) },
      done: [...(known?.done ?? []), ...done],
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    const { signal } = this.stopping;
    for (let failures = 0; this.waiting.size > 0;) {
      const wait =
        failures === 0 ? GATHER_MS : (this.againMs[Math.min(failures, this.againMs.length) - 1] ?? 0);
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const batch = [...this.waiting.values()];
      this.waiting.clear();
      try {
        const targets = batch.map(({ target }) => target);
        for (const round of roundsOf(targets)) {
          await withTrace(newTrace(), () => offerApart(this.push, round, this.logger));
        }
        failures = 0;
        for (const { done } of batch) for (const one of done) one();
      } catch (error) {
        failures += 1;
        if (failures === 1) {
          this.logger.warn(
            { err: error, what: this.name },
            'reachable devices are offered what is due later',
          );
        }
        this.keep(batch, failures);
      }
    }
    this.running = false;
  }

  private keep(batch: readonly Offer[], failures: number): void {
    const newer = [...this.waiting.values()];
    this.waiting.clear();
    for (const { target, done } of batch) {
      const isLong = failures >= this.againMs.length;
      if (isLong) for (const one of done) one();
      this.put({ target, done: isLong ? [] : done });
    }
    for (const offer of newer) this.put(offer);
  }
}

/** Each device once in each. */
const roundsOf = (targets: readonly PushTarget[]): PushTarget[][] => {
  const rounds: PushTarget[][] = [];
  const times = new Map<string, number>();
  for (const target of targets) {
    const key = `${target.tenantId} ${target.deviceId}`;
    const nth = times.get(key) ?? 0;
    times.set(key, nth + 1);
    (rounds[nth] ??= []).push(target);
  }
  return rounds;
};

/** One of them without channels is reachable everywhere; only what was sent after the later one has reached all of it. */
const both = (one: PushTarget, other: PushTarget): Pick<PushTarget, 'channels' | 'reachableAt'> => ({
  reachableAt: later(one.reachableAt, other.reachableAt),
  channels:
    one.channels === undefined || other.channels === undefined
      ? undefined
      : [...new Set([...one.channels, ...other.channels])],
});

const later = (one: string | undefined, other: string | undefined): string | undefined => {
  if (one === undefined || other === undefined) return undefined;
  return one > other ? one : other;
};
