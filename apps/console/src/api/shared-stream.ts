import { readStream, StreamRefused, type LiveEvent } from './stream.js';
import { topicsToAsk, type Wants } from './wanted-topics.js';

/** How live what is shown is: by the stream, soon again by it, or by asking every ten seconds. */
export type Liveness = 'live' | 'reconnecting' | 'polling' | 'idle';

type Listener = (event: LiveEvent | 'reset') => void;

type Message =
  | { readonly kind: 'want'; readonly tab: string; readonly topics: readonly string[] }
  | { readonly kind: 'who' }
  | { readonly kind: 'event'; readonly event: LiveEvent }
  | { readonly kind: 'reset' }
  | { readonly kind: 'position'; readonly topics: readonly string[]; readonly id: string | undefined }
  | { readonly kind: 'liveness'; readonly liveness: Liveness };

const LOCK = 'muster-stream';
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** Tabs come and go together, as when a page is left for another. */
const SETTLE_MS = 150;
const TAB_SAYS_SO_MS = 10_000;
/** Browsers let a tab that was hidden for long run once a minute only. */
const TAB_IS_GONE_MS = 180_000;

/**
 * One stream for all tabs of a browser, since a browser has six connections to a host: with HTTP/1.1 the seventh tab would
 * hang. The tab that holds a Web Lock reads the stream for all and passes on events, and the place to go on from, by a
 * BroadcastChannel. When it closes, the lock goes to another tab, which goes on behind the last event.
 *
 * Without Web Locks (plain http beyond localhost) each tab has a stream of its own, while it can be seen.
 */
class SharedStream {
  private readonly tab = Math.random().toString(36).slice(2);
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly watchers = new Set<() => void>();
  private readonly channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(LOCK) : undefined;
  private readonly wants: Wants = new Map();
  /** Topics of what was deleted: the platform refuses a stream that has one of them. */
  private readonly gone = new Set<string>();
  private readonly shares = 'locks' in navigator && this.channel !== undefined;
  private leads = false;
  private started = false;
  private liveness: Liveness = 'idle';
  private position: { topics: readonly string[]; id: string | undefined } = { topics: [], id: undefined };
  private current: { readonly key: string; readonly abort: AbortController } | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;

  /** Calls `listener` for each event of `topic`, and with `reset` where some were missed. */
  listen(topic: string, listener: Listener): () => void {
    this.start();
    const known = this.listeners.get(topic) ?? new Set();
    known.add(listener);
    this.listeners.set(topic, known);
    this.say();
    return () => {
      known.delete(listener);
      if (known.size === 0) this.listeners.delete(topic);
      this.say();
    };
  }

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly look = (): Liveness => this.liveness;

  private start(): void {
    if (this.started) return;
    this.started = true;
    this.channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => this.hear(data));
    addEventListener('pagehide', () => this.send({ kind: 'want', tab: this.tab, topics: [] }));
    addEventListener('pageshow', () => this.say());
    document.addEventListener('visibilitychange', () => this.say());
    setInterval(() => this.say(), TAB_SAYS_SO_MS);
    if (!this.shares) {
      this.leads = true;
      return;
    }
    void navigator.locks.request(LOCK, () => {
      this.leads = true;
      this.send({ kind: 'who' });
      this.follow();
      return new Promise<never>(() => undefined); // held until the tab is gone
    });
  }

  /** What this tab wants, to whoever leads. */
  private say(): void {
    const topics = !this.shares && document.hidden ? [] : [...this.listeners.keys()];
    this.wants.set(this.tab, { topics, at: Date.now() });
    this.send({ kind: 'want', tab: this.tab, topics });
    if (this.leads) this.follow();
  }

  private hear(message: Message): void {
    switch (message.kind) {
      case 'want':
        // A tab that has just come knows nothing yet.
        if (this.leads && !this.wants.has(message.tab)) {
          this.send({ kind: 'liveness', liveness: this.liveness });
          this.send({ kind: 'position', ...this.position });
        }
        this.wants.set(message.tab, { topics: message.topics, at: Date.now() });
        if (this.leads) this.follow();
        return;
      case 'who': {
        this.say();
        return;
      }
      case 'event': {
        this.tell(message.event);
        return;
      }
      case 'reset': {
        this.tellReset();
        return;
      }
      case 'position':
        this.position = message;
        return;
      case 'liveness':
        if (!this.leads) this.become(message.liveness);
        return;
    }
  }

  private follow(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.ask(), SETTLE_MS);
  }

  private ask(): void {
    const topics = topicsToAsk(this.wants, Date.now() - TAB_IS_GONE_MS, this.gone);
    const key = topics.join(',');
    if (key === (this.current?.key ?? '')) return;
    this.current?.abort.abort();
    this.current = undefined;
    if (topics.length === 0) {
      this.become('idle');
      return;
    }
    const abort = new AbortController();
    this.current = { key, abort };
    void this.read(topics, abort.signal);
  }

  private async read(topics: readonly string[], signal: AbortSignal): Promise<void> {
    const key = topics.join(',');
    const isOver = (): boolean => signal.aborted;
    let pause = FIRST_PAUSE_MS;
    // Positions belong to their topics: with others, what came between is read anew.
    if (this.position.topics.join(',') !== key) this.place(topics, undefined);
    while (!isOver()) {
      const anew = this.position.id === undefined;
      try {
        await readStream(
          topics,
          this.position.id,
          {
            onOpen: () => {
              pause = FIRST_PAUSE_MS;
              this.become('live');
              if (anew) this.reset();
            },
            onEvent: (event) => {
              this.tell(event);
              this.send({ kind: 'event', event });
            },
            onReset: () => this.reset(),
            onId: (id) => this.place(topics, id),
          },
          signal,
        );
      } catch (error) {
        if (isOver()) return;
        if (error instanceof StreamRefused) {
          const missing = error.missingOf(topics);
          if (missing !== undefined) {
            this.gone.add(missing);
            this.follow();
            return;
          }
          if (error.problem.status === 400) this.place(topics, undefined);
        }
        this.become(error instanceof StreamRefused ? 'polling' : 'reconnecting');
      }
      if (isOver()) return;
      if (this.liveness === 'live') this.become('reconnecting');
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  private reset(): void {
    this.tellReset();
    this.send({ kind: 'reset' });
  }

  private place(topics: readonly string[], id: string | undefined): void {
    this.position = { topics, id };
    this.send({ kind: 'position', topics, id });
  }

  private tell(event: LiveEvent): void {
    for (const listener of this.listeners.get(event.topic) ?? []) listener(event);
  }

  private tellReset(): void {
    for (const set of this.listeners.values()) for (const listener of set) listener('reset');
  }

  private become(liveness: Liveness): void {
    this.liveness = liveness;
    for (const watcher of this.watchers) watcher();
    if (this.leads) this.send({ kind: 'liveness', liveness });
  }

  private send(message: Message): void {
    if (this.shares) this.channel?.postMessage(message);
  }
}

export const sharedStream = new SharedStream();
