import { AppError } from '@muster/contracts';
import type { IntegrationConsumer, IntegrationConsumerState } from '@muster/contracts/identity/requests';
import { publishedStreams, type PublishedStream } from '@muster/contracts/schema/published-events';
import type { Database, Queryable } from '@muster/event-store';
import {
  ensureOutsideConsumer,
  findOutsideConsumer,
  listOutsideConsumers,
  removeOutsideConsumer,
  type Bus,
  type OutsideConsumerState,
  type ReadingLimits,
  type StartAt,
} from '@muster/messaging';
import { consumerOf, CONSUMER_PREFIX } from './names.js';
import { allIntegrations, type StoredIntegration } from './integrations.projection.js';

type Reader = Pick<StoredIntegration, 'tenantId' | 'id' | 'services'>;

/** A consumer nobody knows may be one whose transaction is not committed yet. */
const ORPHAN_AFTER_MS = 60_000;

/**
 * The consumers of integrations. NATS keeps how far each has read; PostgreSQL notes it now and then, so that a consumer
 * NATS has lost begins where it was, or a little before: never after.
 */
export class Readers {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly limits: ReadingLimits,
  ) {}

  consumersOf(reader: Reader): IntegrationConsumer[] {
    return this.streamsOf(reader).map(({ service, stream, filter }) => ({
      service,
      stream,
      consumer: consumerOf(reader.id),
      filter: filter(reader.tenantId),
    }));
  }

  /** Makes the consumers of a new integration and notes where they begin. A stream that is not there yet is read from its beginning. */
  async begin(tx: Queryable, reader: Reader, startAt: StartAt): Promise<void> {
    for (const stream of this.streamsOf(reader)) {
      const state = await this.ensure(reader, stream, startAt);
      if (state !== undefined) await note(tx, reader, state);
    }
  }

  /**
   * After its services were changed: of what it goes on to read its place is known, and it stays there; a stream it has not
   * read so far begins now. `leave` follows when it is committed.
   */
  async change(tx: Queryable, reader: Reader): Promise<void> {
    const streams = this.streamsOf(reader);
    await tx.query({
      text: `DELETE FROM reading_positions WHERE tenant_id = $1 AND integration_id = $2 AND stream <> ALL($3)`,
      values: [reader.tenantId, reader.id, streams.map(({ stream }) => stream)],
    });
    for (const stream of streams) {
      const state = await this.ensure(reader, stream, (await positionOf(tx, reader, stream)) ?? NOW);
      if (state !== undefined) await note(tx, reader, state);
    }
  }

  async statesOf(reader: Reader): Promise<IntegrationConsumerState[]> {
    return Promise.all(
      this.consumersOf(reader).map(async (consumer) => ({
        ...consumer,
        ...((await findOutsideConsumer(this.bus, consumer.stream, consumer.consumer)) ?? {
          waiting: null,
          unacknowledged: null,
        }),
      })),
    );
  }

  /** Removes the consumers of what it does not read, or no more. What is forgotten here is removed by `tend`. */
  async leave(reader: Reader): Promise<void> {
    const read = this.streamsOf(reader);
    for (const stream of STREAMS) {
      if (!read.includes(stream)) await removeOutsideConsumer(this.bus, stream.stream, consumerOf(reader.id));
    }
  }

  /** Notes positions, makes lost consumers again, removes those of integrations that are gone. Returns how many were made. */
  async tend(): Promise<number> {
    const known = await allIntegrations(this.database);
    let made = 0;
    for (const stream of STREAMS) {
      const found = await listOutsideConsumers(this.bus, stream.stream, CONSUMER_PREFIX);
      if (found === undefined) continue;
      const states = new Map(found.map((state) => [state.name, state]));
      const readers = known.filter((one) => this.streamsOf(one).includes(stream));
      for (const reader of readers) {
        const state = states.get(consumerOf(reader.id));
        if (state === undefined) made += 1;
        // Nothing noted: the stream came later than the integration.
        const startAt = async () => (await positionOf(this.database, reader, stream)) ?? BEGINNING;
        const now = state ?? (await this.ensure(reader, stream, await startAt()));
        if (now !== undefined) await note(this.database, reader, now);
      }
      const names = new Set(readers.map(({ id }) => consumerOf(id)));
      for (const { name, createdAt } of found) {
        if (names.has(name) || Date.now() - Date.parse(createdAt) < ORPHAN_AFTER_MS) continue;
        await removeOutsideConsumer(this.bus, stream.stream, name);
      }
    }
    await this.database.query(
      `DELETE FROM reading_positions p WHERE NOT EXISTS
       (SELECT 1 FROM integrations i WHERE i.tenant_id = p.tenant_id AND i.id = p.integration_id)`,
    );
    return made;
  }

  private streamsOf({ services }: Reader): readonly PublishedStream[] {
    return STREAMS.filter(({ service }) => services?.includes(service) ?? true);
  }

  private ensure(
    { tenantId, id }: Reader,
    { stream, filter }: PublishedStream,
    startAt: StartAt,
  ): Promise<OutsideConsumerState | undefined> {
    return ensureOutsideConsumer(this.bus, {
      stream,
      name: consumerOf(id),
      filter: filter(tenantId),
      startAt,
      limits: this.limits,
    });
  }
}

const STREAMS = publishedStreams();
const BEGINNING: StartAt = { kind: 'beginning' };
const NOW: StartAt = { kind: 'now' };

/** Undefined: nothing was noted. */
const positionOf = async (
  from: Queryable,
  { tenantId, id }: Reader,
  { stream }: PublishedStream,
): Promise<StartAt | undefined> => {
  const { rows } = await from.query<{ next_sequence: string; stream_created_at: string }>({
    text: `SELECT next_sequence, stream_created_at FROM reading_positions
           WHERE tenant_id = $1 AND integration_id = $2 AND stream = $3`,
    values: [tenantId, id, stream],
  });
  const [row] = rows;
  return row && { kind: 'sequence', sequence: Number(row.next_sequence), ofStream: row.stream_created_at };
};

/** Throws `invalid-request` for a service that publishes nothing. */
export const requireKnownServices = (path: string, services: readonly string[] | undefined): void => {
  const known = STREAMS.map(({ service }) => service);
  const unknown = services?.find((service) => !known.includes(service));
  if (unknown === undefined) return;
  const message = `each must be one of ${known.join(', ')}`;
  throw new AppError('invalid-request', `services: ${message}`, {
    errors: [{ path: `${path}.services`, message }],
  });
};

/** Forward only, unless it is another stream: two replicas may note at the same time. */
const note = (to: Queryable, { tenantId, id }: Reader, state: OutsideConsumerState) =>
  to.query({
    text: `INSERT INTO reading_positions AS p (tenant_id, integration_id, stream, stream_created_at, next_sequence)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (tenant_id, integration_id, stream)
           DO UPDATE SET stream_created_at = excluded.stream_created_at, next_sequence = excluded.next_sequence
           WHERE p.stream_created_at <> excluded.stream_created_at OR p.next_sequence < excluded.next_sequence`,
    values: [tenantId, id, state.stream, state.streamCreatedAt, state.nextSequence],
  });
