import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { AppError } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import type { Link } from './link.js';

export interface StreamDeclaration {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  /** The server reserves nothing for it, but refuses more than its own limit. */
  readonly maxBytes: number;
  /** When full: `old` messages give way (default), or `new` ones are refused and the publisher waits. */
  readonly discard?: 'old' | 'new';
}

/** A duplicate of a message id is dropped within this time; longer ones are the readers' work. */
const DUPLICATE_WINDOW_MS = 120_000;
const DEADLINE_MS = 60_000;

/**
 * Creates streams and brings existing ones to what is declared. It remembers them, because a server that lost its disk
 * comes back without: PostgreSQL is the record, a stream may be made anew at any time.
 */
export class Streams {
  private readonly declared = new Map<string, StreamDeclaration>();
  private manager: Promise<JetStreamManager> | undefined;

  constructor(
    private readonly link: Link,
    private readonly logger: Logger,
    /** Undefined: one for a new stream, and what an old one has. */
    private readonly replicas: number | undefined,
  ) {
    link.onReturn(() => void this.restore().catch(() => undefined));
  }

  /** Safe to call twice and from several processes at once. `unavailable` when the server takes longer than a minute. */
  async ensure(declaration: StreamDeclaration): Promise<void> {
    this.declared.set(declaration.name, declaration);
    const deadline = Date.now() + DEADLINE_MS;
    for (let tries = 0; ; tries += 1) {
      try {
        await this.apply(declaration);
        return;
      } catch (error) {
        const refused = error instanceof JetStreamApiError && error.status < 500;
        // `name in use`: another process created it in between; the next round compares.
        const raced = error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE;
        if ((refused && !raced) || Date.now() > deadline || this.link.stopping.aborted) {
          throw new AppError(
            refused ? 'internal' : 'unavailable',
            `The stream ${declaration.name} could not be set up.`,
            { cause: error },
          );
        }
        if (tries % 10 === 3)
          this.logger.warn({ err: error, stream: declaration.name }, 'waiting for JetStream');
        await pause(backoffMs(tries, 50, 2_000), this.link.stopping);
      }
    }
  }

  /** Makes again what a server has lost. Throws when it cannot yet. */
  async restore(): Promise<void> {
    for (const declaration of this.declared.values()) await this.apply(declaration);
  }

  async api(): Promise<JetStreamManager> {
    this.manager ??= jetstreamManager(this.link.connection, { checkAPI: false, timeout: 5_000 });
    return this.manager;
  }

  private async apply(declaration: StreamDeclaration): Promise<void> {
    const { streams } = await this.api();
    const wanted: Managed = {
      ...configOf(declaration),
      ...(this.replicas === undefined ? {} : { num_replicas: this.replicas }),
    };
    const found = await this.link.during(streams.info(declaration.name)).catch((error: unknown) => {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
        return undefined;
      throw error;
    });
    if (found === undefined) {
      await this.link.during(
        streams.add({
          ...wanted,
          name: declaration.name,
          retention: RetentionPolicy.Limits,
          storage: StorageType.File,
        }),
      );
      this.logger.info({ stream: declaration.name }, 'stream created');
    } else if (differs(found.config, wanted)) {
      await this.link.during(streams.update(declaration.name, { ...found.config, ...wanted }));
      this.logger.info({ stream: declaration.name }, 'stream updated');
    }
  }
}

const STREAM_NAME_IN_USE = 10_058;

type Managed = Pick<StreamConfig, 'subjects' | 'max_age' | 'max_bytes' | 'discard' | 'duplicate_window'> &
  Partial<Pick<StreamConfig, 'num_replicas'>>;

const configOf = ({ subjects, maxAgeMs, maxBytes, discard = 'old' }: StreamDeclaration): Managed => ({
  subjects: [...subjects],
  max_age: nanos(maxAgeMs),
  max_bytes: maxBytes,
  discard: discard === 'old' ? DiscardPolicy.Old : DiscardPolicy.New,
  // The server refuses a window longer than the messages live.
  duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, maxAgeMs)),
});

const differs = (found: StreamConfig, wanted: Managed): boolean =>
  found.max_age !== wanted.max_age ||
  found.max_bytes !== wanted.max_bytes ||
  found.discard !== wanted.discard ||
  (wanted.num_replicas !== undefined && found.num_replicas !== wanted.num_replicas) ||
  found.duplicate_window !== wanted.duplicate_window ||
  [...found.subjects].sort().join() !== [...wanted.subjects].sort().join();
