import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { urlsIn, type Logger } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';

export interface Address {
  readonly url: string;
  readonly credentials?: string | undefined;
}

/** The server went away while something waited for it. Whether the other end did the work is not known. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost';
}

/**
 * One connection to NATS, for ever: it waits for the server at the start and after every loss. What the client library
 * leaves to us: whoever waits for an answer at the moment of a loss hears of it at once, not at its timeout.
 */
export class Link {
  private connected = true;
  private readonly waiting = new Set<(error: Error) => void>();
  private readonly returned = new Set<() => void>();
  private readonly lost = new Set<() => void>();
  private readonly ending = new AbortController();
  private turn: Promise<void> | undefined;

  private constructor(
    readonly connection: NatsConnection,
    private readonly logger: Logger,
  ) {
    void this.watch();
  }

  static async open({ url, credentials }: Address, name: string, logger: Logger): Promise<Link> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const connection = await connect({
          servers: [...urlsIn(url)],
          ...(credentials === undefined ? {} : { authenticator: authenticatorOf(credentials) }),
          name,
          timeout: 5_000,
          // The defaults give up after ten tries, and after two refused logins.
          maxReconnectAttempts: -1,
          ignoreAuthErrorAbort: true,
          reconnectTimeWait: 250,
          reconnectJitter: 250,
          // A server that hangs is noticed in 15 s; the default takes six minutes.
          pingInterval: 5_000,
          maxPingOut: 2,
          // A stack trace per request costs more than the request.
          noAsyncTraces: true,
        });
        return new Link(connection, logger);
      } catch (error) {
        // The URL may hold a password: neither it nor an error text that repeats it is logged.
        logger.warn({ attempt, reason: error instanceof Error ? error.name : 'unknown' }, 'waiting for NATS');
        await pause(backoffMs(attempt, 100, 5_000));
      }
    }
  }

  /** Aborted when `close` begins: whoever waits for another try is not to wait any more. */
  get stopping(): AbortSignal {
    return this.ending.signal;
  }

  isConnected(): boolean {
    return this.connected && !this.connection.isClosed();
  }

  /**
   * Resolves at the end of this turn of the event loop, for all who wait for it one after another. What they send then goes out in
   * one write. Each for itself would wake the server, which takes the sender as long as all else that a request costs it.
   */
  endOfTurn(): Promise<void> {
    this.turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.turn = undefined;
        resolve();
      });
    });
    return this.turn;
  }

  /** Rejects with `LinkLost` when the server is away, or goes away before `work` settles. */
  during<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.isConnected()) reject(new LinkLost('not connected to NATS'));
      this.waiting.add(reject);
      void work.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }

  /** `listener` runs after every reconnection. */
  onReturn(listener: () => void): void {
    this.returned.add(listener);
  }

  /** `listener` runs after every loss, until the function returned is called. */
  onLoss(listener: () => void): () => void {
    this.lost.add(listener);
    return () => void this.lost.delete(listener);
  }

  /** Lets subscriptions finish and flushes; a server that is away gets five seconds. */
  async close(): Promise<void> {
    this.ending.abort();
    if (this.connection.isClosed()) return;
    const enough = new AbortController();
    await Promise.race([
      this.connection.drain().catch(() => undefined),
      pause(this.connected ? 5_000 : 0, enough.signal),
    ]);
    enough.abort();
    await this.connection.close();
  }

  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        this.connected = false;
        this.logger.warn('NATS is away');
        this.lose();
        for (const listener of this.lost) listener();
      } else if (status.type === 'reconnect') {
        this.connected = true;
        this.logger.info('NATS is back');
        for (const listener of this.returned) listener();
      } else if (status.type === 'error') {
        this.logger.error({ err: status.error }, 'NATS reports an error');
      }
    }
    this.connected = false;
    this.lose();
  }

  private lose(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const reject of waiting) reject(new LinkLost('the connection to NATS was lost'));
  }
}

/** The library looks for the line break behind the last line, which trimming has taken. */
const authenticatorOf = (credentials: string) =>
  credsAuthenticator(new TextEncoder().encode(`${credentials.trim()}\n`));
