import { describe, expect, it } from '@jest/globals';
import { deviceChanged } from '@muster/contracts/device-registry/published';
import type { Tailed } from '@muster/messaging';
import { FLUSH_MS, liveEvents } from './live-events.js';
import { sourcesOf, topicsIn } from './topics.js';

const sources = topicsIn(['device.d'])
  .flatMap((topic) => sourcesOf('default', topic))
  .slice(0, 1);

const numbered = (seq: number): Tailed => ({
  seq,
  event: {
    contract: deviceChanged,
    tenantId: 'default',
    entityId: 'd',
    data: { seq },
    id: String(seq),
    time: '2026-01-01T00:00:00.000Z',
    deliveries: 1,
  },
});

describe('liveEvents', () => {
  it('sends the first at once and then what has come in a quarter of a second, and reads no further ahead than it may', async () => {
    const ending = new AbortController();
    let read = 0;
    const tail = async function* ({ after }: { readonly after: number }): AsyncGenerator<Tailed, void, void> {
      for (let seq = after + 1; ; seq += 1) {
        read = seq;
        yield await Promise.resolve(numbered(seq));
      }
    };
    const began = performance.now();
    const times: number[] = [];
    const seen: number[] = [];
    for await (const updates of liveEvents(tail, sources, [10], ending.signal)) {
      times.push(performance.now() - began);
      seen.push(...updates.map(({ data }) => (data as { seq: number }).seq));
      if (times.length === 3) ending.abort();
    }
    expect(times[0]).toBeLessThan(FLUSH_MS);
    // Timers may be a millisecond early.
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(2 * FLUSH_MS - 5);
    expect(seen).toEqual(seen.map((_seq, nth) => nth + 11));
    expect(read - (seen.at(-1) ?? 0)).toBeLessThanOrEqual(1_001);
  });

  it('ends while nothing comes', async () => {
    const ending = new AbortController();
    const tail = async function* ({
      signal,
    }: {
      readonly signal: AbortSignal;
    }): AsyncGenerator<Tailed, void, void> {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      yield* [];
    };
    const reading = liveEvents(tail, sources, [0], ending.signal).next();
    ending.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
  });
});
