import { createParser } from 'eventsource-parser';
import { readProblem, type Problem } from './problem.js';

/**
 * The platform says at the least every 15 s that it is there. A connection on which nothing comes for longer is dead, though
 * nobody has ended it, as after a night's sleep of the computer: without this it would be shown as live for ever.
 */
const SILENT_MS = 60_000;

/** One event of `GET /stream`. */
export interface LiveEvent {
  readonly topic: string;
  readonly type: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface StreamHandlers {
  /** The first answer came, after which nothing is missed. */
  readonly onOpen: () => void;
  readonly onEvent: (event: LiveEvent) => void;
  /** Where events were lost: whoever listens reads anew. */
  readonly onReset: () => void;
  /** To go on from. */
  readonly onId: (id: string) => void;
}

/**
 * Reads the stream until it ends, over `fetch`, since an EventSource tells no status. Resolves when the platform ends it;
 * rejects when it breaks, with the status in the message when it was refused.
 */
export const readStream = async (
  topics: readonly string[],
  lastId: string | undefined,
  handlers: StreamHandlers,
  signal: AbortSignal,
  silentMs = SILENT_MS,
): Promise<void> => {
  const silence = new AbortController();
  let last: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(last);
    last = setTimeout(() => silence.abort(new Error('The stream says nothing.')), silentMs);
  };
  heard();
  try {
    await readUntilItEnds(topics, lastId, handlers, AbortSignal.any([signal, silence.signal]), heard);
  } finally {
    clearTimeout(last);
  }
};

const readUntilItEnds = async (
  topics: readonly string[],
  lastId: string | undefined,
  handlers: StreamHandlers,
  signal: AbortSignal,
  heard: () => void,
): Promise<void> => {
  const response = await fetch(`/api/v1/stream?topics=${encodeURIComponent(topics.join(','))}`, {
    headers: {
      accept: 'text/event-stream',
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    },
    // A browser holds a second request for the same address back while a first one may fill its cache.
    cache: 'no-store',
    signal,
  });
  heard();
  if (!response.ok || response.body === null) {
    throw new StreamRefused(readProblem(await response.json().catch(() => undefined), response.status));
  }
  handlers.onOpen();
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (event === 'reset') handlers.onReset();
      else if (event !== undefined && data !== '') {
        const read = eventIn(data);
        if (read !== undefined) handlers.onEvent(read);
      }
      // Last: whoever goes on behind it must not have missed it.
      if (id !== undefined && id !== '') handlers.onId(id);
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    parser.feed(value);
  }
};

export class StreamRefused extends Error {
  override readonly name = 'StreamRefused';

  constructor(readonly problem: Problem) {
    super(`The stream was refused with ${problem.status}.`);
  }

  /** Of the topics that were asked for, the one that is not there any more. */
  missingOf(topics: readonly string[]): string | undefined {
    const [first] = this.problem.status === 404 ? (this.problem.errors ?? []) : [];
    return topics[Number(/^topics\[(\d+)\]$/.exec(first?.path ?? '')?.[1])];
  }
}

const eventIn = (data: string): LiveEvent | undefined => {
  try {
    return JSON.parse(data) as LiveEvent;
  } catch {
    return undefined; // cut off; the next reset mends it
  }
};
