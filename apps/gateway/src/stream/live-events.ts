import { setTimeout as pause } from 'node:timers/promises';
import type { Tailed } from '@muster/messaging';
import type { Tailing } from '../providers.js';
import { flushOf, type Arrived, type SentVersions, type Update } from './flush.js';
import type { Source } from './topics.js';

/** Four times a second at most. */
export const FLUSH_MS = 250;
/** Events that wait for their flush; the sources are not read on while there are more. */
const MAX_WAITING = 1_000;

/**
 * The updates of all sources behind `position`, flush by flush: the first at once, and no two within `FLUSH_MS`. Read on when
 * a flush is written: a slow reader is sent less often, and costs no memory. Ends with `signal`.
 */
export async function* liveEvents(
  tail: Tailing['tail'],
  sources: readonly Source[],
  position: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<readonly Update[], void, void> {
  const ending = new AbortController();
  const ended = AbortSignal.any([signal, ending.signal]);
  let waiting: Arrived[] = [];
  let wake = (): void => undefined;
  let room = new Set<() => void>();
  const letIn = (): void => {
    const held = room;
    room = new Set();
    for (const go of held) go();
  };
  const end = (): void => {
    wake();
    letIn();
  };
  ended.addEventListener('abort', end, { once: true });

  const take = async (source: number, { topic, isMeant, ...from }: Source): Promise<void> => {
    const events: AsyncIterable<Tailed> = tail({ ...from, after: position[source] ?? 0, signal: ended });
    for await (const { seq, event } of events) {
      if (isMeant?.(event) === false) continue;
      while (waiting.length >= MAX_WAITING && !ended.aborted) {
        await new Promise<void>((resolve) => room.add(resolve));
      }
      if (ended.aborted) return;
      waiting.push({ topic, source, seq, event });
      wake();
    }
  };
  const taking = Promise.all(sources.map((source, nth) => take(nth, source)));
  // Told below, by the reader of the updates.
  taking.catch(() => ending.abort());

  try {
    let reached = position;
    const sent: SentVersions = new Map();
    while (!ended.aborted) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      const flushed = waiting;
      waiting = [];
      letIn();
      const updates = flushOf(reached, flushed, sent);
      reached = updates.at(-1)?.position ?? reached;
      yield updates;
      await pause(FLUSH_MS, undefined, { signal: ended }).catch(() => undefined);
    }
  } finally {
    ending.abort();
    ended.removeEventListener('abort', end);
    end();
    await taking;
  }
}
